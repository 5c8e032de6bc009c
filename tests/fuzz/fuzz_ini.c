/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a configuration file holds, values keep to their schema. */
#include <stdlib.h>
#include <string.h>

#include "common/ini.h"
#include "common/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct conf {
	char *text;
	uint64_t number;
	bool flag;
	struct ini_list list;
};

static const struct ini_key keys[] = {
	{ "a", "text", INI_TEXT, offsetof(struct conf, text), 0, 0, false },
	{ "a", "n", INI_NUMBER, offsetof(struct conf, number), 3, 9, false },
	{ "b", "flag", INI_BOOL, offsetof(struct conf, flag), 0, 0, false },
	{ "b", "list", INI_LIST, offsetof(struct conf, list), 0, 0, false },
};

static void check_text(const char *text)
{
	if (strlen(text) > INI_VALUE_MAX || !utf8_is_valid(slice_of(text)) ||
	    strpbrk(text, "\r\n\x1b"))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct conf c = { .number = 3 };
	struct err e;

	/* Refused or not: what was set until then keeps to the schema. */
	if (ini_load((struct slice){ data, len }, "fuzz", keys, ARRAY_LEN(keys),
		     &c, &e) &&
	    e.code != ERR_CONFIG)
		abort();
	if (c.number < 3 || c.number > 9 || c.list.count > INI_LIST_MAX)
		abort();
	if (c.text)
		check_text(c.text);
	for (size_t i = 0; i < c.list.count; i++)
		check_text(c.list.at[i]);
	ini_done(keys, ARRAY_LEN(keys), &c);
	return 0;
}
