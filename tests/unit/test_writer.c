/* SPDX-License-Identifier: Apache-2.0 */
/* The process that reads a slot back, and workers and channels on the way. */
#include "updater-client/writer.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/tree.h"
#include "tests/unit/check.h"
#include "updater-client/confine.h"
#include "updater-client/worker.h"

#define CONTENT "the content of a file in a slot\n"

/* A slot of one file, and what was signed of it. */
struct place {
	char path[64];
	int dirfd;
	struct checker_setup setup;
	struct message_apply apply;
};

static void make_manifest(struct place *p)
{
	struct tree_entry file = {
		.type = TREE_FILE,
		.path = slice_of("file"),
		.mode = 0644,
		.len = strlen(CONTENT),
	};
	struct buf manifest = BUF_INIT(4096);
	struct err e = { 0 };

	sha256_of(slice_of(CONTENT), &file.digest);
	assert_ok(tree_begin(&manifest, TREE_APP, &e));
	assert_ok(tree_add(&manifest, &file, &e));
	assert_ok(fs_replace_file(p->dirfd, "manifest", buf_slice(&manifest),
				  0644, &e));
	sha256_of(buf_slice(&manifest), &p->apply.part.digest);
	p->apply.part.manifest_len = manifest.len;
	buf_done(&manifest);
}

static int make_place(void **state)
{
	struct place *p = mem_alloc(1, sizeof(*p));
	struct err e = { 0 };

	*state = p;
	(void)snprintf(p->path, sizeof(p->path), "/tmp/pawl-writer.XXXXXX");
	if (!mkdtemp(p->path))
		return -1;
	p->apply.package.content = PACKAGE_TREE;
	p->apply.package.attributes = TREE_APP;
	p->apply.package.kind = PACKAGE_FULL;
	p->apply.package.head_len = PACKAGE_HEADER_LEN;
	p->apply.package.package_len = PACKAGE_HEADER_LEN;
	assert_ok(fs_open_dir(p->path, &p->dirfd, &e));
	make_manifest(p);
	assert_ok(fs_mkdir(p->dirfd, "tree", 0755, &e));
	assert_ok(fs_replace_file(p->dirfd, "tree/file", slice_of(CONTENT),
				  0644, &e));
	assert_ok(fs_open(p->dirfd, "tree", O_RDONLY | O_DIRECTORY,
			  &p->setup.slot_fd, &e));
	assert_ok(fs_open(p->dirfd, "manifest", O_RDONLY, &p->setup.manifest_fd,
			  &e));
	return 0;
}

static int remove_place(void **state)
{
	struct place *p = *state;
	struct err e;
	int rc;

	fs_close(&p->setup.slot_fd);
	fs_close(&p->setup.manifest_fd);
	rc = fs_remove_tree(p->dirfd, "tree", &e) ||
	     fs_remove(p->dirfd, "manifest", &e);
	fs_close(&p->dirfd);
	rc = rc || rmdir(p->path);
	free(p);
	return rc;
}

/* As install does it: a fresh process, one question, one answer. */
static int read_back(struct place *p, struct err *e)
{
	struct message m = { .kind = MESSAGE_APPLY, .apply = p->apply };
	const struct worker_task task = {
		.name = "checker",
		.run = checker_run,
		.ctx = &p->setup,
		.keep = { p->setup.slot_fd, p->setup.manifest_fd },
		.keep_count = 2,
	};
	struct worker w = { 0 };
	struct message answer;
	int rc;

	if (worker_start(&task, -1, &w, e))
		return -1;
	rc = ipc_ask(&w.channel, &m, MESSAGE_DONE, 10000, &answer, e);
	worker_stop(&w);
	return rc;
}

static void a_slot_as_signed_is_good(void **state)
{
	struct err e = { 0 };

	assert_ok(read_back(*state, &e));
}

static void flip(struct place *p, const char *name, uint64_t at)
{
	struct err e = { 0 };
	uint8_t byte;
	size_t got;
	int fd = -1;

	assert_ok(fs_open(p->dirfd, name, O_RDWR, &fd, &e));
	assert_ok(fs_read_at(fd, at, &byte, 1, &got, &e));
	byte ^= 1;
	assert_ok(fs_write_at(fd, at, (struct slice){ &byte, 1 }, &e));
	fs_close(&fd);
}

