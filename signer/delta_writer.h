/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_writer - writes delta records (common/delta.h): segments and what they
 * consist of go in, in the order of the new stream; full records come out.
 */
#ifndef SIGNER_DELTA_WRITER_H
#define SIGNER_DELTA_WRITER_H

#include "common/delta_cover.h"
#include "common/delta_predict.h"
#include "signer/delta_pack.h"
#include "signer/delta_prefix.h"

struct delta_writer;

struct delta_writer_setup {
	enum package_codec codec;
	/*
	 * If all is little it may be of zstd though LZMA was asked for, which
	 * makes less of digits of random numbers, such as keys.
	 */
	bool any_codec;
	bool fast; /* only to compare ways: see encode.h */
	struct encoder_sink to;
	/*
	 * Reads the old stream, where inserts stand near it. prefix_max: how
	 * much in all, so that readers stay within their budget of reads.
	 */
	void *ctx;
	int (*old_at)(void *ctx, uint64_t at, void *out, size_t len,
		      struct err *e);
	uint64_t prefix_max;
	struct crew *crew; /* NULL: the caller's thread alone */
};

void delta_writer_new(const struct delta_writer_setup *setup,
		      struct delta_writer **out);
void delta_writer_free(struct delta_writer *w);

/* A segment of len bytes that equal the old stream at old_at. */
int delta_writer_copy(struct delta_writer *w, uint64_t old_at, uint64_t len,
		      struct err *e) NODISCARD;

/*
 * Begin a patch: s and its covers. Then come its bytes: an insert for each gap
 * and behind the last cover, and the blocks of each cover.
 */
int delta_writer_patch(struct delta_writer *w, const struct delta_segment *s,
		       const struct delta_cover *covers,
		       struct err *e) NODISCARD;
int delta_writer_insert(struct delta_writer *w, struct slice bytes,
			const struct delta_near *near, struct err *e) NODISCARD;

/* home: whether the block's cover lies within the home file. */
int delta_writer_block(struct delta_writer *w, bool home,
		       enum delta_predictor choice, struct slice diff,
		       struct err *e) NODISCARD;

/* At the end: that of what was written. */
enum package_codec delta_writer_codec(const struct delta_writer *w);

/* What the record under way has inserted so far. */
struct slice delta_writer_inserts(const struct delta_writer *w);

/* What comes next begins a record. */
int delta_writer_cut(struct delta_writer *w, struct err *e) NODISCARD;

/* From here to the next cut records hold what is better alone. */
void delta_writer_set_apart(struct delta_writer *w);
bool delta_writer_is_apart(const struct delta_writer *w);

/* The last record; *len is then the length of all. */
int delta_writer_end(struct delta_writer *w, uint64_t *len,
		     struct err *e) NODISCARD;

#endif
