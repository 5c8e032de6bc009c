/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <stdlib.h>
#include <string.h>

#include "common/release.h"
#include "common/utc.h"
#include "signer/envelope.h"
#include "signer/roleedit.h"
#include "signer/rules.h"

#define NOW 1795363200 /* 2026-11-22 */

/* Keys are made once: key generation is the slow part. */
static struct ec_public keys[10];

static int make_keys(void **state)
{
	struct ec_private *key;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (ec_generate(&key, &e))
			return -1;
		ec_public_of(key, &keys[i]);
		ec_free(key);
	}
	return 0;
}

static struct json *root_for(enum environment env, int64_t version)
{
	const struct roleedit_site site = {
		env, env == ENV_PRODUCTION ? "signed" : "server", 90
	};
	struct json *envelope =
		tuf_envelope_new(TUF_ROOT, version, NOW, NOW + 730 * UTC_DAY);

	roleedit_init(tuf_envelope_signed(envelope), &site);
	return envelope;
}

static void give(struct json *root, const char *role, size_t from, size_t to)
{
	struct err e = { 0 };

	for (size_t i = from; i < to; i++)
		assert_ok(roleedit_add(root, role, &keys[i], &e));
}

/* A root that production allows: 2 of 3, 2 of 3, one online key. */
static struct json *good_production(int64_t version)
{
	struct json *envelope = root_for(ENV_PRODUCTION, version);
	struct json *root = tuf_envelope_signed(envelope);

	give(root, "root", 0, 3);
	give(root, "targets", 3, 6);
	give(root, "online", 6, 7);
	roleedit_threshold(root, "root", 2);
	roleedit_threshold(root, "targets", 2);
	return envelope;
}

static size_t refusals(const struct findings *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->count; i++)
		n += f->at[i].refuses;
	return n;
}

static bool mentions(const struct findings *f, bool refuses, const char *text)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->at[i].refuses == refuses && strstr(f->at[i].text, text))
			return true;
	return false;
}

static struct findings judge(const struct json *envelope)
{
	struct findings found = { 0 };

	rules_judge(envelope_signed(envelope), NOW, &found);
	return found;
}

/* Judge, free, and want exactly this refusal among what was found. */
static void assert_refuses(struct json *envelope, const char *text)
{
	struct findings found = judge(envelope);
	size_t refusals = 0;
	struct err e = { 0 };

	json_free(envelope);
	assert_true(mentions(&found, true, text));
	assert_refused(findings_judge(&found, &e), ERR_REFUSED);
	/* One refusal is all there is to say; of several the others are told.
	 */
	for (size_t i = 0; i < found.count; i++)
		refusals += found.at[i].refuses;
	assert_true((refusals > 1) == (strstr(e.msg, "more: see") != NULL));
}

static void a_production_root_with_spares_is_fine(void **state)
{
	struct json *envelope = good_production(1);
	struct findings found = judge(envelope);
	struct err e = { 0 };

	(void)state;
	assert_int_equal(found.count, 0);
	assert_ok(findings_judge(&found, &e));
	json_free(envelope);
}

static void production_refuses_a_threshold_of_one(void **state)
{
	static const char *const roles[] = { "root", "targets" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		struct json *envelope = good_production(1);

		roleedit_threshold(tuf_envelope_signed(envelope), roles[i], 1);
		assert_refuses(envelope, "at least 2");
	}
}

static void production_refuses_a_key_in_two_roles(void **state)
{
	struct json *envelope = good_production(1);

	(void)state;
	give(tuf_envelope_signed(envelope), "targets", 0, 1);
	assert_refuses(envelope, "holds the roles root and targets");
	envelope = good_production(1);
	give(tuf_envelope_signed(envelope), "root", 6, 7);
	assert_refuses(envelope, "holds the roles root and");
}

static void production_refuses_staging_by_the_server(void **state)
{
	struct json *envelope = good_production(1);
	struct json *pawl =
		json_clone(json_get(tuf_envelope_signed(envelope), "pawl"));

	(void)state;
	json_set_text(pawl, "staging", "server");
	json_set(tuf_envelope_signed(envelope), "pawl", pawl);
	assert_refuses(envelope, "staging");
}

