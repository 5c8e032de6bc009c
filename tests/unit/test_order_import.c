/* SPDX-License-Identifier: Apache-2.0 */
/* update-server/order_import over a store and payloads on a disk. */
#include "update-server/order_import.h"

#include <fcntl.h>
#include <stdlib.h>

#include "common/mem.h"
#include "tests/unit/put_blob.h"
#include "tests/unit/tuf_repo.h"
#include "update-server/blobs.h"

#define PATH "rollout/kiosk/2.json"

struct desk {
	struct repo *repo;
	struct store *store;
	struct order_import import;
};

static int setup(void **state)
{
	struct desk *d = mem_alloc(1, sizeof(*d));
	char path[80];
	struct err e = { 0 };

	d->repo = repo_new();
	repo_publish(d->repo, "root");
	repo_delegate(d->repo, "targets", "rollout", SPARE_KEY,
		      "rollout/*/*.json");
	(void)snprintf(path, sizeof(path), "%s/db", d->repo->dir);
	assert_ok(store_open(path, &d->store, &e));
	d->import = (struct order_import){ .store = d->store,
					   .dirfd = d->repo->dirfd };
	*state = d;
	return 0;
}

static int teardown(void **state)
{
	struct desk *d = *state;

	store_close(d->store);
	repo_free(d->repo);
	free(d);
	return 0;
}

static int is_listed(void *ctx, const char *product, const char *id,
		     struct sha256 *digest, struct err *e)
{
	(void)ctx;
	(void)e;
	assert_string_equal(product, "kiosk");
	assert_string_equal(id, "2");
	memset(digest->bytes, 5, SHA256_LEN);
	return 0;
}

/* A halt, as it was uploaded; listed after what `now` lists. */
static struct json *next_after(struct desk *d, const struct json *now,
			       uint64_t number, struct sha256 *digest)
{
	struct order o = { .kind = ORDER_HALT,
			   .product = "kiosk",
			   .release = "2",
			   .number = number,
			   .issued = NOW };
	struct buf text = BUF_INIT(ORDER_BYTES_MAX);
	struct order_put put = { .path = PATH, .type = "order" };
	struct err e = { 0 };
	struct json *next;
	int fd = -1;

	memset(o.digest.bytes, 5, SHA256_LEN);
	assert_ok(order_format(&o, &text, &e));
	put.bytes = buf_slice(&text);
	sha256_of(put.bytes, digest);
	assert_ok(
		fs_replace_file(d->repo->dirfd, "upload", put.bytes, 0600, &e));
	assert_ok(fs_open(d->repo->dirfd, "upload", O_RDONLY, &fd, &e));
	assert_ok(put_blob(d->repo->dirfd, fd, text.len, digest, &e));
	fs_close(&fd);
	next = order_step_make(now, NOW, NOW + UTC_DAY, &put, 1);
	buf_done(&text);
	return next;
}

static void take_file(struct desk *d, const char *role, struct store_file *f)
{
	repo_publish(d->repo, role);
	repo_name(d->repo, role, f->name);
	f->bytes = buf_slice(&repo_file(d->repo, f->name)->bytes);
}

/* What the repository says now is what counts. */
static void import(struct desk *d)
{
	static const struct audit_by by = { .kind = AUDIT_PERSON, .now = NOW };
	struct store_role role = { .name = "rollout" };
	struct store_file files[2] = { { .targets = 0 } };
	struct store_import in = {
		.files = files, .file_count = 2, .roles = &role, .role_count = 1
	};
	struct err e = { 0 };

	take_file(d, "targets", &files[0]);
	files[0].targets = repo_version(d->repo, "targets");
	take_file(d, "rollout", &files[1]);
	role.version = repo_version(d->repo, "rollout");
	assert_ok(store_import(d->store, &in, &by, &e));
}

static int check(struct desk *d, const struct json *envelope, struct err *e)
{
	return order_import_check(&d->import, "rollout",
				  json_get(envelope, "signed"), e);
}

static void two_roles_are_the_operators(void **state)
{
	(void)state;
	assert_true(order_import_is_role("rollout"));
	assert_true(order_import_is_role("rollout-wide"));
	assert_false(order_import_is_role("targets"));
	assert_false(order_import_is_role("rollout-"));
}

static void what_counts_is_what_was_imported_last(void **state)
{
	struct desk *d = *state;
	struct json *file;
	struct err e = { 0 };
	int64_t version = 7;

	assert_ok(order_import_version(d->store, "rollout", &version, &e));
	assert_int_equal(version, 0);
	assert_ok(order_import_file(d->store, "rollout", &file, &e));
	assert_null(file);
	import(d);
	import(d);
	assert_ok(order_import_version(d->store, "rollout", &version, &e));
	assert_int_equal(version, 2);
	assert_ok(order_import_version(d->store, "rollout-wide", &version, &e));
	assert_int_equal(version, 0);
	assert_ok(order_import_file(d->store, "rollout", &file, &e));
	assert_int_equal(
		json_int(json_get(json_get(file, "signed"), "version")), 2);
	json_free(file);
	assert_ok(order_import_file(d->store, "targets", &file, &e));
	assert_int_equal(
		json_int(json_get(json_get(file, "signed"), "version")),
		repo_version(d->repo, "targets"));
	json_free(file);
}

