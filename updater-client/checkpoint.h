/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint - how far a package that is written as it comes had got, across
 * power cuts: which slot, which release, which of its components, and the point
 * of that one's payload at which everything before is on the medium.
 *
 * It speaks of a slot that has no release.json: whoever empties a slot forgets
 * it first, and it counts only for the very package that it names. What is
 * written on its word is read back as everything is. Files stream.0 and
 * stream.1, kept as twin.h says.
 */
#ifndef UPDATER_CLIENT_CHECKPOINT_H
#define UPDATER_CLIENT_CHECKPOINT_H

#include "common/package.h"
#include "updater-client/slot_link.h"
#include "updater-client/twin.h"

#define CHECKPOINT_LEN 256

struct checkpoint {
	enum slot slot; /* SLOT_NONE: there is none, all else is zero */
	uint32_t part;  /* of the release; those before it are complete, and
			   behind the last one is nothing */
	struct sha256 release, package; /* the package: of that part, or the
					   last */
	struct package_point at;
};

/* As twin_open(); a damaged record is none, which costs a download at most. */
int checkpoint_open(int dirfd, struct twin_file *file, struct checkpoint *c,
		    struct err *e) NODISCARD;
int checkpoint_write(struct twin_file *file, const struct checkpoint *c,
		     struct err *e) NODISCARD;

/* One record; ERR_FORMAT. */
int checkpoint_parse(struct slice in, struct checkpoint *c, uint64_t *sequence,
		     struct err *e) NODISCARD;
void checkpoint_format(const struct checkpoint *c, uint64_t sequence,
		       uint8_t out[CHECKPOINT_LEN]);

#endif
