/* SPDX-License-Identifier: Apache-2.0 */
/* update-server/ways over a store that was imported to. */
#include "update-server/ways.h"

#include <fcntl.h>

#include "common/floor.h"
#include "common/stepback.h"
#include "tests/unit/put_blob.h"
#include "tests/unit/tuf_repo.h"
#include "update-server/blobs.h"
#include "update-server/floor_import.h"

struct desk {
	struct repo *repo;
	struct store *store;
	struct ways *ways;
	bool lab;
	bool lab_device;     /* and what asks in production is one of the lab */
	const char *problem; /* of product-kiosk; NULL: none */
};

static int setup(void **state)
{
	struct desk *d = mem_alloc(1, sizeof(*d));
	char path[96];
	struct err e = { 0 };

	d->repo = repo_new();
	(void)snprintf(path, sizeof(path), "%s/db", d->repo->dir);
	assert_ok(store_open(path, &d->store, &e));
	*state = d;
	return 0;
}

static int teardown(void **state)
{
	struct desk *d = *state;

	ways_free(d->ways);
	store_close(d->store);
	repo_free(d->repo);
	free(d);
	return 0;
}

/* ---- what engineers sign ------------------------------------------------- */

struct listed {
	const char *role;
	uint64_t seq, content_seq, requires_seq;
	const char *stone, *model, *hardware;
	bool nightly;
};

static void list_release(struct desk *d, const struct listed *l)
{
	static char k9[] = "k9", rev_z[] = "rev-z";
	struct release r = { .product = "kiosk",
			     .version = "x",
			     .seq = l->seq,
			     .content_seq =
				     l->content_seq ? l->content_seq : l->seq,
			     .requires_seq = l->requires_seq,
			     .issued = NOW - UTC_DAY,
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
			     .nightly = l->nightly };
	char path[PATH_MAX_LEN];
	struct err e = { 0 };

	(void)snprintf(r.id, sizeof(r.id), "%u", (unsigned)l->seq);
	r.digest.bytes[0] = (uint8_t)l->seq;
	if (l->stone)
		strcpy(r.stepping_stone, l->stone);
	if (l->model)
		r.models[r.model_count++] = k9;
	if (l->hardware)
		r.hardware[r.hardware_count++] = rev_z;
	if (l->content_seq) {
		strcpy(r.undo_of, "9");
		r.undo_until = NOW + 9 * UTC_DAY;
	}
	assert_ok(release_path(&r, path, &e));
	json_set(member(repo_body(d->repo, l->role ? l->role : "targets"),
			"targets"),
		 path, release_format(&r));
}

static void list(struct desk *d, uint64_t seq, uint64_t requires,
		 const char *stone)
{
	const struct listed l = { .seq = seq,
				  .requires_seq = requires,
				  .stone = stone };

	list_release(d, &l);
}

/* As an upload leaves it. */
static void list_document(struct desk *d, const char *role, const char *path,
			  struct json *body)
{
	struct buf bytes = BUF_INIT(STATEMENT_MAX_LEN);
	struct sha256 digest;
	struct err e = { 0 };
	int fd = -1;

	assert_ok(json_canonical(body, &bytes, &e));
	repo_document(d->repo, role, path, buf_text(&bytes));
	sha256_of(buf_slice(&bytes), &digest);
	assert_ok(fs_replace_file(d->repo->dirfd, "upload", buf_slice(&bytes),
				  0600, &e));
	assert_ok(fs_open(d->repo->dirfd, "upload", O_RDONLY, &fd, &e));
	assert_ok(put_blob(d->repo->dirfd, fd, bytes.len, &digest, &e));
	fs_close(&fd);
	buf_done(&bytes);
	json_free(body);
}

static void list_floor(struct desk *d, const char *role, uint64_t seq)
{
	const struct floor f = { "kiosk", seq, NOW - UTC_DAY };

	list_document(d, role, "floor/kiosk.json", floor_format(&f));
}

static void list_back(struct desk *d, uint64_t from, uint64_t to,
		      int64_t expires)
{
	const struct stepback s = { "kiosk", from, to, NOW - UTC_DAY, expires };
	char path[PATH_MAX_LEN];
	struct err e = { 0 };

	assert_ok(stepback_path(&s, path, &e));
	list_document(d, "targets", path, stepback_format(&s));
}

