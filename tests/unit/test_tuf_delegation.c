/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tuf_delegation.h"

#include "tests/unit/tuf_repo.h"

/* ---- patterns ------------------------------------------------------------ */

static void stars_and_question_marks_stay_within_a_component(void **state)
{
	static const struct {
		const char *pattern, *path;
		bool matches;
	} cases[] = {
		{ "a", "a", true },
		{ "a", "b", false },
		{ "a", "A", false },
		{ "a", "ab", false },
		{ "", "", true },
		{ "", "a", false },
		{ "*", "", true },
		{ "*", "abc", true },
		{ "*", "a/b", false },
		{ "*/*", "a/b", true },
		{ "*/*", "a", false },
		{ "*/*", "a/b/c", false },
		{ "*/b", "a/c/b", false },
		{ "*b", "ab", true },
		{ "*b", "a/b", false },
		{ "a*c", "abbbc", true },
		{ "a*c", "ab/c", false },
		{ "*.tar.*", "x.tar.gz", true },
		{ "*.tar.*", "x.tar.tar.gz", true },
		{ "a*b*c", "a-b-b-c", true },
		{ "a*b*c", "a-b-b-d", false },
		{ "?", "a", true },
		{ "?", "/", false },
		{ "?", "", false },
		{ "a?c", "abc", true },
		{ "a?c", "a/c", false },
		{ "[ab]", "a", false },
		{ "[ab]", "[ab]", true },
		{ "\\*", "*", false },
		{ "**", "a/b", false },
		{ "**", "ab", true },
		{ "a/*", "a/", true },
		{ "a/*", "a", false },
		{ "\xc3\xa9*", "\xc3\xa9x", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (tuf_pattern_matches(cases[i].pattern, cases[i].path) !=
		    cases[i].matches)
			fail_msg("%s and %s", cases[i].pattern, cases[i].path);
}

static void hostile_patterns_take_no_time(void **state)
{
	char pattern[4096], path[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(pattern) - 1; i++)
		pattern[i] = i % 2 ? 'a' : '*';
	memset(path, 'a', sizeof(path) - 1);
	pattern[sizeof(pattern) - 1] = path[sizeof(path) - 1] = 0;
	pattern[sizeof(pattern) - 2] = 'b';
	assert_false(tuf_pattern_matches(pattern, path));
}

/* ---- the delegations of a role ------------------------------------------- */

static int setup(void **state)
{
	*state = repo_new();
	repo_trust(*state);
	return 0;
}

static int teardown(void **state)
{
	repo_free(*state);
	return 0;
}

/* Delegate from one role to another, whose key is `key`. */
static struct json *delegate(struct repo *r, const char *from, const char *to,
			     unsigned key, const char *pattern)
{
	struct json *body = repo_body(r, from), *role = json_new_object();
	struct json *all = member(body, "delegations");
	struct json *paths = json_new_array();

	if (!all) {
		all = json_new_object();
		json_set(all, "keys", json_new_object());
		json_set(all, "roles", json_new_array());
		json_set(body, "delegations", all);
	}
	repo_assign(r, member(all, "keys"), role, KEY(key), 1);
	json_set_text(role, "name", to);
	json_set_bool(role, "terminating", false);
	json_add(paths, json_new_text(pattern));
	json_set(role, "paths", paths);
	json_add(member(all, "roles"), role);
	if (!repo_find(r, to)) {
		repo_add(r, to, TUF_TARGETS, KEY(key));
		json_set(repo_body(r, to), "targets", json_new_object());
	}
	return role;
}

static struct tuf_client *open_client(struct repo *r)
{
	struct tuf_client *c = NULL;
	struct err e;

	assert_ok(tuf_client_open(r->dirfd, &r->policy, r->now, &c, &e));
	assert_ok(tuf_client_refresh(c, &r->source, &e));
	r->asked[0] = 0;
	return c;
}

static void delegations_are_read_strictly(void **state)
{
	static const struct {
		const char *member, *value;
	} wrong[] = {
		{ "name", "1" },           { "name", "\"root\"" },
		{ "name", "\"targets\"" }, { "name", "\"../x\"" },
		{ "name", "\"Upper\"" },   { "name", "\"\"" },
		{ "terminating", "0" },    { "paths", "\"*\"" },
		{ "paths", "[1]" },        { "path_hash_prefixes", "[\"00\"]" },
		{ "threshold", "2" },      { "threshold", "0" },
		{ "keyids", "[]" },        { "keyids", "[\"unknown\"]" },
	};
	struct repo *r = *state;
	struct tuf_rules rules = r->policy.rules;
	struct json *list = NULL, *all;
	char text[64];
	struct err e;

	delegate(r, "targets", "role", SPARE_KEY, "*");
	all = member(repo_body(r, "targets"), "delegations");
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct json *copy = json_clone(all);
		struct json *role = (struct json *)(uintptr_t)json_at(
			json_get(copy, "roles"), 0);

		assert_ok(tuf_delegations_check(&rules, copy, &e));
		snprintf(text, sizeof(text), "[%s]", wrong[i].value);
		assert_ok(json_parse(slice_of(text), &list, &e));
		json_set(role, wrong[i].member, json_clone(json_at(list, 0)));
		json_free(list);
		assert_int_equal(tuf_delegations_check(&rules, copy, &e), -1);
		json_free(copy);
	}
	delegate(r, "targets", "role", SPARE_KEY, "*");
	assert_refused(tuf_delegations_check(&rules, all, &e), ERR_FORMAT);
}

static struct json *make_bins(struct repo *r, int64_t bits, const char *prefix)
{
	struct json *all = json_new_object(), *bins = json_new_object();
	struct json *keys = json_new_object();

	repo_assign(r, keys, bins, KEY(SPARE_KEY), 1);
	json_set_int(bins, "bit_length", bits);
	json_set_text(bins, "name_prefix", prefix);
	json_set(all, "keys", keys);
	json_set(all, "succinct_roles", bins);
	return all;
}

static int check_bins(struct repo *r, int64_t bits, struct err *e)
{
	struct json *all = make_bins(r, bits, "bin");
	int rc = tuf_delegations_check(&r->policy.rules, all, e);

	json_free(all);
	return rc;
}

static void bins_are_named_by_the_first_bits_of_the_digest(void **state)
{
	static const struct {
		const char *path;
		int64_t bits;
		const char *name;
	} cases[] = {
		{ "too", 1, "bin-1" },
		{ "bar", 8, "bin-fc" },
		{ "some/path", 12, "bin-d15" },
		{ "x", 32, "bin-2d711642" },
	};
	struct repo *r = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct json *all = make_bins(r, cases[i].bits, "bin");
		struct tuf_delegation d;
		size_t at = 0;

		assert_true(tuf_delegation_next(all, cases[i].path, &at, &d));
		assert_string_equal(d.name, cases[i].name);
		assert_false(d.terminating);
		assert_false(tuf_delegation_next(all, cases[i].path, &at, &d));
		json_free(all);
	}
}

