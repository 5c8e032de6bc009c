/* SPDX-License-Identifier: Apache-2.0 */
/* A report from a medium: none that this key did not sign is taken, and what a
 * failure leaves is nothing. */
#include <stdlib.h>

#include "update-server/outpost.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Whose private half nobody has. */
static const char pem[] =
	"-----BEGIN PUBLIC KEY-----\n"
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEejOdcOkY+kgNd0maawOsrNHXKxho\n"
	"ty9jVeNWiU6a2btrjqJcSseJUGipZVxgUNchQOXd7hK2llVkZDGl/3sJGA==\n"
	"-----END PUBLIC KEY-----\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct outpost_known none;
	struct slice in = { data, len };
	struct outpost_known next = { .number = 0 };
	struct sha256 fingerprint;
	struct json *report = NULL;
	struct ec_public key;
	struct err e;
	int rc;

	if (ec_public_from_pem(slice_of(pem), &key, &e))
		abort();
	rc = outpost_open(in, &key, &none, &next, &report, &e);
	if (rc == 0 && (next.number == 0 || next.head.size == 0 || !report))
		abort();
	if (rc && (next.number != 0 || report))
		abort();
	/* What can be opened says whose it is. */
	if (outpost_peek(in, &fingerprint, &e) && rc == 0)
		abort();
	json_free(report);
	return 0;
}
