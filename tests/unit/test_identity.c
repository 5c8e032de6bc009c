/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/identity.h"

#include "common/claim.h"
#include "common/utc.h"
#include "tests/unit/box.h"
#include "updater-client/cohort.h"

#define NOW  1700000000
#define LIFE (90 * UTC_DAY)

/* A state folder, and a CA that gives certificates. */
struct world {
	struct box box;
	struct device_keys keys;
	struct ec_private *ca;
	struct buf ca_pem;
};

static const char id_hex[] = "0102030405060708090a0b0c0d0e0f10";

static int open_world(void **state)
{
	struct x509_template t = { .kind = X509_CA,
				   .common_name = "CA",
				   .not_before = NOW - 10,
				   .not_after = NOW + 4000 * UTC_DAY };
	struct world *w = calloc(1, sizeof(*w));
	struct ec_public key;
	struct err e = { 0 };

	if (!w)
		return -1;
	box_open(&w->box);
	w->keys.state_fd = w->box.dir;
	w->ca_pem.max = X509_PEM_MAX_LEN;
	assert_ok(ec_generate(&w->ca, &e));
	ec_public_of(w->ca, &key);
	assert_ok(x509_issue(&t, &key, (struct slice){ 0 }, w->ca, &w->ca_pem,
			     &e));
	*state = w;
	return 0;
}

static int close_world(void **state)
{
	struct world *w = *state;

	ec_free(w->ca);
	buf_done(&w->ca_pem);
	box_close(&w->box);
	free(w);
	return 0;
}

static void issue(struct world *w, const struct ec_private *to, int64_t from,
		  struct wire_identity *out)
{
	struct x509_template t = { .kind = X509_DEVICE,
				   .common_name = id_hex,
				   .not_before = from,
				   .not_after = from + LIFE };
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN - 1);
	struct ec_public key;
	struct err e = { 0 };

	memset(out, 0, sizeof(*out));
	ec_public_of(to, &key);
	assert_ok(x509_issue(&t, &key, buf_slice(&w->ca_pem), w->ca, &pem, &e));
	assert_ok(hex_parse(slice_of(id_hex), out->device.bytes, DEVICE_ID_LEN,
			    &e));
	memcpy(out->cohort, "canary", 7);
	memcpy(out->certificate, buf_text(&pem), pem.len + 1);
	buf_done(&pem);
}

static void enrol(struct world *w)
{
	struct ec_private *key = NULL;
	struct wire_identity id;
	struct err e = { 0 };

	assert_ok(identity_key(&w->keys, &key, &e));
	issue(w, key, NOW, &id);
	assert_ok(identity_store(w->box.dir, &id, &e));
	ec_free(key);
}

/* What TLS would use is this certificate, with its key. */
static void speaks_with(struct world *w, enum identity_which which,
			const char *certificate)
{
	struct buf crt = BUF_INIT(X509_PEM_MAX_LEN);
	struct ec_private *key = NULL;
	struct x509_info info;
	struct ec_public own;
	struct err e = { 0 };

	assert_ok(identity_open(&w->keys, which, &crt, &key, &e));
	assert_string_equal(buf_text(&crt), certificate);
	ec_public_of(key, &own);
	assert_ok(x509_inspect(buf_slice(&crt), &info, &e));
	assert_true(ec_public_equal(&own, &info.public_key));
	buf_done(&crt);
	ec_free(key);
}

static void begin(struct world *w, struct ec_public *present,
		  struct ec_private **next)
{
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct ec_private *key = NULL;
	struct err e = { 0 };

	assert_ok(identity_begin(&w->keys, &key, &pem, next, &e));
	ec_public_of(key, present);
	ec_free(key);
	buf_done(&pem);
}

static void a_renewal_is_due_when_two_thirds_are_over(void **state)
{
	struct world *w = *state;
	struct identity_renewal look;
	struct err e = { 0 };

	assert_int_equal(identity_look(w->box.dir, &look, &e), -1);
	enrol(w);
	assert_ok(identity_look(w->box.dir, &look, &e));
	assert_int_equal(look.at, NOW + 60 * UTC_DAY);
	assert_false(look.waiting);
}

static void the_next_key_is_made_once_and_the_present_one_stays(void **state)
{
	struct ec_private *first = NULL, *again = NULL;
	struct ec_public present, a, b;
	struct world *w = *state;

	enrol(w);
	begin(w, &present, &first);
	begin(w, &present, &again);
	ec_public_of(first, &a);
	ec_public_of(again, &b);
	assert_true(ec_public_equal(&a, &b));
	assert_false(ec_public_equal(&a, &present));
	ec_free(first);
	ec_free(again);
}

