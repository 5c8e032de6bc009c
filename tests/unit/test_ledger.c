/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/ledger.h"

#include <signal.h>
#include <sys/resource.h>

#include "tests/unit/box.h"

static const uint8_t key[LEDGER_KEY_LEN] = { 1, 2, 3 };

struct world {
	struct box box;
	struct ledger *l;
	int64_t seen[64];
	size_t count;
};

static int take(void *ctx, const struct json *record, struct err *e)
{
	struct world *w = ctx;

	return json_get_int(record, "n", 0, 1000, &w->seen[w->count++], e);
}

static int open_it(struct world *w, struct err *e)
{
	const struct ledger_reader reader = { .take = take, .ctx = w };

	w->count = 0;
	return ledger_open(w->box.dir, "ledger", key, &reader, &w->l, e);
}

static void close_it(struct world *w)
{
	ledger_close(w->l);
	w->l = NULL;
}

static int append(struct world *w, int64_t n, struct err *e)
{
	struct json *j = json_new_object();
	int rc;

	json_set_int(j, "n", n);
	rc = ledger_append(w->l, j, e);
	json_free(j);
	return rc;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err e = { 0 };

	assert_non_null(w);
	box_open(&w->box);
	assert_ok(open_it(w, &e));
	for (int64_t n = 0; n < 5; n++)
		assert_ok(append(w, n, &e));
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	ledger_close(w->l);
	box_close(&w->box);
	free(w);
	return 0;
}

static void read_file(struct world *w, struct buf *out)
{
	struct err e = { 0 };

	out->len = 0;
	assert_ok(fs_read_file(w->box.dir, "ledger", out, &e));
}

static void write_file(struct world *w, struct slice bytes)
{
	struct err e = { 0 };

	assert_ok(fs_replace_file(w->box.dir, "ledger", bytes, 0600, &e));
}

static void what_was_written_is_read_in_its_order(void **state)
{
	struct world *w = *state;
	struct merkle_head before, after;
	struct err e = { 0 };

	ledger_head(w->l, &before);
	assert_int_equal(before.size, 5);
	close_it(w);
	assert_ok(open_it(w, &e));
	assert_int_equal(w->count, 5);
	for (int64_t n = 0; n < 5; n++)
		assert_int_equal(w->seen[n], n);
	ledger_head(w->l, &after);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_ok(append(w, 5, &e));
	close_it(w);
	assert_ok(open_it(w, &e));
	assert_int_equal(w->count, 6);
}

/* A crash in the midst of the last line: nobody was told of it. */
static void half_a_last_line_is_taken_away(void **state)
{
	struct world *w = *state;
	struct buf file = BUF_INIT(65536);
	struct err e = { 0 };
	size_t last;

	close_it(w);
	read_file(w, &file);
	last = file.len - 1;
	while (last > 0 && file.ptr[last - 1] != '\n')
		last--;
	for (size_t len = last; len < file.len; len += 7) {
		write_file(w, slice_sub(buf_slice(&file), 0, len));
		assert_ok(open_it(w, &e));
		assert_int_equal(w->count, 4);
		assert_ok(append(w, 9, &e));
		close_it(w);
		assert_ok(open_it(w, &e));
		assert_int_equal(w->count, 5);
		assert_int_equal(w->seen[4], 9);
		close_it(w);
	}
	buf_done(&file);
}

static void no_line_is_changed_moved_or_left_out(void **state)
{
	struct world *w = *state;
	struct buf file = BUF_INIT(65536), bad = BUF_INIT(65536);
	struct err e = { 0 };
	size_t line;

	close_it(w);
	read_file(w, &file);
	line = file.len / 5; /* all are as long */
	for (size_t at = 0; at < file.len; at += 11) {
		write_file(w, buf_slice(&file));
		bad.len = 0;
		assert_ok(buf_add(&bad, buf_slice(&file), &e));
		bad.ptr[at] ^= 1;
		write_file(w, buf_slice(&bad));
		assert_refused(open_it(w, &e), ERR_UNTRUSTED);
	}
	/* The second is left out; the first comes twice; two change places. */
	for (int how = 0; how < 3; how++) {
		static const int order[3][5] = { { 0, 2, 3, 4, 4 },
						 { 0, 0, 1, 2, 3 },
						 { 0, 2, 1, 3, 4 } };

		bad.len = 0;
		for (int i = 0; i < (how == 0 ? 4 : 5); i++)
			assert_ok(buf_add(
				&bad,
				slice_sub(buf_slice(&file),
					  (size_t)order[how][i] * line, line),
				&e));
		write_file(w, buf_slice(&bad));
		assert_refused(open_it(w, &e), ERR_UNTRUSTED);
	}
	write_file(w, buf_slice(&file));
	assert_ok(open_it(w, &e));
	buf_done(&file);
	buf_done(&bad);
}

static void another_keeper_reads_none_of_it(void **state)
{
	static const uint8_t other[LEDGER_KEY_LEN] = { 9 };
	struct world *w = *state;
	const struct ledger_reader reader = { .take = take, .ctx = w };
	struct err e = { 0 };

	close_it(w);
	assert_refused(
		ledger_open(w->box.dir, "ledger", other, &reader, &w->l, &e),
		ERR_UNTRUSTED);
}

