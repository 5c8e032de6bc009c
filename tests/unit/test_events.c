/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/events.h"

#include <stdio.h>

#include "tests/unit/check.h"

static const char stream[] = "event: start\nid: 3\ndata: {\"v\":1}\n\n"
			     "event: act\nid: 4\ndata: {\"n\":3}\n\n"
			     "event: changed\ndata: {\"v\":1}\n\n"
			     ":\n\n";

struct seen {
	char text[256];
	bool refuses;
};

static int note(void *ctx, const struct event *event, struct err *e)
{
	struct seen *s = ctx;
	size_t used = strlen(s->text);

	if (s->refuses)
		return err_set(e, ERR_REFUSED, "not that");
	(void)snprintf(s->text + used, sizeof(s->text) - used, "%d %llu %.*s|",
		       (int)event->kind, (unsigned long long)event->cursor,
		       (int)event->record.len, (const char *)event->record.ptr);
	return 0;
}

static int read_all(const char *text, size_t step, struct seen *s,
		    struct err *e)
{
	struct events_reader r = EVENTS_READER_INIT;
	size_t len = strlen(text);
	int rc = 0;

	*s = (struct seen){ .refuses = s->refuses };
	for (size_t at = 0; rc == 0 && at < len; at += step) {
		size_t n = step < len - at ? step : len - at;

		rc = events_read(
			&r, (struct slice){ (const uint8_t *)text + at, n },
			note, s, e);
	}
	events_reader_done(&r);
	return rc;
}

static void what_is_written_is_the_format(void **state)
{
	struct buf out = BUF_INIT(1024);
	struct err e = { 0 };

	(void)state;
	assert_ok(events_format(EVENT_START, 3, slice_of("no"), &out, &e));
	assert_ok(events_format(EVENT_ACT, 4, slice_of("{\"n\":3}"), &out, &e));
	assert_ok(events_format(EVENT_CHANGED, 9, slice_of("no"), &out, &e));
	assert_ok(events_format_alive(&out, &e));
	assert_string_equal(buf_text(&out), stream);
	buf_done(&out);
}

static void it_is_read_back_however_the_bytes_come(void **state)
{
	struct err e = { 0 };
	struct seen s = { .text = "" };

	(void)state;
	for (size_t step = 1; step <= sizeof(stream); step++) {
		assert_ok(read_all(stream, step, &s, &e));
		assert_string_equal(s.text, "0 3 {\"v\":1}|1 4 {\"n\":3}|"
					    "2 4 {\"v\":1}|");
	}
}

static void what_is_unknown_is_passed_over(void **state)
{
	struct err e = { 0 };
	struct seen s = { .text = "" };

	(void)state;
	/* Another kind, another field, no data, half an event at the end. */
	assert_ok(read_all("event: party\ndata: x\n\nretry: 5\n\n"
			   "event: act\n\ndata: y\n\n"
			   "event:act\ndata:z\n\nevent: act\ndata: w\n",
			   1000, &s, &e));
	assert_string_equal(s.text, "1 0 z|");
}

static void what_is_broken_is_refused(void **state)
{
	char line[EVENTS_LINE_MAX + 64];
	struct err e = { 0 };
	struct seen s = { .text = "" };

	(void)state;
	assert_refused(read_all("id: four\n", 1, &s, &e), ERR_FORMAT);
	assert_refused(read_all("id: -1\n", 1, &s, &e), ERR_FORMAT);
	assert_refused(read_all("id: 99999999999999999999\n", 1, &s, &e),
		       ERR_LIMIT);
	memset(line, 'a', sizeof(line));
	line[sizeof(line) - 1] = 0;
	assert_refused(read_all(line, 100, &s, &e), ERR_LIMIT);
	/* Many lines of data are as long as one. */
	(void)snprintf(line, sizeof(line), "data: %0*d\ndata: %0*d\n",
		       EVENTS_LINE_MAX / 2, 1, EVENTS_LINE_MAX / 2 - 8, 1);
	assert_ok(read_all(line, 100, &s, &e));
	(void)snprintf(line, sizeof(line), "data: %0*d\ndata: %0*d\n",
		       EVENTS_LINE_MAX / 2, 1, EVENTS_LINE_MAX / 2 + 1, 1);
	assert_refused(read_all(line, 100, &s, &e), ERR_LIMIT);
	s.refuses = true;
	assert_refused(read_all(stream, 7, &s, &e), ERR_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_the_format),
		cmocka_unit_test(it_is_read_back_however_the_bytes_come),
		cmocka_unit_test(what_is_unknown_is_passed_over),
		cmocka_unit_test(what_is_broken_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
