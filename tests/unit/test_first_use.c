/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/first_use.h"

#include "tests/unit/box.h"

/* An enrolled device with two slots of kind tree, both filled by others. */
struct place {
	struct box box;
	struct settings config;
	struct session s;
};

static int make_place(void **state)
{
	static struct place p;
	struct err e = { 0 };

	memset(&p, 0, sizeof(p));
	box_open(&p.box);
	p.config.slot_count = 1;
	p.config.slots[0].kind = SLOT_TREE;
	p.s.config = &p.config;
	p.s.slots.dirfd = p.s.state_fd = p.box.dir;
	p.s.enrolled = p.s.has_running = true;
	p.s.identity.device.bytes[0] = 7;
	assert_ok(fs_mkdir(p.box.dir, "a", 0755, &e));
	assert_ok(fs_mkdir(p.box.dir, "b", 0755, &e));
	*state = &p;
	return 0;
}

static int remove_place(void **state)
{
	struct place *p = *state;

	box_close(&p->box);
	return 0;
}

static void both_slots_are_vouched_for_one_by_one(void **state)
{
	struct session *s = &((struct place *)*state)->s;

	assert_false(first_use_is_done(s));
	assert_string_equal(first_use_standing(s), "provisioned");
	first_use_vouch(s, SLOT_B);
	assert_true(first_use_is_ours(s, SLOT_B));
	assert_false(first_use_is_done(s));
	first_use_vouch(s, SLOT_A);
	assert_true(first_use_is_done(s));
	assert_string_equal(first_use_standing(s), "active");
}

static void what_another_identity_vouched_for_does_not_count(void **state)
{
	struct session *s = &((struct place *)*state)->s;

	first_use_vouch(s, SLOT_A);
	first_use_vouch(s, SLOT_B);
	s->identity.device.bytes[0] = 8;
	assert_false(first_use_is_ours(s, SLOT_A));
	first_use_vouch(s, SLOT_A);
	assert_true(first_use_is_ours(s, SLOT_A));
	assert_false(first_use_is_ours(s, SLOT_B));
}

static void who_is_not_enrolled_vouches_for_nothing(void **state)
{
	struct session *s = &((struct place *)*state)->s;

	s->enrolled = false;
	memset(&s->identity, 0, sizeof(s->identity));
	first_use_vouch(s, SLOT_A);
	first_use_vouch(s, SLOT_B);
	assert_int_equal(s->journal.vouched, 0);
	assert_false(first_use_is_done(s));
	assert_string_equal(first_use_standing(s), "vanilla");
	s->enrolled = true;
	assert_false(first_use_is_done(s));
}

static void nothing_is_nothing_of_the_factory(void **state)
{
	struct place *p = *state;
	struct session *s = &p->s;
	struct err e = { 0 };

	first_use_vouch(s, SLOT_B);
	assert_ok(fs_remove_tree(p->box.dir, "a", &e));
	assert_true(first_use_is_done(s));
	/* But a partition is never empty. */
	p->config.slot_count = 2;
	p->config.slots[1].kind = SLOT_IMAGE;
	assert_false(first_use_is_done(s));
}

int main(void)
{
#define AT_PLACE(test)                                                         \
	cmocka_unit_test_setup_teardown(test, make_place, remove_place)
	static const struct CMUnitTest tests[] = {
		AT_PLACE(both_slots_are_vouched_for_one_by_one),
		AT_PLACE(what_another_identity_vouched_for_does_not_count),
		AT_PLACE(who_is_not_enrolled_vouches_for_nothing),
		AT_PLACE(nothing_is_nothing_of_the_factory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
