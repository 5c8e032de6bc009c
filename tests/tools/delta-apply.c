/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta-apply FOLDER [bare]
 *
 * Apply the delta that delta-size left in a folder, in a process that holds no
 * more than a device's, and print what that took:
 *
 *	apply_ms N apply_kb N own_kb N
 *	bare_ms N old_read N
 *
 * The second with "bare": the delta alone, without looking at the old tree
 * before, without digests of files and without writing any. own_kb is heap and
 * stack, apply_kb also what is mapped of the program and its libraries;
 * old_read the bytes read of the old tree's files.
 *
 * The folder holds delta.pawl, delta.release (struct release as it lies in
 * memory: the same build wrote it, and what it points to is not looked at), the
 * tree old and its old.manifest. The tree goes to new.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/apply_image.h"
#include "common/fs.h"
#include "common/image.h"
#include "common/mem.h"
#include "common/text.h"

#define LOOK_LEN   ((uint64_t)1 << 20)
#define OPEN_FILES 64 /* as common/apply.c has */

struct job {
	int dir, old, package;
	struct buf old_manifest;
	struct release release;
	/* bare */
	struct tree tree;
	struct {
		int fd;
		uint32_t index;
	} files[OPEN_FILES];
	uint64_t old_read;
	/* as a device */
	uint64_t seen; /* bytes of the new tree when memory was looked at */
	unsigned long own_kb;
};

static long cpu_ms(void)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	return (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000 +
	       (use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1000;
}

/* A line of /proc/self/status, in kB; 0: there is none. */
static unsigned long status_kb(const char *name)
{
	FILE *f = fopen("/proc/self/status", "re");
	const size_t len = strlen(name);
	unsigned long kb = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		const char *digits = line + len + 1;

		if (strncmp(line, name, len) != 0 || line[len] != ':')
			continue;
		digits += strspn(digits, " \t");
		for (; *digits >= '0' && *digits <= '9'; digits++)
			kb = kb * 10 + (unsigned long)(*digits - '0');
	}
	if (f)
		fclose(f);
	return kb;
}

static int read_package(void *ctx, uint64_t offset, void *out, size_t len,
			struct err *e)
{
	size_t got;

	if (fs_read_at(*(const int *)ctx, offset, out, len, &got, e))
		return -1;
	return got == len ? 0 : err_set(e, ERR_FORMAT, "package is cut off");
}

/* ---- as a device --------------------------------------------------------- */

/* What is taken stays until the end, so a look now and then sees the peak. */
static int watch_memory(void *ctx, uint64_t bytes, struct err *e)
{
	struct job *j = ctx;
	unsigned long kb;

	(void)e;
	if (j->own_kb > 0 && bytes - j->seen < LOOK_LEN)
		return 0;
	j->seen = bytes;
	kb = status_kb("RssAnon");
	if (kb > j->own_kb)
		j->own_kb = kb;
	return 0;
}

static int apply_image_whole(struct job *j, struct package_reader *package,
			     struct err *e)
{
	const struct tree_watch watch = { j, watch_memory };
	struct apply_image a = { .release = &j->release,
				 .package = package,
				 .old_fd = -1,
				 .new_fd = -1,
				 .scratch_dirfd = j->dir,
				 .watch = &watch };
	struct stat st;
	int rc = -1;

	if (!fs_mkdir(j->dir, "new", 0755, e) &&
	    !fs_open(j->dir, "old/" IMAGE_NAME, O_RDONLY, &a.old_fd, e) &&
	    !fs_create(j->dir, "new/" IMAGE_NAME, 0644, &a.new_fd, e)) {
		if (fstat(a.old_fd, &st) ||
		    ftruncate(a.new_fd, (off_t)j->release.content_len))
			rc = err_sys(e, "look at the images");
		else
			a.old_len = (uint64_t)st.st_size;
		if (a.old_len > 0)
			rc = apply_image(&a, e);
	}
	fs_close(&a.old_fd);
	fs_close(&a.new_fd);
	return rc;
}

static int apply_whole(struct job *j, struct package_reader *package,
		       struct buf *manifest, struct err *e)
{
	const struct tree_watch watch = { j, watch_memory };
	struct apply a = { .release = &j->release,
			   .package = package,
			   .old_dirfd = j->old,
			   .old_manifest = buf_slice(&j->old_manifest),
			   .new_dirfd = -1,
			   .watch = &watch };
	int rc = -1;

	if (j->release.content == PACKAGE_IMAGE)
		return apply_image_whole(j, package, e);
	if (!fs_mkdir(j->dir, "new", 0755, e) &&
	    !fs_open(j->dir, "new", O_RDONLY | O_DIRECTORY, &a.new_dirfd, e))
		rc = apply_tree(&a, manifest, e);
	fs_close(&a.new_dirfd);
	return rc;
}

/* ---- bare ---------------------------------------------------------------- */

