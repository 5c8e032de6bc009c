/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta-size OLD NEW SCRATCH [zstd|lzma] [app|system] [OUT]
 *
 * Make a full package of NEW and a delta from OLD (folders or tars), as the
 * signer does, apply the delta as a device does, and print what that takes:
 *
 *	full BYTES delta BYTES content BYTES make_ms N apply_ms N make_kb N
 *	apply_kb N
 *
 * JOBS in the environment is the number of threads, else there is one. With
 * NOFULL there the full package is not compressed, for who needs only the rest.
 * With OUT (a folder) both packages and both manifests are left there, and the
 * tree that came out in OUT/new.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/apply.h"
#include "common/fs.h"
#include "common/mem.h"
#include "common/text.h"
#include "signer/crew.h"
#include "signer/pack.h"
#include "signer/pack_tree.h"

struct job {
	const char *old_path, *new_path;
	struct pack_settings how;
	enum package_codec codec, full_codec;
	unsigned jobs;
	int out; /* OUT, or the scratch folder */
	bool keep;
	struct pack_tree *old, *fresh;
	struct release base, full, delta;
	long make_ms, make_kb; /* processor time, and peak resident memory */
};

static long cpu_ms(const struct rusage *use)
{
	return (use->ru_utime.tv_sec + use->ru_stime.tv_sec) * 1000 +
	       (use->ru_utime.tv_usec + use->ru_stime.tv_usec) / 1000;
}

static int make(struct job *j, struct pack_tree *content,
		struct pack_tree *base, const char *name, struct release *r,
		struct err *e)
{
	struct pack_job job = { .content = content,
				.base = base,
				.codec = base ? j->codec : j->full_codec,
				.fd = -1,
				.scratch_dirfd = j->how.scratch_dirfd,
				.quiet = true,
				.jobs = j->jobs };
	int rc = -1;

	if (!fs_create(j->out, name, 0644, &job.fd, e))
		rc = pack_make(&job, r, e);
	fs_close(&job.fd);
	return rc;
}

static int make_all(struct job *j, struct err *e)
{
	struct rusage before, after;

	if (pack_load(&j->how, j->old_path, &j->old, e) ||
	    pack_load(&j->how, j->new_path, &j->fresh, e) ||
	    make(j, j->old, NULL, "old.pawl", &j->base, e))
		return -1;
	j->full_codec = getenv("NOFULL") ? PACKAGE_RAW : PACKAGE_ZSTD;
	if (make(j, j->fresh, NULL, "full.pawl", &j->full, e))
		return -1;
	getrusage(RUSAGE_SELF, &before);
	if (make(j, j->fresh, j->old, "delta.pawl", &j->delta, e))
		return -1;
	getrusage(RUSAGE_SELF, &after);
	j->make_ms = cpu_ms(&after) - cpu_ms(&before);
	j->make_kb = after.ru_maxrss;
	return j->keep ? fs_replace_file(j->out, "new.manifest",
					 buf_slice(&j->fresh->manifest), 0644,
					 e)
		       : 0;
}

/* ---- applying, as a device ----------------------------------------------- */

static int read_file_at(void *ctx, uint64_t offset, void *out, size_t len,
			struct err *e)
{
	size_t got;

	if (fs_read_at(*(const int *)ctx, offset, out, len, &got, e))
		return -1;
	return got == len ? 0 : err_set(e, ERR_FORMAT, "package is cut off");
}

struct applying {
	const char *package, *to; /* in the folder out */
	int out, old;             /* old: the old tree, or -1 */
	struct slice old_manifest;
};

static int apply_one(const struct applying *j, const struct release *r,
		     struct err *e)
{
	int fd = -1, dir = -1;
	const struct package_source from = { &fd, read_file_at };
	struct package_reader *reader = NULL;
	struct buf manifest = BUF_INIT(TREE_MANIFEST_MAX);
	int rc = -1;

	if (!fs_open(j->out, j->package, O_RDONLY, &fd, e) &&
	    !fs_mkdir(j->out, j->to, 0755, e) &&
	    !fs_open(j->out, j->to, O_RDONLY | O_DIRECTORY, &dir, e) &&
	    !package_open(&from, r->package_len, r->head_len, &r->head_digest,
			  &reader, e)) {
		const struct apply a = { r,   reader, j->old, j->old_manifest,
					 dir, NULL };

		rc = apply_tree(&a, &manifest, e);
	}
	package_close(reader);
	buf_done(&manifest);
	fs_close(&fd);
	fs_close(&dir);
	return rc;
}

/*
 * What the program does when it is started as `delta-size --apply`, in the
 * folder out: the release is read from standard input as it lies in memory,
 * for it was written by the same program, and holds no pointers.
 */
