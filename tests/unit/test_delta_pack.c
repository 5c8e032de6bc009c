/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_pack.h"

#include "tests/unit/check.h"

#define LEN 20000

static uint8_t noise[2 * LEN];

static int setup(void **state)
{
	uint32_t random = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(noise); i++) {
		random = random * 1664525 + 1013904223;
		noise[i] = (uint8_t)(random >> 24);
	}
	return 0;
}

static void add(struct buf *to, const uint8_t *bytes, size_t len)
{
	struct err e = { 0 };

	assert_ok(buf_add(to, (struct slice){ bytes, len }, &e));
}

/* A record of noise as inserts, with as much noise as prefix. */
static struct delta_packing *record(const uint8_t *prefix)
{
	struct delta_packing *p;

	delta_packing_new(&p);
	p->record.new_len = LEN;
	add(&p->streams[DELTA_INSERTS], noise, LEN);
	add(&p->prefix, prefix, LEN);
	add(&p->streams[DELTA_PREFIX], (const uint8_t *)"\0\1", 2);
	return p;
}

static void pack(struct crew *c, struct delta_packing **records, size_t count,
		 enum package_codec codec)
{
	struct delta_pack_job job = { records, count, codec, false };
	struct err e = { 0 };

	assert_ok(delta_pack(c, &job, &e));
}

static void a_prefix_is_taken_if_it_makes_inserts_smaller(void **state)
{
	static const enum package_codec codecs[] = { PACKAGE_ZSTD,
						     PACKAGE_LZMA };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct delta_packing *p = record(noise);

		pack(NULL, &p, 1, codecs[i]);
		assert_int_equal(p->record.raw_len[DELTA_INSERTS], LEN);
		assert_true(p->record.packed_len[DELTA_INSERTS] < LEN / 10);
		assert_int_equal(p->record.raw_len[DELTA_PREFIX], 2);
		delta_packing_free(p);
	}
}

static void a_prefix_of_no_use_is_left_out(void **state)
{
	struct delta_packing *p = record(noise + LEN);

	(void)state;
	pack(NULL, &p, 1, PACKAGE_LZMA);
	/* Nor is noise worth a frame. */
	assert_int_equal(p->record.packed_len[DELTA_INSERTS], LEN);
	assert_int_equal(p->packed[DELTA_INSERTS].len, LEN);
	assert_memory_equal(p->packed[DELTA_INSERTS].ptr, noise, LEN);
	assert_int_equal(p->record.raw_len[DELTA_PREFIX], 0);
	assert_int_equal(p->record.packed_len[DELTA_PREFIX], 0);
	assert_int_equal(p->packed[DELTA_PREFIX].len, 0);
	delta_packing_free(p);
}

/* Offsets of three bytes each, which as words are as many and half noise. */
static struct delta_packing *record_of_offsets(size_t spare)
{
	struct delta_packing *p;

	delta_packing_new(&p);
	p->record.new_len = LEN;
	p->spare = spare;
	for (size_t i = 0; i < LEN / 4; i++) {
		const uint8_t low = noise[i], high = noise[LEN + i] & 63;
		const uint8_t varint[] = { 0x80 | low, 0x81 | high, 1 };
		const uint8_t word[] = { 0, low & 1, high, 0 };

		add(&p->streams[DELTA_OFFSETS], varint, sizeof(varint));
		add(&p->words, word, sizeof(word));
	}
	return p;
}

static void offsets_are_words_if_these_are_smaller(void **state)
{
	struct delta_packing *p = record_of_offsets(LEN / 4);
	uint8_t words[4 * (LEN / 4)];

	(void)state;
	memcpy(words, p->words.ptr, sizeof(words));
	pack(NULL, &p, 1, PACKAGE_LZMA);
	assert_true(p->record.offset_words);
	assert_int_equal(p->record.raw_len[DELTA_OFFSETS], sizeof(words));
	assert_true(p->record.packed_len[DELTA_OFFSETS] < LEN / 3);
	delta_join_words(p->streams[DELTA_OFFSETS].ptr, sizeof(words));
	assert_memory_equal(p->streams[DELTA_OFFSETS].ptr, words,
			    sizeof(words));
	delta_packing_free(p);
}

static void offsets_stay_where_there_is_no_room_for_words(void **state)
{
	struct delta_packing *p = record_of_offsets(LEN / 4 - 1);

	(void)state;
	pack(NULL, &p, 1, PACKAGE_LZMA);
	assert_false(p->record.offset_words);
	assert_int_equal(p->record.raw_len[DELTA_OFFSETS], 3 * (LEN / 4));
	delta_packing_free(p);
}

static void a_crew_packs_as_one_does(void **state)
{
	struct delta_packing *alone[3], *together[3];
	struct err e = { 0 };
	struct crew *c;

	(void)state;
	assert_ok(crew_new(4, &c, &e));
	for (size_t i = 0; i < 3; i++) {
		alone[i] = record(noise + i * 1000);
		together[i] = record(noise + i * 1000);
	}
	pack(NULL, alone, 3, PACKAGE_LZMA);
	pack(c, together, 3, PACKAGE_LZMA);
	for (size_t i = 0; i < 3; i++) {
		for (size_t k = 0; k < DELTA_STREAMS; k++)
			assert_true(slice_equal(
				buf_slice(&alone[i]->packed[k]),
				buf_slice(&together[i]->packed[k])));
		delta_packing_free(alone[i]);
		delta_packing_free(together[i]);
	}
	crew_free(c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_prefix_is_taken_if_it_makes_inserts_smaller),
		cmocka_unit_test(a_prefix_of_no_use_is_left_out),
		cmocka_unit_test(offsets_are_words_if_these_are_smaller),
		cmocka_unit_test(offsets_stay_where_there_is_no_room_for_words),
		cmocka_unit_test(a_crew_packs_as_one_does),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
