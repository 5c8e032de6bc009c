/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/utc.h"
#include "tests/unit/check.h"

#include "tests/unit/said.h"

static int says_three_things(void *ctx)
{
	(void)ctx;
	log_event(LOG_INFO, "device-enrolled", "id=%s model=%d", "ab", 7);
	log_event(LOG_DEBUG, "hidden", "x=1");
	log_event(LOG_ERROR, "stopped", "%s", "");
	return 0;
}

static void a_line_has_time_level_and_event(void **state)
{
	static struct said s;
	struct err e = { 0 };
	int64_t sec;

	(void)state;
	said_run(&s, says_three_things, NULL);
	assert_ok(utc_parse(slice_sub(slice_of(s.err), 0, 20), &sec, &e));
	assert_true(utc_now() - sec < 60);
	assert_string_equal(strchr(s.err, '\n') + 21, " error stopped\n");
	*strchr(s.err, '\n') = 0;
	assert_string_equal(s.err + 20, " info device-enrolled id=ab model=7");
}

static int says_json(void *ctx)
{
	(void)ctx;
	log_set_json(true);
	log_event(LOG_INFO, "device-enrolled", "id=%s n=%d", "a\nb", 7);
	log_set_json(false);
	log_event(LOG_INFO, "ended", "n=%d", 8);
	return 0;
}

static void lines_are_json_where_that_is_wanted(void **state)
{
	static struct said s;

	(void)state;
	said_run(&s, says_json, NULL);
	assert_memory_equal(s.err, "{\"time\":\"2", 10);
	assert_non_null(strstr(s.err, "Z\",\"level\":\"info\",\"event\":"
				      "\"device-enrolled\","
				      "\"id\":\"a\\\\x0ab\",\"n\":7}\n"));
	assert_non_null(strstr(s.err, " info ended n=8\n"));
}

static int says_foreign_text(void *ctx)
{
	log_event(LOG_WARNING, "odd", "%s", (const char *)ctx);
	return 0;
}

static void foreign_text_cannot_forge_a_line(void **state)
{
	static struct said s;
	char text[] = "x\n2026-01-01T00:00:00Z info forged\x1b[2J\xe2\x80\xae";

	(void)state;
	said_run(&s, says_foreign_text, text);
	assert_string_equal(s.err + 20,
			    " warning odd x\\x0a2026-01-01T00:00:00Z info "
			    "forged\\x1b[2J\\xe2\\x80\\xae\n");
}

static void a_long_line_is_cut_and_still_ends(void **state)
{
	static char text[20000];
	static struct said s;

	(void)state;
	memset(text, '\n', sizeof(text) - 1);
	said_run(&s, says_foreign_text, text);
	assert_true(strlen(s.err) < 5000);
	assert_ptr_equal(strchr(s.err, '\n'), s.err + strlen(s.err) - 1);
}

static int says_it_to_the_journal(void *ctx)
{
	char stream[64];
	struct stat st;

	(void)ctx;
	if (fstat(STDERR_FILENO, &st))
		return 99;
	(void)snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
		       (uintmax_t)st.st_ino);
	if (setenv("JOURNAL_STREAM", stream, 1))
		return 99;
	log_set_level(LOG_DEBUG);
	return says_three_things(ctx);
}

static int says_it_beside_the_journal(void *ctx)
{
	if (setenv("JOURNAL_STREAM", "1:2", 1))
		return 99;
	return says_three_things(ctx);
}

static void the_journal_gets_priorities_instead_of_the_time(void **state)
{
	static struct said s;

	(void)state;
	said_run(&s, says_it_to_the_journal, NULL);
	assert_string_equal(s.err, "<6>device-enrolled id=ab model=7\n"
				   "<7>hidden x=1\n"
				   "<3>stopped\n");
	said_run(&s, says_it_beside_the_journal, NULL);
	assert_int_equal(s.err[4], '-');
}

static void the_last_whole_lines_are_at_hand(void **state)
{
	const int was = dup(STDERR_FILENO);
	const int nobody = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct slice last;

	(void)state;
	assert_true(was >= 0 && nobody >= 0);
	assert_int_equal(dup2(nobody, STDERR_FILENO), STDERR_FILENO);
	for (int i = 0; i < 1000; i++) {
		log_event(LOG_INFO, "counted", "n=%d", i);
		log_event(LOG_DEBUG, "hidden", "n=%d", i);
	}
	last = log_last();
	assert_true(last.len <= LOG_LAST_LEN && last.len > LOG_LAST_LEN - 64);
	assert_memory_equal(last.ptr, "20", 2); /* a line's beginning */
	assert_memory_equal(last.ptr + last.len - 14, "counted n=999\n", 14);
	assert_int_equal(last.ptr[last.len - 1], '\n');
	assert_null(memmem(last.ptr, last.len, "hidden", 6));
	/* What is longer than all of it takes nothing away. */
	log_event(LOG_INFO, "long", "%02000d", 1);
	assert_int_equal(log_last().len, last.len);
	assert_int_equal(dup2(was, STDERR_FILENO), STDERR_FILENO);
	close(was);
	close(nobody);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_time_level_and_event),
		cmocka_unit_test(lines_are_json_where_that_is_wanted),
		cmocka_unit_test(foreign_text_cannot_forge_a_line),
		cmocka_unit_test(a_long_line_is_cut_and_still_ends),
		cmocka_unit_test(
			the_journal_gets_priorities_instead_of_the_time),
		cmocka_unit_test(the_last_whole_lines_are_at_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