/* ---- as the server has it ------------------------------------------------ */

static void import(struct desk *d)
{
	struct err e = { 0 };
	static const char *const roles[] = { "targets", "product-kiosk",
					     "nightly", "rollout" };
	struct store_file files[8] = { 0 };
	struct store_role known[3] = { 0 };
	struct store_import in = { .files = files, .roles = known };
	const struct audit_by by = { .kind = AUDIT_SYSTEM, .now = NOW };
	char name[TUF_NAME_MAX];

	repo_release(d->repo);
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		struct store_file *f = &files[in.file_count];

		if (!repo_find(d->repo, roles[i]))
			continue;
		if (i > 0) {
			struct store_role *r = &known[in.role_count++];

			repo_publish(d->repo, roles[i]);
			strcpy(r->name, roles[i]);
			r->version = repo_version(d->repo, roles[i]);
			if (i == 1 && d->problem)
				strcpy(r->problem, d->problem);
		} else {
			f->targets = repo_version(d->repo, "targets");
		}
		repo_name(d->repo, roles[i], name);
		strcpy(f->name, name);
		f->bytes = buf_slice(&repo_file(d->repo, name)->bytes);
		in.file_count++;
	}
	assert_ok(store_import(d->store, &in, &by, &e));
}

static int read_ways(struct desk *d, struct err *e)
{
	import(d);
	ways_free(d->ways);
	d->ways = NULL;
	return ways_read(d->store, d->repo->dirfd, d->lab, &d->ways, e);
}

static struct rollout rollout_of(uint64_t seq, uint64_t requires)
{
	struct rollout r = { .name = "r",
			     .product = "kiosk",
			     .seq = seq,
			     .requires_seq = requires,
			     .digest = { { (uint8_t)seq } } };

	(void)snprintf(r.release, sizeof(r.release), "%u", (unsigned)seq);
	return r;
}

static struct rollout_device runs(uint64_t seq)
{
	struct rollout_device d = { .product = "kiosk",
				    .model = "k1",
				    .has_release = true,
				    .confirmed = true,
				    .seq = seq,
				    .digest = { { (uint8_t)seq } } };

	return d;
}

/* The release that a device is led to; "" when it is stranded. */
static const char *led(struct desk *d, uint64_t from, uint64_t to,
		       uint64_t requires)
{
	static struct rollout goal;
	struct rollout r = rollout_of(to, requires);
	struct rollout_device device = runs(from);
	struct rollout_word word;

	device.lab = d->lab_device;
	ways_judge(d->ways, &r, &device, NOW, &word, &goal);
	assert_true(word.ordered);
	return word.stranded ? "" : goal.release;
}

static bool is_below(struct desk *d, const struct rollout_device *device,
		     uint64_t to)
{
	struct rollout r = rollout_of(to, 0), goal;
	struct rollout_word word;

	ways_judge(d->ways, &r, device, NOW, &word, &goal);
	return word.below_floor;
}

static bool goes_back(struct desk *d, uint64_t from, uint64_t to, bool wanted,
		      int64_t now)
{
	struct rollout r = rollout_of(to, 0), goal;
	struct rollout_device device = runs(from);
	struct rollout_word word;

	r.step_back = wanted;
	ways_judge(d->ways, &r, &device, now, &word, &goal);
	return word.back;
}

static const char *explained(struct desk *d, uint64_t seq)
{
	static char why[WIRE_REASON_MAX];
	struct rollout_device device = runs(seq);

	device.lab = d->lab_device;
	ways_explain(d->ways, &device, why);
	return why;
}

/* ---- stepping stones ----------------------------------------------------- */

static void devices_are_led_over_the_stones(void **state)
{
	struct desk *d = *state;
	struct err e = { 0 };

	list(d, 9, 5, "5");
	list(d, 5, 3, "3");
	list(d, 3, 0, NULL);
	assert_ok(read_ways(d, &e));
	assert_string_equal(led(d, 1, 9, 5), "3");
	assert_string_equal(led(d, 3, 9, 5), "5");
	assert_string_equal(led(d, 5, 9, 5), "9");
	assert_string_equal(explained(d, 1), "");
}

