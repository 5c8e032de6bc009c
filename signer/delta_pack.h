/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_pack - compress the streams of delta records (common/delta_record.h).
 *
 * Each stream is compressed by itself, so a crew does many at a time. Inserts
 * are compressed with the prefix and without, offsets as varints and as words,
 * and the smaller one is taken.
 */
#ifndef SIGNER_DELTA_PACK_H
#define SIGNER_DELTA_PACK_H

#include "common/delta_record.h"
#include "signer/crew.h"
#include "signer/encode.h"

struct delta_packing {
	struct delta_record record; /* new_len; all else comes out */
	/* As they are; that of the prefix is emptied if it is of no use. */
	struct buf streams[DELTA_STREAMS];
	struct buf prefix; /* the bytes that its ranges name */
	/* DELTA_OFFSETS as words, one after another; empty: they cannot be. */
	struct buf words;
	size_t spare; /* bytes that the streams may grow by */
	struct buf packed[DELTA_STREAMS];
};

void delta_packing_new(struct delta_packing **out);
void delta_packing_free(struct delta_packing *p);

/* Of one that is not packed yet. */
int delta_packing_copy(const struct delta_packing *p,
		       struct delta_packing **out, struct err *e) NODISCARD;

/* Bytes of the packed streams together. */
size_t delta_packing_len(const struct delta_packing *p);

struct delta_pack_job {
	struct delta_packing **records;
	size_t count;
	enum package_codec codec;
	bool fast;
};

/* c may be NULL. */
int delta_pack(struct crew *c, struct delta_pack_job *job,
	       struct err *e) NODISCARD;

#endif
