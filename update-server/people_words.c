/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/people_words.h"

#include "common/utc.h"
#include "common/x509.h"

int people_words_certificate(struct slice pem, const char *file, struct err *e)
{
	struct x509_info info;
	char text[UTC_TEXT_LEN];

	if (x509_inspect(pem, &info, e))
		return err_in(e, "%s", file);
	if (utc_now() <= info.not_after)
		return 0;
	utc_format(info.not_after, text);
	return err_set(e, ERR_EXPIRED,
		       "%s: it ended at %s: person create makes another, and "
		       "person add, on the server, lets that in",
		       file, text);
}

/* What is behind most of these. */
static const char *way_out(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_CONNECT:
		return " (is the server running, and this where it listens for "
		       "people?)";
	case CURLE_PEER_FAILED_VERIFICATION:
		return " (is [server] ca that server's ca.pem, and the clock "
		       "right here? A server's own certificate that has ended: "
		       "tls renew, there)";
	case CURLE_SSL_CACERT_BADFILE:
		return " ([server] ca: no certificate)";
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_RECV_ERROR:
		return " (is this where the server listens for people, and not "
		       "for devices?)";
	default:
		return "";
	}
}

int people_words_failed(CURLcode code, const char *url, const char *message,
			struct err *e)
{
	bool untrusted = code == CURLE_SSL_CERTPROBLEM ||
			 code == CURLE_SSL_CACERT_BADFILE ||
			 code == CURLE_PEER_FAILED_VERIFICATION;

	return err_set(e, untrusted ? ERR_UNTRUSTED : ERR_NETWORK, "%s: %s%s",
		       url, message[0] ? message : curl_easy_strerror(code),
		       way_out(code));
}
