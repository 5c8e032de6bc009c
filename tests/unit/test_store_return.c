/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A registry that was restored, and a device whose renewals it has forgotten.
 * That the keys of a chain signed each other is test_lineage's.
 */
#include <stdlib.h>

#include "update-server/store.h"
#include "update-server/store_cohort.h"
#include "update-server/store_renew.h"
#include "update-server/store_return.h"

#include "tests/unit/box.h"

#define NOW   1000000
#define LINKS 3

static const struct audit_by by = { .kind = AUDIT_DEVICE,
				    .device = { { 1 } },
				    .now = NOW };

/* The registry has the certificate before the first link. */
struct world {
	struct box box;
	struct store *s;
	struct store_device device;
	struct wire_readopt chain;
	struct store_return r;
};

static struct sha256 hash(unsigned n)
{
	struct sha256 d = { { (uint8_t)n, (uint8_t)(n >> 8), 1 } };

	return d;
}

/* The store looks at no signature: any point will do. */
static void set_key(struct ec_public *key, unsigned n)
{
	*key = (struct ec_public){ { 4, (uint8_t)n } };
}

static struct sha256 key_hash(unsigned n)
{
	struct ec_public key;
	struct sha256 out;

	set_key(&key, n);
	ec_public_fingerprint(&key, &out);
	return out;
}

static void enrol(struct world *w)
{
	struct store_batch b = { .product = "kiosk",
				 .model = "k1",
				 .cohort = "canary",
				 .count = 1,
				 .created = NOW,
				 .activated = NOW,
				 .expires = NOW + 100 };
	const struct sha256 claim = hash(7);
	struct err e = { 0 };

	w->device = (struct store_device){
		.facts = { .id = { { 1 } }, .product = "kiosk", .model = "k1" },
		.fingerprint = hash(100),
		.spki = key_hash(0),
		.certificate = "pem",
		.decrypt = { .proof = { 0x30 }, .proof_len = 1 },
	};
	w->device.decrypt.key.point[0] = 9;
	assert_ok(store_batch_add(w->s, &b, &claim, &by, &e));
	assert_ok(store_enrol(w->s, &claim, &w->device, &by, &e));
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	char path[96];
	struct err e = { 0 };

	assert_non_null(w);
	box_open(&w->box);
	(void)snprintf(path, sizeof(path), "%s/store", w->box.path);
	assert_ok(store_open(path, &w->s, &e));
	assert_ok(store_cohort_add(w->s, "canary", &by, &e));
	enrol(w);
	w->chain.count = LINKS;
	for (unsigned i = 0; i < LINKS; i++) {
		w->chain.links[i].certificate = hash(100 + i);
		set_key(&w->chain.links[i].key, i);
	}
	w->r = (struct store_return){ .id = w->device.facts.id,
				      .chain = &w->chain,
				      .fingerprint = hash(100 + LINKS),
				      .spki = key_hash(LINKS),
				      .certificate = "the new pem" };
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	store_close(w->s);
	box_close(&w->box);
	free(w);
	return 0;
}

static enum store_origin origin(struct world *w)
{
	enum store_origin out;
	struct err e = { 0 };

	w->r.from = 99;
	assert_ok(store_return_find(w->s, &w->r, &out, &e));
	return out;
}

static bool is_let_in(struct world *w, unsigned n)
{
	const struct sha256 fingerprint = hash(n);
	struct device_id id;
	struct err e = { 0 };

	return store_device_authorise(w->s, &fingerprint, &id, &e) == 0;
}

/* Of the only device: who seals to it must be able to believe its key. */
static void take_proof(void *ctx, const struct store_device *d)
{
	*(int *)ctx = d->decrypt.proof[0];
}

static int vouched_by(struct world *w)
{
	int proof = -1;
	struct err e = { 0 };

	assert_ok(store_registry_each(w->s, NULL, 9, take_proof, &proof, &e));
	return proof;
}

static uint64_t records(struct world *w)
{
	uint64_t n;
	struct err e = { 0 };

	assert_ok(store_audit_size(w->s, &n, &e));
	return n;
}

static void renew(struct world *w, unsigned certificate, unsigned key)
{
	struct store_renewal r = { .device = w->device.facts.id,
				   .from = hash(100),
				   .spki = key_hash(key),
				   .fingerprint = hash(certificate),
				   .certificate = "next",
				   .decrypt = w->device.decrypt };
	bool again;
	struct err e = { 0 };

	assert_ok(store_renew_check(w->s, &r, &by, &again, &e));
	assert_ok(store_renew(w->s, &r, &by, &e));
}

/* ---- by its renewals ----------------------------------------------------- */

