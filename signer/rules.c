/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/example_keys.h"
#include "common/mem.h"
#include "common/release.h"
#include "common/text.h"
#include "common/tuf_due.h"
#include "common/utc.h"
#include "signer/envelope.h"

/* ---- findings ------------------------------------------------------------ */

void findings_add(struct findings *f, bool refuses, const char *fmt, ...)
{
	struct finding *finding;
	va_list args;

	/* Past the table's end a refusal still must refuse. */
	if (f->count == FINDINGS_MAX) {
		f->at[FINDINGS_MAX - 1].refuses |= refuses;
		return;
	}
	finding = &f->at[f->count++];
	finding->refuses = refuses;
	va_start(args, fmt);
	(void)vsnprintf(finding->text, sizeof(finding->text), fmt, args);
	va_end(args);
}

int findings_judge(const struct findings *f, struct err *e)
{
	const struct finding *first = NULL;
	size_t refusals = 0;

	for (size_t i = 0; i < f->count; i++) {
		if (!f->at[i].refuses)
			continue;
		if (!first)
			first = &f->at[i];
		refusals++;
	}
	if (!first)
		return 0;
	if (refusals == 1)
		return err_set(e, ERR_REFUSED, "%s", first->text);
	return err_set(e, ERR_REFUSED, "%s (and %zu more: see inspect)",
		       first->text, refusals - 1);
}

/* ---- dates --------------------------------------------------------------- */

static bool read_date(const struct json *signed_part, const char *name,
		      int64_t *sec)
{
	struct err unused;

	return utc_parse(slice_of(json_text(json_get(signed_part, name))), sec,
			 &unused) == 0;
}

/* Whoever must sign every other day soon signs without looking. */
static void look_at_short_life(const struct json *signed_part, int64_t life,
			       struct findings *out)
{
	const char *name = envelope_role_of(signed_part);
	int days_min = (int)roles_days_min(name);
	enum environment env;
	struct err unused;

	if (rules_environment(signed_part, &env, &unused) == 0 &&
	    env == ENV_PRODUCTION && life > 0 && life < days_min * UTC_DAY)
		findings_add(out, true,
			     "%s: production wants it to live for %d days at "
			     "least",
			     name, days_min);
}

void rules_dates(const struct json *signed_part, int64_t now,
		 struct findings *out)
{
	const char *name = envelope_role_of(signed_part);
	int days_max = (int)roles_days_max(name);
	int64_t issued, expires;

	if (!read_date(signed_part, "issued", &issued) ||
	    !read_date(signed_part, "expires", &expires)) {
		findings_add(out, true, "%s: dates are missing or malformed",
			     name);
		return;
	}
	if (issued > now + RULES_CLOCK_SLACK_SEC)
		findings_add(out, true,
			     "%s: \"issued\" is later than this machine's "
			     "clock: one of two clocks is wrong",
			     name);
	if (expires <= issued)
		findings_add(out, true, "%s: expires before it is issued",
			     name);
	if (expires <= now)
		findings_add(out, true,
			     "%s: expired: stage it anew with extend", name);
	else if (tuf_due(issued, expires, now) > 0)
		findings_add(out, false, "%s: expires in %d days", name,
			     (int)((expires - now) / UTC_DAY));
	if (expires - issued > days_max * UTC_DAY)
		findings_add(out, true, "%s: lives longer than %d days", name,
			     days_max);
	look_at_short_life(signed_part, expires - issued, out);
}

/* ---- root: keys and thresholds ------------------------------------------- */

struct held_key {
	const char *role;
	struct ec_public key;
};

#define HELD_MAX (RULES_DELEGATED_MAX * RULES_ROLE_KEYS_MAX)

/* The keys that one signed part lists: a root, or targets that delegate. */
struct key_view {
	const struct json *by;
	enum environment environment;
	struct held_key keys[HELD_MAX];
	size_t key_count;
};

static const char *const role_names[] = { "root", "targets", "snapshot",
					  "timestamp" };

