/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever trouble.json holds, it is nothing, or what this program writes. */

#include "tests/fuzz/folder.h"
#include "tests/fuzz/must.h"
#include "updater-client/trouble.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct json *j;

	folder_put("trouble.json", (struct slice){ data, len });
	j = trouble_load(folder());
	MUST(!j || json_is_object(j));
	MUST(json_count(j) <= 4);
	json_free(j);
	return 0;
}
