/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `person create` on somebody's own machine; `person add`, `list` and `revoke`
 * on the server's, by who installs it: beside the running server, for that
 * looks into the registry at every request.
 */
#include <stdio.h>
#include <string.h>

#include "common/example_keys.h"
#include "common/fs.h"
#include "common/mem.h"
#include "common/named.h"
#include "common/opt.h"
#include "common/random.h"
#include "common/utc.h"
#include "common/x509.h"

#include "update-server/beside.h"
#include "update-server/commands.h"
#include "update-server/home.h"
#include "update-server/init.h"
#include "update-server/people_roll.h"
#include "update-server/people_words.h"
#include "update-server/rights.h"
#include "update-server/store.h"
#include "update-server/ui.h"

#define SECRET_BYTES 32
#define CONF_MAX     4096

/* ---- person create ------------------------------------------------------- */

struct creation {
	const char *name, *url, *ca;
	enum environment environment;
	int dirfd;
};

static int write_secret(const struct creation *c, struct buf *secret,
			struct err *e)
{
	uint8_t raw[SECRET_BYTES];
	char hex[2 * SECRET_BYTES + 1];
	int rc;

	random_bytes(raw, sizeof(raw));
	hex_format((struct slice){ raw, sizeof(raw) }, hex);
	rc = buf_add(secret, slice_of(hex), e);
	if (rc == 0)
		rc = fs_replace_file(c->dirfd, "person.secret",
				     buf_slice(secret), 0600, e);
	mem_wipe(raw, sizeof(raw));
	mem_wipe(hex, sizeof(hex));
	return rc;
}

static int write_certificate(const struct creation *c,
			     const struct ec_private *key, struct err *e)
{
	const struct x509_template t = home_template(
		X509_PERSON, c->name, utc_now(), HOME_PERSON_DAYS);
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct ec_public public_key;
	int rc = -1;

	ec_public_of(key, &public_key);
	if (x509_issue(&t, &public_key, (struct slice){ 0 }, key, &pem, e) == 0)
		rc = fs_replace_file(c->dirfd, "person.pem", buf_slice(&pem),
				     0644, e);
	buf_done(&pem);
	return rc;
}

static int write_keys(const struct creation *c, struct err *e)
{
	struct buf secret = BUF_SECRET(2 * SECRET_BYTES + 1);
	struct buf file = BUF_INIT(KEYFILE_MAX_LEN);
	struct ec_private *key = NULL;
	int rc = -1;

	if (ec_generate(&key, e) || write_secret(c, &secret, e) ||
	    keyfile_seal_made(key, c->environment, "person", buf_slice(&secret),
			      &file, e) ||
	    fs_replace_file(c->dirfd, "person.key", buf_slice(&file), 0600, e))
		goto out;
	rc = write_certificate(c, key, e);
out:
	ec_free(key);
	buf_wipe(&secret);
	buf_done(&file);
	return rc;
}

static int write_conf(const struct creation *c, struct err *e)
{
	struct buf ca = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf text = BUF_INIT(CONF_MAX);
	struct x509_info info;
	int rc = -1;

	if (fs_read_path(c->ca, &ca, e) ||
	    x509_inspect(buf_slice(&ca), &info, e)) {
		err_in(e, "--ca");
		goto out;
	}
	if (fs_replace_file(c->dirfd, HOME_CA_PEM, buf_slice(&ca), 0644, e) ||
	    buf_addf(&text, e,
		     "# Who you are to the update server: name this file with "
		     "--operator, or copy\n"
		     "# this folder to ~/.config/pawl.\n"
		     "[server]\nurl = %s\nca = ca.pem\n\n"
		     "[person]\ncertificate = person.pem\nkey = person.key\n"
		     "# How the key is opened: file:, credential:, fd: or "
		     "command:\n"
		     "unlock = file:person.secret\n\n"
		     "# Who signs orders pins the engineers' first root:\n"
		     "#[trust]\n#root = 1.root.json\n",
		     c->url))
		goto out;
	rc = fs_replace_file(c->dirfd, "operator.conf", buf_slice(&text), 0600,
			     e);
out:
	buf_done(&ca);
	buf_done(&text);
	return rc;
}