static void what_a_device_is_led_to_is_the_whole_release(void **state)
{
	struct desk *d = *state;
	struct rollout r = rollout_of(9, 5), goal;
	struct rollout_device device = runs(4);
	struct rollout_word word;
	struct err e = { 0 };

	list(d, 9, 5, "5");
	list(d, 5, 3, NULL);
	assert_ok(read_ways(d, &e));
	r.id = 77;
	ways_judge(d->ways, &r, &device, NOW, &word, &goal);
	assert_int_equal(goal.seq, 5);
	assert_int_equal(goal.digest.bytes[0], 5);
	assert_int_equal(goal.requires_seq, 3);
	/* It stays a part of the rollout. */
	assert_int_equal(goal.id, 77);
	assert_int_equal(r.seq, 9);
}

static void without_a_stone_they_are_stranded(void **state)
{
	struct desk *d = *state;
	struct rollout_device nothing = { .product = "kiosk", .model = "k1" };
	char why[WIRE_REASON_MAX];
	struct err e = { 0 };

	list(d, 9, 5, NULL);
	list(d, 4, 0, NULL);
	assert_ok(read_ways(d, &e));
	assert_string_equal(led(d, 4, 9, 5), "");
	assert_non_null(strstr(explained(d, 4),
			       "stranded: 9 needs at least seq 5 first, seq 4 "
			       "runs"));
	assert_string_equal(explained(d, 5), "");
	assert_string_equal(explained(d, 9), "");
	/* At first use there is nothing to skip. */
	ways_explain(d->ways, &nothing, why);
	assert_string_equal(why, "");
}

static void a_release_for_another_model_strands_nobody(void **state)
{
	struct desk *d = *state;
	const struct listed l = { .seq = 9, .requires_seq = 5, .model = "k9" };
	struct err e = { 0 };

	list_release(d, &l);
	assert_ok(read_ways(d, &e));
	assert_string_equal(explained(d, 4), "");
}

static void a_release_for_other_hardware_strands_nobody(void **state)
{
	struct desk *d = *state;
	const struct listed l = { .seq = 9,
				  .requires_seq = 5,
				  .hardware = "rev-z" };
	struct err e = { 0 };

	list_release(d, &l);
	assert_ok(read_ways(d, &e));
	assert_string_equal(explained(d, 4), "");
}

/* The device would refuse it: better said here than offered for ever. */
static void a_stone_for_others_leads_nowhere(void **state)
{
	struct desk *d = *state;
	const struct listed stones[] = {
		{ .seq = 5, .hardware = "rev-z" },
		{ .seq = 6, .model = "k9" },
		{ .seq = 7 },
	};
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(stones); i++)
		list_release(d, &stones[i]);
	list(d, 9, 5, "5");
	list(d, 10, 6, "6");
	list(d, 11, 7, "7");
	assert_ok(read_ways(d, &e));
	assert_string_equal(led(d, 4, 9, 5), "");
	assert_string_equal(led(d, 4, 10, 6), "");
	assert_string_equal(led(d, 4, 11, 7), "7");
}

/* Seq 10 has the content of 4: it counts as 4 for what requires 5. */
static void an_undo_counts_as_its_content(void **state)
{
	struct desk *d = *state;
	const struct listed undo = { .seq = 10, .content_seq = 4 };
	struct err e = { 0 };

	list_release(d, &undo);
	list(d, 12, 5, NULL);
	assert_ok(read_ways(d, &e));
	assert_string_equal(led(d, 10, 12, 5), "");
	assert_non_null(strstr(explained(d, 10), "seq 4 runs"));
	assert_string_equal(led(d, 9, 12, 5), "12");
}

static void nothing_imported_knows_no_ways(void **state)
{
	struct desk *d = *state;
	struct err e = { 0 };

	assert_ok(ways_read(d->store, d->repo->dirfd, false, &d->ways, &e));
	assert_string_equal(led(d, 4, 9, 0), "9");
	assert_string_equal(led(d, 4, 9, 5), "");
	assert_string_equal(explained(d, 4), "");
	ways_free(d->ways);
	d->ways = NULL; /* could not be read */
	assert_string_equal(led(d, 4, 9, 5), "");
	assert_string_equal(led(d, 5, 9, 5), "9");
	assert_false(goes_back(d, 9, 4, true, NOW));
}

