/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta-size OLD NEW SCRATCH [zstd|lzma] [app|system]
 *
 * Make a full package of OLD and a delta to NEW (folders or tars), as the
 * signer does, and print what they weigh and what they take:
 *
 *	full <bytes> delta <bytes> content <bytes> make_ms <n> apply_ms <n>
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/fs.h"
#include "signer/pack.h"

static long cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int make(int scratch, struct pack_tree *content, struct pack_tree *base,
		enum package_codec codec, struct release *r, struct err *e)
{
	struct pack_job job = { .content = content,
				.base = base,
				.codec = codec,
				.fd = -1,
				.scratch_dirfd = scratch,
				.quiet = true };
	int rc = -1;

	if (!fs_open_nameless(scratch, &job.fd, e))
		rc = pack_make(&job, r, e);
	fs_close(&job.fd);
	return rc;
}

static int run(char **argv, const struct pack_settings *how,
	       enum package_codec codec, struct err *e)
{
	struct pack_tree *old = NULL, *new_tree = NULL;
	struct release full = { .seq = 1 }, delta = { .seq = 2 };
	long start;
	int rc = -1;

	if (pack_load(how, argv[1], &old, e) ||
	    pack_load(how, argv[2], &new_tree, e))
		goto out;
	if (make(how->scratch_dirfd, new_tree, NULL, PACKAGE_ZSTD, &full, e))
		goto out;
	start = cpu_ms();
	if (make(how->scratch_dirfd, new_tree, old, codec, &delta, e))
		goto out;
	printf("full %llu delta %llu content %llu make_ms %ld\n",
	       (unsigned long long)full.package_len,
	       (unsigned long long)delta.package_len,
	       (unsigned long long)delta.content_len, cpu_ms() - start);
	rc = 0;
out:
	pack_tree_free(old);
	pack_tree_free(new_tree);
	release_done(&full);
	release_done(&delta);
	return rc;
}

int main(int argc, char **argv)
{
	struct pack_settings how = { .attributes = TREE_APP,
				     .scratch_dirfd = -1,
				     .quiet = true };
	enum package_codec codec = PACKAGE_LZMA;
	struct err e = { 0 };

	if (argc < 4) {
		fputs("usage: delta-size OLD NEW SCRATCH [zstd|lzma] "
		      "[app|system]\n",
		      stderr);
		return ERR_USAGE;
	}
	if (argc > 4 && strcmp(argv[4], "zstd") == 0)
		codec = PACKAGE_ZSTD;
	if (argc > 5 && strcmp(argv[5], "system") == 0)
		how.attributes = TREE_SYSTEM;
	if (fs_open_dir(argv[3], &how.scratch_dirfd, &e) ||
	    run(argv, &how, codec, &e)) {
		fprintf(stderr, "delta-size: %s\n", e.msg);
		return (int)e.code;
	}
	fs_close(&how.scratch_dirfd);
	return 0;
}
