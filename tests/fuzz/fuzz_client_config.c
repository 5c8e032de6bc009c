/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever client.conf says, it is refused or makes sense, and is freed. */
#include <assert.h>

#include "updater-client/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct settings c;
	struct err e = { 0 };

	if (len > INI_MAX_LEN ||
	    settings_parse((struct slice){ data, len }, "fuzz", &c, &e))
		return 0;
	assert(c.product && c.state && c.root && c.slot_path);
	assert(c.slot_path[0] == '/' && c.state[0] == '/');
	assert(c.health.argc == 0 || c.health.argv[0][0] == '/');
	assert(c.urls.count == 0 || c.ca);
	assert(c.retry_min_sec <= c.retry_max_sec);
	settings_done(&c);
	return 0;
}
