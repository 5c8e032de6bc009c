/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/policy.h"

#include <string.h>

#include "common/delta_members.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/member.h"
#include "tests/unit/check.h"
#include "updater-client/room.h"

#define NOW 1790000000

static struct policy_device device(void)
{
	return (struct policy_device){
		.product = "gateway",
		.model = "board",
		.slots = { { .content = PACKAGE_TREE,
			     .attributes = TREE_APP,
			     .digest = { { 2 } } } },
		.slot_count = 1,
		.has_running = true,
		.seq = 2,
		.content_seq = 2,
		.digest = { { 2 } },
	};
}

static struct release release(const char *id, uint64_t seq)
{
	struct release r = {
		.product = "gateway",
		.seq = seq,
		.content_seq = seq,
		.content = PACKAGE_TREE,
		.attributes = TREE_APP,
		.kind = PACKAGE_FULL,
		.digest = { { (uint8_t)seq } },
		.package_len = 1000,
	};

	strcpy(r.id, id);
	return r;
}

static struct release delta(const char *id, uint64_t seq, uint8_t base)
{
	struct release r = release(id, seq);

	r.kind = PACKAGE_DELTA;
	r.base_digest.bytes[0] = base;
	r.package_len = 10;
	strcpy(r.base_id, "base");
	return r;
}

static void judged(const struct policy_device *d, const struct release *r,
		   enum err_code wanted)
{
	struct err e = { 0 };

	if (wanted == ERR_NONE)
		assert_ok(policy_allows(d, r, NOW, &e));
	else
		assert_refused(policy_allows(d, r, NOW, &e), wanted);
}

static void a_newer_release_of_the_product_is_taken(void **state)
{
	struct policy_device d = device();
	struct release r = release("3", 3);

	(void)state;
	judged(&d, &r, ERR_NONE);
}

static void another_product_or_model_is_refused(void **state)
{
	static char board[] = "board", other[] = "other";
	struct policy_device d = device();
	struct release r = release("3", 3);

	(void)state;
	strcpy(r.product, "camera");
	judged(&d, &r, ERR_REFUSED);
	r = release("3", 3);
	r.models[0] = other;
	r.model_count = 1;
	judged(&d, &r, ERR_REFUSED);
	r.models[1] = board;
	r.model_count = 2;
	judged(&d, &r, ERR_NONE);
	d.model[0] = 0;
	judged(&d, &r, ERR_REFUSED);
}

/* What is on no list is for all; who does not know its own is on none. */
static void another_revision_of_the_hardware_is_refused(void **state)
{
	static char a[] = "rev-a", b[] = "rev-b";
	struct policy_device d = device();
	struct release r = release("3", 3);
	struct err e = { 0 };

	(void)state;
	strcpy(d.hardware, "rev-b");
	judged(&d, &r, ERR_NONE);
	r.hardware[0] = a;
	r.hardware_count = 1;
	assert_refused_saying(policy_allows(&d, &r, NOW, &e), ERR_REFUSED,
			      "3 is not for the hardware rev-b ([device] ");
	r.hardware[1] = b;
	r.hardware_count = 2;
	judged(&d, &r, ERR_NONE);
	strcpy(d.hardware, "rev");
	judged(&d, &r, ERR_REFUSED);
	d.hardware[0] = 0;
	assert_refused_saying(policy_allows(&d, &r, NOW, &e), ERR_REFUSED,
			      "hardware (none) ([device] ");
	r.hardware_count = 0;
	judged(&d, &r, ERR_NONE);
}

/* Nor is it taken again, to repair what runs: it was never for this board. */
static void the_hardware_counts_for_what_runs_too(void **state)
{
	static char a[] = "rev-a";
	struct policy_device d = device();
	struct release r = release("2", 2);

	(void)state;
	d.repair = true;
	judged(&d, &r, ERR_NONE);
	r.hardware[0] = a;
	r.hardware_count = 1;
	judged(&d, &r, ERR_REFUSED);
}

static void other_content_than_the_slot_takes_is_refused(void **state)
{
	struct policy_device d = device();
	struct release r = release("3", 3);

	(void)state;
	r.content = PACKAGE_IMAGE;
	judged(&d, &r, ERR_REFUSED);
	r = release("3", 3);
	r.attributes = TREE_SYSTEM;
	judged(&d, &r, ERR_REFUSED);
}

static void an_image_is_for_slots_that_hold_images(void **state)
{
	struct policy_device d = device();
	struct release r = release("3", 3);

	(void)state;
	d.slots[0].content = PACKAGE_IMAGE;
	judged(&d, &r, ERR_REFUSED);
	r.content = PACKAGE_IMAGE;
	r.attributes = 0;
	judged(&d, &r, ERR_NONE);
}

static void nothing_steps_back_whatever_its_version_says(void **state)
{
	struct policy_device d = device();
	struct release r = release("9", 1);

	(void)state;
	strcpy(r.version, "999");
	judged(&d, &r, ERR_ROLLBACK);
	r = release("2b", 2); /* the same seq, other content */
	r.digest.bytes[0] = 77;
	judged(&d, &r, ERR_ROLLBACK);
	d.repair = true;
	judged(&d, &r, ERR_ROLLBACK);
}

static void what_runs_is_written_again_for_repair_only(void **state)
{
	struct policy_device d = device();
	struct release r = release("2", 2);

	(void)state;
	judged(&d, &r, ERR_ROLLBACK);
	d.repair = true;
	judged(&d, &r, ERR_NONE);
}

