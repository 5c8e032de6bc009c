/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statement - what small signed documents have in common: a floor, a step back,
 * a site. Each is a TUF target of its own, at most 64 KiB of canonical JSON,
 * one object with "v": 1, "type" and "issued". What is accepted has one
 * spelling, so nothing hides in another. That the bytes are the signed ones
 * was verified before anybody parses them.
 */
#ifndef COMMON_STATEMENT_H
#define COMMON_STATEMENT_H

#include "common/json.h"
#include "common/text.h"

#define STATEMENT_MAX_LEN 65536

/*
 * Parse a statement of this type with these members ("v", "type" and "issued"
 * are always there), NULL last. The caller frees *out. ERR_FORMAT; ERR_LIMIT
 * when it is too long; ERR_REFUSED for a later format.
 */
int statement_parse(struct slice in, const char *type,
		    const char *const *members, struct json **out,
		    int64_t *issued, struct err *e) NODISCARD;

/* Begin one; the caller adds its members. */
struct json *statement_new(const char *type, int64_t issued);

/* A time of it. */
int statement_time(const struct json *j, const char *name, int64_t *out,
		   struct err *e) NODISCARD;
void statement_set_time(struct json *j, const char *name, int64_t sec);

/* A name [a-z0-9][a-z0-9._-]*. */
int statement_name(const struct json *j, const char *name,
		   char out[NAME_MAX_LEN + 1], struct err *e) NODISCARD;

/* An integer from 1. */
int statement_seq(const struct json *j, const char *name, uint64_t *out,
		  struct err *e) NODISCARD;

#endif
