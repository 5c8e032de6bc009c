/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_scan - look for private keys in any file, archive or folder.
 *
 * Links are not followed and other file systems are entered; what is neither
 * file nor folder is passed over.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/opt.h"
#include "common/progress.h"
#include "common/text.h"
#include "signer/commands.h"
#include "signer/known.h"
#include "signer/report.h"
#include "signer/sandbox.h"
#include "signer/sift.h"
#include "signer/watch.h"

#define FOUND_STATUS ERR_REFUSED /* findings are a result, not a failure */
#define PATH_SIZE    4096
#define DEPTH_MAX    64
#define LISTED_MAX   10000      /* findings that are listed in JSON */
#define SLOW_LEN     (4 << 20)  /* from here on it is told how far it is */
#define SCRATCH      "/var/tmp" /* where TMPDIR does not say */

struct search {
	struct report *out;
	struct sift *sift;
	struct json *findings;
	uint64_t files, found, unread;
	struct buf path; /* of what is being looked at */
	unsigned depth;
	bool slow; /* each place that could be random is tried */
};

/* ---- what is found ------------------------------------------------------- */

static const char *advice(const char *what)
{
	if (strncmp(what, "the private half", 16) == 0)
		return "take it out; if it ever left the signing machine, "
		       "replace that key in its roles";
	return "take it out, and replace the key if the content was ever "
	       "given away; a test key may be named with --allow-secret";
}

/* A member for JSON; NULL beyond what is listed. */
static struct json *list(struct search *s, const char *path, const char *what,
			 const char *todo)
{
	struct json *one;

	s->found++;
	if (!s->out->json || s->found > LISTED_MAX)
		return NULL;
	one = json_new_object();
	json_set_text(one, "path", path);
	json_set_text(one, "kind", what);
	json_set_text(one, "advice", todo);
	json_add(s->findings, one);
	return one;
}

static int found(void *ctx, const struct sift_finding *f, struct err *e)
{
	struct search *s = ctx;
	struct json *one = list(s, f->path, f->what, advice(f->what));

	(void)e; /* telling cannot fail before the end */
	if (one) {
		json_set_int(one, "offset", (int64_t)f->offset);
		json_set_hex(one, "sha256",
			     (struct slice){ f->digest.bytes, SHA256_LEN });
	}
	report_line(s->out, "%s: byte %llu: %s", f->path,
		    (unsigned long long)f->offset, f->what);
	return 0;
}

static int unread(void *ctx, const char *path, const char *why, bool shut,
		  struct err *e)
{
	struct search *s = ctx;

	(void)e; /* as above */
	if (!shut) {
		report_note(s->out, "%s was searched only in part: %s", path,
			    why);
		return 0;
	}
	(void)list(s, path, why, "unpack it and look at what is inside");
	report_line(s->out, "%s: %s: not searched whole", path, why);
	return 0;
}

/* ---- files and folders --------------------------------------------------- */

struct reading {
	int fd;
	struct progress *bar;
	uint64_t at;
};

static int read_fd(void *ctx, void *out, size_t len, size_t *got, struct err *e)
{
	struct reading *r = ctx;

	if (fs_read(r->fd, out, len, got, e))
		return -1;
	r->at += *got;
	progress_set(r->bar, r->at);
	return 0;
}

/* One file that cannot be read does not end the search; the end tells. */
static int pass_over(struct search *s, const struct err *why)
{
	s->unread++;
	report_note(s->out, "%s: %s", buf_text(&s->path), why->msg);
	return 0;
}

/* Of a pipe the end is not known. */
static int search_file(struct search *s, int fd, struct err *e)
{
	const off_t end = lseek(fd, 0, SEEK_END);
	const uint64_t len = end > 0 ? (uint64_t)end : 0;
	const struct peek_place place = { fd, 0, len };
	struct progress bar;
	struct reading reading = { .fd = fd, .bar = &bar };
	const struct sift_source source = {
		read_fd, &reading,
		end > 0 && lseek(fd, 0, SEEK_SET) == 0 ? &place : NULL
	};
	int rc;

	s->files++;
	progress_start(&bar, "searching", len,
		       s->slow && len >= SLOW_LEN ? PROGRESS_PEOPLE
						  : PROGRESS_QUIET);
	rc = sift_file(s->sift, buf_slice(&s->path), &source, e);
	progress_end(&bar, rc == 0);
	return rc ? pass_over(s, e) : 0;
}

static int search_fd(struct search *s, int fd, struct err *e);

static int search_name(struct search *s, int dirfd, const char *name,
		       struct err *e)
{
	size_t len = s->path.len;
	struct stat st;
	int fd = -1;
	int rc = 0;

	if ((len > 0 && s->path.ptr[len - 1] != '/' &&
	     buf_add(&s->path, slice_of("/"), e)) ||
	    buf_add(&s->path, slice_of(name), e))
		return -1;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW)) {
		err_sys(e, "look at it");
		rc = pass_over(s, e);
	} else if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) {
		if (fs_open(dirfd, name, O_RDONLY, &fd, e))
			rc = pass_over(s, e);
		else
			rc = search_fd(s, fd, e);
	}
	fs_close(&fd);
	s->path.len = len;
	s->path.ptr[len] = 0;
	return rc;
}