static void stepping_stones_are_not_skipped(void **state)
{
	struct policy_device d = device();
	struct release r = release("5", 5);

	(void)state;
	r.requires_seq = 3;
	judged(&d, &r, ERR_REFUSED);
	r.requires_seq = 2;
	judged(&d, &r, ERR_NONE);
	/* Nothing runs yet: then there is nothing to skip. */
	r.requires_seq = 3;
	d.has_running = false;
	judged(&d, &r, ERR_NONE);
}

/* Listed, newer, and out of reach: that is more than "not this one". */
static void who_has_no_way_is_stranded(void **state)
{
	struct policy_device d = device();
	struct policy_choice c = { 0 };
	struct release r = release("5", 5), stone = release("3", 3);
	struct way way = { 0 };
	struct err e = { 0 };

	(void)state;
	r.requires_seq = 3;
	way_add(&way, &r);
	d.way = &way;
	assert_refused_saying(policy_allows(&d, &r, NOW, &e), ERR_REFUSED,
			      "stranded: 5 needs at least seq 3 first, seq 2 "
			      "runs");
	policy_offer(&c, &d, &r, NOW);
	assert_true(!c.found && c.stranded);
	assert_refused_saying(policy_verdict(&c, &d, &e), ERR_REFUSED,
			      "stepping stone");
	/* A stone leads there; it may just not be open to it yet. */
	way_done(&way);
	strcpy(r.stepping_stone, "3");
	way_add(&way, &r);
	way_add(&way, &stone);
	c = (struct policy_choice){ 0 };
	policy_offer(&c, &d, &r, NOW);
	assert_true(!c.found && !c.stranded);
	assert_refused_saying(policy_verdict(&c, &d, &e), ERR_REFUSED,
			      "5 needs at least seq 3 first");
	way_done(&way);
}

static void not_before_is_kept(void **state)
{
	struct policy_device d = device();
	struct release r = release("3", 3);

	(void)state;
	r.not_before = NOW + 1;
	judged(&d, &r, ERR_REFUSED);
	r.not_before = NOW;
	judged(&d, &r, ERR_NONE);
}

static void what_was_rolled_back_is_not_retried(void **state)
{
	struct policy_device d = device();
	struct release r = release("3", 3);

	(void)state;
	refusals_add(&d.refusals, &r.digest, 0);
	judged(&d, &r, ERR_REFUSED);
	d.retry = true;
	judged(&d, &r, ERR_NONE);
	d.retry = false;
	r = release("4", 4); /* the next good one */
	judged(&d, &r, ERR_NONE);
}

/* Each signed number lets it be tried once more, here. */
static void who_signs_may_have_it_tried_again(void **state)
{
	struct policy_device d = device();
	struct release r = release("3", 3);

	(void)state;
	refusals_add(&d.refusals, &r.digest, 0);
	r.retry = 1;
	judged(&d, &r, ERR_NONE);
	refusals_spend(&d.refusals, &r.digest, 1);
	judged(&d, &r, ERR_REFUSED);
	r.retry = 2;
	judged(&d, &r, ERR_NONE);
}

/* Else the one that was forgotten would be tried next, and so on for ever. */
static void where_too_many_were_rolled_back_none_of_them_is_tried(void **state)
{
	struct policy_device d = device();
	struct release r = release("4", 4);

	(void)state;
	judged(&d, &r, ERR_NONE);
	d.refusals.seq = 4;
	judged(&d, &r, ERR_REFUSED);
	/* A person says so, or who signs. */
	d.retry = true;
	judged(&d, &r, ERR_NONE);
	d.retry = false;
	r.retry = 1;
	judged(&d, &r, ERR_NONE);
	/* What runs may be mended. */
	d.refusals.seq = 2;
	d.repair = true;
	r = release("2", 2);
	judged(&d, &r, ERR_NONE);
}

static void a_delta_needs_its_very_base(void **state)
{
	struct policy_device d = device();
	struct release r = delta("3", 3, 2);

	(void)state;
	judged(&d, &r, ERR_NONE);
	r = delta("3", 3, 1);
	judged(&d, &r, ERR_CONFLICT);
	r = delta("3", 3, 2);
	d.full_only = true;
	judged(&d, &r, ERR_CONFLICT);
	d.full_only = false;
	d.has_running = false;
	judged(&d, &r, ERR_CONFLICT);
}

/* What the delta was made with must unpack here in the same way. */
static void a_delta_needs_the_libraries_it_was_made_with(void **state)
{
	struct policy_device d = device();
	struct release r = delta("3", 3, 2);

	(void)state;
	r.library_count = 2;
	member_library(MEMBER_DEFLATE, r.libraries[0]);
	member_library(MEMBER_DEFLATE, r.libraries[1]);
	judged(&d, &r, ERR_NONE);
	strcpy(r.libraries[1], "lz4 0.0.1");
	judged(&d, &r, ERR_CONFLICT);
}

/* ---- choosing ------------------------------------------------------------ */

static struct policy_choice choose(const struct policy_device *d,
				   struct release *all, size_t n)
{
	struct policy_choice c = { 0 };

	for (size_t i = 0; i < n; i++)
		policy_offer(&c, d, &all[i], NOW);
	return c;
}

static void the_newest_and_then_the_smallest_is_chosen(void **state)
{
	struct policy_device d = device();
	struct release all[] = { release("3", 3), delta("3", 3, 2),
				 release("4", 4), delta("4", 4, 1),
				 delta("4", 4, 2) };
	struct policy_choice c = choose(&d, all, ARRAY_LEN(all));

	(void)state;
	assert_true(c.found);
	assert_string_equal(c.packages[0].id, "4");
	assert_int_equal(c.packages[0].kind, PACKAGE_DELTA);
	policy_done(&c);
}

/* ---- several components -------------------------------------------------- */

static struct policy_device device_of_two(void)
{
	struct policy_device d = device();

