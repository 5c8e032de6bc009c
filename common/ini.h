/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ini - configuration files, through inih, with a schema.
 *
 *	# a comment has a line of its own, starting with # or ;
 *	[section]
 *	key = value up to the end of the line, ; and # included
 *	list = one value
 *	list = another
 *
 * A number is decimal, a truth yes, no, true or false. A section or key that
 * the schema does not know, a key given twice (unless it is a list), a value
 * out of range, bytes that are not UTF-8: each is ERR_CONFIG and names file,
 * line and key.
 */
#ifndef COMMON_INI_H
#define COMMON_INI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/rd.h"

#define INI_MAX_LEN   65536
#define INI_LIST_MAX  32
#define INI_VALUE_MAX 1024

enum ini_kind {
	INI_TEXT,
	INI_NUMBER,
	INI_BOOL,
	INI_LIST
};

struct ini_list {
	char *at[INI_LIST_MAX];
	size_t count;
};

struct ini_key {
	const char *section;
	const char *name;
	uint16_t kind;   /* enum ini_kind, in few bytes: a table of these is
			  * part of a program that has to be small */
	uint16_t offset; /* of the char *, uint64_t, bool, struct ini_list */
	uint32_t min;    /* numbers only */
	uint64_t max;
	bool required;
};

/*
 * Parse text (named `file` in messages) into the structure at `to`, whose
 * members the caller has set to their defaults: text members are heap strings
 * or NULL; a value replaces (and frees) the default, a list's first value all
 * of them. On failure some members are set: ini_done() is due all the same.
 */
int ini_load(struct slice text, const char *file, const struct ini_key *keys,
	     size_t key_count, void *to, struct err *e) NODISCARD;

/* Free every text and list member of the structure. */
void ini_done(const struct ini_key *keys, size_t key_count, void *to);

#endif
