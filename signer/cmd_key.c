/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_key - keys, and the roles that a repository gives them. */
#include <string.h>

#include "common/example_keys.h"
#include "common/fs.h"
#include "common/keyring.h"
#include "common/mem.h"
#include "common/named.h"
#include "common/text.h"
#include "common/utc.h"
#include "signer/change.h"
#include "signer/commands.h"
#include "signer/names.h"
#include "signer/roleedit.h"
#include "signer/rules.h"
#include "signer/watch.h"

/* ---- key generate -------------------------------------------------------- */

struct generate {
	const char *environment, *purpose, *file;
	uint64_t passphrase_fd;
	enum environment env;
	bool several;
};

static int seal(const struct generate *g, const struct ec_private *key,
		struct buf *out, struct err *e)
{
	struct buf passphrase = BUF_SECRET(PASSPHRASE_MAX_LEN);
	int rc;

	rc = keyring_passphrase(g->passphrase_fd, g->file, true, &passphrase,
				e) ||
	     keyfile_seal(key, g->env, g->purpose, buf_slice(&passphrase), out,
			  e);
	buf_wipe(&passphrase);
	return rc ? -1 : 0;
}

/* The public half last: whoever sees it may rely on the private one. */
static int write_pair(const char *path, struct slice sealed, struct slice pem,
		      struct err *e)
{
	char name[NAMED_MAX], public_name[NAMED_MAX + 4];
	struct err ignored;
	int dirfd = -1;
	int rc = -1;

	if (named_open(path, &dirfd, name, e))
		return -1;
	if (text_format(public_name, sizeof(public_name), e, "%s.pub", name) ||
	    named_is_free(dirfd, name, path, e) ||
	    named_is_free(dirfd, public_name, public_name, e) ||
	    fs_replace_file(dirfd, name, sealed, 0600, e))
		goto out;
	rc = fs_replace_file(dirfd, public_name, pem, 0644, e);
	/* Half a pair could never be completed: nothing is overwritten. */
	if (rc && fs_remove(dirfd, name, &ignored))
		err_in(e, "%s is left over", path);
out:
	fs_close(&dirfd);
	return rc;
}

static int check_free(const char *path, struct err *e)
{
	char name[NAMED_MAX];
	int dirfd = -1;
	int rc;

	if (named_open(path, &dirfd, name, e))
		return -1;
	rc = named_is_free(dirfd, name, path, e);
	fs_close(&dirfd);
	return rc;
}

/* For one key its members, for several an array of such objects. */
static void add_made(const struct generate *g, const char *keyid,
		     const char *pem, struct report *out)
{
	const struct json *before = json_get(report_object(out), "keys");
	struct json *keys = before ? json_clone(before) : json_new_array();
	struct json *one = g->several ? json_new_object() : report_object(out);

	json_set_text(one, "keyid", keyid);
	json_set_text(one, "environment", g->environment);
	json_set_text(one, "public", pem);
	if (!g->several) {
		json_free(keys);
		return;
	}
	json_set_text(one, "file", g->file);
	json_add(keys, one);
	json_set(report_object(out), "keys", keys);
}

static int generate(const struct generate *g, struct report *out, struct err *e)
{
	struct buf sealed = BUF_INIT(KEYFILE_MAX_LEN);
	struct buf pem = BUF_INIT(EC_PEM_MAX_LEN);
	struct ec_private *key = NULL;
	struct ec_public public_key;
	char keyid[TUF_KEYID_LEN];
	int rc = -1;

	/* Before a passphrase is asked for. */
	if (check_free(g->file, e) || ec_generate(&key, e))
		goto out;
	ec_public_of(key, &public_key);
	if (tuf_keyid(&public_key, keyid, e) ||
	    ec_public_to_pem(&public_key, &pem, e) ||
	    seal(g, key, &sealed, e) ||
	    write_pair(g->file, buf_slice(&sealed), buf_slice(&pem), e))
		goto out;
	report_line(out, "%s: %s key %s", g->file, g->environment, keyid);
	report_line(out, "%s.pub: its public half, to be handed around",
		    g->file);
	add_made(g, keyid, buf_text(&pem), out);
	rc = 0;
out:
	ec_free(key);
	buf_wipe(&sealed);
	buf_done(&pem);
	return rc;
}