	strcpy(d.slots[0].component, "main");
	d.slots[1] = (struct policy_slot){ .component = "modem",
					   .content = PACKAGE_IMAGE,
					   .attributes = TREE_APP,
					   .digest = { { 7 } } };
	d.slot_count = 2;
	return d;
}

static struct release part_of(struct release r, const char *component)
{
	strcpy(r.component, component);
	strcpy(r.components[0].name, "main");
	strcpy(r.components[1].name, "modem");
	r.component_count = 2;
	if (strcmp(component, "modem") != 0)
		return r;
	r.content = PACKAGE_IMAGE;
	r.attributes = 0;
	return r;
}

static void of_each_component_the_smallest_package_is_chosen(void **state)
{
	struct policy_device d = device_of_two();
	struct release all[] = {
		part_of(release("3", 3), "main"),
		part_of(release("3", 3), "modem"),
		part_of(delta("4", 4, 7), "modem"), /* of the modem's own */
		part_of(release("4", 4), "main"),
		part_of(delta("4", 4, 2), "main"),
		part_of(release("4", 4), "modem"),
	};
	struct policy_choice c = choose(&d, all, ARRAY_LEN(all));

	(void)state;
	assert_true(c.found);
	assert_string_equal(c.packages[0].id, "4");
	assert_string_equal(c.packages[0].component, "main");
	assert_int_equal(c.packages[0].kind, PACKAGE_DELTA);
	assert_string_equal(c.packages[1].id, "4");
	assert_string_equal(c.packages[1].component, "modem");
	assert_int_equal(c.packages[1].kind, PACKAGE_DELTA);
	policy_done(&c);
	/* What runs of one component is no base for the other. */
	all[0] = part_of(delta("4", 4, 2), "modem");
	judged(&d, &all[0], ERR_CONFLICT);
}

static void a_release_that_lacks_a_package_is_not_taken_in_part(void **state)
{
	struct policy_device d = device_of_two();
	struct release all[] = { part_of(release("3", 3), "main"),
				 part_of(release("3", 3), "modem"),
				 part_of(release("4", 4), "main") };
	struct policy_choice c = choose(&d, all, ARRAY_LEN(all));
	struct err e = { 0 };

	(void)state;
	assert_false(c.found);
	assert_refused(policy_verdict(&c, &d, &e), ERR_NOT_FOUND);
	policy_done(&c);
}

static void two_releases_of_one_number_are_never_mixed(void **state)
{
	struct policy_device d = device_of_two();
	struct release all[] = { part_of(release("3", 3), "main"),
				 part_of(release("4", 3), "modem") };
	struct policy_choice c;

	(void)state;
	all[1].digest.bytes[0] = 99;
	c = choose(&d, all, ARRAY_LEN(all));
	assert_false(c.found);
	policy_done(&c);
}

static void a_release_has_what_the_device_has_slots_for(void **state)
{
	struct policy_device d = device_of_two();
	struct release r = part_of(release("3", 3), "main");
	struct err e = { 0 };

	(void)state;
	judged(&d, &r, ERR_NONE);
	strcpy(d.slots[1].component, "radio");
	assert_refused_saying(policy_allows(&d, &r, NOW, &e), ERR_REFUSED,
			      "modem, for which this device has no slot");
	d = device(); /* whose only slot takes any component, but one alone */
	judged(&d, &r, ERR_REFUSED);
	r = release("3", 3);
	strcpy(r.component, "main");
	judged(&d, &r, ERR_NONE);
	d = device_of_two(); /* and nothing for the modem */
	judged(&d, &r, ERR_REFUSED);
	r = part_of(release("3", 3), "main");
	strcpy(r.components[0].name, "modem"); /* it would be started */
	strcpy(r.components[1].name, "main");
	judged(&d, &r, ERR_REFUSED);
}

static void a_refused_newest_leaves_the_next_one(void **state)
{
	struct policy_device d = device();
	struct release all[] = { release("3", 3), release("4", 4) };
	struct policy_choice c;

	(void)state;
	refusals_add(&d.refusals, &all[1].digest, 0);
	c = choose(&d, all, ARRAY_LEN(all));
	assert_true(c.found);
	assert_string_equal(c.packages[0].id, "3");
	policy_done(&c);
}

static void up_to_date_is_no_failure(void **state)
{
	struct policy_device d = device();
	struct release all[] = { release("1", 1), release("2", 2) };
	struct policy_choice c = choose(&d, all, ARRAY_LEN(all));
	struct err e = { 0 };

	(void)state;
	assert_false(c.found);
	assert_ok(policy_verdict(&c, &d, &e));
}

/* There is another package of the same, or there is not: then that is said. */
static void a_delta_of_another_base_is_no_hindrance(void **state)
{
	struct policy_device d = device();
	struct release all[] = { delta("3", 3, 1) };
	struct policy_choice c = choose(&d, all, ARRAY_LEN(all));
	struct err e = { 0 };

	(void)state;
	assert_false(c.found);
	assert_ok(policy_verdict(&c, &d, &e));
}

static void a_hindrance_is_said(void **state)
{
	struct policy_device d = device();
	struct release all[] = { release("2", 2), release("3", 3) };
	struct policy_choice c;
	struct err e = { 0 };

	(void)state;
	refusals_add(&d.refusals, &all[1].digest, 0);
	c = choose(&d, all, ARRAY_LEN(all));
	assert_false(c.found);
	assert_refused(policy_verdict(&c, &d, &e), ERR_REFUSED);
}

