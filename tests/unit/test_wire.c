/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/changed.h"
#include "tests/unit/check.h"

#define HEX16 "0001020304050607"
#define HEX32 "000102030405060708090a0b0c0d0e0f"
#define HEX64 HEX32 HEX32

static struct slice text(const char *s)
{
	return slice_of(s);
}

static void a_checkin_survives_with_and_without_a_release(void **state)
{
	struct wire_checkin in = { .product = "kiosk",
				   .model = "k1",
				   .has_release = true,
				   .release = "2026.1",
				   .seq = 7,
				   .digest = { { 1 } },
				   .confirmed = true,
				   .activation = 3,
				   .interval_sec = 3600,
				   .updater = "0.1.0" };
	struct wire_checkin out;
	struct buf b = BUF_INIT(WIRE_BODY_MAX);
	struct err e = { 0 };

	(void)state;
	assert_ok(wire_format_checkin(&in, &b, &e));
	assert_ok(wire_parse_checkin(buf_slice(&b), &out, &e));
	assert_true(out.has_release && out.confirmed);
	assert_string_equal(out.release, "2026.1");
	assert_int_equal(out.seq, 7);
	assert_int_equal(out.activation, 3);
	assert_int_equal(out.interval_sec, 3600);
	assert_true(sha256_equal(&in.digest, &out.digest));
	b.len = 0;
	in.has_release = false;
	assert_ok(wire_format_checkin(&in, &b, &e));
	assert_ok(wire_parse_checkin(buf_slice(&b), &out, &e));
	assert_false(out.has_release);
	assert_string_equal(out.release, "");
	buf_done(&b);
}

static void a_posture_is_what_the_device_knows(void **state)
{
	struct wire_checkin in = { .product = "kiosk",
				   .model = "k1",
				   .interval_sec = 60,
				   .updater = "1" };
	struct wire_checkin out;
	struct buf b = BUF_INIT(WIRE_BODY_MAX);
	struct err e = { 0 };

	(void)state;
	for (uint32_t known = 0; known < 1U << POSTURE_BITS; known++) {
		in.posture.known = known;
		in.posture.yes = known & 0x15;
		b.len = 0;
		assert_ok(wire_format_checkin(&in, &b, &e));
		assert_ok(wire_parse_checkin(buf_slice(&b), &out, &e));
		assert_int_equal(out.posture.known, known);
		assert_int_equal(out.posture.yes, known & 0x15);
	}
	assert_non_null(strstr(buf_text(&b), "\"secure_boot\":false"));
	buf_done(&b);
}

static void how_far_first_use_is_may_be_said(void **state)
{
	struct wire_checkin in = { .product = "kiosk",
				   .model = "k1",
				   .interval_sec = 60,
				   .updater = "1" };
	struct wire_checkin out;
	struct buf b = BUF_INIT(WIRE_BODY_MAX);
	struct err e = { 0 };

	(void)state;
	for (int i = WIRE_FIRST_USE_UNSAID; i <= WIRE_FIRST_USE_DONE; i++) {
		in.first_use = (enum wire_first_use)i;
		b.len = 0;
		assert_ok(wire_format_checkin(&in, &b, &e));
		assert_int_equal(strstr(buf_text(&b), "first_use") != NULL,
				 i != WIRE_FIRST_USE_UNSAID);
		assert_ok(wire_parse_checkin(buf_slice(&b), &out, &e));
		assert_int_equal(out.first_use, i);
	}
	assert_non_null(strstr(buf_text(&b), "\"first_use\":\"done\""));
	buf_done(&b);
}

static void the_revision_of_the_hardware_may_be_said(void **state)
{
	struct wire_checkin in = { .product = "kiosk",
				   .model = "k1",
				   .interval_sec = 60,
				   .updater = "1" };
	struct wire_checkin out = { .hardware = "other" };
	struct buf b = BUF_INIT(WIRE_BODY_MAX);
	struct err e = { 0 };

	(void)state;
	assert_ok(wire_format_checkin(&in, &b, &e));
	assert_null(strstr(buf_text(&b), "hardware"));
	assert_ok(wire_parse_checkin(buf_slice(&b), &out, &e));
	assert_string_equal(out.hardware, "");
	strcpy(in.hardware, "rev-b");
	b.len = 0;
	assert_ok(wire_format_checkin(&in, &b, &e));
	assert_ok(wire_parse_checkin(buf_slice(&b), &out, &e));
	assert_string_equal(out.hardware, "rev-b");
	buf_done(&b);
}

