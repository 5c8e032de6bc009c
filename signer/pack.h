/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pack - make the packages of a release.
 *
 * A release's content is loaded once into a struct pack_tree: its manifest,
 * and the bytes of its files in an unnamed spool file, so that what is hashed
 * is what is packed, whatever happens to the input meanwhile. Then one full
 * package is made of it, and one delta for each earlier release, whose content
 * is restored from its own full package. Every package is run through the
 * applier that devices run, and its result compared, before pack_make()
 * returns.
 *
 *	pack_load(&how, "build/rootfs", &content, e)
 *	pack_make(&(struct pack_job){ .content = content, ... }, &release, e)
 *	for each earlier release:
 *		pack_restore(&how, fd, &earlier, &base, e)
 *		pack_make(&(struct pack_job){ .base = base, ... }, &release, e)
 *
 * The same content, base, codec and content key give the same bytes with the
 * same versions of the compression libraries.
 */
#ifndef SIGNER_PACK_H
#define SIGNER_PACK_H

#include "common/release.h"

/* The content of one release. */
struct pack_tree;

struct pack_settings {
	enum package_content content;    /* what the input is */
	enum tree_attributes attributes; /* trees */
	int scratch_dirfd; /* a folder on a disk with room for the content */
	bool quiet;        /* no progress on standard error */
	const uint8_t *content_key; /* pack_restore() of an encrypted one */
};

/*
 * Load a folder or a tar (any kind that libarchive reads, compressed or not;
 * owners as in the tar, no root needed) by an ordinary path; or an image: a
 * file or block device, all its bytes. ERR_FORMAT or ERR_REFUSED names the
 * member that a release may not contain.
 */
int pack_load(const struct pack_settings *how, const char *path,
	      struct pack_tree **out, struct err *e) NODISCARD;

/*
 * Restore an earlier release from its full package, as released: fd is open
 * for reading at the package, r is its signed entry. content and
 * attributes are its own; how->content_key is looked at if it is encrypted.
 */
int pack_restore(const struct pack_settings *how, int fd,
		 const struct release *r, struct pack_tree **out,
		 struct err *e) NODISCARD;

void pack_tree_free(struct pack_tree *t);

/*
 * Fill what a release of one component says of its content: content,
 * attributes, digest, content_digest, manifest_len, content_len and entries. An
 * image has no attributes, manifest or entries (0).
 */
void pack_describe(const struct pack_tree *t, struct release *r);

struct pack_job {
	const struct pack_tree *content;
	struct pack_tree *base; /* NULL: a full package */
	enum package_codec codec;
	int fd;            /* empty, open for reading and writing */
	int scratch_dirfd; /* as above */
	bool quiet;
	bool plain; /* a delta without members (delta_make.h) */
	/*
	 * Where to say why it has none all the same (ERR_NONE: it may have);
	 * NULL: nowhere.
	 */
	struct err *gave_up;
	unsigned jobs;     /* threads for a delta; 0: one for each processor */
	size_t search_max; /* of old content at once; 0: the usual */
	/*
	 * STREAM_KEY_LEN random bytes, for this package alone; NULL: it is not
	 * encrypted.
	 */
	const uint8_t *content_key;
};

/*
 * Write one package to job->fd and fill all of *r that describes content and
 * package: what pack_describe() fills, kind, base_digest, head_digest,
 * head_len, package_len, package_digest, window_len, apply_memory, encrypted
 * and commitment. The rest of *r is the caller's: base_id, which names the base
 * for people, among it. The file is not synced.
 */
int pack_make(const struct pack_job *job, struct release *r,
	      struct err *e) NODISCARD;

#endif
