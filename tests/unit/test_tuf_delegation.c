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

	repo_delegate(r, "targets", "role", SPARE_KEY, "*");
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
	repo_delegate(r, "targets", "role", SPARE_KEY, "*");
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

		role = repo_delegate(r, "targets", "role", SPARE_KEY, "*");
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

static void bins_have_keys_and_a_threshold(void **state)
{
	struct repo *r = *state;
	struct json *all = make_bins(r, 8, "bin");
	struct json *bins = member(all, "succinct_roles");
	struct err e;

	json_set_int(bins, "threshold", 2);
	assert_refused(tuf_delegations_check(&r->policy.rules, all, &e),
		       ERR_FORMAT);
	json_set_int(bins, "threshold", 1);
	assert_ok(tuf_delegations_check(&r->policy.rules, all, &e));
	json_set(bins, "keyids", json_new_array());
	assert_refused(tuf_delegations_check(&r->policy.rules, all, &e),
		       ERR_FORMAT);
	json_free(all);
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

/* Whatever letters a foreign name has, it must fit where we keep it. */
static void foreign_names_have_a_length(void **state)
{
	struct repo *r = *state;
	struct tuf_rules foreign = r->policy.rules;
	struct json *role = repo_delegate(r, "targets", "x", SPARE_KEY, "*");
	struct json *all = member(repo_body(r, "targets"), "delegations");
	char name[TUF_ROLE_NAME_MAX + 1];
	struct err e;

	foreign.foreign = true;
	memset(name, 'A', sizeof(name));
	name[TUF_ROLE_NAME_MAX - 1] = 0;
	json_set_text(role, "name", name);
	assert_ok(tuf_delegations_check(&foreign, all, &e));
	name[TUF_ROLE_NAME_MAX - 1] = 'A';
	name[TUF_ROLE_NAME_MAX] = 0;
	json_set_text(role, "name", name);
	assert_refused(tuf_delegations_check(&foreign, all, &e), ERR_LIMIT);
	json_set_text(role, "name", "");
	assert_refused(tuf_delegations_check(&foreign, all, &e), ERR_LIMIT);
}

/* ---- walks --------------------------------------------------------------- */

static void finds_targets_in_the_first_role_that_has_them(void **state)
{
	struct repo *r = *state;
	struct tuf_target t;
	struct tuf_client *c;
	struct err e;

	repo_delegate(r, "targets", "a", SPARE_KEY, "thing/*");
	repo_delegate(r, "targets", "b", OTHER_KEY, "thing/*");
	repo_delegate(r, "a", "c", 5, "thing/*");
	repo_target(r, "c", "thing/2.pkg", "of c");
	repo_target(r, "b", "thing/2.pkg", "of b, longer");
	repo_target(r, "b", "other/3.pkg", "not b's to sign");
	repo_publish(r, "a");
	repo_publish(r, "b");
	repo_publish(r, "c");
	repo_release(r);
	c = open_client(r);
	/* Without a source there is only what lies on the disk. */
	assert_refused(tuf_client_find(c, NULL, "thing/2.pkg", &t, &e),
		       ERR_NETWORK);
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

	json_set_bool(repo_delegate(r, "targets", "a", SPARE_KEY, "*"),
		      "terminating", true);
	repo_delegate(r, "targets", "b", OTHER_KEY, "*");
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

	repo_delegate(r, "targets", "a", SPARE_KEY, "*");
	repo_delegate(r, "a", "b", OTHER_KEY, "*");
	repo_delegate(r, "b", "a", SPARE_KEY, "*");
	repo_delegate(r, "b", "b", OTHER_KEY, "*");
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
		repo_delegate(r, "targets", name, SPARE_KEY, "*");
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

	repo_delegate(r, "targets", "a", SPARE_KEY, "one/*");
	repo_delegate(r, "targets", "b", OTHER_KEY, "two/*");
	repo_delegate(r, "a", "c", 5, "one/*");
	repo_delegate(r, "b", "c", 6, "two/*");
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

	repo_delegate(r, "targets", "a", SPARE_KEY, "*");
	repo_delegate(r, "targets", "b", OTHER_KEY, "*");
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

	repo_delegate(r, "targets", "a", SPARE_KEY, "*");
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

/* ---- one role ------------------------------------------------------------ */

static int each_in(struct repo *r, struct tuf_client *c, const char *role,
		   char seen[256], struct err *e)
{
	r->asked[0] = seen[0] = 0;
	return tuf_client_each_in(c, &r->source, role, count_paths, seen, e);
}

static void a_role_speaks_of_what_was_delegated_to_it_alone(void **state)
{
	struct repo *r = *state;
	struct tuf_client *c;
	char seen[256];
	struct err e;

	repo_delegate(r, "targets", "a", SPARE_KEY, "a/*");
	repo_delegate(r, "targets", "b", OTHER_KEY, "b/*");
	repo_target(r, "targets", "b/top", "the delegator's word comes first");
	repo_target(r, "a", "a/1", "of a");
	repo_target(r, "a", "b/1", "not a's to say");
	repo_target(r, "b", "b/1", "of b");
	repo_target(r, "b", "b/top", "of b");
	repo_target(r, "b", "other", "nobody's");
	repo_publish(r, "a");
	repo_publish(r, "b");
	repo_release(r);
	c = open_client(r);
	assert_ok(each_in(r, c, "b", seen, &e));
	assert_string_equal(seen, "b/1 ");
	/* What the other role says is neither needed nor fetched. */
	assert_string_equal(r->asked, "1.b.json");
	assert_ok(each_in(r, c, "a", seen, &e));
	assert_string_equal(seen, "a/1 ");
	assert_refused(each_in(r, c, "c", seen, &e), ERR_NOT_FOUND);
	assert_refused(each_in(r, c, "targets", seen, &e), ERR_NOT_FOUND);
	assert_refused(tuf_client_each_in(c, &r->source, "a", stop, NULL, &e),
		       ERR_BUSY);
	tuf_client_close(c);
}

static void nothing_is_visited_before_targets_are_verified(void **state)
{
	struct repo *r = *state;
	struct tuf_client *c = NULL;
	char seen[256] = "";
	struct err e;

	assert_ok(tuf_client_open(r->dirfd, &r->policy, r->now, &c, &e));
	assert_refused(each_in(r, c, "a", seen, &e), ERR_REFUSED);
	assert_refused(tuf_client_each(c, count_paths, seen, &e), ERR_REFUSED);
	tuf_client_close(c);
}

static void a_role_listed_before_takes_the_path(void **state)
{
	struct repo *r = *state;
	struct tuf_client *c;
	char seen[256];
	struct err e;

	json_set_bool(repo_delegate(r, "targets", "a", SPARE_KEY, "x/1?"),
		      "terminating", true);
	repo_delegate(r, "targets", "b", OTHER_KEY, "x/*");
	repo_target(r, "a", "x/10", "of a");
	repo_target(r, "b", "x/10", "of b, hidden by a's");
	repo_target(r, "b", "x/11", "hidden by the end of the search");
	repo_target(r, "b", "x/20", "of b");
	repo_publish(r, "a");
	repo_publish(r, "b");
	repo_release(r);
	c = open_client(r);
	assert_ok(each_in(r, c, "b", seen, &e));
	assert_string_equal(seen, "x/20 ");
	tuf_client_close(c);
	/* Not signed yet is not the same as not to be had. */
	repo_delegate(r, "targets", "gone", 5, "x/*");
	repo_release(r);
	c = open_client(r);
	assert_refused(each_in(r, c, "gone", seen, &e), ERR_NOT_FOUND);
	assert_string_equal(r->asked, "");
	tuf_client_close(c);
	repo_publish(r, "gone");
	repo_release(r);
	repo_remove(r, "1.gone.json");
	c = open_client(r);
	assert_ok(each_in(r, c, "b", seen, &e));
	assert_refused(each_in(r, c, "gone", seen, &e), ERR_NETWORK);
	tuf_client_close(c);
}

static void a_role_without_its_signatures_is_not_visited(void **state)
{
	struct repo *r = *state;
	struct tuf_client *c;
	char seen[256];
	struct err e;

	repo_delegate(r, "targets", "a", SPARE_KEY, "a/*");
	repo_target(r, "a", "a/1", "of a");
	repo_find(r, "a")->signers = KEY(OTHER_KEY);
	repo_publish(r, "a");
	repo_release(r);
	c = open_client(r);
	assert_refused(each_in(r, c, "a", seen, &e), ERR_UNTRUSTED);
	assert_string_equal(seen, "");
	tuf_client_close(c);
	repo_find(r, "a")->signers = KEY(SPARE_KEY);
	repo_publish(r, "a");
	repo_release(r);
	c = open_client(r);
	assert_ok(each_in(r, c, "a", seen, &e));
	tuf_client_close(c);
}

/* A product role is signed by a threshold of engineers; others prove no time.
 */
static void only_product_roles_raise_the_time_floor(void **state)
{
	struct repo *r = *state;
	struct tuf_client *c;
	char seen[256];
	struct err e;

	repo_delegate(r, "targets", "rollout", SPARE_KEY, "rollout/*");
	repo_delegate(r, "targets", "product-x", OTHER_KEY, "x/*");
	json_set_text(repo_body(r, "rollout"), "issued",
		      "2026-05-28T20:26:40Z");
	json_set_text(repo_body(r, "product-x"), "issued",
		      "2026-05-28T10:00:00Z");
	repo_publish(r, "rollout");
	repo_publish(r, "product-x");
	repo_release(r);
	c = open_client(r);
	assert_int_equal(tuf_client_time_floor(c), NOW - UTC_DAY);
	assert_ok(each_in(r, c, "rollout", seen, &e));
	assert_int_equal(tuf_client_time_floor(c), NOW - UTC_DAY);
	assert_ok(each_in(r, c, "product-x", seen, &e));
	assert_int_equal(tuf_client_time_floor(c), NOW - 37600);
	tuf_client_close(c);
}

/* ---- documents ----------------------------------------------------------- */

static int document(struct repo *r, struct tuf_client *c, const char *path,
		    size_t max, struct buf *out, struct err *e)
{
	r->asked[0] = 0;
	out->len = 0;
	return tuf_client_document(c, &r->source, path, max, out, e);
}

static void documents_are_fetched_by_digest_and_verified(void **state)
{
	struct repo *r = *state;
	struct buf out = BUF_INIT(64);
	struct tuf_client *c;
	char name[TUF_NAME_MAX];
	struct err e;

	repo_delegate(r, "targets", "a", SPARE_KEY, "a/*");
	repo_document(r, "a", "a/doc.json", "{\"v\":1}");
	repo_publish(r, "a");
	repo_release(r);
	c = open_client(r);
	assert_ok(document(r, c, "a/doc.json", 64, &out, &e));
	assert_string_equal(buf_text(&out), "{\"v\":1}");
	snprintf(name, sizeof(name), "%s", strrchr(r->asked, ' ') + 1);
	assert_int_equal(strncmp(name, "targets/a/", 10), 0);
	assert_non_null(strstr(name, ".doc.json"));

	assert_refused(document(r, c, "a/none.json", 64, &out, &e),
		       ERR_NOT_FOUND);
	assert_refused(document(r, c, "a/doc.json", 6, &out, &e), ERR_LIMIT);
	repo_put(r, name, slice_of("{\"v\":2}"), true);
	assert_refused(document(r, c, "a/doc.json", 64, &out, &e),
		       ERR_UNTRUSTED);
	repo_mend(r);
	repo_put(r, name, slice_of("{\"v\":"), true);
	assert_refused(document(r, c, "a/doc.json", 64, &out, &e),
		       ERR_UNTRUSTED);
	repo_mend(r);
	repo_put(r, name, slice_of("{\"v\":1} "), true);
	assert_refused(document(r, c, "a/doc.json", 64, &out, &e), ERR_LIMIT);
	assert_int_equal(out.len, 0);
	repo_mend(r);
	/* Listed but not to be had is a failure of the source. */
	repo_remove(r, name);
	assert_refused(document(r, c, "a/doc.json", 64, &out, &e), ERR_NETWORK);
	tuf_client_close(c);
	buf_done(&out);
}

static void documents_need_a_sha256(void **state)
{
	struct repo *r = *state;
	struct buf out = BUF_INIT(64);
	struct json *entry;
	struct tuf_client *c;
	struct err e;

	repo_target(r, "targets", "doc", "x");
	entry = member(member(repo_body(r, "targets"), "targets"), "doc");
	json_remove(member(entry, "hashes"), "sha256");
	json_set_text(member(entry, "hashes"), "sha512",
		      "a4abd4448c49562d828115d13a1fccea927f52b4d5459297f8b43e42"
		      "da89238bc13626e43dcb38ddb082488927ec904fb42057443983e885"
		      "85179d50551afe62");
	repo_release(r);
	c = open_client(r);
	assert_refused(document(r, c, "doc", 64, &out, &e), ERR_UNTRUSTED);
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
	memset(longest, '/', sizeof(longest) - 1);
	assert_refused(tuf_store_encode(longest, name, &e), ERR_LIMIT);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			stars_and_question_marks_stay_within_a_component),
		cmocka_unit_test(hostile_patterns_take_no_time),
		T(delegations_are_read_strictly),
		T(foreign_names_have_a_length),
		T(bins_have_keys_and_a_threshold),
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
		T(a_role_speaks_of_what_was_delegated_to_it_alone),
		T(nothing_is_visited_before_targets_are_verified),
		T(a_role_listed_before_takes_the_path),
		T(a_role_without_its_signatures_is_not_visited),
		T(only_product_roles_raise_the_time_floor),
		T(documents_are_fetched_by_digest_and_verified),
		T(documents_need_a_sha256),
		cmocka_unit_test(names_become_files_only_percent_encoded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
