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

static void assert_sha256(const struct sha256 *d, const char *hex)
{
	char text[SHA256_HEX_LEN];

	sha256_format(d, text);
	assert_string_equal(text, hex);
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
		cmocka_unit_test(parses_what_it_formats),
		cmocka_unit_test(refuses_anything_but_64_lower_case_hex_digits),
		cmocka_unit_test(digests_a_range_of_a_file),
		cmocka_unit_test(refuses_a_file_that_is_too_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
