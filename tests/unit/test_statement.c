/* SPDX-License-Identifier: Apache-2.0 */
/* The small signed documents: floor and step back, and what they share. */
#include "common/statement.h"

#include <string.h>

#include "common/floor.h"
#include "common/stepback.h"
#include "tests/unit/check.h"

#define ISSUED 1795360341

static int read_floor(struct slice in, void *out, struct err *e)
{
	return floor_parse(in, out, e);
}

static int read_stepback(struct slice in, void *out, struct err *e)
{
	return stepback_parse(in, out, e);
}

typedef int reader(struct slice in, void *out, struct err *e);

static struct json *a_floor(void)
{
	const struct floor f = { "gateway", 7, ISSUED };

	return floor_format(&f);
}

static struct json *a_stepback(void)
{
	const struct stepback s = { "gateway", 9, 7, ISSUED, ISSUED + 100 };

	return stepback_format(&s);
}

/* Frees j. */
static int parse(reader *read, struct json *j, void *out, struct err *e)
{
	struct buf bytes = BUF_INIT(STATEMENT_MAX_LEN);
	int rc = json_canonical(j, &bytes, e);

	if (rc == 0)
		rc = read(buf_slice(&bytes), out, e);
	buf_done(&bytes);
	json_free(j);
	return rc;
}

static void what_is_written_is_read(void **state)
{
	struct err e = { 0 };
	struct stepback s = { 0 };
	struct floor f = { 0 };
	char path[PATH_MAX_LEN];

	(void)state;
	assert_ok(parse(read_floor, a_floor(), &f, &e));
	assert_string_equal(f.product, "gateway");
	assert_int_equal(f.seq, 7);
	assert_int_equal(f.issued, ISSUED);
	assert_ok(floor_path("gateway", path, &e));
	assert_string_equal(path, "floor/gateway.json");
	assert_ok(parse(read_stepback, a_stepback(), &s, &e));
	assert_int_equal(s.from, 9);
	assert_int_equal(s.to, 7);
	assert_int_equal(s.expires, ISSUED + 100);
	assert_ok(stepback_path(&s, path, &e));
	assert_string_equal(path, "stepback/gateway/9-7.json");
}

static void one_type_is_not_taken_for_another(void **state)
{
	struct err e = { 0 };
	struct stepback s;
	struct floor f;

	(void)state;
	assert_refused_saying(parse(read_floor, a_stepback(), &f, &e),
			      ERR_FORMAT, "of another type");
	assert_refused_saying(parse(read_stepback, a_floor(), &s, &e),
			      ERR_FORMAT, "of another type");
}

static void there_is_one_spelling(void **state)
{
	static const char *const wrong[] = {
		"",
		"[]",
		"7",
		" {\"issued\":\"2026-11-27T00:00:00Z\",\"product\":\"gateway\","
		"\"seq\":7,\"type\":\"floor\",\"v\":1}",
		"{\"product\":\"gateway\",\"issued\":\"2026-11-27T00:00:00Z\","
		"\"seq\":7,\"type\":\"floor\",\"v\":1}",
		"{\"issued\":\"2026-11-27T00:00:00Z\",\"product\":\"gateway\","
		"\"seq\":7,\"type\":\"floor\",\"v\":1}\n",
		"{\"issued\":\"2026-11-27T00:00:00Z\",\"product\":\"gateway\","
		"\"seq\":7,\"type\":\"floor\",\"v\":1",
	};
	struct floor f = { .seq = 99 };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_refused(floor_parse(slice_of(wrong[i]), &f, &e),
			       ERR_FORMAT);
	assert_refused_saying(floor_parse(slice_of("[]"), &f, &e), ERR_FORMAT,
			      "not an object");
	assert_int_equal(f.seq, 99);
}

static void members_are_all_there_and_no_others(void **state)
{
	static const char *const members[] = { "issued", "product", "seq",
					       "type", "v" };
	struct err e = { 0 };
	struct floor f;
	struct json *j;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		j = a_floor();
		json_remove(j, members[i]);
		assert_refused(parse(read_floor, j, &f, &e), ERR_FORMAT);
		j = a_floor();
		json_set(j, members[i], json_new_array());
		assert_refused(parse(read_floor, j, &f, &e), ERR_FORMAT);
	}
	j = a_floor();
	json_set_int(j, "more", 1);
	assert_refused(parse(read_floor, j, &f, &e), ERR_FORMAT);
}

static void values_keep_to_their_ranges(void **state)
{
	struct err e = { 0 };
	struct stepback s;
	struct floor f;
	struct json *j = a_floor();

	(void)state;
	json_set_int(j, "seq", 0);
	assert_refused(parse(read_floor, j, &f, &e), ERR_FORMAT);
	j = a_floor();
	json_set_text(j, "product", "../other");
	assert_refused(parse(read_floor, j, &f, &e), ERR_FORMAT);
	j = a_floor();
	json_set_int(j, "v", 2);
	assert_refused(parse(read_floor, j, &f, &e), ERR_REFUSED);
	j = a_stepback();
	json_set_int(j, "to", 9);
	assert_refused(parse(read_stepback, j, &s, &e), ERR_FORMAT);
	j = a_stepback();
	statement_set_time(j, "expires", ISSUED);
	assert_refused(parse(read_stepback, j, &s, &e), ERR_FORMAT);
}

static void too_long_is_too_long(void **state)
{
	static uint8_t bytes[STATEMENT_MAX_LEN + 1];
	struct err e = { 0 };
	struct floor f;

	(void)state;
	memset(bytes, ' ', sizeof(bytes));
	assert_refused(
		floor_parse((struct slice){ bytes, sizeof(bytes) }, &f, &e),
		ERR_LIMIT);
}

static void a_step_back_is_for_one_product_release_and_time(void **state)
{
	const struct stepback s = { "gateway", 9, 7, ISSUED, ISSUED + 100 };
	struct err e = { 0 };

	(void)state;
	assert_ok(stepback_allows(&s, "gateway", 9, ISSUED + 99, &e));
	assert_refused(stepback_allows(&s, "gateway", 9, ISSUED + 100, &e),
		       ERR_EXPIRED);
	assert_refused(stepback_allows(&s, "gateway", 8, ISSUED, &e),
		       ERR_REFUSED);
	assert_refused(stepback_allows(&s, "camera", 9, ISSUED, &e),
		       ERR_REFUSED);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(one_type_is_not_taken_for_another),
		cmocka_unit_test(there_is_one_spelling),
		cmocka_unit_test(members_are_all_there_and_no_others),
		cmocka_unit_test(values_keep_to_their_ranges),
		cmocka_unit_test(too_long_is_too_long),
		cmocka_unit_test(
			a_step_back_is_for_one_product_release_and_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
