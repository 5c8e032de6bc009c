/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explore - mounts the states that a power cut could have left of a recorded
 * run (record-run.sh, states.h) and looks at the device in each (observe.h).
 *
 *	explore --name update --before IMAGE --log FILE --after IMAGE
 *		--mount DIR --config FILE --release ID=DIR...
 *		[--states N] [--runs ID --again K] [--save DIR --saves N]
 *		-- /path/updater-client update --from DIR
 *
 * Every K-th state, roughly, is mounted to be written and the command is run,
 * after which ID must run. --save keeps bad states, and some others, as images.
 * --nowhere and --content are files of what must not lie about (secrets.h), nor
 * ever have been written to the disk.
 * Needs root. Ends with 0 if states were seen and all are good, with 1 if one
 * is bad (with --expect-bad, the other way round).
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/opt.h"
#include "tests/crash/medium.h"

#define WORKERS_MAX 16
#define SHOWN_MAX   10 /* bad states told of */
#define ROUNDS_FEW  256
#define ROUNDS_MAX  (1u << 17)
#define LIMIT_SEC   600 /* for one run of the command */
#define SEEN_START  4096

/* What all workers count together. */
struct counts {
	uint64_t kinds[STATE_KINDS];
	uint64_t checked, bad, again, saved;
};

struct options {
	const char *name, *before, *log, *after, *mount, *config, *fs, *runs;
	const char *save;
	struct opt_list releases, nowhere, content;
	uint64_t states, workers, again, saves, sector;
	bool expect_bad, is_bad;
	char **command;
	int command_len;
};

/* Which keys were met. */
struct seen {
	uint64_t *keys; /* 0: free */
	size_t count, size;
};

struct explorer {
	const struct options *o;
	const struct states_run *run;
	struct world *world;
	struct counts *counts; /* shared */
	struct medium medium;
	struct seen seen;
	uint64_t number; /* of this worker */
	uint64_t share;  /* keys below it are looked at; 0: only count */
	uint64_t saves_share;
	struct err failure;
};

/* Told to end: the loop devices are to be given back first. */
static volatile sig_atomic_t told_to_end;

static void on_signal(int number)
{
	(void)number;
	told_to_end = 1;
}

/* ---- each state once ----------------------------------------------------- */

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 33) * UINT64_C(0xff51afd7ed558ccd);
	x = (x ^ x >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ x >> 33;
}

static bool put_key(struct seen *s, uint64_t key)
{
	size_t i = (size_t)key & (s->size - 1);

	while (s->keys[i] && s->keys[i] != key)
		i = (i + 1) & (s->size - 1);
	if (s->keys[i])
		return false;
	s->keys[i] = key;
	s->count++;
	return true;
}

static bool is_new(struct seen *s, uint64_t key)
{
	if (2 * (s->count + 1) > s->size) {
		struct seen old = *s;

		s->size = old.size ? 2 * old.size : SEEN_START;
		s->keys = mem_alloc(s->size, sizeof(*s->keys));
		s->count = 0;
		for (size_t i = 0; i < old.size; i++)
			if (old.keys[i])
				(void)put_key(s, old.keys[i]);
		free(old.keys);
	}
	return put_key(s, key ? key : 1);
}

static uint64_t add(uint64_t *shared)
{
	return __atomic_fetch_add(shared, 1, __ATOMIC_RELAXED);
}

/* ---- one state ----------------------------------------------------------- */

static int run_command(const struct explorer *x, struct err *e)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		(void)dup2(null, STDOUT_FILENO);
		(void)dup2(null, STDERR_FILENO);
		(void)alarm(LIMIT_SEC);
		(void)execv(x->o->command[0], x->o->command);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid < 0 || WIFSIGNALED(status))
		return err_set(e, ERR_SYSTEM, "the command died");
	/* Where the release is bad: found so now, or remembered. */
	if (WEXITSTATUS(status) != 0 &&
	    !(x->o->is_bad && (WEXITSTATUS(status) == ERR_HEALTH ||
			       WEXITSTATUS(status) == ERR_REFUSED)))
		return err_set(e, ERR_CONFLICT, "the command: status %d",
			       WEXITSTATUS(status));
	return 0;
}

static int look(const struct explorer *x, const struct claim *claim, bool again,
		struct err *e)
{
	struct observed o;