static void nightly_builds_count_in_a_lab_alone(void **state)
{
	struct desk *d = *state;
	const struct listed l = {
		.role = "nightly", .seq = 9, .requires_seq = 5, .nightly = true
	};
	struct err e = { 0 };

	repo_delegate(d->repo, "targets", "nightly", SPARE_KEY,
		      "nightly/*/*/*");
	list_release(d, &l);
	assert_ok(read_ways(d, &e));
	assert_string_equal(explained(d, 4), "");
	/* In production for a device that was assigned there. */
	d->lab_device = true;
	assert_string_not_equal(explained(d, 4), "");
	d->lab_device = false;
	d->lab = true;
	assert_ok(read_ways(d, &e));
	assert_string_not_equal(explained(d, 4), "");
}

/* A stone that one key signed leads nobody out of production. */
static void nightly_stones_lead_lab_devices_alone(void **state)
{
	struct desk *d = *state;
	const struct listed stone = { .role = "nightly",
				      .seq = 5,
				      .nightly = true };
	struct rollout r = rollout_of(5, 0);
	struct err e = { 0 };

	repo_delegate(d->repo, "targets", "nightly", SPARE_KEY,
		      "nightly/*/*/*");
	list_release(d, &stone);
	list(d, 9, 5, "5");
	assert_ok(read_ways(d, &e));
	assert_string_equal(led(d, 4, 9, 5), "");
	d->lab_device = true;
	assert_string_equal(led(d, 4, 9, 5), "5");
	/* The floor is for nightly builds, too. */
	r.lab_only = true;
	assert_ok(ways_allow(d->ways, &r, NOW, &e));
	list(d, 9, 8, NULL);
	list_floor(d, "targets", 8);
	assert_ok(read_ways(d, &e));
	assert_refused_saying(ways_allow(d->ways, &r, NOW, &e), ERR_REFUSED,
			      "below the floor");
}

/* What a device runs is not what one key says of the same seq and content. */
static void a_nightly_listing_changes_no_others_content(void **state)
{
	struct desk *d = *state;
	const struct listed undo = {
		.role = "nightly", .seq = 10, .content_seq = 4, .nightly = true
	};
	struct err e = { 0 };

	repo_delegate(d->repo, "targets", "nightly", SPARE_KEY,
		      "nightly/*/*/*");
	list_release(d, &undo);
	list(d, 12, 5, NULL);
	assert_ok(read_ways(d, &e));
	assert_string_equal(led(d, 10, 12, 5), "12");
	d->lab_device = true;
	assert_string_equal(led(d, 10, 12, 5), "");
}

/* ---- the floor ----------------------------------------------------------- */

static void what_lies_below_the_floor_is_known(void **state)
{
	struct desk *d = *state;
	struct rollout r4 = rollout_of(4, 0), r5 = rollout_of(5, 0);
	struct rollout_device one = runs(1), nothing = { .product = "kiosk" };
	struct err e = { 0 };

	list(d, 5, 0, NULL);
	list(d, 4, 0, NULL);
	assert_ok(read_ways(d, &e));
	assert_false(is_below(d, &one, 4));
	assert_ok(ways_allow(d->ways, &r4, NOW, &e));
	list_floor(d, "targets", 5);
	assert_ok(read_ways(d, &e));
	assert_true(is_below(d, &one, 4));
	assert_true(is_below(d, &nothing, 4));
	assert_false(is_below(d, &one, 5));
	assert_refused_saying(ways_allow(d->ways, &r4, NOW, &e), ERR_REFUSED,
			      "below the floor, seq 5");
	assert_ok(ways_allow(d->ways, &r5, NOW, &e));
}

