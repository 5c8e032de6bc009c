/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/meter.h"

#include <stdlib.h>

#include "common/mem.h"
#include "common/text.h"

/* Those that we answer with; any other counts as the last. */
static const unsigned statuses[] = { 200, 206, 304, 400, 403, 404, 405, 408,
				     409, 411, 412, 413, 414, 416, 417, 421,
				     429, 431, 500, 501, 503, 505, 507, 0 };

#define STATUSES ARRAY_LEN(statuses)

#define MINUTE_NS UINT64_C(60000000000)
#define RATIO_NS  100000 /* a basis point of a second */

struct counter {
	_Atomic uint64_t n;
};

/* What is counted for each route; the last row is for requests without. */
struct row {
	struct counter statuses[STATUSES];
};

struct meter {
	const struct route *routes;
	size_t route_count;
	struct row *rows[LISTENER_COUNT]; /* route_count + 1 each */
	struct counter opened[LISTENER_COUNT], closed[LISTENER_COUNT];
	struct counter crowded[LISTENER_COUNT], sent[LISTENER_COUNT];
	struct counter tls[LISTENER_COUNT][METER_TLS_COUNT];
	struct counter events[METER_EVENTS];
	struct histogram latency[LISTENER_COUNT];
	struct histogram commits;
	struct egress *egress;
	uint64_t minute;           /* of the last turn, for the loop alone */
	struct counter longest[2]; /* ns, of even and odd minutes */
};

static void add(struct counter *c, uint64_t n)
{
	atomic_fetch_add_explicit(&c->n, n, memory_order_relaxed);
}

static int64_t get(const struct counter *c)
{
	return (int64_t)atomic_load_explicit(&c->n, memory_order_relaxed);
}

struct meter *meter_new(const struct route *routes, size_t count)
{
	struct meter *m = mem_alloc(1, sizeof(*m));

	m->routes = routes;
	m->route_count = count;
	m->egress = egress_new();
	for (int i = 0; i < LISTENER_COUNT; i++)
		m->rows[i] = mem_alloc(count + 1, sizeof(*m->rows[i]));
	return m;
}

void meter_free(struct meter *m)
{
	if (!m)
		return;
	for (int i = 0; i < LISTENER_COUNT; i++)
		free(m->rows[i]);
	egress_free(m->egress);
	free(m);
}

/* ---- counting ------------------------------------------------------------ */

void meter_opened(struct meter *m, enum listener listener)
{
	if (m)
		add(&m->opened[listener], 1);
}

void meter_closed(struct meter *m, enum listener listener)
{
	if (m)
		add(&m->closed[listener], 1);
}

void meter_crowded_out(struct meter *m, enum listener listener)
{
	if (m)
		add(&m->crowded[listener], 1);
}

void meter_sent(struct meter *m, enum listener listener, uint64_t bytes)
{
	if (m)
		add(&m->sent[listener], bytes);
}

void meter_tls_failed(struct meter *m, enum listener listener,
		      enum meter_tls why)
{
	if (m)
		add(&m->tls[listener][why], 1);
}

void meter_answered(struct meter *m, enum listener listener,
		    const struct route *route, unsigned status, uint64_t ns)
{
	size_t row, i = 0;

	if (!m)
		return;
	row = route ? (size_t)(route - m->routes) : m->route_count;
	while (i < STATUSES - 1 && statuses[i] != status)
		i++;
	add(&m->rows[listener][row].statuses[i], 1);
	if (ns > 0)
		histogram_add(&m->latency[listener], ns);
}

void meter_count(struct meter *m, enum meter_event event)
{
	if (m)
		add(&m->events[event], 1);
}

uint64_t meter_total(const struct meter *m, enum meter_event event)
{
	return m ? (uint64_t)get(&m->events[event]) : 0;
}

uint64_t meter_sent_to(const struct meter *m, enum listener listener)
{
	return m ? (uint64_t)get(&m->sent[listener]) : 0;
}

uint64_t meter_busy(const struct meter *m, enum listener listener)
{
	uint64_t n = 0;

	for (size_t i = 0; m && i < STATUSES; i++)
		for (size_t row = 0;
		     statuses[i] == 503 && row <= m->route_count; row++)
			n += (uint64_t)get(&m->rows[listener][row].statuses[i]);
	return n;
}

static void put(struct counter *c, uint64_t n)
{
	atomic_store_explicit(&c->n, n, memory_order_relaxed);
}

void meter_turned(struct meter *m, uint64_t now_ns, uint64_t ns)
{
	uint64_t minute = now_ns / MINUTE_NS;
	struct counter *longest;

	if (!m)
		return;
	longest = &m->longest[minute % 2];
	if (minute != m->minute)
		put(longest, 0);
	if (minute > m->minute + 1)
		put(&m->longest[(minute + 1) % 2], 0);
	m->minute = minute;
	if (ns > (uint64_t)get(longest))
		put(longest, ns);
}

uint64_t meter_worst_turn(const struct meter *m)
{
	uint64_t a = (uint64_t)get(&m->longest[0]);
	uint64_t b = (uint64_t)get(&m->longest[1]);

	return a > b ? a : b;
}

struct egress *meter_egress(struct meter *m)
{
	return m ? m->egress : NULL;
}

void meter_committed(struct meter *m, uint64_t ns)
{
	if (m)
		histogram_add(&m->commits, ns);
}

/* ---- showing ------------------------------------------------------------- */

static const char *at(int listener)
{
	return listener_name((enum listener)listener);
}

