/* SPDX-License-Identifier: Apache-2.0 */
/* `delta coverage`: by which way a fleet would come to a release. */
#include <stdio.h>

#include "common/text.h"

#include "update-server/commands.h"
#include "update-server/coverage.h"
#include "update-server/ui.h"

static void say_next(const struct json *next)
{
	char size[16];
	bool at_most = false;
	struct err ignored;

	if (!next)
		return;
	if (json_get_bool(next, "at_most", &at_most, &ignored))
		at_most = true;
	text_size((uint64_t)json_int(json_get(next, "saves_bytes")), size);
	printf("\nnext: a delta from %s would spare %s %s (%lld devices)\n",
	       json_text(json_get(next, "release")),
	       at_most ? "at most" : "about", size,
	       (long long)json_int(json_get(next, "devices")));
}

static void print_coverage(const struct json *j)
{
	static const char *const columns[] = { "devices", "way",
					       "bytes",   "saved_bytes",
					       "release", NULL };
	long long share = (long long)json_int(json_get(j, "share"));
	char egress[16], saved[16];

	text_size((uint64_t)json_int(json_get(j, "egress_bytes")), egress);
	text_size((uint64_t)json_int(json_get(j, "saved_bytes")), saved);
	printf("%lld of %lld devices (%lld.%02lld %%) have a delta: %s to "
	       "send, %s less than without\n",
	       (long long)json_int(json_get(j, "covered")),
	       (long long)json_int(json_get(j, "devices")), share / 100,
	       share % 100, egress, saved);
	if (json_int(json_get(j, "stones")) > 0)
		printf("%lld devices are given another release first\n",
		       (long long)json_int(json_get(j, "stones")));
	if (json_count(json_get(j, "from")) > 0) {
		printf("\n");
		ui_table(json_get(j, "from"), columns);
	}
	say_next(json_get(j, "next"));
}

static int show(struct ui *u, const char *product, struct err *e)
{
	struct json *release = NULL, *overview = NULL, *j = NULL;
	char prefix[128] = "/v1/people/release/", path[256];
	int rc = -1;

	if (product && !name_is_valid(slice_of(product)))
		return err_set(e, ERR_USAGE, "%s: not a name", product);
	if (product && text_format(prefix, sizeof(prefix), e,
				   "/v1/people/release/%s/", product))
		return -1;
	if (ui_path(prefix, u->operands[0], path, sizeof(path), e) ||
	    people_get(u->client, path, &release, e) ||
	    people_get(u->client, "/v1/people/overview", &overview, e) ||
	    coverage_of(release, json_get(overview, "releases"), &j, e))
		goto out;
	rc = 0;
	if (u->json)
		rc = ui_print_json(j, e);
	else
		print_coverage(j);
out:
	json_free(j);
	json_free(overview);
	json_free(release);
	return rc;
}

int command_delta_coverage(int argc, char **argv, struct err *e)
{
	const char *product = NULL;
	struct ui u = { 0 };
	const struct opt opts[] = {
		OPT_TEXT("product", "P", &product, "of which product"),
		UI_OPTIONS(&u),
		OPT_END,
	};
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e) == 0)
		rc = show(&u, product, e);
	ui_done(&u);
	return rc;
}
