/* SPDX-License-Identifier: Apache-2.0 */
/*
 * update-server/order_trust, the operator's own TUF client, over a server that
 * is a repository in memory: what the wire would bring is what it hands out.
 */
#include "update-server/order_trust.h"

#include "common/utc.h"
#include "tests/unit/tuf_repo.h"

#define DOCUMENT "rollout/kiosk/2.json"

static struct desk {
	struct repo *repo;
	char pinned[128], folder[128]; /* "": operator.conf names none */
	unsigned pins; /* how often the pinned root was wanted */
	struct order_trust trust;
} desk;

/* ---- the server, and operator.conf --------------------------------------- */

static struct people_client *people(void)
{
	return (struct people_client *)(void *)&desk;
}

int people_trust(const struct people_client *c, enum people_trust what,
		 char out[PATH_MAX_LEN], struct err *e)
{
	const char *path =
		what == PEOPLE_TRUST_ROOT ? desk.pinned : desk.folder;

	assert_ptr_equal(c, people());
	desk.pins += what == PEOPLE_TRUST_ROOT;
	if (!path[0])
		return err_set(e, ERR_CONFIG, "[trust] root is not set");
	return text_format(out, PATH_MAX_LEN, e, "%s", path);
}

int people_fetch(struct people_client *c, const char *path, struct buf *out,
		 struct err *e)
{
	static const char metadata[] = "/metadata/";
	const size_t len = sizeof(metadata) - 1;

	assert_ptr_equal(c, people());
	assert_int_equal(path[0], '/');
	return repo_fetch(desk.repo,
			  strncmp(path, metadata, len) == 0 ? path + len
							    : path + 1,
			  out->max, out, e);
}

/* ---- what is published --------------------------------------------------- */

static void list(const char *role, const char *id, bool nightly, uint8_t digest)
{
	struct release r = { .product = "kiosk",
			     .version = "x",
			     .seq = 2,
			     .content_seq = 2,
			     .issued = NOW,
			     .health_deadline_sec = 300,
			     .component = "main",
			     .content = PACKAGE_TREE,
			     .attributes = TREE_APP,
			     .manifest_len = 1000,
			     .content_len = 123456,
			     .entries = 17,
			     .kind = PACKAGE_FULL,
			     .head_len = PACKAGE_HEADER_LEN + SHA256_LEN,
			     .package_len = 5000,
			     .window_len = 1 << 20,
			     .apply_memory = 4 << 20,
			     .nightly = nightly };
	char path[PATH_MAX_LEN];
	struct err e = { 0 };

	strcpy(r.id, id);
	memset(r.digest.bytes, digest, SHA256_LEN);
	assert_ok(release_path(&r, path, &e));
	json_set(member(repo_body(desk.repo, role), "targets"), path,
		 release_format(&r));
}

/* Good on the day of the test, for that is the clock that is asked. */
static void date_all(void)
{
	char since[UTC_TEXT_LEN], until[UTC_TEXT_LEN];

	utc_format(utc_now() - UTC_DAY, since);
	utc_format(utc_now() + 30 * UTC_DAY, until);
	for (const struct repo_role *r = desk.repo->roles; r; r = r->next) {
		struct json *body = tuf_envelope_signed(r->envelope);

		json_set_text(body, "issued", since);
		json_set_text(body, "expires", until);
	}
}

static void publish(void)
{
	static const char *const roles[] = { "rollout", "rollout-wide",
					     "product-kiosk", "nightly" };

	date_all();
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (repo_find(desk.repo, roles[i]))
			repo_publish(desk.repo, roles[i]);
	repo_release(desk.repo);
}

static int setup(void **state)
{
	struct repo *r = repo_new();
	char name[TUF_NAME_MAX];
	struct err e = { 0 };

	(void)state;
	desk = (struct desk){ .repo = r, .trust.dirfd = -1 };
	(void)snprintf(desk.pinned, sizeof(desk.pinned), "%s/pinned", r->dir);
	(void)snprintf(desk.folder, sizeof(desk.folder), "%s/trust", r->dir);
	repo_delegate(r, "targets", "product-kiosk", OTHER_KEY, "kiosk/*/*");
	repo_delegate(r, "targets", "nightly", SPARE_KEY, "nightly/*/*/*");
	repo_delegate(r, "targets", "rollout", SPARE_KEY, "rollout/*/*.json");
	repo_delegate(r, "targets", "rollout-wide", SPARE_KEY,
		      "rollout-wide/*/*.json");
	json_set_int(repo_body(r, "root"), "version", 0);
	date_all();
	repo_publish(r, "root");
	repo_name(r, "root", name);
	assert_ok(fs_replace_file(r->dirfd, "pinned",
				  buf_slice(&repo_file(r, name)->bytes), 0600,
				  &e));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	order_trust_close(&desk.trust);
	repo_free(desk.repo);
	return 0;
}

static int open_trust(struct err *e)
{
	order_trust_close(&desk.trust);
	return order_trust_open(people(), &desk.trust, e);
}

