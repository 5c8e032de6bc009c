/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/utc.h"
#include "signer/envelope.h"
#include "signer/roleedit.h"
#include "signer/standing.h"

#define NOW 1795363200

enum who {
	ALICE,
	BOB,
	MALLORY,
	CAROL,
	COUNT
};

static struct ec_private *privates[COUNT];
static struct ec_public publics[COUNT];

static int make_keys(void **state)
{
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		if (ec_generate(&privates[i], &e))
			return -1;
		ec_public_of(privates[i], &publics[i]);
	}
	return 0;
}

static int free_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT; i++)
		ec_free(privates[i]);
	return 0;
}

/* A root in which Alice and Bob sign targets, two of two. */
static struct json *make_root(void)
{
	const struct roleedit_site site = { ENV_LAB, "server", 90 };
	struct json *envelope =
		tuf_envelope_new(TUF_ROOT, 1, NOW, NOW + UTC_DAY);
	struct json *root = tuf_envelope_signed(envelope);
	struct err e = { 0 };

	roleedit_init(root, &site);
	assert_ok(roleedit_add(root, "root", &publics[ALICE], &e));
	assert_ok(roleedit_add(root, "targets", &publics[ALICE], &e));
	assert_ok(roleedit_add(root, "targets", &publics[BOB], &e));
	assert_ok(roleedit_add(root, "online", &publics[BOB], &e));
	roleedit_threshold(root, "targets", 2);
	return envelope;
}

static struct json *make_targets(int64_t version)
{
	struct json *envelope =
		tuf_envelope_new(TUF_TARGETS, version, NOW, NOW + UTC_DAY);

	json_set(tuf_envelope_signed(envelope), "targets", json_new_object());
	return envelope;
}

static struct json *signed_by(int64_t version, enum who who)
{
	struct json *envelope = make_targets(version);
	struct err e = { 0 };

	assert_ok(tuf_sign(envelope, privates[who], &e));
	return envelope;
}

static int merge(struct json *to, struct json *from, const struct json *root,
		 size_t *added, struct err *e)
{
	const struct json *roots[2] = { envelope_signed(root), NULL };
	int rc = envelope_merge(to, from, roots, ARRAY_LEN(roots), added, e);

	json_free(from);
	return rc;
}

/* Targets in which Bob and Carol sign a product, two of two. */
static struct json *make_delegating(void)
{
	struct json *envelope = make_targets(1);
	struct json *targets = tuf_envelope_signed(envelope);
	struct err e = { 0 };

	assert_ok(roleedit_delegate(targets, "product-gateway", &e));
	assert_ok(roleedit_add(targets, "product-gateway", &publics[BOB], &e));
	assert_ok(
		roleedit_add(targets, "product-gateway", &publics[CAROL], &e));
	roleedit_threshold(targets, "product-gateway", 2);
	return envelope;
}

static struct json *product_signed_by(enum who who)
{
	struct json *envelope = make_targets(1);
	struct err e = { 0 };

	roleedit_init_targets(tuf_envelope_signed(envelope), ENV_LAB,
			      "product-gateway");
	assert_ok(tuf_sign(envelope, privates[who], &e));
	return envelope;
}

/* Not by root, whose keys have no say in a product's own file. */
static void a_delegated_role_is_judged_by_targets(void **state)
{
	struct json *root = make_root(), *targets = make_delegating();
	struct json *to = product_signed_by(BOB);
	struct standing s;
	struct err e = { 0 };
	size_t added;

	(void)state;
	assert_string_equal(envelope_role(to), "product-gateway");
	assert_refused(merge(to, product_signed_by(ALICE), targets, &added, &e),
		       ERR_UNTRUSTED);
	assert_refused(merge(to, product_signed_by(CAROL), root, &added, &e),
		       ERR_UNTRUSTED);
	assert_ok(standing_of(to, NULL, envelope_signed(targets), &s, &e));
	assert_false(standing_is_complete(&s));
	assert_ok(merge(to, product_signed_by(CAROL), targets, &added, &e));
	assert_int_equal(added, 1);
	assert_ok(standing_of(to, NULL, envelope_signed(targets), &s, &e));
	assert_true(standing_is_complete(&s));
	json_free(to);
	json_free(targets);
	json_free(root);
}