	if (observe(x->world, &o, e) || claim_check(claim, &o, e))
		return -1;
	if (!again)
		return 0;
	add(&x->counts->again);
	if (run_command(x, e) || observe(x->world, &o, e))
		return err_in(e, "run again");
	return strcmp(o.runs, x->o->runs) == 0
		       ? 0
		       : err_set(e, ERR_CONFLICT, "run again: \"%s\" runs",
				 o.runs);
}

static int mount_and_look(const struct explorer *x, const struct claim *claim,
			  bool again, struct err *e)
{
	unsigned long flags = MS_NOATIME | (again ? 0 : MS_RDONLY);
	int rc;

	if (mount(x->medium.loop, x->o->mount, x->o->fs, flags, ""))
		return err_sys(e, "mount");
	rc = look(x, claim, again, e);
	/* A process that was killed may take a moment to let go. */
	for (int i = 0; umount2(x->o->mount, 0) && i < 100; i++)
		(void)usleep(10000);
	return rc;
}

static void save(const struct explorer *x, const char *what, uint64_t key)
{
	char path[4096];
	struct err e = { 0 };

	if (!x->o->save)
		return;
	(void)snprintf(path, sizeof(path), "%s/%s-%016llx.image", x->o->save,
		       what, (unsigned long long)key);
	if (medium_save(&x->medium, path, &e))
		(void)fprintf(stderr, "explore: %s\n", e.msg);
}

static void tell(const struct explorer *x, const struct state *s,
		 const struct claim *claim, uint64_t key, const struct err *e)
{
	char what[256], line[2048];

	if (add(&x->counts->bad) >= SHOWN_MAX || x->o->expect_bad)
		return;
	state_describe(s, what, sizeof(what));
	(void)snprintf(line, sizeof(line),
		       "bad state %016llx of %s: %s; after \"%s\": %s\n",
		       (unsigned long long)key, x->o->name, what,
		       claim_name(claim), e->msg);
	/* One write: lines of several workers never mix. */
	if (write(STDERR_FILENO, line, strlen(line)) < 0)
		errno = 0;
}

static void check(struct explorer *x, const struct state *s,
		  const struct claim *claim, uint64_t key)
{
	bool again = x->o->again > 0 && mix(key) % x->o->again == 0;
	struct err e = { 0 };

	if (mix(key + 1) < x->saves_share &&
	    add(&x->counts->saved) < x->o->saves)
		save(x, "state", key);
	if (mount_and_look(x, claim, again, &e)) {
		tell(x, s, claim, key, &e);
		medium_reset(&x->medium, true);
		(void)medium_show(&x->medium, s);
		save(x, "bad", key);
	}
	add(&x->counts->checked);
	add(&x->counts->kinds[s->kind]);
	medium_reset(&x->medium, true);
}

static int visit(void *ctx, const struct state *s)
{
	struct explorer *x = ctx;
	uint64_t sum = medium_show(&x->medium, s);
	size_t first, last;

	if (told_to_end)
		return -1;
	state_claims(s, &first, &last);
	for (size_t i = first; i <= last; i++) {
		uint64_t key = mix(sum + mix(i + 1));

		if (!is_new(&x->seen, key) || key >= x->share ||
		    mix(key + 2) % x->o->workers != x->number)
			continue;
		(void)medium_show(&x->medium, s);
		check(x, s, &x->run->claims[i].claim, key);
	}
	medium_reset(&x->medium, false);
	return 0;
}

static int advance(void *ctx, const struct states_epoch *epoch)
{
	struct explorer *x = ctx;

	medium_advance(&x->medium, x->run, epoch);
	return 0;
}

/* ---- all of them --------------------------------------------------------- */

/* The log must lead to the very bytes that the run has left. */
static int check_end(const struct explorer *x, struct err *e)
{
	struct buf after = BUF_INIT(x->medium.size);
	int rc = fs_read_path(x->o->after, &after, e);

	if (rc == 0 && (after.len != x->medium.size ||
			memcmp(after.ptr, x->medium.stable, after.len) != 0))
		rc = err_set(e, ERR_CONFLICT,
			     "%s: the log does not lead to what the run left",
			     x->o->name);
	buf_done(&after);
	return rc;
}

