/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_json - the fields of a log line as JSON. Pure, and for log.c alone.
 *
 * Where a field starts and ends is read from the format, which is ours, never
 * from what its values turned out to be: no value can forge a field. A field is
 * `name=` and what follows up to the next ` name=`; quotes around it are left
 * out. What is nothing but a whole number becomes a number, all else a string.
 * What has no name is called "text".
 */
#ifndef COMMON_LOG_JSON_H
#define COMMON_LOG_JSON_H

#include <stdarg.h>
#include <stddef.h>

#include "common/base.h"

struct log_head {
	const char *time, *level, *event;
};

/*
 * One object and a newline into out, which has room for 512 bytes at least;
 * returns the length. A field that has no room is left out, and "cut":true
 * says so. Known conversions: %s %.*s %d %u %zu %lld %llu.
 */
size_t log_json_format(const struct log_head *head, const char *fmt, va_list ap,
		       char *out, size_t size);

#endif
