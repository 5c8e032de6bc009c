/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TUF repository in memory, for tests: roles that can be edited and
 * published, files that can be replaced by evil ones and mended again, and a
 * source that writes down what it was asked for.
 */
#ifndef TESTS_UNIT_TUF_REPO_H
#define TESTS_UNIT_TUF_REPO_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/text.h"
#include "common/tuf_client.h"
#include "common/tuf_store.h"
#include "common/tuf_write.h"
#include "tests/unit/check.h"

#define NOW       INT64_C(1780000000) /* 2026-05-28T20:26:40Z */
#define KEY_COUNT 8
#define KEY(n)    (1U << (n))

enum {
	ROOT_KEY,
	TARGETS_KEY,
	ONLINE_KEY,
	SPARE_KEY,
	OTHER_KEY
};

struct repo_role {
	char name[64];
	struct json *envelope;
	unsigned signers; /* bits of keys */
	struct repo_role *next;
};

struct repo_file {
	char name[TUF_NAME_MAX];
	struct buf bytes;
	bool evil; /* stands in front of a good file of the same name */
	struct repo_file *next;
};

struct repo {
	struct ec_private *keys[KEY_COUNT];
	struct repo_role *roles;
	struct repo_file *files; /* newest first */
	char asked[4096];
	char broken[TUF_NAME_MAX]; /* asking for this file fails like a network
				    */
	bool plain;                /* no consistent snapshots */
	bool digests; /* announce length and digest, not the version alone */
	struct tuf_source source;
	struct tuf_policy policy;
	char dir[64];
	int dirfd;
	int64_t now;
};

/* ---- keys and roles ------------------------------------------------------ */

static inline struct json *repo_key(struct repo *r, unsigned n,
				    char keyid[TUF_KEYID_LEN])
{
	struct ec_public key;
	struct json *object;
	struct err e;

	ec_public_of(r->keys[n], &key);
	assert_ok(tuf_keyid(&key, keyid, &e));
	assert_ok(tuf_key_json(&key, &object, &e));
	return object;
}

/* Fill "keyids" and "threshold" of entry and the objects into keys. */
static inline void repo_assign(struct repo *r, struct json *keys,
			       struct json *entry, unsigned mask,
			       unsigned threshold)
{
	struct json *keyids = json_new_array(), *key;
	char keyid[TUF_KEYID_LEN];

	for (unsigned n = 0; n < KEY_COUNT; n++) {
		if (!(mask & KEY(n)))
			continue;
		key = repo_key(r, n, keyid);
		json_set(keys, keyid, key);
		json_add(keyids, json_new_text(keyid));
	}
	json_set(entry, "keyids", keyids);
	json_set_int(entry, "threshold", threshold);
}

static inline struct json *member(struct json *object, const char *name)
{
	return (struct json *)(uintptr_t)json_get(object, name);
}

static inline struct repo_role *repo_find(struct repo *r, const char *name)
{
	for (struct repo_role *role = r->roles; role; role = role->next)
		if (strcmp(role->name, name) == 0)
			return role;
	return NULL;
}

static inline struct json *repo_body(struct repo *r, const char *name)
{
	return tuf_envelope_signed(repo_find(r, name)->envelope);
}

static inline struct repo_role *repo_add(struct repo *r, const char *name,
					 enum tuf_role role, unsigned signers)
{
	struct repo_role *added = mem_alloc(1, sizeof(*added));

	snprintf(added->name, sizeof(added->name), "%s", name);
	added->envelope =
		tuf_envelope_new(role, 0, NOW - UTC_DAY, NOW + 30 * UTC_DAY);
	added->signers = signers;
	added->next = r->roles;
	r->roles = added;
	return added;
}