/* Go through all states once, as many as the rounds make. */
static int explore(struct explorer *x, unsigned rounds, struct err *e)
{
	const struct states_visitor v = { x, visit, advance };
	int rc;

	if (medium_open(x->o->before, (uint32_t)x->o->sector, &x->medium, e))
		return -1;
	x->seen = (struct seen){ 0 };
	rc = states_each(x->run, rounds, &v);
	rc = rc ? err_set(e, ERR_BUSY, "told to end") : check_end(x, e);
	medium_close(&x->medium);
	free(x->seen.keys);
	return rc;
}

/* How many rounds make enough states, and how many those are; there may be
 * fewer in all, so that more rounds hardly make another. */
static int count_states(struct explorer *x, unsigned *rounds, uint64_t *count,
			struct err *e)
{
	uint64_t before = 0;

	x->share = 0;
	for (*rounds = 1;; *rounds *= 2) {
		if (explore(x, *rounds, e))
			return -1;
		*count = x->seen.count;
		if (*count >= x->o->states || *rounds == ROUNDS_MAX ||
		    (*rounds >= ROUNDS_FEW && *count - before < *count / 16))
			return 0;
		before = *count;
	}
}

static NORETURN void work(struct explorer *x, unsigned rounds)
{
	struct err e = { 0 };

	/* Each worker has the same place to mount at, for itself. */
	if (unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		perror("explore: mount namespace");
		_exit(EXIT_FAILURE);
	}
	if (explore(x, rounds, &e)) {
		(void)fprintf(stderr, "explore: %s\n", e.msg);
		_exit(EXIT_FAILURE);
	}
	_exit(EXIT_SUCCESS);
}

static int work_all(struct explorer *x, unsigned rounds, struct err *e)
{
	int status, rc = 0;

	for (x->number = 0; x->number < x->o->workers; x->number++) {
		pid_t pid = fork();

		if (pid == 0)
			work(x, rounds);
		if (pid < 0)
			rc = err_sys(e, "fork");
	}
	while (wait(&status) > 0)
		if (status != 0)
			rc = err_set(e, ERR_SYSTEM, "a worker failed");
	return rc;
}

static uint64_t share_of(uint64_t part, uint64_t all)
{
	return part >= all ? UINT64_MAX : UINT64_MAX / all * part;
}

static void print_counts(const struct options *o, const struct counts *c,
			 uint64_t all)
{
	(void)printf("%s: %llu of %llu states (%llu prefixes, %llu torn, %llu "
		     "subsets), %llu run again, %llu bad\n",
		     o->name, (unsigned long long)c->checked,
		     (unsigned long long)all,
		     (unsigned long long)c->kinds[STATE_PREFIX],
		     (unsigned long long)c->kinds[STATE_TORN],
		     (unsigned long long)c->kinds[STATE_SUBSET],
		     (unsigned long long)c->again, (unsigned long long)c->bad);
	if (!o->expect_bad)
		(void)printf("figure crash-states-%s %llu states\n", o->name,
			     (unsigned long long)c->checked);
}

static int judge(const struct options *o, const struct counts *c, struct err *e)
{
	if (c->checked == 0)
		return err_set(e, ERR_CONFLICT, "%s: no state was seen",
			       o->name);
	if (o->expect_bad && c->bad == 0)
		return err_set(e, ERR_CONFLICT,
			       "%s: the seeded fault was not found", o->name);
	if (!o->expect_bad && c->bad > 0)
		return err_set(e, ERR_CONFLICT, "%s: %llu bad states", o->name,
			       (unsigned long long)c->bad);
	return 0;
}

/*
 * Whatever was removed since, or never got a name: no write held a key, and
 * content was written to no more than one place, which is the new slot's.
 */
static int check_writes(const struct options *o, const struct states_run *run,
			const struct secrets *s, struct err *e)
{
	uint64_t at[SECRETS_MAX] = { 0 };

	for (size_t i = 0; i < run->write_count; i++) {
		const struct states_write *w = &run->writes[i];
		struct slice bytes = { w->bytes, w->len };

		if (secrets_has_key(s, bytes))
			return err_set(e, ERR_CONFLICT,
				       "%s: a content key was written",
				       o->name);
		for (size_t n = 0; n < s->content_count; n++) {
			const uint8_t *is = secrets_find_content(s, n, bytes);
			uint64_t where =
				is ? w->offset + (uint64_t)(is - w->bytes) : 0;

			if (is && at[n] && at[n] != where)
				return err_set(e, ERR_CONFLICT,
					       "%s: plain content was written "
					       "twice",
					       o->name);
			at[n] = is ? where : at[n];
		}
	}
	return 0;
}