/* One after the other; those that were made before a failure stay. */
static int generate_all(struct generate *g, char **files, int count,
			struct report *out, struct err *e)
{
	if (environment_parse(slice_of(g->environment), &g->env, e)) {
		e->code = ERR_USAGE;
		return -1;
	}
	g->several = count > 1;
	/* Before the first passphrase is asked for. */
	for (int i = 0; i < count; i++)
		if (check_free(files[i], e))
			return -1;
	for (int i = 0; i < count; i++) {
		g->file = files[i];
		if (generate(g, out, e))
			return -1;
	}
	return 0;
}

/* An example is for everybody to have: keys-example/make.sh. */
static int check_purpose(const struct generate *g, struct err *e)
{
	static const char *const purposes[] = { "release", "online", "wrap" };

	for (size_t i = 0; i < ARRAY_LEN(purposes); i++)
		if (strcmp(g->purpose, purposes[i]) == 0)
			return 0;
	if (strcmp(g->purpose, "example") == 0 &&
	    strcmp(g->environment, "demo") == 0)
		return 0;
	return err_set(e, ERR_USAGE,
		       "a key's purpose is release, online, wrap or, in "
		       "demo, example");
}

int cmd_key_generate(int argc, char **argv, struct err *e)
{
	struct generate g = { .purpose = "release",
			      .passphrase_fd = KEYRING_TERMINAL };
	struct report out = { 0 };
	const struct opt opts[] = {
		OPT_TEXT("environment", "E", &g.environment,
			 "demo, lab or production; never changes"),
		OPT_TEXT("purpose", "P", &g.purpose,
			 "release (default), online, wrap; in demo example"),
		OPT_NUMBER("passphrase-fd", "N", &g.passphrase_fd, 1023,
			   "read the passphrase from this descriptor"),
		OPT_FLAG("json", &out.json, "print JSON"),
		OPT_END,
	};
	char **operands;
	int count, rc;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count < 1 || !g.environment)
		rc = err_set(e, ERR_USAGE, "FILE and --environment are needed");
	else
		rc = check_purpose(&g, e) ||
				     generate_all(&g, operands, count, &out, e)
			     ? -1
			     : 0;
	return report_end(&out, rc, e);
}

/* ---- key external -------------------------------------------------------- */

struct outside {
	const char *environment, *public_path, *file;
	char **words;
	size_t word_count;
};

static int fill_external(const struct outside *o, struct external *x,
			 char keyid[TUF_KEYID_LEN], struct err *e)
{
	if (o->word_count > EXTERNAL_WORDS_MAX)
		return err_set(e, ERR_USAGE, "a command of at most %d words",
			       EXTERNAL_WORDS_MAX);
	if (environment_parse(slice_of(o->environment), &x->info.environment,
			      e)) {
		e->code = ERR_USAGE;
		return -1;
	}
	for (size_t i = 0; i < o->word_count; i++)
		x->argv[i] = mem_dup_str(o->words[i]);
	return text_format(x->info.purpose, sizeof(x->info.purpose), e,
			   "release") ||
			       keyring_read_public(o->public_path,
						   &x->info.public_key, keyid,
						   e) ||
			       key_check_allowed(&x->info.public_key,
						 x->info.environment, e)
		       ? -1
		       : 0;
}

/* Nobody relies on a token before it has signed once. */
static int try_it(const struct external *x, struct err *e)
{
	static const char message[] = "pawl-signer: does this key sign?";
	struct buf sig = BUF_INIT(EC_SIG_MAX_LEN);
	int rc = external_sign(x, slice_of(message), &sig, e);

	buf_done(&sig);
	return rc;
}

static int write_external(const char *path, const struct external *x,
			  struct err *e)
{
	struct buf text = BUF_INIT(EXTERNAL_MAX_LEN);
	char name[NAMED_MAX];
	struct external check = { .argv = { NULL } };
	int dirfd = -1;
	int rc = -1;

	/* What we would not read back must not be written. */
	if (external_format(x, &text, e) ||
	    external_parse(buf_slice(&text), &check, e) ||
	    named_open(path, &dirfd, name, e) ||
	    named_is_free(dirfd, name, path, e))
		goto out;
	rc = fs_replace_file(dirfd, name, buf_slice(&text), 0644, e);
out:
	external_done(&check);
	fs_close(&dirfd);
	buf_done(&text);
	return rc;
}

