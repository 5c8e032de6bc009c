/* SPDX-License-Identifier: Apache-2.0 */
/* What people bring and ask about the server itself: status, import, bundle. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/fs.h"
#include "common/log.h"
#include "common/mem.h"

#include "update-server/api.h"
#include "update-server/blobs.h"
#include "update-server/publish.h"
#include "update-server/publish_online.h"
#include "update-server/store_return.h"

#define STAGED_LEN (16 + SHA256_HEX_LEN)

/* ---- status -------------------------------------------------------------- */

static void add_role(struct json *list, const struct store_role *r)
{
	struct json *role = json_new_object();

	json_set_text(role, "role", r->name);
	json_set_int(role, "version", r->version);
	if (r->problem[0])
		json_set_text(role, "problem", r->problem);
	json_add(list, role);
}

/* [{"role", "version"[, "problem"]}...], all that were ever imported. */
static int set_roles(struct server_api *api, struct json *j, struct err *e)
{
	struct store_role *roles = mem_alloc(STORE_ROLES_MAX, sizeof(*roles));
	struct json *list = json_new_array();
	size_t count;
	int rc = store_roles(api->store, roles, &count, e);

	for (size_t i = 0; rc == 0 && i < count; i++)
		add_role(list, &roles[i]);
	json_set(j, "roles", list);
	free(roles);
	return rc;
}

/* After a restore it stays open until somebody has looked. */
static int set_readopt(struct server_api *api, struct json *j, struct err *e)
{
	char text[64] = "closed", since[UTC_TEXT_LEN];
	int64_t opened;

	if (store_readopt_since(api->store, &opened, e))
		return -1;
	utc_format(opened, since);
	if (opened &&
	    text_format(text, sizeof(text), e, "open since %s", since))
		return -1;
	json_set_text(j, "readopt", text);
	return 0;
}

/* In words, for a person: until when the log's key signs, and by whose word. */
static void set_log_key(struct server_api *api, struct json *j)
{
	char text[160], until[UTC_TEXT_LEN];
	struct log_listed l;
	int64_t end;

	api_log_key(api, &l, &end);
	utc_format(end, until);
	(void)snprintf(text, sizeof(text),
		       l.listed ? "signs until %s, as engineers signed"
		       : l.has_list
			       ? "is not in the list that engineers signed: "
				 "pawl-signer log-key"
			       : "signs until %s, by its age; engineers have "
				 "listed none (pawl-signer log-key)",
		       until);
	json_set_text(j, "log_key", text);
}

int api_status(struct server_api *api, const struct request *q,
	       struct response *a, struct err *e)
{
	uint64_t active, revoked, quarantined;
	int64_t root, targets, expires;
	struct err why = { 0 };
	struct json *j;

	(void)q;
	if (store_metadata_versions(api->store, &root, &targets, e) ||
	    store_device_counts(api->store, &active, &revoked, e) ||
	    store_quarantine_count(api->store, &quarantined, e))
		return -1;
	(void)pthread_mutex_lock(&api->publishing);
	expires = api->timestamp_expires;
	(void)pthread_mutex_unlock(&api->publishing);
	j = api_answer();
	json_set_text(j, "version", VERSION);
	json_set_text(j, "environment", environment_name(api->environment));
	api_set_time(j, "started", api->started);
	json_set_int(j, "root", root);
	json_set_int(j, "targets", targets);
	api_set_time(j, "timestamp_expires", expires);
	json_set_int(j, "devices", (int64_t)active);
	json_set_int(j, "revoked", (int64_t)revoked);
	json_set_int(j, "quarantined", (int64_t)quarantined);
	json_set_text(j, "log",
		      store_check_whole(api->store, &why) ? why.msg : "whole");
	set_log_key(api, j);
	if (set_readopt(api, j, e) || set_roles(api, j, e)) {
		json_free(j);
		return -1;
	}
	return response_json(a, 200, j, e);
}

/* ---- import -------------------------------------------------------------- */

static int path_digest(const struct request *q, const char *prefix,
		       struct sha256 *out, struct err *e)
{
	if (sha256_parse(slice_of(api_rest(q, prefix)), out, e))
		return err_set(e, ERR_NOT_FOUND, "not a sha256 digest");
	return 0;
}

int api_payload_head(struct server_api *api, const struct request *q,
		     struct response *a, struct err *e)
{
	struct sha256 digest;
	uint64_t len;
	struct json *j;

	/* Whoever is told that it is here does not bring it: it stays. */
	if (path_digest(q, "/v1/people/payload/", &digest, e) ||
	    blobs_touch(api->dirfd, &digest, &len, e))
		return -1;
	j = api_answer();
	json_set_int(j, "bytes", (int64_t)len);
	return response_json(a, 200, j, e);
}

