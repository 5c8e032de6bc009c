/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ui - what the operators' commands have in common: --operator and --json,
 * a connection, tables for people. Everything from the server is escaped
 * before it reaches a terminal.
 */
#ifndef UPDATE_SERVER_UI_H
#define UPDATE_SERVER_UI_H

#include "common/opt.h"

#include "update-server/people_client.h"

struct ui {
	const char *operator_file;
	const char *root; /* of the claim codes that an act is about, or NULL */
	bool json;
	char **operands;
	int operand_count;
	struct people_client *client;
};

/* The two options that every such command has, for its table. */
#define UI_OPTIONS(u)                                                          \
	OPT_TEXT("operator", "FILE", &(u)->operator_file, "who you are"),      \
		OPT_FLAG("json", &(u)->json, "print JSON")

/* Parse, want exactly so many operands (0 to 2), and connect. */
int ui_start(struct ui *u, int argc, char **argv, const struct opt *opts,
	     int operands, struct err *e) NODISCARD;
/* The same for a command that counts its operands itself. */
int ui_start_any(struct ui *u, int argc, char **argv, const struct opt *opts,
		 struct err *e) NODISCARD;
void ui_done(struct ui *u);

/* GET and print: as JSON, or a table of the answer's list. */
int ui_list(int argc, char **argv, const char *path, const char *list,
	    const char *const *columns, struct err *e) NODISCARD;

/* GET and print: as JSON, or by print. A path that ends in '/' wants an operand
 * behind it. */
int ui_show(int argc, char **argv, const char *path,
	    void (*print)(const struct json *answer), struct err *e) NODISCARD;

/* GET a list whose answers name where the next page starts, as one answer. */
int ui_get_pages(struct ui *u, const char *path, const char *list,
		 struct json **out, struct err *e) NODISCARD;

/* POST, with the person's signature where the keeper wants it; the answer is
 * only looked at for --json, else `done` is said. Takes body over. */
int ui_act(struct ui *u, const char *path, struct json *body, const char *done,
	   struct err *e) NODISCARD;

/* The server knew this act already: an answer was lost, or somebody did it
 * twice. */
bool ui_was_repeated(const struct json *answer);

/* ERR_USAGE unless it was said why. */
int ui_need_reason(const char *reason, struct err *e) NODISCARD;

/* ERR_USAGE unless it is a digest; `from` is the command that prints it. */
int ui_check_plan(const char *plan, const char *from, struct err *e) NODISCARD;

/* The whole answer as JSON, with a newline. */
int ui_print_json(const struct json *j, struct err *e) NODISCARD;

/* The same of what a command did by itself, with "v"; j is taken over. */
int ui_say_json(struct json *j, struct err *e) NODISCARD;

/* A table of an array of objects; the columns are members' names. */
void ui_table(const struct json *list, const char *const *columns);

/* "name: value" lines of one object. */
void ui_fields(const struct json *object, const char *const *names);

/* When a rollout is offered, if it has a window. */
void ui_window(const struct json *rollout);

/* Lines of foreign text, each escaped and indented. */
void ui_lines(const char *text);

/* prefix and an operand that must be a name or hex: a path of the server. */
int ui_path(const char *prefix, const char *operand, char *out, size_t size,
	    struct err *e) NODISCARD;

/* Which devices: see api_find.c. NULL: whatever. */
struct ui_question {
	const char *where, *lacks;
	bool count;
};

/* The path that asks it; "/<id>" behind it goes on. */
int ui_question_path(const struct ui_question *q, char out[PATH_MAX_LEN],
		     struct err *e) NODISCARD;

/* The delegated roles in an answer: whatever devices cannot use, its owners
 * have to sign again. */
void ui_roles(const struct json *answer);

#endif
