/* SPDX-License-Identifier: Apache-2.0 */
/* What lies in the midst of a file, by what its header must say. */
#include "signer/embedded.h"

#include <string.h>

#include "common/fs.h"
#include "common/le.h"
#include "common/random.h"
#include "tests/unit/check.h"

#define LEN 16384

static uint8_t file[LEN];

struct sample {
	const char *bytes;
	size_t len;
	bool known;
};

#define SAMPLE(known, text)                                                    \
	{                                                                      \
		(text), sizeof(text) - 1, (known)                              \
	}

static const struct sample samples[] = {
	SAMPLE(true, "\x1f\x8b\x08\0\0\0\0\0\0\x03"),
	SAMPLE(true, "\x1f\x8b\x08\x08\0\0\0\0\x02\xff"
		     "name"),
	SAMPLE(false, "\x1f\x8b\x07\0\0\0\0\0\0\x03"),
	SAMPLE(false, "\x1f\x8b\x08\x20\0\0\0\0\0\x03"),
	SAMPLE(false, "\x1f\x8b\x08\0\0\0\0\0\x01\x03"),
	SAMPLE(false, "\x1f\x8b\x08\0\0\0\0\0\0\x0e"),
	SAMPLE(true, "\xfd"
		     "7zXZ\0\0\x04\xe6\xd6\xb4\x46"),
	SAMPLE(false, "\xfd"
		      "7zXZ\0\0\x04\xe6\xd6\xb4\x47"),
	SAMPLE(false, "\xfd"
		      "7zXZ\0\0\x14\xe6\xd6\xb4\x46"),
	SAMPLE(true, "\x28\xb5\x2f\xfd\x24\x10"),
	SAMPLE(false, "\x28\xb5\x2f\xfd\x2c\x10"),
	SAMPLE(true, "\x04\x22\x4d\x18\x64\x40\xa7"),
	SAMPLE(false, "\x04\x22\x4d\x18\x24\x40\xa7"),
	SAMPLE(false, "\x04\x22\x4d\x18\x64\x30\xa7"),
	SAMPLE(true, "\x02\x21\x4c\x18\x10\0\0\0"),
	SAMPLE(false, "\x02\x21\x4c\x18\0\0\0\0"),
	SAMPLE(false, "\x02\x21\x4c\x18\0\0\0\x10"),
	SAMPLE(true, "BZh91AY&SY"),
	SAMPLE(false, "BZh01AY&SY"),
	SAMPLE(false, "BZh91AY&SX"),
	SAMPLE(true, "LZIP\x01\x14"),
	SAMPLE(false, "LZIP\x02\x14"),
	SAMPLE(false, "LZIP\x01\x1e"),
	SAMPLE(true, "\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff\0\x16"),
	SAMPLE(true, "\x5d\0\0\x80\0\x10\0\0\0\0\0\0\0\0\x16"),
	SAMPLE(false, "\x5d\0\0\x81\0\x10\0\0\0\0\0\0\0\0\x16"),
	SAMPLE(false, "\x5d\0\0\x80\0\0\0\0\0\0\0\0\0\0\x16"),
	SAMPLE(false, "\x5d\0\0\x80\0\x10\0\0\0\0\0\0\0\x01\x16"),
	SAMPLE(false, "\x5d\0\0\x80\0\x10\0\0\0\0\x02\0\0\0\x16"),
	SAMPLE(true, "PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\1\2\3\4\1\0\0\0\1\0\0"
		     "\0\x05\0\0\0name."),
	/* stored: it is seen where it stands */
	SAMPLE(false, "PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\1\2\3\4\1\0\0\0\1\0\0"
		      "\0\x05\0\0\0name."),
	SAMPLE(false, "PK\x03\x04\x99\0\0\0\x08\0\0\0\0\0\1\2\3\4\1\0\0\0\1\0"
		      "\0\0\x05\0\0\0name."),
	SAMPLE(false, "PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\1\2\3\4\1\0\0\0\1\0"
		      "\0\0\0\0\0\0name."),
};

static size_t count(uint64_t base, size_t from, size_t to,
		    struct embedded *last)
{
	const struct slice window = { file, LEN };
	struct embedded one;
	size_t n = 0;

