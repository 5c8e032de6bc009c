/* SPDX-License-Identifier: Apache-2.0 */
/* Whom the keeper lets in, from nothing but what is in its ledger. */
#include "update-server/keeper_registry.h"

#include <stdlib.h>

#include "tests/unit/officer.h"

#define NOW   INT64_C(1790000000)
#define HOUR  3600
#define CODES 5

static struct sha256 hashes[CODES];

static bool four_eyes; /* as it is in production */

static int setup(void **state)
{
	four_eyes = false;
	for (unsigned i = 0; i < CODES; i++)
		hashes[i] = (struct sha256){ { (uint8_t)(i + 1) } };
	*state = keeper_registry_new();
	return 0;
}

static int teardown(void **state)
{
	keeper_registry_free(*state);
	return 0;
}

static int tell(struct keeper_registry *r, const struct warrant *w, int64_t now,
		struct err *e)
{
	char text[WARRANT_MAX + 1];
	struct json *record = NULL;
	bool known = false;
	int rc = keeper_registry_judge(r, w, now, &known, e);

	if (rc || known)
		return rc;
	sign_with(w, OFFICER, text);
	assert_int_equal(
		keeper_registry_warrant(slice_of(text), now, &record, e), 0);
	rc = keeper_registry_take(r, record, e);
	json_free(record);
	return rc;
}

static struct sha256 key_of(unsigned n)
{
	return (struct sha256){ { 99, (uint8_t)n } };
}

/* Asks as the index-th code's owner, with the n-th key; what was allowed is
 * taken as the device of this number. */
static int come(struct keeper_registry *r, uint64_t index, unsigned n,
		int64_t now, struct err *e)
{
	struct codes_place place = { .index = 0 };
	struct keeper_ask ask = { .key = key_of(n),
				  .claim = &hashes[index],
				  .place = &place,
				  .product = "kiosk",
				  .model = "k1",
				  .now = now };
	struct keeper_issue i = { .key = ask.key, .place = &place, .now = now };
	struct json *record;
	bool again = false;
	int rc;

	assert_int_equal(codes_prove(hashes, CODES, index, &place, e), 0);
	if (keeper_registry_admit(r, &ask, &again, &i.device, e))
		return -1;
	if (!again)
		i.device.bytes[0] = (uint8_t)n;
	assert_int_equal(i.device.bytes[0], n);
	record = keeper_registry_issue(&i);
	rc = keeper_registry_take(r, record, e);
	json_free(record);
	return rc;
}

static void a_code_opens_once_and_again_for_the_same_key(void **state)
{
	struct warrant w = a_batch_of(hashes, CODES, NOW);
	struct err e = { 0 };

	assert_refused(come(*state, 0, 1, NOW, &e), ERR_REFUSED);
	assert_ok(tell(*state, &w, NOW, &e));
	assert_ok(come(*state, 0, 1, NOW, &e));
	assert_ok(come(*state, 0, 1, NOW + 9, &e));
	assert_refused(come(*state, 0, 2, NOW, &e), ERR_REFUSED);
	assert_ok(come(*state, 1, 2, NOW, &e));
	/* The batch once more is the batch. */
	assert_ok(tell(*state, &w, NOW, &e));
	assert_refused(come(*state, 0, 2, NOW, &e), ERR_REFUSED);
	w.quota = 3;
	assert_refused(tell(*state, &w, NOW, &e), ERR_REFUSED);
}

