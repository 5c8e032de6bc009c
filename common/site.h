/* SPDX-License-Identifier: Apache-2.0 */
/*
 * site - where the servers are and whose certificates are theirs, as a signed
 * document: "site.json", a target of the top-level targets. So both change
 * like a release, with an overlap. docs/site.md.
 */
#ifndef COMMON_SITE_H
#define COMMON_SITE_H

#include "common/statement.h"

#define SITE_PATH     "site.json"
#define SITE_CAS_MAX  8
#define SITE_URLS_MAX 8
#define SITE_URL_LEN  256
#define SITE_DER_MAX  2048
#define SITE_PEM_MAX  (SITE_CAS_MAX * 4096)

enum site_state {
	SITE_CURRENT,  /* servers show certificates of it */
	SITE_NEXT,     /* soon they will */
	SITE_WITHDRAWN /* never again, whoever else names it */
};

struct site_ca {
	enum site_state state;
	uint8_t der[SITE_DER_MAX];
	size_t der_len;
};

struct site {
	struct site_ca ca[SITE_CAS_MAX];
	size_t ca_count; /* at least one is not withdrawn */
	char urls[SITE_URLS_MAX][SITE_URL_LEN]; /* tried in this order */
	size_t url_count;                       /* from 1 */
	/* Where a device asks that can verify none of them; "": not said. */
	char enrol[SITE_URL_LEN];
	int64_t issued;
	int64_t overlap_until; /* until when the list before still helps */
};

/* As statement_parse(). The certificates are not looked into. */
int site_parse(struct slice in, struct site *out, struct err *e) NODISCARD;
/* The caller owns it. */
struct json *site_format(const struct site *s);

/* "https://host" or "https://host:port", no path. */
bool site_url_is_valid(const char *url);

/* Is this certificate one that the site names with that state? */
bool site_has(const struct site *s, struct slice der, enum site_state state);

/* Append, as PEM, the certificates that count: current and next. */
int site_pem(const struct site *s, struct buf *out, struct err *e) NODISCARD;

/*
 * Append those certificates of a PEM text that s does not name as withdrawn.
 * ERR_FORMAT when the text is not PEM certificates alone.
 */
int site_sift(const struct site *s, struct slice pem, struct buf *out,
	      struct err *e) NODISCARD;

#endif
