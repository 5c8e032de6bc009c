/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/keeper_metadata.h"

#include <fcntl.h>
#include <string.h>

#include "common/fs.h"
#include "common/text.h"
#include "common/tuf_client.h"
#include "common/tuf_write.h"

#include "update-server/folder_source.h"
#include "update-server/online_role.h"

#define TRUST_DIR     "keeper/trust"
#define VERSIONS_FILE "keeper/versions.json"
#define SNAPSHOT_FILE "keeper/snapshot.json"
#define VERSIONS_MAX  16384
/* By how much a role's version may rise at once: nobody uses the numbers up. */
#define ROLE_AHEAD 1000

/* ---- versions ------------------------------------------------------------ */

static int read_version(const struct json *j, const char *name, int64_t *out,
			struct err *e)
{
	return json_get_int(j, name, 0, JSON_INT_MAX, out, e);
}

static int read_roles(const struct json *j, struct keeper_versions *v,
		      struct err *e)
{
	const struct json *roles;

	if (json_get_object(j, "roles", &roles, e))
		return -1;
	if (json_count(roles) > KEEPER_ROLES_MAX)
		return err_set(e, ERR_LIMIT, "more than %d roles",
			       KEEPER_ROLES_MAX);
	for (void *m = json_first(roles); m; m = json_next(roles, m)) {
		struct tuf_import_role *role = &v->roles[v->role_count++];

		if (text_format(role->name, sizeof(role->name), e, "%s",
				json_name(m)) ||
		    json_get_int(roles, json_name(m), 1, JSON_INT_MAX,
				 &role->version, e))
			return -1;
	}
	return 0;
}

static int load_versions(struct keeper_metadata *k, struct err *e)
{
	struct buf file = BUF_INIT(VERSIONS_MAX);
	struct json *j = NULL;
	struct keeper_versions v = { 0 };
	struct err why;
	int rc = -1;

	if (fs_read_file(k->dirfd, VERSIONS_FILE, &file, &why)) {
		if (why.code == ERR_NOT_FOUND)
			rc = 0; /* nothing was signed yet */
		else
			*e = why;
		goto out;
	}
	if (json_parse(buf_slice(&file), &j, e) ||
	    read_version(j, "snapshot", &v.snapshot, e) ||
	    read_version(j, "timestamp", &v.timestamp, e) ||
	    read_version(j, "targets", &v.targets, e) ||
	    read_version(j, "network", &v.network, e) ||
	    read_version(j, "network_targets", &v.network_targets, e) ||
	    read_version(j, "network_expires", &v.network_expires, e) ||
	    read_roles(j, &v, e)) {
		err_in(e, VERSIONS_FILE);
		goto out;
	}
	k->versions = v;
	rc = 0;
out:
	json_free(j);
	buf_done(&file);
	return rc;
}

static int save_versions(const struct keeper_metadata *k, struct err *e)
{
	const struct keeper_versions *v = &k->versions;
	struct buf file = BUF_INIT(VERSIONS_MAX);
	struct json *j = json_new_object(), *roles = json_new_object();
	int rc = -1;

	for (size_t i = 0; i < v->role_count; i++)
		json_set_int(roles, v->roles[i].name, v->roles[i].version);
	json_set(j, "roles", roles);
	json_set_int(j, "snapshot", v->snapshot);
	json_set_int(j, "timestamp", v->timestamp);
	json_set_int(j, "targets", v->targets);
	json_set_int(j, "network", v->network);
	json_set_int(j, "network_targets", v->network_targets);
	json_set_int(j, "network_expires", v->network_expires);
	if (json_print(j, true, &file, e) ||
	    fs_replace_file(k->dirfd, VERSIONS_FILE, buf_slice(&file), 0600, e))
		goto out;
	rc = 0;
out:
	json_free(j);
	buf_done(&file);
	return rc;
}

int keeper_metadata_open(struct keeper_metadata *k, struct err *e)
{
	return fs_mkdirs(k->dirfd, TRUST_DIR, 0700, e) || load_versions(k, e)
		       ? -1
		       : 0;
}

/* ---- signing ------------------------------------------------------------- */