static void a_checkin_with_wrong_types_is_refused(void **state)
{
#define REST                                                                   \
	"\"product\":\"p\",\"model\":\"m\",\"activation\":0,"                  \
	"\"interval\":60,\"updater\":\"1\""
	static const char *const bad[] = {
		"{\"v\":1," REST "}", /* confirmed is missing */
		"{\"v\":1,\"confirmed\":1," REST "}",
		"{\"v\":1,\"confirmed\":true,\"release\":\"r\"," REST "}",
		"{\"v\":1,\"confirmed\":true,\"release\":{\"id\":\"r\","
		"\"seq\":-1,\"digest\":\"" HEX64 "\"}," REST "}",
		"{\"v\":1,\"confirmed\":true,\"cohort\":\"vip\"," REST "}",
		"{\"v\":1,\"confirmed\":true,\"first_use\":true," REST "}",
		"{\"v\":1,\"confirmed\":true,\"first_use\":\"\"," REST "}",
		"{\"v\":1,\"confirmed\":true,\"first_use\":\"x\"," REST "}",
		"{\"v\":1,\"confirmed\":true,\"hardware\":\"\"," REST "}",
		"{\"v\":1,\"confirmed\":true,\"hardware\":\"B b\"," REST "}",
		"{\"v\":1,\"confirmed\":true,\"hardware\":[\"b\"]," REST "}",
		"{\"v\":1,\"confirmed\":true,\"posture\":true," REST "}",
		"{\"v\":1,\"confirmed\":true,\"posture\":{\"sandbox\":1}," REST
		"}",
		"{\"v\":1,\"confirmed\":true,\"posture\":{\"place\":true}," REST
		"}",
	};
	struct wire_checkin out;
	struct err e = { 0 };

	(void)state;
	assert_ok(wire_parse_checkin(
		text("{\"v\":1,\"confirmed\":true," REST "}"), &out, &e));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(wire_parse_checkin(text(bad[i]), &out, &e),
			       ERR_FORMAT);
}

static void each_member_of_a_checkin_is_looked_at(void **state)
{
	static const char good[] =
		"{\"v\":1,\"product\":\"p\",\"model\":\"m\",\"release\":"
		"{\"id\":\"r\",\"seq\":7,\"digest\":\"" HEX64 "\"},"
		"\"confirmed\":true,\"activation\":0,\"interval\":60,"
		"\"updater\":\"1\",\"boot\":\"" HEX16 "\"}";
	static const struct change bad[] = {
		{ "\"product\":\"p\",", "" },
		{ "\"p\"", "\"../p\"" },
		{ "\"model\":\"m\",", "" },
		{ "\"m\"", "\"m/\"" },
		{ "\"r\"", "\"\"" },
		{ "\"seq\":7", "\"seq\":7,\"floor\":1" },
		{ "f\"},", "\"}," },
		{ "\"activation\":0,", "" },
		{ "\"interval\":60,", "" },
		{ "\"updater\":\"1\",", "" },
		{ "\"updater\":\"1", "\"updater\":\"\\u001b[2J" },
		{ "\"boot\":\"00", "\"boot\":\"0" },
		{ "\"boot\":\"" HEX16 "\"", "\"boot\":1" },
	};
	struct wire_checkin out;
	struct err e = { 0 };
	char room[1024];

	(void)state;
	assert_ok(wire_parse_checkin(text(good), &out, &e));
	assert_true(out.has_boot);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(wire_parse_checkin(changed(good, bad[i], room,
							  sizeof(room)),
						  &out, &e),
			       ERR_FORMAT);
}

static void a_decision_survives_and_its_reason_is_escaped(void **state)
{
	struct wire_decision in = { .action = WIRE_UPDATE,
				    .release = "2026.2",
				    .digest = { { 5 } },
				    .attempt = 42,
				    .next_check_sec = 900,
				    .reason = "rollout r1\033[2J" };
	struct wire_decision out;
	struct buf b = BUF_INIT(WIRE_BODY_MAX);
	struct err e = { 0 };

	(void)state;
	assert_ok(wire_format_decision(&in, &b, &e));
	assert_ok(wire_parse_decision(buf_slice(&b), &out, &e));
	assert_int_equal(out.action, WIRE_UPDATE);
	assert_string_equal(out.release, "2026.2");
	assert_int_equal(out.attempt, 42);
	assert_int_equal(out.next_check_sec, 900);
	assert_null(strchr(out.reason, '\033'));
	assert_refused(
		wire_parse_decision(text("{\"v\":1,\"action\":\"downgrade\","
					 "\"next_check\":1,\"reason\":\"\"}"),
				    &out, &e),
		ERR_FORMAT);
	assert_refused(
		wire_parse_decision(text("{\"v\":1,\"action\":\"update\","
					 "\"next_check\":1,\"reason\":\"\"}"),
				    &out, &e),
		ERR_FORMAT);
	buf_done(&b);
}

