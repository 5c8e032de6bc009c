/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing is signed that a rule refuses, or with a key that does not count. */
#include "signer/signing.h"

#include <signal.h>

#include "common/mem.h"
#include "common/utc.h"
#include "signer/roleedit.h"
#include "tests/unit/box.h"

#define NOW  INT64_C(1795363200)
#define KEYS 4

enum {
	ROOT_KEY,
	TARGETS_KEY,
	PRODUCT_KEY,
	STRANGER
};

static struct ec_private *keys[KEYS];
static struct box box;
static struct repo r;
static struct report out;

static int make_keys(void **state)
{
	struct err e;

	(void)state;
	for (size_t i = 0; i < KEYS; i++)
		if (ec_generate(&keys[i], &e))
			return -1;
	return 0;
}

static int free_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEYS; i++)
		ec_free(keys[i]);
	return 0;
}

/* ---- a repository -------------------------------------------------------- */

static void let(struct json *envelope, const char *role, unsigned key)
{
	struct ec_public half;
	struct err e;

	ec_public_of(keys[key], &half);
	assert_ok(roleedit_add(tuf_envelope_signed(envelope), role, &half, &e));
}

static void stage(const char *role, struct json *envelope)
{
	struct err e;
	size_t dropped;

	assert_ok(repo_stage(&r, role, envelope, &dropped, &e));
}

static void publish(const char *role, unsigned key)
{
	struct err e;

	assert_ok(tuf_sign(repo_role(&r, role)->staged, keys[key], &e));
	assert_ok(repo_save_staged(&r, role, &e));
	assert_ok(repo_commit(&r, role, &e));
}

static struct json *a_root(int64_t version, unsigned root_key)
{
	const struct roleedit_site site = { ENV_LAB, "server", 90 };
	struct json *root =
		tuf_envelope_new(TUF_ROOT, version, NOW, NOW + 730 * UTC_DAY);

	roleedit_init(tuf_envelope_signed(root), &site);
	let(root, "root", root_key);
	let(root, "targets", TARGETS_KEY);
	let(root, "online", ROOT_KEY);
	return root;
}

static struct json *some_targets(int64_t version, int64_t expires)
{
	struct json *targets =
		tuf_envelope_new(TUF_TARGETS, version, NOW, expires);

	roleedit_init_targets(tuf_envelope_signed(targets), ENV_LAB, NULL);
	return targets;
}

/* Root is published; nothing is staged. */
static int setup(void **state)
{
	struct err e;

	(void)state;
	box_open(&box);
	out = (struct report){ .json = true };
	repo_init(&r, "repo");
	repo_settings_default(&r.settings);
	r.settings.owner = mem_dup_str("Somebody");
	r.settings.products.at[r.settings.products.count++] =
		mem_dup_str("kiosk");
	r.environment = ENV_LAB;
	r.dirfd = box_folder(&box, "repo");
	fs_close(&(int){ box_folder(&box, "repo/metadata") });
	fs_close(&(int){ box_folder(&box, "repo/staged") });
	assert_ok(repo_write_settings(r.dirfd, &r.settings, ENV_LAB, &e));
	stage("root", a_root(1, ROOT_KEY));
	publish("root", ROOT_KEY);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	json_free(out.object);
	repo_close(&r);
	box_close(&box);
	return 0;
}

static int sign_with(unsigned key, int64_t now, struct err *e)
{
	struct keyring k = { .count = 1 };

	k.at[0].path = "some.key";
	k.at[0].private_key = keys[key];
	ec_public_of(keys[key], &k.at[0].public_key);
	assert_int_equal(tuf_keyid(&k.at[0].public_key, k.at[0].keyid, e), 0);
	return signing_repo(&r, &k, now, &out, e);
}

/* Signatures of the file itself, as the next command reads it. */
static size_t saved(const char *path)
{
	struct buf bytes = BUF_INIT(1 << 20);
	struct json *j = NULL;
	struct err e;
	size_t count;

	assert_ok(fs_read_file(r.dirfd, path, &bytes, &e));
	assert_ok(json_parse(buf_slice(&bytes), &j, &e));
	count = envelope_signature_count(j);
	json_free(j);
	buf_done(&bytes);
	return count;
}

/* ---- what is signed ------------------------------------------------------ */

static void a_key_signs_what_it_counts_for_and_that_is_saved(void **state)
{
	struct err e;

	(void)state;
	stage("targets", some_targets(1, NOW + 100 * UTC_DAY));
	assert_int_equal(saved("staged/targets.json"), 0);
	assert_ok(sign_with(TARGETS_KEY, NOW, &e));
	assert_int_equal(saved("staged/targets.json"), 1);
	/* Again is no second signature. */
	assert_ok(sign_with(TARGETS_KEY, NOW, &e));
	assert_int_equal(saved("staged/targets.json"), 1);
}

