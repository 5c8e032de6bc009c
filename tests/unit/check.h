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

/* For what must succeed: prints the error of a local `e` when it does not. */
#define assert_ok(call)                                                        \
	do {                                                                   \
		if ((call) != 0)                                               \
			fail_msg("%s: %s", #call, e.msg);                      \
	} while (0)

/* For refusals: the call fails, and with exactly this code in `e`. */
#define assert_refused(call, wanted)                                           \
	do {                                                                   \
		e.code = ERR_NONE;                                             \
		assert_int_equal((call), -1);                                  \
		if (e.code != (wanted))                                        \
			fail_msg("%s: %s (%s)", #call, err_name(e.code),       \
				 e.msg);                                       \
	} while (0)

#endif
