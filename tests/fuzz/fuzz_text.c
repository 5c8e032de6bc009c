/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversions accept one spelling of each value: what they accept formats back
 * to the same bytes. What was escaped for people is harmless.
 */
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "common/utc.h"
#include "tests/fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define IN_MAX 4096

static void numbers(struct slice in)
{
	char text[32];
	uint64_t v;
	struct err e;

	if (num_parse(in, UINT64_MAX, &v, &e))
		return;
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	MUST(slice_equal(in, slice_of(text)));
}

static void hex(struct slice in)
{
	uint8_t bytes[IN_MAX / 2];
	char text[IN_MAX + 1];
	struct err e;

	if (hex_parse(in, bytes, in.len / 2, &e))
		return;
	hex_format((struct slice){ bytes, in.len / 2 }, text);
	MUST(slice_equal(in, slice_of(text)));
}

static void dates(struct slice in)
{
	char text[UTC_TEXT_LEN];
	int64_t sec;
	struct err e;

	if (utc_parse(in, &sec, &e))
		return;
	utc_format(sec, text);
	MUST(slice_equal(in, slice_of(text)));
}

static void names(struct slice in)
{
	if (name_is_valid(in))
		MUST(target_path_is_valid(in) && !memchr(in.ptr, '/', in.len));
	if (target_path_is_valid(in))
		MUST(utf8_is_valid(in) && in.len <= PATH_MAX_LEN);
}

static void escapes(struct slice in)
{
	char out[4 * IN_MAX + 1], cut[17];

	text_escape(in, out, sizeof(out));
	MUST(utf8_is_valid(slice_of(out)));
	for (const char *c = out; *c; c++)
		MUST((unsigned char)*c >= 0x20 && *c != 0x7f);
	text_escape(in, cut, sizeof(cut));
	MUST(strncmp(out, cut, strlen(cut)) == 0);
	MUST(utf8_is_valid(slice_of(cut)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct slice in = { data, len < IN_MAX ? len : IN_MAX };

	numbers(in);
	hex(in);
	dates(in);
	names(in);
	escapes(in);
	return 0;
}
