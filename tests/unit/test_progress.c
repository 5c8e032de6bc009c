/* SPDX-License-Identifier: Apache-2.0 */
#include "common/progress.h"

#include <fcntl.h>

#include "tests/unit/check.h"

#include "tests/unit/said.h"

static int goes_all_the_way(void *ctx)
{
	const enum progress_kind *kind = ctx;
	struct progress p;

	progress_start(&p, "applying", 5000000, *kind);
	for (uint64_t i = 0; i <= 5000000; i += 1000)
		progress_set(&p, i);
	progress_end(&p, true);
	return 0;
}

static void a_pipe_gets_a_line_for_each_tenth(void **state)
{
	static struct said s;
	enum progress_kind quiet = PROGRESS_PEOPLE;

	(void)state;
	said_run(&s, goes_all_the_way, &quiet);
	assert_string_equal(s.out, "");
	assert_string_equal(s.err, "applying: 10 %, 500.0 kB of 5.0 MB\n"
				   "applying: 20 %, 1.0 MB of 5.0 MB\n"
				   "applying: 30 %, 1.5 MB of 5.0 MB\n"
				   "applying: 40 %, 2.0 MB of 5.0 MB\n"
				   "applying: 50 %, 2.5 MB of 5.0 MB\n"
				   "applying: 60 %, 3.0 MB of 5.0 MB\n"
				   "applying: 70 %, 3.5 MB of 5.0 MB\n"
				   "applying: 80 %, 4.0 MB of 5.0 MB\n"
				   "applying: 90 %, 4.5 MB of 5.0 MB\n"
				   "applying: done, 5.0 MB\n");
}

static void quiet_means_silence(void **state)
{
	static struct said s;
	enum progress_kind quiet = PROGRESS_QUIET;

	(void)state;
	said_run(&s, goes_all_the_way, &quiet);
	assert_string_equal(s.err, "");
	assert_string_equal(s.out, "");
}

static int shows_programs(void *ctx)
{
	struct progress p;

	(void)ctx;
	progress_start(&p, "fetching", 1000, PROGRESS_JSON);
	progress_set(&p, 9);
	progress_set(&p, 10);
	progress_set(&p, 11);
	progress_set(&p, 999);
	progress_set(&p, 1000);
	progress_end(&p, true);
	progress_end(&p, true);
	progress_start(&p, "writing", 0, PROGRESS_JSON);
	progress_set(&p, 7);
	progress_end(&p, false);
	return 0;
}

static void programs_get_an_object_for_each_percent(void **state)
{
	static struct said s;

	(void)state;
	said_run(&s, shows_programs, NULL);
	assert_string_equal(s.err, "");
#define LINE(phase, done, total, how)                                          \
	"{\"phase\":\"" phase "\",\"done\":" done ",\"total\":" total          \
	",\"state\":\"" how "\"}\n"
	assert_string_equal(
		s.out,
		LINE("fetching", "0", "1000", "running") LINE("fetching", "10",
							      "1000", "running")
			LINE("fetching", "999", "1000",
			     "running") LINE("fetching", "1000", "1000", "done")
				LINE("writing", "0", "0", "running")
					LINE("writing", "7", "0", "stopped"));
#undef LINE
}

static int stops_short(void *ctx)
{
	struct progress p;

	(void)ctx;
	progress_start(&p, "fetching", 1000, false);
	progress_set(&p, 99);
	progress_end(&p, false);
	progress_end(&p, false);
	return 0;
}

static int never_starts(void *ctx)
{
	struct progress p = { 0 };

	(void)ctx;
	progress_end(&p, false);
	return 0;
}

static void an_interruption_says_how_far_it_came(void **state)
{
	static struct said s;

	(void)state;
	said_run(&s, stops_short, NULL);
	assert_string_equal(s.err, "fetching: stopped at 99 B of 1.0 kB\n");
	said_run(&s, never_starts, NULL);
	assert_string_equal(s.err, "");
}

static void count(const void *ctx, const struct progress *p)
{
	uint64_t *last = *(uint64_t *const *)ctx;

	last[0]++;
	last[1] = p->done;
}

