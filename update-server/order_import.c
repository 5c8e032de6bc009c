/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/order_import.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#include "update-server/blobs.h"

bool order_import_is_role(const char *role)
{
	return strcmp(role, ORDER_ROLE_ONE) == 0 ||
	       strcmp(role, ORDER_ROLE_WIDE) == 0;
}

/* ---- what counts now ----------------------------------------------------- */

int order_import_version(struct store *s, const char *role, int64_t *out,
			 struct err *e)
{
	struct store_role *roles = mem_alloc(STORE_ROLES_MAX, sizeof(*roles));
	size_t count;
	int rc = store_roles(s, roles, &count, e);

	*out = 0;
	for (size_t i = 0; rc == 0 && i < count; i++)
		if (strcmp(roles[i].name, role) == 0)
			*out = roles[i].version;
	free(roles);
	return rc;
}

static int newest(struct store *s, const char *role, int64_t *out,
		  struct err *e)
{
	int64_t root;

	if (strcmp(role, "targets") == 0)
		return store_metadata_versions(s, &root, out, e);
	return order_import_version(s, role, out, e);
}

int order_import_file(struct store *s, const char *role, struct json **out,
		      struct err *e)
{
	struct buf bytes = BUF_INIT(STORE_METADATA_MAX);
	char name[TUF_NAME_MAX];
	int64_t version;
	int rc;

	*out = NULL;
	if (newest(s, role, &version, e))
		return -1;
	if (version == 0)
		return 0;
	rc = tuf_remote_name(role, version, name, e) ||
			     store_metadata_get(s, name, &bytes, NULL, e) ||
			     json_parse(buf_slice(&bytes), out, e)
		     ? err_in(e, "%s", role)
		     : 0;
	buf_done(&bytes);
	return rc;
}

/* ---- facts --------------------------------------------------------------- */

static int get_document(void *ctx, const char *path, const struct json *entry,
			struct buf *out, struct err *e)
{
	const struct order_import *in = ctx;
	struct sha256 digest;

	(void)path; /* a document is found by its digest */
	return json_get_hex(json_get(entry, "hashes"), "sha256", digest.bytes,
			    SHA256_LEN, e) ||
			       blobs_read(in->dirfd, &digest, out, e)
		       ? -1
		       : 0;
}

static int get_release(void *ctx, const char *product, const char *id,
		       struct sha256 *digest, struct err *e)
{
	const struct order_import *in = ctx;
	struct store_release r = { 0 };

	if (in->release)
		return in->release(in->ctx, product, id, digest, e);
	if (store_release_find(in->store, product, id, &r, e))
		return -1;
	*digest = r.digest;
	store_release_done(&r);
	if (!r.listed)
		return err_set(e, ERR_NOT_FOUND,
			       "release %s is no longer in the signed metadata",
			       id);
	return 0;
}

int order_import_check(const struct order_import *in, const char *role,
		       const struct json *next, struct err *e)
{
	struct order_import own = *in;
	struct order_facts facts = { .document = get_document,
				     .release = get_release,
				     .ctx = &own };
	struct json *one = NULL, *wide = NULL;
	struct order_step step;
	int rc = -1;

	if (order_import_file(in->store, ORDER_ROLE_ONE, &one, e) ||
	    order_import_file(in->store, ORDER_ROLE_WIDE, &wide, e))
		goto out;
	facts.one = one ? json_get(one, "signed") : NULL;
	facts.wide = wide ? json_get(wide, "signed") : NULL;
	rc = order_step_read(role, next, &facts, &step, e);
	if (rc == 0)
		order_step_done(&step);
out:
	json_free(one);
	json_free(wide);
	return rc;
}
