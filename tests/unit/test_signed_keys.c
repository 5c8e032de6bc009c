/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of an audit log as an auditor reads them: whom root vouches for. */
#include "update-server/signed_keys.h"

#include "tests/unit/box.h"
#include "tests/unit/said.h"
#include "tests/unit/tuf_repo.h"

#define KEYS 2

struct office {
	struct box box;
	struct repo *r;
	struct log_keys keys;
	char folder[96], root[96];
};

static void write_file(int dir, const char *name, struct slice bytes)
{
	struct err e;

	assert_ok(fs_replace_file(dir, name, bytes, 0644, &e));
}

/* What a signer's publish writes: every file where its name says. */
static void publish_into(struct office *o)
{
	const struct repo_file *root = repo_file(o->r, "1.root.json");
	struct err e;

	if (faccessat(o->box.dir, "published", F_OK, 0) == 0)
		assert_ok(fs_remove_tree(o->box.dir, "published", &e));
	for (const struct repo_file *f = o->r->files; f; f = f->next) {
		const bool document = strchr(f->name, '/') != NULL;
		int dir = box_folder(&o->box, document ? "published/targets"
						       : "published/metadata");

		/* The newest is the first of its name. */
		if (*f->name && repo_file(o->r, f->name) == f)
			write_file(dir,
				   document ? strchr(f->name, '/') + 1
					    : f->name,
				   buf_slice(&f->bytes));
		fs_close(&dir);
	}
	write_file(o->box.dir, "pinned.json", buf_slice(&root->bytes));
}

static void list(struct office *o, const struct log_keys *keys)
{
	struct json *j = log_keys_format(keys);
	struct buf text = BUF_INIT(STATEMENT_MAX_LEN);
	struct err e;

	assert_ok(json_canonical(j, &text, &e));
	repo_document(o->r, "targets", LOG_KEYS_PATH, buf_text(&text));
	repo_publish(o->r, "targets");
	json_free(j);
	buf_done(&text);
}

static int setup(void **state)
{
	struct office *o = mem_alloc(1, sizeof(*o));

	box_open(&o->box);
	o->r = repo_new();
	o->keys.count = KEYS;
	o->keys.issued = NOW - UTC_DAY;
	for (unsigned i = 0; i < KEYS; i++) {
		ec_public_of(o->r->keys[i + 4], &o->keys.at[i].key);
		o->keys.at[i].until = NOW + 30 * UTC_DAY;
	}
	(void)snprintf(o->folder, sizeof(o->folder), "%s/published",
		       o->box.path);
	(void)snprintf(o->root, sizeof(o->root), "%s/pinned.json", o->box.path);
	list(o, &o->keys);
	publish_into(o);
	*state = o;
	return 0;
}

static int teardown(void **state)
{
	struct office *o = *state;

	repo_free(o->r);
	box_close(&o->box);
	free(o);
	return 0;
}

static int load(const struct office *o, int64_t now, struct log_keys *out,
		struct err *e)
{
	return signed_keys_load(o->folder, o->root, now, out, e);
}

static void refused(struct office *o, enum err_code code)
{
	struct log_keys got;
	struct err e;

	publish_into(o);
	assert_refused(load(o, NOW, &got, &e), code);
	assert_non_null(strstr(e.msg, o->folder));
}

static void what_targets_list_is_read(void **state)
{
	struct office *o = *state;
	struct log_keys got;
	struct err e;

	assert_ok(load(o, NOW, &got, &e));
	assert_int_equal(got.count, KEYS);
	for (size_t i = 0; i < KEYS; i++)
		assert_true(log_keys_find(&got, &o->keys.at[i].key) < KEYS);
}

static int load_aloud(void *ctx)
{
	struct log_keys got;
	struct err e;

	return load(ctx, NOW, &got, &e) ? 1 : 0;
}

/* What it needs meanwhile is gone afterwards, whether it went well or not: it
 * would say so. */
static void nothing_is_left_behind(void **state)
{
	struct office *o = *state;
	static struct said s;

	said_run(&s, load_aloud, o);
	assert_int_equal(s.status, 0);
	assert_string_equal(s.err, "");
	write_file(o->box.dir, "pinned.json", slice_of("{}"));
	said_run(&s, load_aloud, o);
	assert_int_equal(s.status, 1);
	assert_string_equal(s.err, "");
}

