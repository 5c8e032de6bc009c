/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake - a package on its way in: verified as it arrives, kept across cuts.
 *
 * The file is named by the package's signed digest, so a package that was
 * replaced at the source is another file. Header and chunk table are compared
 * with their signed digest first, then each chunk with the table before it is
 * written: whatever the file holds was verified. After a cut or a restart the
 * file is verified again and filling goes on behind the last good chunk.
 */
#ifndef UPDATER_CLIENT_INTAKE_H
#define UPDATER_CLIENT_INTAKE_H

#include "common/package.h"

struct intake_package {
	struct sha256 digest, head_digest;
	uint64_t head_len, len;
};

struct intake;

/*
 * Open or begin the file in the folder. What is there already has been verified
 * when it returns.
 */
int intake_open(int dirfd, const struct intake_package *p, struct intake **out,
		struct err *e) NODISCARD;

/* Bytes that are there and verified: where to go on. */
uint64_t intake_len(const struct intake *s);
bool intake_is_complete(const struct intake *s);

/* The next bytes. ERR_UNTRUSTED when they are not the signed ones; what was
 * good before stays. */
int intake_add(struct intake *s, struct slice bytes, struct err *e) NODISCARD;

/* Forget bytes that came but are no whole chunk: the transfer was cut. */
void intake_cut(struct intake *s);

/* Make durable; only a complete one. */
int intake_finish(struct intake *s, struct err *e) NODISCARD;
void intake_close(struct intake *s);

/* Open a complete package for reading. */
int intake_open_file(int dirfd, const struct sha256 *digest, int *fd,
		     struct err *e) NODISCARD;

/* Remove everything in the folder but the packages of `keep`. */
int intake_clean(int dirfd, const struct sha256 *keep, size_t count,
		 struct err *e) NODISCARD;

/* Bytes of this package that are on the disk, verified or not. */
uint64_t intake_size(int dirfd, const struct sha256 *digest);

/* A package file as the reader wants it; *fd must stay open. */
struct package_source intake_source(const int *fd);

#endif