static int explore_run(const struct options *o, const struct states_run *run,
		       struct world *world, struct err *e)
{
	struct explorer x = { .o = o, .run = run, .world = world };
	unsigned rounds;
	uint64_t count = 0;
	int rc = -1;

	x.counts = mmap(NULL, sizeof(*x.counts), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (x.counts == MAP_FAILED)
		return err_sys(e, "memory");
	if (count_states(&x, &rounds, &count, e))
		goto out;
	x.share = o->states ? share_of(o->states, count) : UINT64_MAX;
	x.saves_share =
		o->saves ? share_of(4 * o->saves, o->states ? o->states : count)
			 : 0;
	if (work_all(&x, rounds, e))
		goto out;
	print_counts(o, x.counts, count);
	rc = judge(o, x.counts, e);
out:
	(void)munmap(x.counts, sizeof(*x.counts));
	return rc;
}

static int run(int argc, char **argv, struct err *e)
{
	struct options o = { .fs = "ext4", .workers = 4, .sector = 4096 };
	const struct opt opts[] = {
		OPT_TEXT("name", "WORD", &o.name, "of the run"),
		OPT_TEXT("before", "IMAGE", &o.before, "before the run"),
		OPT_TEXT("log", "FILE", &o.log, "of the recorder"),
		OPT_TEXT("after", "IMAGE", &o.after, "after the run"),
		OPT_TEXT("mount", "DIR", &o.mount, "where it was mounted"),
		OPT_TEXT("fs", "TYPE", &o.fs, "file system (ext4)"),
		OPT_TEXT("config", "FILE", &o.config, "the client's"),
		OPT_LIST("release", "ID=DIR", &o.releases, "its tree"),
		OPT_TEXT("runs", "ID", &o.runs, "what runs in the end"),
		OPT_LIST("nowhere", "FILE", &o.nowhere, "a key in plain"),
		OPT_LIST("content", "FILE", &o.content, "in slots alone"),
		OPT_TEXT("save", "DIR", &o.save, "for images of states"),
		OPT_NUMBER("saves", "N", &o.saves, 1000, "how many good ones"),
		OPT_NUMBER("states", "N", &o.states, 10000000,
			   "how many (all)"),
		OPT_NUMBER("again", "K", &o.again, 1000000,
			   "run the command in every K-th"),
		OPT_NUMBER("workers", "N", &o.workers, WORKERS_MAX,
			   "at the same time (4)"),
		OPT_NUMBER("sector", "N", &o.sector, 4096, "of the disk"),
		OPT_FLAG("bad-release", &o.is_bad, "the command ends so"),
		OPT_FLAG("expect-bad", &o.expect_bad, "a fault was seeded"),
		OPT_END,
	};
	struct states_run recorded;
	struct world world;
	int rc;

	if (opt_parse(argc, argv, opts, &o.command, &o.command_len, e))
		return -1;
	if (!o.name || !o.before || !o.log || !o.after || !o.mount ||
	    !o.config || o.workers == 0 ||
	    (o.again > 0 && (!o.runs || o.command_len == 0)))
		return err_set(e, ERR_USAGE,
			       "something is missing; see --help");
	if (world_load(o.config, o.releases.at, o.releases.count, &world, e))
		return -1;
	world.is_bad = o.is_bad;
	rc = secrets_load(&o.nowhere, &o.content, &world.secrets, e);
	if (rc == 0)
		rc = states_load(o.log, &recorded, e);
	if (rc == 0) {
		rc = check_writes(&o, &recorded, &world.secrets, e)
			     ? -1
			     : explore_run(&o, &recorded, &world, e);
		states_done(&recorded);
	}
	world_done(&world);
	return rc;
}

int main(int argc, char **argv)
{
	struct err e = { 0 };

	(void)signal(SIGTERM, on_signal);
	(void)signal(SIGINT, on_signal);
	if (run(argc, argv, &e) == 0)
		return EXIT_SUCCESS;
	(void)fflush(stdout);
	(void)fprintf(stderr, "explore: %s\n", e.msg);
	return EXIT_FAILURE;
}
