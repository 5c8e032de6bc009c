/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ini.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

#include "common/mem.h"
#include "common/text.h"

#define LINE_MAX_LEN (INI_VALUE_MAX + 256)
#define KEYS_MAX     256

struct parse {
	struct slice rest;
	const char *file;
	unsigned line;
	const struct ini_key *keys;
	size_t key_count;
	bool seen[KEYS_MAX];
	void *to;
	struct err *e;
	bool failed;
};

static void *member(const struct ini_key *k, void *to)
{
	return (char *)to + k->offset;
}

static int wrong(struct parse *p, const char *what, const char *name)
{
	p->failed = true;
	return err_set(p->e, ERR_CONFIG, "%s:%u: %s%s", p->file, p->line, name,
		       what);
}

/* ---- lines, as inih asks for them ---------------------------------------- */

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static bool is_section(const struct parse *p, struct slice name)
{
	for (size_t i = 0; i < p->key_count; i++)
		if (slice_equal(slice_of(p->keys[i].section), name))
			return true;
	return false;
}

/* inih itself ignores what follows "]" and sections without keys. */
static int check_section(struct parse *p, struct slice line)
{
	if (line.ptr[line.len - 1] != ']')
		return wrong(p, "section without its ]", "");
	if (!is_section(p, slice_sub(line, 1, line.len - 2)))
		return wrong(p, "unknown section", "");
	return 0;
}

/* One line without its end is checked before inih sees it. */
static int check_line(struct parse *p, struct slice line)
{
	for (size_t i = 0; i < line.len; i++)
		if ((line.ptr[i] < 0x20 && line.ptr[i] != '\t') ||
		    line.ptr[i] == 0x7f)
			return wrong(p, "control character", "");
	if (!utf8_is_valid(line))
		return wrong(p, "invalid UTF-8", "");
	while (line.len > 0 && is_blank(line.ptr[0]))
		line = slice_sub(line, 1, line.len);
	while (line.len > 0 && is_blank(line.ptr[line.len - 1]))
		line.len--;
	return line.len > 0 && line.ptr[0] == '[' ? check_section(p, line) : 0;
}

/* The next line and its newline, as fgets() would; NULL ends the parse. */
static char *next_line(char *out, int size, void *ctx)
{
	struct parse *p = ctx;
	struct slice line = p->rest;
	const uint8_t *end;

	if (p->failed || line.len == 0)
		return NULL;
	end = memchr(line.ptr, '\n', line.len);
	if (end)
		line.len = (size_t)(end - line.ptr);
	p->rest = slice_sub(p->rest, line.len + 1, p->rest.len);
	p->line++;
	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	if (line.len + 2 > (size_t)size) {
		wrong(p, "line too long", "");
		return NULL;
	}
	if (check_line(p, line))
		return NULL;
	if (line.len > 0)
		memcpy(out, line.ptr, line.len);
	out[line.len] = '\n';
	out[line.len + 1] = 0;
	return out;
}

/* ---- values -------------------------------------------------------------- */

static int set_text(char **to, const char *value)
{
	free(*to);
	*to = mem_dup_str(value);
	return 0;
}

static int set_number(struct parse *p, const struct ini_key *k,
		      const char *value, uint64_t *to)
{
	struct err why;
	uint64_t v = 0;

	if (num_parse(slice_of(value), k->max, &v, &why) || v < k->min) {
		p->failed = true;
		return err_set(p->e, ERR_CONFIG,
			       "%s:%u: %s: not a number from %llu to %llu",
			       p->file, p->line, k->name,
			       (unsigned long long)k->min,
			       (unsigned long long)k->max);
	}
	*to = v;
	return 0;
}

static int set_bool(struct parse *p, const struct ini_key *k, const char *value,
		    bool *to)
{
	bool yes = strcmp(value, "yes") == 0 || strcmp(value, "true") == 0;

	if (!yes && strcmp(value, "no") != 0 && strcmp(value, "false") != 0)
		return wrong(p, ": neither yes nor no", k->name);
	*to = yes;
	return 0;
}

static void list_done(struct ini_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->at[i]);
	*list = (struct ini_list){ 0 };
}

static int add_to_list(struct parse *p, const struct ini_key *k,
		       const char *value, bool first, struct ini_list *to)
{
	if (first)
		list_done(to);
	if (to->count == INI_LIST_MAX)
		return wrong(p, ": given too often", k->name);
	to->at[to->count++] = mem_dup_str(value);
	return 0;
}

static int set_value(struct parse *p, const struct ini_key *k,
		     const char *value, bool first)
{
	void *to = member(k, p->to);

	switch (k->kind) {
	case INI_TEXT:
		return set_text(to, value);
	case INI_NUMBER:
		return set_number(p, k, value, to);
	case INI_BOOL:
		return set_bool(p, k, value, to);
	case INI_LIST:
	default:
		return add_to_list(p, k, value, first, to);
	}
}

/* inih's handler: 0 is its word for failure. */
static int handle(void *ctx, const char *section, const char *name,
		  const char *value)
{
	struct parse *p = ctx;
	size_t i = 0;
	bool first;

	while (i < p->key_count && (strcmp(p->keys[i].section, section) != 0 ||
				    strcmp(p->keys[i].name, name) != 0))
		i++;
	if (i == p->key_count) {
		wrong(p, ": unknown key", name);
		return 0;
	}
	first = !p->seen[i];
	p->seen[i] = true;
	if (!first && p->keys[i].kind != INI_LIST) {
		wrong(p, ": given twice", name);
		return 0;
	}
	if (strlen(value) > INI_VALUE_MAX) {
		wrong(p, ": value too long", name);
		return 0;
	}
	return set_value(p, &p->keys[i], value, first) == 0;
}

/* The library is built with these as variables; we set what we rely on. */
static void choose_dialect(void)
{
	ini_allow_bom = false;
	ini_allow_multiline = false;
	ini_allow_inline_comments = false;
	ini_allow_no_value = false;
	ini_stop_on_first_error = true;
	ini_use_stack = false;
	ini_allow_realloc = false;
	ini_max_line = LINE_MAX_LEN;
	ini_initial_alloc = LINE_MAX_LEN;
}

int ini_load(struct slice text, const char *file, const struct ini_key *keys,
	     size_t key_count, void *to, struct err *e)
{
	struct parse p = {
		.rest = text,
		.file = file,
		.keys = keys,
		.key_count = key_count,
		.to = to,
		.e = e,
	};
	int rc;

	assert(key_count <= KEYS_MAX);
	if (text.len > INI_MAX_LEN)
		return err_set(e, ERR_CONFIG, "%s: larger than %d bytes", file,
			       INI_MAX_LEN);
	choose_dialect();
	rc = ini_parse_stream(next_line, &p, handle, &p);
	if (p.failed)
		return -1;
	if (rc != 0)
		return err_set(e, ERR_CONFIG, "%s:%d: not \"key = value\"",
			       file, rc);
	for (size_t i = 0; i < key_count; i++)
		if (keys[i].required && !p.seen[i])
			return err_set(e, ERR_CONFIG, "%s: [%s] %s is missing",
				       file, keys[i].section, keys[i].name);
	return 0;
}

void ini_done(const struct ini_key *keys, size_t key_count, void *to)
{
	for (size_t i = 0; i < key_count; i++) {
		void *m = member(&keys[i], to);

		if (keys[i].kind == INI_LIST) {
			list_done(m);
		} else if (keys[i].kind == INI_TEXT) {
			free(*(char **)m);
			*(char **)m = NULL;
		}
	}
}