static void only_the_offered_release_is_taken(void **state)
{
	struct policy_device d = device();
	struct release all[] = { release("3", 3), release("4", 4) };
	struct policy_choice c;
	struct err e = { 0 };

	(void)state;
	d.has_offer = true;
	strcpy(d.offer, "3");
	d.offer_digest.bytes[0] = 3;
	c = choose(&d, all, ARRAY_LEN(all));
	assert_true(c.found);
	assert_string_equal(c.packages[0].id, "3");
	policy_done(&c);

	/* A name with another content than signed is not listed. */
	all[0] = release("3", 3);
	all[1] = release("4", 4);
	d.offer_digest.bytes[0] = 4;
	c = choose(&d, all, ARRAY_LEN(all));
	assert_false(c.found);
	assert_refused(policy_verdict(&c, &d, &e), ERR_NOT_FOUND);

	/* Neither is what is older, offered or not. */
	all[0] = release("1", 1);
	strcpy(d.offer, "1");
	d.offer_digest.bytes[0] = 1;
	c = choose(&d, all, 1);
	assert_false(c.found);
	assert_refused(policy_verdict(&c, &d, &e), ERR_ROLLBACK);
}

static void nothing_below_the_floor_is_installed(void **state)
{
	struct policy_device d = device();
	struct release r = release("3", 3);

	(void)state;
	d.floor = 4;
	judged(&d, &r, ERR_ROLLBACK);
	d.floor = 3;
	judged(&d, &r, ERR_NONE);
	/* At first use, too, and whatever its seq: the content counts. */
	d.has_running = false;
	judged(&d, &r, ERR_NONE);
	r.content_seq = 2;
	judged(&d, &r, ERR_ROLLBACK);
	/* What runs is not installed anew, only written again. */
	d = device();
	d.floor = 4;
	d.repair = true;
	r = release("2", 2);
	judged(&d, &r, ERR_NONE);
}

static void a_stone_leads_up_from_below_the_floor(void **state)
{
	struct policy_device d = device();
	struct release high = release("9", 9), stone = release("3", 3);
	struct way way = { .count = 0 };

	(void)state;
	high.requires_seq = 3;
	strcpy(high.stepping_stone, "3");
	way_add(&way, &high);
	way_add(&way, &stone);
	d.floor = 8;
	judged(&d, &stone, ERR_ROLLBACK);
	d.way = &way;
	judged(&d, &stone, ERR_NONE);
	judged(&d, &high, ERR_REFUSED);
	/* Never down, never as the first one, never named from below. */
	d.seq = d.content_seq = 5;
	judged(&d, &stone, ERR_ROLLBACK);
	d = device();
	d.way = &way;
	d.floor = 8;
	d.has_running = false;
	judged(&d, &stone, ERR_ROLLBACK);
	d.has_running = true;
	d.floor = 10;
	judged(&d, &stone, ERR_ROLLBACK);
	way_done(&way);
}

static void an_offer_that_is_closed_is_reached_over_its_stone(void **state)
{
	struct policy_device d = device();
	struct release all[] = { release("9", 9), release("4", 4),
				 release("5", 5) };
	struct way way = { .count = 0 };
	struct policy_choice c;

	(void)state;
	all[0].requires_seq = 3;
	strcpy(all[0].stepping_stone, "4");
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		way_add(&way, &all[i]);
	d.way = &way;
	d.has_offer = true;
	strcpy(d.offer, "9");
	d.offer_digest.bytes[0] = 9;
	c = choose(&d, all, ARRAY_LEN(all));
	assert_true(c.found);
	assert_string_equal(c.packages[0].id, "4");
	policy_done(&c);
	/* Where nothing runs, the direct way is open: no stone is meant. */
	all[0] = release("4", 4);
	d.has_running = false;
	d.content_seq = 0;
	c = choose(&d, all, 1);
	assert_false(c.found);
	policy_done(&c);
	way_done(&way);
}

static void a_step_back_is_authorised_and_wanted(void **state)
{
	struct policy_device d = device();
	struct release r = release("1", 1);
	struct way way = { .count = 0 };

	(void)state;
	d.way = &way;
	d.step_back = true;
	judged(&d, &r, ERR_ROLLBACK);
	way_add_back(&way, 1);
	judged(&d, &r, ERR_NONE);
	d.step_back = false;
	judged(&d, &r, ERR_ROLLBACK);
	d.has_offer = true;
	judged(&d, &r, ERR_NONE);
	/* Never below the floor. */
	d.floor = 2;
	judged(&d, &r, ERR_ROLLBACK);
	/* And for that release alone. */
	d.floor = 0;
	way.back[0] = 2;
	judged(&d, &r, ERR_ROLLBACK);
	way_done(&way);
}

static void what_an_updater_is_too_old_for_is_passed_over(void **state)
{
	struct policy_device d = device();
	struct release r = release("3", 3);

	(void)state;
	strcpy(r.min_updater, VERSION);
	judged(&d, &r, ERR_NONE);
	strcpy(r.min_updater, "9999.0.0");
	judged(&d, &r, ERR_REFUSED);
}

/* One listed package, as of a signer that may be newer than this updater. */
struct listed {
	char path[PATH_MAX_LEN];
	struct json *entry;
	struct tuf_target target;
};

static struct json *pawl_of(const struct listed *l)
{
	return (struct json *)(uintptr_t)json_get(json_get(l->entry, "custom"),
						  "pawl");
}

static void list(struct listed *l, const char *id, uint64_t seq, bool nightly)
{
	struct release r = release(id, seq);
	struct err e = { 0 };

	strcpy(r.component, "main");
	r.nightly = nightly;
	r.issued = NOW;
	r.health_deadline_sec = 300;
	r.manifest_len = 1;
	r.head_len = 100;
	assert_ok(release_path(&r, l->path, &e));
	l->entry = release_format(&r);
	l->target = (struct tuf_target){
		.path = l->path,
		.length = r.package_len,
		.has_sha256 = true,
		.custom = json_get(l->entry, "custom"),
	};
}

