/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utc - points in time as seconds since 1970, and as TUF writes them.
 *
 * Nothing but utc_now() asks the clock, so whatever judges time takes it as a
 * parameter and can be tested at 1970 and 2106.
 */
#ifndef COMMON_UTC_H
#define COMMON_UTC_H

#include <stdbool.h>
#include <stdint.h>

#include "common/rd.h"

#define UTC_TEXT_LEN 21 /* "2026-11-22T15:12:21Z" and its NUL */
#define UTC_DAY      INT64_C(86400)
#define UTC_LAST     INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

/*
 * Seconds since 1970 by the system clock (follows libfaketime). A clock before
 * 1970 or after 9999 counts as the nearer end, so it can be formatted.
 */
int64_t utc_now(void);

/* Exactly YYYY-MM-DDTHH:MM:SSZ, a real date from 1970 to 9999. ERR_FORMAT. */
int utc_parse(struct slice in, int64_t *sec, struct err *e) NODISCARD;

/* The reverse; sec must be between 1970 and 9999. */
void utc_format(int64_t sec, char out[UTC_TEXT_LEN]);

#endif
