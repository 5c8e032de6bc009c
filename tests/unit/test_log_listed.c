/* SPDX-License-Identifier: Apache-2.0 */
/* What an import brought, as it lies in the store; e2e 64 has a real one. */
#include "update-server/log_listed.h"

#include "tests/unit/box.h"

#define SINCE INT64_C(1795360341)

static void the_end_is_the_earlier_one(void **state)
{
	struct log_listed l = { .has_list = false };
	const int64_t year = SINCE + 365 * UTC_DAY;

	(void)state;
	assert_int_equal(log_listed_end(&l, SINCE), year);
	l = (struct log_listed){ true, true, year + 1 };
	assert_int_equal(log_listed_end(&l, SINCE), year);
	l.until = year - 1;
	assert_int_equal(log_listed_end(&l, SINCE), year - 1);
	/* Whoever is not in the list has no time left. */
	l = (struct log_listed){ .has_list = true };
	assert_int_equal(log_listed_end(&l, SINCE), SINCE);
}

static void nothing_imported_says_nothing(void **state)
{
	struct ec_public own = { { 4 } };
	struct log_listed l = { true, true, 7 };
	struct store *s = NULL;
	char path[96];
	struct box box;
	struct err e = { 0 };

	(void)state;
	box_open(&box);
	(void)snprintf(path, sizeof(path), "%s/store", box.path);
	assert_ok(store_open(path, &s, &e));
	assert_ok(log_listed(s, box.dir, &own, &l, &e));
	assert_false(l.has_list);
	assert_false(l.listed);
	store_close(s);
	box_close(&box);
}

/* The newest record that names a key, and no other. */
static void a_key_signs_since_the_record_that_names_it(void **state)
{
	struct audit_by by = { .kind = AUDIT_SYSTEM, .now = SINCE };
	struct audit_record r;
	struct sha256 digest = { { 1 } };
	struct ec_private *key = NULL;
	struct ec_public point;
	struct store *s = NULL;
	int64_t since = 7;
	char path[96];
	struct box box;
	struct err e = { 0 };

	(void)state;
	box_open(&box);
	(void)snprintf(path, sizeof(path), "%s/store", box.path);
	assert_ok(store_open(path, &s, &e));
	assert_ok(store_log_key_since(s, &since, &e));
	assert_int_equal(since, 0);
	audit_record_init(&r, AUDIT_INIT, &by);
	json_set_text(r.objects, "environment", "lab");
	audit_set_digest(&r, "log_key", &digest);
	assert_ok(store_log(s, &r, &e));
	by.now = SINCE + 10;
	assert_ok(store_cohort_add(s, "canary", &by, &e));
	assert_ok(store_log_key_since(s, &since, &e));
	assert_int_equal(since, SINCE);
	assert_ok(ec_generate(&key, &e));
	ec_public_of(key, &point);
	ec_free(key);
	by.now = SINCE + 20;
	audit_record_init(&r, AUDIT_LOG_KEY, &by);
	audit_set_digest(&r, "from", &digest);
	audit_set_digest(&r, "key", &digest);
	json_set_hex(r.objects, "point",
		     (struct slice){ point.point, EC_POINT_LEN });
	json_set_int(r.objects, "lost", 0);
	assert_ok(store_log(s, &r, &e));
	by.now = SINCE + 30;
	assert_ok(store_cohort_add(s, "late", &by, &e));
	assert_ok(store_log_key_since(s, &since, &e));
	assert_int_equal(since, SINCE + 20);
	store_close(s);
	box_close(&box);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_end_is_the_earlier_one),
		cmocka_unit_test(nothing_imported_says_nothing),
		cmocka_unit_test(a_key_signs_since_the_record_that_names_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