static void a_code_is_of_its_batch_product_and_model(void **state)
{
	struct warrant w = a_batch_of(hashes, CODES, NOW);
	const struct sha256 guess = { { 77 } };
	struct codes_place place, other;
	struct keeper_ask ask = { .key = key_of(1),
				  .claim = &hashes[2],
				  .place = &place,
				  .product = "kiosk",
				  .model = "k1",
				  .now = NOW };
	struct device_id id;
	struct err e = { 0 };
	bool again;

	assert_ok(tell(*state, &w, NOW, &e));
	assert_ok(codes_prove(hashes, CODES, 2, &place, &e));
	assert_ok(keeper_registry_admit(*state, &ask, &again, &id, &e));
	ask.claim = &guess;
	assert_refused(keeper_registry_admit(*state, &ask, &again, &id, &e),
		       ERR_UNTRUSTED);
	/* A tree of the thief's own, of one guess. */
	assert_ok(codes_prove(&guess, 1, 0, &other, &e));
	ask.place = &other;
	assert_refused(keeper_registry_admit(*state, &ask, &again, &id, &e),
		       ERR_REFUSED);
	ask.place = &place;
	ask.claim = &hashes[2];
	place.count--;
	assert_refused(keeper_registry_admit(*state, &ask, &again, &id, &e),
		       ERR_REFUSED);
	place.count++;
	ask.model = "k2";
	assert_refused(keeper_registry_admit(*state, &ask, &again, &id, &e),
		       ERR_REFUSED);
	ask.model = "k1";
	ask.product = "camera";
	assert_refused(keeper_registry_admit(*state, &ask, &again, &id, &e),
		       ERR_REFUSED);
}

static void a_batch_has_its_time_its_number_and_its_hour(void **state)
{
	struct warrant w = a_batch_of(hashes, CODES, NOW);
	struct err e = { 0 };

	w.inactive = true;
	w.quota = 3;
	w.per_hour = 2;
	assert_ok(tell(*state, &w, NOW, &e));
	assert_refused(come(*state, 0, 1, NOW, &e), ERR_REFUSED);
	w.act = WARRANT_ACTIVATE;
	w.time = NOW + 2 * UTC_DAY;
	assert_ok(tell(*state, &w, NOW + 2 * UTC_DAY, &e));
	assert_ok(come(*state, 0, 1, NOW + 2 * UTC_DAY, &e));
	assert_ok(come(*state, 1, 2, NOW + 2 * UTC_DAY, &e));
	assert_refused(come(*state, 2, 3, NOW + 2 * UTC_DAY, &e), ERR_BUSY);
	assert_ok(come(*state, 2, 3, NOW + 2 * UTC_DAY + HOUR, &e));
	assert_refused(come(*state, 3, 4, NOW + 2 * UTC_DAY + 2 * HOUR, &e),
		       ERR_REFUSED);
	/* Activated again is not longer. */
	w.time += UTC_DAY;
	assert_ok(tell(*state, &w, w.time, &e));
	assert_refused(come(*state, 4, 5, NOW + 3 * UTC_DAY, &e), ERR_REFUSED);
}

static void a_batch_ends_when_it_was_said(void **state)
{
	struct warrant w = a_batch_of(hashes, CODES, NOW);
	struct err e = { 0 };

	assert_ok(tell(*state, &w, NOW, &e));
	assert_ok(come(*state, 0, 1, NOW + UTC_DAY - 1, &e));
	assert_refused(come(*state, 1, 2, NOW + UTC_DAY, &e), ERR_REFUSED);
}

static void what_was_withdrawn_opens_nothing(void **state)
{
	struct warrant w = a_batch_of(hashes, CODES, NOW);
	struct warrant stop = { .act = WARRANT_WITHDRAW,
				.by = w.by,
				.time = NOW,
				.codes = w.codes,
				.one = true,
				.index = 3 };
	struct err e = { 0 };

	assert_refused(tell(*state, &stop, NOW, &e), ERR_NOT_FOUND);
	assert_ok(tell(*state, &w, NOW, &e));
	stop.index = CODES;
	assert_refused(tell(*state, &stop, NOW, &e), ERR_NOT_FOUND);
	stop.index = 3;
	assert_ok(tell(*state, &stop, NOW, &e));
	assert_refused(come(*state, 3, 1, NOW, &e), ERR_REFUSED);
	assert_ok(come(*state, 2, 1, NOW, &e));
	stop.one = false;
	stop.index = 0;
	assert_ok(tell(*state, &stop, NOW, &e));
	assert_refused(come(*state, 4, 2, NOW, &e), ERR_REFUSED);
	/* Who came before is asked no second time whether it may. */
	assert_ok(come(*state, 2, 1, NOW, &e));
}

static int come_approved(struct keeper_registry *r, unsigned n, int64_t now,
			 struct err *e)
{
	struct keeper_ask ask = { .key = key_of(n),
				  .product = "kiosk",
				  .model = "k1",
				  .four_eyes = four_eyes,
				  .now = now };
	struct keeper_issue i = { .key = ask.key, .now = now };
	struct json *record;
	bool again = false;
	int rc;

