/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that writes a slot, as install starts it: from packages that the
 * signer made, whole or still arriving, of trees and of images.
 */
#include "signer/pack.h"
#include "tests/unit/box.h"
#include "updater-client/intake.h"
#include "updater-client/worker.h"
#include "updater-client/writer.h"

#define LARGE_LEN (40u * 65536)
#define WINDOW    64 /* chunks: more than any package here has, and fewer: */
#define NARROW    16

static struct box box;
static struct pack_settings how;
static enum package_codec codec;
static uint8_t large[LARGE_LEN];
static const uint8_t content_key[STREAM_KEY_LEN] = { 1, 2, 3 };

/* Noise, so that packages have many chunks. */
static void put_large(const char *name, uint32_t seed)
{
	struct err e = { 0 };

	for (size_t i = 0; i < LARGE_LEN; i++) {
		seed = seed * 1664525 + 1013904223;
		large[i] = (uint8_t)(seed >> 24);
	}
	assert_ok(fs_replace_file(
		box.dir, name, (struct slice){ large, LARGE_LEN }, 0644, &e));
}

static int setup(void **state)
{
	struct err e = { 0 };

	(void)state;
	box_open(&box);
	codec = PACKAGE_RAW;
	how = (struct pack_settings){ .content = PACKAGE_TREE,
				      .attributes = TREE_APP,
				      .quiet = true };
	how.scratch_dirfd = box_folder(&box, "scratch");
	assert_ok(fs_mkdir(box.dir, "older", 0755, &e));
	assert_ok(fs_mkdir(box.dir, "newer", 0755, &e));
	put_large("older/large", 1);
	put_large("newer/large", 1);
	put_file(box.dir, "older/small", "what was there before", 0644);
	put_file(box.dir, "newer/small", "what comes", 0644);
	put_large("image", 2);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fs_close(&how.scratch_dirfd);
	box_close(&box);
	return 0;
}

/* ---- one update ---------------------------------------------------------- */

struct update {
	struct pack_tree *new, *old;
	struct plan plan;
	struct writer_setup setup;
	struct worker w;
	struct message m;
};

static struct pack_tree *load(const char *name)
{
	struct pack_tree *t = NULL;
	struct err e = { 0 };
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", box.path, name);
	assert_ok(pack_load(&how, path, &t, &e));
	return t;
}

static int new_file(void)
{
	struct err e = { 0 };
	int fd = -1;

	assert_ok(fs_open_nameless(box.dir, &fd, &e));
	return fd;
}

/* What was signed of this package, as a plan has it. */
static void plan_of(struct update *u, const struct release *made)
{
	struct release r = *made;
	struct err e = { 0 };

	strcpy(r.id, "2");
	strcpy(r.version, "two");
	strcpy(r.product, "kiosk");
	strcpy(r.component, "main");
	r.seq = r.content_seq = 2;
	assert_ok(plan_from(&r, 1, &u->plan, &e));
	u->m = (struct message){ .kind = MESSAGE_APPLY };
	u->m.apply.part = u->plan.release.parts[0];
	u->m.apply.package = u->plan.packages[0];
	memcpy(u->m.content_key, content_key, sizeof(content_key));
}

static void make(struct update *u, const char *new, const char *old,
		 const uint8_t *key)
{
	struct pack_job job = { .codec = old ? PACKAGE_ZSTD : codec,
				.fd = new_file(),
				.scratch_dirfd = how.scratch_dirfd,
				.content_key = key,
				.quiet = true };
	struct writer_setup none = WRITER_SETUP_INIT;
	struct release r = { .seq = 0 };
	struct err e = { 0 };

	*u = (struct update){ .new = load(new), .setup = none };
	u->old = old ? load(old) : NULL;
	job.content = u->new;
	job.base = u->old;
	assert_ok(pack_make(&job, &r, &e));
	plan_of(u, &r);
	u->setup.package_fd = job.fd;
	u->setup.scratch_fd = box_folder(&box, "work");
}

static void into_a_tree(struct update *u, const char *folder)
{
	u->setup.new_fd = box_folder(&box, folder);
	u->setup.manifest_fd = new_file();
}

static void end(struct update *u)
{
	worker_stop(&u->w);
	fs_close(&u->setup.package_fd);
	fs_close(&u->setup.old_fd);
	fs_close(&u->setup.old_manifest_fd);
	fs_close(&u->setup.new_fd);
	fs_close(&u->setup.manifest_fd);
	fs_close(&u->setup.scratch_fd);
	pack_tree_free(u->new);
	pack_tree_free(u->old);
}