static void expose_row(const struct meter *m, struct exposition *x,
		       int listener, size_t row)
{
	const struct route *r = row < m->route_count ? &m->routes[row] : NULL;
	const struct row *counts = &m->rows[listener][row];

	for (size_t i = 0; i < STATUSES; i++) {
		int64_t n = get(&counts->statuses[i]);
		char status[16] = "other";
		struct err never; /* it is large enough */

		if (n == 0 ||
		    (statuses[i] > 0 && text_format(status, sizeof(status),
						    &never, "%u", statuses[i])))
			continue;
		exposition_int(
			x,
			EXPOSE_LABELS({ "listener", at(listener) },
				      { "route", r ? r->path : "none" },
				      { "method",
					r ? method_name(r->method) : "none" },
				      { "status", status }),
			n);
	}
}

static void expose_requests(const struct meter *m, struct exposition *x)
{
	exposition_family(x, "pawl_requests_total", EXPOSE_COUNTER,
			  "Requests answered, by the route's pattern.");
	for (int l = 0; l < LISTENER_COUNT; l++)
		for (size_t row = 0; row <= m->route_count; row++)
			expose_row(m, x, l, row);
	exposition_family(x, "pawl_request_seconds", EXPOSE_HISTOGRAM,
			  "Time from a whole request to its answer.");
	for (int l = 0; l < LISTENER_COUNT; l++)
		exposition_histogram(x, EXPOSE_LABELS({ "listener", at(l) }),
				     &m->latency[l]);
}

/* A counter for each listener. */
static void expose_each(struct exposition *x, const char *name,
			const char *help,
			const struct counter counts[LISTENER_COUNT])
{
	exposition_family(x, name, EXPOSE_COUNTER, help);
	for (int l = 0; l < LISTENER_COUNT; l++)
		exposition_int(x, EXPOSE_LABELS({ "listener", at(l) }),
			       get(&counts[l]));
}

static void expose_tls(const struct meter *m, struct exposition *x)
{
	static const char *const reasons[METER_TLS_COUNT] = {
		[METER_TLS_PROTOCOL] = "protocol",
		[METER_TLS_CERTIFICATE] = "certificate",
		[METER_TLS_TIMEOUT] = "timeout",
		[METER_TLS_LEFT] = "left",
	};

	exposition_family(x, "pawl_tls_failures_total", EXPOSE_COUNTER,
			  "Handshakes that came to nothing.");
	for (int l = 0; l < LISTENER_COUNT; l++)
		for (int r = 0; r < METER_TLS_COUNT; r++)
			exposition_int(x,
				       EXPOSE_LABELS({ "listener", at(l) },
						     { "reason", reasons[r] }),
				       get(&m->tls[l][r]));
}

static void expose_connections(const struct meter *m, struct exposition *x)
{
	expose_each(x, "pawl_connections_total",
		    "Connections that were accepted.", m->opened);
	exposition_family(x, "pawl_connections", EXPOSE_GAUGE,
			  "Connections that are open now.");
	for (int l = 0; l < LISTENER_COUNT; l++) {
		/* In this order it is never below zero. */
		int64_t closed = get(&m->closed[l]);

		exposition_int(x, EXPOSE_LABELS({ "listener", at(l) }),
			       get(&m->opened[l]) - closed);
	}
	expose_each(x, "pawl_connections_crowded_out_total",
		    "Connections closed so that others have room.", m->crowded);
	expose_each(x, "pawl_sent_bytes_total", "Bytes sent, TLS included.",
		    m->sent);
	expose_tls(m, x);
}

static void expose_event(const struct meter *m, struct exposition *x,
			 enum meter_event event, const char *name,
			 const char *help)
{
	exposition_family(x, name, EXPOSE_COUNTER, help);
	exposition_int(x, EXPOSE_PLAIN, get(&m->events[event]));
}

static void expose_events(const struct meter *m, struct exposition *x)
{
	static const struct {
		enum meter_event event;
		const char *outcome;
	} checkins[] = {
		{ METER_CHECKIN_UPDATE, "update" },
		{ METER_CHECKIN_NOTHING, "nothing" },
		{ METER_CHECKIN_WAIT, "wait" },
		{ METER_CHECKIN_FAILED, "failed" },
	};

	exposition_family(x, "pawl_checkins_total", EXPOSE_COUNTER,
			  "Check-ins of devices, by what they were told.");
	for (size_t i = 0; i < ARRAY_LEN(checkins); i++)
		exposition_int(
			x, EXPOSE_LABELS({ "outcome", checkins[i].outcome }),
			get(&m->events[checkins[i].event]));
	expose_event(m, x, METER_SECURITY, "pawl_security_failures_total",
		     "Attempts that ended in a bad signature, digest or "
		     "version: somebody must look.");
	expose_event(m, x, METER_REVOKED_SEEN, "pawl_revoked_seen_total",
		     "Requests of devices that are not, or no longer, of this "
		     "fleet.");
	expose_event(m, x, METER_ENROLLED, "pawl_enrolled_total",
		     "Devices that joined.");
	expose_event(m, x, METER_ENROL_REFUSED, "pawl_enrol_refused_total",
		     "Enrolments that were refused.");
}

void meter_expose(const struct meter *m, struct exposition *x)
{
	expose_requests(m, x);
	expose_connections(m, x);
	expose_events(m, x);
	exposition_family(x, "pawl_loop_lag_seconds", EXPOSE_GAUGE,
			  "The longest that the event loop heard nobody, in "
			  "this minute or the one before.");
	exposition_ratio(x, EXPOSE_PLAIN,
			 (uint32_t)(meter_worst_turn(m) / RATIO_NS));
	exposition_family(x, "pawl_store_commit_seconds", EXPOSE_HISTOGRAM,
			  "Time that a transaction of the database takes to "
			  "reach the disk.");
	exposition_histogram(x, EXPOSE_PLAIN, &m->commits);
}
