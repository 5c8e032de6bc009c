/* SPDX-License-Identifier: Apache-2.0 */
/* sift_watch - what sift.h is given, whom it tells what it finds, its bounds.
 */
#ifndef SIGNER_SIFT_WATCH_H
#define SIGNER_SIFT_WATCH_H

#include "signer/bare_keys.h"
#include "signer/peek.h"

#define SIFT_DEPTH_MAX  16
#define SIFT_IMAGES_MAX 4 /* of these, images */
/* What may come out of one file: this much, and so many times its size. */
#define SIFT_EXPANDED_MIN (UINT64_C(256) << 20)
#define SIFT_RATIO_MAX    256
#define SIFT_MEMBERS_MAX  (1u << 20)
/* The copy of an image out of an archive; nor half of what is free there. */
#define SIFT_SCRATCH_MAX (UINT64_C(16) << 30)

/* Archives and images in the midst of files; all that come out of one. */
#define SIFT_EMBEDDED_MAX    65536
#define SIFT_PLACES          (UINT64_C(32) << 10)
#define SIFT_PLACES_ALL      (UINT64_C(128) << 10)
#define SIFT_BYTES_PER_PLACE 16
/* Of a whole scan, half a second of them: later only what has fewer than
 * one in so many bytes, as text has, is searched, and what is short. */
#define SIFT_PLACES_SCAN    (UINT64_C(128) << 10)
#define SIFT_LATE_PER_PLACE 512
#define SIFT_SHORT          544

struct sift_finding {
	const char *path; /* "a.tar.gz!/b/c": c in folder b of the archive */
	uint64_t offset;  /* in that file, of where it starts */
	const char *what; /* "a PEM private key, in base64" */
	bool program;     /* the outermost file is an ELF program */
	struct sha256 digest; /* of its bytes: names a key and tells nothing */
};

struct sift_watch {
	/* -1 ends it all. */
	int (*found)(void *ctx, const struct sift_finding *f, struct err *e);
	/*
	 * A file could not be looked at whole. shut: what it holds is there to
	 * be used and stays unseen, for its size, depth or kind; else it is a
	 * damaged or encrypted archive.
	 */
	int (*unread)(void *ctx, const char *path, const char *why, bool shut,
		      struct err *e);
	void *ctx;
};

struct sift_source {
	/* Up to len bytes, fewer only at the end. */
	int (*read)(void *ctx, void *out, size_t len, size_t *got,
		    struct err *e);
	void *ctx;
	/* Where the same bytes can be read at any place; NULL: nowhere. */
	const struct peek_place *place;
};

struct sift_settings {
	struct scalars *known; /* may be NULL; borrowed */
	bool exhaustive;
	int scratch_dirfd;    /* for files without a name */
	uint64_t scratch_max; /* bytes of one; 0: SIFT_SCRATCH_MAX */
};

#endif