static void a_stone_below_it_leads_upwards_only(void **state)
{
	struct desk *d = *state;
	struct rollout r4 = rollout_of(4, 0);
	struct rollout_device one = runs(1), nine = runs(9),
			      nothing = { .product = "kiosk" };
	struct err e = { 0 };

	list(d, 9, 4, "4");
	list(d, 4, 0, NULL);
	list_floor(d, "targets", 5);
	assert_ok(read_ways(d, &e));
	assert_false(is_below(d, &one, 4));
	assert_true(is_below(d, &nine, 4));
	assert_true(is_below(d, &nothing, 4));
	assert_string_equal(led(d, 1, 9, 4), "4");
	assert_ok(ways_allow(d->ways, &r4, NOW, &e));
}

static void the_first_role_that_lists_a_floor_is_believed(void **state)
{
	struct desk *d = *state;
	struct rollout_device one = runs(1);
	struct err e = { 0 };

	repo_delegate(d->repo, "targets", "product-kiosk", SPARE_KEY,
		      "kiosk/*/*");
	list(d, 4, 0, NULL);
	list_floor(d, "product-kiosk", 5);
	assert_ok(read_ways(d, &e));
	assert_true(is_below(d, &one, 4));
	list_floor(d, "targets", 3);
	assert_ok(read_ways(d, &e));
	assert_false(is_below(d, &one, 4));
	/* What devices cannot use, the server does not either. */
	json_remove(member(repo_body(d->repo, "targets"), "targets"),
		    "floor/kiosk.json");
	d->problem = "has expired";
	assert_ok(read_ways(d, &e));
	assert_false(is_below(d, &one, 4));
}

static void the_role_of_operators_says_nothing_of_ways(void **state)
{
	struct desk *d = *state;
	struct rollout_device one = runs(1);
	struct err e = { 0 };

	repo_delegate(d->repo, "targets", "rollout", SPARE_KEY, "rollout/*/*");
	list(d, 4, 0, NULL);
	list_floor(d, "rollout", 5);
	assert_ok(read_ways(d, &e));
	assert_false(is_below(d, &one, 4));
}

static void documents_in_the_wrong_place_are_refused(void **state)
{
	struct desk *d = *state;
	const struct floor f = { "gadget", 5, NOW - UTC_DAY };
	const struct stepback s = { "kiosk", 9, 4, NOW - UTC_DAY, NOW + 1 };
	struct err e = { 0 };

	list_document(d, "targets", "floor/kiosk.json", floor_format(&f));
	assert_refused(read_ways(d, &e), ERR_UNTRUSTED);
	json_remove(member(repo_body(d->repo, "targets"), "targets"),
		    "floor/kiosk.json");
	assert_ok(read_ways(d, &e));
	list_document(d, "targets", "stepback/kiosk/9-5.json",
		      stepback_format(&s));
	assert_refused(read_ways(d, &e), ERR_UNTRUSTED);
	json_remove(member(repo_body(d->repo, "targets"), "targets"),
		    "stepback/kiosk/9-5.json");
	list_document(d, "targets", "stepback/kiosk/9-4.json",
		      json_new_object());
	assert_refused(read_ways(d, &e), ERR_FORMAT);
}

static void more_products_than_a_server_has_are_refused(void **state)
{
	struct desk *d = *state;
	struct floor f = { .seq = 5, .issued = NOW - UTC_DAY };
	char path[PATH_MAX_LEN];
	struct err e = { 0 };

	for (unsigned i = 0; i <= 64; i++) {
		(void)snprintf(f.product, sizeof(f.product), "p%u", i);
		assert_ok(floor_path(f.product, path, &e));
		list_document(d, "targets", path, floor_format(&f));
	}
	assert_refused(read_ways(d, &e), ERR_LIMIT);
	json_remove(member(repo_body(d->repo, "targets"), "targets"), path);
	assert_ok(read_ways(d, &e));
}

/* ---- steps back ---------------------------------------------------------- */

static void a_step_back_is_exactly_what_was_signed(void **state)
{
	struct desk *d = *state;
	struct err e = { 0 };

	list(d, 9, 0, NULL);
	list(d, 4, 0, NULL);
	list_back(d, 9, 4, NOW + 10);
	assert_ok(read_ways(d, &e));
	assert_true(goes_back(d, 9, 4, true, NOW));
	assert_true(goes_back(d, 9, 4, true, NOW + 9));
	assert_false(goes_back(d, 9, 4, true, NOW + 10)); /* expired */
	assert_false(goes_back(d, 9, 4, false, NOW));     /* nobody asks */
	assert_false(goes_back(d, 8, 4, true, NOW));
	assert_false(goes_back(d, 9, 5, true, NOW));
}

