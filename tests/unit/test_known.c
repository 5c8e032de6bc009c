/* SPDX-License-Identifier: Apache-2.0 */
/* Which public keys a repository knows; found again by their private halves. */
#include "signer/known.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/example_keys.h"
#include "common/fs.h"
#include "common/log_keys.h"
#include "common/pem.h"
#include "common/site.h"
#include "common/text.h"
#include "common/x509.h"
#include "signer/roleedit.h"
#include "tests/unit/check.h"

#define KEYS 8

enum {
	ROOT_FIRST,
	PRODUCT_FIRST,
	LOG,
	ROOT_OLD,
	ROOT_NEW,
	PRODUCT_OLD,
	PRODUCT_NEW,
	STRANGER
};

static struct ec_private *keys[KEYS];
static bool all;
static char folder[] = "/tmp/known-XXXXXX";

static int make_keys(void **state)
{
	struct err e;

	(void)state;
	for (size_t i = 0; i < KEYS; i++)
		if (ec_generate(&keys[i], &e))
			return -1;
	return mkdtemp(folder) ? 0 : -1;
}

static int free_keys(void **state)
{
	struct err e;
	int dirfd;

	(void)state;
	for (size_t i = 0; i < KEYS; i++)
		ec_free(keys[i]);
	assert_ok(fs_open_dir("/tmp", &dirfd, &e));
	assert_ok(fs_remove_tree(dirfd, folder + strlen("/tmp/"), &e));
	fs_close(&dirfd);
	return 0;
}

static struct json *a_root(unsigned key, int64_t version)
{
	const struct roleedit_site site = { ENV_LAB, "server", 90 };
	struct json *envelope = tuf_envelope_new(TUF_ROOT, version, 1000, 2000);
	struct ec_public public_key;
	struct err e;

	roleedit_init(tuf_envelope_signed(envelope), &site);
	ec_public_of(keys[key], &public_key);
	assert_ok(roleedit_add(tuf_envelope_signed(envelope), "root",
			       &public_key, &e));
	return envelope;
}

/* Targets whose delegated role has this key. */
static struct json *some_targets(unsigned key, int64_t version)
{
	struct json *envelope =
		tuf_envelope_new(TUF_TARGETS, version, 1000, 2000);
	struct json *body = tuf_envelope_signed(envelope);
	struct ec_public public_key;
	struct err e;

	roleedit_init_targets(body, ENV_LAB, NULL);
	assert_ok(roleedit_delegate(body, "product-gateway", &e));
	ec_public_of(keys[key], &public_key);
	assert_ok(roleedit_add(body, "product-gateway", &public_key, &e));
	return envelope;
}

/* "metadata/1.root.json": what was published and is no longer. */
static void write_version(const struct repo *r, const char *name,
			  const struct json *envelope)
{
	struct buf bytes = BUF_INIT(1 << 20);
	char path[64];
	struct err e;

	(void)snprintf(path, sizeof(path), "metadata/%s.json", name);
	assert_ok(json_print(envelope, false, &bytes, &e));
	assert_ok(fs_mkdirs(r->dirfd, "metadata", 0755, &e));
	assert_ok(fs_replace_file(r->dirfd, path, buf_slice(&bytes), 0644, &e));
	buf_done(&bytes);
}

static void write_first(const struct repo *r)
{
	struct json *root = a_root(ROOT_FIRST, 1);
	struct json *targets = some_targets(PRODUCT_FIRST, 1);

	write_version(r, "1.root", root);
	write_version(r, "1.targets", targets);
	write_version(r, "2.root", r->root.published);
	write_version(r, "2.targets", r->targets.published);
	json_free(root);
	json_free(targets);
}

/* Everything that a repository in a change has: published and staged. */
static void fill(struct repo *r)
{
	struct err e;

	repo_init(r, folder);
	assert_ok(fs_open_dir(folder, &r->dirfd, &e));
	r->names = json_new_object();
	r->root.published = a_root(ROOT_OLD, 2);
	r->root.staged = a_root(ROOT_NEW, 3);
	r->targets.published = some_targets(PRODUCT_OLD, 2);
	r->targets.staged = some_targets(PRODUCT_NEW, 3);
	write_first(r);
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
	assert_ok(known_keys(&r, NULL, &s, &all, &e));
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
	r.delegated[0].published = some_targets(STRANGER, 1);
	r.delegated_count = 1;
	assert_ok(known_keys(&r, NULL, &s, &all, &e));
	assert_non_null(name_of(s, STRANGER));
	scalars_free(s);
	repo_close(&r);
}