static void every_flipped_byte_is_found(void **state)
{
	struct place *p = *state;
	struct err e = { 0 };

	for (uint64_t at = 0; at < strlen(CONTENT); at += 7) {
		flip(p, "tree/file", at);
		assert_refused(read_back(p, &e), ERR_UNTRUSTED);
		flip(p, "tree/file", at);
	}
	for (uint64_t at = 0; at < p->apply.part.manifest_len; at += 11) {
		flip(p, "manifest", at);
		assert_refused(read_back(p, &e), ERR_UNTRUSTED);
		flip(p, "manifest", at);
	}
	assert_ok(read_back(p, &e));
}

static void what_is_missing_or_too_much_is_found(void **state)
{
	struct place *p = *state;
	struct err e = { 0 };

	assert_ok(fs_replace_file(p->dirfd, "tree/more", slice_of("x"), 0644,
				  &e));
	assert_refused(read_back(p, &e), ERR_UNTRUSTED);
	assert_ok(fs_remove(p->dirfd, "tree/more", &e));
	assert_ok(
		fs_replace_file(p->dirfd, "tree/file", slice_of(""), 0644, &e));
	assert_refused(read_back(p, &e), ERR_UNTRUSTED);
	assert_ok(fs_remove(p->dirfd, "tree/file", &e));
	assert_refused(read_back(p, &e), ERR_UNTRUSTED);
}

/* ---- workers ------------------------------------------------------------- */

