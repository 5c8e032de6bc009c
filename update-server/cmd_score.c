/* SPDX-License-Identifier: Apache-2.0 */
/* `score`: how well the fleet is looked after, why not better, and since when.
 */
#include <inttypes.h>
#include <stdio.h>

#include "common/text.h"

#include "update-server/commands.h"
#include "update-server/ui.h"

#define DAYS_SHOWN 14

static int64_t number(const struct json *j, const char *name)
{
	return json_int(json_get(j, name));
}

static void print_reasons(const struct json *reasons)
{
	char text[512];

	for (size_t i = 0; i < json_count(reasons); i++) {
		const struct json *r = json_at(reasons, i);

		text_escape(slice_of(json_text(json_get(r, "text"))), text,
			    sizeof(text));
		printf("  -%-3" PRId64 " %s\n", number(r, "points"), text);
	}
}

static void print_history(const struct json *history)
{
	char day[64];

	for (size_t i = 0; i < json_count(history) && i < DAYS_SHOWN; i++) {
		const struct json *h = json_at(history, i);

		text_escape(slice_of(json_text(json_get(h, "day"))), day,
			    sizeof(day));
		printf("  %s  %3" PRId64 "\n", day, number(h, "points"));
	}
}

static void print_score(const struct json *j)
{
	char when[64];

	text_escape(slice_of(json_text(json_get(j, "surveyed"))), when,
		    sizeof(when));
	printf("%" PRId64 " of 100, for %" PRId64 " devices, %s\n",
	       number(j, "points"), number(j, "devices"), when);
	print_reasons(json_get(j, "reasons"));
	printf("by day:\n");
	print_history(json_get(j, "history"));
}

int command_score(int argc, char **argv, struct err *e)
{
	return ui_show(argc, argv, "/v1/people/score", print_score, e);
}