static int make_external(const struct outside *o, struct report *out,
			 struct err *e)
{
	struct external x = { .argv = { NULL } };
	char keyid[TUF_KEYID_LEN];
	int rc = -1;

	if (check_free(o->file, e) || fill_external(o, &x, keyid, e) ||
	    try_it(&x, e) || write_external(o->file, &x, e))
		goto out;
	report_line(out, "%s: external %s key %s, tried once", o->file,
		    o->environment, keyid);
	json_set_text(report_object(out), "keyid", keyid);
	json_set_text(report_object(out), "environment", o->environment);
	rc = 0;
out:
	external_done(&x);
	return rc;
}

int cmd_key_external(int argc, char **argv, struct err *e)
{
	struct outside o = { 0 };
	struct report out = { 0 };
	const struct opt opts[] = {
		OPT_TEXT("environment", "E", &o.environment,
			 "demo, lab or production; never changes"),
		OPT_TEXT("public", "PUB", &o.public_path,
			 "its public half, PEM"),
		OPT_FLAG("json", &out.json, "print JSON"),
		OPT_END,
	};
	char **operands;
	int count, rc;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count >= 2 && o.environment && o.public_path) {
		o.file = operands[0];
		o.words = operands + 1;
		o.word_count = (size_t)count - 1;
		rc = make_external(&o, &out, e);
	} else
		rc = err_set(e, ERR_USAGE,
			     "FILE, --environment, --public and, after --, a "
			     "command are needed");
	return report_end(&out, rc, e);
}

/* ---- key show ------------------------------------------------------------ */

static int show_public(const struct ec_public *key, struct report *out,
		       struct err *e)
{
	struct buf pem = BUF_INIT(EC_PEM_MAX_LEN);
	char keyid[TUF_KEYID_LEN], hex[SHA256_HEX_LEN];
	struct sha256 fingerprint;
	struct err why = { 0 };
	int rc = -1;

	ec_public_fingerprint(key, &fingerprint);
	sha256_format(&fingerprint, hex);
	if (tuf_keyid(key, keyid, e) || ec_public_to_pem(key, &pem, e))
		goto out;
	report_line(out, "key id:      %s", keyid);
	report_line(out, "fingerprint: %s", hex);
	if (key_check_allowed(key, ENV_PRODUCTION, &why))
		report_note(out, "%s", why.msg);
	json_set_text(report_object(out), "keyid", keyid);
	json_set_text(report_object(out), "fingerprint", hex);
	json_set_text(report_object(out), "public", buf_text(&pem));
	rc = 0;
out:
	buf_done(&pem);
	return rc;
}

static int show_external(const char *path, struct slice file,
			 struct report *out, struct err *e)
{
	struct external x;
	struct json *words = json_new_array();
	int rc;

	json_set(report_object(out), "command", words);
	rc = external_parse(file, &x, e);
	if (rc == 0) {
		report_line(out, "%s: an external key", path);
		report_line(out, "environment: %s",
			    environment_name(x.info.environment));
		json_set_text(report_object(out), "kind", "external");
		json_set_text(report_object(out), "environment",
			      environment_name(x.info.environment));
		for (size_t i = 0; x.argv[i]; i++) {
			report_line(out, "%s%s",
				    i > 0 ? "             " : "command:     ",
				    x.argv[i]);
			json_add(words, json_new_text(x.argv[i]));
		}
		rc = show_public(&x.info.public_key, out, e);
	}
	external_done(&x);
	return rc;
}

