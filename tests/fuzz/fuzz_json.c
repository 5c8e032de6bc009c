/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What json_parse() accepts keeps to the limits of json.h, and both ways of
 * writing it give the same value again.
 */
#include <string.h>

#include "common/json.h"
#include "common/text.h"
#include "tests/fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(const struct json *j, int depth)
{
	MUST(depth <= JSON_DEPTH_MAX);
	MUST(json_count(j) <= JSON_MEMBERS_MAX);
	MUST(json_int(j) >= -JSON_INT_MAX && json_int(j) <= JSON_INT_MAX);
	MUST(strlen(json_text(j)) <= JSON_STRING_MAX);
	MUST(utf8_is_valid(slice_of(json_text(j))));
	if (json_is_array(j))
		for (size_t i = 0; i < json_count(j); i++)
			check(json_at(j, i), depth + 1);
	if (!json_is_object(j))
		return;
	for (void *m = json_first(j); m; m = json_next(j, m)) {
		MUST(json_get(j, json_name(m)) == json_value(m));
		check(json_value(m), depth + 1);
	}
}

/* A canonical text has raw control characters, which are no JSON. */
static bool is_json_too(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < 0x20)
			return false;
	return true;
}

static void reads_back(const struct json *j, struct slice text)
{
	struct json *again = NULL;
	struct err e;

	MUST(json_parse(text, &again, &e) == 0);
	MUST(json_same(j, again));
	json_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct buf canonical = BUF_INIT(1 << 24), printed = BUF_INIT(1 << 24);
	struct json *j = NULL;
	struct err e;

	if (json_parse((struct slice){ data, len }, &j, &e))
		return 0;
	check(j, 0);
	MUST(json_canonical(j, &canonical, &e) == 0);
	if (is_json_too(buf_slice(&canonical)))
		reads_back(j, buf_slice(&canonical));
	MUST(json_print(j, false, &printed, &e) == 0);
	reads_back(j, buf_slice(&printed));
	buf_done(&canonical);
	buf_done(&printed);
	json_free(j);
	return 0;
}
