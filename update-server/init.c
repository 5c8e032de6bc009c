/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/init.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/random.h"
#include "common/text.h"
#include "common/x509.h"
#include "common/x509_names.h"

#include "update-server/config.h"
#include "update-server/keeper.h"
#include "update-server/store.h"
#include "update-server/unlock.h"

#define SECRET_BYTES   32
#define CA_DAYS        3650
#define TLS_DAYS       90 /* renewed each month: docs/server-conf.md */
#define PERSON_DAYS    365
#define SLACK_SEC      3600 /* clocks that are a little behind ours */
#define KEEPER_SECRET  "keys/keeper.secret"
#define TLS_SECRET     "keys/tls.secret"
#define ADMIN_SECRET   "admin/admin.secret"
#define SERVER_CA_KEY  "keys/server-ca.key"
#define TLS_KEY        "keys/tls.key"
#define ADMIN_KEY      "admin/admin.key"
#define DEVICE_CA_PEM  "keys/device-ca.pem"
#define SERVER_CA_PEM  "ca.pem"
#define NEXT_CA_KEY    "keys/server-ca-next.key"
#define NEXT_CA_PEM    "ca-next.pem"
#define TLS_PEM        "tls.pem"
#define ADMIN_PEM      "admin/admin.pem"
#define ONLINE_PUB     "online.pub"
#define OPERATOR_CONF  "admin/operator.conf"
#define DATABASE       "store.sqlite"
#define CONF_MAX       8192
#define DEFAULT_COHORT "default"
#define ADMIN_ROLES    "admin operator officer"

struct work {
	const struct init_options *o;
	int dirfd;
	int64_t now;
	struct ec_private *device_ca, *online, *log, *ledger;
	struct ec_private *server_ca, *tls, *admin;
	struct buf keeper_secret, tls_secret, admin_secret;
};

/* ---- secrets and keys ---------------------------------------------------- */

static int make_secret(struct work *w, const char *path, struct buf *out,
		       struct err *e)
{
	uint8_t raw[SECRET_BYTES];
	char text[2 * SECRET_BYTES + 2];
	int rc;

	random_bytes(raw, sizeof(raw));
	hex_format((struct slice){ raw, sizeof(raw) }, text);
	text[sizeof(text) - 2] = '\n';
	text[sizeof(text) - 1] = 0;
	rc = fs_replace_file(w->dirfd, path, slice_of(text), 0600, e);
	if (rc == 0)
		rc = buf_add(out,
			     (struct slice){ (const uint8_t *)text,
					     sizeof(text) - 2 },
			     e);
	mem_wipe(raw, sizeof(raw));
	mem_wipe(text, sizeof(text));
	return rc;
}

static int make_key(struct work *w, const char *path, const char *purpose,
		    const struct buf *secret, struct ec_private **key,
		    struct err *e)
{
	struct buf file = BUF_INIT(KEYFILE_MAX_LEN);
	int rc = -1;

	if (ec_generate(key, e) ||
	    keyfile_seal_made(*key, w->o->environment, purpose,
			      buf_slice(secret), &file, e) ||
	    fs_replace_file(w->dirfd, path, buf_slice(&file), 0600, e))
		goto out;
	rc = 0;
out:
	buf_done(&file);
	return rc ? err_in(e, "%s", path) : 0;
}

static int make_keys(struct work *w, struct err *e)
{
	if (make_secret(w, KEEPER_SECRET, &w->keeper_secret, e) ||
	    make_secret(w, TLS_SECRET, &w->tls_secret, e) ||
	    make_secret(w, ADMIN_SECRET, &w->admin_secret, e))
		return -1;
	/* The running server knows the TLS key's secret, so it is another. */
	if (make_key(w, KEEPER_CA_KEY, "ca", &w->keeper_secret, &w->device_ca,
		     e) ||
	    make_key(w, KEEPER_ONLINE_KEY, "online", &w->keeper_secret,
		     &w->online, e) ||
	    make_key(w, KEEPER_LOG_KEY, "log", &w->keeper_secret, &w->log, e) ||
	    make_key(w, KEEPER_LEDGER_KEY, "ledger", &w->keeper_secret,
		     &w->ledger, e) ||
	    make_key(w, SERVER_CA_KEY, "ca", &w->keeper_secret, &w->server_ca,
		     e) ||
	    make_key(w, TLS_KEY, "tls", &w->tls_secret, &w->tls, e))
		return -1;
	return make_key(w, ADMIN_KEY, "person", &w->admin_secret, &w->admin, e);
}