static void a_key_with_nothing_to_sign_is_refused(void **state)
{
	struct err e;

	(void)state;
	assert_refused_saying(sign_with(TARGETS_KEY, NOW, &e), ERR_NOT_FOUND,
			      "nothing is staged");
	stage("targets", some_targets(1, NOW + 100 * UTC_DAY));
	assert_refused_saying(sign_with(STRANGER, NOW, &e), ERR_REFUSED,
			      "needs no signature of this key");
	assert_refused(sign_with(ROOT_KEY, NOW, &e), ERR_REFUSED);
	assert_int_equal(saved("staged/targets.json"), 0);
}

static void what_a_rule_refuses_gets_no_signature(void **state)
{
	struct err e;

	(void)state;
	stage("targets", some_targets(1, NOW - UTC_DAY));
	assert_refused_saying(sign_with(TARGETS_KEY, NOW, &e), ERR_REFUSED,
			      "staged/targets.json");
	assert_int_equal(saved("staged/targets.json"), 0);
}

/* Those who leave sign the root that lets them go, and so do those who come. */
static void old_and_new_keys_of_root_sign_the_next_one(void **state)
{
	struct err e;

	(void)state;
	stage("root", a_root(2, STRANGER));
	assert_ok(sign_with(ROOT_KEY, NOW, &e));
	assert_ok(sign_with(STRANGER, NOW, &e));
	assert_int_equal(saved("staged/root.json"), 2);
	assert_refused(sign_with(PRODUCT_KEY, NOW, &e), ERR_REFUSED);
}

static void a_root_that_skips_a_version_is_not_signed(void **state)
{
	struct err e;

	(void)state;
	stage("root", a_root(3, ROOT_KEY));
	assert_refused(sign_with(ROOT_KEY, NOW, &e), ERR_REFUSED);
	assert_int_equal(saved("staged/root.json"), 0);
}

/* ---- delegated roles ----------------------------------------------------- */

static void stage_product(void)
{
	struct json *role =
		tuf_envelope_new(TUF_TARGETS, 1, NOW, NOW + 100 * UTC_DAY);

	roleedit_init_targets(tuf_envelope_signed(role), ENV_LAB,
			      "product-kiosk");
	stage("product-kiosk", role);
}

static void
a_role_is_signed_by_whom_targets_list_and_while_they_do(void **state)
{
	struct json *targets = some_targets(1, NOW + 100 * UTC_DAY);
	struct err e;

	(void)state;
	assert_ok(roleedit_delegate(tuf_envelope_signed(targets),
				    "product-kiosk", &e));
	let(targets, "product-kiosk", PRODUCT_KEY);
	stage("targets", targets);
	publish("targets", TARGETS_KEY);
	stage_product();
	assert_refused(sign_with(TARGETS_KEY, NOW, &e), ERR_REFUSED);
	assert_ok(sign_with(PRODUCT_KEY, NOW, &e));
	assert_int_equal(saved("staged/product-kiosk.json"), 1);
	/* Targets take it back: what is staged of it leads nowhere. */
	stage("targets", some_targets(2, NOW + 100 * UTC_DAY));
	assert_refused_saying(signing_judge(&r, "product-kiosk", NOW, &out, &e),
			      ERR_REFUSED, "no longer delegate");
}

/* ---- failures ------------------------------------------------------------ */

static void a_token_that_does_not_sign_ends_it(void **state)
{
	struct keyring k = { .count = 1 };
	char program[] = "/bin/false";
	struct err e;

	(void)state;
	k.at[0].path = "token.key";
	ec_public_of(keys[TARGETS_KEY], &k.at[0].public_key);
	k.at[0].external.info.public_key = k.at[0].public_key;
	k.at[0].external.argv[0] = program;
	assert_ok(tuf_keyid(&k.at[0].public_key, k.at[0].keyid, &e));
	stage("targets", some_targets(1, NOW + 100 * UTC_DAY));
	assert_refused(signing_repo(&r, &k, NOW, &out, &e), ERR_SYSTEM);
	assert_int_equal(saved("staged/targets.json"), 0);
}

static void what_cannot_be_saved_is_no_success(void **state)
{
	struct err e;

	(void)state;
	stage("targets", some_targets(1, NOW + 100 * UTC_DAY));
	assert_ok(fs_remove_tree(r.dirfd, "staged", &e));
	put_file(r.dirfd, "staged", "in the way", 0644);
	e.code = ERR_NONE;
	assert_int_equal(sign_with(TARGETS_KEY, NOW, &e), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_key_signs_what_it_counts_for_and_that_is_saved),
		TEST(a_key_with_nothing_to_sign_is_refused),
		TEST(what_a_rule_refuses_gets_no_signature),
		TEST(old_and_new_keys_of_root_sign_the_next_one),
		TEST(a_root_that_skips_a_version_is_not_signed),
		TEST(a_role_is_signed_by_whom_targets_list_and_while_they_do),
		TEST(a_token_that_does_not_sign_ends_it),
		TEST(what_cannot_be_saved_is_no_success),
	};

	/* As every program of ours: a token may end before it reads. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return 1;
	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
