/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/message.h"

#include <string.h>

#include "tests/unit/check.h"

static void put_health(struct slot_release *r, const char *bytes, size_t len)
{
	memcpy(r->health, bytes, len);
	r->health_len = (uint16_t)len;
}

static struct plan sample_plan(void)
{
	static const char health[] = "bin/check\0--fast\0\0bin/other\0";
	struct plan p = {
		.release = { .id = "2",
			     .version = "two",
			     .product = "gateway",
			     .seq = 2,
			     .content_seq = 2,
			     .digest = { { 7 } },
			     .parts = { { .component = "main",
					  .digest = { { 8 } },
					  .manifest_len = 100,
					  .content_len = 5000,
					  .entries = 3 },
					{ .component = "modem",
					  .digest = { { 9 } },
					  .content_len = 70 } },
			     .part_count = 2,
			     .deadline_sec = 30,
			     .order = "rollout order 1, phase 1: by id" },
		.packages = { { .content = PACKAGE_TREE,
				.attributes = TREE_APP,
				.kind = PACKAGE_DELTA,
				.base_id = "1",
				.base_digest = { { 6 } },
				.target = "gateway/2/main-from-1.pawl",
				.path = "gateway/2/aa.main-from-1.pawl",
				.head_digest = { { 5 } },
				.package_digest = { { 4 } },
				.head_len = 96,
				.package_len = 4096,
				.apply_memory = 1 << 20,
				.window_len = 1 << 20,
				.encrypted = true,
				.commitment = { 3 } },
			      { .content = PACKAGE_IMAGE,
				.kind = PACKAGE_FULL,
				.target = "gateway/2/modem-full.pawl",
				.path = "gateway/2/bb.modem-full.pawl",
				.head_len = 64,
				.package_len = 4097 } },
		.urgent = true,
	};

	put_health(&p.release, health, sizeof(health));
	return p;
}

/* Examples of all kinds, so that none is forgotten below. */
static size_t make_samples(struct message *m)
{
	size_t n = 0;

	m[n].kind = MESSAGE_DONE;
	m[n++].count = 17;
	m[n].kind = MESSAGE_FAIL;
	m[n].failure.code = ERR_SPACE;
	strcpy(m[n++].failure.msg, "no room");
	m[n].kind = MESSAGE_PROGRESS;
	m[n++].count = UINT64_MAX;
	m[n].kind = MESSAGE_DATA;
	m[n++].data = slice_of("bytes");
	m[n].kind = MESSAGE_BEGIN;
	m[n++].now = 1790000000;
	m[n].kind = MESSAGE_GET;
	m[n].get.max = 512000;
	strcpy(m[n++].get.name, "2.root.json");
	m[n].kind = MESSAGE_POST;
	m[n].post.route = ROUTE_CHECKIN;
	m[n++].post.body = slice_of("{}");
	m[n].kind = MESSAGE_PACKAGE;
	m[n].package.head_len = 96;
	m[n].package.package_len = 4096;
	strcpy(m[n++].package.path, "gateway/2/x.pawl");
	m[n].kind = MESSAGE_OPEN;
	m[n++].now = 0;
	m[n].kind = MESSAGE_SITE;
	m[n].site.trusted_until = 9;
	m[n].site.floor = 3;
	m[n].site.time_floor = 5;
	m[n].site.assigned = true;
	m[n].site.cohort_version = 3;
	m[n].site.lab = true;
	strcpy(m[n].site.cohort, "canary");
	m[n++].site.environment = ENV_PRODUCTION;
	m[n].kind = MESSAGE_CHECKIN;
	strcpy(m[n].checkin.product, "gateway");
	strcpy(m[n].checkin.hardware, "rev-b");
	m[n].checkin.first_use = WIRE_FIRST_USE_DONE;
	m[n++].checkin.has_release = true;
	m[n].kind = MESSAGE_DECISION;
	m[n].decision.action = WIRE_WAIT;
	strcpy(m[n++].decision.reason, "later");
	m[n].kind = MESSAGE_CHOOSE;
	strcpy(m[n].choose.device.hardware, "rev-b");
	m[n].choose.device.slot_count = 2;
	m[n].choose.device.slots[0].content = PACKAGE_TREE;
	m[n].choose.device.slots[0].attributes = TREE_APP;
	m[n].choose.device.slots[1].content = PACKAGE_IMAGE;
	m[n].choose.device.slots[1].attributes = TREE_APP;
	m[n].choose.device.slots[1].digest.bytes[0] = 1;
	strcpy(m[n].choose.device.slots[0].component, "main");
	strcpy(m[n].choose.device.slots[1].component, "modem");
	m[n].choose.device.refusals.count = REFUSALS_MAX;
	m[n].choose.device.refusals.seq = 77;
	m[n].choose.device.refusals.retry = 78;
	m[n].choose.enrolled = true;
	m[n].choose.floor = 7;
	m[n].choose.cohort_version = 2;
	m[n].choose.lab = true;
	strcpy(m[n].choose.cohort, "canary");
	strcpy(m[n].choose.device.running, "1");
	m[n++].choose.refresh = true;
	m[n].kind = MESSAGE_PLAN;
	m[n].plan = sample_plan();
	m[n].plan.packages[0].content = PACKAGE_IMAGE;
	m[n++].plan.packages[0].attributes = 0;
	m[n].kind = MESSAGE_APPLY;
	m[n].content_key[31] = 7;
	m[n].apply.part = sample_plan().release.parts[0];
	m[n++].apply.package = sample_plan().packages[0];
	m[n].kind = MESSAGE_ENVELOPE;
	m[n].envelope.package.bytes[0] = 5;
	m[n++].envelope.device.bytes[15] = 6;
	m[n].kind = MESSAGE_UNWRAP;
	memcpy(m[n].unwrap.product, "kiosk", 6);
	memcpy(m[n].unwrap.target, "kiosk/1/main-full.pawl", 23);
	m[n++].unwrap.sealed[112] = 9;
	m[n].kind = MESSAGE_KEY;
	m[n++].content_key[0] = 8;
	m[n].kind = MESSAGE_REPORT;
	m[n].report.state = WIRE_ROLLED_BACK;
	strcpy(m[n++].report.evidence, "it said no");
	m[n].kind = MESSAGE_ENROL;
	strcpy(m[n++].enrol.product, "gateway");
	m[n].kind = MESSAGE_IDENTITY;
	strcpy(m[n++].identity.cohort, "canary");
	m[n++].kind = MESSAGE_RESCUE;
	m[n++].kind = MESSAGE_RENEW;
	m[n++].kind = MESSAGE_RENEWED;
	m[n++].kind = MESSAGE_READOPT;
	m[n].kind = MESSAGE_POINT;
	m[n].point.packed = 5;
	m[n].point.records = 6;
	m[n].point.again = 3;
	m[n++].point.plain = 7;
	m[n++].kind = MESSAGE_TAKEN;
	m[n].kind = MESSAGE_TOKEN;
	m[n].token.act = TOKEN_ACT_KIND;
	strcpy(m[n].token.name, "identity.3");
	m[n++].token.bytes[EC_POINT_LEN - 1] = 7;
	return n;
}

