/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/page.h"

#include <string.h>

/* The assembler takes a file in as it is, at a path from the root of the
 * source; the Makefile knows that this object depends on them. */
#define EMBED(symbol, file)                                                    \
	__asm__(".pushsection .rodata\n"                                       \
		"page_" #symbol ":\n"                                          \
		".incbin \"update-server/pages/" file "\"\n"                   \
		"page_" #symbol "_end:\n"                                      \
		".byte 0\n"                                                    \
		".popsection\n");                                              \
	extern const uint8_t page_##symbol[], page_##symbol##_end[];

EMBED(fleet, "fleet.html")
EMBED(rollout, "rollout.html")
EMBED(device, "device.html")
EMBED(list, "list.html")
EMBED(audit, "audit.html")
EMBED(style, "style.css")
EMBED(icon, "icon.svg")
EMBED(frame_js, "frame.js")
EMBED(words_js, "words.js")
EMBED(chart_js, "chart.js")
EMBED(fleet_js, "fleet.js")
EMBED(rollout_js, "rollout.js")
EMBED(device_js, "device.js")
EMBED(list_js, "list.js")
EMBED(audit_js, "audit.js")

#define HTML   "text/html; charset=utf-8"
#define CSS    "text/css; charset=utf-8"
#define SCRIPT "text/javascript; charset=utf-8"
#define SVG    "image/svg+xml"

#define FILE(path, type, symbol)                                               \
	{                                                                      \
		path, type, page_##symbol, page_##symbol##_end                 \
	}

static const struct file {
	const char *path; /* all that begin with it if it ends in '/' */
	const char *type;
	const uint8_t *start, *end;
} files[] = {
	FILE("/", HTML, fleet),
	FILE("/rollouts/", HTML, rollout),
	FILE("/devices/", HTML, device),
	FILE("/list/", HTML, list),
	FILE("/audit", HTML, audit),
	FILE("/pages/style.css", CSS, style),
	FILE("/pages/icon.svg", SVG, icon),
	FILE("/pages/frame.js", SCRIPT, frame_js),
	FILE("/pages/words.js", SCRIPT, words_js),
	FILE("/pages/chart.js", SCRIPT, chart_js),
	FILE("/pages/fleet.js", SCRIPT, fleet_js),
	FILE("/pages/rollout.js", SCRIPT, rollout_js),
	FILE("/pages/device.js", SCRIPT, device_js),
	FILE("/pages/list.js", SCRIPT, list_js),
	FILE("/pages/audit.js", SCRIPT, audit_js),
};

static bool shows(const struct file *f, const char *path)
{
	size_t len = strlen(f->path);

	if (len > 1 && f->path[len - 1] == '/')
		return strncmp(path, f->path, len) == 0 && path[len];
	return strcmp(path, f->path) == 0;
}

bool page_find(const char *path, struct page *out)
{
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		const struct file *f = &files[i];

		if (!shows(f, path))
			continue;
		out->type = f->type;
		out->bytes =
			(struct slice){ f->start, (size_t)(f->end - f->start) };
		return true;
	}
	return false;
}