static void list_future(struct listed *l, const char *id, uint64_t seq)
{
	list(l, id, seq, false);
	json_set_int(pawl_of(l), "surprise", 1);
}

static void consider(struct policy_choice *c, const struct policy_device *d,
		     const struct listed *l)
{
	struct err e = { 0 };

	assert_ok(policy_consider(c, d, &l->target, false, NOW, &e));
}

static void a_release_for_newer_updaters_stops_no_other(void **state)
{
	struct policy_device d = device();
	struct policy_choice c = { 0 };
	struct listed future, good;

	(void)state;
	list_future(&future, "9", 9);
	list(&good, "3", 3, false);
	consider(&c, &d, &future);
	consider(&c, &d, &good);
	assert_true(c.found && c.seq == 3);
	policy_done(&c);
	c = (struct policy_choice){ 0 };
	consider(&c, &d, &good);
	consider(&c, &d, &future);
	assert_true(c.found && c.seq == 3);
	policy_done(&c);
	json_free(future.entry);
	json_free(good.entry);
}

static void verdict_of_future(const struct policy_device *d,
			      const struct listed *l, enum err_code code)
{
	struct policy_choice c = { .stranded = true };
	struct err e = { 0 };

	consider(&c, d, l);
	assert_false(c.found);
	if (code == ERR_NONE)
		assert_ok(policy_verdict(&c, d, &e));
	else
		assert_refused_saying(
			policy_verdict(&c, d, &e), code,
			code == ERR_REFUSED
				? "gateway/9/main-full.pawl: release needs a "
				  "newer updater"
				: "the server offers");
	assert_true(c.stranded == (code != ERR_REFUSED));
}

static void what_was_passed_over_is_said_when_nothing_fits(void **state)
{
	struct policy_device d = device();
	struct listed future;

	(void)state;
	list_future(&future, "9", 9);
	verdict_of_future(&d, &future, ERR_REFUSED);
	d.has_offer = true;
	strcpy(d.offer, "9");
	verdict_of_future(&d, &future, ERR_REFUSED);
	strcpy(d.offer, "8");
	verdict_of_future(&d, &future, ERR_NOT_FOUND);
	/* What runs, or is older, or another product's, is no news. */
	d.has_offer = false;
	d.seq = 9;
	verdict_of_future(&d, &future, ERR_NONE);
	d.seq = 8;
	verdict_of_future(&d, &future, ERR_REFUSED);
	d.has_running = false;
	d.seq = 9;
	verdict_of_future(&d, &future, ERR_REFUSED);
	strcpy(d.product, "camera");
	verdict_of_future(&d, &future, ERR_NONE);
	json_free(future.entry);
}

/* The newest speaks, whichever of them is listed first. */
static void a_newer_hindrance_is_kept_over_an_older(void **state)
{
	struct policy_device d = device();
	struct policy_choice c = { 0 };
	struct listed newer, older;

	(void)state;
	list_future(&newer, "9", 9);
	list_future(&older, "7", 7);
	consider(&c, &d, &newer);
	consider(&c, &d, &older);
	assert_true(c.hindrance_seq == 9);
	assert_non_null(strstr(c.hindrance.msg, "gateway/9/"));
	json_set_int(pawl_of(&older), "seq", 0);
	json_set_int(pawl_of(&older), "v", 2);
	c = (struct policy_choice){ 0 };
	consider(&c, &d, &older);
	assert_int_equal(c.hindrance.code, ERR_NONE);
	json_free(newer.entry);
	json_free(older.entry);
}

static void what_nobody_can_read_is_no_release_of_tomorrow(void **state)
{
	struct policy_device d = device();
	struct policy_choice c = { 0 };
	struct listed l;
	struct err e = { 0 };

	(void)state;
	list(&l, "3", 3, false);
	json_set_int(pawl_of(&l), "seq", 0);
	assert_refused_saying(
		policy_consider(&c, &d, &l.target, false, NOW, &e), ERR_FORMAT,
		"gateway/3/main-full.pawl: ");
	json_set_text(pawl_of(&l), "type", "order");
	consider(&c, &d, &l);
	assert_false(c.found);
	assert_int_equal(c.hindrance.code, ERR_NONE);
	json_free(l.entry);
}

static void nightlies_are_for_a_lab_readable_or_not(void **state)
{
	struct policy_device d = device();
	struct policy_choice c = { 0 };
	struct listed l;
	struct err e = { 0 };

	(void)state;
	list(&l, "3", 3, true);
	consider(&c, &d, &l);
	assert_false(c.found);
	assert_ok(policy_consider(&c, &d, &l.target, true, NOW, &e));
	assert_true(c.found);
	policy_done(&c);
	c = (struct policy_choice){ 0 };
	json_set_int(pawl_of(&l), "surprise", 1);
	consider(&c, &d, &l);
	assert_int_equal(c.hindrance.code, ERR_NONE);
	assert_ok(policy_consider(&c, &d, &l.target, true, NOW, &e));
	assert_int_equal(c.hindrance.code, ERR_REFUSED);
	json_free(l.entry);
}

/* "Up to date" must not stand for "all that there is lies below the floor". */
static void a_floor_that_leaves_nothing_is_said(void **state)
{
	struct policy_device d = device();
	struct release all[] = { release("2", 2) };
	struct policy_choice c;
	struct err e = { 0 };

	(void)state;
	d.floor = 3;
	d.has_running = false;
	c = choose(&d, all, ARRAY_LEN(all));
	assert_false(c.found);
	assert_refused(policy_verdict(&c, &d, &e), ERR_ROLLBACK);
	all[0] = release("3", 3);
	all[0].content_seq = 2;
	d.has_running = true;
	c = choose(&d, all, ARRAY_LEN(all));
	assert_refused(policy_verdict(&c, &d, &e), ERR_ROLLBACK);
}

