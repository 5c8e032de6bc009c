/* SPDX-License-Identifier: Apache-2.0 */
/* That the program does what it is for is seen by tests/e2e/14-device-token.sh;
 * here it is not beside the program that starts it. */
#include "updater-client/token_start.h"

#include "tests/unit/box.h"

static void without_one_configured_keys_are_files(void **state)
{
	const struct settings none = { .product = NULL };
	struct worker worker = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_ok(token_start(&none, -1, TOKEN_SIGN, -1, &worker, &e));
	assert_int_equal(token_fd(&worker), -1);
}

static void a_program_that_is_not_there_is_named_each_time(void **state)
{
	const struct message ask = { .kind = MESSAGE_TOKEN,
				     .token = { .act = TOKEN_ACT_KIND } };
	char provider[] = "tpm2";
	const struct settings s = { .token = { .provider = provider } };
	struct worker worker = { 0 };
	struct message answer;
	struct err e = { 0 };
	struct box b;

	(void)state;
	box_open(&b);
	assert_ok(token_start(&s, b.dir, TOKEN_SIGN, -1, &worker, &e));
	assert_true(token_fd(&worker) >= 0);
	for (int i = 0; i < 2; i++)
		assert_refused_saying(ipc_ask(&worker.channel, &ask,
					      MESSAGE_TOKEN, 10000, &answer,
					      &e),
				      ERR_SYSTEM, "/pawl-token");
	worker_stop(&worker);
	assert_int_equal(token_fd(&worker), -1);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_one_configured_keys_are_files),
		cmocka_unit_test(
			a_program_that_is_not_there_is_named_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
