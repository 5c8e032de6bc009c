/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/device_ca.h"

#include <string.h>

#include "common/fs.h"
#include "common/keyfile.h"
#include "common/text.h"

#include "update-server/beside.h"
#include "update-server/config.h"
#include "update-server/home.h"
#include "update-server/keeper.h"
#include "update-server/store.h"
#include "update-server/unlock.h"

#define LOCK "keys/device-ca.lock"

struct desk {
	const char *reason;
	struct config config;
	int dirfd, lock;
	int64_t now;
	struct buf pem; /* the whole file */
	struct slice one[DEVICE_CA_MAX];
	struct device_cas cas;
	struct store *store;
};

/* ---- what there is ------------------------------------------------------- */

/* A line end belongs to the block before it. */
static int add_block(struct buf *to, struct slice block, struct err *e)
{
	while (block.len > 0 && block.ptr[0] == '\n')
		block = slice_sub(block, 1, block.len);
	return buf_add(to, block, e) || buf_addf(to, e, "\n") ? -1 : 0;
}

static int read_cas(struct desk *d, struct err *e)
{
	struct slice rest, one;
	struct x509_info info;

	d->pem.len = 0;
	d->cas = (struct device_cas){ .count = 0 };
	if (fs_read_file(d->dirfd, HOME_DEVICE_CA_PEM, &d->pem, e))
		return -1;
	rest = buf_slice(&d->pem);
	while (x509_next(&rest, &one)) {
		struct device_ca *ca = &d->cas.at[d->cas.count];

		if (d->cas.count == DEVICE_CA_MAX)
			return err_set(e, ERR_LIMIT,
				       HOME_DEVICE_CA_PEM
				       ": more than %d certificates",
				       DEVICE_CA_MAX);
		if (x509_inspect(one, &info, e))
			return err_in(e, HOME_DEVICE_CA_PEM);
		memcpy(ca->name, info.common_name, sizeof(ca->name));
		ca->fingerprint = info.fingerprint;
		ca->not_after = info.not_after;
		d->one[d->cas.count++] = one;
	}
	return d->cas.count > 0
		       ? 0
		       : err_set(e, ERR_CONFIG,
				 HOME_DEVICE_CA_PEM ": no certificate");
}

static void count_one(void *ctx, const char *certificate)
{
	struct desk *d = ctx;

	if (!certificate[0]) {
		d->cas.unread++;
		return;
	}
	for (size_t i = 0; i < d->cas.count; i++)
		if (x509_names_issuer(slice_of(certificate), d->one[i])) {
			d->cas.at[i].devices++;
			return;
		}
	d->cas.others++;
}

static int read_all(struct desk *d, struct err *e)
{
	if (read_cas(d, e))
		return -1;
	return store_certificates_each(d->store, count_one, d, e);
}

static int open_desk(const char *dir, struct desk *d, struct err *e)
{
	char path[PATH_MAX_LEN];
	enum environment ignored;

	*d = (struct desk){ .dirfd = -1,
			    .lock = -1,
			    .now = utc_now(),
			    .pem = BUF_INIT(KEEPER_CA_PEM_MAX) };
	if (config_load(dir, NULL, &d->config, e) ||
	    text_format(path, sizeof(path), e, "%s/" HOME_DEVICE_CA_PEM,
			d->config.dir))
		return -1;
	if (strcmp(path, d->config.device_ca) != 0)
		return err_set(e, ERR_CONFIG,
			       "[tls] device_ca is %s, which is kept by "
			       "somebody else than this command",
			       d->config.device_ca);
	return fs_open_dir(d->config.dir, &d->dirfd, e) ||
			       fs_lock(d->dirfd, LOCK, &d->lock, e) ||
			       beside_open_store(d->config.dir, &ignored,
						 &d->store, e) ||
			       read_all(d, e)
		       ? -1
		       : 0;
}

static void close_desk(struct desk *d)
{
	store_close(d->store);
	buf_done(&d->pem);
	fs_close(&d->lock);
	fs_close(&d->dirfd);
	config_done(&d->config);
}

int device_ca_status(const char *dir, struct device_cas *out, struct err *e)
{
	struct desk d;
	int rc = open_desk(dir, &d, e);

	if (rc == 0)
		*out = d.cas;
	close_desk(&d);
	return rc;
}

/* ---- a new one ----------------------------------------------------------- */

struct rotation {
	struct buf secret, file, next_pem, former_pem, all;
	struct ec_private *own, *next;
	enum environment environment;
};

/* Our key, if it is the first certificate's; ERR_CONFLICT if not. */
static int open_key(struct desk *d, const char *path, struct rotation *r,
		    struct err *e)
{
	struct buf file = BUF_INIT(KEYFILE_MAX_LEN);
	struct x509_info first;
	struct keyfile_info info;
	int rc = -1;

