/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool - a package on its way in: verified as it arrives, kept across cuts.
 *
 * The file is named by the package's signed digest, so a package that was
 * replaced at the source is another file. Header and chunk table are compared
 * with their signed digest first, then each chunk with the table before it is
 * written: whatever the file holds was verified. After a cut or a restart the
 * file is verified again and filling goes on behind the last good chunk.
 */
#ifndef UPDATER_CLIENT_SPOOL_H
#define UPDATER_CLIENT_SPOOL_H

#include "common/package.h"

struct spool_package {
	struct sha256 digest, head_digest;
	uint64_t head_len, len;
};

struct spool;

/*
 * Open or begin the file in the folder; other packages there are removed.
 * What is there already has been verified when it returns.
 */
int spool_open(int dirfd, const struct spool_package *p, struct spool **out,
	       struct err *e) NODISCARD;

/* Bytes that are there and verified: where to go on. */
uint64_t spool_len(const struct spool *s);
bool spool_is_complete(const struct spool *s);

/* The next bytes. ERR_UNTRUSTED when they are not the signed ones; what was
 * good before stays. */
int spool_add(struct spool *s, struct slice bytes, struct err *e) NODISCARD;

/* Forget bytes that came but are no whole chunk: the transfer was cut. */
void spool_cut(struct spool *s);

/* Make durable; only a complete one. */
int spool_finish(struct spool *s, struct err *e) NODISCARD;
void spool_close(struct spool *s);

/* Open a complete package for reading. */
int spool_open_file(int dirfd, const struct sha256 *digest, int *fd,
		    struct err *e) NODISCARD;

/* Remove everything in the folder but `keep` (NULL: nothing is kept). */
int spool_clean(int dirfd, const struct sha256 *keep, struct err *e) NODISCARD;

/* Bytes of this package that are on the disk, verified or not. */
uint64_t spool_size(int dirfd, const struct sha256 *digest);

/* A package file as the reader wants it; *fd must stay open. */
struct package_source spool_source(const int *fd);

#endif
