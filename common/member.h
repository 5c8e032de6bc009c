/* SPDX-License-Identifier: Apache-2.0 */
/*
 * member - compressed content, taken apart and put together again bit by bit.
 *
 * Two compressed files resemble each other in nothing, their contents in
 * almost everything. So a delta is made of the contents, and who applies it
 * compresses what comes out again: with the same library and the same settings
 * the same bytes result. A recipe names these settings. Whether it yields the
 * very bytes is proved by who makes a delta, and found by digest by who applies
 * one. docs/delta-format.md, "Members".
 */
#ifndef COMMON_MEMBER_H
#define COMMON_MEMBER_H

#include "common/member_codec.h"

/* Is this a recipe, its parameters within what is said above? */
bool member_is_valid(const struct member_recipe *r);

/* The library that follows it, for instance "lz4 1.9.4", as it is here. */
#define MEMBER_LIBRARY_MAX 32
void member_library(enum member_kind kind, char out[MEMBER_LIBRARY_MAX + 1]);

/* Is this the text of one that is here? */
bool member_library_is_here(const char *text);

/* Bytes of memory that compressing raw_len bytes takes. */
uint64_t member_memory(const struct member_recipe *r, uint64_t raw_len);

/*
 * How much room a stream needs beside that: the caller's, who may take it from
 * a file. 0 for most.
 */
uint64_t member_room(const struct member_recipe *r);

struct member_stream;

/* ERR_LIMIT when it takes more memory than it may. */
int member_start(const struct member_task *t, struct member_stream **out,
		 struct err *e) NODISCARD;

/*
 * Bytes of the input; *used may be less than all only when unpacking, where
 * the content ended. ERR_FORMAT for damaged input.
 */
int member_add(struct member_stream *s, struct slice bytes, size_t *used,
	       struct err *e) NODISCARD;

/* Unpacking: the content has ended, whatever its length. */
bool member_has_ended(const struct member_stream *s);

/*
 * The input is complete. Unpacking, ERR_FORMAT unless it ended here and gave
 * raw_len bytes; packing, ERR_FORMAT unless raw_len bytes came.
 */
int member_end(struct member_stream *s, struct err *e) NODISCARD;
void member_free(struct member_stream *s);

#endif
