/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of claim codes: when they open, how many, and what is counted. */
#include "update-server/store.h"
#include "update-server/store_cohort.h"

#include "tests/unit/box.h"

#define NOW  1000000
#define HOUR 3600
#define DAY  86400

static const struct audit_by by = { .kind = AUDIT_PERSON,
				    .person = { { 7 } },
				    .now = NOW };
static const struct ec_public nobodys;

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

/* Five codes, whose hashes follow each other from 1 on. */
static struct store_batch a_batch(void)
{
	return (struct store_batch){ .product = "kiosk",
				     .model = "k1",
				     .cohort = "canary",
				     .count = 5,
				     .created = NOW,
				     .activated = NOW,
				     .life = DAY };
}

static void add(struct store *s, struct store_batch *b)
{
	const struct sha256 codes[5] = { hash(1), hash(2), hash(3), hash(4),
					 hash(5) };
	struct err e = { 0 };

	assert_ok(store_batch_add(s, b, codes, &by, &e));
}

static int ask(struct store *s, unsigned code, int64_t now, struct err *e)
{
	const struct store_ask q = { .claim = hash(code),
				     .spki = hash(50 + code),
				     .product = "kiosk",
				     .model = "k1",
				     .decrypt = &nobodys,
				     .now = now };
	struct store_device d;
	bool again;

	return store_enrol_check(s, &q, &again, &d, e);
}

static int enrol(struct store *s, unsigned code, int64_t now, struct err *e)
{
	struct store_device d = {
		.facts = { .id = { { (uint8_t)(code + 1) } },
			   .product = "kiosk",
			   .model = "k1" },
		.fingerprint = hash(1000 + code),
		.spki = hash(2000 + code),
		.certificate = "pem",
		.decrypt = { .proof = { 0x30, 1 }, .proof_len = 2 },
	};
	const struct audit_by self = { .kind = AUDIT_DEVICE,
				       .device = d.facts.id,
				       .now = now };
	const struct sha256 claim = hash(code);

	d.decrypt.key.point[0] = (uint8_t)(code + 1);
	return store_enrol(s, &claim, &d, &self, e);
}

static void keep(void *ctx, const struct store_batch *b)
{
	*(struct store_batch *)ctx = *b;
}

static struct store_batch look(struct store *s)
{
	struct store_batch b = { 0 };
	struct err e = { 0 };

	assert_ok(store_batch_each(s, keep, &b, &e));
	return b;
}

static void the_life_of_a_batch_starts_with_its_activation(void **state)
{
	struct world *w = *state;
	struct store_batch b = a_batch();
	const struct audit_by later = { .kind = AUDIT_PERSON,
					.person = { { 7 } },
					.now = NOW + 100 * DAY };
	struct err e = { 0 };

	b.activated = 0;
	add(w->s, &b);
	assert_int_equal(b.expires, 0);
	assert_refused(ask(w->s, 1, NOW, &e), ERR_REFUSED);
	assert_non_null(strstr(e.msg, "not activated yet"));
	assert_refused(enrol(w->s, 1, NOW, &e), ERR_REFUSED);
	assert_refused(store_batch_activate(w->s, b.id + 1, &later, &e),
		       ERR_NOT_FOUND);
	assert_ok(store_batch_activate(w->s, b.id, &later, &e));
	assert_refused(store_batch_activate(w->s, b.id, &later, &e),
		       ERR_CONFLICT);
	assert_ok(ask(w->s, 1, later.now, &e));
	assert_ok(enrol(w->s, 2, later.now + DAY - 1, &e));
	assert_refused(ask(w->s, 1, later.now + DAY, &e), ERR_REFUSED);
	assert_non_null(strstr(e.msg, "it has expired"));
	assert_refused(enrol(w->s, 1, later.now + DAY, &e), ERR_REFUSED);
	b = look(w->s);
	assert_int_equal(b.activated, later.now);
	assert_int_equal(b.expires, later.now + DAY);
}

static void a_time_that_was_given_stands_whenever_it_is_activated(void **state)
{
	struct world *w = *state;
	struct store_batch b = a_batch();
	struct err e = { 0 };

	b.activated = b.life = 0;
	b.expires = NOW + 10;
	add(w->s, &b);
	assert_ok(store_batch_activate(w->s, b.id, &by, &e));
	assert_ok(ask(w->s, 1, NOW + 9, &e));
	assert_refused(ask(w->s, 1, NOW + 10, &e), ERR_REFUSED);
}

static void no_more_than_the_quota_are_ever_used(void **state)
{
	struct world *w = *state;
	struct store_batch b = a_batch();
	struct err e = { 0 };

	b.quota = 2;
	add(w->s, &b);
	assert_ok(enrol(w->s, 1, NOW, &e));
	assert_ok(enrol(w->s, 2, NOW, &e));
	assert_refused(ask(w->s, 3, NOW + HOUR * 20, &e), ERR_REFUSED);
	assert_non_null(strstr(e.msg, "as many of its batch as may be"));
	assert_refused(enrol(w->s, 3, NOW, &e), ERR_REFUSED);
	/* The device of a lost answer is let in all the same: it was. */
	assert_int_equal(look(w->s).used, 2);
}