	if (keeper_registry_admit(r, &ask, &again, &i.device, e))
		return -1;
	if (!again)
		i.device.bytes[0] = (uint8_t)n;
	assert_int_equal(i.device.bytes[0], n);
	record = keeper_registry_issue(&i);
	rc = keeper_registry_take(r, record, e);
	json_free(record);
	return rc;
}

static struct warrant approval_of(unsigned n)
{
	return (struct warrant){ .act = WARRANT_APPROVE,
				 .by = officer_certificate(),
				 .time = NOW,
				 .key = key_of(n),
				 .product = "kiosk",
				 .model = "k1",
				 .cohort = "shop" };
}

static void an_approval_is_for_one_key_for_a_day_and_once(void **state)
{
	struct warrant w = approval_of(1);
	struct err e = { 0 };

	assert_refused(come_approved(*state, 1, NOW, &e), ERR_REFUSED);
	assert_ok(tell(*state, &w, NOW, &e));
	assert_refused(come_approved(*state, 2, NOW, &e), ERR_REFUSED);
	assert_refused(come_approved(*state, 1, NOW + UTC_DAY, &e),
		       ERR_REFUSED);
	assert_ok(come_approved(*state, 1, NOW + UTC_DAY - 1, &e));
	assert_ok(come_approved(*state, 1, NOW + UTC_DAY, &e));
	/* A key that was let in is let in by no second word, old or new. */
	assert_refused(tell(*state, &w, NOW, &e), ERR_CONFLICT);
	w = approval_of(3);
	strcpy(w.model, "k2");
	assert_ok(tell(*state, &w, NOW, &e));
	assert_refused(come_approved(*state, 3, NOW, &e), ERR_REFUSED);
	w = approval_of(4);
	strcpy(w.product, "camera");
	assert_ok(tell(*state, &w, NOW, &e));
	assert_refused(come_approved(*state, 4, NOW, &e), ERR_REFUSED);
}

/* ---- a ledger that does not fit ------------------------------------------ */

static struct json *record_of(const struct warrant *w)
{
	char text[WARRANT_MAX + 1];
	struct json *record = NULL;
	struct err e = { 0 };

	sign_with(w, OFFICER, text);
	assert_ok(keeper_registry_warrant(slice_of(text), NOW, &record, &e));
	return record;
}

static void refuse_record(struct keeper_registry *r, struct json *record)
{
	struct err e = { 0 };

	assert_refused(keeper_registry_take(r, record, &e), ERR_FORMAT);
	json_free(record);
}

/* What no judge would have let in is not taken from the ledger, either. */
static void a_record_of_codes_that_nobody_made_is_refused(void **state)
{
	struct warrant w = a_batch_of(hashes, CODES, NOW);
	struct warrant stop = { .act = WARRANT_WITHDRAW,
				.by = w.by,
				.time = NOW,
				.codes = w.codes,
				.one = true };
	struct codes_place place;
	struct keeper_issue i = { .key = key_of(1),
				  .place = &place,
				  .now = NOW };
	struct json *record;
	struct err e = { 0 };

	refuse_record(*state, record_of(&stop));
	assert_ok(tell(*state, &w, NOW, &e));
	stop.index = CODES;
	refuse_record(*state, record_of(&stop));
	assert_ok(codes_prove(hashes, CODES, 0, &place, &e));
	record = keeper_registry_issue(&i);
	json_set_int(record, "index", CODES);
	refuse_record(*state, record);
	record = keeper_registry_issue(&i);
	json_remove(record, "certificate");
	refuse_record(*state, record);
	record = record_of(&w);
	json_set_text((struct json *)(uintptr_t)json_get(record, "warrant"),
		      "act", "none");
	refuse_record(*state, record);
}

/* Is there nothing to be written down? */
static bool is_known(struct keeper_registry *r, const struct warrant *w,
		     int64_t now)
{
	struct err e = { 0 };
	bool known = false;

	assert_ok(keeper_registry_judge(r, w, now, &known, &e));
	return known;
}