/* ---- certificates -------------------------------------------------------- */

struct issuer {
	const struct ec_private *key;
	struct slice pem; /* empty: self-signed */
	const char *path; /* where what it issues goes */
};

static int issue(const struct work *w, const struct x509_template *t,
		 const struct ec_private *subject, const struct issuer *by,
		 struct buf *pem, struct err *e)
{
	struct ec_public key;

	ec_public_of(subject, &key);
	pem->len = 0;
	if (x509_issue(t, &key, by->pem, by->key, pem, e))
		return err_in(e, "%s", t->common_name);
	return fs_replace_file(w->dirfd, by->path, buf_slice(pem), 0644, e);
}

static struct x509_template template_for(enum x509_kind kind, const char *name,
					 int64_t now, int64_t days)
{
	struct x509_template t = { .kind = kind,
				   .common_name = name,
				   .not_before = now - SLACK_SEC,
				   .not_after = now + days * UTC_DAY };

	return t;
}

static int make_certificates(struct work *w, struct buf *admin_pem,
			     struct err *e)
{
	struct issuer by = { .key = w->device_ca, .path = DEVICE_CA_PEM };
	struct buf ca = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf other = BUF_INIT(X509_PEM_MAX_LEN);
	struct x509_template t;
	int rc = -1;

	t = template_for(X509_CA, "Pawl device CA", w->now, CA_DAYS);
	if (issue(w, &t, w->device_ca, &by, &other, e))
		goto out;
	by.key = w->server_ca;
	by.path = SERVER_CA_PEM;
	t = template_for(X509_CA, "Pawl server CA", w->now, CA_DAYS);
	if (issue(w, &t, w->server_ca, &by, &ca, e))
		goto out;
	by.pem = buf_slice(&ca);
	by.path = TLS_PEM;
	t = template_for(X509_SERVER, "Pawl server", w->now, TLS_DAYS);
	t.names = w->o->names;
	if (issue(w, &t, w->tls, &by, &other, e))
		goto out;
	by = (struct issuer){ .key = w->admin, .path = ADMIN_PEM };
	t = template_for(X509_PERSON, w->o->admin, w->now, PERSON_DAYS);
	rc = issue(w, &t, w->admin, &by, admin_pem, e);
out:
	buf_done(&ca);
	buf_done(&other);
	return rc;
}

static int write_public(struct work *w, const struct ec_private *of,
			const char *path, struct err *e)
{
	struct buf pem = BUF_INIT(EC_PEM_MAX_LEN);
	struct ec_public key;
	int rc = -1;

	ec_public_of(of, &key);
	if (ec_public_to_pem(&key, &pem, e) == 0)
		rc = fs_replace_file(w->dirfd, path, buf_slice(&pem), 0644, e);
	buf_done(&pem);
	return rc;
}

/* ---- the registry -------------------------------------------------------- */

int init_keeper_person(struct slice pem, const char *roles,
		       struct keeper_person *out, struct err *e)
{
	struct x509_info info;

	if (x509_inspect(pem, &info, e))
		return -1;
	*out = (struct keeper_person){ .certificate = info.fingerprint,
				       .key = info.public_key,
				       .not_after = info.not_after };
	return text_format(out->roles, sizeof(out->roles), e, "%s", roles);
}

