/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/tls_clock.h"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

static int forgive_not_before(int ok, X509_STORE_CTX *store)
{
	if (ok ||
	    X509_STORE_CTX_get_error(store) != X509_V_ERR_CERT_NOT_YET_VALID)
		return ok;
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

/*
 * Where time_t has 32 bits it ends in 2038. A later time counts as its end, not
 * as one before 1970 that nothing has expired by.
 */
static time_t as_time(int64_t sec)
{
	const time_t last = (time_t)(UINT64_MAX >> (65 - 8 * sizeof(time_t)));

	return sec < (int64_t)last ? (time_t)sec : last;
}

void tls_clock_set(void *ssl_ctx, int64_t now)
{
	SSL_CTX *ctx = ssl_ctx;

	X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(ctx), as_time(now));
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, forgive_not_before);
}

bool tls_clock_is_expired(long verify_result)
{
	return verify_result == X509_V_ERR_CERT_HAS_EXPIRED;
}