static uint64_t told_times(unsigned every_ms)
{
	uint64_t last[2] = { 0, 0 };
	uint64_t *const out = last;
	struct progress p;

	progress_start(&p, "fetching", 1000, PROGRESS_QUIET);
	p.listener = (struct progress_listener){ count, &out, every_ms };
	for (uint64_t i = 1; i <= 500; i++)
		progress_set(&p, i);
	progress_end(&p, false);
	assert_true(last[0] == 0 || last[1] == 500);
	return last[0];
}

static void
a_listener_is_told_now_and_then_and_not_of_what_is_short(void **state)
{
	(void)state;
	assert_int_equal(told_times(0), 500);
	assert_int_equal(told_times(60000), 0);
}

/* What wears flash is not written for each message that comes. */
static void a_listener_is_told_once_in_its_time(void **state)
{
	uint64_t last[2] = { 0, 0 };
	uint64_t *const out = last;
	struct progress p;

	(void)state;
	progress_start(&p, "fetching", 1000, PROGRESS_QUIET);
	p.listener = (struct progress_listener){ count, &out, 60000 };
	for (uint64_t round = 1; round <= 3; round++) {
		p.told_ms -= 60000; /* as if so much later */
		for (uint64_t i = 0; i < 100; i++)
			progress_set(&p, 100 * round + i);
		assert_int_equal(last[0], round);
		assert_int_equal(last[1], 100 * round);
	}
	progress_end(&p, false);
}

static int counts_without_a_total(void *ctx)
{
	struct progress p;

	(void)ctx;
	progress_start(&p, "reading", 0, false);
	for (uint64_t i = 0; i <= 7200000; i += 1000)
		progress_set(&p, i);
	progress_end(&p, true);
	return 0;
}

static void an_unknown_total_still_ends_with_the_count(void **state)
{
	static struct said s;

	(void)state;
	said_run(&s, counts_without_a_total, NULL);
	assert_string_equal(s.err, "reading: done, 7.2 MB\n");
}

/* A pseudo-terminal is standard error; what it saw comes out of s->out. */
static int on_a_terminal(void *ctx)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	enum progress_kind quiet = PROGRESS_PEOPLE;
	char seen[4096];
	ssize_t n;
	int tty;

	(void)ctx;
	if (master < 0 || grantpt(master) || unlockpt(master))
		return 77;
	tty = open(ptsname(master), O_RDWR | O_NOCTTY); /* NOLINT: one thread */
	if (tty < 0 || setenv("TERM", "xterm", 1) ||
	    dup2(tty, STDERR_FILENO) < 0)
		return 77;
	(void)goes_all_the_way(&quiet);
	/* Once nobody has the other end open, reading ends with an error. */
	close(tty);
	close(STDERR_FILENO);
	while ((n = read(master, seen, sizeof(seen))) > 0)
		if (write(STDOUT_FILENO, seen, (size_t)n) != n)
			return 99;
	return 0;
}

static void a_terminal_gets_one_bar_that_is_redrawn(void **state)
{
	static struct said s;

	(void)state;
	said_run(&s, on_a_terminal, NULL);
	if (s.status == 77)
		skip(); /* no pseudo-terminals here */
	assert_int_equal(s.status, 0);
	assert_non_null(strstr(s.out, "\r\033[Kapplying [......"));
	assert_non_null(strstr(s.out, "applying: done, 5.0 MB\r\n"));
	assert_ptr_equal(strchr(s.out, '\n'), s.out + strlen(s.out) - 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pipe_gets_a_line_for_each_tenth),
		cmocka_unit_test(
			a_listener_is_told_now_and_then_and_not_of_what_is_short),
		cmocka_unit_test(quiet_means_silence),
		cmocka_unit_test(programs_get_an_object_for_each_percent),
		cmocka_unit_test(an_interruption_says_how_far_it_came),
		cmocka_unit_test(a_listener_is_told_once_in_its_time),
		cmocka_unit_test(an_unknown_total_still_ends_with_the_count),
		cmocka_unit_test(a_terminal_gets_one_bar_that_is_redrawn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
