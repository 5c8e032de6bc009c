/* SPDX-License-Identifier: Apache-2.0 */
/* One interface, wherever the keys are: each sentence holds for both places. */
#include "updater-client/device_key.h"

#include "common/keybox.h"
#include "tests/unit/token_box.h"

typedef void body(struct token_box *b);

static void everywhere(body *test)
{
	struct token_box b;

	file_box_open(&b);
	test(&b);
	token_box_close(&b);
	if (!token_box_open(&b)) {
		print_message("softhsm2 is not installed: files alone\n");
		return;
	}
	test(&b);
	token_box_close(&b);
}

static struct ec_private *have(struct token_box *b, const char *name)
{
	struct ec_private *key = NULL;
	struct err e = { 0 };

	assert_ok(device_key_have(&b->keys, name, &key, &e));
	return key;
}

static struct ec_public public_of(struct ec_private *key)
{
	struct ec_public out;

	ec_public_of(key, &out);
	ec_free(key);
	return out;
}

static void is_made_once(struct token_box *b)
{
	struct ec_public first, again, other, loaded;
	struct ec_private *key = NULL;
	struct err e = { 0 };

	assert_refused(device_key_load(&b->keys, "identity", &key, &e),
		       ERR_NOT_FOUND);
	first = public_of(have(b, "identity"));
	again = public_of(have(b, "identity"));
	other = public_of(have(b, "identity.1"));
	assert_true(ec_public_equal(&first, &again));
	assert_false(ec_public_equal(&first, &other));
	assert_ok(device_key_load(&b->keys, "identity", &key, &e));
	assert_int_equal(ec_is_held(key), b->keys.token != NULL);
	loaded = public_of(key);
	assert_true(ec_public_equal(&first, &loaded));
}

static void a_key_is_made_once_and_found_again(void **state)
{
	(void)state;
	everywhere(is_made_once);
}

static void signs(struct token_box *b)
{
	struct buf sig = BUF_INIT(EC_SIG_MAX_LEN), csr = BUF_INIT(4096);
	struct ec_private *key = have(b, "identity");
	struct ec_public own, asked;
	struct err e = { 0 };

	ec_public_of(key, &own);
	/* Often enough that r or s are short once. */
	for (int i = 0; i < 20; i++) {
		sig.len = 0;
		assert_ok(ec_sign(key, slice_of("message"), &sig, &e));
		assert_ok(ec_verify(&own, slice_of("message"), buf_slice(&sig),
				    &e));
	}
	assert_ok(x509_request(key, "pawl device", &csr, &e));
	assert_ok(x509_request_key(buf_slice(&csr), &asked, &e));
	assert_true(ec_public_equal(&own, &asked));
	buf_done(&sig);
	buf_done(&csr);
	ec_free(key);
}

static void what_it_signs_verifies(void **state)
{
	(void)state;
	everywhere(signs);
}

static void opens(struct token_box *b)
{
	const struct keybox_purpose purpose = { .product = "gateway",
						.release = "1",
						.path = "gateway/1/full" };
	const struct keybox_purpose other = { .product = "gateway",
					      .release = "2",
					      .path = "gateway/1/full" };
	uint8_t content[STREAM_KEY_LEN] = { 1, 2, 3 }, got[STREAM_KEY_LEN];
	struct buf sealed = BUF_INIT(KEYBOX_SEALED_LEN);
	struct ec_private *key = have(b, "decrypt");
	struct ec_public own;
	struct err e = { 0 };

	ec_public_of(key, &own);
	assert_ok(keybox_seal(&own, &purpose, content, &sealed, &e));
	assert_ok(keybox_open(key, &purpose, sealed.ptr, got, &e));
	assert_memory_equal(got, content, sizeof(got));
	assert_refused(keybox_open(key, &other, sealed.ptr, got, &e),
		       ERR_UNTRUSTED);
	buf_done(&sealed);
	ec_free(key);
}

static void what_is_sealed_to_it_it_opens(void **state)
{
	(void)state;
	everywhere(opens);
}

