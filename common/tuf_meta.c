/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tuf_meta.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "common/tuf_delegation.h"

static const char *const role_names[] = { "root", "timestamp", "snapshot",
					  "targets" };

const char *tuf_role_name(enum tuf_role role)
{
	return role_names[role];
}

/* ---- what all four have in common ---------------------------------------- */

/* "1.<digits>" or "1.<digits>.<digits>": a new major breaks its readers. */
static int check_spec_version(const struct json *body, struct err *e)
{
	const char *text, *rest;
	size_t digits;

	if (json_get_text(body, "spec_version", &text, e))
		return -1;
	rest = strncmp(text, "1.", 2) == 0 ? text + 2 : "";
	digits = strspn(rest, "0123456789");
	rest += digits;
	if (digits > 0 && *rest == '.') {
		digits = strspn(rest + 1, "0123456789");
		rest += 1 + digits;
	}
	if (digits == 0 || *rest)
		return err_set(e, ERR_FORMAT, "spec_version is not one of 1.x");
	return 0;
}

static int read_date(const struct json *body, const char *name, int64_t *out,
		     struct err *e)
{
	const char *text;

	if (json_get_text(body, name, &text, e))
		return -1;
	if (utc_parse(slice_of(text), out, e))
		return err_in(e, "%s", name);
	return 0;
}

/* "issued" bounds how long anything of ours can be believed. */
static int read_dates(const struct tuf_rules *rules, struct tuf_meta *m,
		      struct err *e)
{
	int64_t life_max =
		m->role == TUF_ROOT ? TUF_ROOT_LIFE_MAX : TUF_OTHER_LIFE_MAX;

	if (read_date(m->body, "expires", &m->expires, e))
		return -1;
	if (rules->foreign)
		return 0;
	if (read_date(m->body, "issued", &m->issued, e))
		return -1;
	if (m->issued >= m->expires)
		return err_set(e, ERR_FORMAT, "issued is not before expires");
	if (m->expires - m->issued > life_max)
		return err_set(e, ERR_FORMAT,
			       "expires is too long after issued");
	return 0;
}

static int read_mark(const struct tuf_rules *rules, struct tuf_meta *m,
		     struct err *e)
{
	if (rules->foreign || !json_get(m->body, "medium"))
		return 0;
	if (json_get_bool(m->body, "medium", &m->medium, e))
		return -1;
	if (m->role != TUF_TIMESTAMP && m->role != TUF_SNAPSHOT)
		return err_set(e, ERR_FORMAT,
			       "medium marks a timestamp or snapshot only");
	return 0;
}

static int read_header(const struct tuf_rules *rules, struct tuf_meta *m,
		       struct err *e)
{
	const char *type;

	if (json_get_text(m->body, "_type", &type, e))
		return -1;
	if (strcmp(type, tuf_role_name(m->role)) != 0)
		return err_set(e, ERR_FORMAT, "_type is \"%.16s\"", type);
	if (check_spec_version(m->body, e) ||
	    json_get_int(m->body, "version", 1, JSON_INT_MAX, &m->version, e))
		return -1;
	return read_dates(rules, m, e) || read_mark(rules, m, e) ? -1 : 0;
}

static int read_envelope(const struct tuf_rules *rules, struct tuf_meta *m,
			 struct err *e)
{
	static const char *const members[] = { "signatures", "signed", NULL };

	if (json_parse(buf_slice(&m->bytes), &m->tree, e))
		return -1;
	if (!rules->foreign && json_only(m->tree, members, e))
		return -1;
	if (json_get_array(m->tree, "signatures", &m->signatures, e) ||
	    json_get_object(m->tree, "signed", &m->body, e) ||
	    tuf_signatures_check(rules, m->signatures, e))
		return -1;
	return json_canonical(m->body, &m->canonical, e);
}

int tuf_meta_parse(const struct tuf_rules *rules, enum tuf_role role,
		   struct slice bytes, struct tuf_meta **out, struct err *e)
{
	struct tuf_meta *m = mem_alloc(1, sizeof(*m));

	m->role = role;
	/* Every canonical spelling is at most as long as any other one. */
	m->bytes.max = m->canonical.max = bytes.len;
	if (buf_add(&m->bytes, bytes, e) || read_envelope(rules, m, e) ||
	    read_header(rules, m, e)) {
		tuf_meta_free(m);
		return -1;
	}
	*out = m;
	return 0;
}

void tuf_meta_free(struct tuf_meta *m)
{
	if (!m)
		return;
	json_free(m->tree);
	buf_done(&m->bytes);
	buf_done(&m->canonical);
	free(m);
}

