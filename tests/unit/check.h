/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka with the headers that it needs before it, for every unit test. */
#ifndef TESTS_UNIT_CHECK_H
#define TESTS_UNIT_CHECK_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>

#include "common/err.h"

/* Sanitizers answer mlock() themselves, and lock nothing. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LOCKS_MEMORY false
#else
#define LOCKS_MEMORY true
#endif

/* Functions behind the macros, so that a test stays flat however it loops. */
static inline void check_ok(int rc, const struct err *e, const char *call,
			    const char *file, int line)
{
	if (rc == 0)
		return;
	print_error("%s: %s\n", call, e->msg);
	_fail(file, line);
}

static inline void check_refused(int rc, enum err_code wanted,
				 const struct err *e, const char *call,
				 const char *file, int line)
{
	if (rc == -1 && e->code == wanted)
		return;
	print_error("%s: %d, %s (%s)\n", call, rc, err_name(e->code), e->msg);
	_fail(file, line);
}

static inline void check_said(const struct err *e, const char *words,
			      const char *call, const char *file, int line)
{
	if (strstr(e->msg, words))
		return;
	print_error("%s: \"%s\" lacks \"%s\"\n", call, e->msg, words);
	_fail(file, line);
}

/* For what must succeed: prints the error of a local `e` when it does not. */
#define assert_ok(call) check_ok((call), &e, #call, __FILE__, __LINE__)

/* For refusals: the call fails, and with exactly this code in `e`. */
#define assert_refused(call, wanted)                                           \
	(e.code = ERR_NONE,                                                    \
	 check_refused((call), (wanted), &e, #call, __FILE__, __LINE__))

/*
 * The same, and the line says these words: for a check whose removal would be
 * noticed by a later one too, but under another name.
 */
#define assert_refused_saying(call, wanted, words)                             \
	(assert_refused(call, wanted),                                         \
	 check_said(&e, (words), #call, __FILE__, __LINE__))

#endif