static int take_key(struct store *s, const struct ec_private *key,
		    const char *who, struct err *e)
{
	struct ec_public public_key;
	struct sha256 spki;

	ec_public_of(key, &public_key);
	ec_public_fingerprint(&public_key, &spki);
	return store_key_take(s, &spki, who, e);
}

static int log_init(const struct work *w, struct store *s,
		    const struct audit_by *by, struct err *e)
{
	struct ec_public key;
	struct sha256 fingerprint;
	struct audit_record r;

	ec_public_of(w->log, &key);
	ec_public_fingerprint(&key, &fingerprint);
	audit_record_init(&r, AUDIT_INIT, by);
	json_set_text(r.objects, "environment",
		      environment_name(w->o->environment));
	audit_set_digest(&r, "log_key", &fingerprint);
	return store_log(s, &r, e);
}

static int fill_store(struct work *w, struct store *s, struct slice admin_pem,
		      struct err *e)
{
	const struct audit_by by = { .kind = AUDIT_SYSTEM, .now = w->now };
	struct store_person person = {
		.roles = ADMIN_ROLES,
		.scope = { .share = RIGHTS_SHARE_ALL },
	};
	struct x509_info info;
	struct sha256 spki;

	/* Nobody may ever enrol with a key of the server's own. */
	if (log_init(w, s, &by, e) ||
	    take_key(s, w->device_ca, "device CA", e) ||
	    take_key(s, w->online, "online key", e) ||
	    take_key(s, w->log, "audit log key", e) ||
	    take_key(s, w->ledger, "keeper's ledger", e) ||
	    take_key(s, w->server_ca, "server CA", e) ||
	    take_key(s, w->tls, "server", e) ||
	    store_cohort_add(s, DEFAULT_COHORT, &by, e) ||
	    x509_inspect(admin_pem, &info, e) ||
	    text_format(person.name, sizeof(person.name), e, "%s", w->o->admin))
		return -1;
	person.fingerprint = info.fingerprint;
	ec_public_fingerprint(&info.public_key, &spki);
	return store_person_add(s, &person, &spki, &by, e);
}

static int make_store(struct work *w, struct slice admin_pem, struct err *e)
{
	char path[PATH_MAX_LEN];
	struct store *s = NULL;
	int rc;

	/* SQLite gives its companions the permissions of the file it finds. */
	if (fs_replace_file(w->dirfd, DATABASE, (struct slice){ 0 }, 0600, e) ||
	    text_format(path, sizeof(path), e, "%s/" DATABASE, w->o->dir) ||
	    store_open(path, &s, e))
		return -1;
	rc = fill_store(w, s, admin_pem, e);
	store_close(s);
	return rc;
}

/* The keeper's own list begins with the first admin, as ours does. */
static int make_people(struct work *w, struct slice admin_pem, struct err *e)
{
	struct keeper_people *people = mem_alloc(1, sizeof(*people));
	struct keeper_seal seal = { .ledger = { 0 } };
	int rc = -1;

	people->count = 1;
	if (init_keeper_person(admin_pem, ADMIN_ROLES, &people->at[0], e) ==
		    0 &&
	    keeper_seal_of(w->ledger, &seal, e) == 0)
		rc = keeper_people_save(w->dirfd, &seal, people, e);
	mem_wipe(&seal, sizeof(seal));
	free(people);
	return rc;
}

/* ---- configuration ------------------------------------------------------- */

