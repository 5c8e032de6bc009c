/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a whole check-in costs the server behind its wire: the device found in a
 * store of a million by its certificate and by its id, its message parsed, 20
 * rollouts decided, its place among the others noted, the answer written. It
 * came an hour ago and there is nothing new for it, as nearly always. That it
 * came is written with those of others, which is timed by itself. DEVICES=n,
 * another fleet.
 *
 * Nothing is kept in memory for a device that is known; what is, is the
 * database's cache, which has a ceiling. So what counts is what the whole
 * process takes, and how long it is from a start to the first answer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"

#include "update-server/api.h"
#include "update-server/sql.h"
#include "update-server/sql_sqlite.h"

#define ROLLOUTS   20
#define CHECK_INS  50000
#define SIGNS      2500 /* of ten seconds, at one an hour from each */
#define US_MUST    50.0
#define LOAD_MUST  2.0
#define BYTES_MUST 150

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

/* The n-th in the order of the index. */
static struct device_id id_of(uint64_t n)
{
	struct device_id id;
	char text[2 * DEVICE_ID_LEN + 1];

	(void)snprintf(text, sizeof(text), "%016llx", (unsigned long long)n);
	memcpy(id.bytes, text, DEVICE_ID_LEN);
	return id;
}

#define TOGETHER 20000

/* Rows as enrolment and check-ins leave them, an hour ago. */
static int add_devices(struct sql *db, uint64_t from, uint64_t to, int64_t now,
		       struct err *e)
{
	const struct sql_value bounds[] = { sql_int((int64_t)from),
					    sql_int((int64_t)to) };

	if (sql_run(db,
		    "WITH RECURSIVE c(n) AS (SELECT ?1 UNION ALL"
		    " SELECT n + 1 FROM c WHERE n + 1 < ?2)"
		    " INSERT INTO key (spki, who)"
		    " SELECT CAST(printf('%032x', n) AS BLOB), '' FROM c",
		    bounds, ARRAY_LEN(bounds), NULL, e))
		return -1;
	return sql_run(
		db,
		"INSERT INTO device (id, fingerprint, spki, product,"
		" model, cohort, certificate, claim, enrolled, last_seen,"
		" release, seq, digest, confirmed, activation, interval,"
		" updater, decrypt_key, decrypt_proof, boots, before)"
		" SELECT substr(spki, 17), spki, spki, 'kiosk', 'k1',"
		" 'all', printf('%0850d', 0), ?2, ?1, ?1 - 3600, 'r1', 2,"
		" ?2, 1, 7, 3600, '0.1.0', zeroblob(65), zeroblob(71),"
		" zeroblob(32), ?2 FROM key WHERE spki >="
		" CAST(printf('%032x', ?3) AS BLOB)",
		SQL_BIND(sql_int(now),
			 sql_blob((uint8_t[SHA256_LEN]){ 1 }, SHA256_LEN),
			 bounds[0]),
		NULL, e);
}

/* In the order of the index: how long it takes is not what is measured here. */
static void fill(struct bench *b)
{
	int64_t now = utc_now();
	struct sql *db = NULL;
	struct err e = { 0 };

	must(sql_open(&sql_sqlite, path, &db, &e), &e);
	must(sql_run(db, "INSERT INTO cohort (name, created) VALUES ('all', 0)",
		     SQL_NOTHING, NULL, &e),
	     &e);
	for (uint64_t n = 0; n < b->devices; n += TOGETHER) {
		uint64_t to =
			n + TOGETHER < b->devices ? n + TOGETHER : b->devices;

		must(sql_begin(db, &e), &e);
		must(sql_finish(db, add_devices(db, n, to, now, &e), &e), &e);
	}
	sql_close(db);
}

