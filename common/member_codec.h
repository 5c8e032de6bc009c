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
	MEMBER_LZ4,         /* LZ4 blocks, each behind its length, or one */
	MEMBER_XZ,          /* a .xz stream of one block; liblzma */
	MEMBER_ZSTD,        /* a frame of RFC 8878 */
	MEMBER_KINDS
};

/* What each kind's parameters are. */
enum {
	DEFLATE_LEVEL = 0, /* 1 to 9 */
	DEFLATE_MEMORY,    /* 1 to 9: zlib's memLevel */
	DEFLATE_STRATEGY,  /* 0 to 3 */
	DEFLATE_FRAMED,    /* 1: as of RFC 1950 */

	LZ4_LEVEL = 0, /* 3 to 12: of the "HC" compressor; 1: the fast one */
	LZ4_BLOCK,     /* bytes of content in each block but the last */
	LZ4_BARE,      /* 1: one block, without its length */

	XZ_PRESET = 0, /* 0 to 9; 16 more: "extreme" */
	XZ_DICT,       /* bytes of the dictionary, from 4096 on */
	XZ_CHECK,      /* 0, 1, 4, 10: its identifier in the format */
	XZ_FILTER,     /* 0, or a branch filter's identifier, 4 to 9 */
	XZ_WHOLE,      /* 1: made in one go, not in pieces */

	ZSTD_LEVEL = 0, /* 1 to 22 */
	ZSTD_CHECKSUM,  /* 1: the frame has one */
	ZSTD_SIZE,      /* 1: it tells the content's size */
	ZSTD_WHOLE,     /* 1: made in one go: then the size, and no checksum */

	MEMBER_PARAMS = 5
};

struct member_recipe {
	enum member_kind kind;
	uint64_t params[MEMBER_PARAMS];
};

#define MEMBER_BLOCK_MAX (8u << 20) /* of LZ4 */
#define MEMBER_WHOLE_MAX (1u << 20) /* of what is made in one go */

/* What goes in, and where to what comes out. */
struct member_task {
	struct member_recipe recipe; /* valid */
	bool pack;                   /* compress; else the other way */
	uint64_t raw_len;            /* of the content */
	uint64_t packed_len;         /* unpacking: of all that goes in */
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
	/* May be NULL; else, whether pack() gets all of it at once. */
	bool (*is_whole)(const uint64_t *params);
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
extern const struct member_codec member_xz;
extern const struct member_codec member_zstd;

#endif