static int check_creation(const struct creation *c, struct err *e)
{
	if (!c->name || !c->url || !c->ca)
		return err_set(e, ERR_USAGE,
			       "--name, --url and --ca are needed");
	if (!name_is_valid(slice_of(c->name)))
		return err_set(e, ERR_USAGE,
			       "--name: lower-case letters, digits, dots and "
			       "dashes, please");
	/* It becomes a line of a configuration. */
	if (strncmp(c->url, "https://", 8) != 0 ||
	    c->url[strcspn(c->url, " \t\r\n")] != 0)
		return err_set(e, ERR_USAGE, "--url is https://HOST:PORT");
	return 0;
}

static int say_person(const char *name, const char *folder, struct err *e)
{
	struct json *j = json_new_object();

	json_set_text(j, "name", name);
	json_set_text(j, "folder", folder);
	return ui_say_json(j, e);
}

int command_person_create(int argc, char **argv, struct err *e)
{
	struct creation c = { .environment = ENV_LAB, .dirfd = -1 };
	const char *environment = NULL;
	bool json = false;
	const struct opt opts[] = {
		OPT_TEXT("name", "NAME", &c.name, "how you are called there"),
		OPT_TEXT("url", "URL", &c.url, "of the people listener"),
		OPT_TEXT("ca", "FILE", &c.ca, "the server's ca.pem"),
		OPT_TEXT("environment", "E", &environment,
			 "demo, lab (default) or production"),
		OPT_FLAG("json", &json, "print JSON"),
		OPT_END,
	};
	char **operands;
	int count, rc;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count != 1)
		return err_set(e, ERR_USAGE, "name one folder");
	if (environment &&
	    environment_parse(slice_of(environment), &c.environment, e))
		return err_in(e, "--environment");
	if (check_creation(&c, e) ||
	    fs_make_dir(operands[0], 0700, &c.dirfd, e))
		return -1;
	rc = write_conf(&c, e) || write_keys(&c, e) ? -1 : 0;
	fs_close(&c.dirfd);
	if (rc == 0 && json)
		return say_person(c.name, operands[0], e);
	if (rc == 0)
		printf("made %s; give %s/person.pem to who installs the "
		       "server:\n"
		       "  pawl-server person add DIR person.pem\n",
		       operands[0], operands[0]);
	return rc;
}

/* ---- person add ---------------------------------------------------------- */

/* Self-signed, for a person, and valid now: what `person create` makes. */
static int read_person(const char *path, enum environment environment,
		       struct store_person *p, struct keeper_person *k,
		       struct err *e)
{
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct x509_info info;
	struct err ended;
	int rc = -1;

	if (fs_read_path(path, &pem, e))
		goto out;
	if (x509_verify(buf_slice(&pem), buf_slice(&pem), X509_PERSON,
			utc_now(), false, e)) {
		if (e->code == ERR_EXPIRED &&
		    people_words_certificate(buf_slice(&pem), path, &ended))
			*e = ended;
		goto out;
	}
	if (x509_inspect(buf_slice(&pem), &info, e) ||
	    key_check_allowed(&info.public_key, environment, e))
		goto out;
	if (!name_is_valid(slice_of(info.common_name))) {
		err_set(e, ERR_FORMAT, "the name in it is none of ours");
		goto out;
	}
	if (text_format(p->name, sizeof(p->name), e, "%s", info.common_name))
		goto out;
	p->fingerprint = info.fingerprint;
	rc = init_keeper_person(buf_slice(&pem), p->roles, k, e);
out:
	buf_done(&pem);
	return rc ? named_in(e, path) : 0;
}

/* Whom the server knows as just this person. */
static bool is_known(struct store *s, const struct store_person *p)
{
	struct store_person known;
	struct err ignored;

	return store_person_find(s, &p->fingerprint, &known, &ignored) == 0 &&
	       strcmp(known.roles, p->roles) == 0;
}

/* The server's registry first: a key that has another holder ends it there. Cut
 * off in between, it is done again, and so is who came before the keeper's. */
