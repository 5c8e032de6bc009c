/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_role - the roles that targets delegate to.
 *
 * A new role is staged in both places at once: the delegation in targets, and
 * the role's own first file, which publish wants signed. What targets listed
 * so far and the new role covers moves into that file, and back when the role
 * is taken away; so a path always has one owner.
 */
#include <string.h>

#include "common/example_keys.h"
#include "common/keyring.h"
#include "common/utc.h"
#include "signer/change.h"
#include "signer/commands.h"
#include "signer/names.h"
#include "signer/roleedit.h"
#include "signer/rules.h"
#include "signer/watch.h"

struct role {
	const char *repo, *name;
	struct opt_list keys;
	uint64_t threshold;
};

/* ---- add ----------------------------------------------------------------- */

static int check_new(const struct repo *r, const char *name, struct err *e)
{
	enum role_kind kind;

	if (roles_check_delegated(name, e))
		return -1;
	if (roles_kind(name, &kind) && kind == ROLE_PRODUCT &&
	    !repo_has_product(r, name + strlen("product-")))
		return err_set(e, ERR_REFUSED,
			       "%s: pawl.ini lists no such product", name);
	return 0;
}

static int add_key(struct repo *r, struct json *targets, const char *role,
		   const char *path, struct report *out, struct err *e)
{
	char keyid[TUF_KEYID_LEN], made[NAMES_SHORT_LEN];
	struct ec_public key;

	if (keyring_read_public(path, &key, keyid, e) ||
	    key_check_allowed(&key, r->environment, e) ||
	    roleedit_add(targets, role, &key, e))
		return -1;
	if (!json_get(r->names, keyid) && names_from_file(path, made) &&
	    repo_name_key(r, keyid, made, e))
		return -1;
	report_line(out, "%s gains: %s (%.12s)", role,
		    names_find(r->names, keyid, made), keyid);
	return 0;
}

static int fill_delegation(const struct role *a, struct repo *r,
			   struct json *targets, struct report *out,
			   struct err *e)
{
	if (roleedit_delegate(targets, a->name, e))
		return -1;
	for (size_t i = 0; i < a->keys.count; i++)
		if (add_key(r, targets, a->name, a->keys.at[i], out, e))
			return -1;
	roleedit_threshold(targets, a->name, a->threshold);
	return 0;
}

/*
 * The role's own file first, with what it takes over: until targets name the
 * role, nobody looks at it. So one rename decides, and a command that was cut
 * off is said again.
 */
static int stage_both(const struct role *a, struct repo *r,
		      struct json *targets, int64_t now, struct report *out,
		      struct err *e)
{
	struct json *own;
	size_t count;

	if (repo_begin_first(r, a->name, now, &own, e)) {
		json_free(targets);
		return -1;
	}
	count = roleedit_move(tuf_envelope_signed(targets),
			      tuf_envelope_signed(own), a->name);
	if (change_stage(r, a->name, own, now, out, e)) {
		json_free(targets);
		return -1;
	}
	if (change_stage(r, "targets", targets, now, out, e))
		return -1;
	if (count > 0)
		report_line(out, "%zu targets now belong to %s", count,
			    a->name);
	return 0;
}

static void say_findings(const struct repo *r, struct report *out)
{
	struct findings found = { 0 };

	rules_targets(repo_current(&r->targets), &found);
	rules_sharing(repo_root(r), repo_current(&r->targets), &found);
	for (size_t i = 0; i < found.count; i++)
		report_note(out, "%s%s",
			    found.at[i].refuses ? "before anybody can sign: "
						: "",
			    found.at[i].text);
}

static int add_to(const struct role *a, struct repo *r, struct report *out,
		  struct err *e)
{
	int64_t now = utc_now();
	struct json *targets;

	if (check_new(r, a->name, e) ||
	    repo_begin(r, "targets", now, &targets, e))
		return -1;
	if (fill_delegation(a, r, tuf_envelope_signed(targets), out, e)) {
		json_free(targets);
		return -1;
	}
	if (stage_both(a, r, targets, now, out, e))
		return -1;
	say_findings(r, out);
	report_line(out, "staged: targets and %s, both to be signed", a->name);
	json_set_text(report_object(out), "role", a->name);
	return 0;
}

static int add(const struct role *a, struct report *out, struct err *e)
{
	struct repo r;
	int rc;

	if (watch_open(a->repo, REPO_WRITE, &r, out, e))
		return -1;
	rc = add_to(a, &r, out, e);
	repo_close(&r);
	return rc;
}

int cmd_role_add(int argc, char **argv, struct err *e)
{
	struct role a = { .threshold = 1 };
	struct report out = { 0 };
	const struct opt opts[] = {
		OPT_LIST("key", "FILE.pub", &a.keys, "a key of the role"),
		OPT_NUMBER("threshold", "N", &a.threshold, RULES_ROLE_KEYS_MAX,
			   "keys that must sign (1)"),
		OPT_FLAG("json", &out.json, "print JSON"),
		OPT_END,
	};
	char **operands;
	int count, rc;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count == 2 && a.keys.count > 0 && a.threshold > 0) {
		a.repo = operands[0];
		a.name = operands[1];
		rc = add(&a, &out, e);
	} else
		rc = err_set(e, ERR_USAGE,
			     "REPO, ROLE and at least one --key are needed");
	return report_end(&out, rc, e);
}

