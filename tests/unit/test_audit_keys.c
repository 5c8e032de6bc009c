/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/audit_keys.h"

#include <string.h>

#include "tests/unit/check.h"

#define NOW INT64_C(1795748400)

/* Three log keys, and what is known of a log's. */
static struct ec_private *keys[3];
static struct ec_public publics[3];
static struct audit_keys known;
static struct err e;

static int setup(void **state)
{
	(void)state;
	known = (struct audit_keys){ .count = 0 };
	for (size_t i = 0; i < 3; i++) {
		uint8_t scalar[EC_SCALAR_LEN];

		memset(scalar, (int)i + 5, sizeof(scalar));
		assert_ok(ec_private_from_scalar(scalar, &keys[i], &e));
		ec_public_of(keys[i], &publics[i]);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++)
		ec_free(keys[i]);
	return 0;
}

static void pin(size_t which)
{
	assert_ok(audit_keys_pin(&known, &publics[which], &e));
}

/* Record n says that `to` comes after `from`. */
static struct audit_record a_record(uint64_t n, size_t from, size_t to,
				    bool lost)
{
	const struct audit_by by = { .kind = AUDIT_SYSTEM, .now = NOW };
	struct audit_record r;
	struct sha256 id;

	audit_record_init(&r, AUDIT_LOG_KEY, &by);
	r.number = n;
	ec_public_fingerprint(&publics[from], &id);
	audit_set_digest(&r, "from", &id);
	ec_public_fingerprint(&publics[to], &id);
	audit_set_digest(&r, "key", &id);
	json_set_hex(r.objects, "point",
		     (struct slice){ publics[to].point, EC_POINT_LEN });
	json_set_int(r.objects, "lost", lost);
	return r;
}

static int note(struct audit_record r)
{
	int rc = audit_keys_note(&known, &r, &e);

	audit_record_done(&r);
	return rc;
}

static int open_kept(size_t by, uint64_t size, bool kept, bool *judged)
{
	struct audit_checkpoint c = { .head.size = size, .time = NOW }, got;
	struct buf text = BUF_INIT(AUDIT_CHECKPOINT_MAX);
	bool ours = true;
	int rc;

	assert_ok(audit_checkpoint_sign(&c, keys[by], &text, &e));
	rc = kept ? audit_keys_open_kept(&known, buf_slice(&text), &got, &e)
		  : audit_keys_open(&known, buf_slice(&text), &got, &ours, &e);
	if (rc == 0 && ours)
		assert_int_equal(got.head.size, size);
	if (judged)
		*judged = ours;
	buf_done(&text);
	return rc;
}

static int signs(size_t by, uint64_t size)
{
	bool judged = false;
	int rc = open_kept(by, size, false, &judged);

	assert_true(rc != 0 || judged);
	return rc;
}

static void the_former_key_hands_over_to_the_next(void **state)
{
	(void)state;
	pin(0);
	assert_ok(note(a_record(5, 0, 1, false)));
	assert_ok(note(a_record(9, 1, 2, false)));
	assert_ok(signs(0, 3));
	/* not before the former has signed over the record that says so */
	assert_refused(signs(1, 7), ERR_UNTRUSTED);
	assert_ok(signs(0, 6));
	assert_ok(signs(1, 7));
	/* and the one before it never again */
	assert_refused(signs(0, 8), ERR_UNTRUSTED);
	/* nor the third: the second has not handed over */
	assert_refused(signs(2, 12), ERR_UNTRUSTED);
	assert_ok(signs(1, 10));
	assert_ok(signs(2, 12));
	assert_refused(signs(1, 13), ERR_UNTRUSTED);
}

static void pinning_brings_no_former_key_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++)
		pin(i);
	assert_ok(note(a_record(2, 0, 1, false)));
	assert_ok(note(a_record(5, 1, 2, true)));
	assert_ok(signs(0, 3));
	assert_ok(signs(1, 4));
	assert_ok(signs(2, 6));
	assert_refused(signs(1, 7), ERR_UNTRUSTED);
}

static void nobody_hands_over_for_another(void **state)
{
	(void)state;
	pin(0);
	assert_ok(note(a_record(5, 2, 1, false)));
	assert_ok(signs(0, 6));
	assert_refused(signs(1, 7), ERR_UNTRUSTED);
	/* a key that no record names */
	assert_refused(signs(2, 7), ERR_UNTRUSTED);
	assert_ok(signs(0, 7));
}

static void a_pinned_key_that_no_record_names_takes_no_turn(void **state)
{
	(void)state;
	pin(0);
	pin(1);
	assert_ok(signs(0, 6));
	assert_refused(signs(1, 7), ERR_UNTRUSTED);
}

