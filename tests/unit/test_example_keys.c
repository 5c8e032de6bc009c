/* SPDX-License-Identifier: Apache-2.0 */
#include "common/example_keys.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "tests/unit/check.h"

#define PASSPHRASE "pawl example key"

/* Read a committed file; the tests run in the top folder. */
static void read_file(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "r");
	uint8_t block[KEYFILE_MAX_LEN];
	struct err e = { 0 };
	size_t len;

	if (!f)
		fail_msg("%s is missing", path);
	len = fread(block, 1, sizeof(block), f);
	assert_int_equal(fclose(f), 0);
	assert_ok(buf_add(out, (struct slice){ block, len }, &e));
}

static void assert_only_in_a_demo(const struct ec_public *key)
{
	struct err e = { 0 };

	assert_ok(key_check_allowed(key, ENV_DEMO, &e));
	assert_refused(key_check_allowed(key, ENV_LAB, &e), ERR_REFUSED);
	assert_refused(key_check_allowed(key, ENV_PRODUCTION, &e), ERR_REFUSED);
}

static void assert_nowhere(const struct ec_public *key)
{
	struct err e = { 0 };

	assert_refused(key_check_allowed(key, ENV_DEMO, &e), ERR_REFUSED);
	assert_refused(key_check_allowed(key, ENV_LAB, &e), ERR_REFUSED);
	assert_refused(key_check_allowed(key, ENV_PRODUCTION, &e), ERR_REFUSED);
}

static void every_example_key_is_refused_outside_a_demo(void **state)
{
	(void)state;
	for (int i = 1; i <= 3; i++) {
		struct buf file = BUF_INIT(KEYFILE_MAX_LEN);
		struct buf pem = BUF_INIT(EC_PEM_MAX_LEN);
		struct keyfile_info info;
		struct ec_public key;
		char path[64];
		struct err e = { 0 };

		(void)snprintf(path, sizeof(path),
			       "keys-example/example-%d.key", i);
		read_file(path, &file);
		assert_ok(keyfile_inspect(buf_slice(&file), &info, &e));
		assert_int_equal(info.environment, ENV_DEMO);
		assert_string_equal(info.purpose, "example");
		assert_only_in_a_demo(&info.public_key);
		assert_ok(keyfile_check_allowed(&info, ENV_DEMO, &e));
		assert_refused(keyfile_check_allowed(&info, ENV_LAB, &e),
			       ERR_REFUSED);
		(void)snprintf(path, sizeof(path),
			       "keys-example/example-%d.key.pub", i);
		read_file(path, &pem);
		assert_ok(ec_public_from_pem(buf_slice(&pem), &key, &e));
		assert_true(ec_public_equal(&key, &info.public_key));
		buf_done(&file);
		buf_done(&pem);
	}
}

static void the_documented_passphrase_opens_them(void **state)
{
	struct buf file = BUF_INIT(KEYFILE_MAX_LEN);
	struct ec_private *key = NULL;
	struct err e = { 0 };

	(void)state;
	read_file("keys-example/example-1.key", &file);
	assert_ok(keyfile_open(buf_slice(&file), slice_of(PASSPHRASE), &key,
			       NULL, &e));
	ec_free(key);
	buf_done(&file);
}

static void there_are_three_and_no_more(void **state)
{
	uint8_t x[EC_SCALAR_LEN];
	const char *name;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_true(example_key_at(i, x, &name));
	assert_false(example_key_at(3, x, &name));
	assert_false(example_key_at(SIZE_MAX / 64, x, &name));
}

static void wrapping_one_anew_does_not_hide_it(void **state)
{
	struct buf file = BUF_INIT(KEYFILE_MAX_LEN);
	struct keyfile_info info;
	struct err e = { 0 };

	(void)state;
	read_file("keys-example/example-2.key", &file);
	assert_ok(keyfile_inspect(buf_slice(&file), &info, &e));
	/* As if somebody had sealed the same key with another tag. */
	info.environment = ENV_PRODUCTION;
	assert_refused(keyfile_check_allowed(&info, ENV_PRODUCTION, &e),
		       ERR_REFUSED);
	buf_done(&file);
}

static void known_scalars_are_refused_everywhere(void **state)
{
	static const char *const scalars[] = {
		"0000000000000000000000000000000000000000000000000000000000000"
		"001",
		"0000000000000000000000000000000000000000000000000000000000000"
		"002",
		"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632"
		"550",
		"c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6"
		"721",
		"8e9b109e719098bf980487df1f5d77e9cb29606ebed2263b5f57c213df84f"
		"4b2",
		"f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8f"
		"fd2",
	};
	uint8_t scalar[EC_SCALAR_LEN];
	struct ec_public key;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(scalars); i++) {
		struct ec_private *private_key = NULL;

		assert_ok(hex_parse(slice_of(scalars[i]), scalar,
				    sizeof(scalar), &e));
		assert_ok(ec_private_from_scalar(scalar, &private_key, &e));
		ec_public_of(private_key, &key);
		assert_nowhere(&key);
		ec_free(private_key);
	}
}

static void keys_of_ones_own_serve_where_they_are_tagged(void **state)
{
	struct keyfile_info info = { .environment = ENV_LAB };
	struct ec_private *key = NULL;
	struct err e = { 0 };

	(void)state;
	assert_ok(ec_generate(&key, &e));
	ec_public_of(key, &info.public_key);
	assert_ok(key_check_allowed(&info.public_key, ENV_PRODUCTION, &e));
	assert_ok(keyfile_check_allowed(&info, ENV_LAB, &e));
	assert_refused(keyfile_check_allowed(&info, ENV_PRODUCTION, &e),
		       ERR_REFUSED);
	assert_refused(keyfile_check_allowed(&info, ENV_DEMO, &e), ERR_REFUSED);
	ec_free(key);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_example_key_is_refused_outside_a_demo),
		cmocka_unit_test(the_documented_passphrase_opens_them),
		cmocka_unit_test(there_are_three_and_no_more),
		cmocka_unit_test(wrapping_one_anew_does_not_hide_it),
		cmocka_unit_test(known_scalars_are_refused_everywhere),
		cmocka_unit_test(keys_of_ones_own_serve_where_they_are_tagged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
