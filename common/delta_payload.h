/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_payload - a whole delta payload: records (delta.h) between streams
 * whose compressed members are unpacked.
 *
 * The old members are unpacked once, to scratch space, where they stand behind
 * the old stream. What comes out for a new member is compressed on its way.
 * docs/delta-format.md, "Members".
 */
#ifndef COMMON_DELTA_PAYLOAD_H
#define COMMON_DELTA_PAYLOAD_H

#include "common/delta.h"
#include "common/delta_members.h"
#include "common/delta_unpack.h"

/*
 * What a payload begins with; its records come next. Lengths are those of the
 * streams as they are, old_len that in *from. *len: of its bytes.
 */
int delta_read_members(enum package_codec codec,
		       const struct delta_source *from, uint64_t new_len,
		       struct delta_members *out, uint64_t *len,
		       struct err *e) NODISCARD;

#define DELTA_KEPT_LIST    "list"    /* of the members */
#define DELTA_KEPT_SCRATCH "scratch" /* where there are any */

/* What the members may take. */
struct delta_allowance {
	int scratch_dirfd;    /* a folder on a disk with that much room */
	uint64_t scratch_max; /* 0: members are refused */
	uint64_t memory_max;  /* of a compressor */
	bool had_members;     /* told, even on failure: there were any */
	bool blank; /* told before anything is emitted: delta_members.h */
};

/*
 * As delta_apply(), with lengths and io as the streams are. When compressing
 * gives other lengths than it did for who made the delta, it fails with
 * ERR_CONFLICT: the full package is the way out. Other bytes are found by
 * digest.
 *
 * Points are told where nothing is being packed, and none where digests are
 * left out; io->from is one, and its `plain` what came out by then. The records
 * behind it are read again, and what they yield for the first `again` bytes is
 * not used a second time. What going on takes beside that is on the disk before
 * a point is told, in two files whose names are below; they are removed by who
 * knows that nobody goes on.
 */
int delta_payload_apply(enum package_codec codec, uint64_t old_len,
			uint64_t new_len, const struct delta_io *io,
			struct delta_allowance *may, struct err *e) NODISCARD;

#endif
