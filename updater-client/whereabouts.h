/* SPDX-License-Identifier: Apache-2.0 */
/*
 * whereabouts - which servers are tried, and whose certificates are theirs.
 *
 *	STATE/site/site.json   the newest site that was verified (common/site.h)
 *	STATE/site/works.json  the newest one through which a server was reached
 *
 * The newest site comes first. While its overlap lasts, the one that works (or,
 * before there was one, the configuration) is the way back from a list that
 * reaches nobody. What the newest site withdraws is never used again, whoever
 * names it. docs/site.md.
 */
#ifndef UPDATER_CLIENT_WHEREABOUTS_H
#define UPDATER_CLIENT_WHEREABOUTS_H

#include "common/site.h"

#define WHEREABOUTS_MAX 2

/* One list: urls, and the PEM of the certificates for all of them. */
struct whereabouts_list {
	char urls[SITE_URLS_MAX][SITE_URL_LEN];
	char *url_at[SITE_URLS_MAX]; /* into urls */
	size_t url_count;
	struct buf ca;
};

struct whereabouts {
	struct whereabouts_list at[WHEREABOUTS_MAX]; /* in this order */
	size_t count;
	bool unproven; /* the first is a site that has not worked yet */
};

/* What a person configured; borrowed. */
struct whereabouts_configured {
	char *const *urls;
	size_t url_count;
	struct slice ca; /* a PEM text */
};

/*
 * Where to go at `now`; site_fd is the folder, -1 for none. Damaged files count
 * as missing: then the configuration helps, as at first use. Heap inside; do
 * not move *w, its lists point into themselves.
 */
int whereabouts_load(int site_fd, const struct whereabouts_configured *c,
		     int64_t now, struct whereabouts *w,
		     struct err *e) NODISCARD;
void whereabouts_done(struct whereabouts *w);

/*
 * Where to ask when no server can be verified: as the newest site says, else as
 * configured (NULL: nothing is). ERR_CONFIG when nobody says it.
 */
int whereabouts_enrol(int site_fd, const char *configured,
		      char out[SITE_URL_LEN], struct err *e) NODISCARD;

/* A server of the newest site was reached: from now on it is what works. */
int whereabouts_worked(int site_fd, struct err *e) NODISCARD;

/*
 * Keep a verified site. One that was issued before the kept one changes
 * nothing. *changed: it is another than before.
 */
int whereabouts_keep(int site_fd, struct slice bytes, bool *changed,
		     struct err *e) NODISCARD;

#endif