static int write_server_conf(struct work *w, struct err *e)
{
	const struct init_options *o = w->o;
	struct buf text = BUF_INIT(CONF_MAX);
	int rc = -1;

	if (buf_addf(&text, e,
		     "# Configuration of this update server; the manual page "
		     "has every key.\n"
		     "# Relative paths are meant from this folder.\n\n"
		     "[server]\n"
		     "# demo, lab or production; root must say the same.\n"
		     "environment = %s\n\n"
		     "[listen]\n"
		     "# Addresses, not names; port 0 takes any free one.\n"
		     "device = %s\n"
		     "enrolment = %s\n"
		     "# Keep this one on the loopback or a private network.\n"
		     "people = %s\n\n",
		     environment_name(o->environment), o->device, o->enrolment,
		     o->people) ||
	    buf_addf(&text, e,
		     "[tls]\n"
		     "certificate = " TLS_PEM "\n"
		     "key = " TLS_KEY "\n"
		     "device_ca = " DEVICE_CA_PEM "\n"
		     "# Opens the TLS key alone; see [keeper].\n"
		     "unlock = file:" TLS_SECRET "\n\n"
		     "[keeper]\n"
		     "# How the keeper opens the device CA's and the online "
		     "key. Better than a\n"
		     "# file beside the keys: credential:NAME (systemd), fd:N, "
		     "or\n"
		     "# command:/path/to/program arguments\n"
		     "unlock = file:" KEEPER_SECRET "\n\n") ||
	    buf_addf(&text, e,
		     "[devices]\n"
		     "# Seconds between two check-ins, and days that a "
		     "certificate lives.\n"
		     "poll_sec = 3600\n"
		     "certificate_days = 90\n"
		     "enrol_per_minute = 600\n"))
		goto out;
	rc = fs_replace_file(w->dirfd, CONFIG_FILE, buf_slice(&text), 0600, e);
out:
	buf_done(&text);
	return rc;
}

/* The people listener as a person's own machine names it. */
static int write_operator_conf(struct work *w, struct err *e)
{
	struct buf text = BUF_INIT(CONF_MAX);
	struct address at;
	int rc = -1;

	if (address_parse(slice_of(w->o->people), &at, e) ||
	    buf_addf(&text, e,
		     "# Who you are to the update server. Relative paths are "
		     "meant from this\n"
		     "# folder; copy it to ~/.config/pawl/ or name it with "
		     "--operator.\n\n"
		     "[server]\n"))
		goto out;
	/* A port of 0 is known only once the server runs. */
	if (at.port == 0
		    ? buf_addf(&text, e, "listeners = ../run/listeners.json\n")
		    : buf_addf(&text, e, "url = https://%s\n", w->o->people))
		goto out;
	if (buf_addf(&text, e,
		     "ca = ../" SERVER_CA_PEM "\n\n"
		     "[person]\n"
		     "certificate = admin.pem\n"
		     "key = admin.key\n"
		     "# How the key is opened: file:, credential:, fd: or "
		     "command:\n"
		     "unlock = file:admin.secret\n\n"
		     "# Who signs orders pins the engineers' first root:\n"
		     "#[trust]\n#root = 1.root.json\n"))
		goto out;
	rc = fs_replace_file(w->dirfd, OPERATOR_CONF, buf_slice(&text), 0600,
			     e);
out:
	buf_done(&text);
	return rc;
}

/* ---- all of it ----------------------------------------------------------- */

static int must_be_empty(const char *path, struct err *e)
{
	DIR *d = opendir(path);
	struct dirent *entry;
	int rc = 0;

	if (!d)
		return err_sys(e, "%s", path);
	while (rc == 0 && (entry = readdir(d)))
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			rc = err_set(e, ERR_CONFLICT,
				     "%s: not empty; a server is made in an "
				     "empty folder",
				     path);
	(void)closedir(d);
	return rc;
}

static int make_folders(struct work *w, struct err *e)
{
	static const char *const folders[] = { "keys",  "admin",    "blobs",
					       "run",   "incoming", "metadata",
					       "keeper" };

	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		if (fs_mkdir(w->dirfd, folders[i], 0700, e))
			return -1;
	return 0;
}

static int check_addresses(const struct init_options *o, struct err *e)
{
	struct address ignored;

	if (address_parse(slice_of(o->device), &ignored, e))
		return err_in(e, "--device-listen");
	if (address_parse(slice_of(o->enrolment), &ignored, e))
		return err_in(e, "--enrol-listen");
	if (address_parse(slice_of(o->people), &ignored, e))
		return err_in(e, "--people-listen");
	if (!name_is_valid(slice_of(o->admin)))
		return err_set(e, ERR_USAGE, "--admin: not a name");
	return 0;
}