static int check_site(const struct keeper_metadata *k,
		      const struct tuf_client *c, struct err *e)
{
	struct ec_public key;
	struct tuf_site site;

	tuf_client_site(c, &site);
	if (site.environment != k->environment)
		return err_set(e, ERR_REFUSED,
			       "the repository is for %s, this server for %s",
			       environment_name(site.environment),
			       environment_name(k->environment));
	ec_public_of(k->online, &key);
	return online_role_check(tuf_client_signed(c, TUF_ROOT), &key, e);
}

static int print_envelope(struct json *envelope, struct ec_private *key,
			  uint8_t *out, size_t *out_len, struct err *e)
{
	struct buf bytes = BUF_INIT(KEEPER_FILE_MAX);
	int rc = -1;

	if (tuf_sign(envelope, key, e) ||
	    tuf_envelope_bytes(envelope, &bytes, e))
		goto out;
	memcpy(out, bytes.ptr, bytes.len);
	*out_len = bytes.len;
	rc = 0;
out:
	buf_done(&bytes);
	return rc;
}

/* A snapshot or timestamp to be made. */
struct listing {
	enum tuf_role role;
	int64_t version, expires;
	struct json *meta; /* taken over */
	bool medium;
};

static int sign_listing(const struct keeper_metadata *k,
			const struct listing *l, int64_t now, uint8_t *out,
			size_t *out_len, struct err *e)
{
	struct json *envelope =
		tuf_envelope_new(l->role, l->version, now, l->expires);
	struct json *body = tuf_envelope_signed(envelope);
	int rc;

	json_set(body, "meta", l->meta);
	if (l->medium)
		json_set_bool(body, "medium", true);
	rc = print_envelope(envelope, k->online, out, out_len, e);
	json_free(envelope);
	return rc;
}

/* When and for how long something is signed, and for what. */
struct term {
	int64_t now, sec;
	bool medium;
};

/* A role that was verified when it was taken up, be it in use or not. */
static int list_role(int trust, const struct tuf_import_role *role,
		     struct json *meta, struct err *e)
{
	struct buf file = BUF_INIT(tuf_policy_device.targets_max);
	char name[NAME_MAX_LEN + sizeof(".json")];
	int rc = -1;

	if (text_format(name, sizeof(name), e, "%s.json", role->name) == 0 &&
	    fs_read_file(trust, name, &file, e) == 0) {
		json_set(meta, name,
			 tuf_meta_entry(buf_slice(&file), role->version));
		rc = 0;
	}
	buf_done(&file);
	return rc;
}

static int list_all(const struct keeper_metadata *k, const struct tuf_client *c,
		    struct json *meta, struct err *e)
{
	const struct keeper_versions *v = &k->versions;
	int trust = -1, rc = -1;

	json_set(meta, "targets.json",
		 tuf_meta_entry(tuf_client_bytes(c, TUF_TARGETS),
				tuf_client_version(c, TUF_TARGETS)));
	if (fs_open(k->dirfd, TRUST_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		    &trust, e))
		return -1;
	for (size_t i = 0; i < v->role_count; i++)
		if (list_role(trust, &v->roles[i], meta, e))
			goto out;
	rc = 0;
out:
	fs_close(&trust);
	return rc;
}

/* A new snapshot of what is trusted; its number is used up first. */
static int sign_snapshot(struct keeper_metadata *k, const struct tuf_client *c,
			 const struct term *t, struct keeper_answer *a,
			 struct err *e)
{
	struct listing l = { .role = TUF_SNAPSHOT,
			     .version = k->versions.snapshot + 1,
			     .expires = t->now + t->sec,
			     .meta = json_new_object(),
			     .medium = t->medium };

	k->versions.snapshot = l.version;
	if (save_versions(k, e) || list_all(k, c, l.meta, e)) {
		json_free(l.meta);
		return -1;
	}
	if (sign_listing(k, &l, t->now, a->snapshot, &a->snapshot_len, e))
		return -1;
	a->snapshot_version = l.version;
	a->targets_version = tuf_client_version(c, TUF_TARGETS);
	return 0;
}

static int sign_timestamp(struct keeper_metadata *k, const struct term *t,
			  struct keeper_answer *a, struct err *e)
{
	struct listing l = { .role = TUF_TIMESTAMP,
			     .version = k->versions.timestamp + 1,
			     .expires = t->now + t->sec,
			     .medium = t->medium };

