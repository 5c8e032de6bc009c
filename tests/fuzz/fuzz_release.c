/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: the custom data of a targets entry. A release that is accepted writes
 * itself again as the same value, so no member was ignored or guessed.
 */
#include <string.h>

#include "common/json.h"
#include "common/release.h"
#include "tests/fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* The path under which such a package would have to stand. */
static int make_path(const struct json *pawl, char path[PATH_MAX_LEN],
		     struct err *e)
{
	const char *product = json_text(json_get(pawl, "product"));
	const char *id = json_text(json_get(pawl, "release"));
	const char *component = json_text(json_get(pawl, "component"));

	if (json_get(pawl, "base"))
		return text_format(
			path, PATH_MAX_LEN, e, "%s/%s/%s-from-%s.pawl", product,
			id, component, json_text(json_get(pawl, "base")));
	return text_format(path, PATH_MAX_LEN, e, "%s/%s/%s-full.pawl", product,
			   id, component);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct tuf_target t = { .length = 1 << 20, .has_sha256 = true };
	struct json *custom = NULL, *again = NULL;
	char path[PATH_MAX_LEN];
	struct release r;
	struct err e;

	if (json_parse((struct slice){ data, len }, &custom, &e))
		return 0;
	t.path = path;
	t.custom = custom;
	if (make_path(json_get(custom, "pawl"), path, &e) ||
	    release_parse(&t, &r, &e))
		goto out;
	again = release_format(&r);
	MUST(json_same(json_get(custom, "pawl"),
		       json_get(json_get(again, "custom"), "pawl")));
	release_done(&r);
out:
	json_free(custom);
	json_free(again);
	return 0;
}
