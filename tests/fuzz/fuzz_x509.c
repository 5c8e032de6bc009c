/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and requests from anywhere, as PEM and DER. */
#include <stdlib.h>

#include "common/x509.h"
#include "common/x509_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A CA whose key nobody has: no input may verify under it. */
#define CA                                                                     \
	"-----BEGIN CERTIFICATE-----\n"                                        \
	"MIIBiTCCATCgAwIBAgIQWxrgM0Iy/PCzhmfnU9DOHDAKBggqhkjOPQQDAjASMRAw\n"   \
	"DgYDVQQDDAdUZXN0IENBMCAXDTIzMTExNDIyMTMyMFoYDzIwNTUwNzI0MDAwMDAw\n"   \
	"WjASMRAwDgYDVQQDDAdUZXN0IENBMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n"   \
	"2EFdRyDtd2EjKIJc7w5ExtK4WyRwVN8Dr+Y2S/4aAl1kvvzHljf7FG8EouR1Ya65\n"   \
	"qoPlgmP5rtyB7uJMKoC0jqNmMGQwEgYDVR0TAQH/BAgwBgEB/wIBADAOBgNVHQ8B\n"   \
	"Af8EBAMCAQYwHQYDVR0OBBYEFLW/qMaH2vXOaQTGDUbUnaeofjcuMB8GA1UdIwQY\n"   \
	"MBaAFLW/qMaH2vXOaQTGDUbUnaeofjcuMAoGCCqGSM49BAMCA0cAMEQCIHaS68P1\n"   \
	"AaTUWcPz//18966PueFAuABjh0Srh8WsmHvwAiAyvvJUn/TmmXxdSPzh1BVAoVPF\n"   \
	"7auJ04SF50iQRSEpsQ==\n"                                               \
	"-----END CERTIFICATE-----\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct slice in = { data, len };
	struct x509_info info;
	struct x509_csr csr;
	struct ec_public key;
	struct err e = { 0 };

	if (x509_inspect(in, &info, &e) == 0 &&
	    ec_public_check(&info.public_key, &e))
		abort();
	if (x509_request_key(in, &key, &e) == 0 && ec_public_check(&key, &e))
		abort();
	if (x509_parse_csr(in, &csr, &e) == 0 &&
	    ec_public_check(&csr.public_key, &e))
		abort();
	if (x509_verify(in, slice_of(CA), X509_DEVICE, 1800000000, true, &e) ==
	    0)
		abort();
	return 0;
}
