/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/ca_record.h"

#include <string.h>

#include "common/fs.h"
#include "common/text.h"
#include "common/x509.h"

#include "update-server/home.h"
#include "update-server/keeper.h"

/* Of each certificate in the file; *found: it is one of them. */
static int look_for(struct slice pem, const struct sha256 *which, bool *found,
		    struct err *e)
{
	struct x509_info info;
	struct slice one;

	*found = false;
	while (!*found && x509_next(&pem, &one)) {
		if (x509_inspect(one, &info, e))
			return err_in(e, HOME_DEVICE_CA_PEM);
		*found = sha256_equal(&info.fingerprint, which);
	}
	return 0;
}

static int see_withdrawn(const struct ca_record *m, const struct sha256 *which,
			 struct err *e)
{
	char hex[SHA256_HEX_LEN];
	bool found;

	if (look_for(m->pem, which, &found, e))
		return -1;
	sha256_format(which, hex);
	return found ? err_set(e, ERR_ROLLBACK,
			       HOME_DEVICE_CA_PEM
			       " trusts a CA that was withdrawn: "
			       "withdraw it again (ca withdraw DIR %s), "
			       "or bring back the keys/ kept after that",
			       hex)
		     : 0;
}

static int see(struct ca_record *m, const struct audit_record *r, struct err *e)
{
	struct sha256 which;

	if (r->act != AUDIT_CA_ROTATE && r->act != AUDIT_CA_WITHDRAW)
		return 0;
	if (json_get_hex(r->objects, "certificate", which.bytes, SHA256_LEN, e))
		return -1;
	if (r->act == AUDIT_CA_WITHDRAW)
		return see_withdrawn(m, &which, e);
	m->newest = which;
	m->rotated = r->time;
	return 0;
}

int ca_record_begin(struct ca_record *r, struct slice pem, struct err *e)
{
	struct slice rest = pem, one;
	struct x509_info info;

	if (!x509_next(&rest, &one))
		return err_set(e, ERR_CONFIG,
			       HOME_DEVICE_CA_PEM ": no certificate");
	if (x509_inspect(one, &info, e))
		return err_in(e, HOME_DEVICE_CA_PEM);
	*r = (struct ca_record){ .pem = pem, .first = info.fingerprint };
	return 0;
}

/* Few of very many are about a CA: only these are read. */
int ca_record_see(struct ca_record *r, struct slice record, struct err *e)
{
	static const char about[] = "\"act\":\"ca-";
	struct audit_record parsed = { 0 };
	int rc;

	if (!memmem(record.ptr, record.len, about, sizeof(about) - 1))
		return 0;
	if (audit_record_parse(record, &parsed, e))
		return -1;
	rc = see(r, &parsed, e);
	audit_record_done(&parsed);
	return rc;
}

int ca_record_end(const struct ca_record *r, struct err *e)
{
	char when[UTC_TEXT_LEN];

	if (r->rotated == 0 || sha256_equal(&r->first, &r->newest))
		return 0;
	utc_format(r->rotated, when);
	return err_set(e, ERR_ROLLBACK,
		       HOME_DEVICE_CA_PEM
		       " is not that of the ca rotate of %s: bring back "
		       "the keys/ kept after it; if there is none, say "
		       "ca rotate again",
		       when);
}

static int visit(void *ctx, struct slice record, struct err *e)
{
	return ca_record_see(ctx, record, e);
}

int ca_record_check(const struct config *c, struct store *s, struct err *e)
{
	struct buf pem = BUF_INIT(KEEPER_CA_PEM_MAX);
	char path[PATH_MAX_LEN];
	struct ca_record r;
	int rc = -1;

	if (text_format(path, sizeof(path), e, "%s/" HOME_DEVICE_CA_PEM,
			c->dir))
		return -1;
	if (strcmp(path, c->device_ca) != 0)
		return 0;
	if (fs_read_path(path, &pem, e) == 0 &&
	    ca_record_begin(&r, buf_slice(&pem), e) == 0 &&
	    store_audit_each(s, 0, INT64_MAX, visit, &r, e) == 0)
		rc = ca_record_end(&r, e);
	buf_done(&pem);
	return rc;
}
