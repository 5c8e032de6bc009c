/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_mark - a file in the server's folder from the moment on at which its
 * audit log may lack what was signed (a backup was restored, or the server
 * found it so), until it is known to be whole. The server knows that by itself;
 * this is for what people do beside it, so that nobody appends to such a log.
 */
#ifndef UPDATE_SERVER_LOG_MARK_H
#define UPDATE_SERVER_LOG_MARK_H

#include <stdint.h>

#include "common/err.h"

/* records: how many were signed, or STORE_BEHIND_UNKNOWN. */
int log_mark_put(int dirfd, uint64_t records, struct err *e) NODISCARD;
int log_mark_drop(int dirfd, struct err *e) NODISCARD;
/* What was put; 0: there is no mark. */
uint64_t log_mark_read(int dirfd);

#endif