static void prefixes_of_bins_are_names(void **state)
{
	static const char *const wrong[] = { "", "../bin", "Bin", "a/b" };
	struct repo *r = *state;
	char longest[TUF_ROLE_NAME_MAX];
	struct json *all;
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		all = make_bins(r, 8, wrong[i]);
		assert_refused(tuf_delegations_check(&r->policy.rules, all, &e),
			       ERR_FORMAT);
		json_free(all);
	}
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = 0;
	all = make_bins(r, 8, longest);
	r->policy.rules.foreign = true;
	assert_refused(tuf_delegations_check(&r->policy.rules, all, &e),
		       ERR_LIMIT);
	json_free(all);
}

/* SHA-256("file") begins with 3b9c358f. */
static void hash_prefixes_cover_what_begins_with_them(void **state)
{
	static const struct {
		const char *prefix;
		bool covers;
	} cases[] = {
		{ "3", true },         { "3b9c358f", true }, { "4", false },
		{ "3b9c3590", false }, { "3B", false },
	};
	struct repo *r = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct json *role, *prefixes = json_new_array(), *all;
		struct tuf_delegation d;
		size_t at = 0;
		struct err e;

		role = delegate(r, "targets", "role", SPARE_KEY, "*");
		all = member(repo_body(r, "targets"), "delegations");
		json_remove(role, "paths");
		json_add(prefixes, json_new_text(cases[i].prefix));
		json_set(role, "path_hash_prefixes", prefixes);
		assert_ok(tuf_delegations_check(&r->policy.rules, all, &e));
		assert_int_equal(tuf_delegation_next(all, "file", &at, &d),
				 cases[i].covers);
		json_remove(repo_body(r, "targets"), "delegations");
	}
}

static void bit_lengths_are_1_to_32(void **state)
{
	struct repo *r = *state;
	struct err e;

	assert_refused(check_bins(r, 0, &e), ERR_FORMAT);
	assert_ok(check_bins(r, 1, &e));
	assert_ok(check_bins(r, 32, &e));
	assert_refused(check_bins(r, 33, &e), ERR_FORMAT);
	assert_refused(check_bins(r, -1, &e), ERR_FORMAT);
}

/* ---- walks --------------------------------------------------------------- */