	if (fs_read_file(d->dirfd, path, &file, e) ||
	    keyfile_inspect(buf_slice(&file), &info, e) ||
	    x509_inspect(d->one[0], &first, e))
		goto out;
	if (!ec_public_equal(&info.public_key, &first.public_key)) {
		(void)err_set(
			e, ERR_CONFLICT,
			"not the key of the first certificate in " HOME_DEVICE_CA_PEM
			": bring both back from one copy of keys/");
		goto out;
	}
	rc = keyfile_open(buf_slice(&file), buf_slice(&r->secret), &r->own,
			  &info, e);
	r->environment = info.environment;
out:
	buf_done(&file);
	return rc ? err_in(e, "%s", path) : 0;
}

/* A rotation that was cut off between certificate and key is ended first. */
static int open_own(struct desk *d, struct rotation *r, struct err *e)
{
	struct err why = { 0 };

	if (open_key(d, KEEPER_CA_KEY, r, e) == 0)
		return 0;
	if (e->code != ERR_CONFLICT || open_key(d, KEEPER_NEXT_CA_KEY, r, &why))
		return -1;
	return fs_rename(d->dirfd, KEEPER_NEXT_CA_KEY, KEEPER_CA_KEY, e);
}

static int make_next(const struct desk *d, struct rotation *r, struct err *e)
{
	/* With a name of its own, for both are trusted for a while. */
	char name[sizeof("Pawl device CA ") + UTC_TEXT_LEN], when[UTC_TEXT_LEN];
	const struct x509_template t =
		home_template(X509_CA, name, d->now, HOME_CA_DAYS);
	struct ec_public key;

	utc_format(d->now, when);
	if (text_format(name, sizeof(name), e, "Pawl device CA %s", when) ||
	    ec_generate(&r->next, e) ||
	    keyfile_seal(r->next, r->environment, "ca", buf_slice(&r->secret),
			 &r->file, e))
		return -1;
	ec_public_of(r->next, &key);
	return x509_issue(&t, &key, (struct slice){ NULL, 0 }, r->next,
			  &r->next_pem, e);
}

/* The last that the former key signs: itself, with an end. */
static int make_former(const struct desk *d, uint64_t days, struct rotation *r,
		       struct err *e)
{
	const struct device_ca *ca = &d->cas.at[0];
	int64_t end = d->now + (int64_t)days * UTC_DAY;
	struct x509_template t = { .kind = X509_CA, .common_name = ca->name };
	struct x509_info info;

	if (x509_inspect(d->one[0], &info, e))
		return -1;
	t.not_before = info.not_before;
	t.not_after = end < info.not_after ? end : info.not_after;
	return x509_issue(&t, &info.public_key, (struct slice){ NULL, 0 },
			  r->own, &r->former_pem, e);
}

/* New, former, and those before that have not ended. */
static int join(const struct desk *d, struct rotation *r, struct err *e)
{
	size_t count = 2;

	if (add_block(&r->all, buf_slice(&r->next_pem), e) ||
	    add_block(&r->all, buf_slice(&r->former_pem), e))
		return -1;
	for (size_t i = 1; i < d->cas.count; i++) {
		if (d->cas.at[i].not_after < d->now)
			continue;
		if (++count > DEVICE_CA_MAX)
			return err_set(e, ERR_LIMIT,
				       "%d CAs are trusted already: withdraw a "
				       "former one first",
				       DEVICE_CA_MAX);
		if (add_block(&r->all, d->one[i], e))
			return -1;
	}
	return 0;
}

static int log_rotation(struct desk *d, const struct rotation *r, struct err *e)
{
	const struct audit_by by = { .kind = AUDIT_SYSTEM,
				     .now = d->now,
				     .reason = d->reason };
	struct x509_info next, former;
	struct audit_record record;
	struct sha256 spki;

	if (x509_inspect(buf_slice(&r->next_pem), &next, e) ||
	    x509_inspect(buf_slice(&r->former_pem), &former, e))
		return -1;
	/* No device may ever enrol with this key. */
	ec_public_fingerprint(&next.public_key, &spki);
	if (store_key_take(d->store, &spki, "device CA", e))
		return -1;
	audit_record_init(&record, AUDIT_CA_ROTATE, &by);
	audit_set_digest(&record, "certificate", &next.fingerprint);
	audit_set_digest(&record, "former", &former.fingerprint);
	json_set_int(record.objects, "until", former.not_after);
	return store_log(d->store, &record, e);
}

/* The certificates are what counts: the key is moved by whoever finds that it
 * was not. */
