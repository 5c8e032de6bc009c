/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tuf_write.h"

#include "tests/unit/tuf_repo.h"

static int setup(void **state)
{
	*state = repo_new();
	return 0;
}

static int teardown(void **state)
{
	repo_free(*state);
	return 0;
}

static const char *sig_of(const struct json *envelope, size_t i)
{
	const struct json *all = json_get(envelope, "signatures");

	return json_text(json_get(json_at(all, i), "sig"));
}

static void key_ids_are_digests_of_the_canonical_key(void **state)
{
	struct repo *r = *state;
	struct buf text = BUF_INIT(1024);
	struct json *object;
	struct sha256 digest;
	char keyid[TUF_KEYID_LEN], expected[SHA256_HEX_LEN];
	const char *public_text;
	struct err e;

	object = repo_key(r, 0, keyid);
	assert_ok(json_get_text(json_get(object, "keyval"), "public",
				&public_text, &e));
	assert_ok(buf_addf(
		&text, &e,
		"{\"keytype\":\"ecdsa\",\"keyval\":{\"public\":\"%s\"},"
		"\"scheme\":\"ecdsa-sha2-nistp256\"}",
		public_text));
	sha256_of(buf_slice(&text), &digest);
	sha256_format(&digest, expected);
	assert_string_equal(keyid, expected);
	json_free(object);
	buf_done(&text);
}

static void a_new_envelope_says_what_every_role_says(void **state)
{
	struct json *envelope =
		tuf_envelope_new(TUF_TARGETS, 7, NOW, NOW + UTC_DAY);
	struct buf text = BUF_INIT(1024);
	struct err e;

	(void)state;
	assert_ok(json_canonical(envelope, &text, &e));
	assert_string_equal(
		buf_text(&text),
		"{\"signatures\":[],\"signed\":{\"_type\":\"targets\","
		"\"expires\":\"2026-05-29T20:26:40Z\","
		"\"issued\":\"2026-05-28T20:26:40Z\","
		"\"spec_version\":\"1.0.34\",\"version\":7}}");
	buf_done(&text);
	json_free(envelope);
}

static void signing_again_replaces_the_signature(void **state)
{
	struct repo *r = *state;
	struct json *envelope =
		tuf_envelope_new(TUF_TARGETS, 1, NOW, NOW + UTC_DAY);
	struct tuf_progress progress;
	struct err e;

	assert_ok(tuf_sign(envelope, r->keys[TARGETS_KEY], &e));
	json_set_int(tuf_envelope_signed(envelope), "version", 2);
	assert_ok(tuf_signatures(envelope, repo_body(r, "root"), "targets",
				 &progress, &e));
	assert_int_equal(progress.valid, 0);
	assert_ok(tuf_sign(envelope, r->keys[TARGETS_KEY], &e));
	assert_int_equal(json_count(json_get(envelope, "signatures")), 1);
	assert_ok(tuf_signatures(envelope, repo_body(r, "root"), "targets",
				 &progress, &e));
	assert_int_equal(progress.valid, 1);
	assert_int_equal(progress.threshold, 1);
	assert_int_equal(progress.key_count, 1);
	assert_true(progress.keys[0].valid);
	json_free(envelope);
}

static int sign_something_else(const void *ctx, struct slice message,
			       struct buf *sig, struct err *e)
{
	return ec_sign(ctx, slice_sub(message, 1, message.len), sig, e);
}

/* A token, or the program in front of it, may sign with the wrong key. */
static void a_signature_is_verified_before_it_is_added(void **state)
{
	struct repo *r = *state;
	struct json *envelope =
		tuf_envelope_new(TUF_TARGETS, 1, NOW, NOW + UTC_DAY);
	struct ec_public public_key;
	const struct tuf_signer signer = { &public_key, sign_something_else,
					   r->keys[TARGETS_KEY] };
	struct err e;

	ec_public_of(r->keys[TARGETS_KEY], &public_key);
	assert_refused(tuf_sign_by(envelope, &signer, &e), ERR_UNTRUSTED);
	assert_int_equal(json_count(json_get(envelope, "signatures")), 0);
	json_free(envelope);
}