static void start(struct update *u)
{
	const struct writer_setup *s = &u->setup;
	const struct worker_task task = {
		.name = "writer",
		.run = writer_run,
		.ctx = &u->setup,
		.keep = { s->package_fd, s->old_fd, s->old_manifest_fd,
			  s->new_fd, s->manifest_fd, s->scratch_fd },
		.keep_count = 6,
	};
	struct err e = { 0 };

	worker_stop(&u->w);
	assert_ok(worker_start(&task, -1, &u->w, &e));
	assert_ok(ipc_send(&u->w.channel, &u->m, &e));
}

/* The next word that is more than a sign of life. */
static int hear(struct channel *c, struct message *m, struct err *e)
{
	int rc;

	do
		rc = ipc_receive(c, 20000, m, e);
	while (rc == 0 && m->kind == MESSAGE_PROGRESS);
	return rc;
}

static int write_all(struct update *u, struct err *e)
{
	struct message answer;

	start(u);
	if (hear(&u->w.channel, &answer, e))
		return -1;
	assert_int_equal(answer.kind, MESSAGE_DONE);
	return 0;
}

/* As the device reads back what was written. */
static int check(struct update *u, struct err *e)
{
	struct checker_setup setup = { u->setup.new_fd, u->setup.manifest_fd };
	const struct worker_task task = {
		.name = "checker",
		.run = checker_run,
		.ctx = &setup,
		.keep = { setup.slot_fd, setup.manifest_fd },
		.keep_count = 2,
	};
	struct worker w = { 0 };
	struct message answer;
	int rc;

	assert_int_equal(worker_start(&task, -1, &w, e), 0);
	rc = ipc_send(&w.channel, &u->m, e) || hear(&w.channel, &answer, e) ? -1
									    : 0;
	worker_stop(&w);
	return rc;
}

static void flip(int fd, uint64_t at)
{
	struct err e = { 0 };
	uint8_t byte;
	size_t got;

	assert_ok(fs_read_at(fd, at, &byte, 1, &got, &e));
	byte ^= 1;
	assert_ok(fs_write_at(fd, at, (struct slice){ &byte, 1 }, &e));
}

/* ---- trees --------------------------------------------------------------- */

static void a_tree_is_written_and_its_manifest_kept(void **state)
{
	struct update u;
	struct err e = { 0 };

	(void)state;
	make(&u, "newer", NULL, NULL);
	into_a_tree(&u, "slot");
	assert_ok(write_all(&u, &e));
	assert_ok(check(&u, &e));
	end(&u);
}

static void a_flipped_byte_of_its_head_or_end_is_not_written(void **state)
{
	struct update u;
	struct err e = { 0 };

	(void)state;
	make(&u, "newer", NULL, NULL);
	into_a_tree(&u, "slot");
	flip(u.setup.package_fd, 0);
	assert_refused(write_all(&u, &e), ERR_UNTRUSTED);
	flip(u.setup.package_fd, 0);
	flip(u.setup.package_fd, u.m.apply.package.package_len - 1);
	assert_refused(write_all(&u, &e), ERR_UNTRUSTED);
	end(&u);
}

static void who_has_the_key_alone_reads_what_is_encrypted(void **state)
{
	struct update u;
	struct err e = { 0 };

	(void)state;
	make(&u, "newer", NULL, content_key);
	into_a_tree(&u, "slot");
	assert_ok(write_all(&u, &e));
	assert_ok(check(&u, &e));
	u.m.content_key[0] ^= 1;
	assert_refused(write_all(&u, &e), ERR_UNTRUSTED);
	end(&u);
}

/* A delta on what runs, with the manifest that was kept of that. */
static void make_delta(struct update *u)
{
	struct update before;
	struct err e = { 0 };

	make(&before, "older", NULL, NULL);
	into_a_tree(&before, "running");
	assert_ok(write_all(&before, &e));
	make(u, "newer", "older", NULL);
	u->setup.old_fd = before.setup.new_fd;
	u->setup.old_manifest_fd = before.setup.manifest_fd;
	before.setup.new_fd = before.setup.manifest_fd = -1;
	end(&before);
	into_a_tree(u, "slot");
}