static void a_role_without_spare_key_is_warned_of(void **state)
{
	struct json *envelope = good_production(1);
	struct findings found;

	(void)state;
	roleedit_threshold(tuf_envelope_signed(envelope), "root", 3);
	found = judge(envelope);
	assert_int_equal(refusals(&found), 0);
	assert_true(mentions(&found, false, "no spare key"));
	json_free(envelope);
}

static void lab_allows_one_of_one_and_says_so(void **state)
{
	struct json *envelope = root_for(ENV_LAB, 1);
	struct findings found;

	(void)state;
	give(tuf_envelope_signed(envelope), "root", 0, 1);
	give(tuf_envelope_signed(envelope), "targets", 0, 1);
	give(tuf_envelope_signed(envelope), "online", 1, 2);
	found = judge(envelope);
	assert_int_equal(refusals(&found), 0);
	assert_true(mentions(&found, false, "lab: one key alone"));
	assert_true(mentions(&found, false, "holds the roles"));
	json_free(envelope);
}

static void thresholds_are_between_one_and_the_keys(void **state)
{
	static const uint64_t wrong[] = { 0, 4, 1000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct json *envelope = good_production(1);

		roleedit_threshold(tuf_envelope_signed(envelope), "root",
				   wrong[i]);
		assert_refuses(envelope, "threshold");
	}
}

static void a_role_without_keys_is_refused(void **state)
{
	struct json *envelope = good_production(1);
	char keyid[TUF_KEYID_LEN];
	struct err e = { 0 };

	(void)state;
	assert_ok(tuf_keyid(&keys[6], keyid, &e));
	assert_ok(roleedit_remove(tuf_envelope_signed(envelope), "online",
				  keyid, &e));
	assert_refuses(envelope, "role snapshot has no key");
}

static void a_key_under_another_id_is_refused(void **state)
{
	struct json *envelope = good_production(1);
	struct json *root = tuf_envelope_signed(envelope);
	struct json *object, *all;
	char keyid[TUF_KEYID_LEN];
	struct err e = { 0 };

	(void)state;
	assert_ok(tuf_keyid(&keys[0], keyid, &e));
	assert_ok(tuf_key_json(&keys[7], &object, &e));
	all = json_clone(json_get(root, "keys"));
	json_set(all, keyid, object);
	json_set(root, "keys", all);
	assert_refuses(envelope, "no P-256 key under its own id");
}

static void a_key_without_role_is_refused(void **state)
{
	struct json *envelope = good_production(1);
	struct json *root = tuf_envelope_signed(envelope);
	struct json *object, *all;
	char keyid[TUF_KEYID_LEN];
	struct err e = { 0 };

	(void)state;
	assert_ok(tuf_keyid(&keys[7], keyid, &e));
	assert_ok(tuf_key_json(&keys[7], &object, &e));
	all = json_clone(json_get(root, "keys"));
	json_set(all, keyid, object);
	json_set(root, "keys", all);
	assert_refuses(envelope, "has no role");
}

static void members_that_nobody_knows_are_refused(void **state)
{
	struct json *envelope = good_production(1);

	(void)state;
	json_set_text(tuf_envelope_signed(envelope), "surprise", "yes");
	assert_refuses(envelope, "surprise");
	envelope = good_production(1);
	json_set_bool(tuf_envelope_signed(envelope), "consistent_snapshot",
		      false);
	assert_refuses(envelope, "consistent_snapshot");
}

static void keys_that_everybody_has_are_refused(void **state)
{
	struct json *envelope = good_production(1);
	struct ec_private *known;
	struct ec_public key;
	uint8_t one[EC_SCALAR_LEN] = { 0 };
	struct err e = { 0 };

	(void)state;
	one[EC_SCALAR_LEN - 1] = 1; /* the generator itself */
	assert_ok(ec_private_from_scalar(one, &known, &e));
	ec_public_of(known, &key);
	ec_free(known);
	assert_ok(
		roleedit_add(tuf_envelope_signed(envelope), "root", &key, &e));
	assert_refuses(envelope, "role root: ");
}

/* ---- dates --------------------------------------------------------------- */

static void set_date(struct json *envelope, const char *name, int64_t sec)
{
	char text[UTC_TEXT_LEN];

	utc_format(sec, text);
	json_set_text(tuf_envelope_signed(envelope), name, text);
}

static struct findings dates(int64_t issued, int64_t expires, const char *role)
{
	struct json *envelope = good_production(1);
	struct json *signed_part = tuf_envelope_signed(envelope);
	struct findings found = { 0 };

