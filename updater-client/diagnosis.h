/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diagnosis - what the doctor found: one line for each thing that was looked
 * at, as lines for people and as JSON for programs. Pure.
 */
#ifndef UPDATER_CLIENT_DIAGNOSIS_H
#define UPDATER_CLIENT_DIAGNOSIS_H

#include "common/buf.h"
#include "common/json.h"

#define DIAGNOSIS_MAX      48
#define DIAGNOSIS_TEXT_LEN 768

enum finding_grade {
	FINDING_OK,
	FINDING_WARN, /* updates work, and something could be better */
	FINDING_FAIL  /* this device must not leave the factory like this */
};

struct finding {
	const char *name; /* "slots", ...: fixed words */
	enum finding_grade grade;
	char text[DIAGNOSIS_TEXT_LEN]; /* what is so, and the way out */
	struct err why;                /* FAIL: with its code */
};

struct diagnosis {
	struct finding at[DIAGNOSIS_MAX];
	size_t count;
};

/* What does not fit into a line is cut; what would be one too many is not
 * added. */
void diagnosis_ok(struct diagnosis *d, const char *name, const char *fmt, ...)
	PRINTF(3, 4);
void diagnosis_warn(struct diagnosis *d, const char *name, const char *fmt, ...)
	PRINTF(3, 4);
/* The error says what is wrong; `advice` what to do, or is NULL. */
void diagnosis_fail(struct diagnosis *d, const char *name,
		    const struct err *why, const char *advice);

/* The worst grade of all. */
enum finding_grade diagnosis_worst(const struct diagnosis *d);

/* 0, or the first failure with its code. */
int diagnosis_verdict(const struct diagnosis *d, struct err *e) NODISCARD;

/* "ok", "warn", "fail". */
const char *finding_grade_name(enum finding_grade g);

int diagnosis_print(const struct diagnosis *d, struct buf *out,
		    struct err *e) NODISCARD;
/* [{"name","grade","text"}, ...]; the caller owns it. */
struct json *diagnosis_json(const struct diagnosis *d);

#endif
