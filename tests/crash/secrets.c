/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/secrets.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"

#define SECRET_MAX  1024
#define FILE_MAX    (64u << 20)
#define TREES_DEPTH 2 /* a/tree: what lies in it is content */
#define DEPTH_MAX   32

/* ---- loading ------------------------------------------------------------- */

static int load(const char *path, struct buf *out, struct err *e)
{
	*out = (struct buf)BUF_INIT(SECRET_MAX);
	if (fs_read_path(path, out, e))
		return -1;
	return out->len >= 16 ? 0
			      : err_set(e, ERR_FORMAT,
					"%s: too short to be found", path);
}

static int add_hex(const struct buf *key, struct buf *out, struct err *e)
{
	*out = (struct buf)BUF_INIT(2 * SECRET_MAX + 1);
	for (size_t i = 0; i < key->len; i++)
		if (buf_addf(out, e, "%02x", key->ptr[i]))
			return -1;
	return 0;
}

int secrets_load(const struct opt_list *nowhere, const struct opt_list *content,
		 struct secrets *s, struct err *e)
{
	*s = (struct secrets){ 0 };
	if (2 * nowhere->count > SECRETS_MAX || content->count > SECRETS_MAX)
		return err_set(e, ERR_LIMIT, "too many secrets");
	for (size_t i = 0; i < nowhere->count; i++) {
		struct buf *at = &s->nowhere[s->nowhere_count];

		s->nowhere_count += 2;
		if (load(nowhere->at[i], at, e) || add_hex(at, at + 1, e))
			return -1;
	}
	for (size_t i = 0; i < content->count; i++)
		if (load(content->at[i], &s->content[s->content_count++], e))
			return -1;
	return 0;
}

void secrets_done(struct secrets *s)
{
	for (size_t i = 0; i < s->nowhere_count; i++)
		buf_done(&s->nowhere[i]);
	for (size_t i = 0; i < s->content_count; i++)
		buf_done(&s->content[i]);
}

/* ---- looking ------------------------------------------------------------- */

static const uint8_t *find(const struct buf *what, struct slice bytes)
{
	return bytes.len ? memmem(bytes.ptr, bytes.len, what->ptr, what->len)
			 : NULL;
}

bool secrets_has_key(const struct secrets *s, struct slice bytes)
{
	for (size_t i = 0; i < s->nowhere_count; i++)
		if (find(&s->nowhere[i], bytes))
			return true;
	return false;
}

const uint8_t *secrets_find_content(const struct secrets *s, size_t n,
				    struct slice bytes)
{
	return n < s->content_count ? find(&s->content[n], bytes) : NULL;
}

static int check_file(const struct secrets *s, int fd, const char *name,
		      bool is_content, struct err *e)
{
	struct buf bytes = BUF_INIT(FILE_MAX);
	struct stat st;
	size_t got = 0;
	uint8_t *room;
	int rc = -1;

	if (fstat(fd, &st)) {
		err_sys(e, "%s", name);
		goto out;
	}
	room = buf_reserve(&bytes, (size_t)st.st_size, e);
	if (st.st_size > 0 &&
	    (!room || fs_read_at(fd, 0, room, (size_t)st.st_size, &got, e)))
		goto out;
	bytes.len = got;
	rc = 0;
	if (secrets_has_key(s, buf_slice(&bytes)))
		rc = err_set(e, ERR_CONFLICT, "%s: a content key is in it",
			     name);
	for (size_t i = 0; !is_content && i < s->content_count; i++)
		if (find(&s->content[i], buf_slice(&bytes)))
			rc = err_set(e, ERR_CONFLICT,
				     "%s: plain content is in it", name);
out:
	buf_done(&bytes);
	return rc;
}

static int check_folder(const struct secrets *s, int fd, bool is_slots,
			int depth, struct err *e);

static int check_entry(const struct secrets *s, int dirfd, const char *name,
		       bool is_slots, int depth, struct err *e)
{
	int fd = openat(dirfd, name,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	int rc = 0;

	/* A link, a socket or what is gone by now holds nothing. */
	if (fd < 0)
		return 0;
	if (fstat(fd, &st))
		rc = err_sys(e, "%s", name);
	else if (S_ISREG(st.st_mode))
		rc = check_file(s, fd, name, is_slots && depth >= TREES_DEPTH,
				e);
	else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
		rc = check_folder(s, fd, is_slots, depth + 1, e);
	fs_close(&fd);
	return rc;
}

static int check_folder(const struct secrets *s, int fd, bool is_slots,
			int depth, struct err *e)
{
	struct dirent **all = NULL;
	int count = scandirat(fd, ".", &all, NULL, NULL);
	int rc = count < 0 ? err_sys(e, "a folder") : 0;

	for (int i = 0; i < count; i++) {
		const char *name = all[i]->d_name;

		if (rc == 0 && strcmp(name, ".") != 0 &&
		    strcmp(name, "..") != 0)
			rc = check_entry(s, fd, name, is_slots, depth, e);
		free(all[i]);
	}
	free(all);
	return rc;
}

int secrets_check(const struct secrets *s, int dirfd, bool is_slots,
		  struct err *e)
{
	if (s->nowhere_count + s->content_count == 0)
		return 0;
	return check_folder(s, dirfd, is_slots, 0, e);
}
