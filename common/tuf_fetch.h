/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tuf_fetch - get one metadata file, and only the one that was announced.
 */
#ifndef COMMON_TUF_FETCH_H
#define COMMON_TUF_FETCH_H

#include "common/text.h"
#include "common/tuf_meta.h"

/*
 * Names that begin so are documents, "targets/<dir>/<sha256>.<name>"; all
 * others are metadata and hold no slash.
 */
#define TUF_TARGETS_DIR     "targets/"
#define TUF_SOURCE_NAME_MAX (PATH_MAX_LEN + 16)

/*
 * Where metadata comes from. fetch() appends at most max bytes; ERR_NOT_FOUND
 * means that the source says there is no such file (HTTP 403 and 404), which
 * for a newer root is the good news; any other failure aborts the refresh.
 */
struct tuf_source {
	void *ctx;
	int (*fetch)(void *ctx, const char *name, size_t max, struct buf *out,
		     struct err *e);
};

/* A file that another one announced, and whose keys are known. */
struct tuf_wanted {
	enum tuf_role role;
	const char *name; /* of the role, not encoded */
	size_t max;       /* bytes */
	struct tuf_file file;
	const struct tuf_keyring *ring;
};

/* Fetch a role's file, any version for 0; out's ceiling is the limit. */
int tuf_fetch_bytes(const struct tuf_source *from, const char *role,
		    int64_t version, struct buf *out, struct err *e) NODISCARD;

/*
 * Make metadata of bytes: length and digests, signatures, content and version
 * must be what is wanted (else ERR_UNTRUSTED, or as tuf_meta_read() says).
 */
int tuf_fetch_accept(const struct tuf_rules *rules, const struct tuf_wanted *w,
		     struct slice bytes, struct tuf_meta **out,
		     struct err *e) NODISCARD;

/* Fetch a wanted file, by its version if `versioned`, and accept it. */
int tuf_fetch(const struct tuf_rules *rules, const struct tuf_source *from,
	      const struct tuf_wanted *w, bool versioned, struct tuf_meta **out,
	      struct err *e) NODISCARD;

/*
 * The same from the folder of trusted files: *out is NULL if the file that
 * lies there, if any, is not the wanted one.
 */
int tuf_recall(const struct tuf_rules *rules, int dirfd,
	       const struct tuf_wanted *w, struct tuf_meta **out,
	       struct err *e) NODISCARD;

#endif
