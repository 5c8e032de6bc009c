/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fleet.h"
#include "update-server/sql.h"
#include "update-server/sql_sqlite.h"
#include "update-server/store_product.h"

static void add_release(const char *product)
{
	struct sql *db = NULL;
	struct err e = { 0 };

	assert_ok(sql_open(&sql_sqlite, fleet_path, &db, &e));
	assert_ok(sql_run(db,
			  "INSERT INTO release (product, id, version, models,"
			  " seq, requires_seq, not_before, digest, listed,"
			  " detail, imported) VALUES (?, 'r1', '1', '', 1, 0,"
			  " 0, x'00', 0, '{}', 0)",
			  SQL_BIND(sql_text(product)), NULL, &e));
	sql_close(db);
}

/* Two codes; the id of their batch. */
static int64_t add_codes(struct store *s, const char *product)
{
	struct store_batch b = { .model = "k1",
				 .cohort = "canary",
				 .count = 2,
				 .created = FLEET_NOW,
				 .activated = FLEET_NOW,
				 .expires = FLEET_NOW + 100 };
	static unsigned n = 100;
	const struct sha256 codes[] = { fleet_hash(n++), fleet_hash(n++) };
	struct err e = { 0 };

	(void)snprintf(b.product, sizeof(b.product), "%s", product);
	assert_ok(store_batch_add(s, &b, codes, &fleet_by, &e));
	return b.id;
}

static char note[STORE_PRODUCT_NOTE_LEN];

static bool is_known(struct store *s, const char *product)
{
	struct err e = { 0 };

	assert_ok(store_product_note(s, product, note, &e));
	return note[0] == '\0';
}

static void where_nothing_is_known_the_first_has_any_name(void **state)
{
	assert_true(is_known(*state, "kiosk"));
}

static void a_release_a_device_and_codes_make_a_product_known(void **state)
{
	add_release("lamp"); /* and it is no longer listed */
	assert_false(is_known(*state, "kiosk"));
	(void)fleet_device(*state, 1);
	assert_true(is_known(*state, "kiosk"));
	assert_false(is_known(*state, "meter"));
	(void)add_codes(*state, "meter");
	assert_true(is_known(*state, "meter"));
	assert_true(is_known(*state, "lamp"));
}

static void who_mistypes_one_is_told_which_there_are(void **state)
{
	add_release("lamp");
	add_release("kiosk");
	assert_false(is_known(*state, "kiosc"));
	assert_string_equal(note, "no release, device or code was of product "
				  "kiosc before; known: kiosk, lamp");
}

/* What was made by mistake is no excuse for the next one. */
static void codes_that_are_all_withdrawn_make_nothing_known(void **state)
{
	int64_t wrong = add_codes(*state, "kiosc");
	uint64_t count;
	struct err e = { 0 };

	(void)add_codes(*state, "kiosk");
	assert_ok(store_claim_revoke(*state, wrong, &fleet_by, &e));
	assert_true(is_known(*state, "kiosc"));
	assert_ok(store_batch_revoke(*state, wrong, &fleet_by, &count, &e));
	assert_false(is_known(*state, "kiosc"));
}

static void many_names_are_cut_and_all_are_known(void **state)
{
	char name[NAME_MAX_LEN + 1];

	for (unsigned i = 0; i < 40; i++) {
		(void)snprintf(name, sizeof(name), "product-%02u", i);
		add_release(name);
	}
	assert_true(is_known(*state, "product-39"));
	assert_false(is_known(*state, "other"));
	assert_non_null(strstr(note, "product-15"));
	assert_non_null(strstr(note, " ..."));
	assert_null(strstr(note, "product-39"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fleet_fresh, fleet_gone)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(where_nothing_is_known_the_first_has_any_name),
		TEST(a_release_a_device_and_codes_make_a_product_known),
		TEST(who_mistypes_one_is_told_which_there_are),
		TEST(codes_that_are_all_withdrawn_make_nothing_known),
		TEST(many_names_are_cut_and_all_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
