/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/ipc.h"

#include <unistd.h>

#include "tests/unit/check.h"

static void say(int fd, enum message_kind kind)
{
	struct channel c = CHANNEL_INIT;
	struct message m = { .kind = kind };
	struct err e = { 0 };

	if (kind == MESSAGE_FAIL)
		(void)err_set(&m.failure, ERR_SPACE, "no room");
	c.fd = fd;
	assert_ok(ipc_send(&c, &m, &e));
}

/* The other end said why, and ended before it had read all that we said. */
static void the_last_word_of_who_ended_is_heard(void **state)
{
	struct channel ours = CHANNEL_INIT;
	struct message m;
	struct err e = { 0 };
	int fds[2];

	(void)state;
	assert_ok(ipc_pair(fds, &e));
	ours.fd = fds[0];
	say(fds[0], MESSAGE_DONE);
	say(fds[0], MESSAGE_DONE);
	say(fds[1], MESSAGE_FAIL);
	(void)close(fds[1]);
	assert_refused_saying(ipc_receive(&ours, 1000, &m, &e), ERR_SPACE,
			      "no room");
	assert_refused_saying(ipc_receive(&ours, 1000, &m, &e), ERR_SYSTEM,
			      "ended early");
	ipc_close(&ours);
}

static void who_is_gone_is_not_waited_for(void **state)
{
	struct channel ours = CHANNEL_INIT;
	struct message m;
	struct err e = { 0 };
	int fds[2];

	(void)state;
	assert_ok(ipc_pair(fds, &e));
	ours.fd = fds[0];
	(void)close(fds[1]);
	assert_refused(ipc_receive(&ours, 60000, &m, &e), ERR_SYSTEM);
	ipc_close(&ours);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_word_of_who_ended_is_heard),
		cmocka_unit_test(who_is_gone_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