static int search_names(struct search *s, int fd, DIR *dir, struct err *e)
{
	const struct dirent *d;

	for (;;) {
		errno = 0;
		d = readdir(dir);
		if (!d)
			return errno == 0 ? 0 : err_sys(e, "read a folder");
		if (strcmp(d->d_name, ".") != 0 &&
		    strcmp(d->d_name, "..") != 0 &&
		    search_name(s, fd, d->d_name, e))
			return -1;
	}
}

static int search_folder(struct search *s, int fd, struct err *e)
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again >= 0 ? fdopendir(again) : NULL;
	int rc;

	if (!dir) {
		err_sys(e, "open it");
		fs_close(&again);
		return pass_over(s, e);
	}
	s->depth++;
	rc = s->depth > DEPTH_MAX
		     ? err_set(e, ERR_LIMIT, "folders are too deep")
		     : search_names(s, fd, dir, e);
	s->depth--;
	closedir(dir);
	return rc;
}

static int search_fd(struct search *s, int fd, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st))
		return err_sys(e, "look at it");
	return S_ISDIR(st.st_mode) ? search_folder(s, fd, e)
				   : search_file(s, fd, e);
}

/* What an operator names may be a link, a device or a pipe. */
static int search_path(struct search *s, const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int rc;

	if (fd < 0)
		return err_sys(e, "%s", path);
	s->path.len = 0;
	rc = buf_add(&s->path, slice_of(path), e) || search_fd(s, fd, e);
	fs_close(&fd);
	return rc ? err_in(e, "%s", path) : 0;
}

/* ---- the command --------------------------------------------------------- */

static int conclude(struct search *s, struct err *e)
{
	struct json *o = report_object(s->out);
	char size[16];

	text_size(sift_bytes(s->sift), size);
	json_set(o, "findings", json_clone(s->findings));
	json_set_int(o, "found", (int64_t)s->found);
	json_set_int(o, "published", (int64_t)sift_published(s->sift));
	json_set_int(o, "files", (int64_t)s->files);
	json_set_int(o, "bytes", (int64_t)sift_bytes(s->sift));
	if (sift_published(s->sift) > 0)
		report_line(s->out, "%llu published test keys passed over",
			    (unsigned long long)sift_published(s->sift));
	if (s->found > 0) {
		report_line(s->out,
			    "%llu found in %llu files, %s. Take them out, and "
			    "replace each key that was ever given away; a test "
			    "key may be named with --allow-secret.",
			    (unsigned long long)s->found,
			    (unsigned long long)s->files, size);
		/* Who looks at failures alone sees it as well. */
		json_set_text(o, "error", err_name(FOUND_STATUS));
		json_set_text(o, "message", "private keys were found");
		json_set_int(o, "status", FOUND_STATUS);
		return 0;
	}
	if (s->unread > 0)
		return err_set(e, ERR_SYSTEM,
			       "nothing found, but %llu files could not be "
			       "read",
			       (unsigned long long)s->unread);
	report_line(s->out, "no private keys in %llu files, %s",
		    (unsigned long long)s->files, size);
	return 0;
}

static int search(char **paths, int count, const struct sift_settings *how,
		  struct report *out, struct err *e)
{
	struct search s = {
		.out = out,
		.findings = json_new_array(),
		.path = BUF_INIT(PATH_SIZE),
		.slow = how->exhaustive,
	};
	const struct sift_watch watch = { found, unread, &s };
	int rc = 0;

	s.sift = sift_new(&watch, how);
	for (int i = 0; rc == 0 && i < count; i++)
		rc = search_path(&s, paths[i], e);
	if (rc == 0)
		rc = conclude(&s, e);
	if (rc == 0 && s.found > 0)
		rc = FOUND_STATUS;
	sift_free(s.sift);
	json_free(s.findings);
	buf_done(&s.path);
	return rc;
}

static int load_known(const char *path, struct scalars **out,
		      struct report *report, struct err *e)
{
	struct repo r;
	bool all;
	int rc;

	if (!path)
		return known_keys(NULL, NULL, out, &all, e);
	if (watch_open(path, REPO_READ, &r, report, e))
		return -1;
	rc = known_keys(&r, NULL, out, &all, e);
	if (rc == 0 && !all)
		report_note(report, KNOWN_NOT_ALL);
	repo_close(&r);
	return rc;
}

int cmd_scan(int argc, char **argv, struct err *e)
{
	struct report out = { 0 };
	struct sift_settings how = { .scratch_dirfd = -1 };
	const char *repo = NULL, *scratch = getenv("TMPDIR");
	const struct opt opts[] = {
		OPT_TEXT("repo", "REPO", &repo,
			 "also look for the private halves of its keys"),
		OPT_FLAG("exhaustive", &how.exhaustive,
			 "for those in all that could be random, however long"),
		OPT_FLAG("json", &out.json, "print JSON"),
		OPT_END,
	};
	char **operands;
	int count, rc, told;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count == 0)
		rc = err_set(e, ERR_USAGE, "a PATH is needed");
	else
		rc = load_known(repo, &how.known, &out, e);
	if (rc == 0)
		rc = fs_open_dir(scratch ? scratch : SCRATCH,
				 &how.scratch_dirfd, e);
	if (rc == 0)
		rc = sandbox_writes(scratch ? scratch : SCRATCH, NULL, e);
	if (rc == 0)
		rc = search(operands, count, &how, &out, e);
	scalars_free(how.known);
	fs_close(&how.scratch_dirfd);
	told = report_end(&out, rc < 0 ? -1 : 0, e);
	return told ? -1 : rc;
}