static int show_file(const char *path, struct report *out, struct err *e)
{
	struct buf file = BUF_INIT(EXTERNAL_MAX_LEN);
	struct ec_public public_key;
	struct keyfile_info info;
	struct err unused;
	int rc = -1;

	if (fs_read_path(path, &file, e))
		goto out;
	if (ec_public_from_pem(buf_slice(&file), &public_key, &unused) == 0) {
		report_line(out, "%s: a public key", path);
		json_set_text(report_object(out), "kind", "public");
		rc = show_public(&public_key, out, e);
		goto out;
	}
	if (external_is(buf_slice(&file))) {
		rc = show_external(path, buf_slice(&file), out, e);
		goto out;
	}
	if (keyfile_inspect(buf_slice(&file), &info, e)) {
		err_in(e, "%s: neither a public key nor a key file", path);
		goto out;
	}
	report_line(out, "%s: an encrypted key file", path);
	report_line(out, "environment: %s", environment_name(info.environment));
	report_line(out, "purpose:     %s", info.purpose);
	json_set_text(report_object(out), "kind", "private");
	json_set_text(report_object(out), "environment",
		      environment_name(info.environment));
	json_set_text(report_object(out), "purpose", info.purpose);
	rc = show_public(&info.public_key, out, e);
out:
	buf_wipe(&file);
	return rc;
}

int cmd_key_show(int argc, char **argv, struct err *e)
{
	struct report out = { 0 };
	const struct opt opts[] = {
		OPT_FLAG("json", &out.json, "print JSON"),
		OPT_END,
	};
	char **operands;
	int count, rc;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count == 1)
		rc = show_file(operands[0], &out, e);
	else
		rc = err_set(e, ERR_USAGE, "one FILE is needed");
	return report_end(&out, rc, e);
}

/* ---- roles --------------------------------------------------------------- */

struct role_change {
	const char *repo, *role, *key, *name;
	uint64_t threshold;
	/* Change the signed part that lists the role: root's or targets'. */
	int (*apply)(const struct role_change *c, struct repo *r,
		     struct json *by, struct report *out, struct err *e);
};

static int change_role(const struct role_change *c, struct report *out,
		       struct err *e)
{
	struct json *envelope = NULL;
	int64_t now = utc_now();
	const char *file;
	bool delegated;
	struct repo r;
	int rc = -1;

	if (roleedit_check_role(c->role, &delegated, e) ||
	    watch_open(c->repo, REPO_WRITE, &r, out, e))
		return -1;
	file = delegated ? "targets" : "root";
	if (delegated && !repo_is_listed(&r, c->role)) {
		err_set(e, ERR_NOT_FOUND,
			"there is no role %s: role add makes it", c->role);
		goto out;
	}
	if (repo_begin(&r, file, now, &envelope, e))
		goto out;
	if (c->apply(c, &r, tuf_envelope_signed(envelope), out, e)) {
		json_free(envelope);
		goto out;
	}
	rc = change_stage(&r, file, envelope, now, out, e);
	if (rc == 0)
		report_line(out, "staged: %s version %lld", file,
			    (long long)envelope_version(
				    repo_role(&r, file)->staged));
out:
	repo_close(&r);
	return rc;
}

/* What is said of one change, in both forms. */
static void say_key(struct report *out, const struct role_change *c,
		    const char *what, const char *keyid, const char *name)
{
	report_line(out, "%s %s: %s (%.12s)", c->role, what, name, keyid);
	json_set_text(report_object(out), "role", c->role);
	json_set_text(report_object(out), "change", what);
	json_set_text(report_object(out), "keyid", keyid);
	json_set_text(report_object(out), "name", name);
}

static int set_threshold(const struct role_change *c, struct json *by,
			 struct err *e)
{
	enum role_kind kind;

	if (c->threshold == 0)
		return 0;
	if (!roles_kind(c->role, &kind))
		return err_set(e, ERR_USAGE,
			       "snapshot and timestamp are signed by one key");
	roleedit_threshold(by, c->role, c->threshold);
	return 0;
}

static int apply_import(const struct role_change *c, struct repo *r,
			struct json *by, struct report *out, struct err *e)
{
	char keyid[TUF_KEYID_LEN], made[NAMES_SHORT_LEN];
	const char *name = c->name;
	struct ec_public key;

	if (keyring_read_public(c->key, &key, keyid, e) ||
	    key_check_allowed(&key, r->environment, e) ||
	    roleedit_add(by, c->role, &key, e) || set_threshold(c, by, e))
		return -1;
	if (!name && !json_get(r->names, keyid) &&
	    names_from_file(c->key, made))
		name = made;
	if (name && repo_name_key(r, keyid, name, e))
		return -1;
	say_key(out, c, "gains", keyid, names_find(r->names, keyid, made));
	return 0;
}