static void a_delta_needs_its_base_and_the_manifest_of_that(void **state)
{
	struct update u;
	struct err e = { 0 };
	int old;

	(void)state;
	make_delta(&u);
	assert_ok(write_all(&u, &e));
	assert_ok(check(&u, &e));
	flip(u.setup.old_manifest_fd, 30);
	assert_refused(write_all(&u, &e), ERR_CONFLICT);
	flip(u.setup.old_manifest_fd, 30);
	old = u.setup.old_fd;
	u.setup.old_fd = -1;
	assert_refused(write_all(&u, &e), ERR_CONFLICT);
	u.setup.old_fd = old;
	assert_ok(fs_truncate(u.setup.old_manifest_fd, (uint64_t)1 << 40, &e));
	assert_refused(write_all(&u, &e), ERR_LIMIT);
	fs_close(&u.setup.old_manifest_fd);
	assert_refused(write_all(&u, &e), ERR_CONFLICT);
	u.setup.old_manifest_fd = box_folder(&box, "folder");
	assert_refused(write_all(&u, &e), ERR_LIMIT);
	end(&u);
}

/* ---- images -------------------------------------------------------------- */

static void make_image(struct update *u)
{
	how.content = PACKAGE_IMAGE;
	make(u, "image", NULL, NULL);
	u->setup.new_fd = new_file();
}

static void an_image_is_written_and_read_back(void **state)
{
	struct update u;
	struct err e = { 0 };

	(void)state;
	make_image(&u);
	assert_int_equal(check(&u, &e), -1); /* nothing is there */
	assert_ok(fs_truncate(u.setup.new_fd, LARGE_LEN, &e));
	assert_refused(check(&u, &e), ERR_UNTRUSTED);
	assert_ok(write_all(&u, &e));
	assert_ok(check(&u, &e));
	flip(u.setup.new_fd, LARGE_LEN - 1);
	assert_refused(check(&u, &e), ERR_UNTRUSTED);
	flip(u.setup.package_fd, 0);
	assert_refused(write_all(&u, &e), ERR_UNTRUSTED);
	flip(u.setup.package_fd, 0);
	flip(u.setup.package_fd, u.m.apply.package.package_len - 1);
	assert_refused(write_all(&u, &e), ERR_UNTRUSTED);
	end(&u);
}

/* ---- what is still arriving ---------------------------------------------- */

/* The package's own file is empty, and what it will hold is here. */
static int take_away(struct update *u)
{
	struct err e = { 0 };
	int whole = u->setup.package_fd;

	u->setup.package_fd = new_file();
	assert_ok(fs_truncate(u->setup.package_fd,
			      u->m.apply.package.package_len, &e));
	u->m.apply.window = WINDOW;
	return whole;
}

static void arrive(struct update *u, int whole)
{
	const struct message m = { .kind = MESSAGE_PROGRESS,
				   .count = u->m.apply.package.package_len };
	struct err e = { 0 };

	assert_ok(fs_copy_range(whole, 0, u->setup.package_fd, 0, m.count, &e));
	assert_ok(ipc_send(&u->w.channel, &m, &e));
}

/* How many points it told on its way, the last in *point; each time the
 * manifest has grown first. */
static unsigned points_of(struct update *u, struct package_point *point)
{
	uint64_t taken = 0;
	unsigned count = 0;
	struct message m;
	struct stat st;
	struct err e = { 0 };

	for (;;) {
		assert_ok(hear(&u->w.channel, &m, &e));
		if (m.kind == MESSAGE_DONE)
			break;
		if (m.kind == MESSAGE_TAKEN) {
			assert_true(m.count > taken);
			taken = m.count;
			continue;
		}
		assert_int_equal(m.kind, MESSAGE_POINT);
		*point = m.point;
		count++;
		if (u->setup.manifest_fd < 0)
			continue;
		assert_int_equal(fstat(u->setup.manifest_fd, &st), 0);
		assert_true(st.st_size > 0);
	}
	assert_true(taken > 0);
	return count;
}

static void it_waits_until_a_chunk_is_there(void **state)
{
	struct package_point point;
	struct message m;
	struct update u;
	struct err e = { 0 };
	int whole;

	(void)state;
	make(&u, "newer", NULL, NULL);
	into_a_tree(&u, "slot");
	whole = take_away(&u);
	start(&u);
	assert_refused(ipc_receive(&u.w.channel, 300, &m, &e), ERR_NETWORK);
	arrive(&u, whole);
	assert_true(points_of(&u, &point) > 0);
	assert_ok(check(&u, &e));
	fs_close(&whole);
	end(&u);
}