/* The same (empty) content for another role is another file. */
static void a_file_of_one_role_is_not_merged_into_another(void **state)
{
	struct json *targets = make_delegating();
	struct json *to = product_signed_by(BOB), *from = signed_by(1, CAROL);
	struct err e = { 0 };
	size_t added;

	(void)state;
	assert_refused(merge(to, from, targets, &added, &e), ERR_CONFLICT);
	json_free(to);
	json_free(targets);
}

static void signatures_from_two_machines_come_together(void **state)
{
	struct json *root = make_root();
	struct json *to = make_targets(1);
	struct standing s;
	struct err e = { 0 };
	size_t added;

	(void)state;
	assert_ok(merge(to, signed_by(1, ALICE), root, &added, &e));
	assert_int_equal(added, 1);
	assert_ok(standing_of(to, NULL, envelope_signed(root), &s, &e));
	assert_false(standing_is_complete(&s));
	assert_ok(merge(to, signed_by(1, BOB), root, &added, &e));
	assert_int_equal(added, 1);
	assert_ok(standing_of(to, NULL, envelope_signed(root), &s, &e));
	assert_true(standing_is_complete(&s));
	json_free(to);
	json_free(root);
}

static void the_same_key_counts_once(void **state)
{
	struct json *root = make_root();
	struct json *to = make_targets(1);
	struct standing s;
	struct err e = { 0 };
	size_t added;

	(void)state;
	assert_ok(merge(to, signed_by(1, ALICE), root, &added, &e));
	assert_ok(merge(to, signed_by(1, ALICE), root, &added, &e));
	assert_int_equal(added, 0);
	assert_int_equal(envelope_signature_count(to), 1);
	assert_ok(standing_of(to, NULL, envelope_signed(root), &s, &e));
	assert_false(standing_is_complete(&s));
	json_free(to);
	json_free(root);
}

static void a_strangers_signature_is_refused(void **state)
{
	struct json *root = make_root();
	struct json *to = make_targets(1);
	struct err e = { 0 };
	size_t added;

	(void)state;
	assert_refused_saying(
		merge(to, signed_by(1, MALLORY), root, &added, &e),
		ERR_UNTRUSTED, "which is no targets key");
	assert_int_equal(envelope_signature_count(to), 0);
	json_free(to);
	json_free(root);
}

static void other_content_is_refused(void **state)
{
	struct json *root = make_root();
	struct json *to = make_targets(1);
	struct err e = { 0 };
	size_t added;

	(void)state;
	assert_refused(merge(to, signed_by(2, ALICE), root, &added, &e),
		       ERR_CONFLICT);
	json_free(to);
	json_free(root);
}

/* Alice's signature of version 2 under the content of version 1. */
static void a_signature_over_other_bytes_is_refused(void **state)
{
	struct json *root = make_root();
	struct json *to = make_targets(1);
	struct json *from = make_targets(1);
	struct json *other = signed_by(2, ALICE);
	struct err e = { 0 };
	size_t added;

	(void)state;
	json_set(from, "signatures", json_clone(json_get(other, "signatures")));
	assert_refused(merge(to, from, root, &added, &e), ERR_UNTRUSTED);
	assert_int_equal(envelope_signature_count(to), 0);
	json_free(other);
	json_free(to);
	json_free(root);
}