/* Taken out of its role; but somebody may have it. */
static void keys_of_old_versions_are_known(void **state)
{
	struct scalars *s = NULL;
	struct repo r;
	struct err e;

	(void)state;
	fill(&r);
	assert_ok(known_keys(&r, NULL, &s, &all, &e));
	assert_non_null(name_of(s, ROOT_FIRST));
	assert_non_null(name_of(s, PRODUCT_FIRST));
	scalars_free(s);
	s = NULL;
	assert_int_equal(unlinkat(r.dirfd, "metadata/1.root.json", 0), 0);
	assert_refused(known_keys(&r, NULL, &s, &all, &e), ERR_NOT_FOUND);
	assert_null(s);
	repo_close(&r);
}

/* A document of one old version of targets, below targets/, and what was put
 * behind its end since. */
static void list_document(const struct repo *r, const char *path,
			  const struct json *object, const char *behind)
{
	struct json *targets = some_targets(PRODUCT_FIRST, 1);
	struct json *list = json_new_object();
	struct buf bytes = BUF_INIT(65536);
	char file[128], hex[2 * SHA256_LEN + 1];
	struct sha256 digest;
	struct err e;

	assert_ok(json_canonical(object, &bytes, &e));
	sha256_of(buf_slice(&bytes), &digest);
	hex_format((struct slice){ digest.bytes, SHA256_LEN }, hex);
	(void)snprintf(file, sizeof(file), "targets/%s.%s", hex, path);
	assert_ok(fs_mkdirs(r->dirfd, "targets", 0755, &e));
	json_set(list, path,
		 tuf_document_entry(json_text(json_get(object, "type")),
				    buf_slice(&bytes)));
	assert_ok(buf_add(&bytes, slice_of(behind), &e));
	assert_ok(fs_replace_file(r->dirfd, file, buf_slice(&bytes), 0644, &e));
	json_set(tuf_envelope_signed(targets), "targets", list);
	write_version(r, "1.targets", targets);
	json_free(targets);
	buf_done(&bytes);
}

static void keys_of_audit_logs_are_known(void **state)
{
	struct log_keys list = { .count = 1, .issued = 1000 };
	struct scalars *s = NULL;
	struct json *object;
	struct repo r;
	struct err e;

	(void)state;
	fill(&r);
	ec_public_of(keys[LOG], &list.at[0].key);
	list.at[0].until = 2000;
	object = log_keys_format(&list);
	list_document(&r, LOG_KEYS_PATH, object, "");
	json_free(object);
	assert_ok(known_keys(&r, NULL, &s, &all, &e));
	assert_string_equal(name_of(s, LOG),
			    "a key of the audit log (log-keys.json)");
	scalars_free(s);
	repo_close(&r);
}

static void the_key_of_the_servers_ca_is_known(void **state)
{
	const struct x509_template t = { .kind = X509_CA,
					 .common_name = "CA",
					 .not_before = 1000,
					 .not_after = 2000000000 };
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf der = BUF_INIT(SITE_DER_MAX);
	static struct site site;
	struct ec_public public_key;
	struct scalars *s = NULL;
	struct json *object;
	struct repo r;
	struct err e;

	(void)state;
	fill(&r);
	ec_public_of(keys[LOG], &public_key);
	assert_ok(x509_issue(&t, &public_key, (struct slice){ 0 }, keys[LOG],
			     &pem, &e));
	assert_ok(pem_parse(buf_slice(&pem), "CERTIFICATE", &der, &e));
	site = (struct site){ .ca_count = 1, .url_count = 1, .issued = 1000 };
	memcpy(site.ca[0].der, der.ptr, der.len);
	site.ca[0].der_len = der.len;
	(void)snprintf(site.urls[0], SITE_URL_LEN, "https://a.example");
	object = site_format(&site);
	list_document(&r, SITE_PATH, object, "");
	json_free(object);
	assert_ok(known_keys(&r, NULL, &s, &all, &e));
	assert_string_equal(name_of(s, LOG), "the servers' CA (site.json)");
	scalars_free(s);
	buf_done(&pem);
	buf_done(&der);
	repo_close(&r);
}

