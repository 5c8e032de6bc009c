/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_init - make an offline repository.
 *
 * Everything is prepared in a folder beside it and comes into being by one
 * rename. What root still lacks (keys of engineers who are elsewhere, the
 * server's online key) can be imported later; nobody can sign before.
 */
#include <fcntl.h>
#include <string.h>

#include "common/example_keys.h"
#include "common/fs.h"
#include "common/mem.h"
#include "common/named.h"
#include "common/text.h"
#include "common/utc.h"
#include "signer/commands.h"
#include "signer/names.h"
#include "signer/online.h"
#include "signer/roleedit.h"
#include "signer/rules.h"
#include "signer/signing.h"

struct init {
	const char *path, *environment, *staging;
	const char *owner, *contact;
	struct opt_list products, root_keys, targets_keys, online_keys, keys;
	uint64_t root_threshold, targets_threshold;
	uint64_t root_days, targets_days, medium_days, passphrase_fd;
	bool with_online;
	enum environment env;
};

/* ---- what was asked for -------------------------------------------------- */

static int check_asked(struct init *i, struct err *e)
{
	if (!i->environment || !i->owner || i->products.count == 0)
		return err_set(e, ERR_USAGE,
			       "--environment, --owner and at least one "
			       "--product are needed");
	if (environment_parse(slice_of(i->environment), &i->env, e)) {
		e->code = ERR_USAGE;
		return -1;
	}
	for (size_t n = 0; n < i->products.count; n++)
		if (roles_check_product(i->products.at[n], e))
			return -1;
	if (i->products.count > INI_LIST_MAX)
		return err_set(e, ERR_USAGE, "at most %d products",
			       INI_LIST_MAX);
	if (i->with_online && i->env == ENV_PRODUCTION)
		return err_set(e, ERR_REFUSED,
			       "in production the online key lives on the "
			       "server: --online-key FILE.pub");
	return 0;
}

/* Production asks for two of everything, others for one. */
static void set_defaults(struct init *i)
{
	uint64_t usual = i->env == ENV_PRODUCTION ? 2 : 1;

	if (i->root_threshold == 0)
		i->root_threshold = usual;
	if (i->targets_threshold == 0)
		i->targets_threshold = usual;
	if (!i->staging)
		i->staging = i->env == ENV_PRODUCTION ? "signed" : "server";
}

static int fill_settings(const struct init *i, struct repo_settings *s)
{
	repo_settings_default(s);
	s->owner = mem_dup_str(i->owner);
	s->contact = i->contact ? mem_dup_str(i->contact) : NULL;
	for (size_t n = 0; n < i->products.count; n++)
		s->products.at[s->products.count++] =
			mem_dup_str(i->products.at[n]);
	if (i->root_days > 0)
		s->root_days = i->root_days;
	if (i->targets_days > 0)
		s->targets_days = i->targets_days;
	return 0;
}

/* ---- the first root and targets ------------------------------------------ */

static int name_key(struct repo *r, const char *path, const char *keyid,
		    struct err *e)
{
	char name[NAMES_SHORT_LEN];

	if (json_get(r->names, keyid) || !names_from_file(path, name))
		return 0;
	return repo_name_key(r, keyid, name, e);
}

static int add_publics(struct repo *r, struct json *root, const char *role,
		       const struct opt_list *paths, struct err *e)
{
	char keyid[TUF_KEYID_LEN];
	struct ec_public key;

	for (size_t n = 0; n < paths->count; n++)
		if (keyring_read_public(paths->at[n], &key, keyid, e) ||
		    key_check_allowed(&key, r->environment, e) ||
		    roleedit_add(root, role, &key, e) ||
		    name_key(r, paths->at[n], keyid, e))
			return named_in(e, paths->at[n]);
	return 0;
}

/*
 * A key that was given to sign with and listed nowhere signs both roles, as
 * one person in a lab wants it.
 */
static int add_signer(struct repo *r, struct json *root,
		      const struct keyring_key *key, struct err *e)
{
	if (name_key(r, key->path, key->keyid, e))
		return -1;
	if (roles_has(root, "root", key->keyid) ||
	    roles_has(root, "targets", key->keyid))
		return 0;
	if (r->environment == ENV_PRODUCTION)
		return err_set(e, ERR_REFUSED,
			       "%s: in production no key holds two roles; list "
			       "its public half with --root-key or "
			       "--targets-key",
			       key->path);
	return roleedit_add(root, "root", &key->public_key, e) ||
			       roleedit_add(root, "targets", &key->public_key,
					    e)
		       ? -1
		       : 0;
}

static int fill_root(struct repo *r, const struct init *i,
		     const struct keyring *keys, struct json *root,
		     struct err *e)
{
	const struct roleedit_site site = { i->env, i->staging,
					    i->medium_days };
	struct ec_public online;

	roleedit_init(root, &site);
	if (add_publics(r, root, "root", &i->root_keys, e) ||
	    add_publics(r, root, "targets", &i->targets_keys, e) ||
	    add_publics(r, root, "online", &i->online_keys, e))
		return -1;
	for (size_t n = 0; n < keys->count; n++)
		if (add_signer(r, root, &keys->at[n], e))
			return -1;
	if (i->with_online && (online_make(r, &online, e) ||
			       roleedit_add(root, "online", &online, e)))
		return -1;
	roleedit_threshold(root, "root", i->root_threshold);
	roleedit_threshold(root, "targets", i->targets_threshold);
	return 0;
}

static int stage_first(struct repo *r, const struct init *i,
		       const struct keyring *keys, int64_t now, struct err *e)
{
	const struct repo_settings *s = &r->settings;
	struct json *envelope;
	size_t dropped;

	envelope = tuf_envelope_new(TUF_ROOT, 1, now,
				    now + (int64_t)s->root_days * UTC_DAY);
	if (fill_root(r, i, keys, tuf_envelope_signed(envelope), e)) {
		json_free(envelope);
		return -1;
	}
	if (repo_stage(r, "root", envelope, &dropped, e))
		return -1;
	envelope = tuf_envelope_new(TUF_TARGETS, 1, now,
				    now + (int64_t)s->targets_days * UTC_DAY);
	roleedit_init_targets(tuf_envelope_signed(envelope), i->env, NULL);
	return repo_stage(r, "targets", envelope, &dropped, e);
}

/* Sign if root is complete; else say what it still needs. */
static int sign_first(struct repo *r, const struct keyring *keys, int64_t now,
		      struct report *out, struct err *e)
{
	struct findings found = { 0 };
	struct err unused;

	rules_root(repo_root(r), &found);
	for (size_t n = 0; n < found.count; n++)
		if (keys->count == 0 || found.at[n].refuses)
			report_note(out, "%s%s",
				    found.at[n].refuses
					    ? "before anybody can sign: "
					    : "",
				    found.at[n].text);
	if (keys->count == 0 || findings_judge(&found, &unused))
		return 0;
	return signing_repo(r, keys, now, out, e);
}

/* ---- from nothing -------------------------------------------------------- */

static int build(struct repo *r, const struct init *i,
		 const struct keyring *keys, struct report *out, struct err *e)
{
	static const char *const folders[] = { "metadata", "staged",
					       "targets" };
	int64_t now = utc_now();

	for (size_t n = 0; n < ARRAY_LEN(folders); n++)
		if (fs_mkdir(r->dirfd, folders[n], 0755, e))
			return -1;
	if (repo_write_settings(r->dirfd, &r->settings, i->env, e) ||
	    stage_first(r, i, keys, now, e))
		return -1;
	return sign_first(r, keys, now, out, e);
}

static void say_made(const struct init *i, struct report *out)
{
	report_line(out, "%s: a %s repository; staged: root 1, targets 1",
		    i->path, i->environment);
	if (i->env == ENV_LAB)
		report_note(out, "lab: only devices built for lab accept what "
				 "is signed here");
	json_set_text(report_object(out), "repository", i->path);
	json_set_text(report_object(out), "environment", i->environment);
}

static int make(const struct init *i, const struct keyring *keys,
		struct report *out, struct err *e)
{
	char name[NAMED_MAX], fresh[NAMED_MAX + 8];
	struct repo r;
	struct err ignored;
	int parent = -1;
	int rc = -1;

	repo_init(&r, i->path);
	if (repo_is_at(i->path))
		return err_set(e, ERR_CONFLICT, "%s is a repository already",
			       i->path);
	if (named_open(i->path, &parent, name, e))
		return -1;
	r.environment = i->env;
	r.names = json_new_object();
	if (fill_settings(i, &r.settings) ||
	    text_format(fresh, sizeof(fresh), e, ".%s.new", name) ||
	    fs_remove_tree(parent, fresh, e) ||
	    fs_mkdir(parent, fresh, 0755, e) ||
	    fs_open(parent, fresh, O_RDONLY | O_DIRECTORY, &r.dirfd, e))
		goto out;
	rc = build(&r, i, keys, out, e);
	if (rc == 0 && fs_rename(parent, fresh, name, e))
		rc = err_in(e, "%s", i->path);
	if (rc == 0)
		say_made(i, out);
	/* If this fails as well, the next init removes what is left. */
	else if (fs_remove_tree(parent, fresh, &ignored))
		ignored.code = ERR_NONE;
out:
	repo_close(&r);
	fs_close(&parent);
	return rc;
}

static int init(struct init *i, struct report *out, struct err *e)
{
	struct keyring keys = { 0 };
	int rc;

	if (check_asked(i, e))
		return -1;
	set_defaults(i);
	if (keyring_open(&keys, &i->keys, i->env, i->passphrase_fd, e))
		return -1;
	rc = make(i, &keys, out, e);
	keyring_close(&keys);
	return rc;
}

int cmd_init(int argc, char **argv, struct err *e)
{
	struct init i = { .passphrase_fd = KEYRING_TERMINAL,
			  .medium_days = TUF_MEDIUM_DAYS };
	struct report out = { 0 };
	const struct opt opts[] = {
		OPT_TEXT("environment", "E", &i.environment,
			 "demo, lab or production; never changes"),
		OPT_TEXT("owner", "TEXT", &i.owner, "who answers for it"),
		OPT_TEXT("contact", "TEXT", &i.contact, "how to reach them"),
		OPT_LIST("product", "NAME", &i.products, "may be repeated"),
		OPT_LIST("root-key", "PUB", &i.root_keys,
			 "public half of a key that signs root"),
		OPT_LIST("targets-key", "PUB", &i.targets_keys,
			 "public half of a key that signs releases"),
		OPT_LIST("online-key", "PUB", &i.online_keys,
			 "the server's key for snapshot and timestamp"),
		OPT_FLAG("with-online", &i.with_online,
			 "lab, demo: an online key of this repository"),
		OPT_LIST("key", "KEYFILE", &i.keys,
			 "sign with this key; lab, demo: it holds both roles "
			 "if not listed above"),
		OPT_NUMBER("root-threshold", "N", &i.root_threshold,
			   RULES_ROLE_KEYS_MAX,
			   "signatures that root needs (production: 2)"),
		OPT_NUMBER("targets-threshold", "N", &i.targets_threshold,
			   RULES_ROLE_KEYS_MAX,
			   "signatures that releases need (production: 2)"),
		OPT_TEXT("staging", "HOW", &i.staging,
			 "who opens a rollout: server or signed (production)"),
		OPT_NUMBER("root-days", "N", &i.root_days, RULES_ROOT_DAYS_MAX,
			   "life of root (730)"),
		OPT_NUMBER("targets-days", "N", &i.targets_days,
			   RULES_TARGETS_DAYS_MAX, "life of targets (400)"),
		OPT_NUMBER("medium-days", "N", &i.medium_days,
			   RULES_MEDIUM_DAYS_MAX,
			   "life of a bundle on a medium, at most (90)"),
		OPT_NUMBER("passphrase-fd", "N", &i.passphrase_fd, 1023,
			   "read passphrases from this descriptor, one line "
			   "for each --key"),
		OPT_FLAG("json", &out.json, "print JSON"),
		OPT_END,
	};
	char **operands;
	int count, rc;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count == 1) {
		i.path = operands[0];
		rc = init(&i, &out, e);
	} else
		rc = err_set(e, ERR_USAGE, "one REPO is needed");
	return report_end(&out, rc, e);
}