static void a_root_needs_the_keys_before_and_after(void **state)
{
	struct json *before = make_root();
	struct json *next = json_clone(before);
	struct json *root = tuf_envelope_signed(next);
	char alice[TUF_KEYID_LEN];
	struct standing s;
	struct err e = { 0 };

	(void)state;
	assert_ok(tuf_keyid(&publics[ALICE], alice, &e));
	assert_ok(roleedit_add(root, "root", &publics[BOB], &e));
	assert_ok(roleedit_remove(root, "root", alice, &e));
	json_set_int(root, "version", 2);
	assert_ok(tuf_sign(next, privates[BOB], &e));
	assert_ok(standing_of(next, envelope_signed(before),
			      envelope_signed(next), &s, &e));
	assert_false(standing_is_complete(&s));
	assert_ok(tuf_sign(next, privates[ALICE], &e));
	assert_ok(standing_of(next, envelope_signed(before),
			      envelope_signed(next), &s, &e));
	assert_true(standing_is_complete(&s));
	json_free(next);
	json_free(before);
}

static void nothing_is_complete_without_a_judge(void **state)
{
	struct json *to = signed_by(1, ALICE);
	struct standing s;
	struct err e = { 0 };

	(void)state;
	assert_ok(standing_of(to, NULL, NULL, &s, &e));
	assert_false(standing_is_complete(&s));
	json_free(to);
}

static void what_is_missing_is_said_by_name(void **state)
{
	struct json *root = make_root();
	struct json *to = signed_by(1, ALICE);
	struct json *names = json_new_object();
	struct buf text = BUF_INIT(1024);
	char keyid[TUF_KEYID_LEN];
	struct standing s;
	struct err e = { 0 };

	(void)state;
	assert_ok(tuf_keyid(&publics[ALICE], keyid, &e));
	json_set_text(names, keyid, "alice");
	assert_ok(tuf_keyid(&publics[BOB], keyid, &e));
	json_set_text(names, keyid, "bob");
	assert_ok(standing_of(to, NULL, envelope_signed(root), &s, &e));
	assert_ok(standing_missing(&s, names, &text, &e));
	assert_string_equal(buf_text(&text), "1 of bob");
	text.len = 0;
	assert_ok(standing_signers(&s, names, &text, &e));
	assert_string_equal(buf_text(&text), "alice");
	buf_done(&text);
	json_free(names);
	json_free(to);
	json_free(root);
}

/* ---- reading ------------------------------------------------------------- */

static struct buf text_of(const struct json *envelope)
{
	struct buf out = BUF_INIT(ENVELOPE_MAX_LEN);
	struct err e = { 0 };

	assert_ok(tuf_envelope_bytes(envelope, &out, &e));
	return out;
}

static void what_was_written_is_read(void **state)
{
	struct json *envelope = signed_by(7, ALICE);
	struct buf text = text_of(envelope);
	struct json *again;
	struct err e = { 0 };

	(void)state;
	assert_ok(envelope_parse(buf_slice(&text), &again, &e));
	assert_string_equal(envelope_role(again), "targets");
	assert_int_equal(envelope_version(again), 7);
	assert_true(json_same(envelope, again));
	json_free(again);
	buf_done(&text);
	json_free(envelope);
}

static void every_cut_is_refused(void **state)
{
	struct json *envelope = signed_by(7, ALICE);
	struct buf text = text_of(envelope);
	struct json *again;
	struct err e = { 0 };

	(void)state;
	for (size_t len = 0; len < text.len; len++)
		assert_int_equal(
			envelope_parse(slice_sub(buf_slice(&text), 0, len),
				       &again, &e),
			-1);
	buf_done(&text);
	json_free(envelope);
}

#define ID  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SIG "{\"keyid\":\"" ID "\",\"sig\":\"00\"}"
#define BODY                                                                   \
	"\"signed\":{\"_type\":\"targets\",\"spec_version\":\"1.0.34\","       \
	"\"version\":1,\"issued\":\"2026-11-22T00:00:00Z\","                   \
	"\"expires\":\"2027-11-22T00:00:00Z\"}"

