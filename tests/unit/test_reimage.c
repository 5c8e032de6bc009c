/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After enrolment: both slots are found to hold what is signed, or written
 * again. The real processes choose, read back and fetch.
 */
#include "updater-client/reimage.h"

#include "common/tree.h"
#include "tests/unit/trust_box.h"
#include "updater-client/first_use.h"

#define CONTENT "what a file in a slot holds\n"

/* An enrolled device with two slots; release 9 runs in the first. */
struct device {
	struct trust_box box;
	struct settings config;
	struct session s;
	struct release running; /* and what is signed of it */
	struct buf manifest;
	int slots_fd;
};

static struct device d;

/* ---- what is signed ------------------------------------------------------ */

static void describe_running(void)
{
	struct tree_entry file = { .type = TREE_FILE,
				   .path = slice_of("file"),
				   .mode = 0644,
				   .len = strlen(CONTENT) };
	struct err e = { 0 };

	d.manifest = (struct buf)BUF_INIT(4096);
	sha256_of(slice_of(CONTENT), &file.digest);
	assert_ok(tree_begin(&d.manifest, TREE_APP, &e));
	assert_ok(tree_add(&d.manifest, &file, &e));
	d.running = a_listed_release("gateway", 9);
	d.running.manifest_len = d.manifest.len;
	d.running.content_len = strlen(CONTENT);
	sha256_of(buf_slice(&d.manifest), &d.running.digest);
	d.running.content_digest = d.running.digest;
}

static void list_running(void)
{
	list_this(d.box.repo, "targets", &d.running);
	release_and_pour(&d.box);
}

/* ---- the device ---------------------------------------------------------- */

static void fill_slot(const char *name, const char *content)
{
	struct buf record = BUF_INIT(SLOT_RECORD_MAX);
	struct slot_release r;
	struct err e = { 0 };
	int fd = -1;

	assert_ok(fs_mkdirs(d.slots_fd, name, 0755, &e));
	assert_ok(fs_open(d.slots_fd, name, O_RDONLY | O_DIRECTORY, &fd, &e));
	assert_ok(fs_mkdirs(fd, "tree", 0755, &e));
	assert_ok(
		fs_replace_file(fd, "tree/file", slice_of(content), 0644, &e));
	assert_ok(fs_replace_file(fd, "manifest", buf_slice(&d.manifest), 0644,
				  &e));
	assert_ok(slot_release_from(&d.running, 1, &r, &e));
	assert_ok(slot_release_format(&r, &record, &e));
	assert_ok(fs_replace_file(fd, "release.json", buf_slice(&record), 0644,
				  &e));
	buf_done(&record);
	fs_close(&fd);
}

static void configure(void)
{
	char text[1024];
	struct err e = { 0 };

	(void)snprintf(text, sizeof(text),
		       "[device]\nproduct = gateway\nstate = %s/state\n"
		       "[trust]\nroot = %s\nenvironment = lab\n"
		       "[slot]\npath = %s/slots\n"
		       "[install]\nwindow = 03:00-03:01\n",
		       d.box.box.path, d.box.root_path, d.box.box.path);
	assert_ok(settings_parse(slice_of(text), "client.conf", &d.config, &e));
}

static int setup(void **state)
{
	struct err e = { 0 };

	(void)state;
	memset(&d, 0, sizeof(d));
	trust_box_open(&d.box);
	describe_running();
	d.slots_fd = box_folder(&d.box.box, "slots");
	fill_slot("a", CONTENT);
	fill_slot("b", CONTENT);
	assert_int_equal(symlinkat("a/tree", d.slots_fd, "current"), 0);
	configure();
	assert_ok(session_open(&d.s, &d.config, -1, &e));
	assert_true(d.s.has_running);
	assert_int_equal(d.s.current, SLOT_A);
	d.s.enrolled = true;
	d.s.identity.device.bytes[0] = 7;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	/* The session's now; the box ends them. */
	d.s.trust = d.s.source = (struct worker){ .pid = 0 };
	session_close(&d.s);
	settings_done(&d.config);
	fs_close(&d.slots_fd);
	buf_done(&d.manifest);
	trust_box_close(&d.box);
	return 0;
}

/* As a command finds it, once metadata was refreshed. */
static void connect_processes(void)
{
	struct err e = { 0 };

	begin(&d.box);
	d.box.question.choose.look = true;
	assert_ok(ask(&d.box, MESSAGE_DONE, &e));
	d.s.trust = d.box.trust;
	d.s.source = d.box.source;
	d.s.now = NOW;
}

static int step(bool unattended, bool *busy, struct err *e)
{
	struct message_choose how;
	int rc;

	prepare(&d.box);
	how = d.box.question.choose;
	how.device.digest = d.running.digest;
	how.device.slots[0].digest = d.running.digest;
	/* Who was asked nothing answers nothing, and is waited for. */
	(void)alarm(PATIENCE_MS / 1000);
	rc = reimage_step(&d.s, &how, unattended, busy, e);
	(void)alarm(0);
	return rc;
}

