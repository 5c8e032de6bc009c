/* SPDX-License-Identifier: Apache-2.0 */
#include "common/digest.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/check.h"

/* FIPS 180-4 examples ("abc"), and NIST's digest of no bytes at all. */
#define ABC_256                                                                \
	"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define NONE_256                                                               \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
static const uint8_t abc_512[SHA512_LEN] = {
	0xdd, 0xaf, 0x35, 0xa1, 0x93, 0x61, 0x7a, 0xba, 0xcc, 0x41, 0x73,
	0x49, 0xae, 0x20, 0x41, 0x31, 0x12, 0xe6, 0xfa, 0x4e, 0x89, 0xa9,
	0x7e, 0xa2, 0x0a, 0x9e, 0xee, 0xe6, 0x4b, 0x55, 0xd3, 0x9a, 0x21,
	0x92, 0x99, 0x2a, 0x27, 0x4f, 0xc1, 0xa8, 0x36, 0xba, 0x3c, 0x23,
	0xa3, 0xfe, 0xeb, 0xbd, 0x45, 0x4d, 0x44, 0x23, 0x64, 0x3c, 0xe8,
	0x0e, 0x2a, 0x9a, 0xc9, 0x4f, 0xa5, 0x4c, 0xa4, 0x9f,
};

static void assert_sha256(const struct sha256 *d, const char *hex)
{
	char text[SHA256_HEX_LEN];

	sha256_format(d, text);
	assert_string_equal(text, hex);
}

static void agrees_with_the_standard(void **state)
{
	uint8_t long_one[SHA512_LEN];
	struct sha256 d;

	(void)state;
	sha256_of(slice_of("abc"), &d);
	assert_sha256(&d, ABC_256);
	sha256_of((struct slice){ 0 }, &d);
	assert_sha256(&d, NONE_256);
	sha512_of(slice_of("abc"), long_one);
	assert_memory_equal(long_one, abc_512, sizeof(long_one));
}

static void pieces_make_the_same_digest_as_the_whole(void **state)
{
	struct digest *d = digest_new(DIGEST_SHA512);
	uint8_t out[SHA512_LEN];

	(void)state;
	digest_add(d, slice_of("a"));
	digest_add(d, (struct slice){ 0 });
	digest_add(d, slice_of("bc"));
	digest_finish(d, out);
	assert_memory_equal(out, abc_512, sizeof(out));
	digest_free(d);
	digest_free(NULL);
}

static void a_reset_forgets_everything(void **state)
{
	struct digest *d = digest_new(DIGEST_SHA256);
	struct sha256 out;

	(void)state;
	digest_add(d, slice_of("something else"));
	digest_reset(d);
	digest_add(d, slice_of("abc"));
	digest_finish(d, out.bytes);
	assert_sha256(&out, ABC_256);
	digest_free(d);
}

static void parses_what_it_formats(void **state)
{
	struct sha256 a, b;
	struct err e = { 0 };

	(void)state;
	sha256_of(slice_of("abc"), &a);
	assert_ok(sha256_parse(slice_of(ABC_256), &b, &e));
	assert_true(sha256_equal(&a, &b));
	b.bytes[31] ^= 1;
	assert_false(sha256_equal(&a, &b));
}

static void refuses_anything_but_64_lower_case_hex_digits(void **state)
{
	struct sha256 d;
	struct err e = { 0 };

	(void)state;
	assert_refused(sha256_parse(slice_of(""), &d, &e), ERR_FORMAT);
	assert_refused(sha256_parse(slice_of(ABC_256 "0"), &d, &e), ERR_FORMAT);
	assert_refused(sha256_parse(slice_of("BA7816bf8f01cfea414140de5dae2223b"
					     "00361a396177a9cb410ff61f20015ad"),
				    &d, &e),
		       ERR_FORMAT);
	assert_refused(sha256_parse(slice_of("ga7816bf8f01cfea414140de5dae2223b"
					     "00361a396177a9cb410ff61f20015ad"),
				    &d, &e),
		       ERR_FORMAT);
}

static void digests_a_range_of_a_file(void **state)
{
	int fd = memfd_create("range", MFD_CLOEXEC);
	struct sha256 d, wanted;
	struct err e = { 0 };
	uint8_t *big = calloc(1, 200001);

	(void)state;
	assert_non_null(big);
	assert_int_equal(write(fd, "xabcx", 5), 5);
	assert_ok(sha256_of_range(fd, 1, 3, &d, &e));
	assert_sha256(&d, ABC_256);
	assert_ok(sha256_of_range(fd, 5, 0, &d, &e));
	assert_sha256(&d, NONE_256);

	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(ftruncate(fd, 200001), 0);
	sha256_of((struct slice){ big, 200001 }, &wanted);
	assert_ok(sha256_of_range(fd, 0, 200001, &d, &e));
	assert_true(sha256_equal(&d, &wanted));
	free(big);
	close(fd);
}

static void refuses_a_file_that_is_too_short(void **state)
{
	int fd = memfd_create("range", MFD_CLOEXEC);
	struct sha256 d;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(write(fd, "abc", 3), 3);
	assert_refused(sha256_of_range(fd, 1, 3, &d, &e), ERR_FORMAT);
	assert_refused(sha256_of_range(fd, 4, 1, &d, &e), ERR_FORMAT);
	assert_refused(sha256_of_range(fd, UINT64_MAX, 1, &d, &e), ERR_LIMIT);
	assert_refused(sha256_of_range(fd, 1, UINT64_MAX, &d, &e), ERR_LIMIT);
	close(fd);
	assert_refused(sha256_of_range(-1, 0, 1, &d, &e), ERR_SYSTEM);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_the_standard),
		cmocka_unit_test(pieces_make_the_same_digest_as_the_whole),
		cmocka_unit_test(a_reset_forgets_everything),
		cmocka_unit_test(parses_what_it_formats),
		cmocka_unit_test(refuses_anything_but_64_lower_case_hex_digits),
		cmocka_unit_test(digests_a_range_of_a_file),
		cmocka_unit_test(refuses_a_file_that_is_too_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
