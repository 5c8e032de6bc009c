/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/diagnosis.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"

static struct finding *add(struct diagnosis *d, const char *name,
			   enum finding_grade grade)
{
	struct finding *f;

	if (d->count == DIAGNOSIS_MAX)
		return NULL;
	f = &d->at[d->count++];
	*f = (struct finding){ .name = name, .grade = grade };
	return f;
}

static PRINTF(2, 0) void say(struct finding *f, const char *fmt, va_list args)
{
	char text[DIAGNOSIS_TEXT_LEN];

	/* It may name what a file or a server said. */
	(void)vsnprintf(text, sizeof(text), fmt, args);
	text_escape(slice_of(text), f->text, sizeof(f->text));
}

void diagnosis_ok(struct diagnosis *d, const char *name, const char *fmt, ...)
{
	struct finding *f = add(d, name, FINDING_OK);
	va_list args;

	va_start(args, fmt);
	if (f)
		say(f, fmt, args);
	va_end(args);
}

void diagnosis_warn(struct diagnosis *d, const char *name, const char *fmt, ...)
{
	struct finding *f = add(d, name, FINDING_WARN);
	va_list args;

	va_start(args, fmt);
	if (f)
		say(f, fmt, args);
	va_end(args);
}

void diagnosis_fail(struct diagnosis *d, const char *name,
		    const struct err *why, const char *advice)
{
	struct finding *f = add(d, name, FINDING_FAIL);
	char text[DIAGNOSIS_TEXT_LEN];

	if (!f)
		return;
	f->why = *why;
	(void)snprintf(text, sizeof(text), "%s%s%s", why->msg,
		       advice ? "; " : "", advice ? advice : "");
	text_escape(slice_of(text), f->text, sizeof(f->text));
}

enum finding_grade diagnosis_worst(const struct diagnosis *d)
{
	enum finding_grade worst = FINDING_OK;

	for (size_t i = 0; i < d->count; i++)
		if (d->at[i].grade > worst)
			worst = d->at[i].grade;
	return worst;
}

int diagnosis_verdict(const struct diagnosis *d, struct err *e)
{
	size_t failed = 0;

	for (size_t i = 0; i < d->count; i++)
		failed += d->at[i].grade == FINDING_FAIL;
	for (size_t i = 0; i < d->count; i++)
		if (d->at[i].grade == FINDING_FAIL)
			return err_set(e, d->at[i].why.code,
				       "%zu of %zu checks failed, the first is "
				       "%s",
				       failed, d->count, d->at[i].name);
	return 0;
}

const char *finding_grade_name(enum finding_grade g)
{
	static const char *const names[] = { "ok", "warn", "fail" };

	return names[g];
}

int diagnosis_print(const struct diagnosis *d, struct buf *out, struct err *e)
{
	for (size_t i = 0; i < d->count; i++) {
		const struct finding *f = &d->at[i];

		if (buf_addf(out, e, "%-4s  %-14s %s\n",
			     finding_grade_name(f->grade), f->name, f->text))
			return -1;
	}
	return 0;
}

struct json *diagnosis_json(const struct diagnosis *d)
{
	struct json *all = json_new_array();

	for (size_t i = 0; i < d->count; i++) {
		const struct finding *f = &d->at[i];
		struct json *one = json_new_object();

		json_set_text(one, "name", f->name);
		json_set_text(one, "grade", finding_grade_name(f->grade));
		json_set_text(one, "text", f->text);
		json_add(all, one);
	}
	return all;
}
