/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/ui.h"

#include <stdio.h>
#include <string.h>

#include "common/digest.h"
#include "common/text.h"

#include "update-server/stage.h"
#include "update-server/warrant_desk.h"

#define CELL_MAX    200
#define COLUMNS_MAX 12
#define PRINT_MAX   (16u << 20)

int ui_start(struct ui *u, int argc, char **argv, const struct opt *opts,
	     int operands, struct err *e)
{
	if (opt_parse(argc, argv, opts, &u->operands, &u->operand_count, e))
		return -1;
	if (u->operand_count != operands)
		return err_set(e, ERR_USAGE,
			       operands == 0   ? "no operand wanted"
			       : operands == 1 ? "one operand wanted: --help "
						 "says which"
					       : "two operands wanted: --help "
						 "says which");
	return people_open(u->operator_file, &u->client, e);
}

int ui_start_any(struct ui *u, int argc, char **argv, const struct opt *opts,
		 struct err *e)
{
	if (opt_parse(argc, argv, opts, &u->operands, &u->operand_count, e))
		return -1;
	return people_open(u->operator_file, &u->client, e);
}

void ui_done(struct ui *u)
{
	people_close(u->client);
	u->client = NULL;
}

int ui_print_json(const struct json *j, struct err *e)
{
	struct buf text = BUF_INIT(PRINT_MAX);
	int rc = json_print(j, true, &text, e);

	if (rc == 0)
		program_print_json(buf_text(&text));
	buf_done(&text);
	return rc;
}

int ui_say_json(struct json *j, struct err *e)
{
	int rc;

	json_set_int(j, "v", 1);
	rc = ui_print_json(j, e);
	json_free(j);
	return rc;
}

int ui_get_pages(struct ui *u, const char *path, const char *list,
		 struct json **out, struct err *e)
{
	struct json *all = NULL, *page = NULL, *items;
	const char *next;
	char more[PATH_MAX_LEN];

	if (people_get(u->client, path, &all, e))
		return -1;
	items = json_clone(json_get(all, list));
	for (next = json_text(json_get(all, "next")); next[0];
	     next = json_text(json_get(page, "next"))) {
		int rc =
			text_format(more, sizeof(more), e, "%s/%s", path, next);

		json_free(page);
		page = NULL;
		if (rc || people_get(u->client, more, &page, e)) {
			json_free(items);
			json_free(all);
			return -1;
		}
		for (size_t i = 0; i < json_count(json_get(page, list)); i++)
			json_add(items,
				 json_clone(json_at(json_get(page, list), i)));
	}
	json_free(page);
	json_remove(all, "next");
	json_set(all, list, items);
	*out = all;
	return 0;
}

int ui_list(int argc, char **argv, const char *path, const char *list,
	    const char *const *columns, struct err *e)
{
	struct ui u = { 0 };
	const struct opt opts[] = { UI_OPTIONS(&u), OPT_END };
	struct json *answer = NULL;
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 0, e) ||
	    ui_get_pages(&u, path, list, &answer, e))
		goto out;
	rc = 0;
	if (u.json)
		rc = ui_print_json(answer, e);
	else
		ui_table(json_get(answer, list), columns);
out:
	json_free(answer);
	ui_done(&u);
	return rc;
}

int ui_show(int argc, char **argv, const char *path,
	    void (*print)(const struct json *answer), struct err *e)
{
	const bool wants_one = path[strlen(path) - 1] == '/';
	struct ui u = { 0 };
	const struct opt opts[] = { UI_OPTIONS(&u), OPT_END };
	struct json *answer = NULL;
	char whole[256];
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, wants_one, e))
		goto out;
	if (wants_one && ui_path(path, u.operands[0], whole, sizeof(whole), e))
		goto out;
	if (people_get(u.client, wants_one ? whole : path, &answer, e))
		goto out;
	rc = 0;
	if (u.json)
		rc = ui_print_json(answer, e);
	else
		print(answer);
out:
	json_free(answer);
	ui_done(&u);
	return rc;
}

/* Which codes were activated or withdrawn, in what the server cannot change. */
static void print_root(const struct json *body)
{
	char root[SHA256_HEX_LEN];
	struct err ignored;
	struct warrant w;

	if (!json_get(body, "warrant") ||
	    warrant_parse(slice_of(json_text(json_get(body, "warrant"))), &w,
			  &ignored) ||
	    (w.act != WARRANT_ACTIVATE && w.act != WARRANT_WITHDRAW))
		return;
	sha256_format(&w.codes, root);
	printf("the codes' root is %.*s\n", WARRANT_ROOT_MIN, root);
}

int ui_need_reason(const char *reason, struct err *e)
{
	if (!reason || !reason[0])
		return err_set(e, ERR_USAGE, "--reason TEXT is needed");
	return strlen(reason) < STAGE_REASON_MAX
		       ? 0
		       : err_set(e, ERR_USAGE, "--reason: %d bytes at most",
				 STAGE_REASON_MAX - 1);
}

int ui_check_plan(const char *plan, const char *from, struct err *e)
{
	struct sha256 unused;

	if (sha256_parse(slice_of(plan), &unused, e))
		return err_set(e, ERR_USAGE,
			       "--plan: not the 64 hex digits that `%s` prints",
			       from);
	return 0;
}

bool ui_was_repeated(const struct json *answer)
{
	struct err none;
	bool repeated = false;

	return json_get_bool(answer, "repeated", &repeated, &none) == 0 &&
	       repeated;
}

int ui_act(struct ui *u, const char *path, struct json *body, const char *done,
	   struct err *e)
{
	const struct warrant_desk desk = { u->client, u->client, u->root };
	struct json *answer = NULL;
	int rc;