static int open_old(struct job *j, uint32_t index, int *fd, struct err *e)
{
	const size_t at = index % OPEN_FILES;
	char path[PATH_MAX_LEN + 1];
	struct tree_entry entry;

	if (j->files[at].fd < 0 || j->files[at].index != index) {
		fs_close(&j->files[at].fd);
		tree_entry(&j->tree, index, &entry);
		if (text_format(path, sizeof(path), e, "%.*s",
				(int)entry.path.len,
				(const char *)entry.path.ptr) ||
		    fs_open(j->old, path, O_RDONLY, &j->files[at].fd, e))
			return -1;
		j->files[at].index = index;
	}
	*fd = j->files[at].fd;
	return 0;
}

static int read_old(void *ctx, uint32_t index, uint64_t offset, void *out,
		    size_t len, struct err *e)
{
	struct job *j = ctx;
	size_t got;
	int fd;

	if (open_old(j, index, &fd, e) ||
	    fs_read_at(fd, offset, out, len, &got, e))
		return -1;
	j->old_read += len;
	return got == len ? 0 : err_set(e, ERR_CONFLICT, "old tree changed");
}

static int drop_begin(void *ctx, const struct tree *t, struct err *e)
{
	(void)ctx;
	(void)t;
	(void)e;
	return 0;
}

static int drop_entry(void *ctx, const struct tree_entry *entry, struct err *e)
{
	(void)ctx;
	(void)entry;
	(void)e;
	return 0;
}

static int drop_data(void *ctx, struct slice bytes, struct err *e)
{
	(void)ctx;
	(void)bytes;
	(void)e;
	return 0;
}

static int drop_end(void *ctx, struct err *e)
{
	(void)ctx;
	(void)e;
	return 0;
}

static int apply_bare(struct job *j, struct package_reader *package,
		      struct buf *manifest, struct err *e)
{
	const struct tree_sink sink = { .begin = drop_begin,
					.entry = drop_entry,
					.data = drop_data,
					.end = drop_end,
					.reads_back = true };
	const struct delta_base base = { &j->tree, j, read_old };
	const struct apply_flow flow = { &j->release, package, &base,
					 &sink,       NULL,    j->dir };
	int rc = tree_parse(buf_slice(&j->old_manifest), &j->tree, e);

	for (size_t i = 0; i < OPEN_FILES; i++)
		j->files[i].fd = -1;
	if (!rc)
		rc = apply_package(&flow, manifest, e);
	for (size_t i = 0; i < OPEN_FILES; i++)
		fs_close(&j->files[i].fd);
	tree_done(&j->tree);
	return rc;
}

/* ---- the whole ----------------------------------------------------------- */

static int load(struct job *j, const char *folder, struct err *e)
{
	struct buf release = BUF_INIT(sizeof(j->release));
	int rc = -1;

	if (!fs_open_dir(folder, &j->dir, e) &&
	    !fs_open(j->dir, "old", O_RDONLY | O_DIRECTORY, &j->old, e) &&
	    !fs_open(j->dir, "delta.pawl", O_RDONLY, &j->package, e) &&
	    !fs_read_file(j->dir, "old.manifest", &j->old_manifest, e) &&
	    !fs_read_file(j->dir, "delta.release", &release, e))
		rc = release.len == sizeof(j->release)
			     ? 0
			     : err_set(e, ERR_FORMAT,
				       "another build's release");
	if (rc == 0)
		memcpy(&j->release, release.ptr, release.len);
	buf_done(&release);
	return rc;
}

static int apply_with(struct job *j, bool bare, struct err *e)
{
	const struct package_source from = { &j->package, read_package };
	struct package_reader *package = NULL;
	struct buf manifest = BUF_INIT(TREE_MANIFEST_MAX);
	int rc =
		package_open(&from, j->release.package_len, j->release.head_len,
			     &j->release.head_digest, &package, e);

	if (!rc)
		rc = bare ? apply_bare(j, package, &manifest, e)
			  : apply_whole(j, package, &manifest, e);
	package_close(package);
	buf_done(&manifest);
	return rc;
}

static void report(const struct job *j, bool bare)
{
	if (bare)
		printf("bare_ms %ld old_read %llu\n", cpu_ms(),
		       (unsigned long long)j->old_read);
	else
		printf("apply_ms %ld apply_kb %lu own_kb %lu\n", cpu_ms(),
		       status_kb("VmHWM"), j->own_kb);
}

int main(int argc, char **argv)
{
	struct job j = { .dir = -1,
			 .old = -1,
			 .package = -1,
			 .old_manifest = BUF_INIT(TREE_MANIFEST_MAX) };
	const bool bare = argc == 3 && strcmp(argv[2], "bare") == 0;
	struct err e = { 0 };
	int rc;

	if (argc != 2 && !bare) {
		fputs("usage: delta-apply FOLDER [bare]\n", stderr);
		return ERR_USAGE;
	}
	mem_give_back(); /* as devices do */
	rc = load(&j, argv[1], &e);
	if (!rc)
		rc = apply_with(&j, bare, &e);
	if (rc)
		fprintf(stderr, "delta-apply: %s\n", e.msg);
	else
		report(&j, bare);
	buf_done(&j.old_manifest);
	fs_close(&j.package);
	fs_close(&j.old);
	fs_close(&j.dir);
	return rc ? (int)e.code : 0;
}
