/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/store.h"
#include "update-server/store_cohort.h"
#include "update-server/store_renew.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/check.h"

#define NOW 1000000

static const struct audit_by by = { .kind = AUDIT_PERSON,
				    .person = { { 7 } },
				    .now = NOW };

static char folder[] = "/tmp/pawl-store.XXXXXX";
static char path[64];

static struct store *open_store(void)
{
	struct store *s = NULL;
	struct err e = { 0 };

	assert_ok(store_open(path, &s, &e));
	return s;
}

static int fresh(void **state)
{
	memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/db", folder);
	*state = open_store();
	return 0;
}

static int gone(void **state)
{
	static const char *const names[] = { "db", "db-wal", "db-shm" };

	store_close(*state);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)unlink(path);
	}
	return rmdir(folder);
}

static struct sha256 hash(unsigned n)
{
	struct sha256 d = { { (uint8_t)n, (uint8_t)(n >> 8), 1 } };

	return d;
}

static void give_claim(struct store *s, unsigned n)
{
	struct store_batch b = { .product = "kiosk",
				 .model = "k1",
				 .cohort = "canary",
				 .count = 1,
				 .created = NOW,
				 .activated = NOW,
				 .expires = NOW + 100 };
	const struct sha256 code = hash(n);
	struct err e = { 0 };

	assert_ok(store_batch_add(s, &b, &code, &by, &e));
	assert_true(b.id > 0);
}

static struct store_device new_device(unsigned n)
{
	struct store_device d = {
		.facts = { .id = { { (uint8_t)n } },
			   .product = "kiosk",
			   .model = "k1" },
		.fingerprint = hash(1000 + n),
		.spki = hash(2000 + n),
		.certificate = "pem",
		.decrypt = { .proof = { 0x30, (uint8_t)n }, .proof_len = 2 },
	};

	/* The store looks at no point. */
	d.decrypt.key.point[0] = (uint8_t)n;
	return d;
}

static struct store_device enrolled(struct store *s, unsigned n)
{
	struct store_device d = new_device(n);
	struct sha256 claim = hash(n);
	struct err e = { 0 };

	give_claim(s, n);
	assert_ok(store_enrol(s, &claim, &d, &by, &e));
	return d;
}

static int with_cohort(void **state)
{
	struct err e = { 0 };

	return fresh(state) || store_cohort_add(*state, "canary", &by, &e);
}

static void a_claim_registers_one_device_and_gives_its_cohort(void **state)
{
	struct store *s = *state;
	struct sha256 claim = hash(1);
	struct store_device d = new_device(1), other = new_device(2);
	struct device_id id;
	struct err e = { 0 };

	give_claim(s, 1);
	assert_ok(store_enrol(s, &claim, &d, &by, &e));
	assert_string_equal(d.facts.cohort, "canary");
	assert_ok(store_device_authorise(s, &d.fingerprint, &id, &e));
	assert_memory_equal(&id, &d.facts.id, sizeof(id));
	assert_refused(store_enrol(s, &claim, &other, &by, &e), ERR_REFUSED);
	assert_refused(store_device_authorise(s, &other.fingerprint, &id, &e),
		       ERR_REFUSED);
}

static const struct ec_public nobodys;

static struct store_ask an_ask(unsigned claim, unsigned key)
{
	return (struct store_ask){ .claim = hash(claim),
				   .spki = hash(key),
				   .product = "kiosk",
				   .model = "k1",
				   .decrypt = &nobodys,
				   .now = NOW };
}