static void more_steps_back_than_anybody_needs_are_refused(void **state)
{
	struct desk *d = *state;
	struct err e = { 0 };

	for (unsigned from = 2; from <= 129; from++)
		list_back(d, from, 1, NOW + 10);
	assert_ok(read_ways(d, &e));
	list_back(d, 130, 1, NOW + 10);
	assert_refused(read_ways(d, &e), ERR_LIMIT);
}

static void a_rollout_back_needs_an_authorisation_that_lives(void **state)
{
	struct desk *d = *state;
	struct rollout r = rollout_of(4, 0), other = rollout_of(5, 0);
	struct err e = { 0 };

	r.step_back = other.step_back = true;
	list(d, 4, 0, NULL);
	list(d, 5, 0, NULL);
	list_back(d, 9, 4, NOW + 10);
	assert_ok(read_ways(d, &e));
	assert_ok(ways_allow(d->ways, &r, NOW, &e));
	assert_refused_saying(ways_allow(d->ways, &r, NOW + 10, &e),
			      ERR_REFUSED, "no signed authorisation");
	assert_refused(ways_allow(d->ways, &other, NOW, &e), ERR_REFUSED);
	assert_refused(ways_allow(NULL, &r, NOW, &e), ERR_REFUSED);
	r.step_back = false;
	assert_ok(ways_allow(d->ways, &r, NOW + 10, &e));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* ---- back ---------------------------------------------------------------- */

static struct ways_back back_from(struct desk *d, uint64_t seq, int64_t now)
{
	const struct rollout r = rollout_of(seq, 0);
	struct ways_back out;

	ways_back(d->ways, &r, now, &out);
	return out;
}

static void the_way_back_is_what_is_signed(void **state)
{
	struct desk *d = *state;
	const struct listed undo = { .seq = 10, .content_seq = 4 };
	struct err e = { 0 };
	struct ways_back b;

	b = back_from(d, 9, NOW);
	assert_false(b.has_undo);
	list(d, 9, 0, NULL);
	list(d, 4, 0, NULL);
	list_release(d, &undo); /* of 9 */
	list_back(d, 9, 4, NOW + UTC_DAY);
	assert_ok(read_ways(d, &e));
	b = back_from(d, 9, NOW);
	assert_true(b.has_undo);
	assert_string_equal(b.undo, "10");
	assert_string_equal(b.undo_to, "4");
	assert_int_equal(b.undo_content_seq, 4);
	assert_int_equal(b.undo_until, NOW + 9 * UTC_DAY);
	assert_true(b.has_step);
	assert_string_equal(b.step_to, "4");
	assert_string_equal(b.older, "4");
	assert_int_equal(b.floor, 0);
	/* each for what it was signed for, until it ends */
	assert_false(back_from(d, 4, NOW).has_undo);
	assert_false(back_from(d, 4, NOW).has_step);
	assert_string_equal(back_from(d, 4, NOW).older, "");
	assert_false(back_from(d, 9, NOW + UTC_DAY).has_step);
}

static void no_step_leads_back_below_the_floor(void **state)
{
	struct desk *d = *state;
	struct err e = { 0 };

	list(d, 9, 0, NULL);
	list(d, 4, 0, NULL);
	list_back(d, 9, 4, NOW + UTC_DAY);
	list_floor(d, "targets", 5);
	assert_ok(read_ways(d, &e));
	assert_false(back_from(d, 9, NOW).has_step);
	assert_int_equal(back_from(d, 9, NOW).floor, 5);
}

/* ---- what an import may change ------------------------------------------- */

/* A floor of this product, as an import meets it. */
static void see_floor(struct desk *d, struct floor_import *f,
		      const char *product, uint64_t seq)
{
	struct floor floor = { .seq = seq, .issued = NOW - UTC_DAY };
	struct buf bytes = BUF_INIT(STATEMENT_MAX_LEN);
	struct tuf_target t = { .path = "floor/kiosk.json",
				.has_sha256 = true };
	struct json *body;
	struct err e = { 0 };

	memcpy(floor.product, product, strlen(product) + 1);
	body = floor_format(&floor);
	assert_ok(json_canonical(body, &bytes, &e));
	sha256_of(buf_slice(&bytes), &t.sha256);
	buf_done(&bytes);
	list_document(d, "targets", t.path, body);
	assert_ok(floor_import_see(f, d->repo->dirfd, &t, &e));
}

static void no_import_takes_a_floor_down_or_away(void **state)
{
	const struct tuf_target other = { .path = "kiosk/1/main-full.pawl" };
	struct floor_import f = { .count = 0 };
	struct desk *d = *state;
	struct err e = { 0 };

	list(d, 6, 0, NULL);
	list_floor(d, "targets", 5);
	/* Where nothing is known, all that comes is new. */
	assert_ok(floor_import_check(&f, NULL, &e));
	assert_ok(read_ways(d, &e));
	assert_ok(floor_import_see(&f, d->repo->dirfd, &other, &e));
	assert_refused_saying(floor_import_check(&f, d->ways, &e), ERR_ROLLBACK,
			      "the floor of kiosk is seq 5 here, and would be "
			      "0");
	f.partial = true;
	assert_ok(floor_import_check(&f, d->ways, &e));
	see_floor(d, &f, "kiosk", 4);
	assert_refused(floor_import_check(&f, d->ways, &e), ERR_ROLLBACK);
	floor_import_done(&f);
	/* Another product's is none of it; of two the first one counts. */
	see_floor(d, &f, "other", 9);
	assert_refused(floor_import_check(&f, d->ways, &e), ERR_ROLLBACK);
	see_floor(d, &f, "kiosk", 5);
	see_floor(d, &f, "kiosk", 4);
	assert_ok(floor_import_check(&f, d->ways, &e));
	floor_import_done(&f);
}

static void a_floor_that_cannot_be_read_is_not_imported(void **state)
{
	static const char text[] = "{}";
	struct floor_import f = { .count = 0 };
	struct tuf_target t = { .path = "floor/kiosk.json",
				.has_sha256 = true };
	struct desk *d = *state;
	struct err e = { 0 };

	sha256_of(slice_of(text), &t.sha256);
	assert_refused(floor_import_see(&f, d->repo->dirfd, &t, &e),
		       ERR_NOT_FOUND);
	list_document(d, "targets", t.path, json_new_object());
	assert_refused(floor_import_see(&f, d->repo->dirfd, &t, &e),
		       ERR_FORMAT);
	assert_int_equal(f.count, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(no_import_takes_a_floor_down_or_away),
		TEST(a_floor_that_cannot_be_read_is_not_imported),
		TEST(devices_are_led_over_the_stones),
		TEST(what_a_device_is_led_to_is_the_whole_release),
		TEST(without_a_stone_they_are_stranded),
		TEST(a_release_for_another_model_strands_nobody),
		TEST(a_release_for_other_hardware_strands_nobody),
		TEST(a_stone_for_others_leads_nowhere),
		TEST(an_undo_counts_as_its_content),
		TEST(nothing_imported_knows_no_ways),
		TEST(nightly_builds_count_in_a_lab_alone),
		TEST(nightly_stones_lead_lab_devices_alone),
		TEST(a_nightly_listing_changes_no_others_content),
		TEST(what_lies_below_the_floor_is_known),
		TEST(a_stone_below_it_leads_upwards_only),
		TEST(the_first_role_that_lists_a_floor_is_believed),
		TEST(the_role_of_operators_says_nothing_of_ways),
		TEST(documents_in_the_wrong_place_are_refused),
		TEST(more_products_than_a_server_has_are_refused),
		TEST(a_step_back_is_exactly_what_was_signed),
		TEST(more_steps_back_than_anybody_needs_are_refused),
		TEST(a_rollout_back_needs_an_authorisation_that_lives),
		TEST(the_way_back_is_what_is_signed),
		TEST(no_step_leads_back_below_the_floor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