#define SAMPLES_MAX 30

static void every_kind_survives_the_way(void **state)
{
	static struct message samples[SAMPLES_MAX];
	size_t n = make_samples(samples);
	struct err e = { 0 };

	(void)state;
	assert_int_equal(n, MESSAGE_TOKEN);
	for (size_t i = 0; i < n; i++) {
		struct buf first = BUF_INIT(MESSAGE_MAX);
		struct buf again = BUF_INIT(MESSAGE_MAX);
		struct message got;

		assert_ok(message_format(&samples[i], &first, &e));
		assert_ok(message_parse(buf_slice(&first), &got, &e));
		assert_int_equal(got.kind, samples[i].kind);
		assert_ok(message_format(&got, &again, &e));
		assert_true(slice_equal(buf_slice(&first), buf_slice(&again)));
		buf_done(&first);
		buf_done(&again);
	}
}

static bool has_rest(enum message_kind kind)
{
	return kind == MESSAGE_DATA || kind == MESSAGE_POST;
}

/* One that waits on the disk may be of an updater before or after this. */
static void a_report_says_until_when_or_looks_as_ever(void **state)
{
	static struct message m, got;
	struct buf b = BUF_INIT(MESSAGE_MAX);
	struct err e = { 0 };
	size_t len;

	(void)state;
	m.kind = MESSAGE_REPORT;
	m.report.state = WIRE_DEFERRED;
	assert_ok(message_format(&m, &b, &e));
	len = b.len;
	b.len = 0;
	m.report.until = 1790000000;
	assert_ok(message_format(&m, &b, &e));
	assert_int_equal(b.len, len + 8);
	assert_ok(message_parse(buf_slice(&b), &got, &e));
	assert_int_equal(got.report.until, 1790000000);
	assert_ok(message_parse(slice_sub(buf_slice(&b), 0, len), &got, &e));
	assert_int_equal(got.report.until, 0);
	buf_done(&b);
}

