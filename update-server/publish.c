/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/publish.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/package.h"
#include "common/release.h"
#include "common/tuf_store.h"

#include "update-server/blobs.h"
#include "update-server/floor_import.h"
#include "update-server/folder_source.h"
#include "update-server/online_role.h"
#include "update-server/order_import.h"
#include "update-server/publish_online.h"

#define FILES_MAX    128   /* roots of one import, targets and its roles */
#define PAYLOADS_MAX 20000 /* of all listed releases */
#define STAGED_MAX   128

/* What the client read while it verified: these very bytes are stored. */
struct recorded {
	char name[TUF_NAME_MAX];
	struct buf bytes;
};

struct import {
	struct server_api *api;
	const struct publish_order *order;
	struct tuf_source folder;
	struct recorded files[FILES_MAX];
	size_t file_count;
	struct tuf_client *client;
	struct store_payload *payloads;
	size_t payload_count;
	struct store_release *releases;
	struct json **details; /* of the release at the same place */
	size_t release_count;
	struct store_role roles[TUF_IMPORT_ROLES_MAX];
	size_t role_count;
	struct floor_import floors;
	bool first;
};

/* "<n>.<role>.json": the number if the role is this one, else 0. */
static int64_t version_in(const char *name, const char *suffix)
{
	size_t len = strlen(name), tail = strlen(suffix);
	struct err ignored;
	uint64_t version;

	if (len <= tail || strcmp(name + len - tail, suffix) != 0 ||
	    num_parse(slice_sub(slice_of(name), 0, len - tail), JSON_INT_MAX,
		      &version, &ignored))
		return 0;
	return (int64_t)version;
}

/* ---- the trusted chain --------------------------------------------------- */

static int record(void *ctx, const char *name, size_t max, struct buf *out,
		  struct err *e)
{
	struct import *im = ctx;
	struct recorded *r;
	size_t before = out->len;

	/* Nothing newer than what was imported, or than what came. */
	if (version_in(name, ".root.json") > im->order->root)
		return err_set(e, ERR_NOT_FOUND, "%s: not part of this", name);
	if (im->folder.fetch(im->folder.ctx, name, max, out, e))
		return -1;
	if (im->file_count == FILES_MAX)
		return err_set(e, ERR_LIMIT, "too many metadata files");
	r = &im->files[im->file_count];
	r->bytes = (struct buf)BUF_INIT(STORE_METADATA_MAX);
	if (text_format(r->name, sizeof(r->name), e, "%s", name) ||
	    buf_add(&r->bytes, slice_sub(buf_slice(out), before, max), e)) {
		buf_done(&r->bytes);
		return -1;
	}
	im->file_count++;
	return 0;
}

static int seed_file(struct server_api *api, int trust, const char *role,
		     int64_t version, struct err *e)
{
	struct buf bytes = BUF_INIT(STORE_METADATA_MAX);
	char stored[TUF_NAME_MAX], name[TUF_NAME_MAX];
	int rc = -1;

	if (tuf_remote_name(role, version, stored, e) == 0 &&
	    tuf_store_name(role, name, e) == 0 &&
	    store_metadata_get(api->store, stored, &bytes, NULL, e) == 0)
		rc = fs_replace_file(trust, name, buf_slice(&bytes), 0600, e);
	buf_done(&bytes);
	return rc;
}

static int seed_roles(struct server_api *api, int trust, struct err *e)
{
	struct store_role *roles = mem_alloc(STORE_ROLES_MAX, sizeof(*roles));
	size_t count;
	int rc = store_roles(api->store, roles, &count, e);

	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = seed_file(api, trust, roles[i].name, roles[i].version, e);
	free(roles);
	return rc;
}

/* A throw-away folder that trusts what was imported last. */
static int seed_trust(struct server_api *api, int trust, struct err *e)
{
	int64_t root, targets;

	if (store_metadata_versions(api->store, &root, &targets, e))
		return -1;
	if (root == 0)
		return 0;
	if (seed_file(api, trust, "root", root, e) ||
	    seed_file(api, trust, "targets", targets, e))
		return -1;
	return seed_roles(api, trust, e);
}

/* What the keeper would refuse later is refused before anything changes. */
static int check_online_role(const struct import *im, struct err *e)
{
	struct buf pem = BUF_INIT(EC_PEM_MAX_LEN);
	struct ec_public key;
	int rc = -1;

	if (fs_read_file(im->api->dirfd, "online.pub", &pem, e) == 0 &&
	    ec_public_from_pem(buf_slice(&pem), &key, e) == 0)
		rc = online_role_check(tuf_client_signed(im->client, TUF_ROOT),
				       &key, e);
	buf_done(&pem);
	return rc;
}

