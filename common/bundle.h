/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle - a bundle in one file: a plain tar of metadata/, targets/,
 * envelopes/ or reports/, as it lies on a medium. docs/air-gap.md.
 *
 * Nobody signed the tar: it only says where in the file the bytes of a name
 * are, and whoever asks for these verifies them as if they lay in a folder.
 * Nothing is extracted by libarchive. A bundle that holds more than files and
 * folders with names of ours, or a name twice, is refused as a whole: of such a
 * one two readers could see different things.
 */
#ifndef COMMON_BUNDLE_H
#define COMMON_BUNDLE_H

#include "common/text.h"

#define BUNDLE_MEMBERS_MAX 8192

struct bundle_member {
	char *name; /* "metadata/1.root.json" */
	uint64_t offset, len;
};

struct bundle {
	struct bundle_member *at; /* heap */
	size_t count;
};

/*
 * Look through an open tar. ERR_FORMAT: it is none, or damaged or cut off;
 * ERR_REFUSED: it holds what no bundle holds, which is named; ERR_LIMIT.
 * Finish with bundle_done().
 */
int bundle_read(int fd, struct bundle *out, struct err *e) NODISCARD;
void bundle_done(struct bundle *b);

/* A file in it, to be read where it lies; NULL: it is not there. */
const struct bundle_member *bundle_find(const struct bundle *b,
					const char *name);

#endif
