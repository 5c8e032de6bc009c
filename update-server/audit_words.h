/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_words - a record of the audit log as a line that people read. Pure.
 *
 * Everything in a record is a time, an id, a number or a name, and was checked
 * to be: nothing of it needs to be escaped for a terminal.
 */
#ifndef UPDATE_SERVER_AUDIT_WORDS_H
#define UPDATE_SERVER_AUDIT_WORDS_H

#include "common/rd.h"

#define AUDIT_WORDS_MAX 512

/* Number, time, who, act and objects; too many objects are cut short.
 * ERR_FORMAT unless it is a record. */
int audit_words(struct slice record, char out[AUDIT_WORDS_MAX],
		struct err *e) NODISCARD;

#endif
