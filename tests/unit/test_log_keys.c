/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log_keys.h"

#include "tests/unit/check.h"

#define NOW 1795360341

static struct log_keys sample(size_t count)
{
	struct log_keys k = { .issued = NOW, .count = count };
	struct ec_private *key = NULL;
	struct err e = { 0 };

	for (size_t i = 0; i < count; i++) {
		assert_ok(ec_generate(&key, &e));
		ec_public_of(key, &k.at[i].key);
		k.at[i].until = NOW + 86400 * (int64_t)(i + 1);
		ec_free(key);
	}
	return k;
}

static void print(const struct log_keys *k, struct buf *out)
{
	struct json *j = log_keys_format(k);
	struct err e = { 0 };

	out->len = 0;
	assert_ok(json_canonical(j, out, &e));
	json_free(j);
}

static void what_is_written_is_read(void **state)
{
	struct buf b = BUF_INIT(STATEMENT_MAX_LEN);
	struct log_keys back;
	struct err e = { 0 };

	(void)state;
	for (size_t n = 1; n <= LOG_KEYS_MAX; n += LOG_KEYS_MAX - 1) {
		const struct log_keys k = sample(n);

		print(&k, &b);
		assert_ok(log_keys_parse(buf_slice(&b), &back, &e));
		assert_int_equal(back.count, n);
		assert_int_equal(back.issued, NOW);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(log_keys_find(&back, &k.at[i].key), i);
			assert_int_equal(back.at[i].until, k.at[i].until);
		}
	}
	buf_done(&b);
}

static void who_is_not_listed_is_not_found(void **state)
{
	const struct log_keys k = sample(2), other = sample(1);

	(void)state;
	assert_int_equal(log_keys_find(&k, &other.at[0].key), 2);
}

static void a_list_that_is_wrong_is_refused(void **state)
{
	struct buf b = BUF_INIT(STATEMENT_MAX_LEN);
	struct log_keys k = sample(2), back = { .count = 77 };
	struct err e = { 0 };

	(void)state;
	k.at[1].key = k.at[0].key;
	print(&k, &b);
	assert_refused(log_keys_parse(buf_slice(&b), &back, &e), ERR_FORMAT);
	k = sample(1);
	k.at[0].key.point[40] ^= 1; /* off the curve */
	print(&k, &b);
	assert_refused(log_keys_parse(buf_slice(&b), &back, &e), ERR_FORMAT);
	k.count = 0;
	print(&k, &b);
	assert_refused(log_keys_parse(buf_slice(&b), &back, &e), ERR_LIMIT);
	assert_int_equal(back.count, 77);
	buf_done(&b);
}

static void nothing_else_stands_in_it(void **state)
{
	static const char *const bad[] = {
		"{\"issued\":\"2026-11-27T00:00:00Z\",\"type\":\"log-keys\","
		"\"v\":1}",
		"{\"issued\":\"2026-11-27T00:00:00Z\",\"keys\":{},"
		"\"type\":\"log-keys\",\"v\":1}",
		"{\"issued\":\"2026-11-27T00:00:00Z\",\"keys\":[1],"
		"\"type\":\"log-keys\",\"v\":1}",
		"{\"issued\":\"2026-11-27T00:00:00Z\",\"keys\":[{}],"
		"\"type\":\"log-keys\",\"v\":1}",
		"{\"issued\":\"2026-11-27T00:00:00Z\",\"keys\":[],"
		"\"type\":\"site\",\"v\":1}",
	};
	struct buf b = BUF_INIT(STATEMENT_MAX_LEN);
	struct buf more = BUF_INIT(STATEMENT_MAX_LEN);
	const struct log_keys k = sample(1);
	struct log_keys back;
	struct err e = { 0 };
	char *at;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(log_keys_parse(slice_of(bad[i]), &back, &e),
			       ERR_FORMAT);
	print(&k, &b);
	assert_refused(log_keys_parse(slice_sub(buf_slice(&b), 0, b.len - 1),
				      &back, &e),
		       ERR_FORMAT);
	/* one more member, in its place */
	at = strstr((char *)b.ptr, "\"until\"");
	assert_non_null(at);
	assert_ok(buf_addf(&more, &e, "%.*s\"role\":1,%s",
			   (int)(at - (char *)b.ptr), (char *)b.ptr, at));
	assert_refused(log_keys_parse(buf_slice(&more), &back, &e), ERR_FORMAT);
	at[1] = 'U';
	assert_refused(log_keys_parse(buf_slice(&b), &back, &e), ERR_FORMAT);
	buf_done(&b);
	buf_done(&more);
}

/* The same key in each place but the last of the longest list, by hand. */
static void a_longer_list_is_refused(void **state)
{
	const struct log_keys k = sample(1);
	struct buf one = BUF_INIT(STATEMENT_MAX_LEN);
	struct buf b = BUF_INIT(STATEMENT_MAX_LEN);
	struct log_keys back;
	const char *at, *end;
	struct err e = { 0 };

	(void)state;
	print(&k, &one);
	at = strstr(buf_text(&one), "{\"point\"");
	end = strchr(at, ']');
	assert_ok(buf_addf(&b, &e, "%.*s", (int)(at - buf_text(&one)),
			   buf_text(&one)));
	for (size_t i = 0; i <= LOG_KEYS_MAX; i++)
		assert_ok(buf_addf(&b, &e, "%s%.*s", i ? "," : "",
				   (int)(end - at), at));
	assert_ok(buf_addf(&b, &e, "%s", end));
	assert_refused(log_keys_parse(buf_slice(&b), &back, &e), ERR_LIMIT);
	buf_done(&one);
	buf_done(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(who_is_not_listed_is_not_found),
		cmocka_unit_test(a_list_that_is_wrong_is_refused),
		cmocka_unit_test(nothing_else_stands_in_it),
		cmocka_unit_test(a_longer_list_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
