/* SPDX-License-Identifier: Apache-2.0 */
#include "common/keyfile.h"

#include <string.h>

#include "common/json.h"
#include "tests/unit/check.h"

#define PASSPHRASE "correct horse"

/* Sealing takes its time by design, so all tests look at one file. */
static struct ec_private *key;
static struct buf sealed = BUF_INIT(KEYFILE_MAX_LEN);

static int seal_one(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_ok(ec_generate(&key, &e));
	assert_ok(keyfile_seal(key, ENV_LAB, "release", slice_of(PASSPHRASE),
			       &sealed, &e));
	return 0;
}

static int free_one(void **state)
{
	(void)state;
	ec_free(key);
	buf_done(&sealed);
	return 0;
}

static struct json *parsed(void)
{
	struct json *j = NULL;
	struct err e = { 0 };

	assert_ok(json_parse(buf_slice(&sealed), &j, &e));
	return j;
}

/* Try to open the changed file; takes the JSON away. */
static void assert_opens_not(struct json *j, enum err_code code)
{
	struct buf file = BUF_INIT((size_t)2 * KEYFILE_MAX_LEN);
	struct ec_private *opened = NULL;
	struct err e = { 0 };

	assert_ok(json_print(j, true, &file, &e));
	json_free(j);
	assert_refused(keyfile_open(buf_slice(&file), slice_of(PASSPHRASE),
				    &opened, NULL, &e),
		       code);
	assert_null(opened);
	buf_done(&file);
}

static void set_kdf(struct json *j, const char *name, int64_t rounds,
		    const char *salt)
{
	struct json *kdf = json_clone(json_get(j, "kdf"));

	if (name)
		json_set_text(kdf, "name", name);
	if (rounds >= 0)
		json_set_int(kdf, "rounds", rounds);
	if (salt)
		json_set_text(kdf, "salt", salt);
	json_set(j, "kdf", kdf);
}

static void opens_what_it_sealed(void **state)
{
	uint8_t wanted[EC_SCALAR_LEN], got[EC_SCALAR_LEN];
	struct ec_private *opened = NULL;
	struct keyfile_info info;
	struct ec_public public_key;
	struct err e = { 0 };

	(void)state;
	assert_ok(keyfile_open(buf_slice(&sealed), slice_of(PASSPHRASE),
			       &opened, &info, &e));
	ec_private_scalar(key, wanted);
	ec_private_scalar(opened, got);
	assert_memory_equal(wanted, got, sizeof(got));
	ec_public_of(key, &public_key);
	assert_true(ec_public_equal(&info.public_key, &public_key));
	assert_int_equal(info.environment, ENV_LAB);
	assert_string_equal(info.purpose, "release");
	ec_free(opened);
}

static void tells_in_the_clear_what_is_public(void **state)
{
	struct keyfile_info info;
	struct ec_public public_key;
	struct err e = { 0 };

	(void)state;
	assert_ok(keyfile_inspect(buf_slice(&sealed), &info, &e));
	ec_public_of(key, &public_key);
	assert_true(ec_public_equal(&info.public_key, &public_key));
	assert_int_equal(info.environment, ENV_LAB);
	assert_string_equal(info.purpose, "release");
}

static bool holds(struct slice all, struct slice part)
{
	return memmem(all.ptr, all.len, part.ptr, part.len) != NULL;
}

static void never_holds_the_bare_key(void **state)
{
	uint8_t scalar[EC_SCALAR_LEN];
	struct json *j = json_new_object();

	(void)state;
	ec_private_scalar(key, scalar);
	json_set_hex(j, "s", (struct slice){ scalar, sizeof(scalar) });
	assert_false(holds(buf_slice(&sealed),
			   slice_of(json_text(json_get(j, "s")))));
	assert_false(holds(buf_slice(&sealed), (struct slice){ scalar, 32 }));
	json_free(j);
}

static void refuses_another_passphrase(void **state)
{
	struct ec_private *opened = NULL;
	struct err e = { 0 };

	(void)state;
	assert_refused_saying(keyfile_open(buf_slice(&sealed),
					   slice_of("correct horsf"), &opened,
					   NULL, &e),
			      ERR_UNTRUSTED, "wrong passphrase");
	assert_null(opened);
}

static void refuses_another_environment(void **state)
{
	struct json *j = parsed();

	(void)state;
	json_set_text(j, "environment", "production");
	assert_opens_not(j, ERR_UNTRUSTED);
}

