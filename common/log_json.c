/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log_json.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"

#define VALUE_MAX 2048 /* bytes of one field, before it is escaped */
#define NAME_LEN  32
#define TAIL      "\"cut\":true}\n" /* with a comma before; always has room */

struct line {
	char *out;
	size_t size, len;
	bool full;
};

/* One field as it is put together. */
struct field {
	char name[NAME_LEN + 1];
	char value[VALUE_MAX];
	size_t len;
	unsigned conversions, literals;
	bool number; /* the last conversion was one of a whole number */
};

/* What the format is about; a va_list is passed on by address alone. */
struct words {
	va_list ap;
};

/* ---- the line ------------------------------------------------------------ */

static void put(struct line *l, const char *text, size_t len)
{
	if (l->full || l->len + len + sizeof(TAIL) + 1 > l->size) {
		l->full = true;
		return;
	}
	memcpy(l->out + l->len, text, len);
	l->len += len;
}

/* As a JSON string: what is no text becomes \xNN, and then JSON's own. */
static void put_string(struct line *l, const char *text)
{
	char clean[2 * VALUE_MAX];

	text_escape(slice_of(text), clean, sizeof(clean));
	put(l, "\"", 1);
	for (const char *c = clean; *c; c++) {
		if (*c == '"' || *c == '\\')
			put(l, "\\", 1);
		put(l, c, 1);
	}
	put(l, "\"", 1);
}

/* A field goes in whole or not at all. */
static void put_field(struct line *l, const char *name, const char *value,
		      bool number)
{
	size_t before = l->len;

	put(l, l->len > 1 ? "," : "", l->len > 1 ? 1 : 0);
	put_string(l, name);
	put(l, ":", 1);
	if (number)
		put(l, value, strlen(value));
	else
		put_string(l, value);
	if (l->full)
		l->len = before;
}

/* ---- one field of the format --------------------------------------------- */

/* The length of `name` in "name=", or 0. */
static size_t name_len(const char *fmt)
{
	size_t len = strspn(fmt, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	return len > 0 && len <= NAME_LEN && fmt[len] == '=' ? len : 0;
}

static void add(struct field *f, const char *text, size_t len)
{
	size_t room = sizeof(f->value) - 1 - f->len;

	if (len > room)
		len = room;
	memcpy(f->value + f->len, text, len);
	f->len += len;
	f->value[f->len] = '\0';
}

static void add_number(struct field *f, bool negative, unsigned long long n)
{
	char text[32];
	int len =
		snprintf(text, sizeof(text), "%s%llu", negative ? "-" : "", n);

	assert(len > 0);
	add(f, text, (size_t)len);
	f->number = true;
}

static void add_signed(struct field *f, long long n)
{
	add_number(f, n < 0,
		   n < 0 ? 0 - (unsigned long long)n : (unsigned long long)n);
}

static void add_bounded(struct field *f, int max, const char *text)
{
	add(f, text, strnlen(text, max < 0 ? SIZE_MAX : (size_t)max));
}

/* The conversion at fmt, behind its '%'; returns what is behind it. */
static const char *convert(struct field *f, const char *fmt, struct words *w)
{
	static const char *const known[] = { "s",  ".*s", "u",  "d",
					     "zu", "lld", "llu" };
	size_t i = 0;
	int max;

	while (i < ARRAY_LEN(known) &&
	       strncmp(fmt, known[i], strlen(known[i])) != 0)
		i++;
	assert(i < ARRAY_LEN(known));
	f->conversions++;
	f->number = false;
	switch (i) {
	case 0:
		add_bounded(f, -1, va_arg(w->ap, const char *));
		break;
	case 1:
		max = va_arg(w->ap, int);
		add_bounded(f, max, va_arg(w->ap, const char *));
		break;
	case 2:
		add_number(f, false, va_arg(w->ap, unsigned));
		break;
	case 3:
		add_signed(f, va_arg(w->ap, int));
		break;
	case 4:
		add_number(f, false, va_arg(w->ap, size_t));
		break;
	case 5:
		add_signed(f, va_arg(w->ap, long long));
		break;
	default:
		add_number(f, false, va_arg(w->ap, unsigned long long));
		break;
	}
	return fmt + strlen(known[i]);
}

/* From a field's start to the next one's, or to the end. */
static const char *take_field(struct field *f, const char *fmt, struct words *w)
{
	size_t len = name_len(fmt);

	*f = (struct field){ .name = "text" };
	if (len > 0) {
		memcpy(f->name, fmt, len);
		f->name[len] = '\0';
		fmt += len + 1;
	}
	while (*fmt && !(*fmt == ' ' && name_len(fmt + 1) > 0)) {
		if (*fmt == '%' && fmt[1] != '%') {
			fmt = convert(f, fmt + 1, w);
			continue;
		}
		if (*fmt == '%')
			fmt++;
		if (*fmt != '"') {
			add(f, fmt, 1);
			f->literals++;
		}
		fmt++;
	}
	return *fmt == ' ' ? fmt + 1 : fmt;
}

size_t log_json_format(const struct log_head *head, const char *fmt, va_list ap,
		       char *out, size_t size)
{
	struct line l = { .out = out, .size = size };
	struct words w;
	struct field f;

	va_copy(w.ap, ap);
	put(&l, "{", 1);
	put_field(&l, "time", head->time, false);
	put_field(&l, "level", head->level, false);
	put_field(&l, "event", head->event, false);
	while (*fmt) {
		fmt = take_field(&f, fmt, &w);
		if (f.len > 0)
			put_field(&l, f.name, f.value,
				  f.number && f.conversions == 1 &&
					  f.literals == 0);
	}
	va_end(w.ap);
	if (l.full) {
		memcpy(out + l.len, "," TAIL, sizeof(TAIL));
		return l.len + sizeof(TAIL);
	}
	memcpy(out + l.len, "}\n", 2);
	return l.len + 2;
}