static void time_never_runs_behind_what_was_signed(void **state)
{
	(void)state;
	assert_int_equal(policy_now(0, NOW), NOW);
	assert_int_equal(policy_now(NOW + 5, NOW), NOW + 5);
}

/* ---- room ---------------------------------------------------------------- */

static struct plan big_plan(void)
{
	return (struct plan){
		.release = { .parts = { { .content_len = 1000000,
					  .manifest_len = 1000,
					  .entries = 10 } },
			     .part_count = 1 },
		.packages = { { .package_len = 500000 } },
	};
}

static void room_is_judged_to_the_byte(void **state)
{
	struct plan p = big_plan();
	uint64_t slot = slot_part_room(&p.release.parts[0]);
	struct room r = { .slot_bytes = slot,
			  .slot_inodes = 100,
			  .state_bytes = p.packages[0].package_len + (1 << 20),
			  .state_inodes = 100 };
	struct err e = { 0 };

	(void)state;
	assert_ok(room_judge(&r, &p, 0, &e));
	r.slot_bytes--;
	assert_refused(room_judge(&r, &p, 0, &e), ERR_SPACE);
	r.freed_bytes = 1;
	assert_ok(room_judge(&r, &p, 0, &e));
	r.state_bytes--;
	assert_refused(room_judge(&r, &p, 0, &e), ERR_SPACE);
	r.spooled[0] = 1;
	assert_ok(room_judge(&r, &p, 0, &e));
	r.data_bytes = 1; /* to be saved before the switch */
	assert_refused(room_judge(&r, &p, 0, &e), ERR_SPACE);
	r.data_bytes = 0;
	r.keep_bytes = 1; /* to be taken along */
	assert_refused(room_judge(&r, &p, 0, &e), ERR_SPACE);
	r.slot_bytes++;
	assert_ok(room_judge(&r, &p, 0, &e));
	r.keep_inodes = 83;
	assert_refused(room_judge(&r, &p, 0, &e), ERR_SPACE);
	r.keep_inodes = 82;
	assert_ok(room_judge(&r, &p, 0, &e));
	r.slot_inodes = 10;
	assert_refused(room_judge(&r, &p, 0, &e), ERR_SPACE);
}

static void one_disk_must_hold_both(void **state)
{
	struct plan p = big_plan();
	uint64_t slot = slot_part_room(&p.release.parts[0]);
	struct room r = { .slot_bytes = slot,
			  .state_bytes = slot,
			  .slot_inodes = 1000,
			  .same_disk = true };
	struct err e = { 0 };

	(void)state;
	assert_refused(room_judge(&r, &p, 0, &e), ERR_SPACE);
	r.slot_bytes += p.packages[0].package_len + (1 << 20);
	assert_ok(room_judge(&r, &p, 0, &e));
}

static void room_is_for_all_components_together(void **state)
{
	struct plan p = big_plan();
	struct room r = { .slot_inodes = 100,
			  .state_bytes = 500007 + (1 << 20),
			  .state_inodes = 100 };
	struct err e = { 0 };

	(void)state;
	p.release.parts[1] = (struct slot_part){ .content_len = 3000 };
	p.packages[1].package_len = 7;
	p.release.part_count = 2;
	r.slot_bytes = slot_part_room(&p.release.parts[0]) +
		       slot_part_room(&p.release.parts[1]);
	assert_ok(room_judge(&r, &p, 0, &e));
	r.slot_bytes--;
	assert_refused(room_judge(&r, &p, 0, &e), ERR_SPACE);
	r.slot_bytes++;
	r.state_bytes--;
	assert_refused(room_judge(&r, &p, 0, &e), ERR_SPACE);
	r.spooled[1] = 1;
	assert_ok(room_judge(&r, &p, 0, &e));
	/* One that has its own device takes none of that, but must fit. */
	r.is_image[1] = true;
	r.image_bytes[1] = 3000;
	r.slot_bytes++; /* a record and its folder are counted amply */
	assert_ok(room_judge(&r, &p, 0, &e));
	r.image_bytes[1] = 2999;
	assert_refused(room_judge(&r, &p, 0, &e), ERR_SPACE);
}

static void the_holes_of_an_image_file_are_room_that_it_takes(void **state)
{
	struct plan p = big_plan();
	struct room r = { .slot_bytes = 1000 + 4 * SLOT_BLOCK,
			  .slot_inodes = 100,
			  .state_bytes = 1u << 30,
			  .state_inodes = 100,
			  .is_image = { true },
			  .image_bytes = { 1u << 30 } };
	struct err e = { 0 };

	(void)state;
	p.release.parts[0].content_len = 5000;
	r.image_holes[0] = 1000;
	assert_ok(room_judge(&r, &p, 0, &e));
	r.image_holes[0] = 1001;
	assert_refused(room_judge(&r, &p, 0, &e), ERR_SPACE);
	/* Those behind the image stay holes. */
	r.image_holes[0] = 1u << 20;
	r.slot_bytes = 5000 + 4 * SLOT_BLOCK;
	assert_ok(room_judge(&r, &p, 0, &e));
	r.slot_bytes--;
	assert_refused(room_judge(&r, &p, 0, &e), ERR_SPACE);
}