/* Neither an older version nor a file with another name. */
static void the_newest_targets_count(void **state)
{
	static const char *const others[] = { "99x.targets.json",
					      ".targets.json", "targets.json",
					      "99.targets.jsox",
					      "99.product.json" };
	struct office *o = *state;
	struct log_keys got;
	struct err e;
	int dir;

	o->keys.count = 1;
	list(o, &o->keys);
	publish_into(o);
	dir = box_folder(&o->box, "published/metadata");
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		write_file(dir, others[i], slice_of("{}"));
	fs_close(&dir);
	assert_ok(load(o, NOW, &got, &e));
	assert_int_equal(got.count, 1);
}

static void a_newer_root_is_followed_from_the_pinned_one(void **state)
{
	struct office *o = *state;
	struct log_keys got;
	struct err e;

	repo_grant(o->r, "targets", KEY(SPARE_KEY), 1);
	repo_publish(o->r, "root");
	publish_into(o);
	/* What the former keys signed counts no more. */
	assert_refused(load(o, NOW, &got, &e), ERR_UNTRUSTED);
	repo_publish(o->r, "targets");
	publish_into(o);
	assert_ok(load(o, NOW, &got, &e));
	assert_refused(load(o, NOW + 31 * UTC_DAY, &got, &e), ERR_EXPIRED);
}

static void who_did_not_sign_lists_nothing(void **state)
{
	struct office *o = *state;
	struct json *evil = repo_copy(o->r, "targets");
	char name[TUF_NAME_MAX];

	repo_name(o->r, "targets", name);
	repo_serve(o->r, name, evil, KEY(OTHER_KEY), true);
	refused(o, ERR_UNTRUSTED);
	json_free(evil);
}

static void another_root_is_not_the_pinned_one(void **state)
{
	struct office *o = *state;
	struct log_keys got;
	struct err e;

	write_file(o->box.dir, "pinned.json", slice_of("{}"));
	assert_refused_saying(load(o, NOW, &got, &e), ERR_FORMAT,
			      "pinned.json");
	assert_int_equal(unlinkat(o->box.dir, "pinned.json", 0), 0);
	assert_refused_saying(load(o, NOW, &got, &e), ERR_NOT_FOUND,
			      "pinned.json");
}

static void a_changed_or_missing_list_is_refused(void **state)
{
	struct office *o = *state;
	struct repo_file *f = o->r->files;

	while (!strchr(f->name, '/'))
		f = f->next;
	f->bytes.ptr[5] ^= 1;
	refused(o, ERR_UNTRUSTED);
	f->bytes.ptr[5] ^= 1;
	f->name[0] = 0;
	refused(o, ERR_NETWORK);
}

static void what_is_signed_and_no_list_is_refused(void **state)
{
	struct office *o = *state;

	repo_document(o->r, "targets", LOG_KEYS_PATH, "no list");
	repo_publish(o->r, "targets");
	refused(o, ERR_FORMAT);
	json_remove(member(repo_body(o->r, "targets"), "targets"),
		    LOG_KEYS_PATH);
	repo_publish(o->r, "targets");
	refused(o, ERR_NOT_FOUND);
}

static void a_folder_that_is_none_of_a_publish_is_told(void **state)
{
	struct office *o = *state;
	struct log_keys got;
	struct err e;
	int dir;

	assert_ok(fs_remove_tree(o->box.dir, "published/metadata", &e));
	assert_refused_saying(load(o, NOW, &got, &e), ERR_NOT_FOUND, o->folder);
	dir = box_folder(&o->box, "published/metadata");
	fs_close(&dir);
	assert_refused_saying(load(o, NOW, &got, &e), ERR_NOT_FOUND,
			      "holds no targets");
	assert_ok(fs_remove_tree(o->box.dir, "published", &e));
	assert_refused_saying(load(o, NOW, &got, &e), ERR_NOT_FOUND, o->folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_targets_list_is_read),
		TEST(nothing_is_left_behind),
		TEST(the_newest_targets_count),
		TEST(a_newer_root_is_followed_from_the_pinned_one),
		TEST(who_did_not_sign_lists_nothing),
		TEST(another_root_is_not_the_pinned_one),
		TEST(a_changed_or_missing_list_is_refused),
		TEST(what_is_signed_and_no_list_is_refused),
		TEST(a_folder_that_is_none_of_a_publish_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
