/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_init - make an offline repository.
 *
 * Everything is prepared in a folder beside it and comes into being by one
 * rename. What root still lacks (keys of engineers who are elsewhere, the
 * server's online key) can be imported later; nobody can sign before.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/example_keys.h"
#include "common/fs.h"
#include "common/mem.h"
#include "common/named.h"
#include "common/text.h"
#include "common/utc.h"
#include "signer/commands.h"
#include "signer/interview.h"
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
	uint64_t days[ROLE_KINDS]; /* 0: as usual */
	uint64_t medium_days, passphrase_fd;
	bool with_online;
	enum environment env;
	/* What was answered, to be freed. */
	char *answers[4];
	size_t answer_count;
};

/* How long each kind of file lives. */
static const struct life {
	const char *option, *name; /* a role of the kind, for its limits */
	size_t at;                 /* in the settings */
} lives[ROLE_KINDS] = {
#define LIFE(kind, option, name, member)                                       \
	[kind] = { option, name, offsetof(struct repo_settings, member) }
	LIFE(ROLE_ROOT, "root-days", "root", root_days),
	LIFE(ROLE_TARGETS, "targets-days", "targets", targets_days),
	LIFE(ROLE_PRODUCT, "product-days", "product-x", product_days),
	LIFE(ROLE_NIGHTLY, "nightly-days", "nightly", nightly_days),
	LIFE(ROLE_ROLLOUT, "rollout-days", "rollout", rollout_days),
	LIFE(ROLE_ROLLOUT_WIDE, "rollout-wide-days", "rollout-wide",
	     rollout_wide_days),
#undef LIFE
};

static uint64_t *setting(struct repo_settings *s, size_t kind)
{
	return (uint64_t *)(void *)((char *)s + lives[kind].at);
}

/* What the environment's policy lets it be. */
static struct interview_range days_allowed(const struct init *i, size_t kind)
{
	const char *name = lives[kind].name;

	return (struct interview_range){ i->env == ENV_PRODUCTION
						 ? roles_days_min(name)
						 : 1,
					 roles_days_max(name) };
}

/* ---- questions ----------------------------------------------------------- */

static int check_environment(void *ctx, const char *answer, struct err *e)
{
	return environment_parse(slice_of(answer), ctx, e);
}

/* Names between blanks; the list borrows from its first element. */
static int split_products(char *text, struct opt_list *out, struct err *e)
{
	out->count = 0;
	for (char *word; (word = strsep(&text, " ")) != NULL;) {
		if (!*word)
			continue;
		if (out->count == ARRAY_LEN(out->at))
			return err_set(e, ERR_USAGE, "too many of them");
		if (roles_check_product(word, e))
			return -1;
		out->at[out->count++] = word;
	}
	return out->count ? 0 : err_set(e, ERR_USAGE, "a name is needed");
}

static int check_products(void *ctx, const char *answer, struct err *e)
{
	char *copy = mem_dup_str(answer);
	int rc = split_products(copy, ctx, e);

	free(copy);
	return rc;
}

/* *to if it was not said. */
static int ask_text(struct init *i, const struct interview_question *q,
		    const char **to, struct err *e)
{
	const struct interview person = { stdin, stderr };
	char *answer;

	if (*to)
		return 0;
	if (interview_text(&person, q, &answer, e))
		return -1;
	i->answers[i->answer_count++] = answer;
	*to = answer;
	return 0;
}

static int ask_days(struct init *i, struct err *e)
{
	static const char *const questions[ROLE_KINDS] = {
		[ROLE_ROOT] = "Days that root lives",
		[ROLE_TARGETS] = "Days that targets live",
		[ROLE_PRODUCT] = "Days that files of product roles live",
		[ROLE_NIGHTLY] = "Days that nightly lives",
		[ROLE_ROLLOUT] = "Days that what one operator signs lives",
		[ROLE_ROLLOUT_WIDE] = "Days that what two operators sign lives",
	};
	const struct interview person = { stdin, stderr };
	struct repo_settings usual;

	repo_settings_default(&usual);
	for (size_t kind = 0; kind < ROLE_KINDS; kind++) {
		const struct interview_range range = days_allowed(i, kind);

		if (i->days[kind] > 0)
			continue;
		i->days[kind] = *setting(&usual, kind);
		if (interview_number(&person, questions[kind], &range,
				     &i->days[kind], e))
			return -1;
	}
	return 0;
}

