/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/exposition.h"

#include <inttypes.h>
#include <string.h>

#define NS_PER_SEC UINT64_C(1000000000)

/* ---- text ---------------------------------------------------------------- */

static void put(struct exposition *x, const char *text)
{
	if (!x->failed)
		x->failed = buf_add(x->out, slice_of(text), &x->e) != 0;
}

static void put_int(struct exposition *x, int64_t value)
{
	if (!x->failed)
		x->failed = buf_addf(x->out, &x->e, "%" PRId64, value) != 0;
}

/* Seconds as a decimal number; a double would round. */
static void put_ns(struct exposition *x, uint64_t ns)
{
	if (!x->failed)
		x->failed = buf_addf(x->out, &x->e, "%" PRIu64 ".%09" PRIu64,
				     ns / NS_PER_SEC, ns % NS_PER_SEC) != 0;
}

/* A value may hold anything but what would end it. */
static void put_value(struct exposition *x, const char *value)
{
	for (; *value; value++) {
		char one[2] = { *value, '\0' };

		if (*value == '\n')
			put(x, "\\n");
		else if (*value == '"' || *value == '\\')
			put(x, *value == '"' ? "\\\"" : "\\\\");
		else
			put(x, one);
	}
}

/* One more label than the caller's may follow: `bound`, unless it is NULL. */
static void put_labels(struct exposition *x,
		       const struct exposition_label *labels, size_t count,
		       const char *bound)
{
	if (count == 0 && !bound)
		return;
	put(x, "{");
	for (size_t i = 0; i < count; i++) {
		put(x, i ? "," : "");
		put(x, labels[i].name);
		put(x, "=\"");
		put_value(x, labels[i].value);
		put(x, "\"");
	}
	if (bound) {
		put(x, count ? ",le=\"" : "le=\"");
		put(x, bound);
		put(x, "\"");
	}
	put(x, "}");
}

void exposition_begin(struct exposition *x, struct buf *out)
{
	*x = (struct exposition){ .out = out };
}

void exposition_family(struct exposition *x, const char *name,
		       enum exposition_kind kind, const char *help)
{
	static const char *const kinds[] = {
		[EXPOSE_COUNTER] = "counter",
		[EXPOSE_GAUGE] = "gauge",
		[EXPOSE_HISTOGRAM] = "histogram",
	};

	x->name = name;
	put(x, "# HELP ");
	put(x, name);
	put(x, " ");
	put(x, help);
	put(x, "\n# TYPE ");
	put(x, name);
	put(x, " ");
	put(x, kinds[kind]);
	put(x, "\n");
}

void exposition_int(struct exposition *x, const struct exposition_label *labels,
		    size_t count, int64_t value)
{
	put(x, x->name);
	put_labels(x, labels, count, NULL);
	put(x, " ");
	put_int(x, value);
	put(x, "\n");
}

void exposition_ratio(struct exposition *x,
		      const struct exposition_label *labels, size_t count,
		      uint32_t basis_points)
{
	put(x, x->name);
	put_labels(x, labels, count, NULL);
	if (!x->failed)
		x->failed = buf_addf(x->out, &x->e, " %u.%04u\n",
				     (unsigned)basis_points / 10000,
				     (unsigned)basis_points % 10000) != 0;
}

int exposition_end(struct exposition *x, struct err *e)
{
	if (!x->failed)
		return 0;
	*e = x->e;
	return -1;
}

/* ---- how long things took ------------------------------------------------ */

static const struct {
	uint64_t ns;
	const char *text;
} bounds[HISTOGRAM_BOUNDS] = {
	{ 1000000, "0.001" },      { 2500000, "0.0025" },
	{ 5000000, "0.005" },      { 10000000, "0.01" },
	{ 25000000, "0.025" },     { 50000000, "0.05" },
	{ 100000000, "0.1" },      { 250000000, "0.25" },
	{ 500000000, "0.5" },      { 1 * NS_PER_SEC, "1" },
	{ 2500000000, "2.5" },     { 5 * NS_PER_SEC, "5" },
	{ 10 * NS_PER_SEC, "10" },
};

void histogram_add(struct histogram *h, uint64_t ns)
{
	size_t i = 0;

	while (i < HISTOGRAM_BOUNDS && ns > bounds[i].ns)
		i++;
	atomic_fetch_add_explicit(&h->counts[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&h->sum_ns, ns, memory_order_relaxed);
}

static void put_bucket(struct exposition *x,
		       const struct exposition_label *labels, size_t count,
		       const char *bound, uint64_t n)
{
	put(x, x->name);
	put(x, "_bucket");
	put_labels(x, labels, count, bound);
	put(x, " ");
	put_int(x, (int64_t)n);
	put(x, "\n");
}

static uint64_t read_count(const _Atomic uint64_t *count)
{
	return atomic_load_explicit(count, memory_order_relaxed);
}

void exposition_histogram(struct exposition *x,
			  const struct exposition_label *labels, size_t count,
			  const struct histogram *h)
{
	uint64_t n = 0;

	for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
		n += read_count(&h->counts[i]);
		put_bucket(x, labels, count, bounds[i].text, n);
	}
	n += read_count(&h->counts[HISTOGRAM_BOUNDS]);
	put_bucket(x, labels, count, "+Inf", n);
	put(x, x->name);
	put(x, "_sum");
	put_labels(x, labels, count, NULL);
	put(x, " ");
	put_ns(x, read_count(&h->sum_ns));
	put(x, "\n");
	put(x, x->name);
	put(x, "_count");
	put_labels(x, labels, count, NULL);
	put(x, " ");
	put_int(x, (int64_t)n);
	put(x, "\n");
}