static void one_record_switches_and_nothing_before_it_does(void **state)
{
	struct message_identity id;
	struct identity_renewal look;
	struct wire_identity first, second;
	struct ec_private *next = NULL, *key = NULL;
	struct ec_public present, was;
	struct world *w = *state;
	struct stat st;
	bool found;
	struct err e = { 0 };

	enrol(w);
	assert_ok(identity_key(&w->keys, &key, &e));
	issue(w, key, NOW, &first);
	assert_ok(identity_store(w->box.dir, &first, &e));
	begin(w, &present, &next);
	ec_public_of(next, &was);
	issue(w, next, NOW + 61 * UTC_DAY, &second);
	/* Each half on its own: still the present one. */
	assert_int_equal(identity_promote(&w->keys, &e), -1);
	speaks_with(w, IDENTITY_PRESENT, first.certificate);
	assert_ok(identity_store_next(w->box.dir, second.certificate, &e));
	assert_ok(identity_look(w->box.dir, &look, &e));
	assert_true(look.waiting);
	speaks_with(w, IDENTITY_PRESENT, first.certificate);
	speaks_with(w, IDENTITY_NEXT, second.certificate);
	assert_ok(identity_promote(&w->keys, &e));
	speaks_with(w, IDENTITY_PRESENT, second.certificate);
	assert_ok(identity_look(w->box.dir, &look, &e));
	assert_false(look.waiting);
	assert_int_equal(look.at, NOW + 121 * UTC_DAY);
	assert_ok(identity_load(w->box.dir, &id, &found, &e));
	assert_true(found);
	assert_string_equal(id.cohort, "canary");
	/* The old key is gone; the next renewal starts from the new one. */
	assert_refused(fs_stat(w->box.dir, "identity.key", &st, &e),
		       ERR_NOT_FOUND);
	ec_free(next);
	next = NULL;
	begin(w, &present, &next);
	assert_true(ec_public_equal(&present, &was));
	ec_free(next);
	ec_free(key);
}

