/* SPDX-License-Identifier: Apache-2.0 */
/* Between who fetches and who writes: one that hangs is found out. */
#include "updater-client/relay.h"

#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/steady.h"
#include "tests/unit/check.h"

#define HEAD      100
#define WINDOW    4
#define REPEATS   60
#define CALL_MS   10000 /* that pass with each look at the clock */
#define REAL_SECS 120   /* after which this test itself hangs */

static int64_t now_ms;

/* Instead of common/steady.c. */
int64_t steady_ms(void)
{
	return now_ms += CALL_MS;
}

uint64_t steady_ns(void)
{
	return (uint64_t)steady_ms() * 1000000;
}

struct ends {
	struct session s;
	struct worker writer;
	int source, worker; /* the far ends */
};

static void open_ends(struct ends *t)
{
	int fds[2];
	struct err e = { 0 };

	memset(t, 0, sizeof(*t));
	t->s.stop_fd = -1;
	t->s.progress = PROGRESS_QUIET;
	t->s.source.channel = t->writer.channel = (struct channel)CHANNEL_INIT;
	assert_ok(ipc_pair(fds, &e));
	t->s.source.channel.fd = fds[0];
	t->source = fds[1];
	assert_ok(ipc_pair(fds, &e));
	t->writer.channel.fd = fds[0];
	t->worker = fds[1];
}

static void close_ends(struct ends *t)
{
	ipc_close(&t->s.source.channel);
	ipc_close(&t->writer.channel);
	fs_close(&t->source);
	fs_close(&t->worker);
}

static void say(int fd, enum message_kind kind, uint64_t count)
{
	struct channel c = CHANNEL_INIT;
	const struct message m = { .kind = kind, .count = count };
	struct err e = { 0 };

	c.fd = fd;
	assert_ok(ipc_send(&c, &m, &e));
}

/* How often the writer was told that so much is there. */
static unsigned heard(int fd, uint64_t count)
{
	struct channel c = CHANNEL_INIT;
	struct message m;
	struct err e = { 0 };
	unsigned times = 0;

	c.fd = fd;
	while (ipc_receive(&c, 0, &m, &e) == 0) {
		assert_int_equal(m.kind, MESSAGE_PROGRESS);
		assert_int_equal(m.count, count);
		times++;
	}
	buf_wipe(&c.in);
	return times;
}

static int run(struct ends *t, struct err *e)
{
	const struct message_apply m = {
		.package = { .head_len = HEAD,
			     .package_len = HEAD + 9 * PACKAGE_CHUNK_LEN },
		.window = WINDOW,
	};

	(void)alarm(REAL_SECS);
	return relay_run(&t->s, &t->writer, &m, e);
}

/* The source says every few seconds that it lives: it is not that one. */
static void a_writer_that_hangs_is_found_out(void **state)
{
	const uint64_t full = HEAD + WINDOW * (uint64_t)PACKAGE_CHUNK_LEN;
	struct ends t;
	struct err e = { 0 };

	(void)state;
	open_ends(&t);
	for (int i = 0; i < REPEATS; i++)
		say(t.source, MESSAGE_PROGRESS, full);
	say(t.source, MESSAGE_DONE, full);
	assert_refused(run(&t, &e), ERR_NETWORK);
	assert_non_null(strstr(e.msg, "the process that writes"));
	assert_int_equal(heard(t.worker, full), 1);
	close_ends(&t);
}

/* While places are free it is the source that must bring something. */
static void a_writer_that_waits_is_let_wait(void **state)
{
	const uint64_t some = HEAD + (WINDOW - 1) * (uint64_t)PACKAGE_CHUNK_LEN;
	struct ends t;
	struct err e = { 0 };

	(void)state;
	open_ends(&t);
	for (int i = 0; i < REPEATS; i++)
		say(t.source, MESSAGE_PROGRESS, some);
	say(t.source, MESSAGE_TAKEN, 0); /* no answer: it ends here */
	say(t.source, MESSAGE_DONE, some);
	assert_refused(run(&t, &e), ERR_FORMAT);
	assert_int_equal(heard(t.worker, some), 1);
	close_ends(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_writer_that_hangs_is_found_out),
		cmocka_unit_test(a_writer_that_waits_is_let_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
