/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: the status file, beside which others may write. What was told of
 * progress there is nothing, or in words and numbers of ours.
 */
#include "updater-client/status_file.h"

#include "tests/fuzz/folder.h"
#include "tests/fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool is_ours(const char *phase)
{
	static const char *const phases[] = { "fetching", "writing",
					      "fetching and writing",
					      "reading back" };

	for (size_t i = 0; i < ARRAY_LEN(phases); i++)
		if (strcmp(phase, phases[i]) == 0)
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const members[] = { "phase", "done", "total", NULL };
	char path[64];
	struct settings c = { .status = path };
	int64_t done, total;
	struct json *j;
	struct err e;

	folder_put("status.json", (struct slice){ data, len });
	MUST(text_format(path, sizeof(path), &e, "%s/status.json",
			 folder_path) == 0);
	j = status_file_progress(&c);
	if (!j)
		return 0;
	MUST(json_only(j, members, &e) == 0);
	MUST(is_ours(json_text(json_get(j, "phase"))));
	MUST(json_get_int(j, "done", 0, JSON_INT_MAX, &done, &e) == 0);
	MUST(json_get_int(j, "total", 0, JSON_INT_MAX, &total, &e) == 0);
	json_free(j);
	return 0;
}
