/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/content_key.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/hpke.h"
#include "tests/unit/check.h"

static void a_key_is_kept_sealed_for_the_wrap_key_alone(void **state)
{
	const uint8_t key[STREAM_KEY_LEN] = "thirty-two bytes of a secret key";
	uint8_t commitment[STREAM_COMMITMENT_LEN] = { 1 };
	uint8_t got[STREAM_KEY_LEN];
	struct ec_private *wrap = NULL, *other = NULL;
	char box[] = "/tmp/pawl-test.XXXXXX";
	struct ec_public to;
	struct err e = { 0 };
	int dirfd = -1;

	(void)state;
	assert_non_null(mkdtemp(box));
	assert_ok(fs_open_dir(box, &dirfd, &e));
	assert_ok(ec_generate(&wrap, &e));
	assert_ok(ec_generate(&other, &e));
	ec_public_of(wrap, &to);
	assert_refused(content_key_open(dirfd, wrap, commitment, got, &e),
		       ERR_NOT_FOUND);
	assert_ok(content_key_keep(dirfd, &to, commitment, key, &e));
	assert_ok(content_key_open(dirfd, wrap, commitment, got, &e));
	assert_memory_equal(got, key, sizeof(got));
	assert_refused(content_key_open(dirfd, other, commitment, got, &e),
		       ERR_UNTRUSTED);
	/* Under another commitment it is nothing. */
	assert_ok(fs_rename(dirfd,
			    "content-keys/0100000000000000000000000000000000000"
			    "000000000000000000000000000",
			    "content-keys/0200000000000000000000000000000000000"
			    "000000000000000000000000000",
			    &e));
	commitment[0] = 2;
	assert_refused(content_key_open(dirfd, wrap, commitment, got, &e),
		       ERR_UNTRUSTED);
	assert_ok(fs_remove_tree(dirfd, "content-keys", &e));
	ec_free(wrap);
	ec_free(other);
	fs_close(&dirfd);
	assert_int_equal(rmdir(box), 0);
}

/* Its public half is no secret: anybody can seal anything to the wrap key. */
static void what_is_no_key_is_none_also_when_it_is_sealed(void **state)
{
	static const char label[] = "pawl/content-key/v1";
	uint8_t info[sizeof(label) - 1 + STREAM_COMMITMENT_LEN] = { 0 };
	const struct hpke_bound bound = { .info = { info, sizeof(info) } };
	const uint8_t commitment[STREAM_COMMITMENT_LEN] = { 0 };
	uint8_t plain[STREAM_KEY_LEN] = { 7 }, got[STREAM_KEY_LEN];
	struct ec_private *wrap = NULL;
	char box[] = "/tmp/pawl-test.XXXXXX";
	struct ec_public to;
	struct err e = { 0 };
	int dirfd = -1;

	(void)state;
	memcpy(info, label, sizeof(label) - 1);
	assert_non_null(mkdtemp(box));
	assert_ok(fs_open_dir(box, &dirfd, &e));
	assert_ok(fs_mkdir(dirfd, "content-keys", 0700, &e));
	assert_ok(ec_generate(&wrap, &e));
	ec_public_of(wrap, &to);
	for (size_t len = 0; len <= sizeof(plain); len++) {
		struct buf sealed = BUF_INIT(4096);

		assert_ok(hpke_seal(&to, &bound, (struct slice){ plain, len },
				    &sealed, &e));
		assert_ok(fs_replace_file(
			dirfd,
			"content-keys/0000000000000000000000000000000000000"
			"000000000000000000000000000",
			buf_slice(&sealed), 0600, &e));
		buf_done(&sealed);
		if (len < sizeof(plain))
			assert_refused(content_key_open(dirfd, wrap, commitment,
							got, &e),
				       ERR_FORMAT);
	}
	assert_ok(content_key_open(dirfd, wrap, commitment, got, &e));
	assert_memory_equal(got, plain, sizeof(got));
	assert_ok(fs_remove_tree(dirfd, "content-keys", &e));
	ec_free(wrap);
	fs_close(&dirfd);
	assert_int_equal(rmdir(box), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_is_kept_sealed_for_the_wrap_key_alone),
		cmocka_unit_test(what_is_no_key_is_none_also_when_it_is_sealed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
