/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text - strict conversions between text and values, and the few alphabets
 * that names from outside may use.
 */
#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/rd.h"

#define NAME_MAX_LEN 64   /* one component of a name */
#define PATH_MAX_LEN 1024 /* a path of several components */

/* Write 2 * in.len lower-case hex digits and a NUL to out. */
void hex_format(struct slice in, char *out);

/* Exactly 2 * len lower-case hex digits to len bytes. ERR_FORMAT. */
int hex_parse(struct slice in, uint8_t *out, size_t len,
	      struct err *e) NODISCARD;

/* Decimal digits only, no sign, no leading zero but "0". ERR_FORMAT/_LIMIT. */
int num_parse(struct slice in, uint64_t max, uint64_t *out,
	      struct err *e) NODISCARD;

/* A name: [a-z0-9][a-z0-9._-]* of at most NAME_MAX_LEN bytes. */
bool name_is_valid(struct slice name);

/* Names joined by single slashes, PATH_MAX_LEN bytes at most. */
bool target_path_is_valid(struct slice path);

/*
 * The code point at the start of well-formed UTF-8 and the bytes it takes; 0
 * at the end or for anything else (over-long forms, surrogates, fragments).
 */
size_t utf8_next(struct slice in, uint32_t *code);
bool utf8_is_valid(struct slice in);

/*
 * Copy text for a person's eyes to out (NUL-terminated, cut to size): anything
 * but printable ASCII and visible, well-formed UTF-8 becomes \xNN, so foreign
 * bytes cannot move a cursor, forge a line or turn text around. Never cuts a
 * letter or an escape in two.
 */
void text_escape(struct slice in, char *out, size_t size);

/* Copy what is known to fit; the rest would be cut. size is above 0. */
void text_copy(char *out, size_t size, const char *in);

/*
 * snprintf for fixed arrays that must not be cut: ERR_LIMIT when it is.
 * Use it for paths and names, never for people's text.
 */
int text_format(char *out, size_t size, struct err *e, const char *fmt, ...)
	PRINTF(4, 5) NODISCARD;

/* Bytes for people: "51 B", "663.9 kB", "7.2 MB" (powers of 1000). */
void text_size(uint64_t bytes, char out[16]);

#endif
