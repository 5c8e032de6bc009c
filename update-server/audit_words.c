/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/audit_words.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"

#include "update-server/audit_record.h"

#define OBJECTS_MAX 400

static void add_word(char *out, const char *name, const struct json *value)
{
	size_t used = strlen(out);

	if (json_is_integer(value))
		(void)snprintf(out + used, OBJECTS_MAX - used, "%s%s=%lld",
			       used ? " " : "", name,
			       (long long)json_int(value));
	else if (json_is_string(value))
		(void)snprintf(out + used, OBJECTS_MAX - used, "%s%s=%s",
			       used ? " " : "", name, json_text(value));
	for (size_t i = 0; i < json_count(value); i++)
		add_word(out, name, json_at(value, i));
}

int audit_words(struct slice record, char out[AUDIT_WORDS_MAX], struct err *e)
{
	static const char *const kinds[] = { "person", "device", "gate",
					     "system" };
	char time[UTC_TEXT_LEN], who[17] = "-", objects[OBJECTS_MAX] = "";
	struct audit_record r = { 0 };

	if (audit_record_parse(record, &r, e))
		return -1;
	utc_format(r.time, time);
	if (r.by.kind == AUDIT_PERSON)
		hex_format((struct slice){ r.by.person.bytes, 8 }, who);
	if (r.by.kind == AUDIT_DEVICE)
		hex_format((struct slice){ r.by.device.bytes, 8 }, who);
	for (void *m = json_first(r.objects); m; m = json_next(r.objects, m))
		add_word(objects, json_name(m), json_value(m));
	(void)snprintf(out, AUDIT_WORDS_MAX,
		       "%6llu  %s  %-6s  %-16s  %-16s  %s%s",
		       (unsigned long long)r.number, time, kinds[r.by.kind],
		       who, audit_act_name(r.act), objects,
		       r.clock_back ? "  (the clock had gone back)" : "");
	audit_record_done(&r);
	return 0;
}