int rules_environment(const struct json *signed_part, enum environment *out,
		      struct err *e)
{
	const struct json *pawl;
	const char *name;

	if (json_get_object(signed_part, "pawl", &pawl, e) ||
	    json_get_text(pawl, "environment", &name, e))
		return -1;
	return environment_parse(slice_of(name), out, e);
}

static bool key_is_ours(const struct json *key, const char *keyid,
			struct ec_public *out)
{
	const char *pem =
		json_text(json_get(json_get(key, "keyval"), "public"));
	struct json *again = NULL;
	char id[TUF_KEYID_LEN];
	struct err unused;
	bool equal;

	if (ec_public_from_pem(slice_of(pem), out, &unused) ||
	    tuf_keyid(out, id, &unused) || tuf_key_json(out, &again, &unused))
		return false;
	equal = json_same(key, again) && strcmp(id, keyid) == 0;
	json_free(again);
	return equal;
}

static void look_at_key(struct key_view *v, const char *role, const char *keyid,
			struct findings *out)
{
	const struct json *key = json_get(roles_keys(v->by), keyid);
	struct held_key *held;

	if (v->key_count == HELD_MAX) {
		findings_add(out, true, "more than %d keys", HELD_MAX);
		return;
	}
	held = &v->keys[v->key_count];
	if (!key || !key_is_ours(key, keyid, &held->key)) {
		findings_add(out, true,
			     "role %s: the key %.12s is missing, or no P-256 "
			     "key under its own id",
			     role, keyid);
		return;
	}
	held->role = role;
	for (size_t i = 0; i < v->key_count; i++)
		if (strcmp(v->keys[i].role, role) == 0 &&
		    ec_public_equal(&v->keys[i].key, &held->key))
			findings_add(out, true, "role %s: the key %.12s twice",
				     role, keyid);
	v->key_count++;
}

/* Losing one key must not lose the role. */
static void look_at_spares(const struct key_view *v, const char *role,
			   int64_t threshold, size_t count,
			   struct findings *out)
{
	unsigned least = roles_threshold_min(role);

	if (least < 2)
		return;
	if (v->environment == ENV_PRODUCTION && threshold < least)
		findings_add(out, true,
			     "role %s: production wants a threshold of at "
			     "least %u",
			     role, least);
	if (threshold == 1 && v->environment == ENV_LAB)
		findings_add(out, false,
			     "lab: one key alone, of %zu, signs for role %s",
			     count, role);
	else if ((size_t)threshold == count)
		findings_add(out, false,
			     "role %s: no spare key: losing one of %zu means "
			     "losing the role",
			     role, count);
}

static void look_at_role(struct key_view *v, const char *role,
			 struct findings *out)
{
	const struct json *r = roles_find(v->by, role);
	const struct json *ids = json_get(r, "keyids");
	const struct json *threshold = json_get(r, "threshold");
	size_t count = json_count(ids);

	if (!json_is_array(ids) || count == 0) {
		findings_add(out, true, "role %s has no key yet", role);
		return;
	}
	if (count > RULES_ROLE_KEYS_MAX) {
		findings_add(out, true, "role %s has more than %d keys", role,
			     RULES_ROLE_KEYS_MAX);
		return;
	}
	for (size_t i = 0; i < count; i++)
		look_at_key(v, role, json_text(json_at(ids, i)), out);
	if (!json_is_integer(threshold) || json_int(threshold) < 1 ||
	    (uint64_t)json_int(threshold) > count) {
		findings_add(out, true,
			     "role %s: the threshold must be between 1 and "
			     "its %zu keys",
			     role, count);
		return;
	}
	look_at_spares(v, role, json_int(threshold), count, out);
}

static void compare_keys(const struct held_key *a, const struct held_key *b,
			 enum environment env, struct findings *out)
{
	bool production = env == ENV_PRODUCTION;

	if (!roles_same_duty(a->role, b->role) &&
	    ec_public_equal(&a->key, &b->key))
		findings_add(out, production,
			     "one key holds the roles %s and %s%s", b->role,
			     a->role, production ? ": not in production" : "");
}