static int make(struct work *w, struct err *e)
{
	struct buf admin_pem = BUF_INIT(X509_PEM_MAX_LEN);
	int rc = -1;

	/* The configuration comes last: without it there is no server. */
	if (make_folders(w, e) || make_keys(w, e) ||
	    make_certificates(w, &admin_pem, e) ||
	    write_public(w, w->online, ONLINE_PUB, e) ||
	    write_public(w, w->log, KEEPER_LOG_PUB, e) ||
	    make_people(w, buf_slice(&admin_pem), e) ||
	    make_store(w, buf_slice(&admin_pem), e) ||
	    write_operator_conf(w, e) || write_server_conf(w, e))
		goto out;
	rc = 0;
out:
	buf_done(&admin_pem);
	return rc;
}

int init_make(const struct init_options *o, struct err *e)
{
	struct work w = { .o = o,
			  .dirfd = -1,
			  .now = utc_now(),
			  .keeper_secret = BUF_SECRET(PASSPHRASE_MAX_LEN),
			  .tls_secret = BUF_SECRET(PASSPHRASE_MAX_LEN),
			  .admin_secret = BUF_SECRET(PASSPHRASE_MAX_LEN) };
	int rc = -1;

	if (check_addresses(o, e) || fs_make_dir(o->dir, 0700, &w.dirfd, e) ||
	    must_be_empty(o->dir, e))
		goto out;
	rc = make(&w, e);
out:
	ec_free(w.device_ca);
	ec_free(w.online);
	ec_free(w.log);
	ec_free(w.ledger);
	ec_free(w.server_ca);
	ec_free(w.tls);
	ec_free(w.admin);
	buf_wipe(&w.keeper_secret);
	buf_wipe(&w.tls_secret);
	buf_wipe(&w.admin_secret);
	fs_close(&w.dirfd);
	return rc;
}

/* ---- renewal ------------------------------------------------------------- */

static int open_key(int dirfd, const char *path, struct slice secret,
		    struct ec_private **out, struct err *e)
{
	struct buf file = BUF_INIT(KEYFILE_MAX_LEN);
	struct keyfile_info info;
	int rc = -1;

	if (fs_read_file(dirfd, path, &file, e) == 0)
		rc = keyfile_open(buf_slice(&file), secret, out, &info, e);
	buf_done(&file);
	return rc ? err_in(e, "%s", path) : 0;
}

/* Before it is put in place: no certificate that the log does not know. */
static int log_certificate(const struct config *c, enum audit_act act,
			   struct slice pem, struct err *e)
{
	const struct audit_by by = { .kind = AUDIT_SYSTEM, .now = utc_now() };
	char path[PATH_MAX_LEN];
	struct x509_info info;
	struct audit_record r;
	struct store *s = NULL;
	int rc;

	if (x509_inspect(pem, &info, e) ||
	    text_format(path, sizeof(path), e, "%s/" DATABASE, c->dir) ||
	    store_open(path, &s, e))
		return -1;
	audit_record_init(&r, act, &by);
	audit_set_digest(&r, "certificate", &info.fingerprint);
	rc = store_log(s, &r, e);
	store_close(s);
	return rc;
}

static int renew(const struct config *c, const struct x509_template *t,
		 struct err *e)
{
	struct buf secret = BUF_SECRET(PASSPHRASE_MAX_LEN);
	struct buf ca = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf key = BUF_INIT(KEYFILE_MAX_LEN);
	struct ec_private *issuer = NULL;
	struct keyfile_info info;
	int dirfd = -1, rc = -1;

