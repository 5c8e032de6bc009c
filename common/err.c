/* SPDX-License-Identifier: Apache-2.0 */
#include "common/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#undef err_set
#undef err_sys
#undef err_in

#define CONTEXT_LEN 200

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	e->code = code;
	e->retry_sec = 0;
	va_start(ap, fmt);
	(void)vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	return -1;
}

static enum err_code code_of_errno(int number)
{
	switch (number) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return ERR_SPACE;
	case ENOENT:
		return ERR_NOT_FOUND;
	default:
		return ERR_SYSTEM;
	}
}

int err_sys(struct err *e, const char *fmt, ...)
{
	int number = errno;
	char what[CONTEXT_LEN * 2];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return err_set(e, code_of_errno(number), "%s: %s", what,
		       strerror(number));
}

int err_in(struct err *e, const char *fmt, ...)
{
	const uint32_t retry_sec = e->retry_sec;
	char inner[sizeof(e->msg)];
	char outer[CONTEXT_LEN];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(outer, sizeof(outer), fmt, ap);
	va_end(ap);
	memcpy(inner, e->msg, sizeof(inner));
	err_set(e, e->code, "%s: %.*s", outer,
		(int)(sizeof(e->msg) - CONTEXT_LEN - 3), inner);
	e->retry_sec = retry_sec;
	return -1;
}

const char *err_name(enum err_code code)
{
	static const char *const names[] = {
		[ERR_NONE] = "none",           [ERR_SYSTEM] = "system",
		[ERR_USAGE] = "usage",         [ERR_CONFIG] = "config",
		[ERR_FORMAT] = "format",       [ERR_LIMIT] = "limit",
		[ERR_UNTRUSTED] = "untrusted", [ERR_EXPIRED] = "expired",
		[ERR_ROLLBACK] = "rollback",   [ERR_NETWORK] = "network",
		[ERR_REFUSED] = "refused",     [ERR_SPACE] = "space",
		[ERR_BUSY] = "busy",           [ERR_NOT_FOUND] = "not-found",
		[ERR_CONFLICT] = "conflict",   [ERR_HEALTH] = "health",
	};

	if ((size_t)code >= ARRAY_LEN(names) || !names[code])
		return "system";
	return names[code];
}