static int verify_chain(struct import *im, int trust, struct err *e)
{
	const struct tuf_source from = { .ctx = im, .fetch = record };
	const struct tuf_import what = { im->order->targets, im->order->roles,
					 im->order->role_count };
	struct tuf_site site;

	if (seed_trust(im->api, trust, e) ||
	    folder_first_trust(trust, &from, &im->first, e) ||
	    tuf_client_open(trust, &tuf_policy_device, utc_now(), &im->client,
			    e) ||
	    tuf_client_import(im->client, &from, &what, e))
		return -1;
	tuf_client_site(im->client, &site);
	if (site.environment == im->api->environment)
		return check_online_role(im, e);
	return err_set(e, ERR_REFUSED,
		       "the repository is for %s, this server for %s",
		       environment_name(site.environment),
		       environment_name(im->api->environment));
}

/* ---- payloads and releases ----------------------------------------------- */

static int check_head(int fd, const struct release *r, struct err *e)
{
	struct sha256 head;

	if (sha256_of_range(fd, 0, r->head_len, &head, e))
		return -1;
	if (!sha256_equal(&head, &r->head_digest))
		return err_set(e, ERR_UNTRUSTED,
			       "header and chunk table have another digest");
	return 0;
}

/* What came by upload had its digest then; the disk is asked again here. */
static int check_payload(struct import *im, const struct tuf_target *t,
			 const struct release *r, struct err *e)
{
	struct sha256 is;
	uint64_t len;
	int fd = -1, rc = -1;

	if (blobs_open(im->api->dirfd, &t->sha256, &fd, &len, e)) {
		if (e->code == ERR_NOT_FOUND)
			(void)err_set(e, ERR_NOT_FOUND,
				      "its payload was not uploaded");
		goto out;
	}
	if (len != t->length) {
		(void)err_set(e, ERR_UNTRUSTED,
			      "its payload has %llu bytes, "
			      "not %llu",
			      (unsigned long long)len,
			      (unsigned long long)t->length);
		goto out;
	}
	if (!store_payload_known(im->api->store, &t->sha256)) {
		if (sha256_of_range(fd, 0, len, &is, e))
			goto out;
		if (!sha256_equal(&is, &t->sha256)) {
			(void)err_set(e, ERR_UNTRUSTED,
				      "its payload has another digest");
			goto out;
		}
	}
	rc = r ? check_head(fd, r, e) : 0;
out:
	fs_close(&fd);
	return rc;
}

static int add_payload(struct import *im, const struct tuf_target *t,
		       struct err *e)
{
	struct store_payload *p;

	if (im->payload_count == PAYLOADS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d payloads",
			       PAYLOADS_MAX);
	if (im->payload_count % 64 == 0)
		im->payloads = mem_resize(im->payloads, im->payload_count + 64,
					  sizeof(*im->payloads));
	p = &im->payloads[im->payload_count];
	memset(p, 0, sizeof(*p));
	if (release_url_path(t->path, &t->sha256, p->url, e))
		return -1;
	p->digest = t->sha256;
	p->length = t->length;
	im->payload_count++;
	return 0;
}

/* out has room for as many names as there may be, and spaces. */
static void join_names(char *const *names, size_t count, char *out)
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(names[i]);

		if (i > 0)
			out[used++] = ' ';
		memcpy(out + used, names[i], len);
		used += len;
	}
	out[used] = 0;
}

static struct json *release_detail(const struct release *r)
{
	struct json *j = json_new_object();
	struct json *fixes = json_new_array();

	for (size_t i = 0; i < r->fix_count; i++)
		json_add(fixes, json_new_text(r->fixes[i]));
	json_set_text(j, "component", r->component);
	json_set_bool(j, "urgent", r->urgent);
	json_set_int(j, "content_seq", (int64_t)r->content_seq);
	json_set_int(j, "content_bytes", (int64_t)r->content_len);
	json_set_int(j, "entries", r->entries);
	if (release_is_undo(r))
		json_set_text(j, "undo_of", r->undo_of);
	api_set_time(j, "issued", r->issued);
	json_set(j, "fixes", fixes);
	if (r->sbom_len > 0)
		api_set_digest(j, "sbom", &r->sbom);
	json_set(j, "packages", json_new_array());
	return j;
}