static void what_has_no_room_whole_passes_through_a_window(void **state)
{
	const uint64_t chunk = PACKAGE_CHUNK_LEN;
	struct plan p = big_plan();
	struct room r = { .slot_bytes = 1u << 30,
			  .slot_inodes = 100,
			  .state_bytes = (1u << 20) + 96 + 6 * chunk,
			  .state_inodes = 100,
			  .window_max = 16u << 20 };
	struct err e = { 0 };

	(void)state;
	p.packages[0].head_len = 96;
	p.packages[0].package_len = 96 + 100 * chunk;
	assert_refused(room_judge(&r, &p, 0, &e), ERR_SPACE);
	assert_int_equal(room_window(&r, &p), 6);
	assert_ok(room_judge(&r, &p, 6, &e));
	assert_refused(room_judge(&r, &p, 7, &e), ERR_SPACE);
	/* What was spooled before makes room, whole chunks only. */
	r.spooled[0] = 2 * chunk + 5;
	assert_int_equal(room_window(&r, &p), 8);
	assert_ok(room_judge(&r, &p, 8, &e));
	r.spooled[0] = 0;
	/* No larger than allowed, than the package, or than it is already. */
	r.window_max = 5 * chunk;
	assert_int_equal(room_window(&r, &p), 5);
	r.window_max = 16u << 20;
	r.state_bytes = 1u << 30;
	assert_int_equal(room_window(&r, &p), 100);
	p.packages[0].package_len = 96 + 10 * chunk - 1;
	assert_int_equal(room_window(&r, &p), 10);
	r.windows[0] = 96 + 7 * chunk;
	assert_int_equal(room_window(&r, &p), 7);
	r.windows[0] = 3; /* no window at all */
	assert_int_equal(room_window(&r, &p), 10);
	/* Too little is said, not made do with. */
	r.windows[0] = 0;
	r.state_bytes = (1u << 20) + 96 + 4 * chunk - 1;
	assert_int_equal(room_window(&r, &p), 4);
	assert_refused(room_judge(&r, &p, 4, &e), ERR_SPACE);
}

/* It lasts from one run to the next where there is a window, with the list. */
static void what_was_begun_has_its_scratch_space(void **state)
{
	struct plan p = big_plan();
	const uint64_t slot = slot_part_room(&p.release.parts[0]) + 5000;
	struct room r = { .slot_bytes = slot,
			  .slot_inodes = 100,
			  .state_bytes = 1u << 30,
			  .state_inodes = 100,
			  .window_max = 16u << 20 };
	struct err e = { 0 };

	(void)state;
	p.packages[0].scratch_len = 5000;
	assert_ok(room_judge(&r, &p, 0, &e));
	assert_refused(room_judge(&r, &p, 4, &e), ERR_SPACE);
	r.slot_bytes += DELTA_LIST_MAX;
	assert_ok(room_judge(&r, &p, 4, &e));
	r.slot_bytes--;
	assert_refused(room_judge(&r, &p, 4, &e), ERR_SPACE);
	r.begun = (struct package_point){ .packed = 1, .plain = 1 };
	r.slot_bytes = slot - 5000 - 1;
	assert_ok(room_judge(&r, &p, 4, &e));
	r.slot_bytes--;
	assert_refused(room_judge(&r, &p, 4, &e), ERR_SPACE);
}

static void one_disk_has_a_window_beside_the_slot(void **state)
{
	struct plan p = big_plan();
	uint64_t slot = slot_part_room(&p.release.parts[0]);
	struct room r = { .slot_bytes =
				  slot + (1u << 20) + 4 * PACKAGE_CHUNK_LEN,
			  .slot_inodes = 1000,
			  .window_max = 16u << 20,
			  .same_disk = true };
	struct err e = { 0 };

	(void)state;
	p.packages[0].package_len = 1u << 30;
	assert_int_equal(room_window(&r, &p), 4);
	assert_ok(room_judge(&r, &p, 4, &e));
	r.slot_bytes--;
	assert_refused(room_judge(&r, &p, 4, &e), ERR_SPACE);
	/* A component that is there already takes no more room. */
	r.complete = 1;
	r.slot_bytes -= slot;
	r.slot_bytes++;
	assert_ok(room_judge(&r, &p, 4, &e));
}

static struct release undo(void)
{
	struct release r = release("2.undo", 3);

	r.content_seq = 1;
	strcpy(r.undo_of, "2");
	r.undo_until = NOW + 1;
	return r;
}

static void an_undo_is_for_what_runs_and_in_time(void **state)
{
	struct policy_device d = device();
	struct release r = undo();

	(void)state;
	strcpy(d.running, "2");
	judged(&d, &r, ERR_NONE);
	r.undo_until = NOW;
	judged(&d, &r, ERR_REFUSED);
	r = undo();
	strcpy(d.running, "1");
	judged(&d, &r, ERR_REFUSED);
	d.has_running = false;
	judged(&d, &r, ERR_REFUSED);
	strcpy(d.running, "2"); /* as left behind */
	judged(&d, &r, ERR_REFUSED);
	/* below the floor lies its content, not its number */
	d = device();
	strcpy(d.running, "2");
	d.floor = 2;
	judged(&d, &r, ERR_ROLLBACK);
	/* once it runs, it may be written again whenever */
	strcpy(d.running, "2.undo");
	d.seq = 3;
	d.content_seq = 1;
	d.digest = r.digest;
	d.floor = 0;
	d.repair = true;
	judged(&d, &r, ERR_NONE);
}