static void malformed_files_are_refused(void **state)
{
	static const char *const bad[] = {
		"[]",
		"{" BODY "}",
		"{\"signatures\":[]}",
		"{\"signatures\":[],\"more\":1," BODY "}",
		"{\"signatures\":[1]," BODY "}",
		"{\"signatures\":[" SIG "," SIG "]," BODY "}",
		"{\"signatures\":[{\"keyid\":\"" ID "\"}]," BODY "}",
		"{\"signatures\":[{\"keyid\":\"00\",\"sig\":\"00\"}]," BODY "}",
		"{\"signatures\":[{\"keyid\":\"" ID
		"\",\"sig\":\"00\",\"x\":1}]," BODY "}",
		"{\"signatures\":[],\"signed\":{\"_type\":\"snapshot\"}}",
		"{\"signatures\":[],\"signed\":{\"_type\":\"targets\"}}",
		"{\"signatures\":[],\"signed\":{\"_type\":\"targets\","
		"\"pawl\":{\"role\":\"root\"},"
		"\"spec_version\":\"1.0.34\",\"version\":1,"
		"\"issued\":\"2026-11-22T00:00:00Z\","
		"\"expires\":\"2027-11-22T00:00:00Z\"}}",
		"{\"signatures\":[],\"signed\":{\"_type\":\"targets\","
		"\"spec_version\":\"2.0.0\",\"version\":1,"
		"\"issued\":\"2026-11-22T00:00:00Z\","
		"\"expires\":\"2027-11-22T00:00:00Z\"}}",
		"{\"signatures\":[],\"signed\":{\"_type\":\"targets\","
		"\"spec_version\":\"1.0.34\",\"version\":0,"
		"\"issued\":\"2026-11-22T00:00:00Z\","
		"\"expires\":\"2027-11-22T00:00:00Z\"}}",
		"{\"signatures\":[],\"signed\":{\"_type\":\"snapshot\","
		"\"spec_version\":\"1.0.34\",\"version\":1,"
		"\"issued\":\"2026-11-22T00:00:00Z\","
		"\"expires\":\"2027-11-22T00:00:00Z\"}}",
		"{\"signatures\":[],\"signed\":{\"_type\":\"targets\","
		"\"spec_version\":\"1.0.34\",\"version\":1,"
		""
		"\"expires\":\"2027-11-22T00:00:00Z\"}}",
		"{\"signatures\":[],\"signed\":{\"_type\":\"targets\","
		"\"spec_version\":\"1.0.34\",\"version\":1,"
		"\"issued\":\"yesterday\","
		"\"expires\":\"2027-11-22T00:00:00Z\"}}",
		"{\"signatures\":[],\"signed\":{\"_type\":\"targets\","
		"\"spec_version\":\"1.0.34\",\"version\":1,"
		"\"issued\":\"2026-11-22T00:00:00Z\","
		"\"expires\":\"tomorrow\"}}",
	};
	static const char good[] = "{\"signatures\":[" SIG "]," BODY "}";
	struct json *envelope;
	struct err e = { 0 };

	(void)state;
	assert_ok(envelope_parse(slice_of(good), &envelope, &e));
	json_free(envelope);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (envelope_parse(slice_of(bad[i]), &envelope, &e) == 0)
			fail_msg("not refused: %s", bad[i]);
}

static void what_is_too_large_is_refused(void **state)
{
	static char text[ENVELOPE_MAX_LEN + 2];
	struct buf small = BUF_INIT(4096);
	struct json *envelope;
	struct err e = { 0 };
	char sig[2 * EC_SIG_MAX_LEN + 3];

	(void)state;
	memset(text, ' ', sizeof(text) - 1);
	assert_refused(envelope_parse(slice_of(text), &envelope, &e),
		       ERR_LIMIT);
	memset(sig, 'a', sizeof(sig) - 1);
	sig[sizeof(sig) - 1] = 0;
	assert_ok(buf_addf(&small, &e,
			   "{\"signatures\":[{\"keyid\":\"" ID
			   "\",\"sig\":\"%s\"}]," BODY "}",
			   sig));
	assert_refused(envelope_parse(buf_slice(&small), &envelope, &e),
		       ERR_LIMIT);
	buf_done(&small);
}