static void is_destroyed(struct token_box *b)
{
	struct ec_public was = public_of(have(b, "identity")), now;
	struct ec_private *key = NULL;
	struct err e = { 0 };

	(void)public_of(have(b, "identity.1"));
	(void)public_of(have(b, "decrypt"));
	assert_ok(device_key_destroy(&b->keys, "identity", &e));
	assert_ok(device_key_destroy(&b->keys, "identity", &e));
	assert_refused(device_key_load(&b->keys, "identity", &key, &e),
		       ERR_NOT_FOUND);
	/* no other one went with it */
	assert_ok(device_key_load(&b->keys, "identity.1", &key, &e));
	ec_free(key);
	now = public_of(have(b, "identity"));
	assert_false(ec_public_equal(&was, &now));
	assert_ok(device_key_destroy(&b->keys, "", &e));
	assert_refused(device_key_load(&b->keys, "identity", &key, &e),
		       ERR_NOT_FOUND);
	assert_refused(device_key_load(&b->keys, "identity.1", &key, &e),
		       ERR_NOT_FOUND);
	assert_refused(device_key_load(&b->keys, "decrypt", &key, &e),
		       ERR_NOT_FOUND);
}

static void what_is_destroyed_is_gone_and_nothing_else(void **state)
{
	(void)state;
	everywhere(is_destroyed);
}

static void nothing_of_a_token_is_a_file(void **state)
{
	struct token_box b;
	unsigned before;

	(void)state;
	if (!token_box_open(&b))
		skip();
	before = count_names(b.box.dir);
	(void)public_of(have(&b, "identity"));
	(void)public_of(have(&b, "decrypt"));
	assert_int_equal(count_names(b.box.dir), before);
	/* A token in software does not say that it is hardware. */
	assert_false(device_key_is_in_hardware(&b.keys));
	token_box_close(&b);
}

static void files_are_of_their_owner_alone_and_no_hardware(void **state)
{
	struct token_box b;
	struct err e = { 0 };
	struct stat st;

	(void)state;
	file_box_open(&b);
	(void)public_of(have(&b, "identity"));
	assert_ok(fs_stat(b.box.dir, "identity.key", &st, &e));
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, 2 * EC_SCALAR_LEN);
	assert_false(device_key_is_in_hardware(&b.keys));
	token_box_close(&b);
}

static void a_damaged_file_is_never_replaced(void **state)
{
	static const char *const damaged[] = { "", "00", "no hex at all" };
	struct ec_private *key = NULL;
	struct token_box b;
	struct err e = { 0 };

	(void)state;
	file_box_open(&b);
	for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
		assert_ok(fs_replace_file(b.box.dir, "identity.key",
					  slice_of(damaged[i]), 0600, &e));
		assert_refused(device_key_have(&b.keys, "identity", &key, &e),
			       ERR_FORMAT);
	}
	token_box_close(&b);
}

static void what_is_overwritten_was_a_key(void **state)
{
	char large[5000] = { 0 };
	struct token_box b;
	struct err e = { 0 };
	uint8_t bytes[80];
	struct stat st;
	size_t got;
	int fd = -1;

	(void)state;
	file_box_open(&b);
	(void)public_of(have(&b, "identity"));
	put_file(b.box.dir, "other.key", "stays", 0600);
	put_file(b.box.dir, "identity.txt", "stays", 0600);
	assert_ok(fs_open(b.box.dir, "identity.key", O_RDONLY, &fd, &e));
	assert_ok(device_key_destroy(&b.keys, "", &e));
	/* Whoever kept it open sees what became of it. */
	assert_ok(fs_read_at(fd, 0, bytes, sizeof(bytes), &got, &e));
	assert_int_equal(got, 2 * EC_SCALAR_LEN);
	for (size_t i = 0; i < got; i++)
		assert_int_equal(bytes[i], 0);
	fs_close(&fd);
	assert_ok(fs_stat(b.box.dir, "other.key", &st, &e));
	assert_ok(fs_stat(b.box.dir, "identity.txt", &st, &e));
	memset(large, 'x', sizeof(large) - 1);
	put_file(b.box.dir, "identity.7.key", large, 0600);
	assert_refused(device_key_destroy(&b.keys, "", &e), ERR_LIMIT);
	token_box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_is_made_once_and_found_again),
		cmocka_unit_test(what_it_signs_verifies),
		cmocka_unit_test(what_is_sealed_to_it_it_opens),
		cmocka_unit_test(what_is_destroyed_is_gone_and_nothing_else),
		cmocka_unit_test(nothing_of_a_token_is_a_file),
		cmocka_unit_test(
			files_are_of_their_owner_alone_and_no_hardware),
		cmocka_unit_test(a_damaged_file_is_never_replaced),
		cmocka_unit_test(what_is_overwritten_was_a_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
