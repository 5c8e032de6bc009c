/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tuf_store - the folder of trusted metadata, and how roles become names.
 *
 * A role's name comes from signed but foreign text, so it is percent-encoded
 * before it becomes part of a request or a file name: everything but letters,
 * digits and "-._~" turns into %XX. So "../x" is a plain file in this folder.
 */
#ifndef COMMON_TUF_STORE_H
#define COMMON_TUF_STORE_H

#include "common/buf.h"
#include "common/digest.h"
#include "common/text.h"

#define TUF_NAME_MAX                                                           \
	224 /* with its NUL; leaves room for a temporary suffix                \
	     */

/* A medium's timestamp is kept beside the others, but is none of them. */
#define TUF_MEDIUM_FILE "medium-timestamp"

/* Percent-encode text as RFC 3986 does for one segment. ERR_LIMIT. */
int tuf_store_encode(const char *text, char out[TUF_NAME_MAX],
		     struct err *e) NODISCARD;

/* "<encoded role>.json". ERR_LIMIT if too long for a file system. */
int tuf_store_name(const char *role, char out[TUF_NAME_MAX],
		   struct err *e) NODISCARD;

/* "<version>.<encoded role>.json"; without the version when it is 0. */
int tuf_remote_name(const char *role, int64_t version, char out[TUF_NAME_MAX],
		    struct err *e) NODISCARD;

/*
 * A target's consistent path, "<dir>/<sha256>.<name>" (section 6.2), below the
 * folder of targets. ERR_LIMIT.
 */
int tuf_target_url(const char *target_path, const struct sha256 *digest,
		   char out[PATH_MAX_LEN], struct err *e) NODISCARD;

/*
 * Append a file of at most max bytes. A file that is not there, too large or
 * not a plain file leaves *found false: what is there was never trusted.
 */
int tuf_store_read(int dirfd, const char *name, size_t max, struct buf *out,
		   bool *found, struct err *e) NODISCARD;

/* Replace a file, atomically and durably. */
int tuf_store_write(int dirfd, const char *name, struct slice bytes,
		    struct err *e) NODISCARD;

#endif
