/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two images for the tests of views: each a head of noise, a zstd frame whose
 * content changed a little, and a tail that did not.
 */
#ifndef TESTS_UNIT_VIEW_IMAGES_H
#define TESTS_UNIT_VIEW_IMAGES_H

#include "signer/stream_view.h"
#include "tests/unit/image_tree.h"

#define HEAD_LEN 5000
#define RAW_LEN  60000
#define TAIL_LEN 3000

struct view_images {
	uint8_t raw[2][RAW_LEN]; /* the members' contents, old and new */
	size_t packed_len[2];
	struct buf bytes[2];
	struct pack_tree tree[2];
};

static inline void images_fill(uint8_t *to, size_t len, uint32_t seed,
			       unsigned bits)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		to[i] = (uint8_t)(seed >> (32 - bits));
	}
}

static inline int images_put(void *ctx, struct slice bytes, struct err *e)
{
	return buf_add(ctx, bytes, e);
}

static inline void images_pack(struct view_images *v, size_t which)
{
	struct member_task t = { .recipe = { MEMBER_ZSTD, { 3, 1, 1, 0 } },
				 .pack = true,
				 .raw_len = RAW_LEN,
				 .memory_max = MEMBER_MEMORY,
				 .ctx = &v->bytes[which],
				 .put = images_put };
	struct member_stream *s = NULL;
	struct err e = { 0 };
	size_t used;

	assert_ok(member_start(&t, &s, &e));
	assert_ok(member_add(s, (struct slice){ v->raw[which], RAW_LEN }, &used,
			     &e));
	assert_ok(member_end(s, &e));
	member_free(s);
}

static inline void images_make(struct view_images *v)
{
	uint8_t plain[HEAD_LEN];
	struct err e = { 0 };

	images_fill(v->raw[0], RAW_LEN, 1, 4);
	images_fill(v->raw[1], RAW_LEN, 1, 4);
	memset(v->raw[1] + 20000, 'x', 100);
	for (size_t i = 0; i < 2; i++) {
		v->bytes[i] = (struct buf)BUF_INIT(1 << 20);
		images_fill(plain, HEAD_LEN, 7 + (uint32_t)i, 8);
		assert_ok(buf_add(&v->bytes[i],
				  (struct slice){ plain, HEAD_LEN }, &e));
		images_pack(v, i);
		v->packed_len[i] = v->bytes[i].len - HEAD_LEN;
		images_fill(plain, TAIL_LEN, 9, 8);
		assert_ok(buf_add(&v->bytes[i],
				  (struct slice){ plain, TAIL_LEN }, &e));
		image_tree_init(&v->tree[i], buf_slice(&v->bytes[i]));
	}
}

static inline void images_drop(struct view_images *v)
{
	for (size_t i = 0; i < 2; i++) {
		buf_done(&v->bytes[i]);
		image_tree_done(&v->tree[i]);
	}
}

#endif