static void an_approval_that_is_brought_again_is_nothing_new(void **state)
{
	struct warrant first = approval_of(1), later = approval_of(1);
	struct err e = { 0 };

	later.time = NOW + 60;
	strcpy(later.model, "k2");
	assert_false(is_known(*state, &first, NOW));
	assert_ok(tell(*state, &first, NOW, &e));
	/* Once more within its hour: not written, and it lasts no longer. */
	assert_true(is_known(*state, &first, NOW + HOUR));
	assert_ok(tell(*state, &first, NOW + HOUR, &e));
	assert_refused(come_approved(*state, 1, NOW + UTC_DAY, &e),
		       ERR_REFUSED);
	/* A later word counts, and the earlier never again. */
	assert_false(is_known(*state, &later, NOW + 60));
	assert_ok(tell(*state, &later, NOW + 60, &e));
	assert_refused(tell(*state, &first, NOW + 61, &e), ERR_CONFLICT);
	assert_refused(come_approved(*state, 1, NOW + 62, &e), ERR_REFUSED);
	later.time += 60;
	later.replaces = true;
	assert_ok(tell(*state, &later, NOW + 120, &e));
	later.replaces = false;
	assert_refused(tell(*state, &later, NOW + 120, &e), ERR_CONFLICT);
}

static struct warrant by_the_other(struct warrant w)
{
	w.by.bytes[0] ^= 1;
	return w;
}

static void where_it_takes_two_officers_one_is_none(void **state)
{
	struct warrant w = approval_of(1), other = by_the_other(w);
	struct err e = { 0 };

	four_eyes = true;
	assert_ok(tell(*state, &w, NOW, &e));
	assert_refused(come_approved(*state, 1, NOW, &e), ERR_REFUSED);
	/* The same one is nobody else, however often. */
	w.time += 60;
	assert_ok(tell(*state, &w, NOW + 60, &e));
	assert_refused(come_approved(*state, 1, NOW + 60, &e), ERR_REFUSED);
	/* Somebody else, of another cohort: no two say the same. */
	strcpy(other.cohort, "lab");
	other.time += 90;
	assert_ok(tell(*state, &other, NOW + 90, &e));
	assert_refused(come_approved(*state, 1, NOW + 90, &e), ERR_REFUSED);
	strcpy(other.cohort, w.cohort);
	other.time++;
	assert_ok(tell(*state, &other, NOW + 91, &e));
	w.time = other.time + 1;
	assert_ok(tell(*state, &w, NOW + 92, &e));
	assert_ok(come_approved(*state, 1, NOW + 92, &e));
}

static void two_words_are_of_one_day(void **state)
{
	struct warrant w = approval_of(1), other = by_the_other(w);
	const int64_t late = NOW + UTC_DAY;
	struct err e = { 0 };

	four_eyes = true;
	assert_ok(tell(*state, &w, NOW, &e));
	other.time = late;
	assert_ok(tell(*state, &other, late, &e));
	assert_refused(come_approved(*state, 1, late, &e), ERR_REFUSED);
	/* The second does not prolong the first, nor can it do so again. */
	w.time = late + HOUR;
	assert_ok(tell(*state, &w, late + HOUR, &e));
	assert_true(is_known(*state, &w, late + HOUR));
	assert_refused(come_approved(*state, 1, late + UTC_DAY, &e),
		       ERR_REFUSED);
	assert_ok(come_approved(*state, 1, late + UTC_DAY - 1, &e));
}

static void an_old_word_is_not_for_now(void **state)
{
	struct warrant w = approval_of(1);
	struct err e = { 0 };

	assert_refused(tell(*state, &w, NOW + WARRANT_SLACK_SEC + 1, &e),
		       ERR_REFUSED);
	assert_refused(tell(*state, &w, NOW - WARRANT_SLACK_SEC - 1, &e),
		       ERR_REFUSED);
	assert_ok(tell(*state, &w, NOW + WARRANT_SLACK_SEC, &e));
	/* To end something is always in time. */
	w = (struct warrant){ .act = WARRANT_END, .by = w.by, .time = NOW };
	assert_ok(tell(*state, &w, NOW + 400 * UTC_DAY, &e));
}