/* On a terminal, whoever did not say what is needed is asked for everything. */
static int ask(struct init *i, struct err *e)
{
	struct opt_list unused;
	const struct interview_question
		environment = { "Environment (demo, lab, production; never changes)",
				"lab", check_environment, &i->env },
		owner = { "Owner, who answers for it (never published)", NULL,
			  NULL, NULL },
		contact = { "Contact, how to reach them (never published)", "",
			    NULL, NULL },
		products = { "Products, with blanks between", NULL,
			     check_products, &unused };
	const char *names = NULL;

	if (ask_text(i, &environment, &i->environment, e) ||
	    environment_parse(slice_of(i->environment), &i->env, e) ||
	    ask_text(i, &owner, &i->owner, e) ||
	    ask_text(i, &contact, &i->contact, e))
		return -1;
	if (i->products.count == 0 &&
	    (ask_text(i, &products, &names, e) ||
	     split_products(i->answers[i->answer_count - 1], &i->products, e)))
		return -1;
	return ask_days(i, e);
}

static bool lacks_something(const struct init *i)
{
	return !i->environment || !i->owner || i->products.count == 0;
}

/* ---- what was asked for -------------------------------------------------- */

static int check_days(const struct init *i, struct err *e)
{
	for (size_t kind = 0; kind < ROLE_KINDS; kind++) {
		const struct interview_range range = days_allowed(i, kind);

		if (i->days[kind] > 0 &&
		    (i->days[kind] < range.min || i->days[kind] > range.max))
			return err_set(e, ERR_USAGE,
				       "--%s: %s allows %llu to %llu",
				       lives[kind].option, i->environment,
				       (unsigned long long)range.min,
				       (unsigned long long)range.max);
	}
	return 0;
}

static int check_asked(struct init *i, struct err *e)
{
	if (lacks_something(i))
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
	return check_days(i, e);
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
	s->contact = i->contact && *i->contact ? mem_dup_str(i->contact) : NULL;
	for (size_t n = 0; n < i->products.count; n++)
		s->products.at[s->products.count++] =
			mem_dup_str(i->products.at[n]);
	for (size_t kind = 0; kind < ROLE_KINDS; kind++)
		if (i->days[kind] > 0)
			*setting(s, kind) = i->days[kind];
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

	if (lacks_something(i) && isatty(STDIN_FILENO) && !out->json &&
	    ask(i, e))
		return -1;
	if (check_asked(i, e))
		return -1;
	set_defaults(i);
	if (keyring_open(&keys, &i->keys, i->env, i->passphrase_fd, e))
		return -1;
	rc = make(i, &keys, out, e);
	keyring_close(&keys);
	return rc;
}

#define DAYS(kind, max, help)                                                  \
	OPT_NUMBER(lives[kind].option, "N", &i.days[kind], (max), (help))

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
		DAYS(ROLE_ROOT, RULES_ROOT_DAYS_MAX, "life of root (730)"),
		DAYS(ROLE_TARGETS, RULES_TARGETS_DAYS_MAX,
		     "life of targets (400)"),
		DAYS(ROLE_PRODUCT, RULES_TARGETS_DAYS_MAX,
		     "life of product roles' files (400)"),
		DAYS(ROLE_NIGHTLY, RULES_SHORT_DAYS_MAX,
		     "life of nightly (30)"),
		DAYS(ROLE_ROLLOUT, RULES_SHORT_DAYS_MAX,
		     "life of what one operator signs (30)"),
		DAYS(ROLE_ROLLOUT_WIDE, RULES_TARGETS_DAYS_MAX,
		     "life of what two operators sign (400)"),
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
	for (size_t n = 0; n < i.answer_count; n++)
		free(i.answers[n]);
	return report_end(&out, rc, e);
}
