/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/order_desk.h"

#include <string.h>

#include "common/fs.h"
#include "common/release.h"
#include "common/tuf_store.h"
#include "common/tuf_write.h"

#define FILE_MAX 1000000 /* what devices take of a role */

int order_desk_open(struct people_client *server, const char *folder,
		    struct order_desk *out, struct err *e)
{
	*out = (struct order_desk){ .server = server,
				    .folder = folder,
				    .dirfd = -1 };
	return folder ? fs_make_dir(folder, 0755, &out->dirfd, e) : 0;
}

void order_desk_close(struct order_desk *d)
{
	fs_close(&d->dirfd);
}

/* ---- a folder ------------------------------------------------------------ */

static int put_file(struct order_desk *d, const char *path, struct slice bytes,
		    struct err *e)
{
	char folder[PATH_MAX_LEN + 16];

	if (text_format(folder, sizeof(folder), e, "%s", path))
		return -1;
	*strrchr(folder, '/') = 0;
	return fs_mkdirs(d->dirfd, folder, 0755, e) ||
			       fs_replace_file(d->dirfd, path, bytes, 0644, e)
		       ? -1
		       : 0;
}

static int document_path(const char *path, const struct sha256 *digest,
			 char out[PATH_MAX_LEN + 16], struct err *e)
{
	char url[PATH_MAX_LEN];

	return release_url_path(path, digest, url, e) ||
			       text_format(out, PATH_MAX_LEN + 16, e, "%s%s",
					   TUF_TARGETS_DIR, url)
		       ? -1
		       : 0;
}

static int role_path(const char *role, int64_t version,
		     char out[TUF_NAME_MAX + 16], struct err *e)
{
	char name[TUF_NAME_MAX];

	return tuf_remote_name(role, version, name, e) ||
			       text_format(out, TUF_NAME_MAX + 16, e,
					   "metadata/%s", name)
		       ? -1
		       : 0;
}

static int keep(struct order_desk *d, const char *role,
		const struct json *envelope, struct json **answer,
		struct err *e)
{
	struct buf bytes = BUF_INIT(FILE_MAX);
	char path[TUF_NAME_MAX + 16];
	int rc = role_path(role,
			   json_int(json_get(json_get(envelope, "signed"),
					     "version")),
			   path, e) ||
				 tuf_envelope_bytes(envelope, &bytes, e) ||
				 put_file(d, path, buf_slice(&bytes), e)
			 ? -1
			 : 0;

	buf_done(&bytes);
	if (rc)
		return -1;
	*answer = json_new_object();
	json_set_text(*answer, "folder", d->folder);
	return 0;
}

/* ---- documents ----------------------------------------------------------- */

static int upload(struct order_desk *d, const struct sha256 *digest,
		  struct slice bytes, struct err *e)
{
	char path[128], hex[SHA256_HEX_LEN];

	sha256_format(digest, hex);
	if (text_format(path, sizeof(path), e, "/v1/people/payload/%s", hex))
		return -1;
	return people_put_bytes(d->server, path, bytes, e);
}

int order_desk_put(struct order_desk *d, const char *path, struct slice bytes,
		   struct err *e)
{
	char file[PATH_MAX_LEN + 16];
	struct sha256 digest;

	sha256_of(bytes, &digest);
	if (!d->folder)
		return upload(d, &digest, bytes, e);
	return document_path(path, &digest, file, e) ||
			       put_file(d, file, bytes, e)
		       ? -1
		       : 0;
}

int order_desk_get(struct order_desk *d, const char *path,
		   const struct sha256 *digest, struct buf *out, struct err *e)
{
	char file[PATH_MAX_LEN + 16], hex[SHA256_HEX_LEN];

	if (d->folder)
		return document_path(path, digest, file, e) ||
				       fs_read_file(d->dirfd, file, out, e)
			       ? -1
			       : 0;
	sha256_format(digest, hex);
	if (text_format(file, sizeof(file), e, "/v1/people/document/%s", hex))
		return -1;
	return people_fetch(d->server, file, out, e);
}

/* ---- the file itself ----------------------------------------------------- */

int order_desk_sign(struct order_desk *d, const char *role,
		    const struct json *envelope, struct json **answer,
		    struct err *e)
{
	struct json *body;

	if (d->folder)
		return keep(d, role, envelope, answer, e);
	body = json_new_object();
	json_set_text(body, "role", role);
	json_set(body, "envelope", json_clone(envelope));
	if (d->reason)
		json_set_text(body, "reason", d->reason);
	return people_post(d->server, "/v1/people/order-sign", body, answer, e);
}

int order_desk_staged(struct order_desk *d, const char *role, int64_t version,
		      struct json **envelope, struct err *e)
{
	struct buf bytes = BUF_INIT(FILE_MAX);
	char path[TUF_NAME_MAX + 32];
	int rc;

	if (d->folder)
		rc = role_path(role, version, path, e) ||
		     fs_read_file(d->dirfd, path, &bytes, e);
	else
		rc = text_format(path, sizeof(path), e, "/v1/people/order/%s",
				 role) ||
		     people_fetch(d->server, path, &bytes, e);
	rc = rc || json_parse(buf_slice(&bytes), envelope, e) ? -1 : 0;
	buf_done(&bytes);
	return rc;
}