static void a_chain_is_followed_from_what_is_known(void **state)
{
	struct world *w = *state;
	struct store_device found;
	uint64_t before = records(w);
	struct err e = { 0 };

	assert_int_equal(origin(w), ORIGIN_KNOWN);
	assert_int_equal(w->r.from, 0);
	w->chain.has_decrypt = true;
	w->chain.decrypt = w->device.decrypt;
	w->chain.decrypt.proof[0] = 0x31;
	assert_ok(store_return(w->s, &w->r, &by, &e));
	/* A record for each renewal, and each key has its holder. */
	assert_int_equal(records(w), before + LINKS);
	for (unsigned i = 1; i <= LINKS; i++) {
		struct sha256 key = key_hash(i);

		assert_refused(store_key_take(w->s, &key, "else", &e),
			       ERR_CONFLICT);
	}
	assert_false(is_let_in(w, 100));
	assert_true(is_let_in(w, 100 + LINKS - 1)); /* until the new is seen */
	assert_true(is_let_in(w, 100 + LINKS));
	assert_false(is_let_in(w, 100 + LINKS - 1));
	assert_ok(store_device_find(w->s, &w->r.id, &found, &e));
	assert_string_equal(found.certificate, "the new pem");
	assert_int_equal(vouched_by(w), 0x31);
}

static void it_begins_in_the_middle_of_a_chain(void **state)
{
	struct world *w = *state;
	uint64_t before;
	struct err e = { 0 };

	renew(w, 101, 1);
	before = records(w);
	/* Accepted before the backup, and shown after it. */
	assert_int_equal(origin(w), ORIGIN_KNOWN);
	assert_int_equal(w->r.from, 1);
	assert_ok(store_return(w->s, &w->r, &by, &e));
	assert_int_equal(records(w), before + LINKS - 1);
	assert_true(is_let_in(w, 100 + LINKS));
}

static void the_same_key_may_have_another_certificate(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	/* Given by the restored server for the key that it had forgotten. */
	renew(w, 555, 1);
	assert_int_equal(origin(w), ORIGIN_KNOWN);
	assert_int_equal(w->r.from, 0);
	assert_ok(store_return(w->s, &w->r, &by, &e));
	assert_false(is_let_in(w, 555));
	assert_true(is_let_in(w, 100 + LINKS));
}

static void another_decryption_key_is_not_vouched_for(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	assert_int_equal(vouched_by(w), 0x30);
	assert_int_equal(origin(w), ORIGIN_KNOWN);
	w->chain.has_decrypt = true;
	w->chain.decrypt = w->device.decrypt;
	w->chain.decrypt.key.point[1]++;
	assert_ok(store_return(w->s, &w->r, &by, &e));
	assert_true(is_let_in(w, 100 + LINKS));
	assert_int_equal(vouched_by(w), -1);
}

/* ---- not by others ------------------------------------------------------- */

static void a_fingerprint_without_its_key_is_nothing(void **state)
{
	struct world *w = *state;

	set_key(&w->chain.links[0].key, 77);
	assert_int_equal(origin(w), ORIGIN_UNKNOWN);
	set_key(&w->chain.links[0].key, 0);
	w->chain.links[0].certificate = hash(999);
	/* Its key is this device's, and signed for something else. */
	assert_int_equal(origin(w), ORIGIN_FORKED);
	w->chain.count = 0;
	assert_int_equal(origin(w), ORIGIN_UNKNOWN);
	w->chain.count = LINKS;
	w->r.id.bytes[0]++;
	assert_int_equal(origin(w), ORIGIN_UNKNOWN);
}

static void a_second_board_gives_both_away(void **state)
{
	struct world *w = *state;
	enum store_origin unused;
	uint64_t before;
	struct err e = { 0 };

	/* Somebody else's key was accepted for the same certificate. */
	renew(w, 555, 55);
	assert_int_equal(origin(w), ORIGIN_FORKED);
	assert_int_equal(w->r.from, 0);
	assert_true(is_let_in(w, 555));
	assert_int_equal(origin(w), ORIGIN_FORKED); /* promoted meanwhile */
	before = records(w);
	assert_ok(store_return_fork(w->s, &w->r, &by, &e));
	assert_int_equal(records(w), before + 1);
	assert_false(is_let_in(w, 555));
	assert_refused_saying(store_return_find(w->s, &w->r, &unused, &e),
			      ERR_REFUSED, "quarantine");
	assert_refused(store_return(w->s, &w->r, &by, &e), ERR_REFUSED);
}

/* Whoever has it could have the device of today set apart. */
static void a_key_that_was_replaced_accuses_nobody(void **state)
{
	struct world *w = *state;
	enum store_origin unused;
	struct err e = { 0 };

	renew(w, 555, 55);
	assert_true(is_let_in(w, 555));
	w->chain.count = 1; /* that the old key signed for itself */
	w->r.fingerprint = hash(100);
	w->r.spki = key_hash(0);
	assert_refused_saying(store_return_find(w->s, &w->r, &unused, &e),
			      ERR_REFUSED, "replaced");
	assert_true(is_let_in(w, 555));
	/* A key that was given out and is not known here does. */
	w->r.spki = key_hash(1);
	assert_int_equal(origin(w), ORIGIN_FORKED);
}

