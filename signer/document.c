/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/document.h"

#include <string.h>

#include "common/fs.h"
#include "common/release.h"
#include "signer/change.h"

static int check_path(const char *role, const char *path, struct err *e)
{
	if (target_path_is_valid(slice_of(path)) && roles_cover(role, path))
		return 0;
	return err_set(e, ERR_REFUSED, "%s may not list \"%s\"", role, path);
}

/* Canonical bytes, of which a reader would make the same object again. */
static int make_bytes(const struct json *object, struct buf *out, struct err *e)
{
	struct json *again = NULL;
	const char *type;
	int64_t version;

	if (json_get_int(object, "v", 1, 1, &version, e) ||
	    json_get_text(object, "type", &type, e) ||
	    json_canonical(object, out, e) ||
	    json_parse(buf_slice(out), &again, e))
		return err_in(e, "document");
	json_free(again);
	return 0;
}

/* "targets/<dir>/<sha256>.<name>" */
static int file_path(const char *path, const struct sha256 *digest,
		     char out[PATH_MAX_LEN], struct err *e)
{
	char url[PATH_MAX_LEN];

	return release_url_path(path, digest, url, e) ||
			       text_format(out, PATH_MAX_LEN, e, "targets/%s",
					   url)
		       ? -1
		       : 0;
}

static int write_file(const struct repo *r, const char *path,
		      const struct sha256 *digest, struct slice bytes,
		      struct err *e)
{
	char file[PATH_MAX_LEN], folder[PATH_MAX_LEN];

	if (file_path(path, digest, file, e) ||
	    text_format(folder, sizeof(folder), e, "%s", file))
		return -1;
	*strrchr(folder, '/') = 0;
	return fs_mkdirs(r->dirfd, folder, 0755, e) ||
			       fs_replace_file(r->dirfd, file, bytes, 0644, e)
		       ? -1
		       : 0;
}

int document_keep(struct repo *r, const char *role, const char *path,
		  const struct sha256 *digest, struct slice bytes,
		  struct err *e)
{
	struct sha256 got;

	sha256_of(bytes, &got);
	if (!sha256_equal(&got, digest))
		return err_set(e, ERR_UNTRUSTED, "%s is not what is signed",
			       path);
	return check_path(role, path, e) ||
			       write_file(r, path, digest, bytes, e)
		       ? -1
		       : 0;
}

/* entry NULL: take it off the list. */
static int list_it(struct repo *r, const struct document *d, struct json *entry,
		   int64_t now, struct report *out, struct err *e)
{
	struct json *envelope, *list, *signed_part;

	if (repo_begin(r, d->role, now, &envelope, e)) {
		json_free(entry);
		return -1;
	}
	signed_part = tuf_envelope_signed(envelope);
	list = json_clone(json_get(signed_part, "targets"));
	if (entry)
		json_set(list, d->path, entry);
	else
		json_remove(list, d->path);
	json_set(signed_part, "targets", list);
	return change_stage(r, d->role, envelope, now, out, e);
}

int document_put(struct repo *r, const struct document *d, int64_t now,
		 struct report *out, struct err *e)
{
	struct buf bytes = BUF_INIT(DOCUMENT_MAX_LEN);
	struct sha256 digest;
	int rc = -1;

	if (check_path(d->role, d->path, e) || make_bytes(d->object, &bytes, e))
		goto out;
	sha256_of(buf_slice(&bytes), &digest);
	if (write_file(r, d->path, &digest, buf_slice(&bytes), e))
		goto out;
	rc = list_it(r, d,
		     tuf_document_entry(json_text(json_get(d->object, "type")),
					buf_slice(&bytes)),
		     now, out, e);
out:
	buf_done(&bytes);
	return rc;
}

static const struct json *find_entry(const struct repo *r, const char *role,
				     const char *path)
{
	const struct repo_role *held = repo_role(r, role);

	return held ? json_get(json_get(repo_current(held), "targets"), path)
		    : NULL;
}

int document_remove(struct repo *r, const char *role, const char *path,
		    int64_t now, struct report *out, struct err *e)
{
	const struct document d = { role, path, NULL };

	if (!find_entry(r, role, path))
		return err_set(e, ERR_NOT_FOUND, "%s lists no %s", role, path);
	return list_it(r, &d, NULL, now, out, e);
}

static int read_entry(const struct repo *r, const struct json *entry,
		      const char *path, struct json **out, struct err *e)
{
	struct buf bytes = BUF_INIT(DOCUMENT_MAX_LEN);
	struct sha256 want, got;
	char file[PATH_MAX_LEN];
	int rc = -1;

	if (json_get_hex(json_get(entry, "hashes"), "sha256", want.bytes,
			 SHA256_LEN, e) ||
	    file_path(path, &want, file, e) ||
	    fs_read_file(r->dirfd, file, &bytes, e))
		goto out;
	sha256_of(buf_slice(&bytes), &got);
	if (!sha256_equal(&want, &got)) {
		err_set(e, ERR_UNTRUSTED, "%s is not what is signed", file);
		goto out;
	}
	rc = json_parse(buf_slice(&bytes), out, e);
out:
	buf_done(&bytes);
	return rc;
}

int document_get(const struct repo *r, const char *role, const char *path,
		 struct json **out, struct err *e)
{
	const struct json *entry = find_entry(r, role, path);

	if (!entry)
		return err_set(e, ERR_NOT_FOUND, "%s lists no %s", role, path);
	return read_entry(r, entry, path, out, e);
}

int document_of(const struct repo *r, const struct json *signed_part,
		const char *path, struct json **out, struct err *e)
{
	const struct json *entry =
		json_get(json_get(signed_part, "targets"), path);

	if (!entry)
		return err_set(e, ERR_NOT_FOUND, "there is no %s", path);
	return read_entry(r, entry, path, out, e);
}