static bool is_lab_only(const struct import *im, const struct release *r)
{
	return r->nightly && im->api->environment != ENV_LAB;
}

/* Does it have the name or number of another release? */
static bool is_taken(const struct import *im, const struct release *r)
{
	for (size_t i = 0; i < im->release_count; i++) {
		const struct store_release *s = &im->releases[i];
		bool same_id = strcmp(s->id, r->id) == 0;

		if (strcmp(s->product, r->product) != 0 ||
		    (!same_id && s->seq != r->seq))
			continue;
		if (!s->lab_only || !same_id || s->seq != r->seq ||
		    !sha256_equal(&s->digest, &r->digest))
			return true;
	}
	return false;
}

static int new_release(struct import *im, const struct release *r,
		       struct err *e)
{
	struct store_release *s;
	size_t n = im->release_count;

	for (size_t i = 0; i < n; i++)
		if (strcmp(im->releases[i].product, r->product) == 0 &&
		    im->releases[i].seq == r->seq)
			return err_set(e, ERR_FORMAT,
				       "releases %s and %s of %s share seq "
				       "%llu",
				       im->releases[i].id, r->id, r->product,
				       (unsigned long long)r->seq);
	if (n % 64 == 0) {
		im->releases =
			mem_resize(im->releases, n + 64, sizeof(*im->releases));
		im->details =
			mem_resize(im->details, n + 64, sizeof(struct json *));
	}
	s = &im->releases[n];
	memset(s, 0, sizeof(*s));
	memcpy(s->product, r->product, sizeof(s->product));
	memcpy(s->id, r->id, sizeof(s->id));
	memcpy(s->version, r->version, sizeof(s->version));
	join_names(r->models, r->model_count, s->models);
	join_names(r->hardware, r->hardware_count, s->hardware);
	s->seq = r->seq;
	s->requires_seq = r->requires_seq;
	s->not_before = r->not_before;
	s->digest = r->digest;
	s->lab_only = is_lab_only(im, r);
	im->details[n] = release_detail(r);
	im->release_count++;
	return 0;
}

/* The release's entry, made at its first package. */
static int find_release(struct import *im, const struct release *r, size_t *at,
			struct err *e)
{
	const struct store_release *s;

	for (size_t i = 0; i < im->release_count; i++) {
		s = &im->releases[i];
		if (strcmp(s->product, r->product) != 0 ||
		    strcmp(s->id, r->id) != 0)
			continue;
		if (s->seq != r->seq || !sha256_equal(&s->digest, &r->digest))
			return err_set(e, ERR_FORMAT,
				       "packages of one release disagree");
		*at = i;
		return 0;
	}
	if (new_release(im, r, e))
		return -1;
	*at = im->release_count - 1;
	return 0;
}

static int add_package(struct import *im, const struct tuf_target *t,
		       const struct release *r, struct err *e)
{
	char path[PATH_MAX_LEN];
	struct json *package, *packages, *detail;
	size_t at = 0;

	if (release_path(r, path, e))
		return -1;
	if (strcmp(path, t->path) != 0)
		return err_set(e, ERR_FORMAT,
			       "its place does not fit what it "
			       "says of itself");
	if (find_release(im, r, &at, e))
		return -1;
	package = json_new_object();
	json_set_text(package, "path", t->path);
	json_set_text(package, "kind",
		      r->kind == PACKAGE_DELTA ? "delta" : "full");
	if (r->kind == PACKAGE_DELTA)
		json_set_text(package, "from", r->base_id);
	json_set_int(package, "bytes", (int64_t)t->length);
	if (r->encrypted)
		json_set_bool(package, "encrypted", true);
	api_set_digest(package, "sha256", &t->sha256);
	detail = im->details[at];
	packages = json_clone(json_get(detail, "packages"));
	json_add(packages, package);
	json_set(detail, "packages", packages);
	return 0;
}

/* What says of itself that it is a document, devices read in one piece. */
static int check_document(const struct tuf_target *t, struct err *e)
{
	if (!t->custom || !json_get(t->custom, "pawl") ||
	    t->length <= TUF_DOCUMENT_MAX)
		return 0;
	return err_set(e, ERR_LIMIT, "a document of more than %d bytes",
		       TUF_DOCUMENT_MAX);
}

static int take_target(struct import *im, const struct tuf_target *t,
		       struct err *e)
{
	struct release r = { 0 };
	bool is_package = true;
	int rc = -1;