	set_date(envelope, "issued", issued);
	set_date(envelope, "expires", expires);
	if (strcmp(role, "root") != 0) {
		json_set_text(signed_part, "_type", "targets");
		roleedit_init_targets(signed_part, ENV_PRODUCTION,
				      strcmp(role, "targets") == 0 ? NULL
								   : role);
	}
	rules_dates(signed_part, NOW, &found);
	json_free(envelope);
	return found;
}

static void issued_may_be_an_hour_ahead_and_no_more(void **state)
{
	struct findings f;

	(void)state;
	f = dates(NOW + 3600, NOW + 100 * UTC_DAY, "root");
	assert_int_equal(f.count, 0);
	f = dates(NOW + 3601, NOW + 100 * UTC_DAY, "root");
	assert_true(mentions(&f, true, "later than this machine's clock"));
}

static void what_is_expired_is_not_signed(void **state)
{
	struct findings f;

	(void)state;
	f = dates(NOW - UTC_DAY, NOW, "root");
	assert_true(mentions(&f, true, "expired"));
	f = dates(NOW - 40 * UTC_DAY, NOW + 1, "root");
	assert_int_equal(refusals(&f), 0);
	f = dates(NOW, NOW, "root");
	assert_true(mentions(&f, true, "expires before it is issued"));
}

static void a_life_has_a_limit_for_each_role(void **state)
{
	struct findings f;

	(void)state;
	f = dates(NOW, NOW + 730 * UTC_DAY, "root");
	assert_int_equal(f.count, 0);
	f = dates(NOW, NOW + 730 * UTC_DAY + 1, "root");
	assert_true(mentions(&f, true, "longer than 730"));
	f = dates(NOW, NOW + 400 * UTC_DAY, "targets");
	assert_int_equal(f.count, 0);
	f = dates(NOW, NOW + 400 * UTC_DAY + 1, "targets");
	assert_true(mentions(&f, true, "longer than 400"));
	f = dates(NOW, NOW + 90 * UTC_DAY + 1, "rollout");
	assert_true(mentions(&f, true, "longer than 90"));
	f = dates(NOW, NOW + 400 * UTC_DAY, "rollout-wide");
	assert_int_equal(f.count, 0);
}

static void production_wants_a_life_that_leaves_time(void **state)
{
	struct findings f;

	(void)state;
	f = dates(NOW, NOW + 30 * UTC_DAY, "root");
	assert_int_equal(refusals(&f), 0);
	f = dates(NOW, NOW + 30 * UTC_DAY - 1, "root");
	assert_true(mentions(&f, true, "30 days at least"));
	f = dates(NOW, NOW + 7 * UTC_DAY - 1, "product-gateway");
	assert_true(mentions(&f, true, "7 days at least"));
	f = dates(NOW, NOW + UTC_DAY, "nightly");
	assert_int_equal(refusals(&f), 0);
}

static void an_end_that_is_near_is_warned_of(void **state)
{
	struct findings f =
		dates(NOW - 40 * UTC_DAY, NOW + 5 * UTC_DAY, "root");

	(void)state;
	assert_int_equal(refusals(&f), 0);
	assert_true(mentions(&f, false, "expires in 5 days"));
	f = dates(NOW - 340 * UTC_DAY, NOW + 59 * UTC_DAY, "root");
	assert_true(mentions(&f, false, "expires in 59 days"));
	f = dates(NOW - 340 * UTC_DAY, NOW + 60 * UTC_DAY, "root");
	assert_int_equal(f.count, 0);
	f = dates(NOW, NOW + 30 * UTC_DAY, "root");
	assert_int_equal(f.count, 0);
}

/* ---- one root after another ---------------------------------------------- */

static struct findings after(struct json *before, struct json *next)
{
	struct findings found = { 0 };

	rules_root_after(before ? envelope_signed(before) : NULL,
			 envelope_signed(next), &found);
	json_free(before);
	json_free(next);
	return found;
}

static void a_root_follows_by_exactly_one(void **state)
{
	struct findings f;

	(void)state;
	f = after(NULL, good_production(1));
	assert_int_equal(f.count, 0);
	f = after(NULL, good_production(2));
	assert_int_equal(refusals(&f), 1);
	f = after(good_production(4), good_production(5));
	assert_int_equal(f.count, 0);
	f = after(good_production(4), good_production(6));
	assert_true(mentions(&f, true, "exactly one higher"));
	f = after(good_production(4), good_production(4));
	assert_true(mentions(&f, true, "exactly one higher"));
}

