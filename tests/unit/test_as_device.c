/* SPDX-License-Identifier: Apache-2.0 */
/* update-server/as_device over a store that was imported to, and its disk. */
#include "update-server/as_device.h"

#include "common/release.h"
#include "tests/unit/tuf_repo.h"

#define LINE                                                                   \
	"sixty-four bytes of a package: a head that is signed, and a body\n"
#define PACKAGE LINE LINE LINE LINE LINE LINE LINE LINE
#define HEAD    (PACKAGE_HEADER_LEN + SHA256_LEN)

struct desk {
	struct repo *repo;
	struct store *store;
	struct rollout what;
	char blob[128];
};

static void put_blob(const struct desk *d, const char *text)
{
	struct err e = { 0 };

	assert_ok(fs_replace_file(d->repo->dirfd, d->blob, slice_of(text), 0600,
				  &e));
}

/* One byte of it is another. */
static void put_changed(const struct desk *d, size_t at)
{
	char text[] = PACKAGE;

	text[at] ^= 1;
	put_blob(d, text);
}

static void list(struct desk *d)
{
	struct release r = { .product = "kiosk",
			     .id = "2",
			     .version = "x",
			     .seq = 2,
			     .content_seq = 2,
			     .issued = NOW - UTC_DAY,
			     .health_deadline_sec = 300,
			     .component = "main",
			     .content = PACKAGE_TREE,
			     .attributes = TREE_APP,
			     .manifest_len = 1000,
			     .content_len = 123456,
			     .entries = 17,
			     .kind = PACKAGE_FULL,
			     .head_len = HEAD,
			     .package_len = strlen(PACKAGE),
			     .window_len = 1 << 20,
			     .apply_memory = 4 << 20 };
	char path[PATH_MAX_LEN], hex[SHA256_HEX_LEN];
	struct err e = { 0 };

	r.digest.bytes[0] = 7;
	sha256_of(slice_of(PACKAGE), &r.package_digest);
	sha256_of(slice_sub(slice_of(PACKAGE), 0, HEAD), &r.head_digest);
	assert_ok(release_path(&r, path, &e));
	json_set(member(repo_body(d->repo, "targets"), "targets"), path,
		 release_format(&r));
	sha256_format(&r.package_digest, hex);
	assert_ok(text_format(d->blob, sizeof(d->blob), &e, "blobs/%.2s", hex));
	assert_ok(fs_mkdirs(d->repo->dirfd, d->blob, 0700, &e));
	assert_ok(text_format(d->blob, sizeof(d->blob), &e, "blobs/%.2s/%s",
			      hex, hex));
	put_blob(d, PACKAGE);
	d->what = (struct rollout){ .product = "kiosk",
				    .release = "2",
				    .digest = r.digest };
}

static struct store_file file_of(struct desk *d, const char *role)
{
	struct store_file f = { .root = 0 };
	char name[TUF_NAME_MAX];

	repo_name(d->repo, role, name);
	strcpy(f.name, name);
	f.bytes = buf_slice(&repo_file(d->repo, name)->bytes);
	return f;
}

static void import(struct desk *d)
{
	static const struct audit_by by = { .kind = AUDIT_SYSTEM, .now = NOW };
	struct store_file files[2];
	struct store_import in = { .files = files, .file_count = 2 };
	struct store_online online = { 0 };
	struct err e = { 0 };

	repo_release(d->repo);
	files[0] = file_of(d, "root");
	files[0].root = repo_version(d->repo, "root");
	files[1] = file_of(d, "targets");
	files[1].targets = repo_version(d->repo, "targets");
	assert_ok(store_import(d->store, &in, &by, &e));
	online.snapshot = file_of(d, "snapshot");
	online.timestamp =
		buf_slice(&repo_file(d->repo, "timestamp.json")->bytes);
	assert_ok(store_online(d->store, &online, &by, &e));
}

static int setup(void **state)
{
	struct desk *d = mem_alloc(1, sizeof(*d));
	char path[96];
	struct err e = { 0 };

	d->repo = repo_new();
	(void)snprintf(path, sizeof(path), "%s/db", d->repo->dir);
	assert_ok(store_open(path, &d->store, &e));
	list(d);
	import(d);
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

static int ask(struct desk *d, int64_t now, struct err *e)
{
	const struct as_device device = { .store = d->store,
					  .dirfd = d->repo->dirfd,
					  .folder = "incoming/as-device",
					  .what = &d->what,
					  .now = now };

	return as_device_check(&device, e);
}

static void what_is_served_as_signed_is_taken(void **state)
{
	struct desk *d = *state;
	struct err e = { 0 };
	struct stat st;

	assert_ok(ask(d, NOW, &e));
	assert_ok(ask(d, NOW, &e));
	/* Nothing is left of it. */
	assert_refused(fs_stat(d->repo->dirfd, "incoming/as-device", &st, &e),
		       ERR_NOT_FOUND);
}

static void a_package_is_looked_at_on_the_disk(void **state)
{
	struct desk *d = *state;
	struct err e = { 0 };

	put_blob(d, "cut off");
	assert_refused_saying(ask(d, NOW, &e), ERR_UNTRUSTED, "7 bytes, not");
	put_changed(d, HEAD - 1);
	assert_refused_saying(ask(d, NOW, &e), ERR_UNTRUSTED,
			      "its head is not the signed one");
	/* What follows it is for `release verify`. */
	put_changed(d, HEAD);
	assert_ok(ask(d, NOW, &e));
	assert_ok(fs_remove(d->repo->dirfd, d->blob, &e));
	assert_refused_saying(ask(d, NOW, &e), ERR_NOT_FOUND,
			      "it is missing here");
}

static void another_content_of_that_name_is_refused(void **state)
{
	struct desk *d = *state;
	struct err e = { 0 };

	d->what.digest.bytes[0]++;
	assert_refused_saying(ask(d, NOW, &e), ERR_UNTRUSTED,
			      "another content");
	strcpy(d->what.release, "3");
	assert_refused_saying(ask(d, NOW, &e), ERR_NOT_FOUND,
			      "is not in the signed metadata");
}

static void what_has_ended_is_refused(void **state)
{
	struct desk *d = *state;
	struct err e = { 0 };

	assert_refused_saying(ask(d, NOW + 4000 * UTC_DAY, &e), ERR_EXPIRED,
			      "a device would refuse release 2");
}

/* Another key's signature over the very same. */
static void what_nobody_may_sign_is_refused(void **state)
{
	struct desk *d = *state;
	struct store_online online = { 0 };
	const struct audit_by by = { .kind = AUDIT_SYSTEM, .now = NOW };
	struct buf spoiled = BUF_INIT(STORE_METADATA_MAX);
	struct err e = { 0 };
	uint8_t *sig;

	online.snapshot = file_of(d, "snapshot");
	assert_ok(buf_add(
		&spoiled,
		buf_slice(&repo_file(d->repo, "timestamp.json")->bytes), &e));
	sig = memmem(spoiled.ptr, spoiled.len, "\"sig\"", 5);
	assert_non_null(sig);
	sig[20] = sig[20] == '0' ? '1' : '0';
	online.timestamp = buf_slice(&spoiled);
	assert_ok(store_online(d->store, &online, &by, &e));
	assert_refused(ask(d, NOW, &e), ERR_UNTRUSTED);
	buf_done(&spoiled);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_served_as_signed_is_taken),
		TEST(a_package_is_looked_at_on_the_disk),
		TEST(another_content_of_that_name_is_refused),
		TEST(what_has_ended_is_refused),
		TEST(what_nobody_may_sign_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