static void envelopes_with_odd_signatures_are_not_signed(void **state)
{
	struct repo *r = *state;
	struct json *envelope =
		tuf_envelope_new(TUF_TARGETS, 1, NOW, NOW + UTC_DAY);
	struct json *odd = json_new_object();
	struct err e;

	json_set_text(odd, "keyid", "other");
	json_set_text(odd, "sig", "00");
	json_set_text(odd, "note", "not signed by anybody");
	json_add(member(envelope, "signatures"), odd);
	assert_refused(tuf_sign(envelope, r->keys[TARGETS_KEY], &e),
		       ERR_FORMAT);
	json_remove(odd, "note");
	assert_ok(tuf_sign(envelope, r->keys[TARGETS_KEY], &e));
	json_free(envelope);
}

static void only_roles_that_targets_delegate_to_have_progress(void **state)
{
	struct repo *r = *state;
	struct tuf_progress progress;
	struct err e;

	repo_delegate(r, "targets", "product-kiosk", SPARE_KEY, "kiosk/*/*");
	assert_ok(tuf_signatures(repo_find(r, "product-kiosk")->envelope,
				 repo_body(r, "targets"), "product-kiosk",
				 &progress, &e));
	assert_int_equal(progress.threshold, 1);
	assert_refused(tuf_signatures(repo_find(r, "product-kiosk")->envelope,
				      repo_body(r, "targets"), "product-kios",
				      &progress, &e),
		       ERR_NOT_FOUND);
}

static void keys_of_other_roles_do_not_count(void **state)
{
	struct repo *r = *state;
	struct json *envelope =
		tuf_envelope_new(TUF_TARGETS, 1, NOW, NOW + UTC_DAY);
	struct tuf_progress progress;
	struct err e;

	assert_ok(tuf_sign(envelope, r->keys[ROOT_KEY], &e));
	assert_ok(tuf_sign(envelope, r->keys[SPARE_KEY], &e));
	assert_ok(tuf_signatures(envelope, repo_body(r, "root"), "targets",
				 &progress, &e));
	assert_int_equal(progress.valid, 0);
	assert_refused(tuf_signatures(envelope, repo_body(r, "root"), "nobody",
				      &progress, &e),
		       ERR_FORMAT);
	json_free(envelope);
}

static void two_ids_of_one_key_count_once(void **state)
{
	struct repo *r = *state;
	struct json *root = repo_body(r, "root"), *envelope, *twice;
	struct tuf_progress progress;
	char keyid[TUF_KEYID_LEN];
	struct err e;

	json_set(member(root, "keys"), "alias",
		 repo_key(r, TARGETS_KEY, keyid));
	json_add(member(member(member(root, "roles"), "targets"), "keyids"),
		 json_new_text("alias"));
	envelope = tuf_envelope_new(TUF_TARGETS, 1, NOW, NOW + UTC_DAY);
	assert_ok(tuf_sign(envelope, r->keys[TARGETS_KEY], &e));
	twice = json_clone(json_at(json_get(envelope, "signatures"), 0));
	json_set_text(twice, "keyid", "alias");
	json_add(member(envelope, "signatures"), twice);
	assert_ok(tuf_signatures(envelope, root, "targets", &progress, &e));
	assert_int_equal(progress.key_count, 2);
	assert_int_equal(progress.valid, 1);
	json_free(envelope);
}

static void merging_gives_the_same_bytes_in_any_order(void **state)
{
	struct repo *r = *state;
	struct json *root = repo_body(r, "root");
	struct json *parts[3], *left, *right;
	struct buf a = BUF_INIT(1 << 16), b = BUF_INIT(1 << 16);
	size_t added = 0;
	struct err e;

	repo_grant(r, "targets", KEY(0) | KEY(1) | KEY(5), 2);
	for (unsigned i = 0; i < 3; i++) {
		parts[i] = tuf_envelope_new(TUF_TARGETS, 1, NOW, NOW + 1);
		assert_ok(tuf_sign(parts[i], r->keys[i == 2 ? 5 : i], &e));
	}
	left = json_clone(parts[0]);
	right = json_clone(parts[2]);
	assert_ok(tuf_merge(left, parts[1], root, &added, &e));
	assert_int_equal(added, 1);
	assert_ok(tuf_merge(left, parts[2], root, &added, &e));
	assert_ok(tuf_merge(right, parts[0], root, &added, &e));
	assert_ok(tuf_merge(right, left, root, &added, &e));
	assert_int_equal(added, 1);
	assert_ok(tuf_merge(right, left, root, &added, &e));
	assert_int_equal(added, 0);
	assert_ok(tuf_envelope_bytes(left, &a, &e));
	assert_ok(tuf_envelope_bytes(right, &b, &e));
	assert_string_equal(buf_text(&a), buf_text(&b));
	for (unsigned i = 0; i < 3; i++)
		json_free(parts[i]);
	json_free(left);
	json_free(right);
	buf_done(&a);
	buf_done(&b);
}