static void who_was_ended_stays_so(void **state)
{
	struct warrant w = a_batch_of(hashes, CODES, NOW);
	struct warrant end = { .act = WARRANT_END, .by = w.by, .time = NOW };
	struct err e = { 0 };

	end.device.bytes[0] = 1;
	assert_ok(tell(*state, &w, NOW, &e));
	assert_ok(come(*state, 0, 1, NOW, &e));
	assert_ok(keeper_registry_check(*state, &end.device, &e));
	assert_ok(tell(*state, &end, NOW, &e));
	assert_ok(tell(*state, &end, NOW, &e));
	assert_refused(keeper_registry_check(*state, &end.device, &e),
		       ERR_REFUSED);
	/* Nor does its own code or approval let it in again. */
	assert_refused(come(*state, 0, 1, NOW, &e), ERR_REFUSED);
	end.device.bytes[0] = 2;
	assert_ok(keeper_registry_check(*state, &end.device, &e));
}

static void a_successor_ends_whose_place_it_takes(void **state)
{
	struct warrant w = a_batch_of(hashes, 1, NOW);
	struct codes_place place;
	struct keeper_issue i = { .key = key_of(1),
				  .place = &place,
				  .now = NOW };
	struct json *record;
	struct err e = { 0 };

	w.replaces = true;
	w.device.bytes[0] = 9;
	assert_ok(tell(*state, &w, NOW, &e));
	assert_ok(keeper_registry_check(*state, &w.device, &e));
	assert_ok(codes_prove(hashes, 1, 0, &place, &e));
	record = keeper_registry_issue(&i);
	assert_ok(keeper_registry_take(*state, record, &e));
	json_free(record);
	assert_refused(keeper_registry_check(*state, &w.device, &e),
		       ERR_REFUSED);
	w = approval_of(3);
	w.replaces = true;
	w.device.bytes[0] = 8;
	assert_ok(tell(*state, &w, NOW, &e));
	assert_ok(keeper_registry_check(*state, &w.device, &e));
	assert_ok(come_approved(*state, 3, NOW, &e));
	assert_refused(keeper_registry_check(*state, &w.device, &e),
		       ERR_REFUSED);
}

static void a_record_of_nothing_is_not_taken(void **state)
{
	static const char *const bad[] = {
		"{}",
		"{\"at\":\"2026-09-21T00:00:00Z\"}",
		"{\"at\":\"2026-09-21T00:00:00Z\",\"warrant\":{}}",
		"{\"at\":\"2026-09-21T00:00:00Z\",\"certificate\":\"\"}",
	};
	struct keeper_issue i = { .now = NOW };
	struct codes_place place = { .index = 0 };
	struct json *j = NULL;
	struct err e = { 0 };

	for (size_t n = 0; n < ARRAY_LEN(bad); n++) {
		assert_ok(json_parse(slice_of(bad[n]), &j, &e));
		assert_refused(keeper_registry_take(*state, j, &e), ERR_FORMAT);
		json_free(j);
	}
	/* Of an approval or a batch that nobody gave. */
	j = keeper_registry_issue(&i);
	assert_refused(keeper_registry_take(*state, j, &e), ERR_FORMAT);
	json_free(j);
	i.place = &place;
	j = keeper_registry_issue(&i);
	assert_refused(keeper_registry_take(*state, j, &e), ERR_FORMAT);
	json_free(j);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_code_opens_once_and_again_for_the_same_key),
		TEST(a_code_is_of_its_batch_product_and_model),
		TEST(a_batch_has_its_time_its_number_and_its_hour),
		TEST(a_batch_ends_when_it_was_said),
		TEST(what_was_withdrawn_opens_nothing),
		TEST(an_approval_is_for_one_key_for_a_day_and_once),
		TEST(a_record_of_codes_that_nobody_made_is_refused),
		TEST(an_approval_that_is_brought_again_is_nothing_new),
		TEST(where_it_takes_two_officers_one_is_none),
		TEST(two_words_are_of_one_day),
		TEST(an_old_word_is_not_for_now),
		TEST(who_was_ended_stays_so),
		TEST(a_successor_ends_whose_place_it_takes),
		TEST(a_record_of_nothing_is_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