	if (fs_open_dir(c->dir, &dirfd, e) ||
	    unlock_read(c->keeper_unlock, c->dir, &secret, e) ||
	    open_key(dirfd, SERVER_CA_KEY, buf_slice(&secret), &issuer, e) ||
	    fs_read_file(dirfd, SERVER_CA_PEM, &ca, e) ||
	    fs_read_file(dirfd, TLS_KEY, &key, e) ||
	    keyfile_inspect(buf_slice(&key), &info, e) ||
	    x509_issue(t, &info.public_key, buf_slice(&ca), issuer, &pem, e) ||
	    log_certificate(c, AUDIT_TLS_RENEW, buf_slice(&pem), e) ||
	    fs_replace_file(dirfd, TLS_PEM, buf_slice(&pem), 0644, e) ||
	    fs_mkdirs(dirfd, "run", 0700, e) ||
	    fs_replace_file(dirfd, STORE_RENEWED, buf_slice(&pem), 0644, e))
		goto out;
	rc = 0;
out:
	ec_free(issuer);
	buf_wipe(&secret);
	buf_done(&ca);
	buf_done(&pem);
	buf_done(&key);
	fs_close(&dirfd);
	return rc;
}

int init_tls_names(const char *dir, struct buf *out, struct err *e)
{
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	int dirfd = -1, rc = -1;

	if (fs_open_dir(dir, &dirfd, e) == 0 &&
	    fs_read_file(dirfd, TLS_PEM, &pem, e) == 0)
		rc = x509_names(buf_slice(&pem), out, e);
	buf_done(&pem);
	fs_close(&dirfd);
	return rc ? err_in(e, TLS_PEM) : 0;
}

int init_renew_tls(const char *dir, const char *const *names, struct err *e)
{
	struct x509_template t =
		template_for(X509_SERVER, "Pawl server", utc_now(), TLS_DAYS);
	struct config c = { 0 };
	int rc;

	t.names = names;
	if (config_load(dir, NULL, &c, e))
		return -1;
	rc = renew(&c, &t, e);
	config_done(&c);
	return rc;
}

int init_open_store(const char *dir, enum environment *environment,
		    struct store **out, struct err *e)
{
	struct config c = { 0 };
	char path[PATH_MAX_LEN];
	enum environment env;
	int rc = -1;

	if (config_load(dir, NULL, &c, e))
		return -1;
	if (environment_parse(slice_of(c.environment), &env, e) == 0 &&
	    text_format(path, sizeof(path), e, "%s/" DATABASE, c.dir) == 0)
		rc = store_open(path, out, e);
	if (rc == 0)
		*environment = env;
	config_done(&c);
	return rc;
}

int init_lock(const char *dir, int *lock, struct err *e)
{
	int dirfd = -1, run = -1, rc = -1;

	if (fs_open_dir(dir, &dirfd, e) || fs_mkdirs(dirfd, "run", 0700, e) ||
	    fs_open(dirfd, "run", O_RDONLY | O_DIRECTORY | O_CLOEXEC, &run, e))
		goto out;
	rc = fs_lock(run, "server.lock", lock, e);
	if (rc)
		err_in(e, "stop the server first");
out:
	fs_close(&run);
	fs_close(&dirfd);
	return rc;
}

/* ---- acts beside the running server -------------------------------------- */

#define AWAIT_STEP_MS 50
#define AWAIT_STEPS   400
/* What the server waits at its end besides: [limits] stop_sec is 600 at most,
 * 10 if nobody says else. */
#define DRAIN_SLACK_SEC 30

/* The server takes the file away once it has done it. */
static int await_gone(int dirfd, const char *path, struct err *e)
{
	for (int i = 0; i < AWAIT_STEPS; i++) {
		struct err why = { 0 };
		struct stat st;

		if (fs_stat(dirfd, path, &st, &why)) {
			if (why.code == ERR_NOT_FOUND)
				return 0;
			*e = why;
			return -1;
		}
		(void)poll(NULL, 0, AWAIT_STEP_MS);
	}
	return err_set(e, ERR_BUSY,
		       "the running server has not signed and exported it "
		       "(its log says why): it tries again each "
		       "minute");
}

