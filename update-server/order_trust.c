/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/order_trust.h"

#include <fcntl.h>
#include <string.h>

#include "common/fs.h"
#include "common/utc.h"

#include "update-server/listed.h"

/* ---- metadata over the people listener ----------------------------------- */

static int fetch(void *ctx, const char *name, size_t max, struct buf *out,
		 struct err *e)
{
	struct buf bytes = BUF_INIT(max);
	char path[TUF_SOURCE_NAME_MAX + 16];
	bool document =
		strncmp(name, TUF_TARGETS_DIR, strlen(TUF_TARGETS_DIR)) == 0;
	int rc = text_format(path, sizeof(path), e, "/%s%s",
			     document ? "" : "metadata/", name) ||
				 people_fetch(ctx, path, &bytes, e) ||
				 buf_add(out, buf_slice(&bytes), e)
			 ? -1
			 : 0;

	buf_done(&bytes);
	return rc;
}

/* ---- the folder ---------------------------------------------------------- */

static int pin_root(const struct order_trust *t, struct err *e)
{
	struct buf root = BUF_INIT(tuf_policy_device.root_max);
	struct stat st;
	char path[PATH_MAX_LEN];
	int rc = fs_stat(t->dirfd, "root.json", &st, e);

	if (rc == 0 || e->code != ERR_NOT_FOUND)
		return rc;
	rc = people_trust(t->server, PEOPLE_TRUST_ROOT, path, e) ||
			     fs_read_path(path, &root, e) ||
			     tuf_client_init(t->dirfd, &tuf_policy_device,
					     buf_slice(&root), e)
		     ? err_in(e, "the pinned root")
		     : 0;
	buf_done(&root);
	return rc;
}

static int open_folder(struct order_trust *t, struct err *e)
{
	char path[PATH_MAX_LEN];

	if (people_trust(t->server, PEOPLE_TRUST_FOLDER, path, e))
		return -1;
	return fs_make_dir(path, 0700, &t->dirfd, e);
}

/* ---- what is signed ------------------------------------------------------ */

static int pass_over(void *ctx, const struct tuf_target *t, struct err *e)
{
	(void)ctx;
	(void)t;
	(void)e;
	return 0;
}

static int load_role(struct order_trust *t, const char *role,
		     const struct json **out, struct err *e)
{
	struct err why = { 0 };

	if (tuf_client_each_in(t->client, &t->source, role, pass_over, NULL,
			       &why) == 0) {
		*out = tuf_client_signed_in(t->client, role);
		return 0;
	}
	if (why.code == ERR_NOT_FOUND)
		return 0;
	*e = why;
	return -1;
}

int order_trust_open(struct people_client *server, struct order_trust *out,
		     struct err *e)
{
	struct tuf_site site;

	*out = (struct order_trust){ .server = server, .dirfd = -1 };
	out->source = (struct tuf_source){ .ctx = server, .fetch = fetch };
	if (open_folder(out, e) || pin_root(out, e) ||
	    tuf_client_open(out->dirfd, &tuf_policy_device, utc_now(),
			    &out->client, e) ||
	    tuf_client_refresh(out->client, &out->source, e))
		return err_in(e, "trust");
	tuf_client_site(out->client, &site);
	out->environment = site.environment;
	return load_role(out, ORDER_ROLE_ONE, &out->one, e) ||
			       load_role(out, ORDER_ROLE_WIDE, &out->wide, e)
		       ? -1
		       : 0;
}

void order_trust_close(struct order_trust *t)
{
	tuf_client_close(t->client);
	fs_close(&t->dirfd);
	*t = (struct order_trust){ .dirfd = -1 };
}

int order_trust_role(const struct order_trust *t, const char *role,
		     const struct json **out, struct err *e)
{
	const struct json *part =
		strcmp(role, ORDER_ROLE_ONE) == 0 ? t->one : t->wide;

	if (!part)
		return err_set(e, ERR_NOT_FOUND,
			       "the role %s was never signed: the release "
			       "engineers make its first file (pawl-signer "
			       "role add)",
			       role);
	*out = part;
	return 0;
}

