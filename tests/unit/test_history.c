/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/history.h"

#include "tests/unit/own_box.h"

static struct history_entry entry(const char *release, const char *result)
{
	return (struct history_entry){ .time = 1000,
				       .release = release,
				       .from = "1",
				       .result = result,
				       .reason = "space",
				       .detail = "no room" };
}

static void add(const char *release)
{
	const struct history_entry next = entry(release, "failed");
	struct err e = { 0 };

	assert_ok(history_add(box.dir, &next, &e));
}

static void assert_shown(const char *const *releases, size_t count)
{
	struct json *j = history_load(box.dir);

	assert_int_equal(json_count(j), count);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(
			json_text(json_get(json_at(j, i), "release")),
			releases[i]);
	json_free(j);
}

static void what_ended_is_told_with_the_newest_last(void **state)
{
	static const char *const all[] = { "2", "3" };
	struct json *j;

	(void)state;
	assert_shown(NULL, 0);
	add("2");
	add("3");
	assert_shown(all, 2);
	j = history_load(box.dir);
	assert_string_equal(json_text(json_get(json_at(j, 1), "time")),
			    "1970-01-01T00:16:40Z");
	assert_string_equal(json_text(json_get(json_at(j, 1), "from")), "1");
	assert_string_equal(json_text(json_get(json_at(j, 1), "reason")),
			    "space");
	assert_string_equal(json_text(json_get(json_at(j, 1), "detail")),
			    "no room");
	json_free(j);
}

static void the_oldest_goes_when_there_are_many(void **state)
{
	char release[16];
	struct json *j;

	(void)state;
	for (int i = 1; i <= HISTORY_MAX + 2; i++) {
		(void)snprintf(release, sizeof(release), "%d", i);
		add(release);
	}
	j = history_load(box.dir);
	assert_int_equal(json_count(j), HISTORY_MAX);
	assert_string_equal(json_text(json_get(json_at(j, 0), "release")), "3");
	json_free(j);
}

static int64_t times_of(size_t index)
{
	struct json *j = history_load(box.dir);
	const struct json *times = json_get(json_at(j, index), "times");
	const int64_t out = times ? json_int(times) : 1;

	json_free(j);
	return out;
}

/* A full disk, say, at each poll. */
static void what_fails_again_is_counted_where_it_stands(void **state)
{
	static const char *const all[] = { "1", "2", "2", "2", "2" };
	struct history_entry next = entry("2", "failed");
	struct json *j;
	struct err e = { 0 };

	(void)state;
	add("1");
	add("2");
	next.time = 2000;
	next.detail = "no room yet";
	assert_ok(history_add(box.dir, &next, &e));
	assert_ok(history_add(box.dir, &next, &e));
	assert_shown(all, 2);
	assert_int_equal(times_of(0), 1);
	assert_int_equal(times_of(1), 3);
	j = history_load(box.dir);
	assert_string_equal(json_text(json_get(json_at(j, 1), "time")),
			    "1970-01-01T00:33:20Z");
	assert_string_equal(json_text(json_get(json_at(j, 1), "detail")),
			    "no room yet");
	json_free(j);
	/* For another reason, from another one, or to another end. */
	next.reason = "network";
	assert_ok(history_add(box.dir, &next, &e));
	assert_shown(all, 3);
	next.from = "0";
	assert_ok(history_add(box.dir, &next, &e));
	assert_shown(all, 4);
	next.result = "rolled-back";
	assert_ok(history_add(box.dir, &next, &e));
	assert_shown(all, 5);
	assert_int_equal(times_of(4), 1);
	assert_ok(history_add(box.dir, &next, &e));
	j = history_load(box.dir);
	assert_int_equal(json_count(j), 6);
	json_free(j);
}

static void the_last_one_is_known_by_release_and_result(void **state)
{
	const struct history_entry same = entry("3", "failed"),
				   ended = entry("3", "confirmed"),
				   former = entry("2", "failed");

	(void)state;
	assert_false(history_ends_with(box.dir, &same));
	add("2");
	add("3");
	assert_true(history_ends_with(box.dir, &same));
	assert_false(history_ends_with(box.dir, &ended));
	assert_false(history_ends_with(box.dir, &former));
}

static void foreign_bytes_are_escaped(void **state)
{
	struct history_entry next = entry("2", "failed");
	struct json *j;
	struct err e = { 0 };

	(void)state;
	next.detail = "a\033[2Jb\xff";
	assert_ok(history_add(box.dir, &next, &e));
	j = history_load(box.dir);
	assert_string_equal(json_text(json_get(json_at(j, 0), "detail")),
			    "a\\x1b[2Jb\\xff");
	json_free(j);
}

static void a_damaged_file_is_begun_anew(void **state)
{
	static const char *const damaged[] = { "",
					       "{",
					       "[]",
					       "{\"v\":1}",
					       "{\"entries\":{}}",
					       "{\"entries\":[1,\"2\",[]]}" };
	static const char *const all[] = { "7" };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
		assert_ok(fs_replace_file(box.dir, "history.json",
					  slice_of(damaged[i]), 0600, &e));
		assert_shown(NULL, 0);
		add("7");
		assert_shown(all, 1);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, own_box_open, own_box_close)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_ended_is_told_with_the_newest_last),
		TEST(the_oldest_goes_when_there_are_many),
		TEST(what_fails_again_is_counted_where_it_stands),
		TEST(the_last_one_is_known_by_release_and_result),
		TEST(foreign_bytes_are_escaped),
		TEST(a_damaged_file_is_begun_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