static void merging_leaves_bad_signatures_behind(void **state)
{
	struct repo *r = *state;
	struct json *root = repo_body(r, "root");
	struct json *good = tuf_envelope_new(TUF_TARGETS, 1, NOW, NOW + 1);
	struct json *to = json_clone(good), *evil;
	size_t added = 0;
	struct err e;

	assert_ok(tuf_sign(good, r->keys[TARGETS_KEY], &e));
	evil = json_clone(good);
	json_set_text((struct json *)(uintptr_t)json_at(
			      json_get(evil, "signatures"), 0),
		      "sig", sig_of(repo_find(r, "root")->envelope, 0));
	assert_ok(tuf_sign(evil, r->keys[SPARE_KEY], &e)); /* a stranger's */
	assert_ok(tuf_merge(to, evil, root, &added, &e));
	assert_int_equal(added, 0);
	assert_int_equal(json_count(json_get(to, "signatures")), 0);
	assert_ok(tuf_merge(to, good, root, &added, &e));
	assert_int_equal(added, 1);

	/* A bad one that lies there already gives way to the good one. */
	assert_ok(tuf_merge(evil, good, root, &added, &e));
	assert_int_equal(added, 1);
	assert_ok(tuf_merge(evil, good, NULL, &added, &e));
	assert_int_equal(added, 0);
	json_free(good);
	json_free(evil);
	json_free(to);
}

static void merging_other_content_is_a_conflict(void **state)
{
	struct repo *r = *state;
	struct json *one = tuf_envelope_new(TUF_TARGETS, 1, NOW, NOW + 1);
	struct json *other = tuf_envelope_new(TUF_TARGETS, 2, NOW, NOW + 1);
	size_t added = 0;
	struct err e;

	assert_ok(tuf_sign(other, r->keys[TARGETS_KEY], &e));
	assert_refused(tuf_merge(one, other, repo_body(r, "root"), &added, &e),
		       ERR_CONFLICT);
	assert_int_equal(json_count(json_get(one, "signatures")), 0);
	json_remove(other, "signatures");
	assert_refused(tuf_merge(one, other, repo_body(r, "root"), &added, &e),
		       ERR_FORMAT);
	json_free(one);
	json_free(other);
}

static void a_first_root_is_merged_by_its_own_keys(void **state)
{
	struct repo *r = *state;
	struct json *to, *from;
	size_t added = 0;
	struct err e;

	to = json_clone(repo_find(r, "root")->envelope);
	from = json_clone(to);
	assert_ok(tuf_sign(from, r->keys[ROOT_KEY], &e));
	assert_ok(tuf_merge(to, from, NULL, &added, &e));
	assert_int_equal(added, 1);
	json_free(to);
	json_free(from);
}

static void what_is_published_is_json_and_reads_back(void **state)
{
	struct repo *r = *state;
	struct buf bytes = BUF_INIT(1 << 16);
	struct json *again = NULL;
	struct err e;

	assert_ok(
		tuf_envelope_bytes(repo_find(r, "root")->envelope, &bytes, &e));
	assert_ok(json_parse(buf_slice(&bytes), &again, &e));
	assert_true(json_same(again, repo_find(r, "root")->envelope));
	for (size_t i = 0; i < bytes.len; i++)
		assert_true(bytes.ptr[i] >= ' ' && bytes.ptr[i] < 0x7f);
	json_free(again);
	buf_done(&bytes);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(key_ids_are_digests_of_the_canonical_key),
		T(a_new_envelope_says_what_every_role_says),
		T(signing_again_replaces_the_signature),
		T(a_signature_is_verified_before_it_is_added),
		T(envelopes_with_odd_signatures_are_not_signed),
		T(only_roles_that_targets_delegate_to_have_progress),
		T(keys_of_other_roles_do_not_count),
		T(two_ids_of_one_key_count_once),
		T(merging_gives_the_same_bytes_in_any_order),
		T(merging_leaves_bad_signatures_behind),
		T(merging_other_content_is_a_conflict),
		T(a_first_root_is_merged_by_its_own_keys),
		T(what_is_published_is_json_and_reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
