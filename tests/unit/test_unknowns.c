/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/unknowns.h"

#include <stdio.h>

#include "tests/unit/check.h"

#define NOW INT64_C(1800000000)

static struct ec_private *ca_key, *key;
static struct ec_public ca_public, public_key;
static struct buf ca = BUF_INIT(X509_PEM_MAX_LEN);
static struct unknowns *list;
static struct err e;

static int setup(void **state)
{
	const struct x509_template t = { .kind = X509_CA,
					 .common_name = "Test CA",
					 .not_before = NOW - 1,
					 .not_after = NOW + UTC_DAY };

	(void)state;
	assert_ok(ec_generate(&ca_key, &e));
	assert_ok(ec_generate(&key, &e));
	ec_public_of(ca_key, &ca_public);
	ec_public_of(key, &public_key);
	assert_ok(x509_issue(&t, &ca_public, (struct slice){ 0 }, ca_key, &ca,
			     &e));
	list = unknowns_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unknowns_free(list);
	ec_free(ca_key);
	ec_free(key);
	buf_done(&ca);
	return 0;
}

/* A certificate of its own for each call. */
static int note(const char *name, int64_t now, bool *is_new)
{
	const struct x509_template t = { .kind = X509_DEVICE,
					 .common_name = name,
					 .not_before = NOW - 1,
					 .not_after = NOW + UTC_DAY };
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	int rc;

	assert_ok(
		x509_issue(&t, &public_key, buf_slice(&ca), ca_key, &pem, &e));
	rc = unknowns_note(list, buf_slice(&pem), now, is_new, &e);
	buf_done(&pem);
	return rc;
}

static void note_id(unsigned id, int64_t now)
{
	char name[2 * DEVICE_ID_LEN + 1];
	bool is_new = false;

	(void)snprintf(name, sizeof(name), "%032x", id);
	assert_ok(note(name, now, &is_new));
	assert_true(is_new);
}

static struct device_id id_of(unsigned id)
{
	struct device_id out = { { 0 } };

	out.bytes[DEVICE_ID_LEN - 1] = (uint8_t)id;
	out.bytes[DEVICE_ID_LEN - 2] = (uint8_t)(id >> 8);
	return out;
}

static void count(void *ctx, const struct unknown *one)
{
	(void)one;
	++*(size_t *)ctx;
}

/* A certificate of one's own that asks to be known again. */
static struct unknown ask(unsigned id, int64_t now)
{
	char name[2 * DEVICE_ID_LEN + 1];
	struct x509_template t = { .kind = X509_DEVICE,
				   .common_name = name,
				   .not_before = NOW - 1,
				   .not_after = NOW + UTC_DAY };
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct unknown one, again;
	bool first;

	(void)snprintf(name, sizeof(name), "%032x", id);
	assert_ok(
		x509_issue(&t, &public_key, buf_slice(&ca), ca_key, &pem, &e));
	assert_ok(unknowns_ask(list, buf_slice(&pem), now, &one, &first, &e));
	assert_true(first);
	/* Who asks again is no second one, and shows the same code. */
	assert_ok(unknowns_ask(list, buf_slice(&pem), now + 9, &again, &first,
			       &e));
	assert_false(first);
	assert_string_equal(again.code, one.code);
	assert_memory_equal(again.nonce, one.nonce, sizeof(one.nonce));
	assert_int_equal(again.first, now);
	assert_int_equal(again.last, now + 9);
	buf_done(&pem);
	return one;
}

static void one_is_taken_once_by_the_code_that_it_shows(void **state)
{
	struct device_id id = id_of(5);
	char code[CLAIM_JOIN_LEN + 1];
	struct unknown one, other = ask(6, NOW);
	struct sha256 spki;

	(void)state;
	one = ask(5, NOW);
	claim_join_code(&public_key, one.nonce, NULL, code);
	assert_string_equal(one.code, code);
	assert_string_not_equal(one.code, other.code);
	assert_refused(unknowns_take(list, "0000-0000", &other, &e),
		       ERR_NOT_FOUND);
	assert_ok(unknowns_take(list, code, &one, &e));
	ec_public_fingerprint(&public_key, &spki);
	assert_true(sha256_equal(&one.spki, &spki));
	assert_memory_equal(&one.id, &id, sizeof(id));
	assert_int_equal(one.first, NOW);
	assert_refused(unknowns_take(list, code, &one, &e), ERR_NOT_FOUND);
}

static void who_never_asked_cannot_be_taken(void **state)
{
	struct unknown one;

	(void)state;
	note_id(5, NOW);
	assert_refused(unknowns_take(list, "", &one, &e), ERR_NOT_FOUND);
}

static void two_who_claim_an_id_are_none(void **state)
{
	struct unknown one;

	(void)state;
	one = ask(5, NOW);
	note_id(5, NOW);
	assert_refused(unknowns_take(list, one.code, &one, &e), ERR_CONFLICT);
}

static void who_names_no_device_is_not_listed(void **state)
{
	size_t n = 0;
	bool is_new;

	(void)state;
	assert_refused(note("somebody", NOW, &is_new), ERR_FORMAT);
	assert_refused(note("0000", NOW, &is_new), ERR_FORMAT);
	unknowns_each(list, count, &n);
	assert_int_equal(n, 0);
}

static void fill(void)
{
	for (unsigned i = 1; i <= UNKNOWNS_MAX; i++)
		note_id(i, NOW + (i == 1 ? 10000 : i));
}

static void a_crowd_pushes_out_who_was_not_seen_for_longest(void **state)
{
	size_t n = 0;
	struct unknown one;

	(void)state;
	one = ask(999, NOW);
	for (unsigned i = 1; i < UNKNOWNS_MAX; i++)
		note_id(i, NOW + 10 + i);
	note_id(1000, NOW + 10 + UNKNOWNS_KEEP);
	unknowns_each(list, count, &n);
	assert_int_equal(n, UNKNOWNS_MAX);
	assert_refused(unknowns_take(list, one.code, &one, &e), ERR_NOT_FOUND);
}

/* Else none of a great many could be compared before it was gone. */
static void who_was_seen_just_now_makes_no_room(void **state)
{
	bool is_new;

	(void)state;
	fill();
	assert_refused(note("00000000000000000000000000001000",
			    NOW + UNKNOWNS_KEEP, &is_new),
		       ERR_BUSY);
	note_id(1000, NOW + UNKNOWNS_KEEP + 3);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(one_is_taken_once_by_the_code_that_it_shows),
		TEST(who_never_asked_cannot_be_taken),
		TEST(two_who_claim_an_id_are_none),
		TEST(who_names_no_device_is_not_listed),
		TEST(a_crowd_pushes_out_who_was_not_seen_for_longest),
		TEST(who_was_seen_just_now_makes_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