static void a_repository_keeps_its_environment(void **state)
{
	struct findings f = after(good_production(1), root_for(ENV_LAB, 2));

	(void)state;
	assert_true(mentions(&f, true, "never changes its environment"));
}

static void issued_never_goes_back(void **state)
{
	struct json *next = good_production(2);
	struct findings f;

	(void)state;
	set_date(next, "issued", NOW - 1);
	f = after(good_production(1), next);
	assert_true(mentions(&f, true, "issued before"));
}

/* ---- targets ------------------------------------------------------------- */

static struct findings judge_targets(const char *text)
{
	struct findings found = { 0 };
	struct err e = { 0 };
	struct json *targets;

	assert_ok(json_parse(slice_of(text), &targets, &e));
	json_set_text(targets, "_type", "targets");
	rules_targets(targets, &found);
	rules_targets_for(targets, ENV_LAB, &found);
	json_free(targets);
	return found;
}

#define DIGEST                                                                 \
	"\"0000000000000000000000000000000000000000000000000000000000000000\""

static void targets_are_read_strictly(void **state)
{
	static const char *const bad[] = {
		"{\"pawl\":{\"environment\":\"lab\"}}",
		"{\"pawl\":{\"environment\":\"demo\"},\"targets\":{}}",
		"{\"targets\":{}}",
		"{\"pawl\":{\"environment\":\"lab\"},\"targets\":{},\"x\":1}",
		"{\"pawl\":{\"environment\":\"lab\"},\"targets\":{\"../a\":"
		"{\"length\":1,\"hashes\":{\"sha256\":" DIGEST "}}}}",
		"{\"pawl\":{\"environment\":\"lab\"},\"targets\":{\"a\":"
		"{\"length\":-1,\"hashes\":{\"sha256\":" DIGEST "}}}}",
		"{\"pawl\":{\"environment\":\"lab\"},\"targets\":{\"a\":"
		"{\"length\":1,\"hashes\":{\"sha256\":\"00\"}}}}",
		"{\"pawl\":{\"environment\":\"lab\"},\"targets\":{\"a\":"
		"{\"length\":1,\"hashes\":{}}}}",
		"{\"pawl\":{\"environment\":\"lab\"},\"targets\":{\"a\":"
		"{\"length\":1,\"more\":2,\"hashes\":{\"sha256\":" DIGEST
		"}}}}",
	};
	struct findings f;

	(void)state;
	f = judge_targets(
		"{\"pawl\":{\"environment\":\"lab\"},\"targets\":"
		"{\"a/b\":{\"length\":1,\"hashes\":{\"sha256\":" DIGEST "}}}}");
	assert_int_equal(f.count, 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		f = judge_targets(bad[i]);
		if (refusals(&f) == 0)
			fail_msg("not refused: %s", bad[i]);
	}
}

/* A whole release in a list, perhaps with one member more than there are. */
static struct findings judge_release(const char *more, const char *kind)
{
	struct release r = { .product = "gateway",
			     .id = "1",
			     .component = "main",
			     .seq = 1,
			     .content_seq = 1,
			     .issued = NOW,
			     .content = PACKAGE_TREE,
			     .attributes = TREE_APP,
			     .kind = PACKAGE_FULL,
			     .health_deadline_sec = 300,
			     .manifest_len = 1,
			     .head_len = 100,
			     .package_len = 1000 };
	struct findings found = { 0 };
	struct json *targets = json_new_object();
	struct json *list = json_new_object();
	struct json *pawl = json_new_object();
	struct json *entry = release_format(&r);
	struct json *ours = (struct json *)(uintptr_t)json_get(
		json_get(entry, "custom"), "pawl");

	if (more)
		json_set_int(ours, more, 1);
	json_set_text(ours, "type", kind);
	json_set_text(pawl, "environment", "lab");
	json_set(list, "gateway/1/main-full.pawl", entry);
	json_set(targets, "pawl", pawl);
	json_set(targets, "targets", list);
	json_set_text(targets, "_type", "targets");
	rules_targets(targets, &found);
	json_free(targets);
	return found;
}