/* The chain of renewals is of the generation that it leads to. */
static void renewals_are_the_present_ones_from_the_switch_on(void **state)
{
	static struct wire_readopt chain, found;
	struct wire_identity second;
	struct ec_private *next = NULL;
	struct ec_public present;
	struct world *w = *state;
	struct stat st;
	struct err e = { 0 };

	enrol(w);
	assert_refused(identity_load_chain(w->box.dir, &found, &e),
		       ERR_NOT_FOUND);
	begin(w, &present, &next);
	chain.count = 1;
	chain.links[0].key = present;
	chain.links[0].proof_len = 8;
	issue(w, next, NOW + 61 * UTC_DAY, &second);
	assert_ok(identity_store_next(w->box.dir, second.certificate, &e));
	assert_ok(identity_store_chain(w->box.dir, &chain, &e));
	assert_refused(identity_load_chain(w->box.dir, &found, &e),
		       ERR_NOT_FOUND);
	assert_ok(identity_promote(&w->keys, &e));
	assert_ok(identity_load_chain(w->box.dir, &found, &e));
	assert_memory_equal(&found, &chain, sizeof(chain));
	/* What is damaged is said to be, and proves nothing. */
	assert_ok(fs_replace_file(w->box.dir, "identity.1.chain",
				  slice_of("{\"v\":1,\"chain\":[{]}"), 0600,
				  &e));
	assert_refused(identity_load_chain(w->box.dir, &found, &e), ERR_FORMAT);
	assert_int_equal(found.count, 0);
	/* Who retires leaves no trace of it. */
	assert_ok(identity_forget(&w->keys, &e));
	assert_refused(fs_stat(w->box.dir, "identity.1.chain", &st, &e),
		       ERR_NOT_FOUND);
	ec_free(next);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

static void a_waiting_device_keeps_its_code_until_it_is_somebody(void **state)
{
	struct world *w = *state;
	char code[CLAIM_JOIN_LEN + 1];
	struct err e = { 0 };

	identity_load_code(w->box.dir, code);
	assert_string_equal(code, "");
	assert_ok(identity_store_code(w->box.dir, "ABCD-EFGH-JKMN", &e));
	identity_load_code(w->box.dir, code);
	assert_string_equal(code, "ABCD-EFGH-JKMN");
	/* What anybody else wrote there is none. */
	assert_ok(fs_replace_file(w->box.dir, "join.code",
				  slice_of("\033[2J\033[1;1"), 0600, &e));
	identity_load_code(w->box.dir, code);
	assert_string_equal(code, "");
	assert_ok(identity_store_code(w->box.dir, "ABCD-EFGH-JKMN", &e));
	enrol(w);
	identity_load_code(w->box.dir, code);
	assert_string_equal(code, "");
}

static void put(struct world *w, const char *name, const char *text)
{
	struct err e = { 0 };

	assert_ok(fs_replace_file(w->box.dir, name, slice_of(text), 0600, &e));
}

/* Whoever kept a key open sees what became of it. */
static void who_retires_leaves_no_key(void **state)
{
	static const char *const secrets[] = {
		"identity.key",    "identity.crt", "identity.12.key",
		"identity.13.crt", "decrypt.key",  "join.code"
	};
	struct world *w = *state;
	struct message_identity id;
	struct err e = { 0 };
	struct stat st;
	uint8_t bytes[64];
	size_t got;
	bool found;
	int fd = -1;

	enrol(w);
	for (size_t i = 2; i < ARRAY_LEN(secrets); i++)
		put(w, secrets[i], "0123456789");
	put(w, "other.key", "0123456789");
	assert_ok(fs_open(w->box.dir, "identity.key", O_RDONLY, &fd, &e));
	assert_ok(identity_forget(&w->keys, &e));
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
		assert_refused(fs_stat(w->box.dir, secrets[i], &st, &e),
			       ERR_NOT_FOUND);
	assert_ok(fs_read_at(fd, 0, bytes, sizeof(bytes), &got, &e));
	assert_int_equal(got, 2 * EC_SCALAR_LEN);
	for (size_t i = 0; i < got; i++)
		assert_int_equal(bytes[i], 0);
	fs_close(&fd);
	assert_ok(identity_load(w->box.dir, &id, &found, &e));
	assert_false(found);
	/* nothing else went, and once more is fine */
	assert_ok(fs_stat(w->box.dir, "other.key", &st, &e));
	assert_ok(identity_forget(&w->keys, &e));
}

/* What is too large for a key is not ours; the record stays, to be looked at.
 */
static void what_cannot_be_wiped_is_told(void **state)
{
	static char large[WIRE_BODY_MAX + 2];
	struct world *w = *state;
	struct message_identity id;
	struct err e = { 0 };
	bool found;

	enrol(w);
	memset(large, 'x', sizeof(large) - 1);
	put(w, "identity.7.key", large);
	assert_refused(identity_forget(&w->keys, &e), ERR_LIMIT);
	assert_ok(identity_load(w->box.dir, &id, &found, &e));
	assert_true(found);
}

static void content_keys_have_a_key_of_their_own(void **state)
{
	struct ec_private *tls = NULL, *decrypt = NULL, *again = NULL;
	struct ec_public a, b, c;
	struct world *w = *state;
	struct err e = { 0 };

	assert_refused_saying(identity_open_decrypt_key(&w->keys, &decrypt, &e),
			      ERR_NOT_FOUND, "have this device revoked");
	assert_ok(identity_key(&w->keys, &tls, &e));
	assert_ok(identity_decrypt_key(&w->keys, &decrypt, &e));
	assert_ok(identity_open_decrypt_key(&w->keys, &again, &e));
	ec_public_of(tls, &a);
	ec_public_of(decrypt, &b);
	ec_public_of(again, &c);
	assert_false(ec_public_equal(&a, &b));
	assert_true(ec_public_equal(&b, &c));
	ec_free(tls);
	ec_free(decrypt);
	ec_free(again);
	/* A damaged one is not lost: nobody is told to start again. */
	put(w, "decrypt.key", "damaged");
	again = NULL;
	assert_refused_saying(identity_open_decrypt_key(&w->keys, &again, &e),
			      ERR_FORMAT, "the device's decryption key");
	assert_refused(identity_decrypt_key(&w->keys, &again, &e), ERR_FORMAT);
}

static void who_enrols_is_pinned_to_a_cohort(void **state)
{
	struct world *w = *state;
	struct message_identity id;
	struct cohort pinned = { .version = 9 };
	bool found, damaged;
	struct err e = { 0 };

	enrol(w);
	assert_ok(identity_load(w->box.dir, &id, &found, &e));
	assert_ok(cohort_load(w->box.dir, &id.device, "other", &pinned,
			      &damaged, &e));
	assert_string_equal(pinned.name, "canary");
	assert_int_equal(pinned.version, 0);
}

static void a_record_that_names_nobody_is_refused(void **state)
{
	static const char short_device[] =
		"{\"v\":1,\"cohort\":\"c\",\"device\":\"01\","
		"\"generation\":0,\"renew_at\":1}";
	static const char no_device[] = "{\"v\":1,\"cohort\":\"c\","
					"\"generation\":0,\"renew_at\":1}";
	static const char *const wrong[] = { short_device, no_device, "{}",
					     "" };
	struct wire_readopt chain = { .count = 0 };
	struct world *w = *state;
	struct message_identity id;
	struct err e = { 0 };
	bool found;

	/* Without one there is nothing to go on from. */
	assert_refused(identity_store_next(w->box.dir, "x", &e), ERR_NOT_FOUND);
	assert_refused(identity_store_chain(w->box.dir, &chain, &e),
		       ERR_NOT_FOUND);
	assert_refused(identity_promote(&w->keys, &e), ERR_NOT_FOUND);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		put(w, "identity.json", wrong[i]);
		assert_int_equal(identity_load(w->box.dir, &id, &found, &e),
				 -1);
		assert_false(found);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_renewal_is_due_when_two_thirds_are_over),
		TEST(renewals_are_the_present_ones_from_the_switch_on),
		TEST(the_next_key_is_made_once_and_the_present_one_stays),
		TEST(one_record_switches_and_nothing_before_it_does),
		TEST(a_waiting_device_keeps_its_code_until_it_is_somebody),
		TEST(who_retires_leaves_no_key),
		TEST(content_keys_have_a_key_of_their_own),
		TEST(who_enrols_is_pinned_to_a_cohort),
		TEST(a_record_that_names_nobody_is_refused),
		TEST(what_cannot_be_wiped_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
