/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report - what a command says: text for people, or with --json exactly one
 * JSON object on standard output, for failures as well.
 *
 * Lines go to standard output, notes to standard error; under --json both are
 * in the object (notes as "notes"), so that nothing is said twice. What comes
 * from outside is escaped here.
 */
#ifndef SIGNER_REPORT_H
#define SIGNER_REPORT_H

#include "common/json.h"

struct report {
	bool json;           /* set by the option before anything is said */
	struct json *object; /* members for --json; made at first use */
};

/* The object for --json, to be filled in. */
struct json *report_object(struct report *r);

/* A line for people; nothing under --json. */
void report_line(struct report *r, const char *fmt, ...) PRINTF(2, 3);

/* A line of any length that is safe to show already. */
void report_whole_line(struct report *r, const char *indent, const char *text);

/* Something people should notice: a warning, a step that is left to do. */
void report_note(struct report *r, const char *fmt, ...) PRINTF(2, 3);

/*
 * End a command whose work returned rc: prints the object and frees it.
 * Returns rc, or -1 if standard output cannot be written.
 */
int report_end(struct report *r, int rc, struct err *e) NODISCARD;

#endif