/* Give a top-level role keys and a threshold in the next root. */
static inline void repo_grant(struct repo *r, const char *name, unsigned mask,
			      unsigned threshold)
{
	struct json *body = repo_body(r, "root");
	struct json *roles = member(body, "roles");
	struct json *entry = json_new_object();

	repo_assign(r, member(body, "keys"), entry, mask, threshold);
	json_set(roles, name, entry);
	repo_find(r, name)->signers = mask;
}

/* ---- files --------------------------------------------------------------- */

static inline void repo_put(struct repo *r, const char *name,
			    struct slice bytes, bool evil)
{
	struct repo_file *f = mem_alloc(1, sizeof(*f));
	struct err e;

	snprintf(f->name, sizeof(f->name), "%s", name);
	f->bytes.max = 1 << 24;
	assert_ok(buf_add(&f->bytes, bytes, &e));
	f->evil = evil;
	f->next = r->files;
	r->files = f;
}

/* Sign a copy of an envelope with these keys alone and serve it. */
static inline void repo_serve(struct repo *r, const char *name,
			      const struct json *envelope, unsigned signers,
			      bool evil)
{
	struct json *copy = json_clone(envelope);
	struct buf bytes = BUF_INIT(1 << 24);
	struct err e;

	json_set(copy, "signatures", json_new_array());
	for (unsigned n = 0; n < KEY_COUNT; n++)
		if (signers & KEY(n))
			assert_ok(tuf_sign(copy, r->keys[n], &e));
	assert_ok(tuf_envelope_bytes(copy, &bytes, &e));
	repo_put(r, name, buf_slice(&bytes), evil);
	buf_done(&bytes);
	json_free(copy);
}

static inline void repo_mend(struct repo *r)
{
	for (struct repo_file **at = &r->files; *at;) {
		struct repo_file *f = *at;

		if (!f->evil) {
			at = &f->next;
			continue;
		}
		*at = f->next;
		buf_done(&f->bytes);
		free(f);
	}
	r->broken[0] = 0;
}

static inline void repo_remove(struct repo *r, const char *name)
{
	for (struct repo_file *f = r->files; f; f = f->next)
		if (strcmp(f->name, name) == 0)
			f->name[0] = 0;
}