/* A key named by its file, by what people call it, or by its id's start. */
static int resolve_key(const struct role_change *c, const struct repo *r,
		       const struct json *by, char keyid[TUF_KEYID_LEN],
		       struct err *e)
{
	const struct json *keys = roles_keys(by);
	struct ec_public key;
	struct err unused;
	size_t found = 0;

	if (keyring_read_public(c->key, &key, keyid, &unused) == 0)
		return 0;
	for (void *m = json_first(keys); m; m = json_next(keys, m)) {
		const char *id = json_name(m);

		if (strcmp(json_text(json_get(r->names, id)), c->key) != 0 &&
		    (strlen(c->key) < 8 ||
		     strncmp(id, c->key, strlen(c->key)) != 0))
			continue;
		if (text_format(keyid, TUF_KEYID_LEN, e, "%s", id))
			return -1;
		found++;
	}
	if (found == 1)
		return 0;
	return err_set(e, ERR_NOT_FOUND,
		       "\"%s\" is %s: name a FILE.pub, a key's name or the "
		       "start of its id",
		       c->key,
		       found ? "more than one key" : "no key that is listed");
}

static int apply_remove(const struct role_change *c, struct repo *r,
			struct json *by, struct report *out, struct err *e)
{
	char keyid[TUF_KEYID_LEN], fallback[NAMES_SHORT_LEN];

	if (resolve_key(c, r, by, keyid, e) ||
	    roleedit_remove(by, c->role, keyid, e) || set_threshold(c, by, e))
		return -1;
	say_key(out, c, "loses", keyid, names_find(r->names, keyid, fallback));
	return 0;
}

static int apply_threshold(const struct role_change *c, struct repo *r,
			   struct json *by, struct report *out, struct err *e)
{
	(void)r; /* only what is signed changes */
	if (set_threshold(c, by, e))
		return -1;
	report_line(out, "%s: %llu signatures", c->role,
		    (unsigned long long)c->threshold);
	json_set_text(report_object(out), "role", c->role);
	json_set_int(report_object(out), "threshold", (int64_t)c->threshold);
	return 0;
}

static int run_key_change(int argc, char **argv, struct role_change *c,
			  struct err *e)
{
	struct report out = { 0 };
	const struct opt opts[] = {
		OPT_TEXT("role", "ROLE", &c->role,
			 "root, targets, snapshot, timestamp, online or a "
			 "delegated role"),
		OPT_TEXT("name", "NAME", &c->name,
			 "what to call an imported key (kept here alone)"),
		OPT_NUMBER("threshold", "N", &c->threshold, RULES_ROLE_KEYS_MAX,
			   "signatures that the role needs from now on"),
		OPT_FLAG("json", &out.json, "print JSON"),
		OPT_END,
	};
	char **operands;
	int count, rc;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count == 2 && c->role) {
		c->repo = operands[0];
		c->key = operands[1];
		rc = change_role(c, &out, e);
	} else
		rc = err_set(e, ERR_USAGE,
			     "REPO, --role and one key are needed");
	return report_end(&out, rc, e);
}

int cmd_key_import(int argc, char **argv, struct err *e)
{
	struct role_change c = { .apply = apply_import };

	return run_key_change(argc, argv, &c, e);
}

int cmd_key_remove(int argc, char **argv, struct err *e)
{
	struct role_change c = { .apply = apply_remove };

	return run_key_change(argc, argv, &c, e);
}

int cmd_threshold(int argc, char **argv, struct err *e)
{
	struct role_change c = { .apply = apply_threshold };
	struct report out = { 0 };
	const struct opt opts[] = {
		OPT_TEXT("role", "ROLE", &c.role,
			 "root, targets or a delegated role"),
		OPT_NUMBER("signatures", "N", &c.threshold, RULES_ROLE_KEYS_MAX,
			   "keys that must sign"),
		OPT_FLAG("json", &out.json, "print JSON"),
		OPT_END,
	};
	char **operands;
	int count, rc;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count == 1 && c.role && c.threshold > 0) {
		c.repo = operands[0];
		rc = change_role(&c, &out, e);
	} else
		rc = err_set(e, ERR_USAGE,
			     "REPO, --role and --signatures are needed");
	return report_end(&out, rc, e);
}