static void an_undo_of_something_else_is_no_hindrance(void **state)
{
	struct policy_choice c = { .found = false };
	struct policy_device d = device();
	struct release r = undo();
	struct err e = { 0 };

	(void)state;
	strcpy(r.undo_of, "1");
	strcpy(d.running, "2");
	policy_offer(&c, &d, &r, NOW);
	assert_false(c.found);
	assert_ok(policy_verdict(&c, &d, &e));
	/* but who offers it hears why not */
	d.has_offer = true;
	strcpy(d.offer, "2.undo");
	d.offer_digest = r.digest;
	policy_offer(&c, &d, &r, NOW);
	assert_refused(policy_verdict(&c, &d, &e), ERR_REFUSED);
	assert_non_null(strstr(e.msg, "takes back 1"));
}

static int open_four(void *ctx, const struct release *r,
		     char opened[SLOT_ORDER_MAX], struct err *e)
{
	unsigned *asked = ctx;

	*asked += 1;
	if (strcmp(r->id, "4") != 0)
		return err_set(e, ERR_REFUSED, "%s is not open", r->id);
	strcpy(opened, "by an order");
	return 0;
}

static void the_operators_are_asked_last(void **state)
{
	unsigned asked = 0;
	const struct policy_gate gate = { open_four, &asked };
	struct policy_choice c = { .gate = &gate };
	struct policy_device d = device();
	struct release old = release("1", 1), four = release("4", 4),
		       five = release("5", 5), two = release("2", 2);
	struct err e = { 0 };

	(void)state;
	/* what the device would not take is no question */
	policy_offer(&c, &d, &old, NOW);
	assert_int_equal(asked, 0);
	policy_offer(&c, &d, &five, NOW);
	assert_int_equal(asked, 1);
	assert_false(c.found);
	assert_refused(policy_verdict(&c, &d, &e), ERR_REFUSED);
	assert_string_equal(e.msg, "5 is not open");
	/* what is open is taken, though a newer one is not */
	policy_offer(&c, &d, &four, NOW);
	assert_true(c.found);
	assert_string_equal(c.opened, "by an order");
	policy_done(&c);
	/* what runs was opened before */
	c = (struct policy_choice){ .gate = &gate };
	asked = 0;
	d.repair = true;
	policy_offer(&c, &d, &two, NOW);
	assert_int_equal(asked, 0);
	assert_true(c.found);
	policy_done(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_newer_release_of_the_product_is_taken),
		cmocka_unit_test(another_product_or_model_is_refused),
		cmocka_unit_test(another_revision_of_the_hardware_is_refused),
		cmocka_unit_test(the_hardware_counts_for_what_runs_too),
		cmocka_unit_test(other_content_than_the_slot_takes_is_refused),
		cmocka_unit_test(an_image_is_for_slots_that_hold_images),
		cmocka_unit_test(nothing_steps_back_whatever_its_version_says),
		cmocka_unit_test(what_runs_is_written_again_for_repair_only),
		cmocka_unit_test(stepping_stones_are_not_skipped),
		cmocka_unit_test(who_has_no_way_is_stranded),
		cmocka_unit_test(not_before_is_kept),
		cmocka_unit_test(what_was_rolled_back_is_not_retried),
		cmocka_unit_test(who_signs_may_have_it_tried_again),
		cmocka_unit_test(
			where_too_many_were_rolled_back_none_of_them_is_tried),
		cmocka_unit_test(a_delta_needs_its_very_base),
		cmocka_unit_test(a_delta_needs_the_libraries_it_was_made_with),
		cmocka_unit_test(a_delta_of_another_base_is_no_hindrance),
		cmocka_unit_test(the_newest_and_then_the_smallest_is_chosen),
		cmocka_unit_test(
			of_each_component_the_smallest_package_is_chosen),
		cmocka_unit_test(
			a_release_that_lacks_a_package_is_not_taken_in_part),
		cmocka_unit_test(two_releases_of_one_number_are_never_mixed),
		cmocka_unit_test(a_release_has_what_the_device_has_slots_for),
		cmocka_unit_test(room_is_for_all_components_together),
		cmocka_unit_test(
			the_holes_of_an_image_file_are_room_that_it_takes),
		cmocka_unit_test(
			what_has_no_room_whole_passes_through_a_window),
		cmocka_unit_test(what_was_begun_has_its_scratch_space),
		cmocka_unit_test(one_disk_has_a_window_beside_the_slot),
		cmocka_unit_test(a_refused_newest_leaves_the_next_one),
		cmocka_unit_test(up_to_date_is_no_failure),
		cmocka_unit_test(a_hindrance_is_said),
		cmocka_unit_test(only_the_offered_release_is_taken),
		cmocka_unit_test(nothing_below_the_floor_is_installed),
		cmocka_unit_test(a_stone_leads_up_from_below_the_floor),
		cmocka_unit_test(
			an_offer_that_is_closed_is_reached_over_its_stone),
		cmocka_unit_test(a_step_back_is_authorised_and_wanted),
		cmocka_unit_test(what_an_updater_is_too_old_for_is_passed_over),
		cmocka_unit_test(a_release_for_newer_updaters_stops_no_other),
		cmocka_unit_test(
			what_was_passed_over_is_said_when_nothing_fits),
		cmocka_unit_test(a_newer_hindrance_is_kept_over_an_older),
		cmocka_unit_test(
			what_nobody_can_read_is_no_release_of_tomorrow),
		cmocka_unit_test(nightlies_are_for_a_lab_readable_or_not),
		cmocka_unit_test(a_floor_that_leaves_nothing_is_said),
		cmocka_unit_test(time_never_runs_behind_what_was_signed),
		cmocka_unit_test(room_is_judged_to_the_byte),
		cmocka_unit_test(one_disk_must_hold_both),
		cmocka_unit_test(an_undo_is_for_what_runs_and_in_time),
		cmocka_unit_test(an_undo_of_something_else_is_no_hindrance),
		cmocka_unit_test(the_operators_are_asked_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
