/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/advice.h"

#include <string.h>

#include "tests/unit/check.h"

static void a_failure_gets_its_way_out(void **state)
{
	struct err e = { 0 };

	(void)state;
	err_set(&e, ERR_UNTRUSTED, "chunk 3 is damaged");
	advice_add(&e);
	assert_non_null(strstr(e.msg, "chunk 3 is damaged; nothing was "
				      "activated"));
	err_set(&e, ERR_NETWORK, "no route");
	advice_add(&e);
	assert_string_equal(e.msg, "no route; try again later");
}

/* Each class in which an update ends that was refused or failed. */
static void every_refusal_has_a_way_out(void **state)
{
	static const struct {
		enum err_code code;
		const char *out;
	} classes[] = {
		{ ERR_FORMAT, "tell who made it" },
		{ ERR_LIMIT, "tell who made it" },
		{ ERR_UNTRUSTED, "suspect where it comes from" },
		{ ERR_EXPIRED, "is the clock right?" },
		{ ERR_ROLLBACK, "the source is behind this device" },
		{ ERR_NETWORK, "try again later" },
		{ ERR_REFUSED, "ask who released it or who runs the server" },
		{ ERR_SPACE, "make room" },
		{ ERR_NOT_FOUND, "see that it is there" },
		{ ERR_CONFLICT, "try again" },
		{ ERR_HEALTH, "\"status\" keeps the reason" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		struct err e = { 0 };

		err_set(&e, classes[i].code, "what was wrong");
		advice_add(&e);
		assert_memory_equal(e.msg, "what was wrong; ", 16);
		assert_non_null(strstr(e.msg, classes[i].out));
	}
}

static void what_names_its_way_out_is_left_alone(void **state)
{
	struct err e = { 0 };

	(void)state;
	err_set(&e, ERR_SPACE, "no room; make some");
	advice_add(&e);
	assert_string_equal(e.msg, "no room; make some");
	err_set(&e, ERR_CONFIG, "x.conf:3: unknown key");
	advice_add(&e);
	assert_string_equal(e.msg, "x.conf:3: unknown key");
}

static void a_long_message_is_not_cut_for_it(void **state)
{
	struct err e = { .code = ERR_NETWORK };
	char before[ERR_MSG_LEN];

	(void)state;
	memset(e.msg, 'x', sizeof(e.msg) - 10);
	memcpy(before, e.msg, sizeof(before));
	advice_add(&e);
	assert_string_equal(e.msg, before);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failure_gets_its_way_out),
		cmocka_unit_test(every_refusal_has_a_way_out),
		cmocka_unit_test(what_names_its_way_out_is_left_alone),
		cmocka_unit_test(a_long_message_is_not_cut_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