/* ---- remove -------------------------------------------------------------- */

static int remove_from(const struct role *a, struct repo *r, struct report *out,
		       struct err *e)
{
	const struct repo_role *held = repo_role(r, a->name);
	int64_t now = utc_now();
	struct json *targets, *own;
	size_t count = 0;

	if (roles_check_delegated(a->name, e) ||
	    repo_begin(r, "targets", now, &targets, e))
		return -1;
	if (roleedit_undelegate(tuf_envelope_signed(targets), a->name, e)) {
		json_free(targets);
		return -1;
	}
	if (held && repo_current(held)) {
		own = envelope_unsigned(repo_current(held));
		count = roleedit_move(tuf_envelope_signed(own),
				      tuf_envelope_signed(targets), a->name);
		json_free(own);
	}
	if (change_stage(r, "targets", targets, now, out, e) ||
	    (held && held->staged && repo_unstage(r, a->name, e)))
		return -1;
	report_line(out, "staged: targets without %s", a->name);
	if (count > 0)
		report_note(out,
			    "%zu targets of %s are listed by targets again: "
			    "withdraw what its keys should not have signed",
			    count, a->name);
	json_set_text(report_object(out), "role", a->name);
	json_set_int(report_object(out), "targets", (int64_t)count);
	return 0;
}

static int take_back(const struct role *a, struct report *out, struct err *e)
{
	struct repo r;
	int rc;

	if (watch_open(a->repo, REPO_WRITE, &r, out, e))
		return -1;
	rc = remove_from(a, &r, out, e);
	repo_close(&r);
	return rc;
}

int cmd_role_remove(int argc, char **argv, struct err *e)
{
	struct role a = { 0 };
	struct report out = { 0 };
	const struct opt opts[] = {
		OPT_FLAG("json", &out.json, "print JSON"),
		OPT_END,
	};
	char **operands;
	int count, rc;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count == 2) {
		a.repo = operands[0];
		a.name = operands[1];
		rc = take_back(&a, &out, e);
	} else
		rc = err_set(e, ERR_USAGE, "REPO and ROLE are needed");
	return report_end(&out, rc, e);
}

/* ---- list ---------------------------------------------------------------- */

static struct json *describe_keys(const struct repo *r, const struct json *ids)
{
	struct json *list = json_new_array();
	char fallback[NAMES_SHORT_LEN];
	struct json *one;

	for (size_t i = 0; i < json_count(ids); i++) {
		const char *keyid = json_text(json_at(ids, i));

		one = json_new_object();
		json_set_text(one, "keyid", keyid);
		json_set_text(one, "name",
			      names_find(r->names, keyid, fallback));
		json_add(list, one);
	}
	return list;
}

static void list_role(const struct repo *r, const struct json *by,
		      const char *name, struct json *roles, struct report *out)
{
	const struct json *role = roles_find(by, name);
	const struct json *ids = json_get(role, "keyids");
	const struct repo_role *held = repo_role(r, name);
	struct json *one = json_new_object();
	struct buf text = BUF_INIT(4096);
	char fallback[NAMES_SHORT_LEN];
	const char *expires = "";
	struct err ignored;

	/* At most 16 names: the text cannot overflow. */
	for (size_t i = 0; i < json_count(ids); i++)
		if (buf_addf(&text, &ignored, "%s%s", i > 0 ? ", " : "",
			     names_find(r->names, json_text(json_at(ids, i)),
					fallback)))
			break;
	if (held && repo_current(held))
		expires = json_text(json_get(repo_current(held), "expires"));
	report_line(out, "%s: %lld of %s%s%s%s", name,
		    (long long)json_int(json_get(role, "threshold")),
		    text.len > 0 ? buf_text(&text) : "no key yet",
		    *expires ? ", until " : "", expires,
		    held && held->staged ? " (staged)" : "");
	json_set_text(one, "role", name);
	json_set_int(one, "threshold", json_int(json_get(role, "threshold")));
	json_set(one, "keys", describe_keys(r, ids));
	json_set_int(one, "version", repo_version(r, name));
	json_set_bool(one, "staged", held && held->staged);
	if (*expires)
		json_set_text(one, "expires", expires);
	json_add(roles, one);
	buf_done(&text);
}

static int list(const struct role *a, struct report *out, struct err *e)
{
	static const char *const top[] = { "root", "targets", "snapshot",
					   "timestamp" };
	struct json *roles = json_new_array();
	struct repo r;

	json_set(report_object(out), "roles", roles);
	if (watch_open(a->repo, REPO_READ, &r, out, e))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(top); i++)
		list_role(&r, repo_root(&r), top[i], roles, out);
	for (size_t i = 0; i < r.delegated_count; i++)
		if (repo_is_listed(&r, r.delegated[i].name))
			list_role(&r, repo_current(&r.targets),
				  r.delegated[i].name, roles, out);
	repo_close(&r);
	return 0;
}

int cmd_role_list(int argc, char **argv, struct err *e)
{
	struct role a = { 0 };
	struct report out = { 0 };
	const struct opt opts[] = {
		OPT_FLAG("json", &out.json, "print JSON"),
		OPT_END,
	};
	char **operands;
	int count, rc;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count == 1) {
		a.repo = operands[0];
		rc = list(&a, &out, e);
	} else
		rc = err_set(e, ERR_USAGE, "one REPO is needed");
	return report_end(&out, rc, e);
}