static int register_person(const char *dir, struct store *s,
			   const struct store_person *p,
			   const struct keeper_person *k, struct err *e)
{
	const struct audit_by by = { .kind = AUDIT_SYSTEM, .now = utc_now() };
	struct err known = { 0 };
	struct sha256 spki;
	bool added;

	ec_public_fingerprint(&k->key, &spki);
	if (store_person_add(s, p, &spki, &by, &known) &&
	    (known.code != ERR_CONFLICT || !is_known(s, p))) {
		*e = known;
		return -1;
	}
	if (people_roll_add(dir, k, &added, e))
		return -1;
	if (added || known.code == ERR_NONE)
		return 0;
	*e = known;
	return -1;
}

static int add(const char *dir, const char *path, struct store_person *p,
	       struct err *e)
{
	enum environment environment;
	struct store *s = NULL;
	struct keeper_person k;
	int rc = -1;

	if (beside_open_store(dir, &environment, &s, e))
		return -1;
	if (read_person(path, environment, p, &k, e) == 0)
		rc = register_person(dir, s, p, &k, e);
	store_close(s);
	return rc;
}

/* Names, as a list of ours, in the order in which they were given. */
static int join_names(const struct opt_list *list, char *out, size_t size,
		      struct err *e)
{
	size_t used = 0;

	out[0] = 0;
	for (size_t i = 0; i < list->count; i++) {
		if (!name_is_valid(slice_of(list->at[i])))
			return err_set(e, ERR_USAGE, "%s: not a name",
				       list->at[i]);
		if (text_format(out + used, size - used, e, "%s%s",
				used > 0 ? " " : "", list->at[i]))
			return err_set(e, ERR_LIMIT, "too many names");
		used = strlen(out);
	}
	return 0;
}

static int check_rights(const struct store_person *p, struct err *e)
{
	if (!rights_are_roles(slice_of(p->roles)))
		return err_set(e, ERR_USAGE,
			       "--role is operator, officer, auditor or "
			       "admin, each once");
	if (p->scope.share == 0)
		return err_set(e, ERR_USAGE, "--share: 1 to 100");
	if (!rights_is_boundless(&p->scope) && !strstr(p->roles, "operator"))
		return err_set(e, ERR_USAGE,
			       "--cohort and --share are for operators");
	return 0;
}

static struct json *person_json(const struct store_person *p)
{
	struct json *j = json_new_object();

	json_set_text(j, "name", p->name);
	json_set_text(j, "roles", p->roles);
	json_set_text(j, "cohorts", p->scope.cohorts);
	json_set_int(j, "share", p->scope.share);
	json_set_hex(j, "certificate",
		     (struct slice){ p->fingerprint.bytes, SHA256_LEN });
	json_set_bool(j, "revoked", p->revoked);
	return j;
}

int command_person_add(int argc, char **argv, struct err *e)
{
	struct store_person p = { 0 };
	struct opt_list roles = { 0 }, cohorts = { 0 };
	uint64_t share = 100;
	bool json = false;
	char hex[SHA256_HEX_LEN];
	const struct opt opts[] = {
		OPT_LIST("role", "ROLE", &roles,
			 "operator (default), officer, auditor or admin; "
			 "repeat it for several"),
		OPT_LIST("cohort", "C", &cohorts,
			 "rollouts of these cohorts alone (repeat)"),
		OPT_NUMBER("share", "PERCENT", &share, 100,
			   "of a rollout's devices at most (100)"),
		OPT_FLAG("json", &json, "print JSON"),
		OPT_END,
	};
	char **operands;
	int count;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count != 2)
		return err_set(e, ERR_USAGE,
			       "name the server's folder and a certificate");
	if (roles.count == 0)
		roles = (struct opt_list){ .at = { "operator" }, .count = 1 };
	p.scope.share = (uint32_t)share * 100;
	if (join_names(&roles, p.roles, sizeof(p.roles), e) ||
	    join_names(&cohorts, p.scope.cohorts, sizeof(p.scope.cohorts), e) ||
	    check_rights(&p, e) || add(operands[0], operands[1], &p, e))
		return -1;
	if (json)
		return ui_say_json(person_json(&p), e);
	sha256_format(&p.fingerprint, hex);
	printf("%s is %s: %s\n", p.name, p.roles, hex);
	return 0;
}

