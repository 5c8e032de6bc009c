/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_keys - which keys may sign a server's audit log, and until when, as a
 * signed document: "log-keys.json", a target of the top-level targets. So an
 * auditor who has the repository's root needs no key of any server.
 * docs/audit-log.md.
 */
#ifndef COMMON_LOG_KEYS_H
#define COMMON_LOG_KEYS_H

#include "common/ec.h"
#include "common/statement.h"

#define LOG_KEYS_PATH     "log-keys.json"
#define LOG_KEYS_MAX      16
#define LOG_KEYS_DAYS_MAX 366 /* no key signs for longer */

struct log_keys {
	struct {
		struct ec_public key;
		int64_t until; /* what it signs later counts no more */
	} at[LOG_KEYS_MAX];
	size_t count; /* from 1 */
	int64_t issued;
};

/* As statement_parse(). ERR_FORMAT for what is no key, or one twice. */
int log_keys_parse(struct slice in, struct log_keys *out,
		   struct err *e) NODISCARD;
/* The caller owns it. */
struct json *log_keys_format(const struct log_keys *k);

/* Its place in the list; count if it is not listed. */
size_t log_keys_find(const struct log_keys *k, const struct ec_public *key);

#endif