static void every_cut_and_every_addition_is_refused(void **state)
{
	static struct message samples[SAMPLES_MAX];
	size_t n = make_samples(samples);
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct buf b = BUF_INIT(MESSAGE_MAX);
		struct message got;

		if (has_rest(samples[i].kind))
			continue;
		assert_ok(message_format(&samples[i], &b, &e));
		for (size_t len = 0; len < b.len; len++)
			assert_refused(
				message_parse(slice_sub(buf_slice(&b), 0, len),
					      &got, &e),
				ERR_FORMAT);
		assert_ok(buf_add(&b, slice_of("x"), &e));
		assert_refused(message_parse(buf_slice(&b), &got, &e),
			       ERR_FORMAT);
		buf_done(&b);
	}
}

static void unknown_kinds_are_refused(void **state)
{
	struct message got;
	struct err e = { 0 };

	(void)state;
	for (unsigned kind = MESSAGE_RESCUE + 1; kind <= UINT8_MAX; kind++) {
		const uint8_t byte = (uint8_t)kind;

		assert_refused(
			message_parse((struct slice){ &byte, 1 }, &got, &e),
			ERR_FORMAT);
	}
	assert_refused(message_parse((struct slice){ 0 }, &got, &e),
		       ERR_FORMAT);
}

static void refuse_plan(const struct plan *p)
{
	struct message m = { .kind = MESSAGE_PLAN, .plan = *p };
	struct buf b = BUF_INIT(MESSAGE_MAX);
	struct err e = { 0 };

	assert_refused(message_format(&m, &b, &e), ERR_LIMIT);
	assert_int_equal(b.len, 0);
	buf_done(&b);
}

static void plans_beyond_the_limits_are_refused(void **state)
{
	struct plan p = sample_plan();

	(void)state;
	p.release.parts[0].manifest_len = TREE_MANIFEST_MAX + 1;
	refuse_plan(&p);
	p = sample_plan();
	p.release.parts[1].entries = TREE_ENTRIES_MAX + 1;
	refuse_plan(&p);
	p = sample_plan();
	p.packages[1].window_len = PACKAGE_WINDOW_MAX + 1;
	refuse_plan(&p);
	p = sample_plan();
	p.packages[1].package_len = p.packages[1].head_len - 1;
	refuse_plan(&p);
	p = sample_plan();
	p.release.part_count = 0;
	refuse_plan(&p);
	p.release.part_count = RELEASE_COMPONENTS_MAX + 1;
	refuse_plan(&p);
	p = sample_plan();
	put_health(&p.release, "no end", 6);
	refuse_plan(&p);
	p = sample_plan();
	put_health(&p.release, "\0", 1);
	refuse_plan(&p);
}

static void a_text_with_a_nul_inside_is_refused(void **state)
{
	struct message m = { .kind = MESSAGE_GET, .get = { "ab", 1 } };
	struct buf b = BUF_INIT(MESSAGE_MAX);
	struct message got;
	struct err e = { 0 };

	(void)state;
	assert_ok(message_format(&m, &b, &e));
	b.ptr[3] = 0; /* kind, two bytes of length, then the text */
	assert_refused(message_parse(buf_slice(&b), &got, &e), ERR_FORMAT);
	buf_done(&b);
}

static void health_commands_come_apart_as_they_were(void **state)
{
	struct plan p = sample_plan();
	char *argv[RELEASE_ARGS_MAX + 1];
	size_t at = 0;

	(void)state;
	assert_true(slot_health(&p.release, &at, argv));
	assert_string_equal(argv[0], "bin/check");
	assert_string_equal(argv[1], "--fast");
	assert_null(argv[2]);
	assert_true(slot_health(&p.release, &at, argv));
	assert_string_equal(argv[0], "bin/other");
	assert_null(argv[1]);
	assert_false(slot_health(&p.release, &at, argv));
}

static void a_slot_record_survives_the_disk(void **state)
{
	struct plan p = sample_plan();
	struct slot_release got;
	struct buf b = BUF_INIT(SLOT_RECORD_MAX);
	struct err e = { 0 };

	(void)state;
	assert_ok(slot_release_format(&p.release, &b, &e));
	assert_ok(slot_release_parse(buf_slice(&b), &got, &e));
	assert_memory_equal(&got, &p.release, sizeof(got));
	for (size_t len = 0; len < b.len - 1; len++)
		assert_int_equal(
			slot_release_parse(slice_sub(buf_slice(&b), 0, len),
					   &got, &e),
			-1);
	buf_done(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_survives_the_way),
		cmocka_unit_test(a_report_says_until_when_or_looks_as_ever),
		cmocka_unit_test(every_cut_and_every_addition_is_refused),
		cmocka_unit_test(unknown_kinds_are_refused),
		cmocka_unit_test(plans_beyond_the_limits_are_refused),
		cmocka_unit_test(a_text_with_a_nul_inside_is_refused),
		cmocka_unit_test(health_commands_come_apart_as_they_were),
		cmocka_unit_test(a_slot_record_survives_the_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
