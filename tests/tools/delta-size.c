/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta-size OLD NEW SCRATCH [zstd|lzma] [app|system|image] [OUT]
 *
 * Make a full package of NEW and a delta from OLD (folders or tars; with
 * "image" any two files, as the tree of one that an image is to deltas), as the
 * signer does, apply the delta as a device does, and print what that takes:
 *
 *	full BYTES delta BYTES content BYTES make_ms N make_kb N apply_ms N
 *	apply_kb N own_kb N bare_ms N old_read BYTES
 *
 * The last five are told by delta-apply, which applies it.
 * JOBS in the environment is the number of threads, else there is one. With
 * NOFULL there the full package is not compressed, for who needs only the rest.
 * SEARCH: bytes of old content that are searched at once.
 * With OUT (a folder) both packages and both manifests are left there, and the
 * tree that came out in OUT/new.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/apply_image.h"
#include "common/fs.h"
#include "common/image.h"
#include "common/mem.h"
#include "common/text.h"
#include "signer/crew.h"
#include "signer/pack.h"
#include "signer/pack_tree.h"

struct job {
	const char *old_path, *new_path;
	struct pack_settings how;
	enum package_codec codec, full_codec;
	uint64_t jobs, search_max;
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
				.jobs = (unsigned)j->jobs,
				.search_max = (size_t)j->search_max };
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

static int put_old_image(int dir, const struct release *r,
			 struct package_reader *package, struct err *e)
{
	struct apply_image a = { .release = r,
				 .package = package,
				 .old_fd = -1,
				 .new_fd = -1,
				 .scratch_dirfd = dir };
	int rc = -1;

	if (!fs_create(dir, IMAGE_NAME, 0644, &a.new_fd, e))
		rc = ftruncate(a.new_fd, (off_t)r->content_len)
			     ? err_sys(e, "make room for the old image")
			     : apply_image(&a, e);
	fs_close(&a.new_fd);
	return rc;
}

/* The old tree, from its full package. */
static int put_old(const struct job *j, struct err *e)
{
	const struct release *r = &j->base;
	int fd = -1, dir = -1;
	const struct package_source from = { &fd, read_file_at };
	struct package_reader *reader = NULL;
	struct buf manifest = BUF_INIT(TREE_MANIFEST_MAX);
	int rc = -1;

	if (!fs_open(j->out, "old.pawl", O_RDONLY, &fd, e) &&
	    !fs_mkdir(j->out, "old", 0755, e) &&
	    !fs_open(j->out, "old", O_RDONLY | O_DIRECTORY, &dir, e) &&
	    !package_open(&from, r->package_len, r->head_len, &r->head_digest,
			  &reader, e)) {
		const struct apply a = { .release = r,
					 .package = reader,
					 .old_dirfd = -1,
					 .new_dirfd = dir };

		rc = r->content == PACKAGE_IMAGE
			     ? put_old_image(dir, r, reader, e)
			     : apply_tree(&a, &manifest, e);
	}
	package_close(reader);
	buf_done(&manifest);
	fs_close(&fd);
	fs_close(&dir);
	return rc;
}

/* What delta-apply needs beside packages and trees. */
static int leave_files(const struct job *j, struct err *e)
{
	const struct slice release = { (const uint8_t *)&j->delta,
				       sizeof(j->delta) };

	return fs_replace_file(j->out, "old.manifest",
			       buf_slice(&j->old->manifest), 0644, e) ||
			       fs_replace_file(j->out, "delta.release", release,
					       0644, e)
		       ? -1
		       : 0;
}

/* delta-apply stands beside this program. */
static void exec_apply(const struct job *j, int to, const char *how)
{
	char path[PATH_MAX];
	const ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *name;

	if (len <= 0)
		_exit(127);
	path[len] = '\0';
	name = strrchr(path, '/');
	*name = '\0';
	if (dup2(to, STDOUT_FILENO) == STDOUT_FILENO && !fchdir(j->out) &&
	    (size_t)len + sizeof("delta-apply") < sizeof(path)) {
		strcat(path, "/delta-apply");
		execl(path, "delta-apply", ".", how, (char *)NULL);
	}
	_exit(127);
}

static int read_line(int fd, char *out, size_t len, struct err *e)
{
	size_t have = 0;
	ssize_t got;

	while (have < len - 1 && (got = read(fd, out + have, len - 1 - have)))
		if (got < 0)
			return err_sys(e, "read from delta-apply");
		else
			have += (size_t)got;
	out[have] = '\0';
	out[strcspn(out, "\n")] = '\0';
	return 0;
}

/* A program of its own, so that its time and memory can be told from ours. */
static int apply_alone(const struct job *j, const char *how, char *line,
		       size_t len, struct err *e)
{
	int ends[2], status = 0, rc;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC))
		return err_sys(e, "pipe");
	child = fork();
	if (child == 0)
		exec_apply(j, ends[1], how);
	close(ends[1]);
	rc = child < 0 ? err_sys(e, "fork") : read_line(ends[0], line, len, e);
	close(ends[0]);
	if (child > 0 && (waitpid(child, &status, 0) != child || status != 0))
		rc = err_set(e, ERR_SYSTEM, "the delta was not applied");
	return rc;
}

static int read_number(const char *name, uint64_t most, uint64_t *out,
		       struct err *e)
{
	const char *text = getenv(name);

	if (text &&
	    num_parse((struct slice){ (const uint8_t *)text, strlen(text) },
		      most, out, e))
		return err_in(e, "%s", name);
	return 0;
}

static int run(struct job *j, struct err *e)
{
	char whole[256], bare[256];

	if (make_all(j, e) || put_old(j, e) || leave_files(j, e) ||
	    apply_alone(j, NULL, whole, sizeof(whole), e) ||
	    apply_alone(j, "bare", bare, sizeof(bare), e))
		return -1;
	printf("full %llu delta %llu content %llu make_ms %ld make_kb %ld %s "
	       "%s\n",
	       (unsigned long long)j->full.package_len,
	       (unsigned long long)j->delta.package_len,
	       (unsigned long long)j->delta.content_len, j->make_ms, j->make_kb,
	       whole, bare);
	return 0;
}

int main(int argc, char **argv)
{
	struct job j = { .how = { .content = PACKAGE_TREE,
				  .attributes = TREE_APP,
				  .scratch_dirfd = -1,
				  .quiet = true },
			 .codec = PACKAGE_LZMA,
			 .jobs = 1,
			 .out = -1 };
	struct err e = { 0 };
	int rc = -1;

	if (argc < 4) {
		fputs("usage: delta-size OLD NEW SCRATCH [zstd|lzma] "
		      "[app|system|image] [OUT]\n",
		      stderr);
		return ERR_USAGE;
	}
	j.old_path = argv[1];
	j.new_path = argv[2];
	if (argc > 4 && strcmp(argv[4], "zstd") == 0)
		j.codec = PACKAGE_ZSTD;
	if (argc > 5 && strcmp(argv[5], "system") == 0)
		j.how.attributes = TREE_SYSTEM;
	if (argc > 5 && strcmp(argv[5], "image") == 0)
		j.how.content = PACKAGE_IMAGE;
	j.keep = argc > 6;
	if (!read_number("JOBS", CREW_MAX, &j.jobs, &e) &&
	    !read_number("SEARCH", UINT32_MAX, &j.search_max, &e) &&
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
