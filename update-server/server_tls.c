/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/server_tls.h"

#include "common/fs.h"
#include "common/mem.h"
#include "common/text.h"
#include "common/x509.h"
#include "common/x509_names.h"

#include "update-server/beside.h"
#include "update-server/config.h"
#include "update-server/home.h"
#include "update-server/store.h"
#include "update-server/unlock.h"

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
			   struct slice pem, const char *reason, struct err *e)
{
	const struct audit_by by = { .kind = AUDIT_SYSTEM,
				     .now = utc_now(),
				     .reason = reason };
	enum environment ignored;
	struct x509_info info;
	struct audit_record r;
	struct store *s = NULL;
	int rc;

	if (x509_inspect(pem, &info, e) ||
	    beside_open_store(c->dir, &ignored, &s, e))
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
	    open_key(dirfd, HOME_CA_KEY, buf_slice(&secret), &issuer, e) ||
	    fs_read_file(dirfd, HOME_CA_PEM, &ca, e) ||
	    fs_read_file(dirfd, HOME_TLS_KEY, &key, e) ||
	    keyfile_inspect(buf_slice(&key), &info, e) ||
	    x509_issue(t, &info.public_key, buf_slice(&ca), issuer, &pem, e) ||
	    log_certificate(c, AUDIT_TLS_RENEW, buf_slice(&pem), NULL, e) ||
	    fs_replace_file(dirfd, HOME_TLS_PEM, buf_slice(&pem), 0644, e) ||
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

int server_tls_names(const char *dir, struct buf *out, struct err *e)
{
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	int dirfd = -1, rc = -1;

	if (fs_open_dir(dir, &dirfd, e) == 0 &&
	    fs_read_file(dirfd, HOME_TLS_PEM, &pem, e) == 0)
		rc = x509_names(buf_slice(&pem), out, e);
	buf_done(&pem);
	fs_close(&dirfd);
	return rc ? err_in(e, HOME_TLS_PEM) : 0;
}

int server_tls_renew(const char *dir, const char *const *names, struct err *e)
{
	struct x509_template t = home_template(X509_SERVER, "Pawl server",
					       utc_now(), HOME_TLS_DAYS);
	struct config c = { 0 };
	int rc;

	t.names = names;
	if (config_load(dir, NULL, &c, e))
		return -1;
	rc = renew(&c, &t, e);
	config_done(&c);
	return rc;
}

/* ---- another CA ---------------------------------------------------------- */

static int check_no_next(int dirfd, struct err *e)
{
	struct err missing = { 0 };
	struct stat st;

	if (fs_stat(dirfd, HOME_NEXT_CA_PEM, &st, &missing) == 0)
		return err_set(e, ERR_CONFLICT,
			       HOME_NEXT_CA_PEM
			       " is there already: tls switch-ca "
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
	return fs_replace_file(dirfd, HOME_NEXT_CA_KEY, key, 0600, e) ||
			       fs_replace_file(dirfd, HOME_NEXT_CA_PEM, pem,
					       0644, e)
		       ? -1
		       : 0;
}

static int make_next(const struct config *c, struct err *e)
{
	/* With a name of its own, for both are trusted for a while. */
	char name[sizeof("Pawl server CA ") + UTC_TEXT_LEN], when[UTC_TEXT_LEN];
	struct x509_template t =
		home_template(X509_CA, name, utc_now(), HOME_CA_DAYS);
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
	    fs_read_file(dirfd, HOME_CA_KEY, &old, e) ||
	    keyfile_inspect(buf_slice(&old), &info, e) || ec_generate(&key, e))
		goto out;
	ec_public_of(key, &public_key);
	if (keyfile_seal(key, info.environment, "ca", buf_slice(&secret), &file,
			 e) == 0 &&
	    x509_issue(&t, &public_key, (struct slice){ NULL, 0 }, key, &pem,
		       e) == 0 &&
	    log_certificate(c, AUDIT_TLS_NEXT_CA, buf_slice(&pem), NULL, e) ==
		    0)
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

int server_tls_next_ca(const char *dir, struct err *e)
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
static int move_next(const struct config *c, const char *reason, struct err *e)
{
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct err moved = { 0 };
	int dirfd = -1, rc = -1;

	if (fs_open_dir(c->dir, &dirfd, e))
		return -1;
	if (fs_read_file(dirfd, HOME_NEXT_CA_PEM, &pem, e)) {
		err_in(e, "no next CA (tls next-ca makes one)");
	} else if (log_certificate(c, AUDIT_TLS_SWITCH_CA, buf_slice(&pem),
				   reason, e)) {
		goto out;
	} else if (fs_rename(dirfd, HOME_NEXT_CA_KEY, HOME_CA_KEY, &moved) &&
		   moved.code != ERR_NOT_FOUND) {
		*e = moved;
	} else {
		rc = fs_rename(dirfd, HOME_NEXT_CA_PEM, HOME_CA_PEM, e);
	}
out:
	buf_done(&pem);
	fs_close(&dirfd);
	return rc;
}

int server_tls_switch_ca(const char *dir, const char *const *names,
			 const char *reason, struct err *e)
{
	struct config c = { 0 };
	int rc;

	if (config_load(dir, NULL, &c, e))
		return -1;
	rc = move_next(&c, reason, e);
	config_done(&c);
	return rc ? -1 : server_tls_renew(dir, names, e);
}
