/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a whole check-in costs the server behind its wire: the device found in a
 * store of 200 000, its message parsed, 20 rollouts decided, its place among
 * the others noted, the answer written. Nothing new for it, as nearly always.
 * DEVICES=n, another fleet.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/mem.h"

#include "update-server/api.h"
#include "update-server/sql.h"
#include "update-server/sql_sqlite.h"

#define ROLLOUTS  20
#define CHECK_INS 20000

static char folder[] = "/tmp/pawl-bench-checkin.XXXXXX";
static char path[64];

struct bench {
	struct server_api api;
	struct config config;
	uint64_t devices;
};

static void must(int rc, const struct err *e)
{
	if (rc == 0)
		return;
	(void)fprintf(stderr, "bench_checkin: %s\n", e->msg);
	exit(EXIT_FAILURE);
}

static double cpu_sec(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

/* Spread, so that neighbours in time are none in the index. */
static struct device_id id_of(uint64_t n)
{
	struct device_id id = { { 0 } };
	uint64_t mixed = n * 0x9e3779b97f4a7c15;

	memcpy(id.bytes, &mixed, sizeof(mixed));
	memcpy(id.bytes + 8, &n, sizeof(n));
	return id;
}

static void insert_device(struct sql *db, uint64_t n, int64_t now)
{
	struct device_id id = id_of(n);
	struct sha256 key = { { 0 } };
	struct err e = { 0 };

	memcpy(key.bytes, id.bytes, DEVICE_ID_LEN);
	must(sql_run(db, "INSERT INTO key (spki, who) VALUES (?, '')",
		     SQL_BIND(sql_blob(key.bytes, SHA256_LEN)), NULL, &e),
	     &e);
	must(sql_run(db,
		     "INSERT INTO device (id, fingerprint, spki, product,"
		     " model, cohort, certificate, claim, enrolled, last_seen,"
		     " release, seq, digest, confirmed, activation, interval,"
		     " updater) VALUES (?1, ?4, ?4, 'kiosk', 'k1', 'all', '',"
		     " x'00', ?2, ?2, 'r1', 2, ?3, 1, 7, 3600, '0.1.0')",
		     SQL_BIND(sql_blob(id.bytes, DEVICE_ID_LEN), sql_int(now),
			      sql_blob((uint8_t[SHA256_LEN]){ 1 }, SHA256_LEN),
			      sql_blob(key.bytes, SHA256_LEN)),
		     NULL, &e),
	     &e);
}

static void fill(struct bench *b)
{
	int64_t now = utc_now();
	struct sql *db = NULL;
	struct err e = { 0 };

	must(sql_open(&sql_sqlite, path, &db, &e), &e);
	must(sql_begin(db, &e), &e);
	must(sql_run(db, "INSERT INTO cohort VALUES ('all', 0)", SQL_NOTHING,
		     NULL, &e),
	     &e);
	for (uint64_t n = 0; n < b->devices; n++)
		insert_device(db, n, now);
	must(sql_finish(db, 0, &e), &e);
	sql_close(db);
}

/* Each opens its first hundredth; half of them only to some. */
static void add_rollouts(struct bench *b)
{
	const struct audit_by by = { .kind = AUDIT_SYSTEM, .now = utc_now() };
	struct stage *s = mem_alloc(1, sizeof(*s));
	struct err e = { 0 };

	for (unsigned i = 0; i < ROLLOUTS; i++) {
		*s = (struct stage){ .status = STAGE_RUNNING,
				     .phase_state = PHASE_OPEN,
				     .started = by.now,
				     .created = by.now,
				     .policy = stage_usual };
		(void)snprintf(s->what.name, sizeof(s->what.name), "r%u", i);
		(void)snprintf(s->what.product, sizeof(s->what.product),
			       "kiosk");
		(void)snprintf(s->what.release, sizeof(s->what.release), "r9");
		memcpy(s->what.cohorts[0], "all", 4);
		s->what.cohort_count = 1;
		s->what.seq = 9;
		s->what.digest.bytes[0] = (uint8_t)(9 + i);
		s->ladder.count = 1;
		s->ladder.population = b->devices;
		s->ladder.rungs[0].share = 1;
		s->ladder.rungs[0].limit = bucket_limit_of(1);
		if (i % 2)
			must(stage_set_where(s,
					     slice_of("seq < 9 and "
						      "attr.sandbox = yes"),
					     &e),
			     &e);
		must(store_rollout_add(b->api.store, s, &by, &e), &e);
	}
	free(s);
}

static void open_api(struct bench *b)
{
	struct err e = { 0 };

	b->config.poll_sec = 3600;
	b->config.checkin_rate = 1000;
	b->api.config = &b->config;
	b->api.meter = meter_new(NULL, 0);
	(void)pthread_mutex_init(&b->api.attempts, NULL);
	(void)pthread_rwlock_init(&b->api.orders_lock, NULL);
	must(api_read_rollouts(&b->api, &e), &e);
}

static size_t check_in(struct bench *b, uint64_t n)
{
	static const char body[] =
		"{\"v\":1,\"product\":\"kiosk\",\"model\":\"k1\","
		"\"confirmed\":true,\"activation\":7,\"interval\":3600,"
		"\"updater\":\"0.1.0\",\"release\":{\"id\":\"r1\",\"seq\":2,"
		"\"digest\":\"01000000000000000000000000000000"
		"00000000000000000000000000000000\"}}";
	struct device_id id = id_of(n);
	struct peer peer = { .present = true };
	struct request q = { .listener = LISTENER_DEVICE,
			     .method = METHOD_POST,
			     .path = "/v1/checkin",
			     .peer = &peer,
			     .body = slice_of(body) };
	struct response a = { .body = BUF_INIT(RESPONSE_BODY_MAX) };
	struct err e = { 0 };
	size_t len;

	memcpy(peer.fingerprint.bytes, id.bytes, DEVICE_ID_LEN);
	hex_format((struct slice){ id.bytes, DEVICE_ID_LEN }, peer.id);
	must(api_checkin(&b->api, &q, &a, &e), &e);
	len = a.body.len;
	buf_done(&a.body);
	return len;
}

static void run(struct bench *b)
{
	uint64_t changes = store_changes(b->api.store);
	double from = cpu_sec();
	size_t bytes = 0;

	for (uint64_t n = 0; n < CHECK_INS; n++)
		bytes += check_in(b, n * 48271 % b->devices);
	printf("figure checkin-whole %.1f us (CPU, %llu devices, %d rollouts, "
	       "%zu bytes of answer, %llu rows written)\n",
	       (cpu_sec() - from) / CHECK_INS * 1e6,
	       (unsigned long long)b->devices, ROLLOUTS, bytes / CHECK_INS,
	       (unsigned long long)(store_changes(b->api.store) - changes));
}

int main(void)
{
	const char *devices = getenv("DEVICES");
	static const char *const ends[] = { "", "-wal", "-shm" };
	struct bench *b = mem_alloc(1, sizeof(*b));
	char name[80];
	double from;
	struct err e = { 0 };

	b->devices = 200000;
	if (devices)
		must(num_parse(slice_of(devices), 100000000, &b->devices, &e),
		     &e);
	if (!mkdtemp(folder))
		return EXIT_FAILURE;
	(void)snprintf(path, sizeof(path), "%s/db", folder);
	must(store_open(path, &b->api.store, &e), &e);
	fill(b);
	store_close(b->api.store);
	from = cpu_sec();
	must(store_open(path, &b->api.store, &e), &e);
	add_rollouts(b);
	open_api(b);
	printf("figure fleet-load %.3f s (to the first check-in)\n",
	       cpu_sec() - from);
	run(b);
	store_close(b->api.store);
	meter_free(b->api.meter);
	free(b->api.rollouts);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		(void)snprintf(name, sizeof(name), "%s%s", path, ends[i]);
		(void)unlink(name);
	}
	(void)rmdir(folder);
	free(b);
	return EXIT_SUCCESS;
}