	if (!t->has_sha256)
		return err_set(e, ERR_UNTRUSTED, "no sha256 digest");
	if (release_parse(t, &r, e)) {
		if (e->code != ERR_NOT_FOUND || check_document(t, e))
			goto out;
		is_package = false; /* something else that devices fetch */
	}
	/* Its one key must not get in the way of what more of them sign. */
	if (is_package && is_lab_only(im, &r) && is_taken(im, &r)) {
		log_event(LOG_WARNING, "nightly-ignored",
			  "product=%s release=%s seq=%llu", r.product, r.id,
			  (unsigned long long)r.seq);
		is_package = false;
	}
	if (check_payload(im, t, is_package ? &r : NULL, e) ||
	    add_payload(im, t, e))
		goto out;
	rc = is_package ? add_package(im, t, &r, e)
			: floor_import_see(&im->floors, im->api->dirfd, t, e);
out:
	release_done(&r);
	return rc;
}

static int visit_target(void *ctx, const struct tuf_target *t, struct err *e)
{
	char shown[200];

	if (take_target(ctx, t, e) == 0)
		return 0;
	text_escape(slice_of(t->path), shown, sizeof(shown));
	return err_in(e, "%s", shown);
}

static int visit_role(struct import *im, const char *role, struct err *e)
{
	return tuf_client_each_in(im->client, NULL, role, visit_target, im, e)
		       ? err_in(e, "%s", role)
		       : 0;
}

/* Whom nobody signs for, or no longer, has nothing that a device could find.
 * Nightly comes last, so that all others have taken their names by then. */
static int visit_roles(struct import *im, struct err *e)
{
	const struct tuf_role_state *roles;
	size_t count = tuf_client_roles(im->client, &roles);
	bool has_nightly = false;

	for (size_t i = 0; i < count; i++) {
		const struct err *why = &roles[i].unusable;
		struct store_role *r = &im->roles[im->role_count];

		/* Its floors come back with what is signed for it. */
		if (roles[i].version == 0 || why->code != ERR_NONE)
			im->floors.partial = true;
		if (roles[i].version == 0)
			continue;
		memcpy(r->name, roles[i].name, sizeof(r->name));
		r->version = roles[i].version;
		if (why->code != ERR_NONE)
			memcpy(r->problem, why->msg, sizeof(r->problem));
		im->role_count++;
		if (why->code != ERR_NONE)
			continue;
		if (strcmp(r->name, "nightly") == 0)
			has_nightly = true;
		else if (visit_role(im, r->name, e))
			return -1;
	}
	return has_nightly ? visit_role(im, "nightly", e) : 0;
}

/* ---- what operators signed ----------------------------------------------- */

static int find_digest(void *ctx, const char *product, const char *id,
		       struct sha256 *digest, struct err *e)
{
	const struct import *im = ctx;

	for (size_t i = 0; i < im->release_count; i++)
		if (strcmp(im->releases[i].product, product) == 0 &&
		    strcmp(im->releases[i].id, id) == 0) {
			*digest = im->releases[i].digest;
			return 0;
		}
	return err_set(e, ERR_NOT_FOUND,
		       "release %s of %s is not in the signed metadata", id,
		       product);
}

/* A ladder only grows, whichever way it comes. */
static int check_orders(struct import *im, struct err *e)
{
	const struct order_import in = { .store = im->api->store,
					 .dirfd = im->api->dirfd,
					 .release = find_digest,
					 .ctx = im };

	for (size_t i = 0; i < im->order->role_count; i++) {
		const char *role = im->order->roles[i].name;

		if (order_import_is_role(role) &&
		    order_import_check(&in, role,
				       tuf_client_signed_in(im->client, role),
				       e))
			return err_in(e, "%s", role);
	}
	return 0;
}

static int check_floors(struct import *im, struct err *e)
{
	int rc;

	(void)pthread_rwlock_rdlock(&im->api->orders_lock);
	rc = floor_import_check(&im->floors, im->api->ways, e);
	(void)pthread_rwlock_unlock(&im->api->orders_lock);
	return rc;
}

static int print_details(struct import *im, struct err *e)
{
	for (size_t i = 0; i < im->release_count; i++) {
		struct buf text = BUF_INIT(STORE_DETAIL_MAX);

		if (json_print(im->details[i], false, &text, e)) {
			buf_done(&text);
			return err_in(e, "release %s", im->releases[i].id);
		}
		im->releases[i].detail = mem_dup_str(buf_text(&text));
		buf_done(&text);
	}
	return 0;
}

/* ---- taking it over ------------------------------------------------------ */