/* Chunks before `until`, each in the place of one that was taken; those before
 * `from` are there, or were, and may be read at this moment. */
static void bring(struct update *u, int whole, uint64_t from, uint64_t until)
{
	const struct plan_package *p = &u->m.apply.package;
	struct message m = { .kind = MESSAGE_PROGRESS, .count = p->head_len };
	struct err e = { 0 };

	if (from == 0)
		assert_ok(fs_copy_range(whole, 0, u->setup.package_fd, 0,
					p->head_len, &e));
	for (uint64_t i = 0; i < until && m.count < p->package_len; i++) {
		const uint64_t place =
			intake_place(p->head_len, u->m.apply.window, m.count);
		uint64_t len = PACKAGE_CHUNK_LEN;

		if (len > p->package_len - m.count)
			len = p->package_len - m.count;
		if (i >= from)
			assert_ok(fs_copy_range(whole, m.count,
						u->setup.package_fd, place, len,
						&e));
		m.count += len;
	}
	assert_ok(ipc_send(&u->w.channel, &m, &e));
}

/* One frame, in which no run could go on: room is made all the same. */
static void what_was_read_makes_room_for_more(void **state)
{
	struct message m = { .kind = MESSAGE_TAKEN };
	uint64_t brought = 0;
	struct update u;
	struct err e = { 0 };
	int whole;

	(void)state;
	codec = PACKAGE_ZSTD;
	make(&u, "newer", NULL, NULL);
	into_a_tree(&u, "slot");
	whole = take_away(&u);
	u.m.apply.window = NARROW;
	start(&u);
	do {
		if (m.kind == MESSAGE_TAKEN) {
			bring(&u, whole, brought, m.count + NARROW);
			brought = m.count + NARROW;
		}
		assert_ok(hear(&u.w.channel, &m, &e));
	} while (m.kind != MESSAGE_DONE);
	assert_ok(check(&u, &e));
	fs_close(&whole);
	end(&u);
}

/* From the last point, with the manifest as it was kept then. */
static void it_goes_on_where_it_was(void **state)
{
	struct package_point point = { 0 };
	struct update u;
	struct message m;
	struct err e = { 0 };
	int whole;

	(void)state;
	make(&u, "newer", NULL, NULL);
	into_a_tree(&u, "slot");
	whole = take_away(&u);
	start(&u);
	arrive(&u, whole);
	assert_true(points_of(&u, &point) > 0);
	u.m.apply.from = point;
	start(&u);
	arrive(&u, whole);
	do
		assert_ok(hear(&u.w.channel, &m, &e));
	while (m.kind != MESSAGE_DONE);
	assert_ok(check(&u, &e));
	/* Of another length than was signed. */
	assert_ok(fs_truncate(u.setup.manifest_fd, (uint64_t)1 << 30, &e));
	start(&u);
	arrive(&u, whole);
	assert_refused(hear(&u.w.channel, &m, &e), ERR_LIMIT);
	fs_close(&whole);
	end(&u);
}

static void of_an_image_points_are_told_as_well(void **state)
{
	struct package_point point;
	struct update u;
	struct err e = { 0 };
	int whole;

	(void)state;
	make_image(&u);
	assert_ok(fs_truncate(u.setup.new_fd, LARGE_LEN, &e));
	whole = take_away(&u);
	start(&u);
	arrive(&u, whole);
	assert_true(points_of(&u, &point) > 0);
	assert_ok(check(&u, &e));
	fs_close(&whole);
	end(&u);
}

int main(void)
{
#define IN_A_BOX(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	static const struct CMUnitTest tests[] = {
		IN_A_BOX(a_tree_is_written_and_its_manifest_kept),
		IN_A_BOX(a_flipped_byte_of_its_head_or_end_is_not_written),
		IN_A_BOX(who_has_the_key_alone_reads_what_is_encrypted),
		IN_A_BOX(a_delta_needs_its_base_and_the_manifest_of_that),
		IN_A_BOX(an_image_is_written_and_read_back),
		IN_A_BOX(it_waits_until_a_chunk_is_there),
		IN_A_BOX(what_was_read_makes_room_for_more),
		IN_A_BOX(it_goes_on_where_it_was),
		IN_A_BOX(of_an_image_points_are_told_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