	while (embedded_next(window, base, from, to, &one, &from)) {
		*last = one;
		n++;
	}
	assert_int_equal(from, to);
	return n;
}

static void streams_are_known_by_their_headers(void **state)
{
	static const size_t places[] = { 0, 1, 511, 777, 4096 };
	struct embedded found = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(samples); i++)
		for (size_t j = 0; j < ARRAY_LEN(places); j++) {
			memset(file, 'x', LEN);
			memcpy(file + places[j], samples[i].bytes,
			       samples[i].len);
			if (count(0, 0, LEN, &found) != samples[i].known)
				fail_msg("sample %zu at %zu", i, places[j]);
			if (samples[i].known)
				assert_int_equal(found.at, places[j]);
		}
}

/* Cut off at the end of the window: nothing is read behind it. */
static void a_header_that_is_cut_off_is_none(void **state)
{
	struct embedded found;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(samples); i++)
		for (size_t n = 1; n < samples[i].len && n < 6; n++) {
			memset(file, 'x', LEN);
			memcpy(file + LEN - n, samples[i].bytes, n);
			assert_int_equal(count(0, 0, LEN, &found), 0);
		}
}

static void each_is_found_in_one_part_of_the_window(void **state)
{
	struct embedded found;
	size_t n = 0;

	(void)state;
	memset(file, 'x', LEN);
	memcpy(file + 1000, "BZh91AY&SY", 10);
	for (size_t from = 990; from < 1020; from++)
		n += count(0, from, from + 1, &found);
	assert_int_equal(n, 1);
	assert_int_equal(found.at, 1000);
}

static void images_are_known_where_they_begin(void **state)
{
	struct embedded found;
	uint8_t *super = file + 8192 + 1024;

	(void)state;
	memset(file, 0, LEN);
	super[0] = super[4] = super[32] = super[40] = 1;
	memcpy(super + 56, "\x53\xef", 2);
	assert_int_equal(count(0, 0, LEN, &found), 1);
	assert_int_equal(found.image, PEEK_EXT);
	assert_int_equal(found.at, 8192);
	assert_int_equal(count(100, 0, LEN, &found), 0);
	super[90] = 1; /* a copy, in another group */
	assert_int_equal(count(0, 0, LEN, &found), 0);
	memset(file, 0, LEN);
	memcpy(file + 77,
	       "hsqs\1\0\0\0\0\0\0\0\0\0\2\0\0\0\0\0\4\0\x11\0\0\0"
	       "\1\0\4\0\0\0",
	       32);
	file[77 + 41] = 1;
	assert_int_equal(count(0, 0, LEN, &found), 1);
	assert_int_equal(found.image, PEEK_SQUASHFS);
	file[77 + 22] = 0x12;
	assert_int_equal(count(0, 0, LEN, &found), 0);
}

static void what_cannot_be_opened_is_known_at_pages(void **state)
{
	struct embedded found;

	(void)state;
	memset(file, 0, LEN);
	memcpy(file + 4096, "UBI#\1", 5);
	assert_int_equal(count(0, 0, LEN, &found), 1);
	assert_string_equal(found.closed, "a UBI image");
	assert_int_equal(count(512, 0, LEN, &found), 0);
	memset(file, 0, LEN);
	memcpy(file + 4096 + 1024, "\xe2\xe1\xf5\xe0", 4);
	assert_int_equal(count(0, 0, LEN, &found), 1);
	assert_string_equal(found.closed, "an erofs image");
	/* The name of an instruction. */
	memset(file, 0, LEN);
	memcpy(file + 4096, "sqshl\t%0.h, %1/m", 16);
	assert_int_equal(count(0, 0, LEN, &found), 0);
}

static void noise_holds_none(void **state)
{
	struct embedded found;

	(void)state;
	for (int round = 0; round < 100; round++) {
		random_bytes(file, LEN);
		assert_int_equal(count(0, 0, LEN, &found), 0);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_are_known_by_their_headers),
		cmocka_unit_test(a_header_that_is_cut_off_is_none),
		cmocka_unit_test(each_is_found_in_one_part_of_the_window),
		cmocka_unit_test(images_are_known_where_they_begin),
		cmocka_unit_test(what_cannot_be_opened_is_known_at_pages),
		cmocka_unit_test(noise_holds_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
