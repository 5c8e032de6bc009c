/* SPDX-License-Identifier: Apache-2.0 */
/* Against a server of the test's own that answers, lies, hangs or is not there.
 */
#include "updater-client/probe.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/steady.h"
#include "tests/unit/box.h"

static pid_t server;

/* A child that gives each connection these bytes and, unless it hangs, an end.
 */
static uint16_t serve(const char *answer, bool hangs)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	server = fork();
	while (server == 0) {
		int c = accept(fd, NULL, NULL);
		char request[2048];

		if (c < 0 ||
		    (answer[0] && recv(c, request, sizeof(request), 0) < 0))
			_exit(1);
		(void)send(c, answer, strlen(answer), MSG_NOSIGNAL);
		if (!hangs)
			close(c);
	}
	close(fd);
	return ntohs(at.sin_port);
}

static int end_server(void **state)
{
	(void)state;
	if (server > 0) {
		(void)kill(server, SIGKILL);
		(void)waitpid(server, NULL, 0);
	}
	server = 0;
	return 0;
}

static void ask(enum vital_kind kind, uint16_t port, enum err_code wanted)
{
	const struct vital v = { .kind = kind, .text = "/up", .port = port };
	struct err e = { 0 };

	if (wanted == ERR_NONE)
		assert_ok(probe_ask(&v, 30000, -1, &e));
	else
		assert_refused(probe_ask(&v, 600, -1, &e), wanted);
}

static void a_port_that_listens_is_alive(void **state)
{
	uint16_t port = serve("", true);

	(void)state;
	ask(VITAL_TCP, port, ERR_NONE);
	(void)end_server(NULL);
	ask(VITAL_TCP, port, ERR_HEALTH);
}

static void a_good_status_is_two_hundred_and_some(void **state)
{
	(void)state;
	ask(VITAL_HTTP, serve("HTTP/1.1 204 No Content\r\n\r\n", false),
	    ERR_NONE);
	(void)end_server(NULL);
	ask(VITAL_HTTP, serve("HTTP/1.0 200 OK\r\n\r\nfine", true), ERR_NONE);
}

static void every_other_answer_is_bad_health(void **state)
{
	static const char *const bad[] = {
		"HTTP/1.1 500 No\r\n\r\n", "HTTP/1.1 302 Go\r\n\r\n",
		"HTTP/1.1 199 x\r\n\r\n",  "HTTP/1.1 20",
		"HTTP/1.1 2x0 OK\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n",
		"HTTP/1.1-200 OK\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		ask(VITAL_HTTP, serve(bad[i], false), ERR_HEALTH);
		(void)end_server(NULL);
	}
}

static void a_server_that_hangs_is_not_waited_for(void **state)
{
	int64_t start = steady_ms();

	(void)state;
	ask(VITAL_HTTP, serve("HTTP/1.1", true), ERR_HEALTH);
	assert_true(steady_ms() - start < 30000);
}

static void who_is_asked_to_stop_stops(void **state)
{
	const struct vital v = { .kind = VITAL_HTTP,
				 .text = "/",
				 .port = serve("HTTP/1.1", true) };
	struct err e = { 0 };
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_refused(probe_ask(&v, 5000, fds[0], &e), ERR_BUSY);
	close(fds[0]);
	close(fds[1]);
}

static void a_file_is_fresh_by_its_time(void **state)
{
	struct box box;
	char path[256];
	struct vital v = { .kind = VITAL_FRESH, .text = path, .sec = 30 };
	struct timespec old[2] = { { .tv_sec = time(NULL) - 40 },
				   { .tv_sec = time(NULL) - 40 } };
	struct err e = { 0 };

	(void)state;
	box_open(&box);
	(void)snprintf(path, sizeof(path), "%s/alive", box.path);
	assert_refused(probe_ask(&v, 100, -1, &e), ERR_HEALTH);
	put_file(box.dir, "alive", "x", 0644);
	assert_ok(probe_ask(&v, 100, -1, &e));
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	assert_refused(probe_ask(&v, 100, -1, &e), ERR_HEALTH);
	v.sec = 60;
	assert_ok(probe_ask(&v, 100, -1, &e));
	/* Written before the clock was set back. */
	old[1].tv_sec = time(NULL) + 50;
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	assert_ok(probe_ask(&v, 100, -1, &e));
	v.sec = 30;
	assert_refused(probe_ask(&v, 100, -1, &e), ERR_HEALTH);
	box_close(&box);
}

static void the_daemon_runs_while_it_holds_its_lock(void **state)
{
	struct box box;
	struct vital v = { .kind = VITAL_DAEMON };
	struct err e = { 0 };
	int fd = -1;

	(void)state;
	box_open(&box);
	v.text = box.path;
	assert_refused(probe_ask(&v, 100, -1, &e), ERR_HEALTH);
	assert_int_equal(count_names(box.dir), 0);
	assert_ok(fs_lock(box.dir, PROBE_DAEMON_LOCK, &fd, &e));
	assert_ok(probe_ask(&v, 100, -1, &e));
	fs_close(&fd);
	/* What one that ended has left behind. */
	assert_refused(probe_ask(&v, 100, -1, &e), ERR_HEALTH);
	v.text = "/nowhere";
	assert_int_equal(probe_ask(&v, 100, -1, &e), -1);
	box_close(&box);
}

static void a_unit_that_nobody_knows_is_not_active(void **state)
{
	const struct vital v = { .kind = VITAL_UNIT,
				 .text = "no-such-unit.service" };
	struct err e = { 0 };

	(void)state;
	assert_refused(probe_ask(&v, 3000, -1, &e), ERR_HEALTH);
}

int main(void)
{
#define WITH_SERVER(test) cmocka_unit_test_teardown(test, end_server)
	static const struct CMUnitTest tests[] = {
		WITH_SERVER(a_port_that_listens_is_alive),
		WITH_SERVER(a_good_status_is_two_hundred_and_some),
		WITH_SERVER(every_other_answer_is_bad_health),
		WITH_SERVER(a_server_that_hangs_is_not_waited_for),
		WITH_SERVER(who_is_asked_to_stop_stops),
		cmocka_unit_test(a_file_is_fresh_by_its_time),
		cmocka_unit_test(the_daemon_runs_while_it_holds_its_lock),
		cmocka_unit_test(a_unit_that_nobody_knows_is_not_active),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
