/* SPDX-License-Identifier: Apache-2.0 */
#include "common/x509_names.h"

#include <arpa/inet.h>
#include <string.h>

#include "common/der.h"
#include "common/pem.h"
#include "common/x509.h"
#include "common/x509_parse.h"

#define TAG_DNS     DER_CONTEXT(2)
#define TAG_ADDRESS DER_CONTEXT(7)

static int add_text(const char *text, struct buf *out, struct err *e)
{
	return buf_add(
		out, (struct slice){ (const uint8_t *)text, strlen(text) + 1 },
		e);
}

static int add_dns(struct slice name, struct buf *out, struct err *e)
{
	static const struct slice end = { (const uint8_t *)"", 1 };

	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] <= ' ' || name.ptr[i] > '~')
			return err_set(e, ERR_FORMAT,
				       "certificate: not a DNS name");
	return buf_add(out, name, e) || buf_add(out, end, e) ? -1 : 0;
}

static int add_address(struct slice raw, struct buf *out, struct err *e)
{
	char text[INET6_ADDRSTRLEN];
	int family = raw.len == sizeof(struct in_addr) ? AF_INET : AF_INET6;

	if ((family == AF_INET6 && raw.len != sizeof(struct in6_addr)) ||
	    !inet_ntop(family, raw.ptr, text, sizeof(text)))
		return err_set(e, ERR_FORMAT, "certificate: not an address");
	return add_text(text, out, e);
}

static int add_names(struct slice names, struct buf *out, struct err *e)
{
	struct rd r = rd_init(names);

	while (!r.bad && r.rest.len > 0) {
		int rc;

		if (der_next_is(&r, TAG_DNS))
			rc = add_dns(der_read(&r, TAG_DNS), out, e);
		else if (der_next_is(&r, TAG_ADDRESS))
			rc = add_address(der_read(&r, TAG_ADDRESS), out, e);
		else
			rc = err_set(e, ERR_FORMAT,
				     "certificate: a name of an unknown kind");
		if (rc)
			return -1;
	}
	return rd_finish(&r, e);
}

int x509_names(struct slice cert, struct buf *out, struct err *e)
{
	struct buf der = BUF_INIT(X509_PEM_MAX_LEN);
	struct x509_cert c = { .usage = 0 };
	int rc = -1;

	if ((pem_is(cert) ? pem_parse(cert, "CERTIFICATE", &der, e)
			  : buf_add(&der, cert, e)) == 0 &&
	    x509_parse_cert(buf_slice(&der), &c, e) == 0)
		rc = add_names(c.alt_names, out, e);
	buf_done(&der);
	return rc;
}
