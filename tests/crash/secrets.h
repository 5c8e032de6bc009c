/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secrets - bytes that must not lie about on a device: keys that stand nowhere
 * on it, and content of encrypted packages that stands in the slots' trees
 * alone.
 */
#ifndef TESTS_CRASH_SECRETS_H
#define TESTS_CRASH_SECRETS_H

#include "common/buf.h"
#include "common/opt.h"

#define SECRETS_MAX 16

struct secrets {
	struct buf nowhere[SECRETS_MAX]; /* as bytes, and as hex */
	size_t nowhere_count;
	struct buf content[SECRETS_MAX];
	size_t content_count;
};

/* What is in these files, each of at most 1 KiB. End with secrets_done(). */
int secrets_load(const struct opt_list *nowhere, const struct opt_list *content,
		 struct secrets *s, struct err *e) NODISCARD;
void secrets_done(struct secrets *s);

/* Look into each file below an open folder, the state's or that of the slots.
 * ERR_CONFLICT names the file. */
int secrets_check(const struct secrets *s, int dirfd, bool is_slots,
		  struct err *e) NODISCARD;

/* Does any of the keys stand in these bytes? */
bool secrets_has_key(const struct secrets *s, struct slice bytes);

/* Where the n-th content stands in these bytes; NULL if it does not. */
const uint8_t *secrets_find_content(const struct secrets *s, size_t n,
				    struct slice bytes);

#endif