static void finds_targets_in_the_first_role_that_has_them(void **state)
{
	struct repo *r = *state;
	struct tuf_target t;
	struct tuf_client *c;
	struct err e;

	delegate(r, "targets", "a", SPARE_KEY, "thing/*");
	delegate(r, "targets", "b", OTHER_KEY, "thing/*");
	delegate(r, "a", "c", 5, "thing/*");
	repo_target(r, "c", "thing/2.pkg", "of c");
	repo_target(r, "b", "thing/2.pkg", "of b, longer");
	repo_target(r, "b", "other/3.pkg", "not b's to sign");
	repo_publish(r, "a");
	repo_publish(r, "b");
	repo_publish(r, "c");
	repo_release(r);
	c = open_client(r);
	assert_ok(tuf_client_find(c, &r->source, "thing/1.pkg", &t, &e));
	assert_string_equal(r->asked, "");
	assert_ok(tuf_client_find(c, &r->source, "thing/2.pkg", &t, &e));
	assert_int_equal(t.length, strlen("of c"));
	assert_string_equal(r->asked, "1.a.json 1.c.json");
	assert_refused(tuf_client_find(c, &r->source, "other/3.pkg", &t, &e),
		       ERR_NOT_FOUND);
	tuf_client_close(c);

	/* The next run has them on disk. */
	c = open_client(r);
	assert_ok(tuf_client_find(c, NULL, "thing/2.pkg", &t, &e));
	tuf_client_close(c);
}

static void terminating_ends_the_search(void **state)
{
	struct repo *r = *state;
	struct tuf_target t;
	struct tuf_client *c;
	struct err e;

	json_set_bool(delegate(r, "targets", "a", SPARE_KEY, "*"),
		      "terminating", true);
	delegate(r, "targets", "b", OTHER_KEY, "*");
	repo_target(r, "b", "x", "of b");
	repo_publish(r, "a");
	repo_publish(r, "b");
	repo_release(r);
	c = open_client(r);
	assert_refused(tuf_client_find(c, &r->source, "x", &t, &e),
		       ERR_NOT_FOUND);
	assert_string_equal(r->asked, "1.a.json");
	tuf_client_close(c);
}

static void cycles_end(void **state)
{
	struct repo *r = *state;
	struct tuf_target t;
	struct tuf_client *c;
	struct err e;

	delegate(r, "targets", "a", SPARE_KEY, "*");
	delegate(r, "a", "b", OTHER_KEY, "*");
	delegate(r, "b", "a", SPARE_KEY, "*");
	delegate(r, "b", "b", OTHER_KEY, "*");
	repo_publish(r, "a");
	repo_publish(r, "b");
	repo_release(r);
	c = open_client(r);
	assert_refused(tuf_client_find(c, &r->source, "x", &t, &e),
		       ERR_NOT_FOUND);
	assert_string_equal(r->asked, "1.a.json 1.b.json");
	tuf_client_close(c);
}

static void more_roles_than_allowed_is_an_error_not_an_absence(void **state)
{
	struct repo *r = *state;
	struct tuf_target t;
	struct tuf_client *c;
	char name[16];
	struct err e;

	r->policy.delegations_max = 4;
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "r%d", i);
		delegate(r, "targets", name, SPARE_KEY, "*");
		repo_publish(r, name);
	}
	repo_target(r, "r4", "x", "behind too many");
	repo_target(r, "r3", "y", "just within");
	repo_publish(r, "r3");
	repo_publish(r, "r4");
	repo_release(r);
	c = open_client(r);
	assert_ok(tuf_client_find(c, &r->source, "y", &t, &e));
	assert_refused(tuf_client_find(c, &r->source, "x", &t, &e), ERR_LIMIT);
	tuf_client_close(c);
}

/* The role that two delegators name is judged by the keys of the one asked. */
static void
a_role_is_verified_against_the_delegator_that_led_to_it(void **state)
{
	struct repo *r = *state;
	struct tuf_target t;
	struct tuf_client *c;
	struct err e;

	delegate(r, "targets", "a", SPARE_KEY, "one/*");
	delegate(r, "targets", "b", OTHER_KEY, "two/*");
	delegate(r, "a", "c", 5, "one/*");
	delegate(r, "b", "c", 6, "two/*");
	repo_find(r, "c")->signers = KEY(6);
	repo_target(r, "c", "one/x", "signed for b alone");
	repo_target(r, "c", "two/x", "signed for b");
	repo_publish(r, "a");
	repo_publish(r, "b");
	repo_publish(r, "c");
	repo_release(r);
	c = open_client(r);
	assert_ok(tuf_client_find(c, &r->source, "two/x", &t, &e));
	assert_refused(tuf_client_find(c, &r->source, "one/x", &t, &e),
		       ERR_UNTRUSTED);
	assert_ok(tuf_client_find(c, &r->source, "two/x", &t, &e));
	tuf_client_close(c);
}