/* ---- root ---------------------------------------------------------------- */

int tuf_root_keyring(const struct tuf_rules *rules,
		     const struct json *root_body, const char *role,
		     struct tuf_keyring *out, struct err *e)
{
	const struct json *keys, *roles, *entry;

	if (json_get_object(root_body, "keys", &keys, e) ||
	    json_get_object(root_body, "roles", &roles, e) ||
	    json_get_object(roles, role, &entry, e))
		return -1;
	if (tuf_keyring_read(rules, keys, entry, out, e))
		return err_in(e, "roles.%s", role);
	return 0;
}

/*
 * One person or one stolen key must never be enough in production. Snapshot
 * and timestamp are both the keeper's and may share its key.
 */
static int check_production(const struct tuf_keyring rings[4], struct err *e)
{
	for (int role = TUF_ROOT; role <= TUF_TARGETS; role++) {
		if ((role == TUF_ROOT || role == TUF_TARGETS) &&
		    rings[role].threshold < 2)
			return err_set(e, ERR_REFUSED,
				       "production needs a threshold of 2 for "
				       "%s",
				       role_names[role]);
		for (int other = role + 1; other <= TUF_TARGETS; other++) {
			if (role == TUF_TIMESTAMP && other == TUF_SNAPSHOT)
				continue;
			if (tuf_keyring_shares(&rings[role], &rings[other]))
				return err_set(e, ERR_REFUSED,
					       "one key in two roles of a "
					       "production root");
		}
	}
	return 0;
}

/* The "pawl" object; read where root is checked, so it cannot fail later. */
static int read_site(const struct json *body, struct tuf_site *out,
		     struct err *e)
{
	struct tuf_site site = { .medium_max_days = TUF_MEDIUM_DAYS };
	const char *environment, *staging;
	const struct json *pawl;
	int64_t days = TUF_MEDIUM_DAYS;

	if (json_get_object(body, "pawl", &pawl, e) ||
	    json_get_text(pawl, "environment", &environment, e) ||
	    environment_parse(slice_of(environment), &site.environment, e) ||
	    json_get_text(pawl, "staging", &staging, e))
		return -1;
	site.staging_signed = strcmp(staging, "signed") == 0;
	if (!site.staging_signed && strcmp(staging, "server") != 0)
		return err_set(e, ERR_FORMAT, "pawl.staging");
	if (json_get(pawl, "medium_max_days") &&
	    json_get_int(pawl, "medium_max_days", 1, TUF_MEDIUM_DAYS_MAX, &days,
			 e))
		return -1;
	site.medium_max_days = (unsigned)days;
	*out = site;
	return 0;
}

static int check_root_of_ours(const struct json *body,
			      const struct tuf_keyring rings[4], struct err *e)
{
	const struct json *roles = json_get(body, "roles");
	struct tuf_site site;
	bool consistent;

	if (json_get_bool(body, "consistent_snapshot", &consistent, e))
		return -1;
	if (!consistent)
		return err_set(e, ERR_FORMAT, "consistent_snapshot is false");
	if (json_count(roles) != ARRAY_LEN(role_names))
		return err_set(e, ERR_FORMAT, "roles other than the four");
	if (read_site(body, &site, e))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(role_names); i++)
		if (tuf_keyring_check_allowed(&rings[i], site.environment, e))
			return err_in(e, "%s", role_names[i]);
	if (site.environment != ENV_PRODUCTION)
		return 0;
	if (!site.staging_signed)
		return err_set(e, ERR_REFUSED,
			       "production needs signed orders (staging)");
	return check_production(rings, e);
}

static int check_root(const struct tuf_rules *rules, const struct json *body,
		      struct err *e)
{
	struct tuf_keyring rings[ARRAY_LEN(role_names)];
	bool consistent;

	for (size_t i = 0; i < ARRAY_LEN(role_names); i++)
		if (tuf_root_keyring(rules, body, role_names[i], &rings[i], e))
			return -1;
	if (!rules->foreign)
		return check_root_of_ours(body, rings, e);
	if (!json_get(body, "consistent_snapshot"))
		return 0;
	return json_get_bool(body, "consistent_snapshot", &consistent, e);
}

bool tuf_root_consistent(const struct tuf_meta *root)
{
	struct err absent;
	bool consistent;

	return json_get_bool(root->body, "consistent_snapshot", &consistent,
			     &absent) == 0 &&
	       consistent;
}

