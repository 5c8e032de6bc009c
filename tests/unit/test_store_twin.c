/* SPDX-License-Identifier: Apache-2.0 */
/* Which check-ins give away that one identity is on two boards, and which do
 * not: a board that starts anew, or was restored once. */
#include "update-server/store.h"
#include "update-server/store_cohort.h"

#include "tests/unit/box.h"

#define NOW 1000000

static const struct audit_by by = { .kind = AUDIT_GATE, .now = NOW };

struct world {
	struct box box;
	struct store *s;
	struct device_id id;
	struct sha256 fingerprint;
};

static struct sha256 hash(unsigned n)
{
	struct sha256 d = { { (uint8_t)n, 1 } };

	return d;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct store_batch b = { .product = "kiosk",
				 .model = "k1",
				 .cohort = "canary",
				 .count = 1,
				 .activated = NOW,
				 .expires = NOW + 100 };
	struct store_device d = {
		.facts = { .id = { { 1 } }, .product = "kiosk", .model = "k1" },
		.fingerprint = hash(10),
		.spki = hash(20),
		.certificate = "pem",
		.decrypt = { .proof = { 0x30, 1 }, .proof_len = 2 }
	};
	const struct sha256 code = hash(30);
	struct err e = { 0 };
	char path[96];

	assert_non_null(w);
	box_open(&w->box);
	(void)snprintf(path, sizeof(path), "%s/db", w->box.path);
	assert_ok(store_open(path, &w->s, &e));
	assert_ok(store_cohort_add(w->s, "canary", &by, &e));
	assert_ok(store_batch_add(w->s, &b, &code, &by, &e));
	assert_ok(store_enrol(w->s, &code, &d, &by, &e));
	w->id = d.facts.id;
	w->fingerprint = d.fingerprint;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	store_close(w->s);
	box_close(&w->box);
	free(w);
	return 0;
}

/* A check-in as the server takes it in; boot 0: none is said. */
static bool comes(struct world *w, uint8_t boot, uint64_t activation)
{
	struct wire_checkin m = { .product = "kiosk",
				  .model = "k1",
				  .activation = activation,
				  .has_boot = boot != 0,
				  .boot = { boot } };
	struct store_device d;
	struct err e = { 0 };
	bool twin;

	assert_ok(store_device_find(w->s, &w->id, &d, &e));
	assert_ok(store_device_twin(w->s, &d, &m, &by, &twin, &e));
	if (!twin)
		assert_ok(store_device_seen(w->s, &d, &m, NOW, &e));
	return twin;
}

static bool is_let_in(struct world *w)
{
	struct device_id id;
	struct err e = { 0 };

	return store_device_authorise(w->s, &w->fingerprint, &id, &e) == 0;
}

static void two_boards_that_take_turns_are_found(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };
	uint64_t count;

	assert_false(comes(w, 1, 5));
	assert_false(comes(w, 2, 5));
	assert_false(comes(w, 1, 5)); /* late, perhaps */
	assert_ok(store_quarantine_count(w->s, &count, &e));
	assert_int_equal(count, 0);
	assert_true(is_let_in(w));
	assert_true(comes(w, 2, 5));
	assert_false(is_let_in(w));
	assert_ok(store_quarantine_count(w->s, &count, &e));
	assert_int_equal(count, 1);
}

static void three_boards_are_found_too(void **state)
{
	struct world *w = *state;

	for (uint8_t boot = 1; boot <= 3; boot++)
		assert_false(comes(w, boot, 5));
	assert_false(comes(w, 1, 5));
	assert_true(comes(w, 2, 5));
}

static void a_board_that_starts_often_is_one(void **state)
{
	struct world *w = *state;

	for (uint8_t boot = 1; boot < 200; boot++)
		for (unsigned again = 0; again < 3; again++)
			assert_false(comes(w, boot, boot));
	assert_true(is_let_in(w));
}

static void
boards_that_are_never_on_together_differ_in_their_count(void **state)
{
	struct world *w = *state;

	assert_false(comes(w, 1, 5));
	assert_false(comes(w, 2, 4)); /* restored from a copy, perhaps */
	assert_false(comes(w, 3, 5));
	assert_true(comes(w, 4, 4));
}

static void a_board_that_says_no_boot_is_known_by_its_count(void **state)
{
	struct world *w = *state;

	assert_false(comes(w, 0, 5));
	assert_false(comes(w, 0, 4));
	assert_false(comes(w, 0, 4));
	assert_false(comes(w, 0, 7));
	assert_true(comes(w, 0, 4));
}

static void a_released_identity_starts_with_a_clean_slate(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	assert_false(comes(w, 1, 5));
	assert_false(comes(w, 2, 5));
	assert_false(comes(w, 1, 5));
	assert_true(comes(w, 2, 5));
	assert_ok(store_device_release(w->s, &w->id, &by, &e));
	assert_true(is_let_in(w));
	for (uint8_t boot = 1; boot <= 9; boot++)
		assert_false(comes(w, boot, 5));
	/* But a second board is found again. */
	assert_false(comes(w, 8, 5));
	assert_true(comes(w, 9, 5));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(two_boards_that_take_turns_are_found),
		TEST(three_boards_are_found_too),
		TEST(a_board_that_starts_often_is_one),
		TEST(boards_that_are_never_on_together_differ_in_their_count),
		TEST(a_board_that_says_no_boot_is_known_by_its_count),
		TEST(a_released_identity_starts_with_a_clean_slate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
