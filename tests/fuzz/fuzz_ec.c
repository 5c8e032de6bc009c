/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys as PEM and DER, and signatures. */
#include <stdlib.h>
#include <string.h>

#include "common/ec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define KEY                                                                    \
	"-----BEGIN PUBLIC KEY-----\n"                                         \
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEtTpbGGF14RFlzyo0VMbj/mZSYZda\n"   \
	"1GpaB+sx9F/xQXF5Xtsgrm8dMa3N5zQ/oBSbsyYt0PCmG1MjOYotopeDgw==\n"       \
	"-----END PUBLIC KEY-----\n"

/* What is read is written as the one form that reads back the same. */
static void check_key(const struct ec_public *key)
{
	struct buf pem = BUF_INIT(EC_PEM_MAX_LEN);
	struct ec_public again;
	struct err e = { 0 };

	if (ec_public_check(key, &e) || ec_public_to_pem(key, &pem, &e) ||
	    ec_public_from_pem(buf_slice(&pem), &again, &e) ||
	    !ec_public_equal(key, &again))
		abort();
	buf_done(&pem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct slice in = { data, len };
	struct ec_public key;
	struct err e = { 0 };

	if (ec_public_from_pem(in, &key, &e) == 0)
		check_key(&key);
	if (ec_public_from_spki(in, &key, &e) == 0)
		check_key(&key);
	/* No input is a signature of a key that nobody has any more. */
	if (ec_public_from_pem(slice_of(KEY), &key, &e) ||
	    ec_verify(&key, slice_of("message"), in, &e) == 0)
		abort();
	return 0;
}
