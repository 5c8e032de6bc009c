/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sift - go through one file, whatever is in it, for private keys.
 *
 * A file is read once, in windows that overlap, with memory that does not
 * depend on its size. What is base64 or hexadecimal is decoded (twice at most)
 * and looked at again; an archive or compressed file is looked at as it is and
 * opened (SIFT_DEPTH_MAX deep; a.tar.gz counts twice), its members in the same
 * way; and so is the image of a disk or file system (peek.h), and what lies in
 * the midst of a file (embedded.h). What comes out of
 * them is bounded by what went in, so a bomb is told and not followed. An image
 * within an archive takes a file without a name while it is looked at.
 *
 * Bare scalars of known keys are looked for where bare_keys.h says, at so many
 * places that could be random: SIFT_PLACES of each file, member and image's
 * file that is not itself opened; and of all that comes out of one file,
 * SIFT_PLACES_ALL and one for SIFT_BYTES_PER_PLACE of its bytes. "Exhaustive"
 * sets no such bound.
 */
#ifndef SIGNER_SIFT_H
#define SIGNER_SIFT_H

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

struct sift;

/* Both are borrowed. */
struct sift *sift_new(const struct sift_watch *watch,
		      const struct sift_settings *settings);
void sift_free(struct sift *s);

/*
 * One file; the path is escaped here for people's eyes. Fails only when the
 * source or the watcher does: damage inside is told as unread.
 */
int sift_file(struct sift *s, struct slice path,
	      const struct sift_source *source, struct err *e) NODISCARD;

/* Bytes that were read so far, as they lie in the files. */
uint64_t sift_bytes(const struct sift *s);

/* Findings that were not told, for everybody has them (published.h). */
uint64_t sift_published(const struct sift *s);

#endif
