/* SPDX-License-Identifier: Apache-2.0 */
/*
 * member_codec - the kinds of compressed members, and what a library must do
 * for each: one table of operations, which only member.c looks into.
 */
#ifndef COMMON_MEMBER_CODEC_H
#define COMMON_MEMBER_CODEC_H

#include <stdbool.h>

#include "common/rd.h"

enum member_kind {
	MEMBER_DEFLATE = 1, /* RFC 1951, or in the frame of RFC 1950; zlib */
	MEMBER_LZ4,         /* LZ4 blocks, each behind its length (32 bits) */
	MEMBER_KINDS
};

/* What each kind's parameters are. */
enum {
	DEFLATE_LEVEL = 0, /* 1 to 9 */
	DEFLATE_MEMORY,    /* 1 to 9: zlib's memLevel */
	DEFLATE_STRATEGY,  /* 0 to 3 */
	DEFLATE_FRAMED,    /* 1: as of RFC 1950 */

	LZ4_LEVEL = 0, /* 3 to 12: of the "HC" compressor */
	LZ4_BLOCK,     /* bytes of content in each block but the last */

	MEMBER_PARAMS = 4
};

struct member_recipe {
	enum member_kind kind;
	uint64_t params[MEMBER_PARAMS];
};

#define MEMBER_BLOCK_MAX (8u << 20) /* of LZ4 */

/* What goes in, and where to what comes out. */
struct member_task {
	struct member_recipe recipe; /* valid */
	bool pack;                   /* compress; else the other way */
	uint64_t raw_len;            /* of the content */
	uint64_t memory_max; /* for unpacking, which has a window, too */
	uint8_t *room;       /* member_room() bytes, or NULL */
	void *ctx;
	int (*put)(void *ctx, struct slice bytes, struct err *e);
};

/* What comes out goes to the task, counted against its limit. */
struct member_out;
int member_put(struct member_out *to, const void *bytes, size_t len,
	       struct err *e) NODISCARD;

struct member_codec {
	const char *library;
	const char *(*version)(void);
	bool (*is_valid)(const uint64_t *params);
	uint64_t (*memory)(const uint64_t *params, uint64_t raw_len);
	/* May be NULL: it needs no room. */
	uint64_t (*room)(const uint64_t *params);
	int (*start)(const struct member_task *t, void **state, struct err *e);
	/* Takes all of in; when last, gives all that there still is. */
	int (*pack)(void *state, struct slice in, bool last,
		    struct member_out *to, struct err *e);
	/* May leave some of in where the content ended: then *ended. */
	int (*unpack)(void *state, struct slice in, size_t *used, bool *ended,
		      struct member_out *to, struct err *e);
	void (*stop)(void *state);
};

extern const struct member_codec member_deflate;
extern const struct member_codec member_lz4;

#endif