	k->versions.timestamp = l.version;
	a->expires = l.expires;
	if (save_versions(k, e))
		return -1;
	l.meta = json_new_object();
	json_set(l.meta, "snapshot.json",
		 tuf_meta_entry((struct slice){ a->snapshot, a->snapshot_len },
				a->snapshot_version));
	return sign_listing(k, &l, t->now, a->timestamp, &a->timestamp_len, e);
}

/* The network's snapshot is used again while it has half its life left. */
static int reuse_snapshot(struct keeper_metadata *k, const struct tuf_client *c,
			  int64_t now, struct keeper_answer *a)
{
	const struct keeper_versions *v = &k->versions;
	struct buf file = BUF_INIT(KEEPER_FILE_MAX);
	struct err ignored;

	/* Whatever was signed since, for a medium, must stay below. */
	if (v->network != v->snapshot ||
	    v->network_targets != tuf_client_version(c, TUF_TARGETS) ||
	    v->network_expires < now + KEEPER_SNAPSHOT_SEC / 2)
		return -1;
	if (fs_read_file(k->dirfd, SNAPSHOT_FILE, &file, &ignored)) {
		buf_done(&file);
		return -1;
	}
	memcpy(a->snapshot, file.ptr, file.len);
	a->snapshot_len = file.len;
	a->snapshot_version = v->network;
	a->targets_version = v->network_targets;
	buf_done(&file);
	return 0;
}

static int fresh_snapshot(struct keeper_metadata *k, const struct tuf_client *c,
			  int64_t now, struct keeper_answer *a, struct err *e)
{
	const struct term t = { .now = now, .sec = KEEPER_SNAPSHOT_SEC };
	struct slice file;

	if (sign_snapshot(k, c, &t, a, e))
		return -1;
	file = (struct slice){ a->snapshot, a->snapshot_len };
	if (fs_replace_file(k->dirfd, SNAPSHOT_FILE, file, 0600, e))
		return -1;
	k->versions.network = a->snapshot_version;
	k->versions.network_expires = now + KEEPER_SNAPSHOT_SEC;
	k->versions.network_targets = a->targets_version;
	return 0;
}

static int sign_for_network(struct keeper_metadata *k,
			    const struct tuf_client *c, int64_t now,
			    struct keeper_answer *a, struct err *e)
{
	const struct term t = { .now = now, .sec = KEEPER_TIMESTAMP_SEC };

	if (reuse_snapshot(k, c, now, a) != 0 &&
	    fresh_snapshot(k, c, now, a, e))
		return -1;
	return sign_timestamp(k, &t, a, e);
}

static int sign_for_medium(struct keeper_metadata *k,
			   const struct tuf_client *c, uint32_t days,
			   int64_t now, struct keeper_answer *a, struct err *e)
{
	const struct term t = { .now = now,
				.sec = days * UTC_DAY,
				.medium = true };
	struct tuf_site site;

	tuf_client_site(c, &site);
	if (days == 0 || days > site.medium_max_days)
		return err_set(e, ERR_REFUSED,
			       "root allows a bundle to live 1 to %u days",
			       site.medium_max_days);
	if (sign_snapshot(k, c, &t, a, e))
		return -1;
	return sign_timestamp(k, &t, a, e);
}

/* ---- taking up ----------------------------------------------------------- */

static struct tuf_import_role *find_role(struct keeper_versions *v,
					 const char *name)
{
	for (size_t i = 0; i < v->role_count; i++)
		if (strcmp(v->roles[i].name, name) == 0)
			return &v->roles[i];
	return NULL;
}

/* What is new to us of what the server names; the rest is listed as it was. */
static int choose_roles(struct keeper_metadata *k,
			const struct keeper_request *q,
			struct tuf_import_role *out, size_t *count,
			struct err *e)
{
	size_t known = k->versions.role_count;

	*count = 0;
	for (size_t i = 0; i < q->role_count; i++) {
		const struct tuf_import_role *role = &q->roles[i];
		const struct tuf_import_role *old =
			find_role(&k->versions, role->name);

		if (old && old->version == role->version)
			continue;
		if (old && role->version - old->version > ROLE_AHEAD)
			return err_set(e, ERR_REFUSED,
				       "%s: version %lld runs ahead of version "
				       "%lld, by more than %d",
				       role->name, (long long)role->version,
				       (long long)old->version, ROLE_AHEAD);
		known += old ? 0 : 1;
		out[(*count)++] = *role;
	}
	if (known > KEEPER_ROLES_MAX)
		return err_set(e, ERR_LIMIT,
			       "more than %d roles in the life of a repository",
			       KEEPER_ROLES_MAX);
	return 0;
}