static void each_member_of_a_decision_is_looked_at(void **state)
{
	static const char good[] =
		"{\"v\":1,\"action\":\"update\",\"release\":{\"id\":\"r\","
		"\"digest\":\"" HEX64 "\"},\"attempt\":1,"
		"\"next_check\":9,\"reason\":\"\"}";
	static const struct change bad[] = {
		{ "\"update\"", "1" },
		{ "\"r\"", "\"R/\"" },
		{ "f\"}", "\"}" },
		{ ",\"digest\":\"" HEX64 "\"", "" },
		{ "\"attempt\":1", "\"attempt\":-1" },
		{ "\"next_check\":9", "\"next_check\":\"9\"" },
		{ ",\"reason\":\"\"", "" },
		{ "\"reason\":\"\"", "\"reason\":1" },
	};
	struct wire_decision out;
	struct err e = { 0 };
	char room[1024];

	(void)state;
	assert_ok(wire_parse_decision(text(good), &out, &e));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(wire_parse_decision(changed(good, bad[i], room,
							   sizeof(room)),
						   &out, &e),
			       ERR_FORMAT);
}

static struct wire_report a_report(void)
{
	struct wire_report m = { .attempt = 3,
				 .sequence = 9,
				 .state = WIRE_ROLLED_BACK,
				 .code = "HEALTH_FAILED",
				 .activation = 2,
				 .running = { { 8 } } };

	return m;
}

static void a_report_survives_the_wire(void **state)
{
	struct wire_report in = a_report(), out;
	struct buf b = BUF_INIT(WIRE_BODY_MAX);
	struct err e = { 0 };

	(void)state;
	memcpy(in.evidence, "exit 1\nlast line", 17);
	assert_ok(wire_format_report(&in, &b, &e));
	assert_ok(wire_parse_report(buf_slice(&b), &out, &e));
	assert_int_equal(out.attempt, 3);
	assert_int_equal(out.sequence, 9);
	assert_int_equal(out.state, WIRE_ROLLED_BACK);
	assert_string_equal(out.code, "HEALTH_FAILED");
	assert_string_equal(out.evidence, in.evidence);
	buf_done(&b);
}

/* Who puts off may say until when; nobody else has anything to say there. */
static void only_who_puts_off_says_until_when(void **state)
{
	struct wire_report in = a_report(), out;
	struct buf b = BUF_INIT(WIRE_BODY_MAX);
	struct err e = { 0 };

	(void)state;
	in.until = 1790000000;
	assert_ok(wire_format_report(&in, &b, &e));
	assert_refused_saying(wire_parse_report(buf_slice(&b), &out, &e),
			      ERR_FORMAT, "no place");
	b.len = 0;
	in.state = WIRE_DEFERRED;
	assert_ok(wire_format_report(&in, &b, &e));
	assert_ok(wire_parse_report(buf_slice(&b), &out, &e));
	assert_int_equal(out.until, 1790000000);
	/* Not said, and said wrongly. */
	b.len = 0;
	in.until = 0;
	assert_ok(wire_format_report(&in, &b, &e));
	assert_null(strstr(buf_text(&b), "until"));
	assert_ok(wire_parse_report(buf_slice(&b), &out, &e));
	assert_int_equal(out.until, 0);
	b.len--; /* the brace */
	assert_ok(buf_addf(&b, &e, ",\"until\":\"soon\"}"));
	assert_refused(wire_parse_report(buf_slice(&b), &out, &e), ERR_FORMAT);
	buf_done(&b);
}

static void evidence_of_any_bytes_is_cut_to_a_body_and_made_utf8(void **state)
{
	struct wire_report in = a_report(), out;
	struct buf b = BUF_INIT(WIRE_BODY_MAX);
	struct err e = { 0 };

	(void)state;
	memset(in.evidence, 1, WIRE_EVIDENCE_MAX);
	memcpy(in.evidence + WIRE_EVIDENCE_MAX - 7,
	       "a\xff\xc3\xa4\xe2"
	       "e!",
	       7);
	assert_ok(wire_format_report(&in, &b, &e));
	assert_true(b.len <= WIRE_BODY_MAX);
	assert_ok(wire_parse_report(buf_slice(&b), &out, &e));
	assert_true(strlen(out.evidence) > 1000);
	assert_string_equal(out.evidence + strlen(out.evidence) - 7,
			    "a?\xc3\xa4?e!");
	buf_done(&b);
}