static void every_bad_claim_is_refused_in_words(void **state)
{
	static const char *const words[] = { "nobody gave it out", "expired",
					     "another product or model",
					     "another product or model" };
	struct store *s = *state;
	struct store_ask good = an_ask(1, 5), bad[4];
	struct store_device d;
	struct err e = { 0 };
	bool again;

	give_claim(s, 1);
	assert_ok(store_enrol_check(s, &good, &again, &d, &e));
	assert_false(again);
	bad[0] = bad[1] = bad[2] = bad[3] = good;
	bad[0].claim = hash(9);
	bad[1].now = NOW + 100;
	bad[2].product = "other";
	bad[3].model = "k2";
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_refused(store_enrol_check(s, &bad[i], &again, &d, &e),
			       ERR_REFUSED);
		assert_non_null(strstr(e.msg, words[i]));
		assert_non_null(strstr(
			e.msg, "the claim code is not good for this device"));
	}
	assert_ok(store_claim_revoke(s, 1, &by, &e));
	assert_refused(store_enrol_check(s, &good, &again, &d, &e),
		       ERR_REFUSED);
	assert_non_null(strstr(e.msg, "it was revoked"));
}

static void a_lost_answer_is_given_again_to_the_same_key_alone(void **state)
{
	struct store *s = *state;
	struct store_device d = enrolled(s, 1), out;
	struct store_ask ask = an_ask(1, 0);
	struct err e = { 0 };
	bool again;

	ask.spki = d.spki;
	ask.decrypt = &d.decrypt.key;
	ask.now = NOW + 1000;
	assert_ok(store_enrol_check(s, &ask, &again, &out, &e));
	assert_true(again);
	assert_string_equal(out.certificate, "pem");
	assert_string_equal(out.facts.cohort, "canary");
	ask.decrypt = &nobodys;
	assert_refused(store_enrol_check(s, &ask, &again, &out, &e),
		       ERR_REFUSED);
	ask.decrypt = &d.decrypt.key;
	ask.spki = hash(77);
	assert_refused(store_enrol_check(s, &ask, &again, &out, &e),
		       ERR_REFUSED);
}

static void a_key_has_one_holder_for_ever(void **state)
{
	struct store *s = *state;
	struct store_device first = enrolled(s, 1), second = new_device(2);
	struct sha256 claim = hash(2), fingerprint;
	struct err e = { 0 };

	give_claim(s, 2);
	second.spki = first.spki;
	assert_refused(store_enrol(s, &claim, &second, &by, &e), ERR_CONFLICT);
	/* not even after a revocation; and the claim is still good */
	assert_ok(
		store_device_revoke(s, &first.facts.id, &by, &fingerprint, &e));
	assert_refused(store_enrol(s, &claim, &second, &by, &e), ERR_CONFLICT);
	second.spki = hash(3);
	second.decrypt = first.decrypt;
	assert_refused(store_enrol(s, &claim, &second, &by, &e), ERR_CONFLICT);
	second.decrypt = new_device(2).decrypt;
	assert_ok(store_enrol(s, &claim, &second, &by, &e));
	assert_refused(store_key_take(s, &second.spki, "person", &e),
		       ERR_CONFLICT);
}

static void count_revoked(void *ctx, const struct store_person *p)
{
	size_t *revoked = ctx;

	*revoked += p->revoked;
}

static void a_person_who_is_revoked_is_a_stranger_for_ever(void **state)
{
	struct store *s = *state;
	struct store_person person = { .name = "bob",
				       .roles = "operator officer",
				       .scope = { .cohorts = "lab shop",
						  .share = 500 },
				       .fingerprint = { { 1 } } };
	const struct sha256 other = { { 2 } }, spki = { { 3 } };
	struct store_person found;
	size_t revoked = 0;
	struct err e = { 0 };

	assert_refused(store_person_find(s, &person.fingerprint, &found, &e),
		       ERR_REFUSED);
	assert_ok(store_person_add(s, &person, &spki, &by, &e));
	assert_ok(store_person_find(s, &person.fingerprint, &found, &e));
	assert_string_equal(found.roles, "operator officer");
	assert_string_equal(found.scope.cohorts, "lab shop");
	assert_int_equal(found.scope.share, 500);
	assert_refused(store_person_revoke(s, &other, &by, &e), ERR_NOT_FOUND);
	assert_ok(store_person_find(s, &person.fingerprint, &found, &e));

	assert_ok(store_person_revoke(s, &person.fingerprint, &by, &e));
	assert_refused(store_person_find(s, &person.fingerprint, &found, &e),
		       ERR_REFUSED);
	assert_refused(store_person_revoke(s, &person.fingerprint, &by, &e),
		       ERR_CONFLICT);
	assert_refused(store_person_add(s, &person, &spki, &by, &e),
		       ERR_CONFLICT);
	assert_ok(store_person_each(s, count_revoked, &revoked, &e));
	assert_int_equal(revoked, 1);
}