/* Versions of what was verified; a snapshot that says less is used up. */
static void note_versions(struct keeper_metadata *k, const struct tuf_client *c)
{
	const struct tuf_role_state *roles;
	size_t count = tuf_client_roles(c, &roles);
	struct keeper_versions *v = &k->versions;

	v->targets = tuf_client_version(c, TUF_TARGETS);
	for (size_t i = 0; i < count; i++) {
		struct tuf_import_role *role = find_role(v, roles[i].name);

		if (roles[i].version == 0 ||
		    (role && role->version == roles[i].version) ||
		    (!role && v->role_count == KEEPER_ROLES_MAX))
			continue;
		if (!role)
			role = &v->roles[v->role_count++];
		memcpy(role->name, roles[i].name, sizeof(role->name));
		role->version = roles[i].version;
		v->network = 0;
	}
}

/* Take up what lies in metadata/, if it verifies from what we trust. */
static int take_up(struct keeper_metadata *k, int trust,
		   const struct keeper_request *q, int64_t now,
		   struct tuf_client **out, struct err *e)
{
	struct tuf_import_role roles[TUF_IMPORT_ROLES_MAX];
	struct tuf_import what = { .targets = q->targets, .roles = roles };
	struct tuf_source from;
	struct tuf_client *c = NULL;
	bool first = false;
	int metadata = -1, rc = -1;

	if (choose_roles(k, q, roles, &what.role_count, e) ||
	    fs_open(k->dirfd, "metadata", O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		    &metadata, e))
		goto out;
	from = folder_source(&metadata);
	if (folder_first_trust(trust, &from, &first, e) ||
	    tuf_client_open(trust, &tuf_policy_device, now, &c, e) ||
	    tuf_client_import(c, &from, &what, e) || check_site(k, c, e))
		goto out;
	/* Kept with the number of what is signed next, before that is. */
	note_versions(k, c);
	*out = c;
	c = NULL;
	rc = 0;
out:
	tuf_client_close(c);
	/* A first root that led nowhere must not bind the next attempt. */
	if (rc && first) {
		struct err ignored;

		if (fs_remove_tree(k->dirfd, TRUST_DIR, &ignored) ||
		    fs_mkdirs(k->dirfd, TRUST_DIR, 0700, &ignored))
			err_in(e, TRUST_DIR " is left half made");
	}
	fs_close(&metadata);
	return rc;
}

/* Another look at what we trust already asks nobody for anything newer. */
static int fetch_nothing(void *ctx, const char *name, size_t max,
			 struct buf *out, struct err *e)
{
	(void)ctx;
	(void)max;
	(void)out;
	return err_set(e, ERR_NOT_FOUND, "%s: nothing newer", name);
}

/* What was taken up before, verified once more. */
static int reopen(struct keeper_metadata *k, int trust, int64_t now,
		  struct tuf_client **out, struct err *e)
{
	const struct tuf_source from = { .fetch = fetch_nothing };
	const struct tuf_import what = { .targets = 0 };
	struct tuf_client *c = NULL;

	if (k->versions.targets == 0)
		return err_set(e, ERR_NOT_FOUND, "nothing was imported yet");
	if (tuf_client_open(trust, &tuf_policy_device, now, &c, e) ||
	    tuf_client_import(c, &from, &what, e) || check_site(k, c, e)) {
		tuf_client_close(c);
		return -1;
	}
	note_versions(k, c);
	*out = c;
	return 0;
}

int keeper_metadata_sign(struct keeper_metadata *k,
			 const struct keeper_request *q, int64_t now,
			 struct keeper_answer *a, struct err *e)
{
	struct tuf_client *c = NULL;
	int trust = -1, rc = -1;

	if (fs_open(k->dirfd, TRUST_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		    &trust, e))
		goto out;
	if (q->op == KEEPER_PUBLISH)
		rc = take_up(k, trust, q, now, &c, e);
	else
		rc = reopen(k, trust, now, &c, e);
	if (rc == 0 && q->op == KEEPER_BUNDLE)
		rc = sign_for_medium(k, c, q->days, now, a, e);
	else if (rc == 0)
		rc = sign_for_network(k, c, now, a, e);
out:
	tuf_client_close(c);
	fs_close(&trust);
	return rc;
}