static void a_report_with_a_foreign_code_is_refused(void **state)
{
	struct wire_report in = a_report(), out;
	struct buf b = BUF_INIT(WIRE_BODY_MAX);
	struct err e = { 0 };

	(void)state;
	memcpy(in.code, "<script>", 9);
	assert_ok(wire_format_report(&in, &b, &e));
	assert_refused(wire_parse_report(buf_slice(&b), &out, &e), ERR_FORMAT);
	buf_done(&b);
}

static void each_member_of_a_report_is_looked_at(void **state)
{
	static const char good[] =
		"{\"v\":1,\"attempt\":3,\"sequence\":9,\"state\":"
		"\"rolled-back\",\"code\":\"OK\",\"activation\":2,"
		"\"running\":\"" HEX64 "\",\"evidence\":\"\"}";
	static const struct change bad[] = {
		{ "\"attempt\":3", "\"attempt\":-3" },
		{ "\"sequence\":9,", "" },
		{ "\"rolled-back\"", "\"lost\"" },
		{ "\"OK\"", "\"ok\"" },
		{ "\"activation\":2,", "" },
		{ "\"activation\":2", "\"activation\":-2" },
		{ "f\",\"ev", "\",\"ev" },
		{ "\"running\":\"" HEX64 "\",", "" },
		{ ",\"evidence\":\"\"", "" },
	};
	struct wire_report out;
	struct err e = { 0 };
	char room[1024];

	(void)state;
	assert_ok(wire_parse_report(text(good), &out, &e));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(wire_parse_report(changed(good, bad[i], room,
							 sizeof(room)),
						 &out, &e),
			       ERR_FORMAT);
}

static void an_error_survives_the_wire(void **state)
{
	struct err in = { .code = ERR_EXPIRED, .msg = "too\nlate" };
	struct err out, e = { 0 };
	struct buf b = BUF_INIT(WIRE_BODY_MAX);

	(void)state;
	assert_ok(wire_format_error(&in, &b, &e));
	assert_ok(wire_parse_error(buf_slice(&b), &out, &e));
	assert_int_equal(out.code, ERR_EXPIRED);
	assert_null(strchr(out.msg, '\n'));
	assert_refused(wire_parse_error(text("<html>"), &out, &e), ERR_FORMAT);
	assert_refused(
		wire_parse_error(text("{\"v\":1,\"error\":\"x\"}"), &out, &e),
		ERR_FORMAT);
	buf_done(&b);
}

static void every_error_has_an_http_status(void **state)
{
	(void)state;
	assert_int_equal(wire_status(ERR_FORMAT), 400);
	assert_int_equal(wire_status(ERR_REFUSED), 403);
	assert_int_equal(wire_status(ERR_NOT_FOUND), 404);
	assert_int_equal(wire_status(ERR_CONFLICT), 409);
	assert_int_equal(wire_status(ERR_LIMIT), 413);
	assert_int_equal(wire_status(ERR_BUSY), 429);
	assert_int_equal(wire_status(ERR_SPACE), 503);
	assert_int_equal(wire_status(ERR_SYSTEM), 500);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_checkin_survives_with_and_without_a_release),
		cmocka_unit_test(a_posture_is_what_the_device_knows),
		cmocka_unit_test(how_far_first_use_is_may_be_said),
		cmocka_unit_test(the_revision_of_the_hardware_may_be_said),
		cmocka_unit_test(a_checkin_with_wrong_types_is_refused),
		cmocka_unit_test(each_member_of_a_checkin_is_looked_at),
		cmocka_unit_test(a_decision_survives_and_its_reason_is_escaped),
		cmocka_unit_test(each_member_of_a_decision_is_looked_at),
		cmocka_unit_test(a_report_survives_the_wire),
		cmocka_unit_test(only_who_puts_off_says_until_when),
		cmocka_unit_test(
			evidence_of_any_bytes_is_cut_to_a_body_and_made_utf8),
		cmocka_unit_test(a_report_with_a_foreign_code_is_refused),
		cmocka_unit_test(each_member_of_a_report_is_looked_at),
		cmocka_unit_test(an_error_survives_the_wire),
		cmocka_unit_test(every_error_has_an_http_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