/* ---- person list, person revoke ------------------------------------------ */

static void print_person(void *ctx, const struct store_person *p)
{
	char hex[SHA256_HEX_LEN];

	(void)ctx;
	sha256_format(&p->fingerprint, hex);
	printf("%-20s %-9s", p->name, p->roles);
	if (p->scope.cohorts[0])
		printf(" cohorts=%s", p->scope.cohorts);
	if (p->scope.share < RIGHTS_SHARE_ALL)
		printf(" share=%u%%", (unsigned)p->scope.share / 100);
	printf(" %s%s\n", hex, p->revoked ? " revoked" : "");
}

static void add_person(void *ctx, const struct store_person *p)
{
	json_add(ctx, person_json(p));
}

int command_person_list(int argc, char **argv, struct err *e)
{
	struct json *list = json_new_array(), *j;
	bool json = false;
	const struct opt opts[] = {
		OPT_FLAG("json", &json, "print JSON"),
		OPT_END,
	};
	enum environment ignored;
	struct store *s = NULL;
	char **operands;
	int count, rc;

	rc = opt_parse(argc, argv, opts, &operands, &count, e);
	if (rc == 0 && count != 1)
		rc = err_set(e, ERR_USAGE, "name the server's folder");
	if (rc == 0)
		rc = beside_open_store(operands[0], &ignored, &s, e);
	if (rc == 0)
		rc = store_person_each(s, json ? add_person : print_person,
				       list, e);
	store_close(s);
	if (rc || !json) {
		json_free(list);
		return rc;
	}
	j = json_new_object();
	json_set(j, "people", list);
	return ui_say_json(j, e);
}

static int say_revoked(const struct sha256 *fingerprint, bool signed_too,
		       struct err *e)
{
	struct json *j = json_new_object();

	json_set_hex(j, "revoked",
		     (struct slice){ fingerprint->bytes, SHA256_LEN });
	json_set_bool(j, "checkpoint", signed_too);
	return ui_say_json(j, e);
}

int command_person_revoke(int argc, char **argv, struct err *e)
{
	struct audit_by by = { .kind = AUDIT_SYSTEM, .now = utc_now() };
	bool json = false;
	const struct opt opts[] = {
		OPT_TEXT("reason", "TEXT", &by.reason,
			 "why: the log has its SHA-256"),
		OPT_FLAG("json", &json, "print JSON"),
		OPT_END,
	};
	enum environment ignored;
	struct sha256 fingerprint;
	struct store *s = NULL;
	char **operands;
	bool runs = true;
	int count, rc;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count != 2)
		return err_set(e, ERR_USAGE,
			       "name the server's folder and a fingerprint "
			       "(person list shows them)");
	if (ui_need_reason(by.reason, e))
		return -1;
	if (sha256_parse(slice_of(operands[1]), &fingerprint, e))
		return err_set(e, ERR_FORMAT,
			       "not a person's fingerprint, 64 hex digits "
			       "(person list shows them)");
	if (beside_open_store(operands[0], &ignored, &s, e))
		return -1;
	/* The keeper's list first: what was signed before is no good then. */
	rc = people_roll_revoke(operands[0], &fingerprint, e) ||
			     store_person_revoke(s, &fingerprint, &by, e)
		     ? -1
		     : 0;
	store_close(s);
	/* A backup of yesterday must not bring them back unnoticed. */
	if (rc == 0 && beside_await_checkpoint(operands[0], &runs, e))
		rc = err_in(e, "revoked, but in no checkpoint of the log yet");
	if (rc == 0 && json)
		return say_revoked(&fingerprint, runs, e);
	if (rc == 0)
		printf("revoked: the next request is refused%s\n",
		       runs ? ""
			    : "; in the log's checkpoint once the server "
			      "runs");
	return rc;
}