static int log_payload(struct server_api *api, const struct sha256 *digest,
		       uint64_t len, const struct audit_by *by, struct err *e)
{
	struct audit_record r;

	audit_record_init(&r, AUDIT_PAYLOAD_UPLOAD, by);
	audit_set_digest(&r, "payload", digest);
	json_set_int(r.objects, "bytes", (int64_t)len);
	return store_log(api->store, &r, e);
}

/* On record before it is in its place: who finds it there does not bring it
 * again, so there would never be one. */
static int put_payload(struct server_api *api, const struct request *q,
		       const struct sha256 *digest, const struct audit_by *by,
		       struct err *e)
{
	struct blobs_copy copy;

	if (blobs_take(api->dirfd, q->upload_fd, q->upload_len, digest, &copy,
		       e))
		return -1;
	if (log_payload(api, digest, q->upload_len, by, e) == 0)
		return blobs_keep(api->dirfd, &copy, e);
	blobs_drop(api->dirfd, &copy, e);
	return -1;
}

int api_payload_put(struct server_api *api, const struct request *q,
		    struct response *a, struct err *e)
{
	struct audit_by by;
	struct sha256 digest;

	if (path_digest(q, "/v1/people/payload/", &digest, e) ||
	    api_by(api, q, &by, e) ||
	    store_room(api->store, q->upload_len, e) ||
	    put_payload(api, q, &digest, &by, e))
		return -1;
	log_event(LOG_INFO, "payload-uploaded", "by=%s sha256=%s bytes=%llu",
		  q->peer->id, api_rest(q, "/v1/people/payload/"),
		  (unsigned long long)q->upload_len);
	return response_json(a, 200, api_answer(), e);
}

/* Each person stages for themselves: incoming/<fingerprint>. */
static void staged_name(const struct request *q, char out[SHA256_HEX_LEN])
{
	sha256_format(&q->peer->fingerprint, out);
}

/* "<n>.<role>.json": what people sign offline, not what the keeper signs. */
static bool is_imported(const char *name)
{
	static const char json[] = ".json";
	struct slice all = slice_of(name);
	size_t digits = strcspn(name, ".");
	size_t tail = sizeof(json) - 1;
	struct err ignored;
	struct slice role;
	uint64_t version;

	if (all.len < digits + 1 + tail ||
	    strcmp(name + all.len - tail, json) != 0 ||
	    num_parse(slice_sub(all, 0, digits), JSON_INT_MAX, &version,
		      &ignored))
		return false;
	role = slice_sub(all, digits + 1, all.len - digits - 1 - tail);
	return version > 0 && name_is_valid(role) &&
	       !slice_equal(role, slice_of("snapshot")) &&
	       !slice_equal(role, slice_of("timestamp"));
}

int api_metadata_put(struct server_api *api, const struct request *q,
		     struct response *a, struct err *e)
{
	const char *name = api_rest(q, "/v1/people/metadata/");
	char staged[SHA256_HEX_LEN], path[STAGED_LEN + 2 * NAME_MAX_LEN];
	struct audit_record r;
	struct audit_by by;
	struct sha256 digest;

	if (!is_imported(name))
		return err_set(e, ERR_REFUSED,
			       "only <n>.<role>.json is imported, and neither "
			       "snapshot nor timestamp");
	staged_name(q, staged);
	if (api_by(api, q, &by, e) || store_check_whole(api->store, e) ||
	    text_format(path, sizeof(path), e, "incoming/%s", staged) ||
	    fs_mkdirs(api->dirfd, path, 0700, e) ||
	    text_format(path, sizeof(path), e, "incoming/%s/%s", staged,
			name) ||
	    fs_replace_file(api->dirfd, path, q->body, 0600, e))
		return -1;
	sha256_of(q->body, &digest);
	audit_record_init(&r, AUDIT_METADATA_UPLOAD, &by);
	json_set_text(r.objects, "file", name);
	audit_set_digest(&r, "sha256", &digest);
	if (store_log(api->store, &r, e))
		return -1;
	return response_json(a, 200, api_answer(), e);
}

/* {"<role>": <version>, ...}; left out: none. */
static int get_roles(const struct json *j, struct publish_order *order,
		     struct err *e)
{
	const struct json *roles;