int init_await_checkpoint(const char *dir, bool *runs, struct err *e)
{
	struct err taken = { 0 };
	int dirfd = -1, lock = -1, rc = -1;

	*runs = init_lock(dir, &lock, &taken) != 0;
	fs_close(&lock);
	if (!*runs)
		return 0;
	if (taken.code != ERR_BUSY) {
		*e = taken;
		return -1;
	}
	if (fs_open_dir(dir, &dirfd, e) == 0 &&
	    fs_replace_file(dirfd, STORE_WANTED, slice_of(""), 0600, e) == 0)
		rc = await_gone(dirfd, STORE_WANTED, e);
	fs_close(&dirfd);
	return rc;
}

static int ask_to_drain(const char *dir, uint64_t within, struct err *e)
{
	struct buf text = BUF_INIT(64);
	int dirfd = -1, rc = -1;

	if (buf_addf(&text, e, "{\"within\":%llu}\n",
		     (unsigned long long)within) == 0 &&
	    fs_open_dir(dir, &dirfd, e) == 0)
		rc = fs_replace_file(dirfd, STORE_DRAIN, buf_slice(&text), 0600,
				     e);
	fs_close(&dirfd);
	buf_done(&text);
	return rc;
}

/* 0 once nobody holds the folder's lock. */
static int lock_is_free(const char *dir, struct err *e)
{
	int lock = -1, rc = init_lock(dir, &lock, e);

	fs_close(&lock);
	return rc;
}

/* What the server left behind, which is gone by now. */
static int read_end(const char *dir, uint64_t *cut, struct err *e)
{
	struct buf file = BUF_INIT(256);
	struct json *j = NULL;
	int dirfd = -1, rc = -1;
	struct err why = { 0 };
	int64_t n;

	if (fs_open_dir(dir, &dirfd, e))
		return -1;
	if (fs_read_file(dirfd, STORE_ENDED, &file, &why) ||
	    json_parse(buf_slice(&file), &j, &why) ||
	    json_get_int(j, "cut", 0, INT32_MAX, &n, &why))
		(void)err_set(e, ERR_SYSTEM,
			      "the server did not end in order (%s): its log "
			      "says why",
			      why.msg);
	else
		rc = 0;
	if (rc == 0)
		*cut = (uint64_t)n;
	json_free(j);
	buf_done(&file);
	fs_close(&dirfd);
	return rc;
}

int init_drain(const char *dir, uint64_t within, struct init_drained *out,
	       struct err *e)
{
	/* Beside that, requests that came last are given their time. */
	uint64_t steps = (within + DRAIN_SLACK_SEC) * 1000 / AWAIT_STEP_MS;
	struct err taken = { 0 };

	out->cut = 0;
	out->ran = lock_is_free(dir, &taken) != 0;
	if (!out->ran)
		return 0;
	if (taken.code == ERR_BUSY && ask_to_drain(dir, within, e))
		return -1;
	for (uint64_t i = 0; taken.code == ERR_BUSY && i < steps; i++) {
		taken = (struct err){ 0 };
		if (lock_is_free(dir, &taken) == 0)
			return read_end(dir, &out->cut, e);
		(void)poll(NULL, 0, AWAIT_STEP_MS);
	}
	if (taken.code == ERR_BUSY)
		return err_set(e, ERR_BUSY,
			       "the server still runs: its log says why");
	*e = taken;
	return -1;
}

/* ---- another CA ---------------------------------------------------------- */

static int check_no_next(int dirfd, struct err *e)
{
	struct err missing = { 0 };
	struct stat st;

	if (fs_stat(dirfd, NEXT_CA_PEM, &st, &missing) == 0)
		return err_set(e, ERR_CONFLICT,
			       NEXT_CA_PEM " is there already: tls switch-ca "
					   "puts it in place");
	if (missing.code == ERR_NOT_FOUND)
		return 0;
	*e = missing;
	return -1;
}