static void look_at_sharing(const struct key_view *v, struct findings *out)
{
	for (size_t i = 0; i < v->key_count; i++)
		for (size_t j = 0; j < i; j++)
			compare_keys(&v->keys[i], &v->keys[j], v->environment,
				     out);
}

static void look_at_pawl(struct key_view *v, struct findings *out)
{
	static const char *const members[] = { "environment", "staging",
					       "medium_max_days", NULL };
	const struct json *pawl = json_get(v->by, "pawl");
	const char *staging = json_text(json_get(pawl, "staging"));
	struct err why = { 0 };
	int64_t days;

	if (json_only(pawl, members, &why) ||
	    json_get_int(pawl, "medium_max_days", 1, RULES_MEDIUM_DAYS_MAX,
			 &days, &why))
		findings_add(out, true, "pawl: %.200s", why.msg);
	if (strcmp(staging, "server") != 0 && strcmp(staging, "signed") != 0)
		findings_add(out, true,
			     "staging is neither \"server\" nor \"signed\"");
	else if (v->environment == ENV_PRODUCTION &&
		 strcmp(staging, "signed") != 0)
		findings_add(out, true,
			     "production wants staging \"signed\": the server "
			     "alone must not open a rollout");
}

/* What we do not know we do not sign. */
static void look_at_members(const struct json *root, struct findings *out)
{
	static const char *const members[] = { "_type",   "spec_version",
					       "version", "issued",
					       "expires", "keys",
					       "roles",   "consistent_snapshot",
					       "pawl",    NULL };
	static const char *const roles[] = { "root", "targets", "snapshot",
					     "timestamp", NULL };
	struct err why = { 0 };
	bool consistent;

	if (json_only(root, members, &why) ||
	    json_only(json_get(root, "roles"), roles, &why))
		findings_add(out, true, "root: %.200s", why.msg);
	if (json_get_bool(root, "consistent_snapshot", &consistent, &why) ||
	    !consistent)
		findings_add(out, true,
			     "root: consistent_snapshot is not true");
}

static void look_for_unused_keys(const struct json *root, struct findings *out)
{
	const struct json *keys = json_get(root, "keys");
	struct ec_public key;
	struct err unused;
	bool used;

	for (void *m = json_first(keys); m; m = json_next(keys, m)) {
		used = false;
		for (size_t i = 0; i < ARRAY_LEN(role_names); i++)
			used |= envelope_role_key(root, role_names[i],
						  json_name(m), &key,
						  &unused) == 0;
		if (!used)
			findings_add(out, true,
				     "root: the key %.12s has no role",
				     json_name(m));
	}
}

/* Published example keys outside demo; keys out of standards anywhere. */
static void look_for_known_keys(const struct key_view *v, struct findings *out)
{
	struct err why = { 0 };

	for (size_t i = 0; i < v->key_count; i++)
		if (key_check_allowed(&v->keys[i].key, v->environment, &why))
			findings_add(out, true, "role %s: %.180s",
				     v->keys[i].role, why.msg);
}

void rules_root(const struct json *root, struct findings *out)
{
	struct key_view *v = mem_alloc(1, sizeof(*v));
	struct err why = { 0 };

	v->by = root;
	look_at_members(root, out);
	if (rules_environment(root, &v->environment, &why)) {
		findings_add(out, true, "root: %.200s", why.msg);
		free(v);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(role_names); i++)
		look_at_role(v, role_names[i], out);
	look_at_sharing(v, out);
	look_at_pawl(v, out);
	look_for_unused_keys(root, out);
	if (v->environment == ENV_DEMO)
		findings_add(out, false,
			     "demo: keys to throw away; nothing here protects "
			     "a device");
	look_for_known_keys(v, out);
	free(v);
}

void rules_root_after(const struct json *before, const struct json *root,
		      struct findings *out)
{
	int64_t version = json_int(json_get(root, "version"));
	enum environment was, is;
	int64_t issued_then, issued;
	struct err unused;

