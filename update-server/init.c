/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/init.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/random.h"
#include "common/text.h"
#include "common/x509.h"

#include "update-server/config.h"
#include "update-server/home.h"
#include "update-server/keeper.h"
#include "update-server/store.h"
#include "update-server/store_cohort.h"
#include "update-server/unlock.h"

#define SECRET_BYTES   32
#define KEEPER_SECRET  "keys/keeper.secret"
#define TLS_SECRET     "keys/tls.secret"
#define ADMIN_SECRET   "admin/admin.secret"
#define ADMIN_KEY      "admin/admin.key"
#define ADMIN_PEM      "admin/admin.pem"
#define OPERATOR_CONF  "admin/operator.conf"
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
	    make_key(w, HOME_CA_KEY, "ca", &w->keeper_secret, &w->server_ca,
		     e) ||
	    make_key(w, HOME_TLS_KEY, "tls", &w->tls_secret, &w->tls, e))
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

static int make_certificates(struct work *w, struct buf *admin_pem,
			     struct err *e)
{
	struct issuer by = { .key = w->device_ca, .path = HOME_DEVICE_CA_PEM };
	struct buf ca = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf other = BUF_INIT(X509_PEM_MAX_LEN);
	struct x509_template t;
	int rc = -1;

	t = home_template(X509_CA, "Pawl device CA", w->now, HOME_CA_DAYS);
	if (issue(w, &t, w->device_ca, &by, &other, e))
		goto out;
	by.key = w->server_ca;
	by.path = HOME_CA_PEM;
	t = home_template(X509_CA, "Pawl server CA", w->now, HOME_CA_DAYS);
	if (issue(w, &t, w->server_ca, &by, &ca, e))
		goto out;
	by.pem = buf_slice(&ca);
	by.path = HOME_TLS_PEM;
	t = home_template(X509_SERVER, "Pawl server", w->now, HOME_TLS_DAYS);
	t.names = w->o->names;
	if (issue(w, &t, w->tls, &by, &other, e))
		goto out;
	by = (struct issuer){ .key = w->admin, .path = ADMIN_PEM };
	t = home_template(X509_PERSON, w->o->admin, w->now, HOME_PERSON_DAYS);
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
	if (fs_replace_file(w->dirfd, HOME_DATABASE, (struct slice){ 0 }, 0600,
			    e) ||
	    text_format(path, sizeof(path), e, "%s/" HOME_DATABASE,
			w->o->dir) ||
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
		     "certificate = " HOME_TLS_PEM "\n"
		     "key = " HOME_TLS_KEY "\n"
		     "device_ca = " HOME_DEVICE_CA_PEM "\n"
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
		     "ca = ../" HOME_CA_PEM "\n\n"
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
	    write_public(w, w->online, HOME_ONLINE_PUB, e) ||
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