static void a_lost_key_is_followed_by_one_that_is_pinned(void **state)
{
	(void)state;
	pin(0);
	assert_ok(note(a_record(5, 0, 1, true)));
	assert_ok(signs(0, 6));
	assert_refused_saying(signs(1, 7), ERR_UNTRUSTED, "record 5");
	pin(1);
	/* not before the log says so */
	assert_refused(signs(1, 5), ERR_UNTRUSTED);
	assert_ok(signs(1, 7));
	assert_refused(signs(0, 8), ERR_UNTRUSTED);
}

static void who_knows_the_newest_alone_passes_over_the_others(void **state)
{
	bool judged = true;

	(void)state;
	pin(1);
	assert_ok(note(a_record(5, 0, 1, false)));
	assert_ok(open_kept(0, 3, false, &judged));
	assert_false(judged);
	assert_ok(signs(1, 7));
	assert_refused(signs(0, 8), ERR_UNTRUSTED);
	assert_refused(open_kept(0, 3, true, NULL), ERR_UNTRUSTED);
	assert_ok(open_kept(1, 3, true, NULL));
}

static void what_was_kept_is_by_any_key_of_the_log(void **state)
{
	(void)state;
	pin(0);
	assert_ok(note(a_record(5, 0, 1, false)));
	assert_refused(open_kept(1, 7, true, NULL), ERR_UNTRUSTED);
	assert_ok(signs(0, 6));
	assert_ok(signs(1, 7));
	assert_ok(open_kept(1, 7, true, NULL));
	assert_ok(open_kept(0, 6, true, NULL));
	assert_refused(open_kept(2, 6, true, NULL), ERR_UNTRUSTED);
}

static void a_record_names_a_new_key_and_that_one(void **state)
{
	struct audit_record r = a_record(5, 0, 1, false);
	struct ec_public nowhere = publics[1];

	(void)state;
	assert_refused(note(a_record(5, 1, 1, false)), ERR_UNTRUSTED);
	nowhere.point[40] ^= 1;
	json_set_hex(r.objects, "point",
		     (struct slice){ nowhere.point, EC_POINT_LEN });
	assert_refused(note(r), ERR_FORMAT);
	r = a_record(5, 0, 1, false);
	json_set_hex(r.objects, "point",
		     (struct slice){ publics[2].point, EC_POINT_LEN });
	assert_refused(note(r), ERR_UNTRUSTED);
	assert_ok(note(a_record(5, 0, 1, false)));
	assert_refused(note(a_record(6, 0, 1, false)), ERR_UNTRUSTED);
}

static void their_number_is_bounded(void **state)
{
	(void)state;
	known.count = AUDIT_KEYS_MAX;
	assert_refused(audit_keys_pin(&known, &publics[0], &e), ERR_LIMIT);
}

static void list(size_t which, int64_t until)
{
	assert_ok(audit_keys_pin_listed(&known, &publics[which], until, &e));
}

/* Engineers signed which keys count: a hand-over to another one is none. */
static void who_is_not_in_the_list_signs_nothing(void **state)
{
	(void)state;
	list(0, NOW + 1);
	assert_ok(note(a_record(5, 0, 1, false)));
	assert_ok(signs(0, 6));
	assert_refused_saying(signs(1, 7), ERR_UNTRUSTED,
			      "not in the list that engineers signed");
	list(1, NOW + 1);
	assert_ok(signs(1, 7));
	/* and it counts no more */
	assert_refused(signs(0, 8), ERR_UNTRUSTED);
}

/* Nobody hands over, and an auditor need not be told: the list says it. */
static void a_lost_key_is_followed_by_the_one_in_the_list(void **state)
{
	(void)state;
	list(0, NOW + 1);
	assert_ok(note(a_record(5, 0, 1, true)));
	assert_ok(signs(0, 4));
	assert_refused(signs(1, 7), ERR_UNTRUSTED);
	list(1, NOW + 1);
	assert_ok(signs(1, 7));
}

static void what_is_signed_after_the_end_counts_no_more(void **state)
{
	(void)state;
	list(0, NOW);
	list(1, NOW - 1);
	assert_ok(note(a_record(5, 0, 1, false)));
	assert_ok(signs(0, 6));
	assert_refused_saying(signs(1, 7), ERR_EXPIRED, "signed until");
	/* Nor as one that was kept elsewhere. */
	assert_ok(open_kept(0, 6, true, NULL));
	assert_refused(open_kept(1, 7, true, NULL), ERR_EXPIRED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_is_signed_after_the_end_counts_no_more),
		TEST(a_lost_key_is_followed_by_the_one_in_the_list),
		TEST(who_is_not_in_the_list_signs_nothing),
		TEST(the_former_key_hands_over_to_the_next),
		TEST(pinning_brings_no_former_key_back),
		TEST(nobody_hands_over_for_another),
		TEST(a_pinned_key_that_no_record_names_takes_no_turn),
		TEST(a_lost_key_is_followed_by_one_that_is_pinned),
		TEST(who_knows_the_newest_alone_passes_over_the_others),
		TEST(what_was_kept_is_by_any_key_of_the_log),
		TEST(a_record_names_a_new_key_and_that_one),
		TEST(their_number_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