	if (!before) {
		if (version != 1)
			findings_add(out, true, "the first root is version 1");
		return;
	}
	if (version != json_int(json_get(before, "version")) + 1)
		findings_add(out, true,
			     "root: the version must be exactly one higher "
			     "than the published one");
	if (rules_environment(before, &was, &unused) == 0 &&
	    rules_environment(root, &is, &unused) == 0 && was != is)
		findings_add(out, true,
			     "root: a repository never changes its "
			     "environment");
	if (read_date(before, "issued", &issued_then) &&
	    read_date(root, "issued", &issued) && issued < issued_then)
		findings_add(out, true,
			     "root: issued before the root it follows");
}

/* ---- targets ------------------------------------------------------------- */

/* One role of the delegations: its name says what else must stand there. */
static void look_at_delegation(struct key_view *v, const struct json *one,
			       struct findings *out)
{
	static const char *const members[] = { "name",        "keyids",
					       "threshold",   "paths",
					       "terminating", NULL };
	const char *name = json_text(json_get(one, "name"));
	struct json *paths;
	struct err why = { 0 };
	char shown[100];
	bool terminating;

	text_escape(slice_of(name), shown, sizeof(shown));
	if (!roles_is_delegated(name)) {
		findings_add(out, true,
			     "targets delegate to %s, which is no role of ours",
			     shown);
		return;
	}
	paths = roles_paths(name);
	if (json_only(one, members, &why) ||
	    json_get_bool(one, "terminating", &terminating, &why))
		findings_add(out, true, "role %s: %.120s", name, why.msg);
	else if (!json_same(json_get(one, "paths"), paths) ||
		 terminating != roles_is_terminating(name))
		findings_add(out, true,
			     "role %s: its paths are not those of a role of "
			     "this name",
			     name);
	json_free(paths);
	look_at_role(v, name, out);
}

static void look_for_idle_keys(const struct key_view *v, struct findings *out)
{
	const struct json *keys = roles_keys(v->by);
	const struct json *list =
		json_get(json_get(v->by, "delegations"), "roles");
	bool used;

	for (void *m = json_first(keys); m; m = json_next(keys, m)) {
		used = false;
		for (size_t i = 0; i < json_count(list); i++)
			used |= roles_has(
				v->by,
				json_text(json_get(json_at(list, i), "name")),
				json_name(m));
		if (!used)
			findings_add(out, true,
				     "targets: the key %.12s has no role",
				     json_name(m));
	}
}

static void look_at_delegations(const struct json *targets,
				struct findings *out)
{
	static const char *const members[] = { "keys", "roles", NULL };
	const struct json *delegations = json_get(targets, "delegations");
	const struct json *list = json_get(delegations, "roles");
	struct key_view *v;
	struct err why = { 0 };

	if (!delegations)
		return;
	if (json_only(delegations, members, &why) ||
	    json_count(list) > RULES_DELEGATED_MAX) {
		findings_add(out, true,
			     "targets: malformed delegations, or more than %d",
			     RULES_DELEGATED_MAX);
		return;
	}
	v = mem_alloc(1, sizeof(*v));
	v->by = targets;
	/* Whether an environment is named at all is judged elsewhere. */
	if (rules_environment(targets, &v->environment, &why))
		v->environment = ENV_PRODUCTION;
	for (size_t i = 0; i < json_count(list); i++)
		look_at_delegation(v, json_at(list, i), out);
	look_at_sharing(v, out);
	look_for_idle_keys(v, out);
	look_for_known_keys(v, out);
	free(v);
}

/* Keys alone: what is wrong with them was said when each was judged. */
static struct key_view *collect_root(const struct json *root)
{
	struct key_view *v = mem_alloc(1, sizeof(*v));
	struct findings *ignored = mem_alloc(1, sizeof(*ignored));
	struct err unused;

	v->by = root;
	if (rules_environment(root, &v->environment, &unused))
		v->environment = ENV_PRODUCTION;
	for (size_t i = 0; i < ARRAY_LEN(role_names); i++)
		look_at_role(v, role_names[i], ignored);
	free(ignored);
	return v;
}