static void the_next_file_is_judged_by_the_rules_of_a_step(void **state)
{
	struct desk *d = *state;
	struct json *file, *next;
	struct sha256 digest;
	struct err e = { 0 };

	import(d);
	assert_ok(order_import_file(d->store, "rollout", &file, &e));
	next = next_after(d, json_get(file, "signed"), 3, &digest);
	/* nobody has listed that release here */
	assert_refused_saying(check(d, next, &e), ERR_NOT_FOUND, "no release");
	d->import.release = is_listed;
	assert_ok(check(d, next, &e));
	/* a version of before */
	json_set_int(tuf_envelope_signed(next), "version", 0);
	assert_refused(check(d, next, &e), ERR_FORMAT);
	json_free(next);
	next = next_after(d, json_get(file, "signed"), 5000, &digest);
	assert_refused_saying(check(d, next, &e), ERR_REFUSED, "runs ahead");
	json_free(next);
	json_free(file);
}

/* By the store, where nobody else knows better. */
static void an_order_is_for_a_release_that_is_listed_now(void **state)
{
	static const struct audit_by by = { .kind = AUDIT_PERSON, .now = NOW };
	char detail[] = "{}";
	struct store_release release = { .product = "kiosk",
					 .id = "2",
					 .version = "2",
					 .seq = 2,
					 .detail = detail };
	struct store_import in = { .releases = &release, .release_count = 1 };
	struct desk *d = *state;
	struct json *file, *next;
	struct sha256 digest;
	struct err e = { 0 };

	import(d);
	memset(release.digest.bytes, 5, SHA256_LEN);
	assert_ok(store_import(d->store, &in, &by, &e));
	assert_ok(order_import_file(d->store, "rollout", &file, &e));
	next = next_after(d, json_get(file, "signed"), 3, &digest);
	assert_ok(check(d, next, &e));
	in.release_count = 0;
	assert_ok(store_import(d->store, &in, &by, &e));
	assert_refused_saying(check(d, next, &e), ERR_NOT_FOUND,
			      "no longer in the signed metadata");
	json_free(next);
	json_free(file);
}

/* What counts now and cannot be read is not taken for nothing. */
static void a_file_that_is_gone_stops_everything(void **state)
{
	static const struct audit_by by = { .kind = AUDIT_PERSON, .now = NOW };
	static const char *const both[] = { "rollout", "rollout-wide" };
	struct desk *d = *state;
	struct json *file, *next;
	struct sha256 digest;
	struct err e = { 0 };

	import(d);
	d->import.release = is_listed;
	assert_ok(order_import_file(d->store, "rollout", &file, &e));
	next = next_after(d, json_get(file, "signed"), 3, &digest);
	assert_ok(check(d, next, &e));
	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		struct store_role role = { .version = 77 };
		struct store_import in = { .roles = &role, .role_count = 1 };

		strcpy(role.name, both[i]);
		assert_ok(store_import(d->store, &in, &by, &e));
		assert_refused_saying(check(d, next, &e), ERR_NOT_FOUND,
				      both[i]);
		import(d); /* and rollout is there again */
	}
	json_free(next);
	json_free(file);
}

static void a_document_that_is_not_there_is_no_order(void **state)
{
	struct desk *d = *state;
	struct json *file, *next;
	struct sha256 digest;
	char hex[SHA256_HEX_LEN], name[100];
	struct err e = { 0 };

	import(d);
	d->import.release = is_listed;
	assert_ok(order_import_file(d->store, "rollout", &file, &e));
	next = next_after(d, json_get(file, "signed"), 3, &digest);
	sha256_format(&digest, hex);
	(void)snprintf(name, sizeof(name), "blobs/%.2s/%s", hex, hex);
	/* as long, and other bytes */
	assert_ok(fs_replace_file(d->repo->dirfd, name, slice_of("{}"), 0600,
				  &e));
	assert_refused(check(d, next, &e), ERR_UNTRUSTED);
	assert_ok(fs_remove(d->repo->dirfd, name, &e));
	assert_refused(check(d, next, &e), ERR_NOT_FOUND);
	json_free(next);
	json_free(file);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_roles_are_the_operators),
		TEST(what_counts_is_what_was_imported_last),
		TEST(the_next_file_is_judged_by_the_rules_of_a_step),
		TEST(an_order_is_for_a_release_that_is_listed_now),
		TEST(a_file_that_is_gone_stops_everything),
		TEST(a_document_that_is_not_there_is_no_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