void tuf_root_site(const struct tuf_meta *root, struct tuf_site *out)
{
	static const struct tuf_site foreign = {
		.environment = ENV_DEMO,
		.medium_max_days = TUF_MEDIUM_DAYS,
	};
	struct err absent;

	if (read_site(root->body, out, &absent))
		*out = foreign;
}

/* ---- timestamp and snapshot ---------------------------------------------- */

/* The digests that we know; others are none to us. */
static int read_hashes(const struct json *hashes, struct tuf_file *out,
		       struct err *e)
{
	for (void *m = json_first(hashes); m; m = json_next(hashes, m))
		if (!json_is_string(json_value(m)))
			return err_set(e, ERR_FORMAT, "a hash is not a string");
	out->has_sha256 = json_get(hashes, "sha256");
	out->has_sha512 = json_get(hashes, "sha512");
	if (out->has_sha256 &&
	    json_get_hex(hashes, "sha256", out->sha256.bytes, SHA256_LEN, e))
		return -1;
	if (out->has_sha512 &&
	    json_get_hex(hashes, "sha512", out->sha512, SHA512_LEN, e))
		return -1;
	return 0;
}

static int read_file_entry(const struct json *entry, struct tuf_file *out,
			   struct err *e)
{
	struct tuf_file file = { 0 };
	const struct json *hashes;

	if (json_get_int(entry, "version", 1, JSON_INT_MAX, &file.version, e))
		return -1;
	file.has_length = json_get(entry, "length");
	if (file.has_length &&
	    json_get_int(entry, "length", 0, JSON_INT_MAX, &file.length, e))
		return -1;
	if (!json_get(entry, "hashes")) {
		*out = file;
		return 0;
	}
	if (json_get_object(entry, "hashes", &hashes, e) ||
	    read_hashes(hashes, &file, e))
		return -1;
	if (!file.has_sha256 && !file.has_sha512)
		return err_set(e, ERR_FORMAT, "no hash that we know");
	*out = file;
	return 0;
}

/* "<role>.json"; the role is percent-encoded wherever it becomes a name. */
static int check_file_name(const struct tuf_rules *rules, const char *name,
			   struct err *e)
{
	static const char suffix[] = ".json";
	size_t len = strlen(name), suffix_len = sizeof(suffix) - 1;

	if (len <= suffix_len || strcmp(name + len - suffix_len, suffix) != 0)
		return err_set(e, ERR_FORMAT, "a name without .json");
	len -= suffix_len;
	if (!rules->foreign &&
	    !name_is_valid(slice_sub(slice_of(name), 0, len)))
		return err_set(e, ERR_FORMAT, "a role name is not a name");
	return 0;
}

static int check_files(const struct tuf_rules *rules, const struct tuf_meta *m,
		       struct err *e)
{
	bool timestamp = m->role == TUF_TIMESTAMP;
	const char *needed = timestamp ? "snapshot.json" : "targets.json";
	const struct json *files, *entry;
	struct tuf_file file;

	if (json_get_object(m->body, "meta", &files, e) ||
	    json_get_object(files, needed, &entry, e))
		return -1;
	if (timestamp && json_count(files) != 1 && !rules->foreign)
		return err_set(e, ERR_FORMAT, "meta has more than snapshot");
	for (void *i = json_first(files); i; i = json_next(files, i)) {
		if (check_file_name(rules, json_name(i), e) ||
		    read_file_entry(json_value(i), &file, e))
			return err_in(e, "meta");
	}
	return 0;
}

int tuf_meta_file(const struct tuf_meta *m, const char *name,
		  struct tuf_file *out, struct err *e)
{
	const struct json *entry = json_get(json_get(m->body, "meta"), name);

	if (!entry)
		return err_set(e, ERR_NOT_FOUND, "%s does not list the role",
			       tuf_role_name(m->role));
	return read_file_entry(entry, out, e);
}

int tuf_file_check(const struct tuf_file *file, struct slice bytes,
		   struct err *e)
{
	uint8_t sha512[SHA512_LEN];
	struct sha256 sha256;

	if (file->has_length && file->length != (int64_t)bytes.len)
		return err_set(e, ERR_UNTRUSTED, "%zu bytes instead of %lld",
			       bytes.len, (long long)file->length);
	if (file->has_sha256) {
		sha256_of(bytes, &sha256);
		if (!sha256_equal(&sha256, &file->sha256))
			return err_set(e, ERR_UNTRUSTED, "other SHA-256");
	}
	if (file->has_sha512) {
		sha512_of(bytes, sha512);
		if (memcmp(sha512, file->sha512, sizeof(sha512)) != 0)
			return err_set(e, ERR_UNTRUSTED, "other SHA-512");
	}
	return 0;
}