	if (warrant_desk_add(&desk, path, body, e)) {
		json_free(body);
		return -1;
	}
	if (!u->json)
		print_root(body);
	if (people_post(u->client, path, body, &answer, e))
		return -1;
	rc = 0;
	if (u->json)
		rc = ui_print_json(answer, e);
	else if (ui_was_repeated(answer))
		printf("done before: nothing was changed\n");
	else if (json_get(answer, "second_person"))
		printf("noted: a second person has to say the same\n");
	else
		printf("%s\n", done);
	json_free(answer);
	return rc;
}

/* One value as people read it, never longer than a cell. */
static void format_cell(const struct json *value, char out[CELL_MAX])
{
	size_t used = 0;

	out[0] = 0;
	if (json_is_integer(value)) {
		(void)snprintf(out, CELL_MAX, "%lld",
			       (long long)json_int(value));
	} else if (json_is_string(value)) {
		text_escape(slice_of(json_text(value)), out, CELL_MAX);
	} else if (json_is_array(value)) {
		for (size_t i = 0; i < json_count(value); i++) {
			if (i > 0 && used + 2 < CELL_MAX)
				out[used++] = ',';
			text_escape(slice_of(json_text(json_at(value, i))),
				    out + used, CELL_MAX - used);
			used += strlen(out + used);
		}
	} else if (value && !json_is_object(value)) {
		bool yes = false;
		struct err ignored;
		struct json *wrap = json_new_object();

		json_set(wrap, "b", json_clone(value));
		if (json_get_bool(wrap, "b", &yes, &ignored) == 0)
			(void)snprintf(out, CELL_MAX, "%s", yes ? "yes" : "no");
		json_free(wrap);
	}
	if (!out[0])
		memcpy(out, "-", 2);
}

static void measure(const struct json *list, const char *const *columns,
		    size_t *widths)
{
	char cell[CELL_MAX];

	for (size_t c = 0; columns[c]; c++)
		widths[c] = strlen(columns[c]);
	for (size_t i = 0; i < json_count(list); i++)
		for (size_t c = 0; columns[c]; c++) {
			format_cell(json_get(json_at(list, i), columns[c]),
				    cell);
			if (strlen(cell) > widths[c])
				widths[c] = strlen(cell);
		}
}

static void print_cell(const char *text, size_t width, bool last)
{
	printf("%s", text);
	for (size_t n = strlen(text); !last && n < width + 2; n++)
		putchar(' ');
	if (last)
		putchar('\n');
}

void ui_table(const struct json *list, const char *const *columns)
{
	size_t widths[COLUMNS_MAX];
	char cell[CELL_MAX];

	measure(list, columns, widths);
	for (size_t c = 0; columns[c]; c++)
		print_cell(columns[c], widths[c], !columns[c + 1]);
	for (size_t i = 0; i < json_count(list); i++)
		for (size_t c = 0; columns[c]; c++) {
			format_cell(json_get(json_at(list, i), columns[c]),
				    cell);
			print_cell(cell, widths[c], !columns[c + 1]);
		}
}

void ui_fields(const struct json *object, const char *const *names)
{
	size_t width = 0;
	char cell[CELL_MAX];

	for (size_t i = 0; names[i]; i++)
		if (strlen(names[i]) > width)
			width = strlen(names[i]);
	for (size_t i = 0; names[i]; i++) {
		format_cell(json_get(object, names[i]), cell);
		print_cell(names[i], width, false);
		printf("%s\n", cell);
	}
}

void ui_window(const struct json *rollout)
{
	const struct json *w = json_get(rollout, "window");

	if (w)
		printf("offered %s\n", json_text(json_get(w, "words")));
}

void ui_lines(const char *text)
{
	char line[4 * CELL_MAX];

	while (*text) {
		size_t len = strcspn(text, "\n");

		text_escape((struct slice){ (const uint8_t *)text, len }, line,
			    sizeof(line));
		printf("    | %s\n", line);
		text += len + (text[len] == '\n');
	}
}

int ui_path(const char *prefix, const char *operand, char *out, size_t size,
	    struct err *e)
{
	if (!name_is_valid(slice_of(operand)))
		return err_set(e, ERR_USAGE, "%s: not a name", operand);
	return text_format(out, size, e, "%s%s", prefix, operand);
}

#define QUESTION_MAX 480 /* bytes, as the server takes them */

int ui_question_path(const struct ui_question *q, char out[PATH_MAX_LEN],
		     struct err *e)
{
	struct buf text = BUF_INIT(QUESTION_MAX);
	char hex[2 * QUESTION_MAX + 1];
	struct json *j;
	int rc;

	if (!utf8_is_valid(slice_of(q->where ? q->where : "")) ||
	    !utf8_is_valid(slice_of(q->lacks ? q->lacks : "")))
		return err_set(e, ERR_USAGE, "that is no text");
	j = json_new_document();
	if (q->where)
		json_set_text(j, "where", q->where);
	if (q->lacks)
		json_set_text(j, "lacks", q->lacks);
	if (q->count)
		json_set_bool(j, "count", true);
	rc = json_print(j, false, &text, e);
	json_free(j);
	if (rc == 0) {
		hex_format(buf_slice(&text), hex);
		rc = text_format(out, PATH_MAX_LEN, e,
				 "/v1/people/device-find/%s", hex);
	}
	buf_done(&text);
	return rc;
}

void ui_roles(const struct json *answer)
{
	const struct json *list = json_get(answer, "roles");

	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *r = json_at(list, i);
		const char *problem = json_text(json_get(r, "problem"));

		printf("%-14s version %lld%s%s\n",
		       json_text(json_get(r, "role")),
		       (long long)json_int(json_get(r, "version")),
		       problem[0] ? ", of no use to devices: " : "", problem);
	}
}