	if (!json_get(j, "roles"))
		return 0;
	if (json_get_object(j, "roles", &roles, e))
		return -1;
	if (json_count(roles) > TUF_IMPORT_ROLES_MAX)
		return err_set(e, ERR_LIMIT, "more than %d roles",
			       TUF_IMPORT_ROLES_MAX);
	for (void *m = json_first(roles); m; m = json_next(roles, m)) {
		struct tuf_import_role *role =
			&order->roles[order->role_count++];

		if (!name_is_valid(slice_of(json_name(m))))
			return err_set(e, ERR_FORMAT, "roles: not a name");
		if (text_format(role->name, sizeof(role->name), e, "%s",
				json_name(m)) ||
		    json_get_int(roles, json_name(m), 1, JSON_INT_MAX,
				 &role->version, e))
			return err_in(e, "roles");
	}
	return 0;
}

/* Root and targets come together, or neither does. */
static int get_order(const struct request *q, struct publish_order *order,
		     struct err *e)
{
	static const char *const known[] = { "v", "root", "targets", "roles",
					     NULL };
	struct json *j;
	int rc = -1;

	if (api_body(q, known, &j, e))
		return -1;
	if ((json_get(j, "root") || json_get(j, "targets") ||
	     !json_get(j, "roles")) &&
	    (json_get_int(j, "root", 1, JSON_INT_MAX, &order->root, e) ||
	     json_get_int(j, "targets", 1, JSON_INT_MAX, &order->targets, e)))
		goto out;
	rc = get_roles(j, order, e);
out:
	json_free(j);
	return rc;
}

int api_publish(struct server_api *api, const struct request *q,
		struct response *a, struct err *e)
{
	struct publish_summary done;
	char staged[SHA256_HEX_LEN];
	struct publish_order order = { .staged = staged };
	struct json *j;

	if (get_order(q, &order, e) || api_by(api, q, &order.by, e))
		return -1;
	staged_name(q, staged);
	if (publish_staged(api, &order, &done, e)) {
		log_event(LOG_WARNING, "import-refused", "by=%s why=%s",
			  q->peer->id, e->msg);
		return -1;
	}
	log_event(LOG_INFO, "imported",
		  "by=%s root=%lld targets=%lld roles=%zu", q->peer->id,
		  (long long)done.root, (long long)done.targets,
		  done.role_count);
	j = api_answer();
	json_set_int(j, "root", done.root);
	json_set_int(j, "targets", done.targets);
	json_set_int(j, "releases", (int64_t)done.releases);
	json_set_int(j, "payloads", (int64_t)done.payloads);
	if (done.first)
		api_set_digest(j, "first_root", &done.first_root);
	if (set_roles(api, j, e)) {
		json_free(j);
		return -1;
	}
	return response_json(a, 200, j, e);
}

/* ---- bundle -------------------------------------------------------------- */

static struct json *bundle_json(const struct keeper_answer *k, int64_t root)
{
	struct json *j = api_answer();

	/* Our own canonical bytes: text without a NUL. */
	json_set_int(j, "root", root);
	json_set_int(j, "targets", k->targets_version);
	json_set_int(j, "snapshot_version", k->snapshot_version);
	api_set_time(j, "expires", k->expires);
	json_set_text(j, "snapshot", (const char *)k->snapshot);
	json_set_text(j, "timestamp", (const char *)k->timestamp);
	return j;
}

static int make_bundle(struct server_api *api, uint32_t days,
		       const struct audit_by *by, struct response *a,
		       struct err *e)
{
	struct keeper_answer *k = mem_alloc(1, sizeof(*k));
	int64_t root, targets;
	int rc = -1;

	if (publish_bundle(api, days, by, k, e) ||
	    store_metadata_versions(api->store, &root, &targets, e))
		goto out;
	if (k->snapshot_len == KEEPER_FILE_MAX ||
	    k->timestamp_len == KEEPER_FILE_MAX) {
		(void)err_set(e, ERR_LIMIT, "snapshot: too large");
		goto out;
	}
	rc = response_json(a, 200, bundle_json(k, root), e);
out:
	free(k);
	return rc;
}

int api_bundle(struct server_api *api, const struct request *q,
	       struct response *a, struct err *e)
{
	static const char *const known[] = { "v", "days", NULL };
	struct audit_by by;
	struct json *j;
	int64_t days;
	int rc;

	if (api_body(q, known, &j, e))
		return -1;
	rc = json_get_int(j, "days", 1, 400, &days, e);
	json_free(j);
	if (rc || api_by(api, q, &by, e) ||
	    make_bundle(api, (uint32_t)days, &by, a, e))
		return -1;
	log_event(LOG_INFO, "bundle-exported", "by=%s days=%lld", q->peer->id,
		  (long long)days);
	return 0;
}
