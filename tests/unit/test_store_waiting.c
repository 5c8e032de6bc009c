/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that wait for an officer: who may, how long, and what comes of it. */
#include "update-server/store.h"
#include "update-server/store_cohort.h"
#include "update-server/store_waiting.h"

#include "tests/unit/box.h"

#define NOW 1000000

static const struct audit_by by = { .kind = AUDIT_PERSON,
				    .person = { { 7 } },
				    .now = NOW };

static const struct store_successor nobody;

struct world {
	struct box box;
	struct store *s;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err e = { 0 };
	char path[96];

	assert_non_null(w);
	box_open(&w->box);
	(void)snprintf(path, sizeof(path), "%s/db", w->box.path);
	assert_ok(store_open(path, &w->s, &e));
	assert_ok(store_cohort_add(w->s, "canary", &by, &e));
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

static struct sha256 hash(unsigned n)
{
	struct sha256 d = { { (uint8_t)n, (uint8_t)(n >> 8), 1 } };

	return d;
}

static struct store_waiting a_device(unsigned n)
{
	struct store_waiting w = { .spki = hash(n),
				   .product = "kiosk",
				   .model = "k1" };

	w.nonce[0] = (uint8_t)n;
	w.root.bytes[31] = (uint8_t)n;
	(void)snprintf(w.code, sizeof(w.code), "ABCD-EFGH-%04u", n);
	return w;
}

static int wait_at(struct store *s, struct store_waiting *w, int64_t now,
		   struct err *e)
{
	return store_wait(s, w, 3, now, e);
}

static int enrol(struct store *s, unsigned n, int64_t now, struct err *e)
{
	struct store_device d = {
		.facts = { .id = { { (uint8_t)n } },
			   .product = "kiosk",
			   .model = "k1" },
		.fingerprint = hash(1000 + n),
		.spki = hash(n),
		.certificate = "pem",
		.decrypt = { .proof = { 0x30, 1 }, .proof_len = 2 },
	};
	const struct audit_by self = { .kind = AUDIT_DEVICE,
				       .device = d.facts.id,
				       .now = now };
	int rc;

	d.decrypt.key.point[0] = (uint8_t)n;
	rc = store_enrol(s, NULL, &d, &self, e);
	if (rc == 0)
		assert_string_equal(d.facts.cohort, "canary");
	return rc;
}

static int approve(struct store *s, const char *code, int64_t now,
		   struct err *e)
{
	const struct audit_by officer = { .kind = AUDIT_PERSON,
					  .person = { { 7 } },
					  .now = now };

	return store_waiting_approve(s, code, "canary", &nobody, &officer, e);
}

static int second(struct store *s, unsigned officer, const char *cohort,
		  bool *first, struct err *e)
{
	const struct audit_by by_one = { .kind = AUDIT_PERSON,
					 .person = { { (uint8_t)officer } },
					 .now = NOW };

	return store_waiting_second(s, "ABCD-EFGH-0001", cohort, &by_one, first,
				    e);
}

static int may_second(struct store *s, unsigned officer, const char *cohort,
		      struct err *e)
{
	const struct audit_by by_one = { .kind = AUDIT_PERSON,
					 .person = { { (uint8_t)officer } },
					 .now = NOW };

