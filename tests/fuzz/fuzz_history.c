/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever history.json holds, what is shown of it is a list of entries, and
 * the next one is kept at its end.
 */
#include <string.h>

#include "tests/fuzz/folder.h"
#include "tests/fuzz/must.h"
#include "updater-client/history.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t loaded(void)
{
	struct json *j = history_load(folder());
	size_t count = json_count(j);

	MUST(count <= HISTORY_MAX);
	for (size_t i = 0; i < count; i++)
		MUST(json_is_object(json_at(j, i)));
	json_free(j);
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct history_entry next = {
		.time = 1795000000,
		.release = "2026.11.1",
		.from = "",
		.result = "failed",
		.reason = "space",
		.detail = "no room for \x1b[31m",
	};
	struct err e = { 0 };
	size_t before, after;

	folder_put("history.json", (struct slice){ data, len });
	before = loaded();
	(void)history_ends_with(folder(), &next);
	if (history_add(folder(), &next, &e) == 0) {
		MUST(history_ends_with(folder(), &next));
		after = loaded();
		MUST(after > 0 && after >= before && after <= before + 1);
	}
	return 0;
}
