/* SPDX-License-Identifier: Apache-2.0 */
#include "common/decrypt_key.h"

#include <string.h>

#include "tests/unit/check.h"

struct keys {
	struct ec_private *identity, *other;
	struct ec_public identity_public, other_public, decrypt_public;
};

static struct keys keys;

static int setup(void **state)
{
	struct ec_private *decrypt = NULL;
	struct err e = { 0 };

	(void)state;
	if (ec_generate(&keys.identity, &e) || ec_generate(&keys.other, &e) ||
	    ec_generate(&decrypt, &e))
		return -1;
	ec_public_of(keys.identity, &keys.identity_public);
	ec_public_of(keys.other, &keys.other_public);
	ec_public_of(decrypt, &keys.decrypt_public);
	ec_free(decrypt);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ec_free(keys.identity);
	ec_free(keys.other);
	return 0;
}

static void made(struct decrypt_key *out)
{
	struct err e = { 0 };

	assert_ok(decrypt_key_prove(keys.identity, &keys.decrypt_public, out,
				    &e));
}

static void is_what_its_device_signed(void **state)
{
	struct decrypt_key k;
	struct err e = { 0 };

	(void)state;
	made(&k);
	assert_ok(decrypt_key_check(&k, &keys.identity_public, &e));
}

/* What is signed says what for, so that no other signature passes for it. */
static void the_proof_is_of_a_message_that_names_itself(void **state)
{
	uint8_t spki[2][EC_SPKI_LEN];
	struct buf message = BUF_INIT(512);
	struct decrypt_key k;
	struct err e = { 0 };

	(void)state;
	made(&k);
	ec_public_to_spki(&keys.identity_public, spki[0]);
	ec_public_to_spki(&keys.decrypt_public, spki[1]);
	assert_ok(buf_add(&message, slice_of("pawl/decrypt-key/v1"), &e));
	assert_ok(
		buf_add(&message, (struct slice){ spki[0], sizeof(spki) }, &e));
	assert_ok(ec_verify(&keys.identity_public, buf_slice(&message),
			    (struct slice){ k.proof, k.proof_len }, &e));
	buf_done(&message);
}

/* D07: whoever keeps the list puts a key of his own in its place. */
static void cannot_be_swapped_for_another(void **state)
{
	struct decrypt_key k;
	struct err e = { 0 };

	(void)state;
	made(&k);
	k.key = keys.other_public;
	assert_refused(decrypt_key_check(&k, &keys.identity_public, &e),
		       ERR_UNTRUSTED);
	assert_ok(decrypt_key_prove(keys.other, &keys.decrypt_public, &k, &e));
	assert_refused(decrypt_key_check(&k, &keys.identity_public, &e),
		       ERR_UNTRUSTED);
	made(&k);
	k.proof_len--;
	assert_refused(decrypt_key_check(&k, &keys.identity_public, &e),
		       ERR_UNTRUSTED);
}

static void is_never_the_identity_itself(void **state)
{
	struct decrypt_key k;
	struct err e = { 0 };

	(void)state;
	assert_ok(decrypt_key_prove(keys.identity, &keys.identity_public, &k,
				    &e));
	assert_refused(decrypt_key_check(&k, &keys.identity_public, &e),
		       ERR_REFUSED);
}

static void survives_json(void **state)
{
	char longest[2 * EC_SIG_MAX_LEN + 3] = "";
	struct json *j = json_new_object();
	struct decrypt_key in, out;
	struct err e = { 0 };

	(void)state;
	made(&in);
	assert_refused(decrypt_key_get(j, &out, &e), ERR_FORMAT);
	decrypt_key_set(j, &in);
	assert_ok(decrypt_key_get(j, &out, &e));
	assert_true(ec_public_equal(&in.key, &out.key));
	assert_int_equal(in.proof_len, out.proof_len);
	assert_memory_equal(in.proof, out.proof, in.proof_len);
	json_set_text(j, "decrypt_proof", "abc");
	assert_refused(decrypt_key_get(j, &out, &e), ERR_FORMAT);
	json_set_text(j, "decrypt_proof", "");
	assert_refused(decrypt_key_get(j, &out, &e), ERR_FORMAT);
	json_set_text(j, "decrypt_proof", "abc");
	assert_refused_saying(decrypt_key_get(j, &out, &e), ERR_FORMAT,
			      "not a signature");
	memset(longest, 'a', sizeof(longest) - 1);
	json_set_text(j, "decrypt_proof", longest);
	assert_refused_saying(decrypt_key_get(j, &out, &e), ERR_FORMAT,
			      "not a signature");
	json_free(j);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_what_its_device_signed),
		cmocka_unit_test(cannot_be_swapped_for_another),
		cmocka_unit_test(the_proof_is_of_a_message_that_names_itself),
		cmocka_unit_test(is_never_the_identity_itself),
		cmocka_unit_test(survives_json),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
