/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/lineage.h"

#include "tests/unit/check.h"

#define LINKS 3

/* Keys of a device's whole life, each of which signed the next one. */
struct life {
	struct ec_private *keys[LINKS + 1];
	struct wire_readopt chain;
	struct ec_public shown;
};

static void sign(struct life *l, size_t i, const struct ec_private *next)
{
	struct wire_link *link = &l->chain.links[i];
	struct buf message = BUF_INIT(256), sig = BUF_INIT(EC_SIG_MAX_LEN);
	struct ec_public key;
	struct err e = { 0 };

	ec_public_of(next, &key);
	ec_public_of(l->keys[i], &link->key);
	link->certificate = (struct sha256){ { (uint8_t)(i + 1) } };
	assert_ok(wire_renew_message(&link->certificate, &key, &message, &e));
	assert_ok(ec_sign(l->keys[i], buf_slice(&message), &sig, &e));
	memcpy(link->proof, sig.ptr, sig.len);
	link->proof_len = sig.len;
	buf_done(&message);
	buf_done(&sig);
}

static int setup(void **state)
{
	static struct life l;
	struct err e = { 0 };

	l = (struct life){ .chain = { .count = LINKS } };
	for (size_t i = 0; i <= LINKS; i++)
		assert_ok(ec_generate(&l.keys[i], &e));
	for (size_t i = 0; i < LINKS; i++)
		sign(&l, i, l.keys[i + 1]);
	ec_public_of(l.keys[LINKS], &l.shown);
	*state = &l;
	return 0;
}

static int teardown(void **state)
{
	struct life *l = *state;

	for (size_t i = 0; i <= LINKS; i++)
		ec_free(l->keys[i]);
	return 0;
}

static void each_key_has_signed_the_next(void **state)
{
	struct life *l = *state;
	struct err e = { 0 };

	for (size_t from = 0; from <= LINKS; from++)
		assert_ok(lineage_check(&l->chain, from, &l->shown, &e));
}

static void one_bad_link_spoils_what_goes_through_it(void **state)
{
	struct life *l = *state;
	struct err e = { 0 };

	for (size_t i = 0; i < LINKS; i++) {
		l->chain.links[i].certificate.bytes[5] ^= 1;
		assert_refused(lineage_check(&l->chain, 0, &l->shown, &e),
			       ERR_UNTRUSTED);
		/* What lies before the beginning is not looked at. */
		assert_ok(lineage_check(&l->chain, i + 1, &l->shown, &e));
		l->chain.links[i].certificate.bytes[5] ^= 1;
		l->chain.links[i].proof[20] ^= 1;
		assert_refused(lineage_check(&l->chain, i, &l->shown, &e),
			       ERR_UNTRUSTED);
		l->chain.links[i].proof[20] ^= 1;
	}
	assert_ok(lineage_check(&l->chain, 0, &l->shown, &e));
}

static void it_ends_at_the_certificate_that_is_shown(void **state)
{
	struct life *l = *state;
	struct ec_public other;
	struct err e = { 0 };

	ec_public_of(l->keys[0], &other);
	assert_refused(lineage_check(&l->chain, 0, &other, &e), ERR_UNTRUSTED);
	/* One link less: the last one leads to another key than is shown. */
	l->chain.count--;
	assert_refused(lineage_check(&l->chain, 0, &l->shown, &e),
		       ERR_UNTRUSTED);
	ec_public_of(l->keys[LINKS - 1], &other);
	assert_ok(lineage_check(&l->chain, 0, &other, &e));
}

static void a_link_that_is_left_out_is_missed(void **state)
{
	struct life *l = *state;
	struct err e = { 0 };

	l->chain.links[1] = l->chain.links[2];
	l->chain.count = 2;
	assert_refused(lineage_check(&l->chain, 0, &l->shown, &e),
		       ERR_UNTRUSTED);
	assert_ok(lineage_check(&l->chain, 1, &l->shown, &e));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(each_key_has_signed_the_next),
		TEST(one_bad_link_spoils_what_goes_through_it),
		TEST(it_ends_at_the_certificate_that_is_shown),
		TEST(a_link_that_is_left_out_is_missed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
