/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealed content keys: people bring them, each device fetches its own. Who has
 * one is in api_sealed.c.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/fs.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/registry.h"

#include "update-server/api.h"
#include "update-server/envelopes.h"

#define REGISTRY_PAGE 500
#define ENVELOPES     "/v1/people/envelopes/"

static int package_of(const struct request *q, const char *prefix,
		      struct sha256 *out, struct err *e)
{
	if (hex_parse(slice_of(api_rest(q, prefix)), out->bytes, SHA256_LEN, e))
		return err_set(e, ERR_NOT_FOUND, "not a package's digest");
	return 0;
}

/* Who asks is known from the certificate alone; so nobody gets another's. */
int api_envelope_get(struct server_api *api, const struct request *q,
		     struct response *a, struct err *e)
{
	uint8_t sealed[KEYBOX_SEALED_LEN];
	struct sha256 package;
	struct keybox_file f;
	struct device_id id;
	int fd = -1;
	int rc = -1;

	if (package_of(q, "/v1/envelope/", &package, e) ||
	    api_device_id(q, &id, e) ||
	    store_device_may_fetch(api->store, &id, e) ||
	    envelopes_open(api->dirfd, &package, &fd, e))
		return -1;
	if (keybox_file(fd, &f, e) == 0 &&
	    keybox_find(&f, &package, &id, sealed, e) == 0)
		rc = buf_add(&a->body, (struct slice){ sealed, sizeof(sealed) },
			     e);
	a->type = "application/octet-stream";
	fs_close(&fd);
	return rc;
}

static int log_envelopes(struct server_api *api, const struct sha256 *package,
			 uint64_t len, const struct audit_by *by, struct err *e)
{
	struct audit_record r;

	audit_record_init(&r, AUDIT_ENVELOPES_UPLOAD, by);
	audit_set_digest(&r, "package", package);
	json_set_int(r.objects, "bytes", (int64_t)len);
	return store_log(api->store, &r, e);
}

/* On record before they are in place: none that the log does not know. */
static int put_envelopes(struct server_api *api, const struct request *q,
			 const struct sha256 *package,
			 const struct audit_by *by, struct err *e)
{
	struct envelopes_copy copy;

	if (envelopes_take(api->dirfd, q->upload_fd, q->upload_len, package,
			   &copy, e))
		return -1;
	if (log_envelopes(api, package, q->upload_len, by, e) == 0)
		return envelopes_keep(api->dirfd, &copy, e);
	envelopes_drop(api->dirfd, &copy, e);
	return -1;
}

int api_envelopes_put(struct server_api *api, const struct request *q,
		      struct response *a, struct err *e)
{
	struct audit_by by;
	struct sha256 package;

	if (package_of(q, ENVELOPES, &package, e) || api_by(api, q, &by, e))
		return -1;
	if (!store_payload_known(api->store, &package))
		return err_set(e, ERR_NOT_FOUND,
			       "no such package: import its release first");
	if (store_room(api->store, q->upload_len, e) ||
	    put_envelopes(api, q, &package, &by, e))
		return -1;
	log_event(LOG_INFO, "envelopes-imported", "by=%s package=%s bytes=%llu",
		  q->peer->id, api_rest(q, ENVELOPES),
		  (unsigned long long)q->upload_len);
	return response_json(a, 200, api_answer(), e);
}

/* The whole file, for a medium. */
int api_envelopes_get(struct server_api *api, const struct request *q,
		      struct response *a, struct err *e)
{
	struct sha256 package;
	struct stat st;
	int fd = -1;

	if (package_of(q, ENVELOPES, &package, e) ||
	    envelopes_open(api->dirfd, &package, &fd, e))
		return -1;
	if (fstat(fd, &st)) {
		fs_close(&fd);
		return err_sys(e, "envelopes");
	}
	a->file_fd = fd;
	a->file_len = (uint64_t)st.st_size;
	a->type = "application/octet-stream";
	return 0;
}

/* ---- the registry -------------------------------------------------------- */

struct page {
	struct slice cas;
	int64_t now;
	struct json *list;
	struct device_id last;
	size_t count;
};

static void list_registered(void *ctx, const struct store_device *d)
{
	const struct rollout_device *f = &d->facts;
	struct registry_device r = { .id = f->id,
				     .certificate = d->certificate,
				     .decrypt = d->decrypt };
	struct page *p = ctx;

	p->last = f->id;
	p->count++;
	/* Nobody could prove any more that it is a device of ours. */
	if (!x509_is_covered(slice_of(d->certificate), p->cas, p->now))
		return;
	memcpy(r.product, f->product, sizeof(r.product));
	memcpy(r.model, f->model, sizeof(r.model));
	memcpy(r.cohort, f->cohort, sizeof(r.cohort));
	json_add(p->list, registry_device_format(&r));
}

static int list_page(struct server_api *api, const struct device_id *after,
		     struct response *a, struct err *e)
{
	struct page p = { .cas = buf_slice(&api->device_cas),
			  .now = utc_now(),
			  .list = json_new_array() };
	struct json *j;

	if (store_registry_each(api->store, after, REGISTRY_PAGE,
				list_registered, &p, e)) {
		json_free(p.list);
		return -1;
	}
	j = api_answer();
	json_set(j, "devices", p.list);
	if (p.count == REGISTRY_PAGE)
		json_set_hex(j, "next",
			     (struct slice){ p.last.bytes, DEVICE_ID_LEN });
	return response_json(a, 200, j, e);
}

int api_registry(struct server_api *api, const struct request *q,
		 struct response *a, struct err *e)
{
	struct audit_record r;
	struct audit_by by;
	uint64_t active, ended;

	/* Who took it away is to be known; its pages belong together. */
	if (api_by(api, q, &by, e) ||
	    store_device_counts(api->store, &active, &ended, e))
		return -1;
	audit_record_init(&r, AUDIT_DEVICE_EXPORT, &by);
	json_set_int(r.objects, "devices", (int64_t)active);
	if (store_log(api->store, &r, e))
		return -1;
	log_event(LOG_INFO, "registry-exported", "by=%s", q->peer->id);
	return list_page(api, NULL, a, e);
}

int api_registry_more(struct server_api *api, const struct request *q,
		      struct response *a, struct err *e)
{
	struct device_id after;

	if (hex_parse(slice_of(api_rest(q, "/v1/people/registry/")),
		      after.bytes, DEVICE_ID_LEN, e))
		return err_set(e, ERR_NOT_FOUND,
			       "not a device id: see `device list`");
	return list_page(api, &after, a, e);
}