	return store_waiting_may_second(s, "ABCD-EFGH-0001", cohort, &by_one,
					e);
}

static void two_officers_say_the_same(void **state)
{
	struct world *w = *state;
	struct store_waiting one = a_device(1), found;
	uint64_t before, after;
	bool first = false;
	struct err e = { 0 };

	assert_refused(second(w->s, 7, "canary", &first, &e), ERR_NOT_FOUND);
	assert_ok(wait_at(w->s, &one, NOW, &e));
	assert_refused(second(w->s, 7, "nobody", &first, &e), ERR_NOT_FOUND);
	assert_ok(store_audit_size(w->s, &before, &e));
	/* To ask is to say nothing yet. */
	assert_refused(may_second(w->s, 7, "nobody", &e), ERR_NOT_FOUND);
	assert_ok(may_second(w->s, 7, "canary", &e));
	assert_ok(may_second(w->s, 7, "canary", &e));
	assert_ok(second(w->s, 7, "canary", &first, &e));
	assert_true(first);
	assert_ok(store_audit_size(w->s, &after, &e));
	assert_int_equal(after, before + 1);
	assert_ok(store_waiting_find(w->s, "ABCD-EFGH-0001", NOW, &found, &e));
	assert_true(found.seconded);
	assert_int_equal(found.state, WAITING_OPEN);
	/* Not let in by that, nor by the same officer once more. */
	assert_refused(enrol(w->s, 1, NOW, &e), ERR_REFUSED);
	assert_refused_saying(second(w->s, 7, "canary", &first, &e),
			      ERR_CONFLICT, "a second officer");
	assert_refused(may_second(w->s, 7, "canary", &e), ERR_CONFLICT);
	assert_ok(store_cohort_add(w->s, "other", &by, &e));
	assert_refused(may_second(w->s, 8, "other", &e), ERR_CONFLICT);
	assert_ok(may_second(w->s, 8, "canary", &e));
	assert_refused_saying(second(w->s, 8, "other", &first, &e),
			      ERR_CONFLICT, "another cohort");
	assert_ok(second(w->s, 8, "canary", &first, &e));
	assert_false(first);
	assert_ok(approve(w->s, "ABCD-EFGH-0001", NOW, &e));
	assert_ok(enrol(w->s, 1, NOW, &e));
	assert_refused(second(w->s, 9, "canary", &first, &e), ERR_NOT_FOUND);
}

static void who_asks_again_has_the_same_code(void **state)
{
	struct world *w = *state;
	struct store_waiting one = a_device(1), again = a_device(1);
	struct err e = { 0 };

	assert_ok(wait_at(w->s, &one, NOW, &e));
	assert_int_equal(one.state, WAITING_OPEN);
	/* With another nonce, of another connection. */
	again.nonce[0] = 99;
	strcpy(again.code, "ZZZZ-ZZZZ-ZZZZ");
	assert_ok(wait_at(w->s, &again, NOW + 5, &e));
	assert_string_equal(again.code, "ABCD-EFGH-0001");
	assert_int_equal(again.nonce[0], 1);
	assert_int_equal(again.since, NOW);
	/* After its hour it begins anew. */
	again.nonce[0] = 99;
	strcpy(again.code, "ZZZZ-ZZZZ-ZZZZ");
	assert_ok(wait_at(w->s, &again, NOW + STORE_WAITING_SEC, &e));
	assert_string_equal(again.code, "ZZZZ-ZZZZ-ZZZZ");
}

/* What an officer said of it was said of the device with that root. */
static void who_trusts_another_root_asks_anew(void **state)
{
	struct world *w = *state;
	struct store_waiting one = a_device(1), other = a_device(1), got;
	struct err e = { 0 };

	assert_ok(wait_at(w->s, &one, NOW, &e));
	assert_ok(store_waiting_find(w->s, one.code, NOW, &got, &e));
	assert_memory_equal(&got.root, &one.root, sizeof(one.root));
	assert_ok(approve(w->s, one.code, NOW, &e));
	other.root.bytes[0] ^= 1;
	strcpy(other.code, "ZZZZ-ZZZZ-ZZZZ");
	assert_ok(wait_at(w->s, &other, NOW, &e));
	assert_int_equal(other.state, WAITING_OPEN);
	assert_refused(enrol(w->s, 1, NOW, &e), ERR_REFUSED);
}

static void the_approved_one_is_let_in_once(void **state)
{
	struct world *w = *state;
	struct store_waiting one = a_device(1);
	struct err e = { 0 };

	assert_refused(enrol(w->s, 1, NOW, &e), ERR_REFUSED);
	assert_ok(wait_at(w->s, &one, NOW, &e));
	assert_refused(enrol(w->s, 1, NOW, &e), ERR_REFUSED);
	assert_refused(approve(w->s, "ABCD-EFGH-0002", NOW, &e), ERR_NOT_FOUND);
	assert_refused(store_waiting_approve(w->s, "ABCD-EFGH-0001", "nobody",
					     &nobody, &by, &e),
		       ERR_NOT_FOUND);
	assert_ok(approve(w->s, "ABCD-EFGH-0001", NOW + 9, &e));
	assert_refused(approve(w->s, "ABCD-EFGH-0001", NOW + 9, &e),
		       ERR_CONFLICT);
	assert_refused(store_waiting_deny(w->s, "ABCD-EFGH-0001", &by, &e),
		       ERR_CONFLICT);
	assert_ok(wait_at(w->s, &one, NOW + 10, &e));
	assert_int_equal(one.state, WAITING_APPROVED);
	/* Another key has nothing of it. */
	assert_refused(enrol(w->s, 2, NOW + 10, &e), ERR_REFUSED);
	assert_ok(enrol(w->s, 1, NOW + 10, &e));
	assert_refused(enrol(w->s, 1, NOW + 10, &e), ERR_REFUSED);
	/* Its key is known now: it does not wait again. */
	one = a_device(1);
	assert_refused(wait_at(w->s, &one, NOW + 11, &e), ERR_CONFLICT);
}

static void neither_code_nor_approval_last_for_ever(void **state)
{
	struct world *w = *state;
	struct store_waiting one = a_device(1);
	int64_t late = NOW + STORE_WAITING_SEC;
	struct err e = { 0 };

	assert_ok(wait_at(w->s, &one, NOW, &e));
	assert_refused(approve(w->s, one.code, late, &e), ERR_NOT_FOUND);
	assert_ok(approve(w->s, one.code, late - 1, &e));
	late = late - 1 + STORE_APPROVED_SEC;
	assert_refused(enrol(w->s, 1, late, &e), ERR_REFUSED);
	assert_ok(enrol(w->s, 1, late - 1, &e));
}

static void who_was_denied_is_told_so_for_a_day(void **state)
{
	struct world *w = *state;
	struct store_waiting one = a_device(1);
	struct err e = { 0 };

	assert_ok(wait_at(w->s, &one, NOW, &e));
	assert_ok(store_waiting_deny(w->s, one.code, &by, &e));
	assert_refused(wait_at(w->s, &one, NOW + 9, &e), ERR_REFUSED);
	assert_refused(enrol(w->s, 1, NOW + 9, &e), ERR_REFUSED);
	one = a_device(1);
	strcpy(one.model, "k2");
	assert_refused(wait_at(w->s, &one, NOW + 9, &e), ERR_REFUSED);
	one = a_device(1);
	assert_ok(wait_at(w->s, &one, NOW + STORE_APPROVED_SEC, &e));
}

static void a_crowd_does_not_wait(void **state)
{
	struct world *w = *state;
	struct store_waiting all[4] = { a_device(1), a_device(2), a_device(3),
					a_device(4) };
	struct err e = { 0 };

	for (size_t i = 0; i < 3; i++)
		assert_ok(wait_at(w->s, &all[i], NOW, &e));
	assert_refused(wait_at(w->s, &all[3], NOW, &e), ERR_BUSY);
	/* Who waits already is not turned away. */
	assert_ok(wait_at(w->s, &all[0], NOW, &e));
	assert_ok(store_waiting_deny(w->s, all[1].code, &by, &e));
	assert_ok(wait_at(w->s, &all[3], NOW, &e));
}

static void count(void *ctx, const struct store_waiting *w)
{
	(void)w;
	++*(unsigned *)ctx;
}

static void the_list_is_of_those_who_still_wait(void **state)
{
	struct world *w = *state;
	struct store_waiting one = a_device(1), two = a_device(2);
	struct err e = { 0 };
	unsigned n = 0;

	assert_ok(wait_at(w->s, &one, NOW, &e));
	assert_ok(wait_at(w->s, &two, NOW + 100, &e));
	assert_ok(store_waiting_each(w->s, NOW + 100, count, &n, &e));
	assert_int_equal(n, 2);
	n = 0;
	assert_ok(store_waiting_each(w->s, NOW + STORE_WAITING_SEC, count, &n,
				     &e));
	assert_int_equal(n, 1);
}

static void the_same_key_of_another_model_asks_anew(void **state)
{
	struct world *w = *state;
	struct store_waiting one = a_device(1);
	struct err e = { 0 };

	assert_ok(wait_at(w->s, &one, NOW, &e));
	assert_ok(approve(w->s, one.code, NOW, &e));
	one = a_device(1);
	strcpy(one.model, "k2");
	strcpy(one.code, "ZZZZ-ZZZZ-ZZZZ");
	assert_ok(wait_at(w->s, &one, NOW + 1, &e));
	assert_int_equal(one.state, WAITING_OPEN);
	assert_refused(enrol(w->s, 1, NOW + 1, &e), ERR_REFUSED);
}

static void who_takes_anothers_place_ends_it(void **state)
{
	struct world *w = *state;
	struct store_waiting one = a_device(1), two = a_device(2);
	struct store_successor of_one = { .replaces = true,
					  .replaced = { { 1 } } };
	struct store_device d;
	struct err e = { 0 };

	assert_ok(wait_at(w->s, &one, NOW, &e));
	assert_ok(wait_at(w->s, &two, NOW, &e));
	assert_refused(store_waiting_approve(w->s, two.code, "canary", &of_one,
					     &by, &e),
		       ERR_NOT_FOUND);
	assert_ok(approve(w->s, one.code, NOW, &e));
	assert_ok(enrol(w->s, 1, NOW, &e));
	assert_ok(store_waiting_approve(w->s, two.code, "canary", &of_one, &by,
					&e));
	assert_ok(store_device_find(w->s, &of_one.replaced, &d, &e));
	assert_false(d.retired);
	assert_ok(enrol(w->s, 2, NOW, &e));
	assert_ok(store_device_find(w->s, &of_one.replaced, &d, &e));
	assert_true(d.retired);
	/* Not again, and not of another kind. */
	two = a_device(3);
	assert_ok(wait_at(w->s, &two, NOW, &e));
	assert_refused(store_waiting_approve(w->s, two.code, "canary", &of_one,
					     &by, &e),
		       ERR_NOT_FOUND);
	two = a_device(3);
	strcpy(two.model, "k2");
	assert_ok(wait_at(w->s, &two, NOW, &e));
	of_one.replaced.bytes[0] = 2;
	assert_refused(store_waiting_approve(w->s, two.code, "canary", &of_one,
					     &by, &e),
		       ERR_CONFLICT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(two_officers_say_the_same),
		TEST(who_asks_again_has_the_same_code),
		TEST(who_trusts_another_root_asks_anew),
		TEST(the_approved_one_is_let_in_once),
		TEST(neither_code_nor_approval_last_for_ever),
		TEST(who_was_denied_is_told_so_for_a_day),
		TEST(a_crowd_does_not_wait),
		TEST(the_list_is_of_those_who_still_wait),
		TEST(the_same_key_of_another_model_asks_anew),
		TEST(who_takes_anothers_place_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
