/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake - a package on its way in: verified as it arrives, kept across cuts.
 *
 * The file is named by the package's signed digest, so a package that was
 * replaced at the source is another file. Header and chunk table are compared
 * with their signed digest first, then each chunk with the table before it is
 * written: whatever the file holds was verified. After a cut or a restart the
 * file is verified again and filling goes on behind the last good chunk.
 *
 * Where there is no room for all of it the file is a window: it has the head,
 * and of the chunks the last so many, each at its number modulo the window. All
 * of it is there from the start, so that it cannot run out of room; which chunk
 * stands in a place, the table tells.
 */
#ifndef UPDATER_CLIENT_INTAKE_H
#define UPDATER_CLIENT_INTAKE_H

#include "common/package.h"

struct intake_package {
	struct sha256 digest, head_digest;
	uint64_t head_len, len;
	uint32_t window; /* chunks that the file has places for; 0: for all */
	uint32_t first;  /* of a window: chunks before it are done with */
};

struct intake;

/*
 * Open or begin the file in the folder. What is there already has been verified
 * when it returns. ERR_CONFLICT when a window's head, which came before `first`
 * could, is not there any more.
 */
int intake_open(int dirfd, const struct intake_package *p, struct intake **out,
		struct err *e) NODISCARD;

/* Bytes that are there and verified: where another run goes on. */
uint64_t intake_len(const struct intake *s);
/* Where this one goes on after a cut: it has part of a chunk in memory. */
uint64_t intake_next(const struct intake *s);
bool intake_is_complete(const struct intake *s);

/*
 * The next bytes: *bytes is then what is left of them, all or some once it is
 * full. ERR_UNTRUSTED when they are not the signed ones; what was good before
 * stays.
 */
int intake_add(struct intake *s, struct slice *bytes, struct err *e) NODISCARD;

/* A window without a free place; chunks before this one are done with. */
bool intake_is_full(const struct intake *s);
void intake_taken(struct intake *s, uint32_t chunk);

/* Make durable; only a complete one. */
int intake_finish(struct intake *s, struct err *e) NODISCARD;
void intake_close(struct intake *s);

/* Open a complete package, or the window on one, for reading. */
int intake_open_file(int dirfd, const struct sha256 *digest, bool window,
		     int *fd, struct err *e) NODISCARD;

enum intake_kind {
	INTAKE_WHOLE,
	INTAKE_WINDOW,
	INTAKE_EITHER
};

/* Remove everything in the folder but what is of `keep` and of that kind. */
int intake_clean(int dirfd, const struct sha256 *keep, size_t count,
		 enum intake_kind kind, struct err *e) NODISCARD;

/* Bytes that this package, or its window, takes on the disk. */
uint64_t intake_size(int dirfd, const struct sha256 *digest, bool window);

/* Where in the file the package's byte `offset` stands. */
uint64_t intake_place(uint64_t head_len, uint32_t window, uint64_t offset);

/* A package file as the reader wants it; *fd must stay open. */
struct package_source intake_source(const int *fd);

#endif