static void a_release_that_we_cannot_read_is_not_signed(void **state)
{
	struct findings f = judge_release(NULL, "package");

	(void)state;
	assert_int_equal(f.count, 0);
	f = judge_release("surprise", "package");
	assert_int_equal(f.count, 1);
	assert_true(mentions(&f, true, "unknown member \"surprise\""));
	f = judge_release("seq_", "order"); /* something else */
	assert_int_equal(f.count, 0);
}

/* ---- delegations --------------------------------------------------------- */

/* Targets of production whose product has a role of its own, two of three. */
static struct json *delegating(const char *role, size_t from, size_t to,
			       uint64_t threshold)
{
	struct json *envelope =
		tuf_envelope_new(TUF_TARGETS, 1, NOW, NOW + 400 * UTC_DAY);
	struct json *targets = tuf_envelope_signed(envelope);
	struct err e = { 0 };

	roleedit_init_targets(targets, ENV_PRODUCTION, NULL);
	assert_ok(roleedit_delegate(targets, role, &e));
	give(targets, role, from, to);
	roleedit_threshold(targets, role, threshold);
	return envelope;
}

static void assert_targets_refuse(struct json *envelope, const char *text)
{
	struct findings found = { 0 };

	rules_judge(envelope_signed(envelope), NOW, &found);
	json_free(envelope);
	if (!mentions(&found, true, text))
		fail_msg("not refused: %s", text);
}

static void a_role_for_each_product_is_fine(void **state)
{
	static const char *const roles[] = { "product-gateway", "rollout-wide",
					     "rollout", "nightly" };
	struct json *root = good_production(1);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		struct json *envelope = delegating(roles[i], 7, 10, 2);
		struct findings found = { 0 };

		rules_judge(envelope_signed(envelope), NOW, &found);
		rules_sharing(envelope_signed(root), envelope_signed(envelope),
			      &found);
		assert_int_equal(found.count, 0);
		json_free(envelope);
	}
	json_free(root);
}

static void production_wants_two_for_products_and_wide_rollouts(void **state)
{
	struct json *envelope = delegating("nightly", 7, 8, 1);
	struct findings found = { 0 };

	(void)state;
	assert_targets_refuse(delegating("product-gateway", 7, 9, 1),
			      "at least 2");
	assert_targets_refuse(delegating("rollout-wide", 7, 9, 1),
			      "at least 2");
	rules_judge(envelope_signed(envelope), NOW, &found);
	assert_int_equal(refusals(&found), 0);
	json_free(envelope);
}

static void a_key_of_root_delegates_to_nobody_else(void **state)
{
	struct json *root = good_production(1);
	static const size_t shared[] = { 2, 5, 6 }; /* root, targets, online */

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(shared); i++) {
		struct json *envelope =
			delegating("rollout", shared[i], shared[i] + 1, 1);
		struct findings found = { 0 };

		rules_sharing(envelope_signed(root), envelope_signed(envelope),
			      &found);
		assert_true(mentions(&found, true, "one key holds"));
		json_free(envelope);
	}
	json_free(root);
}

static void only_operators_share_a_key_between_two_roles(void **state)
{
	struct json *envelope = delegating("rollout", 7, 9, 1);
	struct json *targets = tuf_envelope_signed(envelope);
	struct findings found = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_ok(roleedit_delegate(targets, "rollout-wide", &e));
	give(targets, "rollout-wide", 7, 10);
	roleedit_threshold(targets, "rollout-wide", 2);
	rules_judge(targets, NOW, &found);
	assert_int_equal(refusals(&found), 0);
	assert_ok(roleedit_delegate(targets, "nightly", &e));
	give(targets, "nightly", 7, 8);
	assert_targets_refuse(envelope, "one key holds");
}

static struct json *with_paths(const char *name, const char *path)
{
	struct json *envelope = delegating("nightly", 7, 8, 1);
	struct json *targets = tuf_envelope_signed(envelope);
	struct json *d = json_clone(json_get(targets, "delegations"));
	struct json *roles = json_new_array(), *paths = json_new_array();
	struct json *one = json_clone(json_at(json_get(d, "roles"), 0));

	json_add(paths, json_new_text(path));
	json_set(one, "paths", paths);
	json_set_text(one, "name", name);
	json_add(roles, one);
	json_set(d, "roles", roles);
	json_set(targets, "delegations", d);
	return envelope;
}