/* ---- targets ------------------------------------------------------------- */

static int read_target(const char *path, const struct json *entry,
		       struct tuf_target *out, struct err *e)
{
	struct tuf_target target = { .path = path };
	struct tuf_file file = { 0 };
	const struct json *hashes;
	int64_t length;

	if (json_get_int(entry, "length", 0, JSON_INT_MAX, &length, e) ||
	    json_get_object(entry, "hashes", &hashes, e) ||
	    read_hashes(hashes, &file, e))
		return -1;
	if (json_get(entry, "custom") &&
	    json_get_object(entry, "custom", &target.custom, e))
		return -1;
	target.length = (uint64_t)length;
	target.has_sha256 = file.has_sha256;
	target.has_sha512 = file.has_sha512;
	target.sha256 = file.sha256;
	memcpy(target.sha512, file.sha512, sizeof(target.sha512));
	*out = target;
	return 0;
}

static int check_targets(const struct tuf_rules *rules, const struct json *body,
			 struct err *e)
{
	const struct json *targets, *delegations;
	struct tuf_target target;

	if (json_get_object(body, "targets", &targets, e))
		return -1;
	for (void *m = json_first(targets); m; m = json_next(targets, m)) {
		struct slice path = slice_of(json_name(m));

		if (!rules->foreign && !target_path_is_valid(path))
			return err_set(e, ERR_FORMAT,
				       "a target's path is not made of plain "
				       "lower-case names");
		if (read_target(json_name(m), json_value(m), &target, e))
			return err_in(e, "a target");
	}
	if (!json_get(body, "delegations"))
		return 0;
	if (json_get_object(body, "delegations", &delegations, e) ||
	    tuf_delegations_check(rules, delegations, e))
		return err_in(e, "delegations");
	return 0;
}

int tuf_target_read(const char *path, const struct json *entry,
		    struct tuf_target *out, struct err *e)
{
	struct tuf_target target;

	if (read_target(path, entry, &target, e))
		return -1;
	if (!target.has_sha256 && !target.has_sha512)
		return err_set(e, ERR_UNTRUSTED,
			       "target with no hash that we know");
	*out = target;
	return 0;
}

int tuf_targets_get(const struct tuf_meta *m, const char *path,
		    struct tuf_target *out, struct err *e)
{
	const struct json *targets = json_get(m->body, "targets");

	assert(m->role == TUF_TARGETS);
	/* A walk, not a look-up, for the path that lives as long as m. */
	for (void *i = json_first(targets); i; i = json_next(targets, i))
		if (strcmp(json_name(i), path) == 0)
			return tuf_target_read(json_name(i), json_value(i), out,
					       e);
	return err_set(e, ERR_NOT_FOUND, "no such target");
}

/* ---- the whole ----------------------------------------------------------- */

int tuf_meta_check(const struct tuf_rules *rules, const struct tuf_meta *m,
		   struct err *e)
{
	switch (m->role) {
	case TUF_ROOT:
		return check_root(rules, m->body, e);
	case TUF_TIMESTAMP:
	case TUF_SNAPSHOT:
		return check_files(rules, m, e);
	case TUF_TARGETS:
		break;
	}
	return check_targets(rules, m->body, e);
}

static int verify(const struct tuf_rules *rules, const struct tuf_meta *m,
		  const struct tuf_keyring *ring, struct err *e)
{
	struct slice message = buf_slice(&m->canonical);
	struct tuf_keyring own;

	assert(ring || m->role == TUF_ROOT);
	if (ring && tuf_keyring_verify(ring, m->signatures, message, e))
		return -1;
	if (m->role != TUF_ROOT)
		return 0;
	if (tuf_root_keyring(rules, m->body, "root", &own, e) ||
	    tuf_keyring_verify(&own, m->signatures, message, e))
		return err_in(e, "its own keys");
	return 0;
}

int tuf_meta_read(const struct tuf_rules *rules, enum tuf_role role,
		  struct slice bytes, const struct tuf_keyring *ring,
		  struct tuf_meta **out, struct err *e)
{
	struct tuf_meta *m;

	if (tuf_meta_parse(rules, role, bytes, &m, e))
		return -1;
	if (verify(rules, m, ring, e) || tuf_meta_check(rules, m, e)) {
		tuf_meta_free(m);
		return -1;
	}
	*out = m;
	return 0;
}