const struct json *order_trust_targets(const struct order_trust *t)
{
	return tuf_client_signed(t->client, TUF_TARGETS);
}

/* ---- releases ------------------------------------------------------------ */

struct wanted {
	const char *product, *id;
	struct release *out;
	bool found;
};

static int note_release(void *ctx, const struct tuf_target *t, struct err *e)
{
	struct wanted *w = ctx;
	struct release r = { .seq = 0 };
	struct err unreadable;

	(void)e;
	if (!w->found && release_parse(t, &r, &unreadable) == 0 &&
	    r.kind == PACKAGE_FULL && strcmp(r.product, w->product) == 0 &&
	    strcmp(r.id, w->id) == 0) {
		*w->out = r;
		w->found = true;
		return 0;
	}
	release_done(&r);
	return 0;
}

static int look_in(struct order_trust *t, const char *role, struct wanted *w,
		   struct err *e)
{
	struct err why = { 0 };

	if (tuf_client_each_in(t->client, &t->source, role, note_release, w,
			       &why) == 0 ||
	    why.code == ERR_NOT_FOUND)
		return 0;
	*e = why;
	return -1;
}

int order_trust_release(struct order_trust *t, const char *product,
			const char *id, struct release *out, struct err *e)
{
	struct wanted w = { product, id, out, false };
	char role[sizeof("product-") + NAME_MAX_LEN];

	*out = (struct release){ .seq = 0 };
	if (!name_is_valid(slice_of(product)) || !name_is_valid(slice_of(id)))
		return err_set(e, ERR_USAGE, "PRODUCT and RELEASE are names");
	if (tuf_client_each(t->client, note_release, &w, e) ||
	    text_format(role, sizeof(role), e, "product-%s", product) ||
	    look_in(t, role, &w, e) || look_in(t, "nightly", &w, e))
		return -1;
	if (w.found)
		return 0;
	return err_set(e, ERR_NOT_FOUND,
		       "release %s of %s is not in the signed metadata "
		       "(release list shows what is)",
		       id, product);
}

int order_trust_packages(struct order_trust *t, const char *product,
			 const char *id,
			 int (*visit)(void *ctx, const struct tuf_target *t,
				      const struct release *r, struct err *e),
			 void *ctx, struct err *e)
{
	const struct listed all = { .client = t->client,
				    .from = &t->source,
				    .product = product,
				    .id = id,
				    .visit = visit,
				    .ctx = ctx };

	return listed_packages(&all, e);
}

/* ---- documents ----------------------------------------------------------- */

int order_trust_check(const struct json *entry, struct slice bytes,
		      struct err *e)
{
	struct sha256 want, is;
	int64_t length;

	if (json_get_int(entry, "length", 0, TUF_DOCUMENT_MAX, &length, e) ||
	    json_get_hex(json_get(entry, "hashes"), "sha256", want.bytes,
			 SHA256_LEN, e))
		return -1;
	sha256_of(bytes, &is);
	if ((uint64_t)length == bytes.len && sha256_equal(&is, &want))
		return 0;
	return err_set(e, ERR_UNTRUSTED,
		       "other bytes than those that are "
		       "signed");
}

int order_trust_document(struct order_trust *t, const char *path,
			 const struct json *entry, struct buf *out,
			 struct err *e)
{
	struct buf bytes = BUF_INIT(TUF_DOCUMENT_MAX);
	char url[PATH_MAX_LEN], name[TUF_SOURCE_NAME_MAX];
	struct sha256 digest;
	int rc = -1;

	if (json_get_hex(json_get(entry, "hashes"), "sha256", digest.bytes,
			 SHA256_LEN, e) ||
	    release_url_path(path, &digest, url, e) ||
	    text_format(name, sizeof(name), e, "%s%s", TUF_TARGETS_DIR, url) ||
	    fetch(t->server, name, TUF_DOCUMENT_MAX, &bytes, e) ||
	    order_trust_check(entry, buf_slice(&bytes), e))
		goto out;
	rc = buf_add(out, buf_slice(&bytes), e);
out:
	buf_done(&bytes);
	return rc;
}
