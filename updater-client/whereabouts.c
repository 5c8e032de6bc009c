/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/whereabouts.h"

#include <string.h>

#include "common/fs.h"

#define NEWEST "site.json"
#define WORKS  "works.json"

/* One of the two files; *found is false for a missing or damaged one. */
static int read_site(int site_fd, const char *path, struct buf *bytes,
		     struct site *out, bool *found, struct err *e)
{
	struct err why = { 0 };

	*found = false;
	bytes->len = 0;
	if (fs_read_file(site_fd, path, bytes, &why) == 0 &&
	    site_parse(buf_slice(bytes), out, &why) == 0) {
		*found = true;
		return 0;
	}
	if (why.code != ERR_SYSTEM)
		return 0;
	*e = why;
	return err_in(e, "%s", path);
}

/* ---- lists --------------------------------------------------------------- */

static int add_url(struct whereabouts_list *to, const char *url, struct err *e)
{
	if (to->url_count == SITE_URLS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d servers",
			       SITE_URLS_MAX);
	if (text_format(to->urls[to->url_count], SITE_URL_LEN, e, "%s", url))
		return -1;
	to->url_at[to->url_count] = to->urls[to->url_count];
	to->url_count++;
	return 0;
}

static struct whereabouts_list *next_list(struct whereabouts *w)
{
	struct whereabouts_list *l = &w->at[w->count++];

	l->ca = (struct buf)BUF_INIT(SITE_PEM_MAX);
	return l;
}

static int add_site(struct whereabouts *w, const struct site *s, struct err *e)
{
	struct whereabouts_list *l = next_list(w);

	for (size_t i = 0; i < s->url_count; i++)
		if (add_url(l, s->urls[i], e))
			return -1;
	return site_pem(s, &l->ca, e);
}

/* The way back, without what the newest site has withdrawn. */
static int add_former(struct whereabouts *w, const struct site *newest,
		      const struct site *former, struct err *e)
{
	struct whereabouts_list *l = next_list(w);
	struct buf pem = BUF_INIT(SITE_PEM_MAX);
	int rc = site_pem(former, &pem, e);

	for (size_t i = 0; rc == 0 && i < former->url_count; i++)
		rc = add_url(l, former->urls[i], e);
	if (rc == 0)
		rc = site_sift(newest, buf_slice(&pem), &l->ca, e);
	buf_done(&pem);
	return rc;
}

/* newest is NULL when there is no site. */
static int add_configured(struct whereabouts *w, const struct site *newest,
			  const struct whereabouts_configured *c, struct err *e)
{
	struct whereabouts_list *l = next_list(w);

	for (size_t i = 0; i < c->url_count; i++)
		if (add_url(l, c->urls[i], e))
			return -1;
	return newest ? site_sift(newest, c->ca, &l->ca, e)
		      : buf_add(&l->ca, c->ca, e);
}

static int add_way_back(struct whereabouts *w, const struct site *newest,
			const struct site *works,
			const struct whereabouts_configured *c, struct err *e)
{
	int rc = works ? add_former(w, newest, works, e)
		       : add_configured(w, newest, c, e);

	if (rc)
		return -1;
	if (w->at[w->count - 1].ca.len == 0) /* all of it is withdrawn */
		buf_done(&w->at[--w->count].ca);
	return 0;
}

int whereabouts_load(int site_fd, const struct whereabouts_configured *c,
		     int64_t now, struct whereabouts *w, struct err *e)
{
	struct buf a = BUF_INIT(STATEMENT_MAX_LEN);
	struct buf b = BUF_INIT(STATEMENT_MAX_LEN);
	bool has_newest = false, has_works = false;
	struct site newest, works;
	int rc = -1;

	memset(w, 0, sizeof(*w));
	if (site_fd >= 0 &&
	    (read_site(site_fd, NEWEST, &a, &newest, &has_newest, e) ||
	     read_site(site_fd, WORKS, &b, &works, &has_works, e)))
		goto out;
	if (!has_newest) {
		rc = add_configured(w, NULL, c, e);
		goto out;
	}
	rc = add_site(w, &newest, e);
	w->unproven = !has_works || !slice_equal(buf_slice(&a), buf_slice(&b));
	if (rc == 0 && w->unproven && now < newest.overlap_until)
		rc = add_way_back(w, &newest, has_works ? &works : NULL, c, e);
out:
	buf_done(&a);
	buf_done(&b);
	if (rc)
		whereabouts_done(w);
	return rc ? err_in(e, "which servers to ask") : 0;
}

void whereabouts_done(struct whereabouts *w)
{
	for (size_t i = 0; i < w->count; i++)
		buf_done(&w->at[i].ca);
	w->count = 0;
}

int whereabouts_enrol(int site_fd, const char *configured,
		      char out[SITE_URL_LEN], struct err *e)
{
	struct buf bytes = BUF_INIT(STATEMENT_MAX_LEN);
	struct site newest;
	bool found = false;
	int rc = -1;

	if (site_fd >= 0 &&
	    read_site(site_fd, NEWEST, &bytes, &newest, &found, e))
		goto out;
	if (found && newest.enrol[0])
		rc = text_format(out, SITE_URL_LEN, e, "%s", newest.enrol);
	else if (configured)
		rc = text_format(out, SITE_URL_LEN, e, "%s", configured);
	else
		rc = err_set(e, ERR_CONFIG, "[server] enrol is not configured");
out:
	buf_done(&bytes);
	return rc;
}

/* ---- keeping ------------------------------------------------------------- */

int whereabouts_worked(int site_fd, struct err *e)
{
	struct buf bytes = BUF_INIT(STATEMENT_MAX_LEN);
	int rc = fs_read_file(site_fd, NEWEST, &bytes, e);

	if (rc == 0)
		rc = fs_replace_file(site_fd, WORKS, buf_slice(&bytes), 0600,
				     e);
	buf_done(&bytes);
	return rc;
}

int whereabouts_keep(int site_fd, struct slice bytes, bool *changed,
		     struct err *e)
{
	struct buf kept = BUF_INIT(STATEMENT_MAX_LEN);
	struct site old, new;
	bool found = false;
	int rc = -1;

	*changed = false;
	if (site_parse(bytes, &new, e) ||
	    read_site(site_fd, NEWEST, &kept, &old, &found, e))
		goto out;
	rc = 0;
	if (found &&
	    (new.issued < old.issued || slice_equal(buf_slice(&kept), bytes)))
		goto out;
	rc = fs_replace_file(site_fd, NEWEST, bytes, 0600, e);
	*changed = rc == 0;
out:
	buf_done(&kept);
	return rc ? err_in(e, "site") : 0;
}
