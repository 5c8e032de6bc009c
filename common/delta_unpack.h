/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_unpack - the streams of one delta record after another, decompressed
 * into memory that is bounded by DELTA_RECORD_MAX; of DELTA_INSERTS, the last
 * one, as much as is asked for.
 *
 * What is inserted often resembles old content, so DELTA_INSERTS may have been
 * compressed with a prefix (common/compress.h) of old bytes: DELTA_PREFIX holds
 * its ranges, each a step from the end of the range before and a length, in
 * all with the inserts at most DELTA_PREFIX_MAX bytes. docs/delta-format.md,
 * "The prefix".
 */
#ifndef COMMON_DELTA_UNPACK_H
#define COMMON_DELTA_UNPACK_H

#include "common/delta_record.h"
#include "common/package.h"

/* Where records, and old bytes, come from. */
struct delta_source {
	void *ctx;
	/* Next bytes; *got 0 at the end. */
	int (*more)(void *ctx, void *out, size_t len, size_t *got,
		    struct err *e);
	/* A part of the prefix, which lies within the old stream. */
	int (*old_at)(void *ctx, uint64_t at, void *out, size_t len,
		      struct err *e);
	uint64_t old_len;
	uint64_t *ranges_left; /* that prefixes may still have */
	/*
	 * Not 0: there are no records. What there is is one compressed stream
	 * of so many inserts, which ends where its frame does; its prefix is
	 * all of the old stream. Of it comes a record with no other streams
	 * than these inserts, which the caller has emptied.
	 */
	uint64_t whole;
};

struct delta_unpack;

int delta_unpack_new(enum package_codec codec, const struct delta_source *from,
		     struct delta_unpack **out, struct err *e) NODISCARD;
void delta_unpack_free(struct delta_unpack *u);

/*
 * The next record, after all of the one before; its streams' bytes live until
 * the next call.
 */
int delta_unpack_next(struct delta_unpack *u, struct delta_record *record,
		      struct rd streams[DELTA_INSERTS],
		      struct err *e) NODISCARD;

/* The same for who has no old stream: its inserts are passed over. */
int delta_unpack_pass(struct delta_unpack *u, struct delta_record *record,
		      struct rd streams[DELTA_INSERTS],
		      struct err *e) NODISCARD;

/* The record's next inserts: exactly len bytes. */
int delta_unpack_inserts(struct delta_unpack *u, uint8_t *out, size_t len,
			 struct err *e) NODISCARD;

/* Whether all of the record's inserts were asked for. */
bool delta_unpack_is_done(const struct delta_unpack *u);

/* Bytes that from.more() gave and that were not needed yet. */
size_t delta_unpack_ahead(const struct delta_unpack *u);

/* Whether no record follows, as far as is known: failing to read ends too. */
bool delta_unpack_at_end(struct delta_unpack *u, struct err *e);

/* Nothing may follow the last record. */
int delta_unpack_end(struct delta_unpack *u, struct err *e) NODISCARD;

#endif
