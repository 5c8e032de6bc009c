/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply_image - turn a verified package into an image on a device or in a
 * file, as apply.h does it for trees: every byte was signed before it is
 * looked at, and what comes out is read back by the caller (image_digest()).
 */
#ifndef COMMON_APPLY_IMAGE_H
#define COMMON_APPLY_IMAGE_H

#include "common/apply.h"

/*
 * What going on takes beside the image: in scratch_dirfd, and removed by who
 * knows that nobody goes on any more.
 */
#define APPLY_IMAGE_HEAD "head"

struct apply_image {
	const struct release *release;
	struct package_reader *package;
	int old_fd;        /* deltas: where the old image is; else -1 */
	uint64_t old_len;  /* deltas: its length; the digest is signed */
	int new_fd;        /* with room for the new one */
	int scratch_dirfd; /* a folder with room for scratch_len, or for what
			      resuming takes */
	const struct tree_watch *watch;    /* may be NULL */
	const struct apply_resume *resume; /* may be NULL: from the start */
};

/*
 * On success new_fd holds the image, synced. ERR_SPACE when it has not the
 * room, ERR_CONFLICT when the old image is not the one that the delta is for:
 * then nothing was written, and the full package is the way out. ERR_UNTRUSTED
 * when a package says something else than was signed; what was written then
 * does not start. Only the read-back tells that the result is the signed one.
 * ERR_CONFLICT also when what resume needs is not there any more.
 */
int apply_image(const struct apply_image *a, struct err *e) NODISCARD;

#endif
