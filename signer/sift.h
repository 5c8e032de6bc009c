/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sift - go through one file, whatever is in it, for private keys.
 *
 * A file is read once, in windows that overlap, with memory that does not
 * depend on its size. What is base64 or hexadecimal is decoded (twice at most)
 * and looked at again; an archive or compressed file is looked at as it is and
 * opened (SIFT_DEPTH_MAX deep; a.tar.gz counts twice), its members in the same
 * way; and so is the image of a disk or file system (peek.h), and what lies in
 * the midst of a file (embedded.h). What comes out of them is bounded by what
 * went in, so a bomb is told and not followed. An image within an archive takes
 * a file without a name while it is looked at.
 *
 * Bare scalars of known keys are looked for where bare_keys.h says, at so many
 * places that could be random: SIFT_PLACES of each file, member and image's
 * file that is not itself opened; and of all that comes out of one file,
 * SIFT_PLACES_ALL and one for SIFT_BYTES_PER_PLACE of its bytes; and when all
 * files together took SIFT_PLACES_SCAN, only what is no longer than SIFT_SHORT,
 * and text, so that a release's hundreds of programs do not take minutes.
 * "Exhaustive" sets no bound.
 */
#ifndef SIGNER_SIFT_H
#define SIGNER_SIFT_H

#include "signer/sift_watch.h"

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