static void who_was_revoked_does_not_come_back(void **state)
{
	struct world *w = *state;
	const struct store_readopt d = { .id = w->device.facts.id,
					 .fingerprint = hash(300),
					 .spki = key_hash(30),
					 .product = "kiosk",
					 .model = "k1",
					 .cohort = "canary" };
	enum store_origin unused;
	struct sha256 fingerprint;
	uint64_t before;
	struct err e = { 0 };

	assert_int_equal(origin(w), ORIGIN_KNOWN);
	assert_ok(store_device_revoke(w->s, &w->r.id, &by, &fingerprint, &e));
	before = records(w);
	assert_refused_saying(store_return_find(w->s, &w->r, &unused, &e),
			      ERR_REFUSED, "revoked");
	assert_refused(store_return(w->s, &w->r, &by, &e), ERR_REFUSED);
	assert_false(is_let_in(w, 100 + LINKS));
	/* Nor by an officer's hand. */
	assert_refused_saying(store_readopt(w->s, &d, &by, "why", &e),
			      ERR_CONFLICT, "revoked or retired");
	assert_int_equal(records(w), before);
}

static void a_key_that_has_another_holder_ends_it(void **state)
{
	struct world *w = *state;
	const struct sha256 key = key_hash(2);
	uint64_t before;
	struct err e = { 0 };

	assert_ok(store_key_take(w->s, &key, "somebody", &e));
	before = records(w);
	assert_int_equal(origin(w), ORIGIN_KNOWN);
	assert_refused(store_return(w->s, &w->r, &by, &e), ERR_CONFLICT);
	/* All of it or nothing. */
	assert_int_equal(records(w), before);
	assert_true(is_let_in(w, 100));
	assert_false(is_let_in(w, 101));
}

static void what_changed_meanwhile_is_asked_again(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	assert_int_equal(origin(w), ORIGIN_KNOWN);
	renew(w, 555, 55);
	assert_refused(store_return(w->s, &w->r, &by, &e), ERR_CONFLICT);
	assert_true(is_let_in(w, 555));
}

/* ---- until it is closed -------------------------------------------------- */

static void it_is_open_from_a_restore_until_it_is_closed(void **state)
{
	const struct audit_by later = { .kind = AUDIT_SYSTEM, .now = NOW + 5 };
	struct world *w = *state;
	int64_t since = 1;
	uint64_t before;
	struct err e = { 0 };

	assert_ok(store_readopt_since(w->s, &since, &e));
	assert_int_equal(since, 0);
	assert_refused(store_readopt_close(w->s, &by, &e), ERR_CONFLICT);
	assert_ok(store_note_restore(w->s, &by, &e));
	assert_ok(store_note_restore(w->s, &later, &e));
	assert_ok(store_readopt_since(w->s, &since, &e));
	assert_int_equal(since, NOW + 5);
	before = records(w);
	assert_ok(store_readopt_close(w->s, &later, &e));
	assert_int_equal(records(w), before + 1);
	assert_ok(store_readopt_since(w->s, &since, &e));
	assert_int_equal(since, 0);
	assert_refused(store_readopt_close(w->s, &by, &e), ERR_CONFLICT);
}

/* One whose renewals nobody can follow: a person has compared its code. */
static void one_by_one_it_comes_back_as_what_it_was(void **state)
{
	struct world *w = *state;
	struct store_readopt d = { .id = w->device.facts.id,
				   .fingerprint = hash(300),
				   .spki = key_hash(30),
				   .product = "kiosk",
				   .model = "k2",
				   .cohort = "canary" };
	const struct sha256 shown = hash(300);
	struct device_id id;
	struct err e = { 0 };

	assert_refused_saying(store_readopt(w->s, &d, &by, "why", &e),
			      ERR_CONFLICT, "another product, model");
	strcpy(d.model, "k1");
	d.spki = key_hash(0);
	/* With a key that it had before, a copy of it would come back. */
	assert_refused(store_readopt(w->s, &d, &by, "why", &e), ERR_CONFLICT);
	d.spki = key_hash(30);
	assert_ok(store_readopt(w->s, &d, &by, "why", &e));
	assert_false(is_let_in(w, 100));
	assert_refused_saying(store_device_authorise(w->s, &shown, &id, &e),
			      ERR_REFUSED, "quarantine");
	assert_ok(store_device_release(w->s, &d.id, &by, &e));
	assert_true(is_let_in(w, 300));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_chain_is_followed_from_what_is_known),
		TEST(it_begins_in_the_middle_of_a_chain),
		TEST(the_same_key_may_have_another_certificate),
		TEST(another_decryption_key_is_not_vouched_for),
		TEST(a_fingerprint_without_its_key_is_nothing),
		TEST(a_second_board_gives_both_away),
		TEST(a_key_that_was_replaced_accuses_nobody),
		TEST(who_was_revoked_does_not_come_back),
		TEST(a_key_that_has_another_holder_ends_it),
		TEST(what_changed_meanwhile_is_asked_again),
		TEST(it_is_open_from_a_restore_until_it_is_closed),
		TEST(one_by_one_it_comes_back_as_what_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