static void a_role_that_cannot_be_had_ends_the_search(void **state)
{
	struct repo *r = *state;
	struct tuf_target t;
	struct tuf_client *c;
	struct err e;

	delegate(r, "targets", "a", SPARE_KEY, "*");
	delegate(r, "targets", "b", OTHER_KEY, "*");
	repo_target(r, "b", "x", "of b");
	repo_publish(r, "a");
	repo_publish(r, "b");
	repo_release(r);
	repo_remove(r, "1.a.json");
	c = open_client(r);
	assert_refused(tuf_client_find(c, &r->source, "x", &t, &e),
		       ERR_NETWORK);
	tuf_client_close(c);
}

static void an_expired_role_is_not_used(void **state)
{
	struct repo *r = *state;
	struct tuf_target t;
	struct tuf_client *c;
	struct err e;

	delegate(r, "targets", "a", SPARE_KEY, "*");
	json_set_text(repo_body(r, "a"), "expires", "2026-05-28T20:26:40Z");
	repo_target(r, "a", "x", "of a");
	repo_publish(r, "a");
	repo_release(r);
	c = open_client(r);
	assert_refused(tuf_client_find(c, &r->source, "x", &t, &e),
		       ERR_EXPIRED);
	assert_int_equal(repo_trusted(r, "a.json"), 0);
	tuf_client_close(c);
}

static int count_paths(void *ctx, const struct tuf_target *t, struct err *e)
{
	char *seen = ctx;

	(void)e;
	strcat(seen, t->path);
	strcat(seen, " ");
	return 0;
}

static int stop(void *ctx, const struct tuf_target *t, struct err *e)
{
	(void)ctx;
	return err_set(e, ERR_BUSY, "%s", t->path);
}

static void each_visits_the_top_level_targets_in_path_order(void **state)
{
	struct repo *r = *state;
	struct tuf_client *c;
	char seen[256] = "";
	struct err e;

	repo_target(r, "targets", "z/1", "z");
	repo_target(r, "targets", "a/1", "a");
	repo_release(r);
	c = open_client(r);
	assert_ok(tuf_client_each(c, count_paths, seen, &e));
	assert_string_equal(seen, "a/1 thing/1.pkg z/1 ");
	assert_refused(tuf_client_each(c, stop, NULL, &e), ERR_BUSY);
	tuf_client_close(c);
}

static void targets_without_a_known_digest_are_not_found(void **state)
{
	struct repo *r = *state;
	struct json *entry;
	struct tuf_target t;
	struct tuf_client *c;
	struct err e;

	repo_target(r, "targets", "x", "x");
	entry = member(member(repo_body(r, "targets"), "targets"), "x");
	json_set(entry, "hashes", json_new_object());
	json_set_text(member(entry, "hashes"), "md5", "00");
	repo_release(r);
	c = open_client(r);
	assert_refused(tuf_client_find(c, &r->source, "x", &t, &e),
		       ERR_UNTRUSTED);
	assert_ok(tuf_client_find(c, &r->source, "thing/1.pkg", &t, &e));
	tuf_client_close(c);
}

static void names_become_files_only_percent_encoded(void **state)
{
	char name[TUF_NAME_MAX], longest[TUF_NAME_MAX];
	struct err e;

	(void)state;
	assert_ok(tuf_store_name("../x y\xc3\xa9%", name, &e));
	assert_string_equal(name, "..%2Fx%20y%C3%A9%25.json");
	assert_ok(tuf_remote_name("?#/\n", 7, name, &e));
	assert_string_equal(name, "7.%3F%23%2F%0A.json");
	assert_ok(tuf_remote_name("timestamp", 0, name, &e));
	assert_string_equal(name, "timestamp.json");
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = 0;
	assert_refused(tuf_store_name(longest, name, &e), ERR_LIMIT);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			stars_and_question_marks_stay_within_a_component),
		cmocka_unit_test(hostile_patterns_take_no_time),
		T(delegations_are_read_strictly),
		T(bit_lengths_are_1_to_32),
		T(bins_are_named_by_the_first_bits_of_the_digest),
		T(prefixes_of_bins_are_names),
		T(hash_prefixes_cover_what_begins_with_them),
		T(finds_targets_in_the_first_role_that_has_them),
		T(terminating_ends_the_search),
		T(cycles_end),
		T(more_roles_than_allowed_is_an_error_not_an_absence),
		T(a_role_is_verified_against_the_delegator_that_led_to_it),
		T(a_role_that_cannot_be_had_ends_the_search),
		T(an_expired_role_is_not_used),
		T(each_visits_the_top_level_targets_in_path_order),
		T(targets_without_a_known_digest_are_not_found),
		cmocka_unit_test(names_become_files_only_percent_encoded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