/* By another process, so that this one's memory is a server's after a start. */
static void make_store(struct bench *b)
{
	int status = 1;
	struct err e = { 0 };
	pid_t child = fork();

	if (child == 0) {
		must(store_open(path, &b->api.store, &e), &e);
		store_close(b->api.store);
		fill(b);
		_exit(EXIT_SUCCESS);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		must(err_set(&e, ERR_SYSTEM, "the store was not made"), &e);
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

/* As the wire does before each request. */
static void authorise(struct bench *b, uint64_t n)
{
	const struct device_id id = id_of(n);
	struct sha256 fingerprint;
	struct device_id found;
	struct err e = { 0 };

	memset(fingerprint.bytes, '0', SHA256_LEN);
	memcpy(fingerprint.bytes + SHA256_LEN - DEVICE_ID_LEN, id.bytes,
	       DEVICE_ID_LEN);
	must(store_device_authorise(b->api.store, &fingerprint, &found, &e),
	     &e);
}

/* What this process has that no other shares and no disk has. */
static uint64_t private_bytes(void)
{
	struct buf text = BUF_INIT(65536);
	struct err e = { 0 };
	const char *at;
	uint64_t pages = 0;

	must(fs_read_path("/proc/self/statm", &text, &e), &e);
	at = strchr(buf_text(&text), ' ');
	for (; at && *++at >= '0' && *at <= '9';)
		pages = pages * 10 + (uint64_t)(*at - '0');
	buf_done(&text);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Signs of life are written together, as the tick does. */
static double write_signs(struct bench *b)
{
	double from = cpu_sec();
	struct err e = { 0 };

	must(store_flush(b->api.store, &e), &e);
	return cpu_sec() - from;
}

struct sums {
	double whole, writing; /* s */
	uint64_t changes;      /* rows written but for signs of life */
	size_t bytes;
};

static void run(struct bench *b, struct sums *t)
{
	double from = cpu_sec();

	for (uint64_t n = 0; n < CHECK_INS; n += SIGNS) {
		uint64_t before = store_changes(b->api.store);

		for (uint64_t i = n; i < n + SIGNS; i++) {
			authorise(b, i * 48271 % b->devices);
			t->bytes += check_in(b, i * 48271 % b->devices);
		}
		t->changes += store_changes(b->api.store) - before;
		t->writing += write_signs(b);
	}
	t->whole = cpu_sec() - from;
}

static void print(const struct bench *b, const struct sums *t, uint64_t memory)
{
	double us = (t->whole - t->writing) / CHECK_INS * 1e6;
	double each = (double)memory / (double)b->devices;

	printf("figure checkin-decision %.1f us (CPU), must %.0f, ratio %.2f\n"
	       "  %llu devices, %d rollouts, %zu bytes of answer, %llu rows "
	       "written\n",
	       us, US_MUST, us / US_MUST, (unsigned long long)b->devices,
	       ROLLOUTS, t->bytes / CHECK_INS, (unsigned long long)t->changes);
	printf("figure checkin-last-seen %.1f us (CPU, %d written together)\n",
	       t->writing / CHECK_INS * 1e6, SIGNS);
	printf("figure memory-per-device %.1f bytes, must %d, ratio %.2f "
	       "(none is kept: the database's cache, %.1f MB)\n",
	       each, BYTES_MUST, each / BYTES_MUST, (double)memory / 1e6);
}

int main(void)
{
	const char *devices = getenv("DEVICES");
	static const char *const ends[] = { "", "-wal", "-shm" };
	struct bench *b = mem_alloc(1, sizeof(*b));
	struct sums t = { 0 };
	uint64_t memory;
	char name[80];
	double from;
	struct err e = { 0 };

	b->devices = 1000000;
	if (devices)
		must(num_parse(slice_of(devices), 100000000, &b->devices, &e),
		     &e);
	if (!mkdtemp(folder))
		return EXIT_FAILURE;
	(void)snprintf(path, sizeof(path), "%s/db", folder);
	make_store(b);
	from = cpu_sec();
	must(store_open(path, &b->api.store, &e), &e);
	add_rollouts(b);
	open_api(b);
	printf("figure fleet-load %.3f s (CPU, to the first check-in), must "
	       "%.0f, ratio %.3f\n",
	       cpu_sec() - from, LOAD_MUST, (cpu_sec() - from) / LOAD_MUST);
	memory = private_bytes();
	run(b, &t);
	print(b, &t, private_bytes() - memory);
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