static inline struct repo_file *repo_file(struct repo *r, const char *name)
{
	for (struct repo_file *f = r->files; f; f = f->next)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

static inline int64_t repo_version(struct repo *r, const char *name)
{
	return json_int(json_get(repo_body(r, name), "version"));
}

/* The name under which a role's file is asked for. */
static inline void repo_name(struct repo *r, const char *role,
			     char out[TUF_NAME_MAX])
{
	struct err e;
	bool unversioned = strcmp(role, "timestamp") == 0 ||
			   (r->plain && strcmp(role, "root") != 0);

	assert_ok(tuf_remote_name(role, unversioned ? 0 : repo_version(r, role),
				  out, &e));
}

/* What snapshot or timestamp says of a file, with its digest only if asked. */
static inline struct json *repo_entry(struct repo *r, struct slice file,
				      int64_t version)
{
	struct json *entry = tuf_meta_entry(file, version);

	if (!r->digests) {
		json_remove(entry, "hashes");
		json_remove(entry, "length");
	}
	return entry;
}

/* Publish the next version of a role and announce it. */
static inline void repo_publish(struct repo *r, const char *role)
{
	struct repo_role *it = repo_find(r, role);
	const char *above = "snapshot";
	char name[TUF_NAME_MAX], entry[80];

	json_set_int(repo_body(r, role), "version", repo_version(r, role) + 1);
	repo_name(r, role, name);
	repo_serve(r, name, it->envelope, it->signers, false);
	if (strcmp(role, "root") == 0 || strcmp(role, "timestamp") == 0)
		return;
	if (strcmp(role, "snapshot") == 0)
		above = "timestamp";
	snprintf(entry, sizeof(entry), "%s.json", role);
	json_set(member(repo_body(r, above), "meta"), entry,
		 repo_entry(r, buf_slice(&repo_file(r, name)->bytes),
			    repo_version(r, role)));
}

static inline void repo_release(struct repo *r)
{
	repo_publish(r, "targets");
	repo_publish(r, "snapshot");
	repo_publish(r, "timestamp");
}

static inline void repo_target(struct repo *r, const char *role,
			       const char *path, const char *content)
{
	struct json *entry = tuf_meta_entry(slice_of(content), 1);

	json_remove(entry, "version");
	json_set(member(repo_body(r, role), "targets"), path, entry);
}

/* Delegate from one role to another, whose key is `key`. */
static inline struct json *repo_delegate(struct repo *r, const char *from,
					 const char *to, unsigned key,
					 const char *pattern)
{
	struct json *body = repo_body(r, from), *role = json_new_object();
	struct json *all = member(body, "delegations");
	struct json *paths = json_new_array();

	if (!all) {
		all = json_new_object();
		json_set(all, "keys", json_new_object());
		json_set(all, "roles", json_new_array());
		json_set(body, "delegations", all);
	}
	repo_assign(r, member(all, "keys"), role, KEY(key), 1);
	json_set_text(role, "name", to);
	json_set_bool(role, "terminating", false);
	json_add(paths, json_new_text(pattern));
	json_set(role, "paths", paths);
	json_add(member(all, "roles"), role);
	if (!repo_find(r, to)) {
		repo_add(r, to, TUF_TARGETS, KEY(key));
		json_set(repo_body(r, to), "targets", json_new_object());
	}
	return role;
}

/* A target whose content is served as well. */
static inline void repo_document(struct repo *r, const char *role,
				 const char *path, const char *content)
{
	char url[PATH_MAX_LEN], name[TUF_NAME_MAX];
	struct sha256 digest;
	struct err e;

	repo_target(r, role, path, content);
	sha256_of(slice_of(content), &digest);
	assert_ok(tuf_target_url(path, &digest, url, &e));
	assert_ok(
		text_format(name, sizeof(name), &e, TUF_TARGETS_DIR "%s", url));
	repo_put(r, name, slice_of(content), false);
}

/* A copy of a role's envelope to be changed and served by evil hands. */
static inline struct json *repo_copy(struct repo *r, const char *role)
{
	return json_clone(repo_find(r, role)->envelope);
}

/* ---- the source ---------------------------------------------------------- */

static inline int repo_fetch(void *ctx, const char *name, size_t max,
			     struct buf *out, struct err *e)
{
	struct repo *r = ctx;
	struct repo_file *f = repo_file(r, name);
	size_t len = strlen(r->asked);

	snprintf(r->asked + len, sizeof(r->asked) - len, "%s%s", len ? " " : "",
		 name);
	if (strcmp(r->broken, name) == 0)
		return err_set(e, ERR_NETWORK, "cut off");
	if (!f)
		return err_set(e, ERR_NOT_FOUND, "404");
	assert_true(max <= out->max);
	return buf_add(out, buf_slice(&f->bytes), e);
}

/* ---- life ---------------------------------------------------------------- */

static inline struct repo *repo_new(void)
{
	static const char *const roles[] = { "root", "timestamp", "snapshot",
					     "targets" };
	struct repo *r = mem_alloc(1, sizeof(*r));
	struct json *body, *pawl = json_new_object();
	uint8_t scalar[EC_SCALAR_LEN] = { 0 };
	struct err e;

	for (unsigned n = 0; n < KEY_COUNT; n++) {
		memset(scalar, (int)n + 1, sizeof(scalar));
		assert_ok(ec_private_from_scalar(scalar, &r->keys[n], &e));
	}
	for (enum tuf_role role = TUF_ROOT; role <= TUF_TARGETS; role++)
		repo_add(r, roles[role], role, 0);
	body = repo_body(r, "root");
	json_set(body, "keys", json_new_object());
	json_set(body, "roles", json_new_object());
	json_set_bool(body, "consistent_snapshot", true);
	json_set_text(pawl, "environment", "lab");
	json_set_text(pawl, "staging", "server");
	json_set(body, "pawl", pawl);
	repo_grant(r, "root", KEY(ROOT_KEY), 1);
	repo_grant(r, "targets", KEY(TARGETS_KEY), 1);
	repo_grant(r, "snapshot", KEY(ONLINE_KEY), 1);
	repo_grant(r, "timestamp", KEY(ONLINE_KEY), 1);
	json_set(repo_body(r, "targets"), "targets", json_new_object());
	json_set(repo_body(r, "snapshot"), "meta", json_new_object());
	json_set(repo_body(r, "timestamp"), "meta", json_new_object());
	repo_target(r, "targets", "thing/1.pkg", "one");
	repo_publish(r, "root");
	repo_release(r);
	r->source = (struct tuf_source){ r, repo_fetch };
	r->policy = tuf_policy_device;
	r->now = NOW;
	snprintf(r->dir, sizeof(r->dir), "/tmp/test-tuf.XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	assert_ok(fs_open_dir(r->dir, &r->dirfd, &e));
	return r;
}

static inline void repo_free(struct repo *r)
{
	int tmp = -1;
	struct err e;

	for (unsigned n = 0; n < KEY_COUNT; n++)
		ec_free(r->keys[n]);
	while (r->roles) {
		struct repo_role *next = r->roles->next;

		json_free(r->roles->envelope);
		free(r->roles);
		r->roles = next;
	}
	while (r->files) {
		struct repo_file *next = r->files->next;

		buf_done(&r->files->bytes);
		free(r->files);
		r->files = next;
	}
	fs_close(&r->dirfd);
	assert_ok(fs_open_dir("/tmp", &tmp, &e));
	assert_ok(fs_remove_tree(tmp, r->dir + strlen("/tmp/"), &e));
	fs_close(&tmp);
	free(r);
}

/* ---- the client ---------------------------------------------------------- */

static inline void repo_trust(struct repo *r)
{
	struct err e;

	assert_ok(tuf_client_init(
		r->dirfd, &r->policy,
		buf_slice(&repo_file(r, "1.root.json")->bytes), &e));
}

/* One run in a process of its own, so to speak. */
static inline int repo_refresh(struct repo *r, struct err *e)
{
	struct tuf_client *c = NULL;
	int rc;

	r->asked[0] = 0;
	if (tuf_client_open(r->dirfd, &r->policy, r->now, &c, e))
		return -1;
	rc = tuf_client_refresh(c, &r->source, e);
	tuf_client_close(c);
	return rc;
}

/* The version that lies in the folder, 0 if none does. */
static inline int64_t repo_trusted(struct repo *r, const char *file)
{
	struct buf bytes = BUF_INIT(1 << 24);
	struct json *j = NULL;
	struct err e;
	int64_t version = 0;

	if (fs_read_file(r->dirfd, file, &bytes, &e) == 0) {
		assert_ok(json_parse(buf_slice(&bytes), &j, &e));
		version = json_int(json_get(json_get(j, "signed"), "version"));
		json_free(j);
	}
	buf_done(&bytes);
	return version;
}

static inline void assert_trusted(struct repo *r, int64_t root,
				  int64_t timestamp, int64_t snapshot,
				  int64_t targets)
{
	assert_int_equal(repo_trusted(r, "root.json"), root);
	assert_int_equal(repo_trusted(r, "timestamp.json"), timestamp);
	assert_int_equal(repo_trusted(r, "snapshot.json"), snapshot);
	assert_int_equal(repo_trusted(r, "targets.json"), targets);
}

/* A refused run, then a mended repository: the client goes on as if nothing. */
#define assert_refused_then_recovers(r, code)                                  \
	do {                                                                   \
		assert_refused(repo_refresh((r), &e), (code));                 \
		repo_mend(r);                                                  \
		assert_ok(repo_refresh((r), &e));                              \
	} while (0)

#endif