static int apply_here(struct err *e)
{
	struct applying j = {
		.package = "delta.pawl", .to = "new", .out = -1, .old = -1
	};
	struct buf manifest = BUF_INIT(TREE_MANIFEST_MAX);
	struct release r;
	int rc = -1;

	if (fread(&r, sizeof(r), 1, stdin) != 1)
		return err_set(e, ERR_SYSTEM, "no release came");
	if (!fs_open_dir(".", &j.out, e) &&
	    !fs_open(j.out, "old", O_RDONLY | O_DIRECTORY, &j.old, e) &&
	    !fs_read_file(j.out, "old.manifest", &manifest, e)) {
		j.old_manifest = buf_slice(&manifest);
		rc = apply_one(&j, &r, e);
	}
	buf_done(&manifest);
	fs_close(&j.old);
	fs_close(&j.out);
	return rc;
}

static void exec_apply(const struct job *j, int from)
{
	if (dup2(from, STDIN_FILENO) == STDIN_FILENO && !fchdir(j->out))
		execl("/proc/self/exe", "delta-size", "--apply", (char *)NULL);
	_exit(127);
}

/* A program of its own, so that its time and memory can be told from ours. */
static int apply_delta_alone(const struct job *j, struct rusage *use,
			     struct err *e)
{
	const struct slice release = { (const uint8_t *)&j->delta,
				       sizeof(j->delta) };
	int ends[2], status = 0, rc;
	pid_t child;

	if (fs_replace_file(j->out, "old.manifest",
			    buf_slice(&j->old->manifest), 0644, e))
		return -1;
	if (pipe2(ends, O_CLOEXEC))
		return err_sys(e, "pipe");
	child = fork();
	if (child == 0)
		exec_apply(j, ends[0]);
	close(ends[0]);
	rc = child < 0 ? err_sys(e, "fork") : fs_write(ends[1], release, e);
	close(ends[1]);
	if (child > 0 &&
	    (wait4(child, &status, 0, use) != child || status != 0))
		rc = err_set(e, ERR_SYSTEM, "the delta was not applied");
	return rc;
}

static int read_jobs(unsigned *out, struct err *e)
{
	const char *text = getenv("JOBS");
	uint64_t jobs = 1;

	if (text &&
	    num_parse((struct slice){ (const uint8_t *)text, strlen(text) },
		      CREW_MAX, &jobs, e))
		return err_in(e, "JOBS");
	*out = (unsigned)jobs;
	return 0;
}

static int run(struct job *j, struct err *e)
{
	struct rusage use;

	const struct applying old = { "old.pawl", "old", j->out, -1, { 0 } };

	if (make_all(j, e) || apply_one(&old, &j->base, e) ||
	    apply_delta_alone(j, &use, e))
		return -1;
	printf("full %llu delta %llu content %llu make_ms %ld apply_ms %ld "
	       "make_kb %ld apply_kb %ld\n",
	       (unsigned long long)j->full.package_len,
	       (unsigned long long)j->delta.package_len,
	       (unsigned long long)j->delta.content_len, j->make_ms,
	       cpu_ms(&use), j->make_kb, use.ru_maxrss);
	return 0;
}

int main(int argc, char **argv)
{
	struct job j = { .how = { .attributes = TREE_APP,
				  .scratch_dirfd = -1,
				  .quiet = true },
			 .codec = PACKAGE_LZMA,
			 .out = -1 };
	struct err e = { 0 };
	int rc = -1;

	mem_give_back(); /* as devices do */
	if (argc == 2 && strcmp(argv[1], "--apply") == 0) {
		rc = apply_here(&e);
		if (rc)
			fprintf(stderr, "delta-size: %s\n", e.msg);
		return rc ? (int)e.code : 0;
	}
	if (argc < 4) {
		fputs("usage: delta-size OLD NEW SCRATCH [zstd|lzma] "
		      "[app|system] [OUT]\n",
		      stderr);
		return ERR_USAGE;
	}
	j.old_path = argv[1];
	j.new_path = argv[2];
	if (argc > 4 && strcmp(argv[4], "zstd") == 0)
		j.codec = PACKAGE_ZSTD;
	if (argc > 5 && strcmp(argv[5], "system") == 0)
		j.how.attributes = TREE_SYSTEM;
	j.keep = argc > 6;
	if (!read_jobs(&j.jobs, &e) &&
	    !fs_open_dir(argv[3], &j.how.scratch_dirfd, &e) &&
	    !fs_make_dir(argv[j.keep ? 6 : 3], 0755, &j.out, &e))
		rc = run(&j, &e);
	if (rc)
		fprintf(stderr, "delta-size: %s\n", e.msg);
	pack_tree_free(j.old);
	pack_tree_free(j.fresh);
	fs_close(&j.out);
	fs_close(&j.how.scratch_dirfd);
	return rc ? (int)e.code : 0;
}
