/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exposition - what monitoring reads: Prometheus' text format 0.0.4. Pure.
 *
 *	exposition_family(&x, "pawl_requests_total", EXPOSE_COUNTER, "Answered "
 *			  "requests.");
 *	exposition_int(&x, EXPOSE_LABELS({ "status", "200" }), 17);
 *
 * A family is named once, its samples follow. A failure (the buffer's ceiling)
 * sticks and comes out of exposition_end(). Names are ours and constant; label
 * values are escaped, but whoever adds one sees to it that it names no device
 * and that there are few of them.
 */
#ifndef UPDATE_SERVER_EXPOSITION_H
#define UPDATE_SERVER_EXPOSITION_H

#include <stdatomic.h>

#include "common/buf.h"

#define EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum exposition_kind {
	EXPOSE_COUNTER,
	EXPOSE_GAUGE,
	EXPOSE_HISTOGRAM
};

struct exposition_label {
	const char *name, *value;
};

#define EXPOSE_LABELS(...)                                                     \
	(const struct exposition_label[]){ __VA_ARGS__ },                      \
		ARRAY_LEN(((const struct exposition_label[]){ __VA_ARGS__ }))
#define EXPOSE_PLAIN NULL, 0

struct exposition {
	struct buf *out;
	const char *name; /* of the family */
	bool failed;
	struct err e;
};

void exposition_begin(struct exposition *x, struct buf *out);
/* `help` is one line. */
void exposition_family(struct exposition *x, const char *name,
		       enum exposition_kind kind, const char *help);
void exposition_int(struct exposition *x, const struct exposition_label *labels,
		    size_t count, int64_t value);
/* Basis points as a ratio: 270 is 0.0270. */
void exposition_ratio(struct exposition *x,
		      const struct exposition_label *labels, size_t count,
		      uint32_t basis_points);
int exposition_end(struct exposition *x, struct err *e) NODISCARD;

/* ---- how long things took ------------------------------------------------ */

#define HISTOGRAM_BOUNDS 13 /* from a millisecond to ten seconds */

/* Zeroed to start with. Threads add at the same time; who reads sees each
 * bucket as it is then. */
struct histogram {
	_Atomic uint64_t counts[HISTOGRAM_BOUNDS + 1]; /* the last: longer */
	_Atomic uint64_t sum_ns;
};

void histogram_add(struct histogram *h, uint64_t ns);
/* Of a family of kind EXPOSE_HISTOGRAM, in seconds. */
void exposition_histogram(struct exposition *x,
			  const struct exposition_label *labels, size_t count,
			  const struct histogram *h);

#endif