struct registry {
	size_t count;
	struct store_device last;
};

static void count_registered(void *ctx, const struct store_device *d)
{
	struct registry *r = ctx;

	r->count++;
	r->last = *d;
}

static void the_registry_has_keys_and_no_revoked_device(void **state)
{
	struct store *s = *state;
	struct store_device first = enrolled(s, 1), second = enrolled(s, 2);
	struct registry r = { 0 };
	struct sha256 fingerprint;
	struct err e = { 0 };

	assert_ok(store_registry_each(s, NULL, 10, count_registered, &r, &e));
	assert_int_equal(r.count, 2);
	assert_memory_equal(&r.last.decrypt, &second.decrypt,
			    sizeof(second.decrypt));
	assert_string_equal(r.last.certificate, "pem");
	assert_string_equal(r.last.facts.cohort, "canary");
	assert_ok(store_device_revoke(s, &second.facts.id, &by, &fingerprint,
				      &e));
	r.count = 0;
	assert_ok(store_registry_each(s, NULL, 10, count_registered, &r, &e));
	assert_int_equal(r.count, 1);
	r.count = 0;
	assert_ok(store_registry_each(s, &first.facts.id, 10, count_registered,
				      &r, &e));
	assert_int_equal(r.count, 0);
}

struct racer {
	struct store *s;
	unsigned n;
	bool won;
};

static void *race(void *ctx)
{
	struct racer *r = ctx;
	struct store_device d = new_device(r->n);
	struct sha256 claim = hash(1);
	struct err e = { 0 };

	r->won = store_enrol(r->s, &claim, &d, &by, &e) == 0;
	return NULL;
}

static void of_twenty_racing_for_a_claim_one_wins(void **state)
{
	struct racer racers[20];
	pthread_t threads[20];
	unsigned won = 0;

	give_claim(*state, 1);
	for (unsigned i = 0; i < 20; i++) {
		racers[i] = (struct racer){ *state, i + 1, false };
		assert_int_equal(
			pthread_create(&threads[i], NULL, race, &racers[i]), 0);
	}
	for (unsigned i = 0; i < 20; i++) {
		(void)pthread_join(threads[i], NULL);
		won += racers[i].won;
	}
	assert_int_equal(won, 1);
}

static void a_revoked_device_is_refused_at_once(void **state)
{
	struct store_device d = enrolled(*state, 1);
	struct sha256 fingerprint;
	struct device_id id, unknown = { { 99 } };
	struct err e = { 0 };

	assert_ok(store_device_revoke(*state, &d.facts.id, &by, &fingerprint,
				      &e));
	assert_true(sha256_equal(&fingerprint, &d.fingerprint));
	assert_refused(store_device_authorise(*state, &d.fingerprint, &id, &e),
		       ERR_REFUSED);
	assert_refused(
		store_device_revoke(*state, &unknown, &by, &fingerprint, &e),
		ERR_NOT_FOUND);
}