/* As a later run reads it. */
static uint32_t vouched_on_disk(void)
{
	struct journal j;
	struct err e = { 0 };
	bool reset;

	assert_ok(journal_peek(d.s.state_fd, &j, &reset, &e));
	return j.vouched;
}

/* ---- reading back -------------------------------------------------------- */

static void what_is_there_as_signed_is_not_written_again(void **state)
{
	struct err e = { 0 };
	bool busy = true;

	(void)state;
	list_running();
	connect_processes();
	assert_ok(step(false, &busy, &e));
	assert_false(busy);
	assert_true(first_use_is_done(&d.s));
	assert_int_equal(vouched_on_disk(), 1U << SLOT_A | 1U << SLOT_B);
	assert_int_equal(d.s.journal.machine.state, MACHINE_IDLE);
}

static void
what_is_not_listed_any_more_is_left_to_the_next_release(void **state)
{
	struct err e = { 0 };
	bool busy = true;

	(void)state;
	d.running.digest.bytes[0] ^= 1;
	list_running();
	d.running.digest.bytes[0] ^= 1;
	connect_processes();
	assert_refused(step(false, &busy, &e), ERR_NOT_FOUND);
	assert_false(busy);
	assert_int_equal(vouched_on_disk(), 0);
}

/* The one that runs is vouched for, and the other one needs its package, which
 * nobody has here: as the server does not count it, the attempt is none. */
static void a_slot_of_the_factory_is_written_again(void **state)
{
	struct err e = { 0 };
	bool busy = false;

	(void)state;
	fill_slot("b", "what the factory put there\n");
	d.s.journal.attempt = 5;
	d.s.journal.report_sequence = 3;
	list_running();
	connect_processes();
	assert_int_equal(step(false, &busy, &e), -1);
	assert_true(busy);
	assert_int_equal(vouched_on_disk(), 1U << SLOT_A);
	assert_int_equal(d.s.journal.attempt, 0);
	assert_int_equal(d.s.journal.report_sequence, 0);
	assert_string_equal(d.s.journal.release, "9");
}

/* Another release's name on the same content is no reason to trust it. */
static void a_slot_that_says_it_is_another_is_not_read(void **state)
{
	struct err e = { 0 };
	bool busy = false;

	(void)state;
	d.running.digest.bytes[0] ^= 1;
	fill_slot("b", CONTENT);
	d.running.digest.bytes[0] ^= 1;
	list_running();
	connect_processes();
	assert_int_equal(step(false, &busy, &e), -1);
	assert_true(busy);
	assert_int_equal(vouched_on_disk(), 1U << SLOT_A);
}

static void who_asked_for_nothing_waits_for_its_hours(void **state)
{
	struct err e = { 0 };
	bool busy = true;

	(void)state;
	fill_slot("b", "what the factory put there\n");
	list_running();
	connect_processes();
	assert_ok(step(true, &busy, &e));
	assert_false(busy);
	assert_int_equal(d.s.journal.machine.state, MACHINE_IDLE);
	assert_string_equal(d.s.journal.release, "");
}

/* ---- what fails ---------------------------------------------------------- */

static void slots_that_cannot_be_looked_at_end_it(void **state)
{
	const int whole = d.s.slots.dirfd;
	struct err e = { 0 };
	bool busy;

	(void)state;
	list_running();
	connect_processes();
	d.s.slots.dirfd = -1;
	assert_refused_saying(step(false, &busy, &e), ERR_SYSTEM, "slot a");
	assert_false(busy);
	first_use_vouch(&d.s, SLOT_A);
	assert_refused_saying(step(false, &busy, &e), ERR_SYSTEM, "slot b");
	assert_false(busy);
	d.s.slots.dirfd = whole;
}

static void what_cannot_be_noted_is_not_done(void **state)
{
	struct err e = { 0 };
	bool busy;

	(void)state;
	list_running();
	connect_processes();
	twin_close(&d.s.file);
	assert_refused(step(false, &busy, &e), ERR_SYSTEM);
	assert_false(busy);
	/* Nor is a slot emptied then. */
	fill_slot("b", "what the factory put there\n");
	first_use_vouch(&d.s, SLOT_A);
	assert_refused(step(false, &busy, &e), ERR_SYSTEM);
	assert_string_equal(d.s.journal.release, "");
}

static void who_does_not_answer_is_told_of(void **state)
{
	struct err e = { 0 };
	bool busy;

	(void)state;
	list_running();
	connect_processes();
	worker_stop(&d.box.trust);
	d.s.trust.channel = d.box.trust.channel;
	assert_refused_saying(step(false, &busy, &e), ERR_SYSTEM,
			      "to another process");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_is_there_as_signed_is_not_written_again),
		TEST(what_is_not_listed_any_more_is_left_to_the_next_release),
		TEST(a_slot_of_the_factory_is_written_again),
		TEST(a_slot_that_says_it_is_another_is_not_read),
		TEST(who_asked_for_nothing_waits_for_its_hours),
		TEST(slots_that_cannot_be_looked_at_end_it),
		TEST(what_cannot_be_noted_is_not_done),
		TEST(who_does_not_answer_is_told_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