static void refuses_another_purpose(void **state)
{
	struct json *j = parsed();

	(void)state;
	json_set_text(j, "purpose", "online");
	assert_opens_not(j, ERR_UNTRUSTED);
}

static void refuses_another_public_key(void **state)
{
	struct buf pem = BUF_INIT(EC_PEM_MAX_LEN);
	struct json *j = parsed();
	struct ec_private *other = NULL;
	struct ec_public public_key;
	struct err e = { 0 };

	(void)state;
	assert_ok(ec_generate(&other, &e));
	ec_public_of(other, &public_key);
	assert_ok(ec_public_to_pem(&public_key, &pem, &e));
	json_set_text(j, "public", buf_text(&pem));
	assert_opens_not(j, ERR_UNTRUSTED);
	buf_done(&pem);
	ec_free(other);
}

static void refuses_other_rounds(void **state)
{
	struct json *j = parsed();

	(void)state;
	set_kdf(j, NULL, KEYFILE_ROUNDS + 1, NULL);
	assert_opens_not(j, ERR_UNTRUSTED);
}

static void refuses_rounds_that_are_too_few_or_would_stall(void **state)
{
	static const int64_t bad[] = { 0, 1, KEYFILE_ROUNDS - 1,
				       KEYFILE_ROUNDS_MAX + 1, JSON_INT_MAX };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct json *j = parsed();

		set_kdf(j, NULL, bad[i], NULL);
		assert_opens_not(j, ERR_FORMAT);
	}
}

#define MADE "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static void what_a_program_made_needs_no_rounds(void **state)
{
	struct buf file = BUF_INIT(KEYFILE_MAX_LEN);
	struct ec_private *made = NULL, *again = NULL;
	uint8_t wanted[EC_SCALAR_LEN], got[EC_SCALAR_LEN];
	struct keyfile_info info;
	struct err e = { 0 };

	(void)state;
	assert_ok(ec_generate(&made, &e));
	assert_ok(keyfile_seal_made(made, ENV_LAB, "person", slice_of(MADE),
				    &file, &e));
	assert_null(strstr(buf_text(&file), "rounds"));
	assert_refused(keyfile_open(buf_slice(&file), slice_of(MADE "0"),
				    &again, NULL, &e),
		       ERR_REFUSED);
	assert_refused(keyfile_open(buf_slice(&file), slice_of(PASSPHRASE),
				    &again, NULL, &e),
		       ERR_REFUSED);
	assert_ok(keyfile_open(buf_slice(&file), slice_of(MADE), &again, &info,
			       &e));
	assert_int_equal(info.environment, ENV_LAB);
	ec_private_scalar(made, wanted);
	ec_private_scalar(again, got);
	assert_memory_equal(wanted, got, sizeof(got));
	ec_free(again);
	again = NULL;
	assert_refused(
		keyfile_open(buf_slice(&file),
			     slice_of("ff0102030405060708090a0b0c0d0e0f"
				      "101112131415161718191a1b1c1d1e1f"),
			     &again, NULL, &e),
		ERR_UNTRUSTED);
	ec_free(made);
	buf_done(&file);
}

/* Else the words of a person would be left to fast guessing. */
static void what_people_chose_is_always_stretched(void **state)
{
	static const char *const chosen[] = {
		"",
		PASSPHRASE,
		"correct horse battery staple",
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e",
		"000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
	};
	struct buf file = BUF_INIT(KEYFILE_MAX_LEN);
	struct ec_private *made = NULL;
	struct json *j = parsed(), *kdf = json_clone(json_get(j, "kdf"));
	struct err e = { 0 };

	(void)state;
	assert_ok(ec_generate(&made, &e));
	for (size_t i = 0; i < ARRAY_LEN(chosen); i++)
		assert_refused(keyfile_seal_made(made, ENV_LAB, "person",
						 slice_of(chosen[i]), &file,
						 &e),
			       ERR_REFUSED);
	assert_int_equal(file.len, 0);
	ec_free(made);
	/* A file cannot be told to be of the other kind. */
	json_set_text(kdf, "name", "hkdf-sha256");
	json_set(j, "kdf", kdf);
	assert_opens_not(j, ERR_FORMAT);
}

