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

static void one_is_taken_once(void **state)
{
	struct device_id id = id_of(5), other = id_of(6);
	struct unknown one;
	struct sha256 spki;

	(void)state;
	note_id(5, NOW);
	assert_refused(unknowns_take(list, &other, &one, &e), ERR_NOT_FOUND);
	assert_ok(unknowns_take(list, &id, &one, &e));
	ec_public_fingerprint(&public_key, &spki);
	assert_true(sha256_equal(&one.spki, &spki));
	assert_int_equal(one.first, NOW);
	assert_refused(unknowns_take(list, &id, &one, &e), ERR_NOT_FOUND);
}

static void who_asks_again_is_no_second_one(void **state)
{
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	const struct x509_template t = { .kind = X509_DEVICE,
					 .common_name =
						 "000000000000000000000000000"
						 "00005",
					 .not_before = NOW - 1,
					 .not_after = NOW + UTC_DAY };
	struct device_id id = id_of(5);
	struct unknown one;
	bool is_new;

	(void)state;
	assert_ok(
		x509_issue(&t, &public_key, buf_slice(&ca), ca_key, &pem, &e));
	assert_ok(unknowns_note(list, buf_slice(&pem), NOW, &is_new, &e));
	assert_true(is_new);
	assert_ok(unknowns_note(list, buf_slice(&pem), NOW + 9, &is_new, &e));
	assert_false(is_new);
	assert_ok(unknowns_take(list, &id, &one, &e));
	assert_int_equal(one.first, NOW);
	assert_int_equal(one.last, NOW + 9);
	buf_done(&pem);
}

static void two_who_claim_an_id_are_none(void **state)
{
	struct device_id id = id_of(5);
	struct unknown one;

	(void)state;
	note_id(5, NOW);
	note_id(5, NOW);
	assert_refused(unknowns_take(list, &id, &one, &e), ERR_CONFLICT);
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

static void a_crowd_pushes_out_who_was_not_seen_for_longest(void **state)
{
	struct device_id first = id_of(1), second = id_of(2);
	struct unknown one;
	size_t n = 0;

	(void)state;
	for (unsigned i = 1; i <= UNKNOWNS_MAX + 1; i++)
		note_id(i, NOW + (i == 1 ? 10000 : i));
	unknowns_each(list, count, &n);
	assert_int_equal(n, UNKNOWNS_MAX);
	assert_ok(unknowns_take(list, &first, &one, &e));
	assert_refused(unknowns_take(list, &second, &one, &e), ERR_NOT_FOUND);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(one_is_taken_once),
		TEST(who_asks_again_is_no_second_one),
		TEST(two_who_claim_an_id_are_none),
		TEST(who_names_no_device_is_not_listed),
		TEST(a_crowd_pushes_out_who_was_not_seen_for_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
