/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_explain - where the bytes of a delta went.
 *
 * Only the records are looked at, not the old tree: what segments consist of
 * is told without it.
 */
#ifndef SIGNER_DELTA_EXPLAIN_H
#define SIGNER_DELTA_EXPLAIN_H

#include "common/delta_predict.h"
#include "common/delta_unpack.h"

/* What one segment costs: its share of the packed streams, by its raw bytes. */
struct delta_share {
	struct delta_segment segment;
	uint64_t at;       /* in the new stream */
	uint64_t covered;  /* bytes that come from the old */
	uint64_t foreign;  /* of these, from another file than the home */
	uint64_t wrong;    /* of these, that had to be changed */
	uint64_t inserted; /* bytes that come from nowhere */
	double packed;     /* bytes of the delta, about */
};

struct delta_totals {
	uint64_t records, headers; /* how many; bytes of all headers */
	uint64_t raw[DELTA_STREAMS], packed[DELTA_STREAMS];
	uint64_t blocks[DELTA_PREDICTORS]; /* by predictor, as is: none */
	uint64_t new_len;
};

struct delta_visit {
	void *ctx;
	int (*segment)(void *ctx, const struct delta_share *share,
		       struct err *e);
};

/*
 * Walk the records; every segment is told when it is complete, in the order of
 * the new stream. The old stream is not needed: from->old_at is not looked at.
 * ERR_FORMAT or ERR_LIMIT.
 */
int delta_explain(enum package_codec codec, const struct delta_source *from,
		  const struct delta_visit *visit, struct delta_totals *totals,
		  struct err *e) NODISCARD;

/* The names of docs/delta-format.md. */
const char *delta_stream_name(enum delta_stream stream);
const char *delta_predictor_name(enum delta_predictor predictor);

#endif