void rules_sharing(const struct json *root, const struct json *targets,
		   struct findings *out)
{
	const struct json *list =
		json_get(json_get(targets, "delegations"), "roles");
	struct key_view *v = collect_root(root);
	struct held_key other;
	const struct json *ids;
	struct err unused;

	for (size_t i = 0; i < json_count(list); i++) {
		other.role = json_text(json_get(json_at(list, i), "name"));
		ids = json_get(json_at(list, i), "keyids");
		for (size_t k = 0; k < json_count(ids); k++) {
			if (envelope_role_key(targets, other.role,
					      json_text(json_at(ids, k)),
					      &other.key, &unused))
				continue;
			for (size_t n = 0; n < v->key_count; n++)
				compare_keys(&other, &v->keys[n],
					     v->environment, out);
		}
	}
	free(v);
}

/* What we cannot read ourselves, no person here has seen: it is not signed. */
static int read_package(const char *path, const struct json *entry,
			struct err *e)
{
	struct release r = { .seq = 0 };
	struct tuf_target t;

	if (tuf_target_read(path, entry, &t, e))
		return -1;
	if (release_parse(&t, &r, e))
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	release_done(&r);
	return 0;
}

static void look_at_target(const char *role, const char *path,
			   const struct json *entry, struct findings *out)
{
	static const char *const members[] = { "length", "hashes", "custom",
					       NULL };
	struct sha256 digest;
	struct err why = { 0 };
	char shown[100];
	int64_t length;

	text_escape(slice_of(path), shown, sizeof(shown));
	if (!target_path_is_valid(slice_of(path)))
		findings_add(out, true, "%s: bad path %s", role, shown);
	else if (!roles_cover(role, path))
		findings_add(out, true, "%s: %s is not this role's to list",
			     role, shown);
	else if (json_only(entry, members, &why) ||
		 json_get_int(entry, "length", 0, JSON_INT_MAX, &length,
			      &why) ||
		 json_get_hex(json_get(entry, "hashes"), "sha256", digest.bytes,
			      SHA256_LEN, &why) ||
		 read_package(path, entry, &why))
		findings_add(out, true, "%s: %.120s", shown, why.msg);
}

void rules_targets(const struct json *targets, struct findings *out)
{
	/* The last one is the top level's alone. */
	static const char *const members[] = {
		"_type",   "spec_version", "version",     "issued", "expires",
		"targets", "pawl",         "delegations", NULL
	};
	static const char *const ours[] = { "environment", "secrets_allowed",
					    "role", NULL };
	const char *role = envelope_role_of(targets);
	const struct json *list = json_get(targets, "targets");
	struct err why = { 0 };

	if (json_only(targets, members, &why) ||
	    json_only(json_get(targets, "pawl"), ours, &why))
		findings_add(out, true, "%s: %.200s", role, why.msg);
	if (!json_is_object(list)) {
		findings_add(out, true, "%s: no list of targets", role);
		return;
	}
	for (void *m = json_first(list); m; m = json_next(list, m))
		look_at_target(role, json_name(m), json_value(m), out);
	if (roles_is_delegated(role) && json_get(targets, "delegations"))
		findings_add(out, true, "%s delegates to nobody", role);
	look_at_delegations(targets, out);
}

void rules_targets_for(const struct json *targets, enum environment env,
		       struct findings *out)
{
	const char *role = envelope_role_of(targets);
	enum environment said;
	struct err why = { 0 };

	if (rules_environment(targets, &said, &why))
		findings_add(out, true, "%s: %.200s", role, why.msg);
	else if (said != env)
		findings_add(out, true, "%s are for %s, this is %s", role,
			     environment_name(said), environment_name(env));
}

void rules_judge(const struct json *signed_part, int64_t now,
		 struct findings *out)
{
	rules_dates(signed_part, now, out);
	if (strcmp(envelope_role_of(signed_part), "root") == 0)
		rules_root(signed_part, out);
	else
		rules_targets(signed_part, out);
}