static void a_batch_of_claims_needs_its_cohort(void **state)
{
	struct store_batch b = { .product = "kiosk",
				 .model = "k1",
				 .cohort = "nobody",
				 .count = 2,
				 .activated = NOW,
				 .expires = NOW + 100 };
	const struct sha256 codes[] = { hash(1), hash(2) };
	struct store_ask first = an_ask(1, 5);
	struct store_device d;
	struct err e = { 0 };
	bool again;

	assert_refused(store_batch_add(*state, &b, codes, &by, &e),
		       ERR_NOT_FOUND);
	assert_refused(store_enrol_check(*state, &first, &again, &d, &e),
		       ERR_REFUSED);
}

static void what_was_acknowledged_survives_a_kill(void **state)
{
	struct device_id id;
	struct store_device d = new_device(1);
	struct err e = { 0 };
	pid_t child;
	int status;

	store_close(*state);
	*state = NULL;
	child = fork();
	if (child == 0) {
		struct store *s = open_store();

		(void)enrolled(s, 1);
		(void)raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	*state = open_store();
	assert_ok(store_device_authorise(*state, &d.fingerprint, &id, &e));
}

static struct wire_checkin runs(unsigned release, uint64_t activation)
{
	struct wire_checkin m = { .has_release = true,
				  .release = "r",
				  .seq = release,
				  .digest = hash(500 + release),
				  .confirmed = true,
				  .activation = activation };

	return m;
}

static void a_retired_device_is_out_of_the_fleet(void **state)
{
	struct store_device d = enrolled(*state, 1), out;
	struct sha256 fingerprint = { { 0 } };
	uint64_t active, ended;
	struct device_id id;
	struct err e = { 0 };

	assert_ok(store_device_retire(*state, &d.facts.id, &by, &fingerprint,
				      &e));
	assert_true(sha256_equal(&fingerprint, &d.fingerprint));
	assert_refused(store_device_authorise(*state, &d.fingerprint, &id, &e),
		       ERR_REFUSED);
	assert_ok(store_device_find(*state, &d.facts.id, &out, &e));
	assert_true(out.revoked && out.retired);
	assert_ok(store_device_counts(*state, &active, &ended, &e));
	assert_true(active == 0 && ended == 1);
	/* Its key is never taken again. */
	assert_refused(store_key_take(*state, &d.spki, "other", &e),
		       ERR_CONFLICT);
	assert_refused(
		store_device_retire(*state, &d.facts.id, &by, &fingerprint, &e),
		ERR_CONFLICT);
	/* It may turn out to have been stolen instead, not the other way. */
	assert_ok(store_device_revoke(*state, &d.facts.id, &by, &fingerprint,
				      &e));
	assert_ok(store_device_find(*state, &d.facts.id, &out, &e));
	assert_true(out.revoked && !out.retired);
	assert_refused(
		store_device_retire(*state, &d.facts.id, &by, &fingerprint, &e),
		ERR_CONFLICT);
	d.facts.id.bytes[0] ^= 1;
	assert_refused(
		store_device_retire(*state, &d.facts.id, &by, &fingerprint, &e),
		ERR_NOT_FOUND);
}

static void signs_of_life_are_batched_and_changes_are_not(void **state)
{
	struct store_device d = enrolled(*state, 1), out;
	struct wire_checkin m = runs(1, 1);
	struct err e = { 0 };

	assert_ok(store_device_seen(*state, &d, &m, NOW + 1, &e));
	assert_ok(store_device_find(*state, &d.facts.id, &out, &e));
	assert_string_equal(out.facts.release, "r");
	assert_int_equal(out.last_seen, NOW + 1);
	assert_ok(store_device_seen(*state, &d, &m, NOW + 2, &e));
	assert_ok(store_device_find(*state, &d.facts.id, &out, &e));
	assert_int_equal(out.last_seen, NOW + 1);
	assert_ok(store_flush(*state, &e));
	assert_ok(store_device_find(*state, &d.facts.id, &out, &e));
	assert_int_equal(out.last_seen, NOW + 2);
}

static void an_import_replaces_what_is_served_whole(void **state)
{
	struct store_file files[] = {
		{ .name = "1.root.json", .bytes = slice_of("root"), .root = 1 },
		{ .name = "3.targets.json",
		  .bytes = slice_of("targets"),
		  .targets = 3 },
	};
	struct store_payload p = { .url = "kiosk/1/aa.f", .length = 9 };
	struct store_release r = { .product = "kiosk",
				   .id = "1",
				   .version = "1.0",
				   .seq = 1,
				   .detail = (char *)(uintptr_t) "{}" };
	struct store_import in = { .files = files,
				   .file_count = 2,
				   .payloads = &p,
				   .payload_count = 1,
				   .releases = &r,
				   .release_count = 1 };
	struct store_online online = {
		.timestamp = slice_of("time"),
		.snapshot = { .name = "1.snapshot.json",
			      .bytes = slice_of("snap") },
	};
	struct buf b = BUF_INIT(100);
	struct store_release out;
	struct sha256 digest;
	int64_t root, targets;
	uint64_t length;
	struct err e = { 0 };

	assert_ok(store_import(*state, &in, &by, &e));
	assert_ok(store_online(*state, &online, &by, &e));
	assert_ok(store_metadata_versions(*state, &root, &targets, &e));
	assert_int_equal(root, 1);
	assert_int_equal(targets, 3);
	assert_ok(
		store_metadata_get(*state, "timestamp.json", &b, &digest, &e));
	assert_string_equal(buf_text(&b), "time");
	assert_ok(store_payload_find(*state, "kiosk/1/aa.f", &digest, &length,
				     &e));
	assert_int_equal(length, 9);
	assert_ok(store_release_find(*state, "", "1", &out, &e));
	assert_true(out.listed);
	store_release_done(&out);
	in.payload_count = in.release_count = 0;
	assert_ok(store_import(*state, &in, &by, &e));
	assert_refused(store_payload_find(*state, "kiosk/1/aa.f", &digest,
					  &length, &e),
		       ERR_NOT_FOUND);
	assert_ok(store_release_find(*state, "", "1", &out, &e));
	assert_false(out.listed);
	store_release_done(&out);
	assert_refused(
		store_metadata_get(*state, "9.root.json", NULL, NULL, &e),
		ERR_NOT_FOUND);
	buf_done(&b);
}

static void roles_are_remembered_when_their_delegation_ends(void **state)
{
	struct store_role roles[] = {
		{ .name = "rollout", .version = 7 },
		{ .name = "nightly", .version = 2, .problem = "expired" },
	};
	struct store_import in = { .roles = roles, .role_count = 2 };
	static struct store_role out[STORE_ROLES_MAX];
	size_t count;
	struct err e = { 0 };

	assert_ok(store_import(*state, &in, &by, &e));
	in.role_count = 1;
	roles[0].version = 8;
	assert_ok(store_import(*state, &in, &by, &e));
	assert_ok(store_roles(*state, out, &count, &e));
	assert_int_equal(count, 2);
	assert_string_equal(out[0].name, "nightly");
	assert_int_equal(out[0].version, 2);
	assert_string_equal(out[0].problem,
			    "targets no longer delegates to it");
	assert_int_equal(out[1].version, 8);
	assert_string_equal(out[1].problem, "");
}

struct collected {
	struct device_id last;
	size_t count;
};

static void collect(void *ctx, const struct store_device *d)
{
	struct collected *c = ctx;

	c->last = d->facts.id;
	c->count++;
}

static void devices_are_listed_in_pages(void **state)
{
	struct collected c = { .count = 0 };
	uint64_t active, revoked;
	struct sha256 cut;
	struct err e = { 0 };

	for (unsigned i = 1; i <= 5; i++)
		(void)enrolled(*state, i);
	assert_ok(store_device_each(*state, NULL, 3, collect, &c, &e));
	assert_int_equal(c.count, 3);
	assert_ok(store_device_each(*state, &c.last, 3, collect, &c, &e));
	assert_int_equal(c.count, 5);
	assert_ok(store_device_each(*state, &c.last, 3, collect, &c, &e));
	assert_int_equal(c.count, 5);
	assert_ok(store_device_revoke(*state, &c.last, &by, &cut, &e));
	assert_ok(store_device_counts(*state, &active, &revoked, &e));
	assert_int_equal(active, 4);
	assert_int_equal(revoked, 1);
}

/* ---- renewal ------------------------------------------------------------- */

static struct store_renewal renewal_of(const struct store_device *d, unsigned n)
{
	struct store_renewal r = { .device = d->facts.id,
				   .from = d->fingerprint,
				   .spki = hash(5000 + n),
				   .fingerprint = hash(6000 + n),
				   .certificate = "next pem",
				   .decrypt = d->decrypt };

	return r;
}

static void both_certificates_are_good_until_the_new_one_was_shown(void **state)
{
	struct store_device d = enrolled(*state, 1);
	struct store_renewal r = renewal_of(&d, 1), lost;
	struct device_id id;
	bool again = true;
	struct err e = { 0 };

	assert_ok(store_renew_check(*state, &r, &by, &again, &e));
	assert_false(again);
	assert_ok(store_renew(*state, &r, &by, &e));
	assert_ok(store_device_authorise(*state, &d.fingerprint, &id, &e));
	/* The answer was lost: the same key is given the same certificate. */
	lost = renewal_of(&d, 1);
	lost.certificate[0] = 0;
	assert_ok(store_renew_check(*state, &lost, &by, &again, &e));
	assert_true(again);
	assert_string_equal(lost.certificate, "next pem");
	assert_ok(store_device_authorise(*state, &r.fingerprint, &id, &e));
	assert_memory_equal(&id, &d.facts.id, sizeof(id));
	assert_refused(store_device_authorise(*state, &d.fingerprint, &id, &e),
		       ERR_REFUSED);
	assert_ok(store_device_authorise(*state, &r.fingerprint, &id, &e));
	/* The old key approves nothing any more. */
	lost = renewal_of(&d, 2);
	assert_refused(store_renew_check(*state, &lost, &by, &again, &e),
		       ERR_REFUSED);
}

/* Once the keeper has made a certificate it is too late to refuse. */
static void what_cannot_be_registered_is_refused_before(void **state)
{
	struct store *s = *state;
	struct store_device d = enrolled(s, 1), out;
	struct store_renewal r = renewal_of(&d, 1);
	struct store_ask ask = an_ask(2, 70);
	struct err e = { 0 };
	bool again;
	int dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	give_claim(s, 2);
	assert_ok(store_enrol_check(s, &ask, &again, &out, &e));
	ask.spki = d.spki;
	assert_refused(store_enrol_check(s, &ask, &again, &out, &e),
		       ERR_CONFLICT);
	ask.spki = hash(70);
	ask.decrypt = &d.decrypt.key;
	assert_refused(store_enrol_check(s, &ask, &again, &out, &e),
		       ERR_CONFLICT);
	ask.decrypt = &nobodys;
	store_set_reserve(s, dirfd, UINT64_MAX);
	assert_refused(store_enrol_check(s, &ask, &again, &out, &e), ERR_SPACE);
	assert_refused(store_renew_check(s, &r, &by, &again, &e), ERR_SPACE);
	store_set_reserve(s, dirfd, 0);
	store_set_behind(s, 9);
	assert_refused(store_enrol_check(s, &ask, &again, &out, &e),
		       ERR_CONFLICT);
	assert_refused(store_renew_check(s, &r, &by, &again, &e), ERR_CONFLICT);
	store_set_behind(s, 0);
	assert_ok(store_enrol_check(s, &ask, &again, &out, &e));
	assert_ok(store_renew_check(s, &r, &by, &again, &e));
	assert_int_equal(close(dirfd), 0);
}

static void two_next_keys_put_an_identity_into_quarantine(void **state)
{
	struct store_device d = enrolled(*state, 1), now;
	struct store_renewal r = renewal_of(&d, 1), other = renewal_of(&d, 2);
	struct device_id id;
	bool again;
	struct err e = { 0 };

	assert_ok(store_renew_check(*state, &r, &by, &again, &e));
	assert_ok(store_renew(*state, &r, &by, &e));
	assert_refused(store_renew_check(*state, &other, &by, &again, &e),
		       ERR_REFUSED);
	assert_ok(store_device_find(*state, &d.facts.id, &now, &e));
	assert_true(now.quarantined);
	/* Neither is heard, with neither certificate. */
	assert_refused(store_device_authorise(*state, &d.fingerprint, &id, &e),
		       ERR_REFUSED);
	assert_refused(store_device_authorise(*state, &r.fingerprint, &id, &e),
		       ERR_REFUSED);
	assert_refused(store_renew_check(*state, &r, &by, &again, &e),
		       ERR_REFUSED);
	assert_ok(store_device_release(*state, &d.facts.id, &by, &e));
	assert_refused(store_device_release(*state, &d.facts.id, &by, &e),
		       ERR_CONFLICT);
	assert_ok(store_device_authorise(*state, &r.fingerprint, &id, &e));
}

static void a_renewal_needs_a_new_key_and_a_device_that_belongs(void **state)
{
	struct store_device d = enrolled(*state, 1), b = enrolled(*state, 2);
	struct store_renewal r = renewal_of(&d, 1);
	struct sha256 cut;
	bool again;
	struct err e = { 0 };

	r.decrypt.key.point[5] ^= 1;
	assert_refused(store_renew_check(*state, &r, &by, &again, &e),
		       ERR_REFUSED);
	r.decrypt = d.decrypt;
	r.spki = d.spki;
	assert_refused(store_renew_check(*state, &r, &by, &again, &e),
		       ERR_CONFLICT);
	r.spki = b.spki;
	assert_refused(store_renew_check(*state, &r, &by, &again, &e),
		       ERR_CONFLICT);
	assert_refused(store_renew(*state, &r, &by, &e), ERR_CONFLICT);
	r = renewal_of(&d, 1);
	assert_ok(store_renew_check(*state, &r, &by, &again, &e));
	assert_ok(store_renew(*state, &r, &by, &e));
	assert_ok(store_device_revoke(*state, &d.facts.id, &by, &cut, &e));
	assert_refused(
		store_device_authorise(*state, &r.fingerprint, &d.facts.id, &e),
		ERR_REFUSED);
	assert_refused(store_renew_check(*state, &r, &by, &again, &e),
		       ERR_REFUSED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, with_cohort, gone)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_claim_registers_one_device_and_gives_its_cohort),
		TEST(every_bad_claim_is_refused_in_words),
		TEST(a_lost_answer_is_given_again_to_the_same_key_alone),
		TEST(a_key_has_one_holder_for_ever),
		TEST(a_person_who_is_revoked_is_a_stranger_for_ever),
		TEST(the_registry_has_keys_and_no_revoked_device),
		TEST(of_twenty_racing_for_a_claim_one_wins),
		TEST(a_revoked_device_is_refused_at_once),
		TEST(a_batch_of_claims_needs_its_cohort),
		TEST(what_was_acknowledged_survives_a_kill),
		TEST(a_retired_device_is_out_of_the_fleet),
		TEST(signs_of_life_are_batched_and_changes_are_not),
		TEST(an_import_replaces_what_is_served_whole),
		TEST(roles_are_remembered_when_their_delegation_ends),
		TEST(devices_are_listed_in_pages),
		TEST(both_certificates_are_good_until_the_new_one_was_shown),
		TEST(what_cannot_be_registered_is_refused_before),
		TEST(two_next_keys_put_an_identity_into_quarantine),
		TEST(a_renewal_needs_a_new_key_and_a_device_that_belongs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