/* For the keeper, which verifies them for itself. */
static int offer_files(const struct import *im, struct err *e)
{
	char path[TUF_NAME_MAX + 16];

	for (size_t i = 0; i < im->file_count; i++)
		if (text_format(path, sizeof(path), e, "metadata/%s",
				im->files[i].name) ||
		    fs_replace_file(im->api->dirfd, path,
				    buf_slice(&im->files[i].bytes), 0600, e))
			return -1;
	return 0;
}

static int store_all(const struct import *im, struct err *e)
{
	struct store_file *files = mem_alloc(FILES_MAX, sizeof(*files));
	struct store_import in = { .files = files,
				   .file_count = im->file_count,
				   .payloads = im->payloads,
				   .payload_count = im->payload_count,
				   .releases = im->releases,
				   .release_count = im->release_count,
				   .roles = im->roles,
				   .role_count = im->role_count };
	int rc;

	for (size_t i = 0; i < im->file_count; i++) {
		const struct recorded *r = &im->files[i];

		memcpy(files[i].name, r->name, sizeof(files[i].name));
		files[i].bytes = buf_slice(&r->bytes);
		files[i].root = version_in(r->name, ".root.json");
		files[i].targets = version_in(r->name, ".targets.json");
	}
	rc = store_import(im->api->store, &in, &im->order->by, e);
	free(files);
	return rc;
}

static void summarise(const struct import *im, struct publish_summary *out)
{
	out->root = tuf_client_version(im->client, TUF_ROOT);
	out->targets = tuf_client_version(im->client, TUF_TARGETS);
	out->releases = im->release_count;
	out->payloads = im->payload_count;
	out->role_count = im->order->role_count;
	out->first = im->first;
	if (im->first && im->file_count > 0)
		sha256_of(buf_slice(&im->files[0].bytes), &out->first_root);
}

static void import_done(struct import *im)
{
	for (size_t i = 0; i < im->file_count; i++)
		buf_done(&im->files[i].bytes);
	for (size_t i = 0; i < im->release_count; i++) {
		free(im->releases[i].detail);
		json_free(im->details[i]);
	}
	tuf_client_close(im->client);
	floor_import_done(&im->floors);
	free(im->payloads);
	free(im->releases);
	free(im->details);
}

static int import(struct import *im, int trust, struct publish_summary *out,
		  struct err *e)
{
	if (verify_chain(im, trust, e) ||
	    tuf_client_each(im->client, visit_target, im, e) ||
	    visit_roles(im, e) || check_floors(im, e) || check_orders(im, e) ||
	    print_details(im, e) || offer_files(im, e) || store_all(im, e))
		return -1;
	summarise(im, out);
	return 0;
}

static int import_from(struct server_api *api, int staged,
		       const struct publish_order *order,
		       struct publish_summary *out, struct err *e)
{
	struct import *im = mem_alloc(1, sizeof(*im));
	int trust = -1, rc = -1;

	im->api = api;
	im->order = order;
	im->folder = folder_source(&staged);
	if (fs_remove_tree(staged, "trust", e) ||
	    fs_mkdir(staged, "trust", 0700, e) ||
	    fs_open(staged, "trust", O_RDONLY | O_DIRECTORY | O_CLOEXEC, &trust,
		    e))
		goto out;
	rc = import(im, trust, out, e);
out:
	import_done(im);
	free(im);
	fs_close(&trust);
	return rc;
}

/* ---- all of it ----------------------------------------------------------- */

int publish_staged(struct server_api *api, const struct publish_order *order,
		   struct publish_summary *out, struct err *e)
{
	char path[STAGED_MAX];
	struct err later = { 0 };
	int fd = -1, rc = -1;

	*out = (struct publish_summary){ 0 };
	if (text_format(path, sizeof(path), e, "incoming/%s", order->staged))
		return -1;
	(void)pthread_mutex_lock(&api->publishing);
	if (fs_open(api->dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, &fd,
		    e) == 0 &&
	    import_from(api, fd, order, out, e) == 0)
		rc = publish_finish_locked(api, e);
	/* It is stored, whatever its orders say: they can only close it. */
	if (api_read_orders(api, &later))
		log_event(LOG_ERROR, "orders-not-read", "why=%s", later.msg);
	fs_close(&fd);
	if (fs_remove_tree(api->dirfd, path, &later) && rc == 0) {
		*e = later;
		rc = -1;
	}
	(void)pthread_mutex_unlock(&api->publishing);
	return rc;
}
