/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_site - where the servers are, and whose certificates are theirs. */
#include <string.h>

#include "common/fs.h"
#include "common/named.h"
#include "common/opt.h"
#include "common/pem.h"
#include "common/site.h"
#include "common/utc.h"
#include "common/x509.h"
#include "signer/commands.h"
#include "signer/document.h"
#include "signer/watch.h"

#define OVERLAP_DAYS_DEFAULT 90
#define OVERLAP_DAYS_MAX     400

struct asked {
	const char *enrol; /* NULL: as devices have it */
	const char *repo, *current, *next;
	struct opt_list urls, withdrawn;
	uint64_t overlap_days;
};

/* Add the certificate in a file; it must be one of a CA. */
static int add_ca(struct site *s, const char *file, enum site_state state,
		  struct err *e)
{
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf der = BUF_INIT(SITE_DER_MAX);
	struct site_ca *ca = &s->ca[s->ca_count];
	struct x509_info info;
	int rc = -1;

	if (s->ca_count == SITE_CAS_MAX) {
		err_set(e, ERR_LIMIT, "more than %d certificates",
			SITE_CAS_MAX);
		goto out;
	}
	if (fs_read_path(file, &pem, e) ||
	    x509_inspect(buf_slice(&pem), &info, e) ||
	    pem_parse(buf_slice(&pem), "CERTIFICATE", &der, e))
		goto out;
	if (!info.is_ca) {
		err_set(e, ERR_REFUSED, "not the certificate of a CA");
		goto out;
	}
	for (size_t i = 0; i < s->ca_count; i++) {
		if (slice_equal(
			    (struct slice){ s->ca[i].der, s->ca[i].der_len },
			    buf_slice(&der))) {
			err_set(e, ERR_CONFLICT, "given twice");
			goto out;
		}
	}
	memcpy(ca->der, der.ptr, der.len);
	ca->der_len = der.len;
	ca->state = state;
	s->ca_count++;
	rc = 0;
out:
	buf_done(&pem);
	buf_done(&der);
	return rc ? named_in(e, file) : 0;
}

static int check_url(const char *url, struct err *e)
{
	if (site_url_is_valid(url))
		return 0;
	return err_set(e, ERR_USAGE,
		       "url: \"%.80s\" is not https://host or "
		       "https://host:port",
		       url);
}

static int add_enrol(struct site *s, const char *url, struct err *e)
{
	if (!url)
		return 0;
	if (check_url(url, e))
		return -1;
	return text_format(s->enrol, SITE_URL_LEN, e, "%s", url);
}

static int add_urls(struct site *s, const struct opt_list *urls, struct err *e)
{
	if (urls->count > SITE_URLS_MAX)
		return err_set(e, ERR_USAGE, "at most %d urls", SITE_URLS_MAX);
	for (size_t i = 0; i < urls->count; i++) {
		if (check_url(urls->at[i], e))
			return -1;
		if (text_format(s->urls[s->url_count++], SITE_URL_LEN, e, "%s",
				urls->at[i]))
			return -1;
	}
	return 0;
}

/* What was withdrawn once stays so: devices remember the newest site alone. */
static int keep_withdrawn(const struct repo *r, struct site *s, struct err *e)
{
	struct buf bytes = BUF_INIT(STATEMENT_MAX_LEN);
	struct err why = { 0 };
	struct json *j = NULL;
	struct site old;
	int rc = 0;

	if (document_get(r, "targets", SITE_PATH, &j, &why)) {
		if (why.code == ERR_NOT_FOUND)
			return 0;
		*e = why;
		return -1;
	}
	rc = json_canonical(j, &bytes, e) ||
	     site_parse(buf_slice(&bytes), &old, e);
	for (size_t i = 0; rc == 0 && i < old.ca_count; i++) {
		const struct slice der = { old.ca[i].der, old.ca[i].der_len };

		if (old.ca[i].state != SITE_WITHDRAWN ||
		    site_has(s, der, SITE_WITHDRAWN))
			continue;
		if (site_has(s, der, SITE_CURRENT) ||
		    site_has(s, der, SITE_NEXT))
			rc = err_set(e, ERR_REFUSED,
				     "a certificate that was withdrawn is "
				     "never used again");
		else if (s->ca_count == SITE_CAS_MAX)
			rc = err_set(e, ERR_LIMIT, "more than %d certificates",
				     SITE_CAS_MAX);
		else
			s->ca[s->ca_count++] = old.ca[i];
	}
	json_free(j);
	buf_done(&bytes);
	return rc ? -1 : 0;
}

static int collect(const struct asked *a, struct site *s, struct err *e)
{
	s->issued = utc_now();
	s->overlap_until = s->issued + (int64_t)a->overlap_days * UTC_DAY;
	if (add_ca(s, a->current, SITE_CURRENT, e) ||
	    (a->next && add_ca(s, a->next, SITE_NEXT, e)))
		return -1;
	for (size_t i = 0; i < a->withdrawn.count; i++)
		if (add_ca(s, a->withdrawn.at[i], SITE_WITHDRAWN, e))
			return -1;
	return add_urls(s, &a->urls, e) || add_enrol(s, a->enrol, e) ? -1 : 0;
}

static int stage_site(const struct asked *a, struct report *out, struct err *e)
{
	struct site s = { .ca_count = 0 };
	char until[UTC_TEXT_LEN];
	struct json *j = NULL;
	struct repo r;
	int rc = -1;

	if (collect(a, &s, e) || watch_open(a->repo, REPO_WRITE, &r, out, e))
		return -1;
	if (keep_withdrawn(&r, &s, e) == 0) {
		j = site_format(&s);
		rc = document_put(&r,
				  &(struct document){ "targets", SITE_PATH, j },
				  s.issued, out, e);
		json_free(j);
	}
	repo_close(&r);
	if (rc)
		return -1;
	utc_format(s.overlap_until, until);
	report_line(out,
		    "staged in targets: the site, %zu urls, %zu certificates; "
		    "the list before helps until %s",
		    s.url_count, s.ca_count, until);
	return 0;
}

int cmd_site(int argc, char **argv, struct err *e)
{
	struct asked a = { .overlap_days = OVERLAP_DAYS_DEFAULT };
	struct report out = { 0 };
	const struct opt opts[] = {
		OPT_LIST("url", "URL", &a.urls,
			 "https://host:port of a server, in order"),
		OPT_TEXT("enrol-url", "URL", &a.enrol,
			 "where a device asks that can verify none of them"),
		OPT_TEXT("ca", "FILE.pem", &a.current,
			 "whose certificates the servers show"),
		OPT_TEXT("next-ca", "FILE.pem", &a.next,
			 "whose they will show soon"),
		OPT_LIST("withdraw-ca", "FILE.pem", &a.withdrawn,
			 "never to be used again"),
		OPT_NUMBER("overlap-days", "N", &a.overlap_days,
			   OVERLAP_DAYS_MAX,
			   "how long the list before still helps (90)"),
		OPT_FLAG("json", &out.json, "print JSON"),
		OPT_END,
	};
	char **operands;
	int count, rc = -1;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count != 1 || !a.current || a.urls.count == 0) {
		err_set(e, ERR_USAGE, "one REPO is needed, --url and --ca");
	} else {
		a.repo = operands[0];
		rc = stage_site(&a, &out, e);
	}
	return report_end(&out, rc, e);
}