/* A document is believed as far as its version of targets says what it is. */
static void a_document_that_was_changed_is_refused(void **state)
{
	struct log_keys list = { .count = 1, .issued = 1000 };
	struct scalars *s = NULL;
	struct json *object;
	struct repo r;
	struct err e;

	(void)state;
	fill(&r);
	ec_public_of(keys[LOG], &list.at[0].key);
	list.at[0].until = 2000;
	object = log_keys_format(&list);
	list_document(&r, LOG_KEYS_PATH, object, "\n");
	json_free(object);
	assert_refused(known_keys(&r, NULL, &s, &all, &e), ERR_UNTRUSTED);
	assert_null(s);
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
	assert_ok(known_keys(&r, NULL, &s, &all, &e));
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
	assert_ok(known_keys(NULL, NULL, &s, &all, &e));
	assert_int_equal(scalars_count(s), count);
	scalars_free(s);
}

static void what_is_no_key_of_ours_is_passed_over(void **state)
{
	struct scalars *s = NULL;
	struct json *own, *foreign = json_new_object();
	struct json *value = json_new_object();
	struct repo r;
	struct err e;

	(void)state;
	fill(&r);
	own = (struct json *)(uintptr_t)json_get(
		tuf_envelope_signed(r.root.published), "keys");
	json_set_text(value, "public", "ssh-ed25519 AAAA");
	json_set(foreign, "keyval", value);
	json_set(own, "00", foreign);
	json_set(own, "01", json_new_object());
	assert_ok(known_keys(&r, NULL, &s, &all, &e));
	assert_non_null(name_of(s, ROOT_OLD));
	scalars_free(s);
	repo_close(&r);
}

/* Too many to search for: what was left out is said, and is of long ago. */
static void of_too_many_keys_those_of_now_are_known(void **state)
{
	struct json *targets = some_targets(PRODUCT_FIRST, 1);
	struct scalars *s = NULL;
	struct ec_private *key = NULL;
	struct ec_public public_key;
	struct repo r;
	struct err e;

	(void)state;
	fill(&r);
	assert_ok(known_keys(&r, NULL, &s, &all, &e));
	assert_true(all);
	scalars_free(s);
	for (int i = 0; i <= SCALARS_MAX; i++) {
		assert_ok(ec_generate(&key, &e));
		ec_public_of(key, &public_key);
		ec_free(key);
		assert_ok(roleedit_add(tuf_envelope_signed(targets),
				       "product-gateway", &public_key, &e));
	}
	write_version(&r, "1.targets", targets);
	ec_public_of(keys[LOG], &public_key);
	assert_ok(known_keys(&r, &public_key, &s, &all, &e));
	assert_false(all);
	assert_int_equal(scalars_count(s), SCALARS_MAX);
	assert_non_null(name_of(s, ROOT_OLD));
	assert_non_null(name_of(s, PRODUCT_NEW));
	assert_string_equal(name_of(s, LOG), "the wrap key");
	scalars_free(s);
	json_free(targets);
	repo_close(&r);
}

static void more_keys_of_now_than_can_be_sought_are_refused(void **state)
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
	assert_refused(known_keys(&r, NULL, &s, &all, &e), ERR_LIMIT);
	assert_null(s);
	repo_close(&r);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_published_and_staged_are_known),
		cmocka_unit_test(every_role_is_looked_through),
		cmocka_unit_test(keys_of_old_versions_are_known),
		cmocka_unit_test(keys_of_audit_logs_are_known),
		cmocka_unit_test(the_key_of_the_servers_ca_is_known),
		cmocka_unit_test(a_document_that_was_changed_is_refused),
		cmocka_unit_test(a_key_is_told_by_id_and_name),
		cmocka_unit_test(
			the_example_keys_are_known_without_a_repository),
		cmocka_unit_test(what_is_no_key_of_ours_is_passed_over),
		cmocka_unit_test(of_too_many_keys_those_of_now_are_known),
		cmocka_unit_test(
			more_keys_of_now_than_can_be_sought_are_refused),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