static void too_long_a_line_is_none(void **state)
{
	struct world *w = *state;
	struct buf file = BUF_INIT(65536);
	struct json *j = json_new_object();
	struct err e = { 0 };
	char text[LEDGER_LINE_MAX + 1];

	memset(text, 'x', LEDGER_LINE_MAX);
	text[LEDGER_LINE_MAX] = 0;
	json_set_text(j, "n", text);
	assert_refused(ledger_append(w->l, j, &e), ERR_LIMIT);
	json_free(j);
	assert_ok(append(w, 5, &e));
	close_it(w);
	read_file(w, &file);
	assert_ok(buf_add(&file, slice_of(text), &e));
	write_file(w, buf_slice(&file));
	assert_refused(open_it(w, &e), ERR_UNTRUSTED);
	buf_done(&file);
}

/* JSON lets spaces stand between members: a line of its own is padded. */
static void a_line_of_hidden_length_is_none(void **state)
{
	struct world *w = *state;
	struct buf file = BUF_INIT(65536), bad = BUF_INIT(65536);
	struct err e = { 0 };
	char spaces[LEDGER_LINE_MAX];
	size_t at;

	close_it(w);
	read_file(w, &file);
	memset(spaces, ' ', sizeof(spaces));
	at = (size_t)(strchr(buf_text(&file), ',') - buf_text(&file));
	assert_ok(buf_add(&bad, slice_sub(buf_slice(&file), 0, at), &e));
	assert_ok(buf_add(
		&bad, (struct slice){ (uint8_t *)spaces, sizeof(spaces) }, &e));
	assert_ok(buf_add(&bad, slice_sub(buf_slice(&file), at, file.len), &e));
	write_file(w, buf_slice(&bad));
	assert_refused(open_it(w, &e), ERR_UNTRUSTED);
	buf_done(&file);
	buf_done(&bad);
}

/* A keeper that forgot would allow again what it refused. */
static void what_cannot_be_opened_is_not_begun_anew(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	close_it(w);
	assert_ok(fs_rename(w->box.dir, "ledger", "elsewhere", &e));
	assert_int_equal(symlinkat("elsewhere", w->box.dir, "ledger"), 0);
	assert_int_equal(open_it(w, &e), -1);
	assert_ok(fs_remove(w->box.dir, "ledger", &e));
	assert_ok(fs_rename(w->box.dir, "elsewhere", "ledger", &e));
	assert_ok(open_it(w, &e));
	assert_int_equal(w->count, 5);
}

static void it_has_grown_from_what_was_signed(void **state)
{
	struct world *w = *state;
	struct ledger_reader reader = { .take = take, .ctx = w };
	struct err e = { 0 };

	ledger_head(w->l, &reader.grown_from);
	assert_ok(append(w, 5, &e));
	close_it(w);
	w->count = 0;
	assert_ok(ledger_open(w->box.dir, "ledger", key, &reader, &w->l, &e));
	assert_int_equal(w->count, 6);
	close_it(w);
	reader.grown_from.size = 7;
	assert_refused(
		ledger_open(w->box.dir, "ledger", key, &reader, &w->l, &e),
		ERR_ROLLBACK);
	reader.grown_from.size = 4;
	assert_refused(
		ledger_open(w->box.dir, "ledger", key, &reader, &w->l, &e),
		ERR_UNTRUSTED);
}

/* An auditor has no key of it, and the head that was signed. */
static void a_copy_is_read_to_its_end_against_what_was_signed(void **state)
{
	struct world *w = *state;
	struct ledger_reader reader = { .take = take, .ctx = w };
	struct buf file = BUF_INIT(65536);
	struct err e = { 0 };
	char path[96];

	ledger_head(w->l, &reader.grown_from);
	assert_ok(append(w, 5, &e));
	(void)snprintf(path, sizeof(path), "%s/ledger", w->box.path);
	w->count = 0;
	assert_ok(ledger_inspect(path, &reader, &e));
	assert_int_equal(w->count, 6);
	reader.grown_from.size = 7;
	assert_refused(ledger_inspect(path, &reader, &e), ERR_ROLLBACK);
	reader.grown_from.size = 5;
	read_file(w, &file);
	*strstr(buf_text(&file), "\"n\":3") = ' ';
	write_file(w, buf_slice(&file));
	assert_refused(ledger_inspect(path, &reader, &e), ERR_UNTRUSTED);
	buf_done(&file);
}

/* What has no room on the disk was not done, and can be done later. */
static void a_full_disk_changes_nothing(void **state)
{
	struct world *w = *state;
	struct rlimit all, small;
	struct buf file = BUF_INIT(65536);
	struct err e = { 0 };

	read_file(w, &file);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &all), 0);
	small = all;
	small.rlim_cur = file.len + 20;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(append(w, 5, &e), -1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
	assert_ok(append(w, 6, &e));
	close_it(w);
	assert_ok(open_it(w, &e));
	assert_int_equal(w->count, 6);
	assert_int_equal(w->seen[5], 6);
	buf_done(&file);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_was_written_is_read_in_its_order),
		TEST(half_a_last_line_is_taken_away),
		TEST(no_line_is_changed_moved_or_left_out),
		TEST(another_keeper_reads_none_of_it),
		TEST(too_long_a_line_is_none),
		TEST(a_line_of_hidden_length_is_none),
		TEST(what_cannot_be_opened_is_not_begun_anew),
		TEST(it_has_grown_from_what_was_signed),
		TEST(a_copy_is_read_to_its_end_against_what_was_signed),
		TEST(a_full_disk_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
