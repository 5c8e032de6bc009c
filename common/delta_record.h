/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_record - the parts of a delta: records, the streams in them, and the
 * segments that the streams describe. Layout: docs/delta-format.md.
 *
 * The parsers are bounded: what they return keeps to every limit that is said
 * here, and nothing is allocated.
 */
#ifndef COMMON_DELTA_RECORD_H
#define COMMON_DELTA_RECORD_H

#include "common/delta_map.h"
#include "common/rd.h"

#define DELTA_RECORD_MAX (4u << 20) /* bytes of a record's decoded streams */
#define DELTA_WINDOW     (8u << 20) /* of the codec */
#define DELTA_PREFIX_MAX (6u << 20) /* a prefix and the inserts behind it */
#define DELTA_COVERS_MAX (1u << 17) /* of a segment */
#define DELTA_FILE_MAX   UINT32_MAX /* home files, and where covers lie */

/*
 * A record begins with the length of its header (one byte) and the header, then
 * its streams follow.
 */
enum delta_stream {
	DELTA_SEGMENTS, /* varints: see struct delta_segment */
	DELTA_GAPS,     /* varints: bytes of DELTA_INSERTS before each cover */
	DELTA_LENGTHS,  /* varints: of the covers */
	DELTA_OFFSETS,  /* zigzag varints: from the end of the cover before;
			 * or words: from the beginning of the home */
	DELTA_CHOICES,  /* predictors of blocks, up to the last that is not 0 */
	DELTA_RIGHTS,   /* varints: right bytes before each wrong one */
	DELTA_DIFFS,    /* what to add to the wrong ones */
	DELTA_PREFIX,   /* varints: ranges of old bytes, see delta_unpack.h */
	DELTA_INSERTS,  /* bytes that come from nowhere */
	DELTA_STREAMS
};

struct delta_record {
	uint64_t new_len; /* bytes of the new stream, at least 1 */
	uint32_t raw_len[DELTA_STREAMS];
	uint32_t packed_len[DELTA_STREAMS]; /* raw_len: not compressed */
	bool offset_words;                  /* what DELTA_OFFSETS holds */
};

/* A length of 64 bits, what is there, two lengths of 32 for each stream. */
#define DELTA_HEADER_MAX (10 + 2 + 10 * DELTA_STREAMS)

/*
 * Words are signed, of 32 bits: first the lowest byte of each of them, then the
 * next byte of each, and so on.
 */
#define DELTA_WORD_LEN 4

/* `in` is a header, without the byte before it. */
int delta_parse_record(struct slice in, struct delta_record *out,
		       struct err *e) NODISCARD;
/* Returns the header's length. */
size_t delta_format_record(const struct delta_record *r,
			   uint8_t out[DELTA_HEADER_MAX]);

enum delta_kind {
	DELTA_COPY, /* len bytes of the old stream at old_at */
	DELTA_PATCH /* covers and inserts; old_at and old_len: the home file */
};

/* A stretch of the new stream. */
struct delta_segment {
	enum delta_kind kind;
	uint64_t len; /* at least 1 */
	uint64_t old_at, old_len;
	/* patches */
	uint32_t within;      /* where in its file the segment begins */
	uint32_t cover_count; /* 0: all is inserted, and nothing follows */
	struct delta_layout old, fresh;
	uint64_t old_anchor, new_anchor;
};

/* Bytes of a number at most. */
#define DELTA_NUMBER_MAX 10

/* Seven bits a byte, lowest first. Returns how many bytes that are. */
size_t delta_put_varint(uint64_t value, uint8_t out[DELTA_NUMBER_MAX]);

/* The shortest form only. */
int delta_get_varint(struct rd *r, uint64_t *out, struct err *e) NODISCARD;

/*
 * The next segment. old_end is where the old range of the one before ended.
 * The old range lies within old_len bytes; the file that a patch makes, and
 * its regions, end at DELTA_FILE_MAX at the latest.
 */
int delta_get_segment(struct rd *r, uint64_t old_end, uint64_t old_len,
		      struct delta_segment *out, struct err *e) NODISCARD;

/* A step from one place to another of at most `limit`, as a zigzag varint. */
int delta_get_place(struct rd *r, uint64_t from, uint64_t limit, uint64_t *out,
		    struct err *e) NODISCARD;

/*
 * A word, after delta_join_words(), instead: from the beginning of the home,
 * which is at most `limit`.
 */
int delta_get_word(struct rd *r, uint64_t home_at, uint64_t limit,
		   uint64_t *out, struct err *e) NODISCARD;

/* Whole words: the bytes of each, lowest first, and back. */
void delta_join_words(uint8_t *bytes, size_t len);
void delta_split_words(uint8_t *bytes, size_t len);

#endif