/* A root key of one role has no say in another's. */
static void a_key_signs_for_its_own_roles_alone(void **state)
{
	struct json *root = make_root(), *to = make_targets(1);
	char keyid[TUF_KEYID_LEN];
	struct ec_public key;
	struct err e = { 0 };
	size_t added;

	(void)state;
	assert_ok(roleedit_add(tuf_envelope_signed(root), "root",
			       &publics[CAROL], &e));
	assert_ok(tuf_keyid(&publics[CAROL], keyid, &e));
	assert_refused(envelope_role_key(envelope_signed(root), "targets",
					 keyid, &key, &e),
		       ERR_NOT_FOUND);
	assert_ok(envelope_role_key(envelope_signed(root), "root", keyid, &key,
				    &e));
	assert_refused(merge(to, signed_by(1, CAROL), root, &added, &e),
		       ERR_UNTRUSTED);
	json_free(to);
	json_free(root);
}

static void odd_signatures_are_wrong_ones(void **state)
{
	char large[4096] = "";
	const char *const odd[] = { "", "0", "zz", large };
	struct json *root = make_root(), *to = make_targets(1);
	struct err e = { 0 };
	size_t added;

	(void)state;
	memset(large, 'a', sizeof(large) - 2);
	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		struct json *from = signed_by(1, ALICE);
		struct json *signature = (struct json *)(uintptr_t)json_at(
			json_get(from, "signatures"), 0);

		json_set_text(signature, "sig", odd[i]);
		assert_refused(merge(to, from, root, &added, &e),
			       ERR_UNTRUSTED);
	}
	json_free(to);
	json_free(root);
}

static void no_more_signatures_come_together_than_are_read(void **state)
{
	struct json *root = make_root(), *to = make_targets(1);
	struct json *list = json_new_array();
	struct err e = { 0 };
	size_t added;

	(void)state;
	for (int i = 0; i < ENVELOPE_SIGNATURES_MAX; i++) {
		struct json *signature = json_new_object();
		char keyid[TUF_KEYID_LEN];

		(void)snprintf(keyid, sizeof(keyid), "%064d", i);
		json_set_text(signature, "keyid", keyid);
		json_set_text(signature, "sig", "00");
		json_add(list, signature);
	}
	json_set(to, "signatures", list);
	assert_refused(merge(to, signed_by(1, ALICE), root, &added, &e),
		       ERR_LIMIT);
	json_free(to);
	json_free(root);
}

static void a_crowd_of_signatures_is_refused(void **state)
{
	struct buf text = BUF_INIT(65536);
	struct json *envelope;
	struct err e = { 0 };

	(void)state;
	assert_ok(buf_addf(&text, &e, "{\"signatures\":["));
	for (int i = 0; i <= ENVELOPE_SIGNATURES_MAX; i++)
		assert_ok(buf_addf(&text, &e,
				   "%s{\"keyid\":\"%064d\",\"sig\":\"00\"}",
				   i ? "," : "", i));
	assert_ok(buf_addf(&text, &e, "]," BODY "}"));
	assert_refused(envelope_parse(buf_slice(&text), &envelope, &e),
		       ERR_LIMIT);
	buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_delegated_role_is_judged_by_targets),
		cmocka_unit_test(a_file_of_one_role_is_not_merged_into_another),
		cmocka_unit_test(signatures_from_two_machines_come_together),
		cmocka_unit_test(the_same_key_counts_once),
		cmocka_unit_test(a_strangers_signature_is_refused),
		cmocka_unit_test(other_content_is_refused),
		cmocka_unit_test(a_signature_over_other_bytes_is_refused),
		cmocka_unit_test(a_root_needs_the_keys_before_and_after),
		cmocka_unit_test(nothing_is_complete_without_a_judge),
		cmocka_unit_test(what_is_missing_is_said_by_name),
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(every_cut_is_refused),
		cmocka_unit_test(malformed_files_are_refused),
		cmocka_unit_test(what_is_too_large_is_refused),
		cmocka_unit_test(a_key_signs_for_its_own_roles_alone),
		cmocka_unit_test(odd_signatures_are_wrong_ones),
		cmocka_unit_test(
			no_more_signatures_come_together_than_are_read),
		cmocka_unit_test(a_crowd_of_signatures_is_refused),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
