/* SPDX-License-Identifier: Apache-2.0 */
#include "common/site.h"

#include <string.h>

#include "common/pem.h"

#define LABEL "CERTIFICATE"
#define END   "-----END CERTIFICATE-----"

static const char *const states[] = { "current", "next", "withdrawn" };

/* ---- reading ------------------------------------------------------------- */

static int read_state(const struct json *j, enum site_state *out, struct err *e)
{
	const char *text;

	if (json_get_text(j, "state", &text, e))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		if (strcmp(states[i], text) == 0) {
			*out = (enum site_state)i;
			return 0;
		}
	}
	return err_set(e, ERR_FORMAT, "\"state\" has an unknown value");
}

static int read_ca(const struct json *j, struct site *s, struct err *e)
{
	static const char *const members[] = { "der", "state", NULL };
	struct site_ca *ca = &s->ca[s->ca_count];
	const char *hex;
	size_t len;

	if (json_only(j, members, e) || read_state(j, &ca->state, e) ||
	    json_get_text(j, "der", &hex, e))
		return -1;
	len = strlen(hex) / 2;
	if (len == 0 || len > SITE_DER_MAX)
		return err_set(e, ERR_LIMIT, "a certificate of %zu bytes", len);
	if (hex_parse(slice_of(hex), ca->der, len, e))
		return err_in(e, "\"der\"");
	ca->der_len = len;
	for (size_t i = 0; i < s->ca_count; i++)
		if (s->ca[i].der_len == len &&
		    memcmp(s->ca[i].der, ca->der, len) == 0)
			return err_set(e, ERR_FORMAT, "a certificate twice");
	s->ca_count++;
	return 0;
}

static int read_cas(const struct json *j, struct site *s, struct err *e)
{
	const struct json *list;
	bool any = false;

	if (json_get_array(j, "ca", &list, e))
		return -1;
	if (json_count(list) > SITE_CAS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d certificates",
			       SITE_CAS_MAX);
	for (size_t i = 0; i < json_count(list); i++)
		if (read_ca(json_at(list, i), s, e))
			return -1;
	for (size_t i = 0; i < s->ca_count; i++)
		any |= s->ca[i].state != SITE_WITHDRAWN;
	return any ? 0 : err_set(e, ERR_FORMAT, "no certificate is left");
}

bool site_url_is_valid(const char *url)
{
	static const char scheme[] = "https://";
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "0123456789.-:[]";
	const char *host = url + sizeof(scheme) - 1;

	return strncmp(url, scheme, sizeof(scheme) - 1) == 0 && host[0] &&
	       strlen(url) < SITE_URL_LEN &&
	       strspn(host, letters) == strlen(host);
}

static int read_urls(const struct json *j, struct site *s, struct err *e)
{
	const struct json *list;

	if (json_get_array(j, "urls", &list, e))
		return -1;
	if (json_count(list) == 0 || json_count(list) > SITE_URLS_MAX)
		return err_set(e, ERR_LIMIT, "1 to %d urls", SITE_URLS_MAX);
	for (size_t i = 0; i < json_count(list); i++) {
		const char *url = json_text(json_at(list, i));

		if (!site_url_is_valid(url))
			return err_set(e, ERR_FORMAT,
				       "\"urls\" holds what it may not");
		if (text_format(s->urls[s->url_count++], SITE_URL_LEN, e, "%s",
				url))
			return -1;
	}
	return 0;
}

static int read_enrol(const struct json *j, struct site *s, struct err *e)
{
	const char *url;

	if (!json_get(j, "enrol"))
		return 0;
	if (json_get_text(j, "enrol", &url, e))
		return -1;
	if (!site_url_is_valid(url))
		return err_set(e, ERR_FORMAT, "\"enrol\" is no url of ours");
	return text_format(s->enrol, SITE_URL_LEN, e, "%s", url);
}

int site_parse(struct slice in, struct site *out, struct err *e)
{
	static const char *const members[] = { "ca", "urls", "enrol",
					       "overlap_until", NULL };
	struct site s = { .ca_count = 0 };
	struct json *j;
	int rc;

	if (statement_parse(in, "site", members, &j, &s.issued, e))
		return -1;
	rc = read_cas(j, &s, e) || read_urls(j, &s, e) ||
			     read_enrol(j, &s, e) ||
			     statement_time(j, "overlap_until",
					    &s.overlap_until, e)
		     ? err_in(e, "site")
		     : 0;
	json_free(j);
	if (rc == 0)
		*out = s;
	return rc;
}

/* ---- writing ------------------------------------------------------------- */

struct json *site_format(const struct site *s)
{
	struct json *j = statement_new("site", s->issued);
	struct json *cas = json_new_array(), *urls = json_new_array();

	for (size_t i = 0; i < s->ca_count; i++) {
		struct json *ca = json_new_object();

		json_set_hex(ca, "der",
			     (struct slice){ s->ca[i].der, s->ca[i].der_len });
		json_set_text(ca, "state", states[s->ca[i].state]);
		json_add(cas, ca);
	}
	for (size_t i = 0; i < s->url_count; i++)
		json_add(urls, json_new_text(s->urls[i]));
	json_set(j, "ca", cas);
	json_set(j, "urls", urls);
	if (s->enrol[0])
		json_set_text(j, "enrol", s->enrol);
	statement_set_time(j, "overlap_until", s->overlap_until);
	return j;
}

/* ---- certificates -------------------------------------------------------- */

bool site_has(const struct site *s, struct slice der, enum site_state state)
{
	for (size_t i = 0; i < s->ca_count; i++)
		if (s->ca[i].state == state &&
		    slice_equal(
			    (struct slice){ s->ca[i].der, s->ca[i].der_len },
			    der))
			return true;
	return false;
}

int site_pem(const struct site *s, struct buf *out, struct err *e)
{
	for (size_t i = 0; i < s->ca_count; i++)
		if (s->ca[i].state != SITE_WITHDRAWN &&
		    pem_format(LABEL,
			       (struct slice){ s->ca[i].der, s->ca[i].der_len },
			       out, e))
			return -1;
	return 0;
}

/* The next block with all that stands before it; *rest moves behind it. */
static bool next_block(struct slice *rest, struct slice *block)
{
	const uint8_t *end = NULL;
	size_t len;

	if (rest->len > 0)
		end = memmem(rest->ptr, rest->len, END, strlen(END));
	if (!end)
		return false;
	len = (size_t)(end - rest->ptr) + strlen(END);
	while (len < rest->len && rest->ptr[len] == '\n')
		len++;
	*block = slice_sub(*rest, 0, len);
	*rest = slice_sub(*rest, len, rest->len);
	return true;
}

int site_sift(const struct site *s, struct slice pem, struct buf *out,
	      struct err *e)
{
	struct slice block;

	while (next_block(&pem, &block)) {
		struct buf der = BUF_INIT(SITE_DER_MAX);
		int rc = pem_parse(block, LABEL, &der, e);

		if (rc == 0 && !site_has(s, buf_slice(&der), SITE_WITHDRAWN))
			rc = pem_format(LABEL, buf_slice(&der), out, e);
		buf_done(&der);
		if (rc)
			return -1;
	}
	return pem.len == 0 ? 0
			    : err_set(e, ERR_FORMAT,
				      "something stands behind the last "
				      "certificate");
}