/* ---- opening ------------------------------------------------------------- */

static void what_is_trusted_begins_with_the_pinned_root(void **state)
{
	const struct json *part;
	struct err e = { 0 };

	(void)state;
	publish();
	assert_ok(open_trust(&e));
	assert_int_equal(desk.trust.environment, ENV_LAB);
	assert_int_equal(desk.pins, 1);
	assert_ok(order_trust_role(&desk.trust, "rollout", &part, &e));
	assert_int_equal(json_int(json_get(part, "version")), 1);
	assert_ok(order_trust_role(&desk.trust, "rollout-wide", &part, &e));
	assert_non_null(
		json_get(order_trust_targets(&desk.trust), "delegations"));
	/* From then on it is what was verified last. */
	assert_ok(open_trust(&e));
	assert_int_equal(desk.pins, 1);
}

static void without_a_pinned_root_nothing_is_trusted(void **state)
{
	struct err e = { 0 };

	(void)state;
	publish();
	desk.pinned[0] = 0;
	assert_refused_saying(open_trust(&e), ERR_CONFIG, "[trust] root");
	desk.folder[0] = 0;
	assert_refused(open_trust(&e), ERR_CONFIG);
}

static void a_server_with_other_keys_is_not_believed(void **state)
{
	struct err e = { 0 };

	(void)state;
	publish();
	repo_find(desk.repo, "targets")->signers = KEY(OTHER_KEY);
	repo_release(desk.repo);
	assert_refused(open_trust(&e), ERR_UNTRUSTED);
	repo_find(desk.repo, "targets")->signers = KEY(TARGETS_KEY);
	repo_find(desk.repo, "rollout-wide")->signers = KEY(OTHER_KEY);
	publish();
	assert_refused_saying(open_trust(&e), ERR_UNTRUSTED, "rollout-wide");
}

static void a_role_that_was_never_signed_is_none(void **state)
{
	const struct json *part;
	struct err e = { 0 };

	(void)state;
	json_set(member(repo_body(desk.repo, "targets"), "delegations"),
		 "roles", json_new_array());
	publish();
	assert_ok(open_trust(&e));
	assert_refused_saying(
		order_trust_role(&desk.trust, "rollout", &part, &e),
		ERR_NOT_FOUND, "rollout was never signed");
	assert_refused(order_trust_role(&desk.trust, "rollout-wide", &part, &e),
		       ERR_NOT_FOUND);
}

/* ---- releases ------------------------------------------------------------ */

static void assert_release(const char *id, uint8_t digest)
{
	struct release r;
	struct err e = { 0 };

	assert_ok(order_trust_release(&desk.trust, "kiosk", id, &r, &e));
	assert_string_equal(r.id, id);
	assert_int_equal(r.digest.bytes[0], digest);
	release_done(&r);
}

static void a_release_is_found_whoever_lists_it(void **state)
{
	struct release r;
	struct err e = { 0 };

	(void)state;
	list("targets", "1", false, 4);
	list("product-kiosk", "2", false, 5);
	list("nightly", "n2", true, 6);
	/* What CI signs alone comes after what engineers call the same. */
	list("nightly", "2", true, 7);
	publish();
	assert_ok(open_trust(&e));
	assert_release("1", 4);
	assert_release("2", 5);
	assert_release("n2", 6);
	assert_refused_saying(
		order_trust_release(&desk.trust, "kiosk", "3", &r, &e),
		ERR_NOT_FOUND, "release 3 of kiosk");
	release_done(&r);
	assert_refused(order_trust_release(&desk.trust, "door", "2", &r, &e),
		       ERR_NOT_FOUND);
	release_done(&r);
	assert_refused(order_trust_release(&desk.trust, "../x", "2", &r, &e),
		       ERR_USAGE);
	release_done(&r);
	assert_refused(order_trust_release(&desk.trust, "kiosk", "", &r, &e),
		       ERR_USAGE);
	release_done(&r);
}

/* Who withholds a role must not hide what it lists. */
static void a_role_that_is_withheld_is_an_error(void **state)
{
	static const char *const files[] = { "1.product-kiosk.json",
					     "1.nightly.json" };
	struct release r;
	struct err e = { 0 };

	(void)state;
	publish();
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		assert_ok(open_trust(&e));
		strcpy(desk.repo->broken, files[i]);
		assert_refused(
			order_trust_release(&desk.trust, "kiosk", "2", &r, &e),
			ERR_NETWORK);
		release_done(&r);
		desk.repo->broken[0] = 0;
	}
}

static int count_package(void *ctx, const struct tuf_target *t,
			 const struct release *r, struct err *e)
{
	unsigned *seen = ctx;

	(void)e;
	assert_true(t->has_sha256);
	*seen = *seen * 10 + r->digest.bytes[0];
	return 0;
}

static int end_it(void *ctx, const struct tuf_target *t,
		  const struct release *r, struct err *e)
{
	(void)ctx;
	(void)t;
	(void)r;
	return err_set(e, ERR_BUSY, "enough");
}