static void so_many_in_an_hour_and_then_others_again(void **state)
{
	struct world *w = *state;
	struct store_batch b = a_batch();
	struct err e = { 0 };

	b.per_hour = 2;
	add(w->s, &b);
	assert_ok(enrol(w->s, 1, NOW, &e));
	assert_ok(enrol(w->s, 2, NOW + 10, &e));
	assert_refused(ask(w->s, 3, NOW + 20, &e), ERR_BUSY);
	assert_non_null(strstr(e.msg, "try again later"));
	assert_refused(enrol(w->s, 3, NOW + HOUR - 1, &e), ERR_BUSY);
	assert_ok(enrol(w->s, 3, NOW + HOUR, &e));
	assert_refused(enrol(w->s, 4, NOW + HOUR + 9, &e), ERR_BUSY);
	assert_ok(enrol(w->s, 4, NOW + HOUR + 10, &e));
}

static void a_batch_is_withdrawn_but_for_what_was_used(void **state)
{
	struct world *w = *state;
	struct store_batch b = a_batch();
	struct err e = { 0 };
	uint64_t count;

	add(w->s, &b);
	assert_ok(enrol(w->s, 1, NOW, &e));
	assert_ok(store_claim_revoke(w->s, b.id + 1, &by, &e));
	assert_ok(store_batch_revoke(w->s, b.id, &by, &count, &e));
	assert_int_equal(count, 3);
	assert_ok(store_batch_revoke(w->s, b.id, &by, &count, &e));
	assert_int_equal(count, 0);
	assert_refused(ask(w->s, 3, NOW, &e), ERR_REFUSED);
	assert_non_null(strstr(e.msg, "it was revoked"));
	assert_refused(store_batch_revoke(w->s, 77, &by, &count, &e),
		       ERR_NOT_FOUND);
	b = look(w->s);
	assert_int_equal(b.used, 1);
	assert_int_equal(b.revoked, 4);
}

static void every_refusal_is_counted_where_it_belongs(void **state)
{
	struct world *w = *state;
	struct store_batch b = a_batch();
	struct err e = { 0 };
	uint64_t strangers;

	add(w->s, &b);
	assert_ok(enrol(w->s, 1, NOW, &e));
	assert_refused(ask(w->s, 1, NOW, &e), ERR_REFUSED);
	assert_non_null(strstr(e.msg, "it was used already"));
	assert_refused(ask(w->s, 1, NOW, &e), ERR_REFUSED);
	assert_refused(ask(w->s, 2, NOW + DAY, &e), ERR_REFUSED);
	for (unsigned i = 0; i < 3; i++) {
		assert_refused(ask(w->s, 900 + i, NOW, &e), ERR_REFUSED);
		assert_non_null(strstr(e.msg, "nobody gave it out"));
	}
	b = look(w->s);
	assert_int_equal(b.refused[CLAIM_WAS_USED], 2);
	assert_int_equal(b.refused[CLAIM_EXPIRED], 1);
	assert_int_equal(b.refused[CLAIM_NOT_KNOWN], 0);
	assert_ok(store_claim_strangers(w->s, &strangers, &e));
	assert_int_equal(strangers, 3);
}

static void a_code_may_be_for_who_takes_anothers_place(void **state)
{
	struct world *w = *state;
	struct store_batch b = a_batch(), next = a_batch();
	const struct sha256 code = hash(6);
	struct store_device d;
	struct err e = { 0 };

	add(w->s, &b);
	assert_ok(enrol(w->s, 1, NOW, &e)); /* its id begins with 2 */
	next.count = 1;
	next.successor = (struct store_successor){ true, { { 9 } } };
	assert_refused(store_batch_add(w->s, &next, &code, &by, &e),
		       ERR_NOT_FOUND);
	next.successor.replaced.bytes[0] = 2;
	assert_ok(store_batch_add(w->s, &next, &code, &by, &e));
	assert_ok(enrol(w->s, 6, NOW, &e));
	assert_ok(store_device_find(w->s, &next.successor.replaced, &d, &e));
	assert_true(d.retired);
}

static void count_claim(void *ctx, const struct store_claim *c)
{
	int64_t *last = ctx;

	assert_true(c->id > *last);
	*last = c->id;
}

static void the_list_comes_in_pages(void **state)
{
	struct world *w = *state;
	struct store_batch b = a_batch();
	struct err e = { 0 };
	int64_t last = 0;

	add(w->s, &b);
	assert_ok(store_claim_each(w->s, 0, 2, count_claim, &last, &e));
	assert_int_equal(last, b.id + 1);
	assert_ok(store_claim_each(w->s, last, 100, count_claim, &last, &e));
	assert_int_equal(last, b.id + 4);
}

static void every_refusal_has_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < CLAIM_REFUSALS; i++) {
		assert_non_null(claim_refusal_words((enum claim_refusal)i));
		assert_non_null(claim_refusal_name((enum claim_refusal)i));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_life_of_a_batch_starts_with_its_activation),
		TEST(a_time_that_was_given_stands_whenever_it_is_activated),
		TEST(no_more_than_the_quota_are_ever_used),
		TEST(so_many_in_an_hour_and_then_others_again),
		TEST(a_batch_is_withdrawn_but_for_what_was_used),
		TEST(every_refusal_is_counted_where_it_belongs),
		TEST(a_code_may_be_for_who_takes_anothers_place),
		TEST(the_list_comes_in_pages),
		cmocka_unit_test(every_refusal_has_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
