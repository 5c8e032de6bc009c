/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_record - the writer of delta records (common/delta.h): operations go
 * in, in the order of the new stream; full records come out.
 */
#ifndef SIGNER_DELTA_RECORD_H
#define SIGNER_DELTA_RECORD_H

#include "common/delta.h"
#include "signer/encode.h"

struct delta_writer;

void delta_writer_new(enum package_codec codec, const struct encoder_sink *to,
		      struct delta_writer **out);
void delta_writer_free(struct delta_writer *w);

/* New bytes that come from nowhere. */
int delta_writer_insert(struct delta_writer *w, struct slice bytes,
			struct err *e) NODISCARD;

/* len bytes that equal the old stream at old_at. */
int delta_writer_copy(struct delta_writer *w, uint64_t old_at, uint64_t len,
		      struct err *e) NODISCARD;

/* Bytes that are those of the old stream at old_at plus diff. */
int delta_writer_change(struct delta_writer *w, uint64_t old_at,
			struct slice diff, struct err *e) NODISCARD;

/* The last record; *len is then the length of all. */
int delta_writer_end(struct delta_writer *w, uint64_t *len,
		     struct err *e) NODISCARD;

#endif
