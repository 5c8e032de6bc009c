/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where operators' signatures meet: the server's place for orders, without its
 * listeners. Three operators, who all have to sign, and what they bring.
 */
#ifndef TESTS_UNIT_MEETING_H
#define TESTS_UNIT_MEETING_H

#include <fcntl.h>
#include <stdlib.h>

#include "common/mem.h"
#include "common/order_step.h"
#include "tests/unit/tuf_repo.h"
#include "update-server/api.h"
#include "update-server/blobs.h"
#include "update-server/orders.h"
#include "update-server/ways.h"

#define WIDE      "rollout-wide"
#define WIDE_PATH WIDE "/kiosk/2.json"
#define THIRD_KEY (OTHER_KEY + 1)

struct meeting {
	struct repo *repo;
	struct server_api api;
	struct peer ann;
};

static const struct audit_by nobody = { .kind = AUDIT_SYSTEM, .now = NOW };

/* ---- what was imported --------------------------------------------------- */

static inline void meeting_file(struct meeting *p, const char *role,
				struct store_file *f)
{
	repo_publish(p->repo, role);
	repo_name(p->repo, role, f->name);
	f->bytes = buf_slice(&repo_file(p->repo, f->name)->bytes);
}

/* Three operators, who all sign; release 2 is listed. */
static inline void meeting_import(struct meeting *p)
{
	char detail[] = "{}";
	struct store_release release = { .product = "kiosk",
					 .id = "2",
					 .version = "2",
					 .seq = 2,
					 .detail = detail };
	struct store_role role = { .name = WIDE };
	struct store_file files[2] = { { .targets = 0 } };
	struct store_import in = { .files = files,
				   .file_count = 2,
				   .roles = &role,
				   .role_count = 1,
				   .releases = &release,
				   .release_count = 1 };
	struct json *entry = repo_delegate(p->repo, "targets", WIDE, SPARE_KEY,
					   WIDE "/*/*.json");
	struct err e = { 0 };

	repo_assign(p->repo,
		    member(member(repo_body(p->repo, "targets"), "delegations"),
			   "keys"),
		    entry, KEY(SPARE_KEY) | KEY(OTHER_KEY) | KEY(THIRD_KEY), 3);
	repo_find(p->repo, WIDE)->signers =
		KEY(SPARE_KEY) | KEY(OTHER_KEY) | KEY(THIRD_KEY);
	memset(release.digest.bytes, 5, SHA256_LEN);
	meeting_file(p, "targets", &files[0]);
	files[0].targets = repo_version(p->repo, "targets");
	meeting_file(p, WIDE, &files[1]);
	role.version = repo_version(p->repo, WIDE);
	assert_ok(store_import(p->api.store, &in, &nobody, &e));
}

static inline void meeting_open(struct meeting *p)
{
	char path[96];
	struct err e = { 0 };

	p->repo = repo_new();
	(void)snprintf(path, sizeof(path), "%s/db", p->repo->dir);
	assert_ok(store_open(path, &p->api.store, &e));
	p->api.dirfd = p->repo->dirfd;
	p->api.acts.burst = p->api.acts.per_minute = 100;
	(void)pthread_mutex_init(&p->api.guessing, NULL);
	(void)pthread_mutex_init(&p->api.ordering, NULL);
	(void)pthread_mutex_init(&p->api.publishing, NULL);
	(void)pthread_mutex_init(&p->api.attempts, NULL);
	(void)pthread_rwlock_init(&p->api.orders_lock, NULL);
}

/* Ann, who is an operator for the whole of a fleet. */
static inline void meeting_person(struct meeting *p,
				  const struct sha256 *fingerprint)
{
	struct store_person person = { .name = "ann",
				       .roles = "operator",
				       .scope = { .share = 10000 },
				       .fingerprint = *fingerprint };
	struct sha256 spki = { { 9 } };
	struct err e = { 0 };

	p->ann.fingerprint = *fingerprint;
	memcpy(p->ann.id, "ann", 4);
	assert_ok(store_person_add(p->api.store, &person, &spki, &nobody, &e));
}

static inline void meeting_close(struct meeting *p)
{
	(void)pthread_mutex_destroy(&p->api.guessing);
	(void)pthread_mutex_destroy(&p->api.ordering);
	(void)pthread_mutex_destroy(&p->api.publishing);
	(void)pthread_mutex_destroy(&p->api.attempts);
	(void)pthread_rwlock_destroy(&p->api.orders_lock);
	orders_free(p->api.orders);
	ways_free(p->api.ways);
	store_close(p->api.store);
	repo_free(p->repo);
}

/* ---- what comes ---------------------------------------------------------- */

/* The document of a halt. */
static inline void meeting_halt(uint64_t number, struct buf *text)
{
	struct order o = { .kind = ORDER_HALT,
			   .product = "kiosk",
			   .release = "2",
			   .number = number,
			   .issued = NOW };
	struct err e = { 0 };

	memset(o.digest.bytes, 5, SHA256_LEN);
	assert_ok(order_format(&o, text, &e));
}

/* The role's next file, which lists that document. */
static inline struct json *meeting_next(struct meeting *p,
					struct slice document)
{
	const struct order_put put = { .path = WIDE_PATH,
				       .type = "order",
				       .bytes = document };

	return order_step_make(repo_body(p->repo, WIDE), NOW, NOW + UTC_DAY,
			       &put, 1);
}

/* This key's signature, and no other. */
static inline void meeting_sign(struct meeting *p, struct json *envelope,
				unsigned key)
{
	struct err e = { 0 };

	json_set(envelope, "signatures", json_new_array());
	assert_ok(tuf_sign(envelope, p->repo->keys[key], &e));
}

#endif