/* The key first: a certificate without one would be good for nothing. */
static int write_next(int dirfd, struct slice key, struct slice pem,
		      struct err *e)
{
	return fs_replace_file(dirfd, NEXT_CA_KEY, key, 0600, e) ||
			       fs_replace_file(dirfd, NEXT_CA_PEM, pem, 0644, e)
		       ? -1
		       : 0;
}

static int make_next(const struct config *c, struct err *e)
{
	/* With a name of its own, for both are trusted for a while. */
	char name[sizeof("Pawl server CA ") + UTC_TEXT_LEN], when[UTC_TEXT_LEN];
	struct x509_template t =
		template_for(X509_CA, name, utc_now(), CA_DAYS);
	struct buf secret = BUF_SECRET(PASSPHRASE_MAX_LEN);
	struct buf old = BUF_INIT(KEYFILE_MAX_LEN);
	struct buf file = BUF_INIT(KEYFILE_MAX_LEN);
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct ec_private *key = NULL;
	struct keyfile_info info;
	struct ec_public public_key;
	int dirfd = -1, rc = -1;

	utc_format(utc_now(), when);
	if (text_format(name, sizeof(name), e, "Pawl server CA %s", when) ||
	    fs_open_dir(c->dir, &dirfd, e) || check_no_next(dirfd, e) ||
	    unlock_read(c->keeper_unlock, c->dir, &secret, e) ||
	    fs_read_file(dirfd, SERVER_CA_KEY, &old, e) ||
	    keyfile_inspect(buf_slice(&old), &info, e) || ec_generate(&key, e))
		goto out;
	ec_public_of(key, &public_key);
	if (keyfile_seal(key, info.environment, "ca", buf_slice(&secret), &file,
			 e) == 0 &&
	    x509_issue(&t, &public_key, (struct slice){ NULL, 0 }, key, &pem,
		       e) == 0 &&
	    log_certificate(c, AUDIT_TLS_NEXT_CA, buf_slice(&pem), e) == 0)
		rc = write_next(dirfd, buf_slice(&file), buf_slice(&pem), e);
out:
	ec_free(key);
	buf_wipe(&secret);
	buf_done(&old);
	buf_done(&file);
	buf_done(&pem);
	fs_close(&dirfd);
	return rc;
}

int init_next_ca(const char *dir, struct err *e)
{
	struct config c = { 0 };
	int rc;

	if (config_load(dir, NULL, &c, e))
		return -1;
	rc = make_next(&c, e);
	config_done(&c);
	return rc;
}

/* Cut off in between, it is done again, and recorded again: the certificate
 * moves last. */
static int move_next(const struct config *c, struct err *e)
{
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct err moved = { 0 };
	int dirfd = -1, rc = -1;

	if (fs_open_dir(c->dir, &dirfd, e))
		return -1;
	if (fs_read_file(dirfd, NEXT_CA_PEM, &pem, e)) {
		err_in(e, "no next CA (tls next-ca makes one)");
	} else if (log_certificate(c, AUDIT_TLS_SWITCH_CA, buf_slice(&pem),
				   e)) {
		goto out;
	} else if (fs_rename(dirfd, NEXT_CA_KEY, SERVER_CA_KEY, &moved) &&
		   moved.code != ERR_NOT_FOUND) {
		*e = moved;
	} else {
		rc = fs_rename(dirfd, NEXT_CA_PEM, SERVER_CA_PEM, e);
	}
out:
	buf_done(&pem);
	fs_close(&dirfd);
	return rc;
}

int init_switch_ca(const char *dir, const char *const *names, struct err *e)
{
	struct config c = { 0 };
	int rc;

	if (config_load(dir, NULL, &c, e))
		return -1;
	rc = move_next(&c, e);
	config_done(&c);
	return rc ? -1 : init_renew_tls(dir, names, e);
}
