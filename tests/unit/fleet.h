/* SPDX-License-Identifier: Apache-2.0 */
/* A store with a few devices and a rollout, for tests of what becomes of it. */
#ifndef TESTS_UNIT_FLEET_H
#define TESTS_UNIT_FLEET_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/check.h"
#include "update-server/store.h"
#include "update-server/store_cohort.h"

#define FLEET_NOW INT64_C(36000000) /* the first second of an hour */

static const struct audit_by fleet_by = { .kind = AUDIT_PERSON,
					  .person = { { 7 } },
					  .now = FLEET_NOW };

static char fleet_folder[] = "/tmp/pawl-fleet.XXXXXX";
static char fleet_path[64];

static inline struct store *fleet_open(void)
{
	struct store *s = NULL;
	struct err e = { 0 };

	assert_ok(store_open(fleet_path, &s, &e));
	return s;
}

static inline int fleet_fresh(void **state)
{
	struct err e = { 0 };

	memcpy(fleet_folder + sizeof(fleet_folder) - 7, "XXXXXX", 6);
	if (!mkdtemp(fleet_folder))
		return -1;
	(void)snprintf(fleet_path, sizeof(fleet_path), "%s/db", fleet_folder);
	*state = fleet_open();
	return store_cohort_add(*state, "canary", &fleet_by, &e);
}

static inline int fleet_gone(void **state)
{
	static const char *const names[] = { "db", "db-wal", "db-shm" };

	store_close(*state);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(fleet_path, sizeof(fleet_path), "%s/%s",
			       fleet_folder, names[i]);
		(void)unlink(fleet_path);
	}
	return rmdir(fleet_folder);
}

static inline struct sha256 fleet_hash(unsigned n)
{
	struct sha256 d = { { (uint8_t)n, (uint8_t)(n >> 8), 1 } };

	return d;
}

static inline struct store_device fleet_device_with(struct store *s, unsigned n,
						    const char *certificate)
{
	struct store_batch b = { .product = "kiosk",
				 .model = "k1",
				 .cohort = "canary",
				 .count = 1,
				 .created = FLEET_NOW,
				 .activated = FLEET_NOW,
				 .expires = FLEET_NOW + 100 };
	struct sha256 code = fleet_hash(n);
	struct store_device d = {
		.facts = { .id = { { (uint8_t)n, (uint8_t)(n >> 8) } },
			   .product = "kiosk",
			   .model = "k1" },
		.fingerprint = fleet_hash(10000 + n),
		.spki = fleet_hash(20000 + n),
		.decrypt = { .proof = { 0x30, (uint8_t)n }, .proof_len = 2 },
		.interval_sec = 3600,
	};
	struct err e = { 0 };

	assert_true(strlen(certificate) < sizeof(d.certificate));
	strcpy(d.certificate, certificate);
	d.decrypt.key.point[0] = (uint8_t)n;
	d.decrypt.key.point[1] = (uint8_t)(n >> 8);
	assert_ok(store_batch_add(s, &b, &code, &fleet_by, &e));
	assert_ok(store_enrol(s, &code, &d, &fleet_by, &e));
	return d;
}

static inline struct store_device fleet_device(struct store *s, unsigned n)
{
	return fleet_device_with(s, n, "pem");
}

/* Running, of two phases, the first of which is open. */
static inline struct stage fleet_stage(const char *name, unsigned release)
{
	struct stage s = { .what = { .product = "kiosk",
				     .release = "r",
				     .digest = fleet_hash(500 + release),
				     .seq = release,
				     .cohorts = { "canary" },
				     .cohort_count = 1 },
			   .status = STAGE_RUNNING,
			   .phase_state = PHASE_OPEN,
			   .opened = FLEET_NOW,
			   .started = FLEET_NOW,
			   .created = FLEET_NOW,
			   .size = 1000,
			   .policy = stage_usual };

	memcpy(s.what.name, name, strlen(name));
	s.policy.new_device_sec = 0;
	s.ladder = (struct ladder){
		.rungs = { { 0, 20, BUCKET_ALL / 2, 3600, true },
			   { 10000, 40, BUCKET_ALL, 7200, false } },
		.count = 2,
		.population = 40,
	};
	return s;
}

static inline struct stage fleet_rollout(struct store *s, const char *name,
					 unsigned release)
{
	struct stage r = fleet_stage(name, release);
	struct err e = { 0 };

	assert_ok(store_rollout_add(s, &r, &fleet_by, &e));
	return r;
}

static inline struct attempt fleet_offer(struct store *s, const struct stage *r,
					 const struct store_device *d)
{
	struct attempt a = { .device = d->facts.id,
			     .digest = r->what.digest,
			     .seq = r->what.seq,
			     .at = { .offered = FLEET_NOW,
				     .interval_sec = 3600,
				     .counted = true } };
	struct err e = { 0 };

	assert_ok(store_attempt_add(s, r, &a, 0, &e));
	return a;
}

/* As the server does: a state, the epoch of now, and on the disk with it. */
static inline void fleet_move(struct store *s, const struct stage *r,
			      struct attempt *a, enum stage_state to,
			      const char *code)
{
	struct err e = { 0 };

	a->at.state = (uint8_t)to;
	a->at.epoch = r->epoch;
	a->at.changed = FLEET_NOW + 1;
	if (to == STAGE_INSTALLED && a->at.installed == 0)
		a->at.installed = FLEET_NOW + 1;
	memset(a->at.code, 0, sizeof(a->at.code));
	memcpy(a->at.code, code, strlen(code));
	assert_ok(store_attempt_save(s, r, a, NULL, &e));
}

#endif
