/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/fixes.h"

#include "tests/unit/check.h"

static struct fixes *f;

static void add(uint64_t seq, const char *models, bool listed,
		const char *detail)
{
	struct store_release r = {
		.product = "gateway", .id = "r", .seq = seq, .listed = listed
	};
	struct err e = { 0 };

	memcpy(r.models, models, strlen(models));
	r.detail = (char *)(uintptr_t)detail;
	assert_ok(fixes_add(f, &r, &e));
}

static int start(void **state)
{
	static char detail[] = "{\"fixes\":[\"CVE-2026-6\"]}";
	struct store_release b = { .product = "gateway",
				   .id = "r",
				   .seq = 6,
				   .listed = true,
				   .detail = detail };
	struct err e = { 0 };

	(void)state;
	f = fixes_new();
	add(1, "", true, "{\"fixes\":[]}");
	add(2, "", true, "{\"fixes\":[\"CVE-2026-1\"]}");
	add(3, "m2 m3", true, "{\"fixes\":[\"CVE-2026-2\",\"CVE-2026-3\"]}");
	add(4, "", false, "{\"fixes\":[\"CVE-2026-4\"]}");
	/* an undo of 2: the content of 1 */
	add(5, "", true, "{\"content_seq\":1,\"fixes\":[]}");
	memcpy(b.hardware, "rev-b rev-c", 12);
	assert_ok(fixes_add(f, &b, &e));
	return 0;
}

static int stop(void **state)
{
	(void)state;
	fixes_free(f);
	return 0;
}

static struct fixes_device runs(uint64_t seq, const char *model)
{
	return (struct fixes_device){ .product = "gateway",
				      .model = model,
				      .hardware = "",
				      .has_release = seq > 0,
				      .seq = seq };
}

static bool lacks(const char *cve, uint64_t seq, const char *model)
{
	struct fixes_device d = runs(seq, model);

	return fixes_lacks(f, cve, &d);
}

static bool is_behind(uint64_t seq, const char *model)
{
	struct fixes_device d = runs(seq, model);

	return fixes_is_behind(f, &d);
}

static void a_fix_is_there_from_its_release_on(void **state)
{
	(void)state;
	assert_true(lacks("CVE-2026-1", 1, "m1"));
	assert_false(lacks("CVE-2026-1", 2, "m1"));
	assert_false(lacks("CVE-2026-1", 3, "m2"));
	/* one that came from elsewhere */
	assert_false(lacks("CVE-2026-1", 77, "m1"));
	assert_true(lacks("cve-2026-1", 1, "m1"));
	assert_false(lacks("CVE-2026-11", 1, "m1"));
}

static void who_went_back_lacks_it_again(void **state)
{
	(void)state;
	assert_true(lacks("CVE-2026-1", 5, "m1"));
	assert_true(is_behind(5, "m1"));
}

static void a_new_device_lacks_whatever_there_is(void **state)
{
	(void)state;
	assert_true(lacks("CVE-2026-1", 0, "m1"));
	assert_true(is_behind(0, "m1"));
}

static void only_what_is_for_the_device_counts(void **state)
{
	struct fixes_device other = { "camera", "m2", "", true, 1 };
	struct fixes_device b = { "gateway", "m1", "rev-b", true, 1 };

	(void)state;
	assert_true(fixes_lacks(f, "CVE-2026-6", &b));
	b.hardware = "rev-a";
	assert_false(fixes_lacks(f, "CVE-2026-6", &b));
	assert_true(lacks("CVE-2026-3", 2, "m2"));
	assert_true(lacks("CVE-2026-3", 2, "m3"));
	assert_false(lacks("CVE-2026-3", 2, "m1"));
	assert_false(lacks("CVE-2026-3", 2, "m"));
	assert_false(lacks("CVE-2026-3", 2, "m22"));
	assert_false(lacks("CVE-2026-4", 2, "m1")); /* not listed */
	assert_false(fixes_lacks(f, "CVE-2026-1", &other));
	assert_false(fixes_is_behind(f, &other));
}

static void who_has_all_of_it_is_not_behind(void **state)
{
	(void)state;
	assert_true(is_behind(1, "m1"));
	assert_false(is_behind(2, "m1"));
	assert_true(is_behind(2, "m2"));
	assert_false(is_behind(3, "m2"));
	assert_false(is_behind(4, "m1"));
}

static void releases_that_bring_it_are_counted(void **state)
{
	(void)state;
	assert_int_equal(fixes_count(f, "cve-2026-2"), 1);
	assert_int_equal(fixes_count(f, "CVE-2026-4"), 0);
	assert_int_equal(fixes_count(f, "CVE-2026-9"), 0);
}

static void details_of_another_shape_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"{}",
		"{\"fixes\":{}}",
		"{\"fixes\":[1]}",
		"{\"fixes\":[],\"content_seq\":-1}",
		"{\"fixes\":[],\"content_seq\":\"1\"}",
	};
	struct store_release r = { .product = "gateway", .id = "r" };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		r.detail = (char *)(uintptr_t)bad[i];
		assert_refused(fixes_add(f, &r, &e), ERR_FORMAT);
	}
	assert_int_equal(fixes_count(f, "CVE-2026-1"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fix_is_there_from_its_release_on),
		cmocka_unit_test(who_went_back_lacks_it_again),
		cmocka_unit_test(a_new_device_lacks_whatever_there_is),
		cmocka_unit_test(only_what_is_for_the_device_counts),
		cmocka_unit_test(who_has_all_of_it_is_not_behind),
		cmocka_unit_test(releases_that_bring_it_are_counted),
		cmocka_unit_test(details_of_another_shape_are_refused),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
