/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices of a registry export, as if an officer had signed them: each is
 * refused or has valid names; and no file opens that nobody signed.
 */
#include <stdlib.h>
#include <string.h>

#include "common/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct ec_public some_key(void)
{
	uint8_t scalar[EC_SCALAR_LEN] = { 1 };
	struct ec_private *key = NULL;
	struct ec_public out;
	struct err e;

	if (ec_private_from_scalar(scalar, &key, &e))
		abort();
	ec_public_of(key, &out);
	ec_free(key);
	return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct slice file = { data, len };
	struct ec_public officer = some_key();
	const struct json *list, *devices;
	struct registry_device d;
	struct json *j = NULL;
	int64_t made;
	struct err e;

	if (registry_open(file, &officer, &j, &devices, &made, &e) == 0)
		abort();
	if (json_parse(file, &j, &e))
		return 0;
	list = json_get(json_get(j, "signed"), "devices");
	for (size_t i = 0; i < json_count(list); i++)
		if (registry_device_parse(json_at(list, i), file, &d, &e) == 0)
			abort(); /* no CA is there */
	json_free(j);
	return 0;
}