static int put_in_place(struct desk *d, struct rotation *r, struct err *e)
{
	return fs_replace_file(d->dirfd, KEEPER_NEXT_CA_KEY,
			       buf_slice(&r->file), 0600, e) ||
			       log_rotation(d, r, e) ||
			       fs_replace_file(d->dirfd, HOME_DEVICE_CA_PEM,
					       buf_slice(&r->all), 0644, e) ||
			       fs_rename(d->dirfd, KEEPER_NEXT_CA_KEY,
					 KEEPER_CA_KEY, e)
		       ? -1
		       : 0;
}

static int rotate(struct desk *d, uint64_t days, struct err *e)
{
	struct rotation r = { .secret = BUF_SECRET(PASSPHRASE_MAX_LEN),
			      .file = BUF_INIT(KEYFILE_MAX_LEN),
			      .next_pem = BUF_INIT(X509_PEM_MAX_LEN),
			      .former_pem = BUF_INIT(X509_PEM_MAX_LEN),
			      .all = BUF_INIT(KEEPER_CA_PEM_MAX) };
	int rc = -1;

	if (unlock_read(d->config.keeper_unlock, d->config.dir, &r.secret, e) ||
	    open_own(d, &r, e) || make_next(d, &r, e) ||
	    make_former(d, days, &r, e) || join(d, &r, e))
		goto out;
	rc = put_in_place(d, &r, e);
out:
	ec_free(r.own);
	ec_free(r.next);
	buf_wipe(&r.secret);
	buf_done(&r.file);
	buf_done(&r.next_pem);
	buf_done(&r.former_pem);
	buf_done(&r.all);
	return rc;
}

int device_ca_rotate(const char *dir, uint64_t days, const char *reason,
		     struct device_cas *out, struct err *e)
{
	struct desk d;
	int rc = open_desk(dir, &d, e);

	d.reason = reason;
	if (rc == 0)
		rc = rotate(&d, days, e) || read_all(&d, e) ? -1 : 0;
	if (rc == 0)
		*out = d.cas;
	close_desk(&d);
	return rc;
}

/* ---- an old one goes ----------------------------------------------------- */

static int find_former(const struct desk *d, const struct sha256 *fingerprint,
		       size_t *which, struct err *e)
{
	for (size_t i = 0; i < d->cas.count; i++)
		if (sha256_equal(&d->cas.at[i].fingerprint, fingerprint)) {
			*which = i;
			return i > 0 ? 0
				     : err_set(e, ERR_CONFLICT,
					       "this one issues: ca rotate puts "
					       "another in its place");
		}
	return err_set(e, ERR_NOT_FOUND,
		       "no CA of this fingerprint (ca status shows them)");
}

static int check_left(const struct desk *d, size_t which, uint64_t leave,
		      struct err *e)
{
	uint64_t left = d->cas.at[which].devices + d->cas.unread;

	if (left == leave)
		return 0;
	if (leave > 0)
		return err_set(
			e, ERR_CONFLICT, "%llu devices are on it, not %llu",
			(unsigned long long)left, (unsigned long long)leave);
	return err_set(e, ERR_CONFLICT,
		       "%llu devices are on it still, and would have to enrol "
		       "anew: wait, revoke or retire them, or say --leave %llu",
		       (unsigned long long)left, (unsigned long long)left);
}

static int log_withdrawal(struct desk *d, size_t which, uint64_t left,
			  struct err *e)
{
	const struct audit_by by = { .kind = AUDIT_SYSTEM, .now = d->now };
	struct audit_record r;

	audit_record_init(&r, AUDIT_CA_WITHDRAW, &by);
	audit_set_digest(&r, "certificate", &d->cas.at[which].fingerprint);
	json_set_int(r.objects, "devices", (int64_t)left);
	audit_set_secret(&r, "reason", d->reason);
	return store_log(d->store, &r, e);
}

static int withdraw(struct desk *d, const struct sha256 *fingerprint,
		    uint64_t leave, struct err *e)
{
	struct buf all = BUF_INIT(KEEPER_CA_PEM_MAX);
	size_t which = 0;
	int rc = -1;

	if (find_former(d, fingerprint, &which, e) ||
	    check_left(d, which, leave, e) ||
	    log_withdrawal(d, which, leave, e))
		goto out;
	for (size_t i = 0; i < d->cas.count; i++)
		if (i != which && add_block(&all, d->one[i], e))
			goto out;
	rc = fs_replace_file(d->dirfd, HOME_DEVICE_CA_PEM, buf_slice(&all),
			     0644, e);
out:
	buf_done(&all);
	return rc;
}

int device_ca_withdraw(const char *dir, const struct sha256 *fingerprint,
		       uint64_t leave, const char *reason,
		       struct device_cas *out, struct err *e)
{
	struct desk d;
	int rc = open_desk(dir, &d, e);

	d.reason = reason;
	if (rc == 0)
		rc = withdraw(&d, fingerprint, leave, e) || read_all(&d, e) ? -1
									    : 0;

	if (rc == 0)
		*out = d.cas;
	close_desk(&d);
	return rc;
}