static void a_delegation_is_what_its_name_says(void **state)
{
	(void)state;
	assert_targets_refuse(with_paths("nightly", "*/*/*"),
			      "paths are not those");
	assert_targets_refuse(with_paths("friends", "nightly/*/*/*"),
			      "no role of ours");
}

static void a_delegated_role_lists_its_own_paths_and_nobody_else(void **state)
{
	static const char *const bad[] = { "gadget/1/x", "floor/gadget.json",
					   "gateway/x", "site.json" };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct json *envelope = tuf_envelope_new(TUF_TARGETS, 1, NOW,
							 NOW + 400 * UTC_DAY);
		struct json *own = tuf_envelope_signed(envelope);
		struct json *list = json_new_object();
		struct json *entry = NULL;

		roleedit_init_targets(own, ENV_PRODUCTION, "product-gateway");
		assert_ok(json_parse(slice_of("{\"length\":1,\"hashes\":"
					      "{\"sha256\":" DIGEST "}}"),
				     &entry, &e));
		json_set(list, bad[i], entry);
		json_set(own, "targets", list);
		assert_targets_refuse(envelope, "not this role's");
	}
}

static void a_delegated_role_delegates_to_nobody(void **state)
{
	struct json *envelope = delegating("nightly", 7, 8, 1);
	struct json *pawl = json_new_object();

	(void)state;
	json_set_text(pawl, "environment", "production");
	json_set_text(pawl, "role", "product-gateway");
	json_set(tuf_envelope_signed(envelope), "pawl", pawl);
	assert_targets_refuse(envelope, "delegates to nobody");
}

static void a_refusal_counts_past_the_tables_end(void **state)
{
	struct findings f = { 0 };
	struct err e = { 0 };

	(void)state;
	for (int i = 0; i < FINDINGS_MAX; i++)
		findings_add(&f, false, "note %d", i);
	assert_ok(findings_judge(&f, &e));
	findings_add(&f, true, "one more");
	assert_refused(findings_judge(&f, &e), ERR_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_production_root_with_spares_is_fine),
		cmocka_unit_test(production_refuses_a_threshold_of_one),
		cmocka_unit_test(production_refuses_a_key_in_two_roles),
		cmocka_unit_test(production_refuses_staging_by_the_server),
		cmocka_unit_test(a_role_without_spare_key_is_warned_of),
		cmocka_unit_test(lab_allows_one_of_one_and_says_so),
		cmocka_unit_test(thresholds_are_between_one_and_the_keys),
		cmocka_unit_test(a_role_without_keys_is_refused),
		cmocka_unit_test(a_key_under_another_id_is_refused),
		cmocka_unit_test(a_key_without_role_is_refused),
		cmocka_unit_test(members_that_nobody_knows_are_refused),
		cmocka_unit_test(keys_that_everybody_has_are_refused),
		cmocka_unit_test(issued_may_be_an_hour_ahead_and_no_more),
		cmocka_unit_test(what_is_expired_is_not_signed),
		cmocka_unit_test(a_life_has_a_limit_for_each_role),
		cmocka_unit_test(production_wants_a_life_that_leaves_time),
		cmocka_unit_test(an_end_that_is_near_is_warned_of),
		cmocka_unit_test(a_root_follows_by_exactly_one),
		cmocka_unit_test(a_repository_keeps_its_environment),
		cmocka_unit_test(issued_never_goes_back),
		cmocka_unit_test(targets_are_read_strictly),
		cmocka_unit_test(a_release_that_we_cannot_read_is_not_signed),
		cmocka_unit_test(a_role_for_each_product_is_fine),
		cmocka_unit_test(
			production_wants_two_for_products_and_wide_rollouts),
		cmocka_unit_test(a_key_of_root_delegates_to_nobody_else),
		cmocka_unit_test(only_operators_share_a_key_between_two_roles),
		cmocka_unit_test(a_delegation_is_what_its_name_says),
		cmocka_unit_test(
			a_delegated_role_lists_its_own_paths_and_nobody_else),
		cmocka_unit_test(a_delegated_role_delegates_to_nobody),
		cmocka_unit_test(a_refusal_counts_past_the_tables_end),
	};

	return cmocka_run_group_tests(tests, make_keys, NULL);
}