static void each_package_of_a_release_is_seen(void **state)
{
	unsigned seen = 0;
	struct err e = { 0 };

	(void)state;
	list("targets", "1", false, 4);
	list("product-kiosk", "2", false, 5);
	list("nightly", "n2", true, 6);
	publish();
	assert_ok(open_trust(&e));
	assert_ok(order_trust_packages(&desk.trust, "kiosk", "1", count_package,
				       &seen, &e));
	assert_int_equal(seen, 4);
	assert_ok(order_trust_packages(&desk.trust, "kiosk", "2", count_package,
				       &seen, &e));
	assert_int_equal(seen, 45);
	assert_ok(order_trust_packages(&desk.trust, "kiosk", "n2",
				       count_package, &seen, &e));
	assert_int_equal(seen, 456);
	assert_refused(order_trust_packages(&desk.trust, "kiosk", "2", end_it,
					    NULL, &e),
		       ERR_BUSY);
	assert_refused_saying(order_trust_packages(&desk.trust, "kiosk", "3",
						   count_package, &seen, &e),
			      ERR_NOT_FOUND, "release 3 of kiosk");
	assert_refused(order_trust_packages(&desk.trust, "door", "2",
					    count_package, &seen, &e),
		       ERR_NOT_FOUND);
	assert_int_equal(seen, 456);
}

/* Nor what of a release is missing. */
static void a_role_that_is_withheld_hides_no_package(void **state)
{
	static const char *const files[] = { "1.product-kiosk.json",
					     "1.nightly.json" };
	unsigned seen = 0;
	struct err e = { 0 };

	(void)state;
	list("targets", "1", false, 4);
	publish();
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		assert_ok(open_trust(&e));
		strcpy(desk.repo->broken, files[i]);
		assert_refused(order_trust_packages(&desk.trust, "kiosk", "1",
						    count_package, &seen, &e),
			       ERR_NETWORK);
		desk.repo->broken[0] = 0;
	}
}

/* ---- documents ----------------------------------------------------------- */

static const struct json *entry_of(const char *path)
{
	return json_get(json_get(desk.trust.one, "targets"), path);
}

static void a_document_is_what_its_entry_says(void **state)
{
	struct buf out = BUF_INIT(TUF_DOCUMENT_MAX);
	struct err e = { 0 };
	const struct json *entry;

	(void)state;
	repo_document(desk.repo, "rollout", DOCUMENT, "{\"a\":1}");
	publish();
	assert_ok(open_trust(&e));
	entry = entry_of(DOCUMENT);
	assert_ok(order_trust_document(&desk.trust, DOCUMENT, entry, &out, &e));
	assert_string_equal(buf_text(&out), "{\"a\":1}");
	assert_ok(order_trust_check(entry, slice_of("{\"a\":1}"), &e));
	assert_refused(order_trust_check(entry, slice_of("{\"a\":2}"), &e),
		       ERR_UNTRUSTED);
	assert_refused(order_trust_check(entry, slice_of("{\"a\":1}\n"), &e),
		       ERR_UNTRUSTED);
	/* under another name there is none */
	assert_refused(order_trust_document(&desk.trust, "rollout/kiosk/3.json",
					    entry, &out, &e),
		       ERR_NOT_FOUND);
	buf_done(&out);
}

static void other_bytes_in_its_place_are_found(void **state)
{
	struct buf out = BUF_INIT(TUF_DOCUMENT_MAX);
	struct err e = { 0 };
	char url[PATH_MAX_LEN], name[TUF_NAME_MAX];
	struct sha256 digest;

	(void)state;
	repo_document(desk.repo, "rollout", DOCUMENT, "{\"a\":1}");
	publish();
	assert_ok(open_trust(&e));
	sha256_of(slice_of("{\"a\":1}"), &digest);
	assert_ok(release_url_path(DOCUMENT, &digest, url, &e));
	assert_ok(text_format(name, sizeof(name), &e, "targets/%s", url));
	repo_put(desk.repo, name, slice_of("{\"a\":2}"), true);
	assert_refused_saying(order_trust_document(&desk.trust, DOCUMENT,
						   entry_of(DOCUMENT), &out,
						   &e),
			      ERR_UNTRUSTED, "other bytes");
	assert_int_equal(out.len, 0);
	buf_done(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_is_trusted_begins_with_the_pinned_root),
		TEST(without_a_pinned_root_nothing_is_trusted),
		TEST(a_server_with_other_keys_is_not_believed),
		TEST(a_role_that_was_never_signed_is_none),
		TEST(a_release_is_found_whoever_lists_it),
		TEST(a_role_that_is_withheld_is_an_error),
		TEST(each_package_of_a_release_is_seen),
		TEST(a_role_that_is_withheld_hides_no_package),
		TEST(a_document_is_what_its_entry_says),
		TEST(other_bytes_in_its_place_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