static void refuses_unknown_words(void **state)
{
	static const struct {
		const char *member, *value;
	} bad[] = {
		{ "format", "pawl-key-2" }, { "environment", "staging" },
		{ "environment", "" },      { "purpose", "root" },
		{ "public", "no key" },     { "sealed", "00" },
		{ "nonce", "00" },          { "comment", "hello" },
	};
	struct json *j, *kdf;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		j = parsed();
		json_set_text(j, bad[i].member, bad[i].value);
		assert_opens_not(j, ERR_FORMAT);
	}
	j = parsed();
	set_kdf(j, "scrypt", -1, NULL);
	assert_opens_not(j, ERR_FORMAT);
	/* One that has nothing but what every other one has as well. */
	j = parsed();
	kdf = json_new_object();
	json_set_text(kdf, "name", "scrypt");
	json_set_text(kdf, "salt",
		      json_text(json_get(json_get(j, "kdf"), "salt")));
	json_set(j, "kdf", kdf);
	assert_opens_not(j, ERR_FORMAT);
	j = parsed();
	set_kdf(j, NULL, -1, "00");
	assert_opens_not(j, ERR_FORMAT);
}

static void refuses_a_file_without_one_of_its_members(void **state)
{
	static const char *const members[] = {
		"format", "environment", "purpose", "public",
		"kdf",    "nonce",       "sealed",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		struct json *j = parsed();

		json_remove(j, members[i]);
		assert_opens_not(j, ERR_FORMAT);
	}
}

static void refuses_truncated_and_oversized_files(void **state)
{
	static char big[KEYFILE_MAX_LEN + 2];
	struct keyfile_info info;
	struct err e = { 0 };

	(void)state;
	for (size_t len = 0; len < sealed.len - 2; len++)
		assert_refused(
			keyfile_inspect(slice_sub(buf_slice(&sealed), 0, len),
					&info, &e),
			ERR_FORMAT);
	memset(big, ' ', sizeof(big) - 1);
	assert_refused(keyfile_inspect(slice_of(big), &info, &e), ERR_LIMIT);
	assert_refused_saying(keyfile_inspect(slice_of("[]"), &info, &e),
			      ERR_FORMAT, "not an object");
	/* It is a line of text, for whoever looks at it. */
	assert_int_equal(sealed.ptr[sealed.len - 1], '\n');
}

static void refuses_to_seal_badly(void **state)
{
	static char big[PASSPHRASE_MAX_LEN + 2];
	struct buf out = BUF_INIT(KEYFILE_MAX_LEN);
	struct ec_private *opened = NULL;
	struct err e = { 0 };

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	assert_refused(keyfile_seal(key, ENV_LAB, "release",
				    slice_of("1234567"), &out, &e),
		       ERR_REFUSED);
	assert_refused(
		keyfile_seal(key, ENV_LAB, "release", slice_of(big), &out, &e),
		ERR_LIMIT);
	assert_refused(keyfile_seal(key, ENV_LAB, "fun", slice_of(PASSPHRASE),
				    &out, &e),
		       ERR_FORMAT);
	assert_refused(keyfile_open(buf_slice(&sealed), slice_of(big), &opened,
				    NULL, &e),
		       ERR_LIMIT);
	assert_int_equal(out.len, 0);
	buf_done(&out);
}

static void knows_three_environments(void **state)
{
	enum environment env;
	struct err e = { 0 };

	(void)state;
	for (int i = ENV_DEMO; i <= ENV_PRODUCTION; i++) {
		const char *name = environment_name((enum environment)i);

		assert_ok(environment_parse(slice_of(name), &env, &e));
		assert_int_equal(env, i);
	}
	assert_refused(environment_parse(slice_of("Demo"), &env, &e),
		       ERR_FORMAT);
	assert_refused(environment_parse(slice_of("lab "), &env, &e),
		       ERR_FORMAT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_what_it_sealed),
		cmocka_unit_test(tells_in_the_clear_what_is_public),
		cmocka_unit_test(never_holds_the_bare_key),
		cmocka_unit_test(refuses_another_passphrase),
		cmocka_unit_test(refuses_another_environment),
		cmocka_unit_test(refuses_another_purpose),
		cmocka_unit_test(refuses_another_public_key),
		cmocka_unit_test(refuses_other_rounds),
		cmocka_unit_test(what_a_program_made_needs_no_rounds),
		cmocka_unit_test(what_people_chose_is_always_stretched),
		cmocka_unit_test(
			refuses_rounds_that_are_too_few_or_would_stall),
		cmocka_unit_test(refuses_unknown_words),
		cmocka_unit_test(refuses_a_file_without_one_of_its_members),
		cmocka_unit_test(refuses_truncated_and_oversized_files),
		cmocka_unit_test(refuses_to_seal_badly),
		cmocka_unit_test(knows_three_environments),
	};

	return cmocka_run_group_tests(tests, seal_one, free_one);
}
