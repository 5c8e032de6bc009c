/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_listed - does the list that engineers signed name this server's log key?
 * Read from what was imported, verified before it was stored.
 */
#ifndef UPDATE_SERVER_LOG_LISTED_H
#define UPDATE_SERVER_LOG_LISTED_H

#include "common/log_keys.h"

#include "update-server/store.h"

#define LOG_KEY_LIFE (365 * UTC_DAY) /* of one that nobody listed */

struct log_listed {
	bool has_list; /* engineers signed one */
	bool listed;   /* and it names this key, */
	int64_t until; /* until then */
};

/* dirfd is the server's folder. */
int log_listed(struct store *s, int dirfd, const struct ec_public *own,
	       struct log_listed *out, struct err *e) NODISCARD;

/* When it has to be changed, by its age or by what was signed. */
int64_t log_listed_end(const struct log_listed *l, int64_t since);

#endif
