/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/report.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/opt.h"
#include "common/text.h"

#define REPORT_MAX_LEN  (32u << 20)
#define REPORT_LINE_MAX 4096

struct json *report_object(struct report *r)
{
	if (!r->object)
		r->object = json_new_object();
	return r->object;
}

void report_line(struct report *r, const char *fmt, ...)
{
	char raw[REPORT_LINE_MAX], line[4 * REPORT_LINE_MAX];
	va_list args;

	if (r->json)
		return;
	va_start(args, fmt);
	(void)vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	text_escape(slice_of(raw), line, sizeof(line));
	(void)printf("%s\n", line); /* report_end() asks whether it worked */
}

void report_whole_line(struct report *r, const char *indent, const char *text)
{
	if (!r->json)
		(void)printf("%s%s\n", indent, text);
}

void report_note(struct report *r, const char *fmt, ...)
{
	char raw[REPORT_LINE_MAX], line[4 * REPORT_LINE_MAX];
	const struct json *before;
	struct json *notes;
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	text_escape(slice_of(raw), line, sizeof(line));
	if (!r->json) {
		(void)fflush(stdout);
		(void)fprintf(stderr, "%s: note: %s\n", program_name(), line);
		return;
	}
	before = json_get(report_object(r), "notes");
	notes = before ? json_clone(before) : json_new_array();
	json_add(notes, json_new_text(line));
	json_set(r->object, "notes", notes);
}

static int print_object(const struct json *object, struct err *e)
{
	struct buf text = BUF_INIT(REPORT_MAX_LEN);
	int rc = json_print(object, true, &text, e);

	if (rc == 0)
		program_print_json(buf_text(&text));
	buf_done(&text);
	return rc;
}

static void tell_failure(struct report *r, const struct err *failure)
{
	/* What led here stays; what did not come about does not. */
	static const char *const kept[] = { "notes", "checklist", "expiry" };
	struct json *object = json_new_object();
	char shown[4 * ERR_MSG_LEN];

	text_escape(slice_of(failure->msg), shown, sizeof(shown));
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		if (json_get(r->object, kept[i]))
			json_set(object, kept[i],
				 json_clone(json_get(r->object, kept[i])));
	json_free(r->object);
	r->object = object;
	json_set_text(r->object, "error", err_name(failure->code));
	json_set_text(r->object, "message", shown);
	json_set_int(r->object, "status", failure->code);
	json_set_int(r->object, "v", 1);
}

int report_end(struct report *r, int rc, struct err *e)
{
	struct err ignored;

	if (r->json) {
		if (rc)
			tell_failure(r, e);
		/* After a failure its own reason counts, not this one. */
		if (print_object(report_object(r), rc ? &ignored : e))
			rc = -1;
	}
	json_free(r->object);
	r->object = NULL;
	if ((fflush(stdout) || ferror(stdout)) && rc == 0)
		return err_sys(e, "standard output");
	return rc;
}
