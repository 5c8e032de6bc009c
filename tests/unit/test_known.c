/* SPDX-License-Identifier: Apache-2.0 */
/* Which public keys a repository knows; found again by their private halves. */
#include "signer/known.h"

#include <stdio.h>

#include "common/example_keys.h"
#include "common/fs.h"
#include "signer/roleedit.h"
#include "tests/unit/check.h"

#define KEYS 5

enum {
	ROOT_OLD,
	ROOT_NEW,
	PRODUCT_OLD,
	PRODUCT_NEW,
	STRANGER
};

static struct ec_private *keys[KEYS];

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

static struct json *a_root(unsigned key)
{
	const struct roleedit_site site = { ENV_LAB, "server", 90 };
	struct json *envelope = tuf_envelope_new(TUF_ROOT, 1, 1000, 2000);
	struct ec_public public_key;
	struct err e;

	roleedit_init(tuf_envelope_signed(envelope), &site);
	ec_public_of(keys[key], &public_key);
	assert_ok(roleedit_add(tuf_envelope_signed(envelope), "root",
			       &public_key, &e));
	return envelope;
}

/* Targets whose delegated role has this key. */
static struct json *some_targets(unsigned key)
{
	struct json *envelope = tuf_envelope_new(TUF_TARGETS, 1, 1000, 2000);
	struct json *body = tuf_envelope_signed(envelope);
	struct ec_public public_key;
	struct err e;

	roleedit_init_targets(body, ENV_LAB, NULL);
	assert_ok(roleedit_delegate(body, "product-gateway", &e));
	ec_public_of(keys[key], &public_key);
	assert_ok(roleedit_add(body, "product-gateway", &public_key, &e));
	return envelope;
}

/* Everything that a repository in a change has: published and staged. */
static void fill(struct repo *r)
{
	struct err e;

	repo_init(r, "/tmp");
	/* No file of it is read or written. */
	assert_ok(fs_open_dir("/tmp", &r->dirfd, &e));
	r->names = json_new_object();
	r->root.published = a_root(ROOT_OLD);
	r->root.staged = a_root(ROOT_NEW);
	r->targets.published = some_targets(PRODUCT_OLD);
	r->targets.staged = some_targets(PRODUCT_NEW);
}

static const char *name_of(struct scalars *s, unsigned key)
{
	uint8_t scalar[EC_SCALAR_LEN];

	ec_private_scalar(keys[key], scalar);
	return scalars_match(s, scalar);
}

static void keys_published_and_staged_are_known(void **state)
{
	struct scalars *s = NULL;
	struct repo r;
	struct err e;

	(void)state;
	fill(&r);
	assert_ok(known_keys(&r, &s, &e));
	assert_non_null(name_of(s, ROOT_OLD));
	assert_non_null(name_of(s, ROOT_NEW));
	assert_non_null(name_of(s, PRODUCT_OLD));
	assert_non_null(name_of(s, PRODUCT_NEW));
	assert_null(name_of(s, STRANGER));
	scalars_free(s);
	repo_close(&r);
}

/* What a delegated role itself delegates, were it ever to. */
static void every_role_is_looked_through(void **state)
{
	struct scalars *s = NULL;
	struct repo r;
	struct err e;

	(void)state;
	fill(&r);
	strcpy(r.delegated[0].name, "product-gateway");
	r.delegated[0].published = some_targets(STRANGER);
	r.delegated_count = 1;
	assert_ok(known_keys(&r, &s, &e));
	assert_non_null(name_of(s, STRANGER));
	scalars_free(s);
	repo_close(&r);
}

static void a_key_is_told_by_id_and_name(void **state)
{
	struct scalars *s = NULL;
	struct ec_public public_key;
	char keyid[TUF_KEYID_LEN], wanted[80];
	struct repo r;
	struct err e;

	(void)state;
	fill(&r);
	ec_public_of(keys[ROOT_OLD], &public_key);
	assert_ok(tuf_keyid(&public_key, keyid, &e));
	json_set_text(r.names, keyid, "alice");
	assert_ok(known_keys(&r, &s, &e));
	(void)snprintf(wanted, sizeof(wanted), "key %.8s, alice", keyid);
	assert_string_equal(name_of(s, ROOT_OLD), wanted);
	assert_null(strchr(name_of(s, ROOT_NEW), ','));
	scalars_free(s);
	repo_close(&r);
}

static void the_example_keys_are_known_without_a_repository(void **state)
{
	struct scalars *s = NULL;
	uint8_t x[EC_SCALAR_LEN];
	const char *name;
	size_t count = 0;
	struct err e;

	(void)state;
	while (example_key_at(count, x, &name))
		count++;
	assert_true(count > 0);
	assert_ok(known_keys(NULL, &s, &e));
	assert_int_equal(scalars_count(s), count);
	scalars_free(s);
}

static void what_is_no_key_of_ours_is_passed_over(void **state)
{
	struct scalars *s = NULL;
	struct json *all, *foreign = json_new_object();
	struct json *value = json_new_object();
	struct repo r;
	struct err e;

	(void)state;
	fill(&r);
	all = (struct json *)(uintptr_t)json_get(
		tuf_envelope_signed(r.root.published), "keys");
	json_set_text(value, "public", "ssh-ed25519 AAAA");
	json_set(foreign, "keyval", value);
	json_set(all, "00", foreign);
	json_set(all, "01", json_new_object());
	assert_ok(known_keys(&r, &s, &e));
	assert_non_null(name_of(s, ROOT_OLD));
	scalars_free(s);
	repo_close(&r);
}

/* Too many to search for: that is said, and nothing is half searched. */
static void more_keys_than_can_be_searched_for_are_refused(void **state)
{
	struct scalars *s = NULL;
	struct ec_private *key = NULL;
	struct ec_public public_key;
	struct repo r;
	struct err e;

	(void)state;
	fill(&r);
	for (int i = 0; i <= SCALARS_MAX; i++) {
		assert_ok(ec_generate(&key, &e));
		ec_public_of(key, &public_key);
		ec_free(key);
		assert_ok(roleedit_add(tuf_envelope_signed(r.targets.staged),
				       "product-gateway", &public_key, &e));
	}
	assert_refused(known_keys(&r, &s, &e), ERR_LIMIT);
	assert_null(s);
	repo_close(&r);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_published_and_staged_are_known),
		cmocka_unit_test(every_role_is_looked_through),
		cmocka_unit_test(a_key_is_told_by_id_and_name),
		cmocka_unit_test(
			the_example_keys_are_known_without_a_repository),
		cmocka_unit_test(what_is_no_key_of_ours_is_passed_over),
		cmocka_unit_test(
			more_keys_than_can_be_searched_for_are_refused),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