/* Answer with the number of descriptors that are open in here. */
static void count_descriptors(void *ctx, struct channel *control)
{
	struct err e = { 0 };
	uint64_t count = 0;

	(void)ctx;
	for (int fd = 0; fd < 256; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			count++;
	if (ipc_answer(control, 0, count, &e, &e))
		abort();
}

static void a_worker_has_no_descriptor_that_it_was_not_given(void **state)
{
	const struct worker_task task = { .name = "counter",
					  .run = count_descriptors };
	struct worker w = { 0 };
	struct message m;
	struct err e = { 0 };
	int extra = open("/dev/null", O_RDONLY);

	(void)state;
	assert_ok(worker_start(&task, -1, &w, &e));
	assert_ok(ipc_expect(&w.channel, MESSAGE_DONE, 5000, &m, &e));
	assert_int_equal(m.count, 4); /* 0, 1, 2 and the channel */
	worker_stop(&w);
	close(extra);
}

/* ---- locked up ----------------------------------------------------------- */

static bool kernel_has_seccomp(void)
{
	char text[CONFINE_TEXT_MAX];

	confine_describe(text);
	return strstr(text, "system calls by seccomp") != NULL;
}

/* Alive or, as it answers only once, dead and not yet buried. */
static bool is_locked_up(pid_t pid)
{
	char path[64], line[256];
	bool is = false;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		is |= strcmp(line, "Seccomp:\t2\n") == 0;
	(void)fclose(f);
	return is;
}

/* Whatever it is given to work on: has it given up the rest before? */
static void must_lock_itself_up(const struct worker_task *task,
				const struct message_apply *work)
{
	struct message m = { .kind = MESSAGE_APPLY, .apply = *work };
	struct message answer;
	struct worker w = { 0 };
	struct err e = { 0 };

	assert_ok(worker_start(task, -1, &w, &e));
	assert_false(is_locked_up(w.pid)); /* nothing was asked yet */
	/* What comes of it is another test's. */
	if (ipc_ask(&w.channel, &m, MESSAGE_DONE, 10000, &answer, &e))
		assert_int_not_equal(e.code, ERR_NETWORK);
	assert_true(is_locked_up(w.pid));
	worker_stop(&w);
}

static void who_checks_is_locked_up(void **state)
{
	struct place *p = *state;
	const struct worker_task task = {
		.name = "checker",
		.run = checker_run,
		.ctx = &p->setup,
		.keep = { p->setup.slot_fd, p->setup.manifest_fd },
		.keep_count = 2,
	};

	if (!kernel_has_seccomp())
		skip();
	must_lock_itself_up(&task, &p->apply);
}

static void who_writes_is_locked_up(void **state)
{
	struct place *p = *state;
	struct writer_setup setup = WRITER_SETUP_INIT;
	const struct worker_task task = {
		.name = "writer",
		.run = writer_run,
		.ctx = &setup,
		.keep = { p->setup.slot_fd, p->setup.manifest_fd },
		.keep_count = 2,
	};

	if (!kernel_has_seccomp())
		skip();
	setup.new_fd = p->setup.slot_fd;
	setup.manifest_fd = p->setup.manifest_fd;
	must_lock_itself_up(&task, &p->apply);
	setup.manifest_fd = -1; /* an image */
	must_lock_itself_up(&task, &p->apply);
}

static void die_early(void *ctx, struct channel *control)
{
	(void)ctx;
	(void)control;
	(void)raise(SIGKILL);
}

static void hang(void *ctx, struct channel *control)
{
	(void)ctx;
	(void)control;
	(void)pause();
}

static void talk_nonsense(void *ctx, struct channel *control)
{
	(void)ctx;
	if (write(control->fd, "\xff nonsense", 10) != 10)
		abort();
	(void)pause();
}

static void a_worker_that_dies_hangs_or_lies_is_noticed(void **state)
{
	static const struct {
		void (*run)(void *ctx, struct channel *control);
		enum err_code code;
	} cases[] = { { die_early, ERR_SYSTEM },
		      { hang, ERR_NETWORK },
		      { talk_nonsense, ERR_FORMAT } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct worker_task task = { .name = "bad",
						  .run = cases[i].run };
		struct worker w = { 0 };
		struct message m;
		struct err e = { 0 };

		assert_ok(worker_start(&task, -1, &w, &e));
		assert_refused(ipc_receive(&w.channel, 300, &m, &e),
			       cases[i].code);
		worker_stop(&w);
		assert_int_equal(w.pid, 0);
		worker_stop(&w); /* twice is fine */
	}
}

static void a_worker_dies_with_its_parent(void **state)
{
	int fds[2];
	pid_t parent;
	char byte;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	parent = fork();
	if (parent == 0) {
		const struct worker_task task = { .name = "orphan",
						  .run = hang,
						  .keep = { fds[1] },
						  .keep_count = 1 };
		struct worker w = { 0 };
		struct err e = { 0 };

		if (worker_start(&task, -1, &w, &e))
			_exit(1);
		_exit(0); /* the worker alone now holds the pipe open */
	}
	close(fds[1]);
	assert_int_equal(waitpid(parent, NULL, 0), parent);
	/* The pipe's end comes when the worker is gone, else never. */
	(void)alarm(120);
	assert_int_equal(read(fds[0], &byte, 1), 0);
	(void)alarm(0);
	close(fds[0]);
}

static void being_asked_to_stop_ends_a_wait(void **state)
{
	const struct worker_task task = { .name = "slow", .run = hang };
	struct worker w = { 0 };
	struct message m;
	struct err e = { 0 };
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_ok(worker_start(&task, fds[0], &w, &e));
	assert_refused(ipc_receive(&w.channel, 60000, &m, &e), ERR_BUSY);
	worker_stop(&w);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
#define AT_PLACE(test)                                                         \
	cmocka_unit_test_setup_teardown(test, make_place, remove_place)
	static const struct CMUnitTest tests[] = {
		AT_PLACE(a_slot_as_signed_is_good),
		AT_PLACE(every_flipped_byte_is_found),
		AT_PLACE(what_is_missing_or_too_much_is_found),
		AT_PLACE(who_checks_is_locked_up),
		AT_PLACE(who_writes_is_locked_up),
		cmocka_unit_test(
			a_worker_has_no_descriptor_that_it_was_not_given),
		cmocka_unit_test(a_worker_that_dies_hangs_or_lies_is_noticed),
		cmocka_unit_test(a_worker_dies_with_its_parent),
		cmocka_unit_test(being_asked_to_stop_ends_a_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
