/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire_body - what the bodies of all messages between device and server have in
 * common: JSON of one version and a bounded length, and members that are
 * checked as they are read. wire.h and wire_enrol.h have the messages.
 */
#ifndef COMMON_WIRE_BODY_H
#define COMMON_WIRE_BODY_H

#include "common/digest.h"
#include "common/json.h"

#define WIRE_BODY_MAX 16384

struct json *wire_body_new(void);

/* Prints a message, appending to out, and frees it in any case. */
int wire_body_end(struct json *j, struct buf *out, struct err *e) NODISCARD;

/*
 * Parses a message and checks its version; `known` (a list that ends with NULL)
 * are its members, NULL: whatever there is. The caller frees. ERR_LIMIT,
 * ERR_FORMAT.
 */
int wire_body_open(struct slice in, const char *const *known, struct json **out,
		   struct err *e) NODISCARD;

/* What a text may be. */
bool wire_is_any(const char *text);
bool wire_is_name(const char *text);      /* name_is_valid() */
bool wire_is_printable(const char *text); /* ASCII, no control characters */

/* Members that must be there: ERR_NOT_FOUND, ERR_FORMAT; ERR_LIMIT. */
int wire_get_text(const struct json *j, const char *name,
		  bool (*valid)(const char *), char *out, size_t size,
		  struct err *e) NODISCARD;
int wire_get_count(const struct json *j, const char *name, int64_t max,
		   uint64_t *out, struct err *e) NODISCARD;
int wire_get_u32(const struct json *j, const char *name, int64_t max,
		 uint32_t *out, struct err *e) NODISCARD;

/* One of these words, as its place among them. */
int wire_get_word(const struct json *j, const char *name,
		  const char *const *words, size_t count, size_t *out,
		  struct err *e) NODISCARD;

void wire_set_digest(struct json *j, const char *name,
		     const struct sha256 *digest);

#endif
