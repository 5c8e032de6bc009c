/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fleet.h"
#include "update-server/store_recorded.h"

struct role {
	const char *name;
	int64_t version;
};

#define ROLES_MAX 3

struct brought {
	int64_t root, targets;
	struct role roles[ROLES_MAX];
	bool old_program; /* notes no versions of roles */
};

static void replay(struct store *s, const struct brought *b)
{
	struct audit_record r;
	struct json *roles = json_new_array(), *versions = json_new_array();
	uint64_t size;
	struct err e = { 0 };

	audit_record_init(&r, AUDIT_IMPORT, &fleet_by);
	for (size_t i = 0; i < ROLES_MAX && b->roles[i].name; i++) {
		json_add(roles, json_new_text(b->roles[i].name));
		json_add(versions, json_new_int(b->roles[i].version));
	}
	json_set_int(r.objects, "root", b->root);
	json_set_int(r.objects, "targets", b->targets);
	json_set_int(r.objects, "releases", 1);
	json_set(r.objects, "roles", roles);
	if (b->old_program)
		json_free(versions);
	else
		json_set(r.objects, "versions", versions);
	assert_ok(store_replay_begin(s, &size, &e));
	r.number = size;
	assert_ok(store_replay_end(s, store_replay_take(s, &r, size, &e), size,
				   1, &fleet_by, &e));
	audit_record_done(&r);
}

static void import(struct store *s, const struct brought *b)
{
	struct store_file files[2];
	struct store_role roles[ROLES_MAX] = { { .version = 0 } };
	struct store_import in = { .files = files, .roles = roles };
	struct err e = { 0 };

	if (b->root > 0) {
		struct store_file *f = &files[in.file_count++];

		*f = (struct store_file){ .bytes = slice_of("r"),
					  .root = b->root };
		(void)snprintf(f->name, sizeof(f->name), "%d.root.json",
			       (int)b->root);
	}
	if (b->targets > 0) {
		struct store_file *f = &files[in.file_count++];

		*f = (struct store_file){ .bytes = slice_of("t"),
					  .targets = b->targets };
		(void)snprintf(f->name, sizeof(f->name), "%d.targets.json",
			       (int)b->targets);
	}
	for (; in.role_count < ROLES_MAX && b->roles[in.role_count].name;
	     in.role_count++) {
		strcpy(roles[in.role_count].name, b->roles[in.role_count].name);
		roles[in.role_count].version = b->roles[in.role_count].version;
	}
	assert_ok(store_import(s, &in, &fleet_by, &e));
}

static void add_line(void *ctx, const struct store_missing *m)
{
	char *text = ctx;
	size_t len = strlen(text);

	(void)snprintf(text + len, 200 - len, "%s %d>%d ", m->role,
		       (int)m->recorded, (int)m->here);
}

static void assert_missing(struct store *s, const char *what)
{
	char text[200] = "";
	struct err e = { 0 };

	assert_ok(store_missing_each(s, add_line, text, &e));
	assert_string_equal(text, what);
}

static const struct brought first = { 1, 3, { { "kiosk", 2 } }, false };

/* A release of a product's own role, and an order: neither root nor targets
 * changed. */
static void a_role_that_rose_since_the_backup_is_missing(void **state)
{
	const struct brought since = {
		0, 0, { { "kiosk", 4 }, { "rollout", 1 } }, false
	};

	import(*state, &first);
	assert_missing(*state, "");
	replay(*state, &since);
	/* The targets that are here delegate to the order's role. */
	assert_missing(*state, "kiosk 4>2 rollout 1>0 ");
	replay(*state, &(struct brought){ 2, 5, { { "kiosk", 5 } }, false });
	assert_missing(*state, "kiosk 5>2 root 2>1 targets 5>3 ");
	import(*state, &(struct brought){ 2, 5, { { "kiosk", 4 } }, false });
	assert_missing(*state, "kiosk 5>4 ");
	import(*state, &(struct brought){ 0, 0, { { "kiosk", 5 } }, false });
	assert_missing(*state, "");
}

/* An import brings of root and targets what is new alone, of roles all. */
static void several_imports_that_came_back_add_up(void **state)
{
	static const struct {
		struct brought b;
		const char *missing;
	} steps[] = {
		{ { 1, 3, { { NULL, 0 } }, false }, "root 1>0 targets 3>0 " },
		{ { 0, 5, { { "a", 2 } }, false },
		  "a 2>0 root 1>0 targets "
		  "5>0 " },
		{ { 0, 0, { { "a", 2 } }, true }, "root 1>0 targets 5>0 " },
		{ { 2, 0, { { "b", 1 } }, false },
		  "b 1>0 root 2>0 targets "
		  "5>0 " },
		{ { 0, 4, { { NULL, 0 } }, false }, "root 2>0 targets 5>0 " },
		{ { 3, 1, { { NULL, 0 } }, false }, "root 3>0 targets 1>0 " },
	};

	assert_missing(*state, "");
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		replay(*state, &steps[i].b);
		assert_missing(*state, steps[i].missing);
	}
}

/* With other keys versions begin anew; and a role may end. */
static void what_began_anew_or_ended_is_not_missed_for_ever(void **state)
{
	import(*state, &first);
	replay(*state, &(struct brought){ 0, 9, { { "kiosk", 7 } }, false });
	assert_missing(*state, "kiosk 7>2 targets 9>3 ");
	import(*state, &(struct brought){ 2, 4, { { "kiosk", 1 } }, false });
	assert_missing(*state, "");
	replay(*state, &(struct brought){ 0, 4, { { "kiosk", 7 } }, false });
	assert_missing(*state, "kiosk 7>1 ");
	import(*state, &(struct brought){ 0, 5, { { NULL, 0 } }, false });
	assert_missing(*state, "");
	/* One that was never here, and newer targets know nothing of it. */
	replay(*state, &(struct brought){ 0, 6, { { "shop", 3 } }, false });
	assert_missing(*state, "shop 3>0 targets 6>5 ");
	import(*state, &(struct brought){ 0, 7, { { NULL, 0 } }, false });
	assert_missing(*state, "");
}

/* An import that brings no new root is no beginning. */
static void older_targets_do_not_make_up_for_newer_ones(void **state)
{
	import(*state, &first);
	replay(*state, &(struct brought){ 0, 9, { { "kiosk", 2 } }, false });
	assert_missing(*state, "targets 9>3 ");
	import(*state, &(struct brought){ 0, 0, { { "kiosk", 3 } }, false });
	assert_missing(*state, "targets 9>3 ");
	import(*state, &(struct brought){ 0, 4, { { "kiosk", 3 } }, false });
	assert_missing(*state, "targets 9>4 ");
	import(*state, &(struct brought){ 0, 9, { { "kiosk", 3 } }, false });
	assert_missing(*state, "");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fleet_fresh, fleet_gone)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_role_that_rose_since_the_backup_is_missing),
		TEST(several_imports_that_came_back_add_up),
		TEST(older_targets_do_not_make_up_for_newer_ones),
		TEST(what_began_anew_or_ended_is_not_missed_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
