/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_make - write the delta records (common/delta.h) that turn one tree's
 * stream into another's.
 *
 * A file whose content the old tree holds under any name is a copy and costs
 * next to nothing; the others are matched against what of the old stream is
 * worth searching.
 */
#ifndef SIGNER_DELTA_MAKE_H
#define SIGNER_DELTA_MAKE_H

#include "common/member.h"
#include "common/tree_watch.h"
#include "signer/encode.h"
#include "signer/pack_tree.h"

struct delta_job {
	const struct pack_tree *old, *fresh;
	enum package_codec codec;
	struct encoder_sink to;
	const struct tree_watch *watch; /* bytes of the new; may be NULL */
	bool plain;    /* no members, no files of images, all digests: for any
			  device */
	bool blank;    /* leave digests out even where files are large */
	unsigned jobs; /* threads, which change nothing else; see crew.h */
	size_t search_max; /* see delta_old.h; 0: the usual */
};

struct delta_made {
	uint64_t len;             /* of the payload */
	enum package_codec codec; /* see delta_writer.h: any_codec */
	/* Members that are made again or kept: 0 and none without any. */
	uint64_t scratch_len, memory;
	bool kinds[MEMBER_KINDS];
	bool blank_pays; /* digests are all there, but another try with .blank
			  * is better */
	/* Why members were left as they are; ERR_NONE if they were not. */
	struct err gave_up;
};

int delta_make(const struct delta_job *job, struct delta_made *out,
	       struct err *e) NODISCARD;

#endif
