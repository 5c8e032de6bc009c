/* SPDX-License-Identifier: Apache-2.0 */
#include "common/site.h"

#include <string.h>

#include "common/pem.h"
#include "tests/unit/check.h"

static const uint8_t first[] = { 0x30, 3, 2, 1, 1 };
static const uint8_t second[] = { 0x30, 3, 2, 1, 2 };

static struct site sample(void)
{
	struct site s = { .ca_count = 2,
			  .urls = { "https://a.example:8443",
				    "https://[::1]:8443" },
			  .url_count = 2,
			  .issued = 1795360341,
			  .overlap_until = 1795360341 + 86400 };

	memcpy(s.ca[0].der, first, sizeof(first));
	s.ca[0].der_len = sizeof(first);
	memcpy(s.ca[1].der, second, sizeof(second));
	s.ca[1].der_len = sizeof(second);
	s.ca[1].state = SITE_WITHDRAWN;
	return s;
}

static int read_back(const struct site *s, struct site *out, struct err *e)
{
	struct buf bytes = BUF_INIT(STATEMENT_MAX_LEN);
	struct json *j = site_format(s);
	int rc = json_canonical(j, &bytes, e);

	if (rc == 0)
		rc = site_parse(buf_slice(&bytes), out, e);
	json_free(j);
	buf_done(&bytes);
	return rc;
}

static void what_is_written_is_read(void **state)
{
	const struct site s = sample();
	struct err e = { 0 };
	struct site back = { 0 };

	(void)state;
	assert_ok(read_back(&s, &back, &e));
	assert_int_equal(back.ca_count, 2);
	assert_int_equal(back.ca[1].state, SITE_WITHDRAWN);
	assert_memory_equal(back.ca[0].der, first, sizeof(first));
	assert_string_equal(back.urls[1], "https://[::1]:8443");
	assert_true(back.overlap_until == s.overlap_until);
}

static void a_site_must_leave_a_way(void **state)
{
	struct site s = sample(), back;
	struct err e = { 0 };

	(void)state;
	s.ca[0].state = SITE_WITHDRAWN;
	assert_refused(read_back(&s, &back, &e), ERR_FORMAT);
	s = sample();
	s.url_count = 0;
	assert_refused(read_back(&s, &back, &e), ERR_LIMIT);
	s = sample();
	s.ca_count = 0;
	assert_refused(read_back(&s, &back, &e), ERR_FORMAT);
	/* One certificate cannot be both. */
	s = sample();
	s.ca[1] = s.ca[0];
	s.ca[1].state = SITE_WITHDRAWN;
	assert_refused(read_back(&s, &back, &e), ERR_FORMAT);
	s = sample();
	s.ca[0].der_len = 0;
	assert_refused(read_back(&s, &back, &e), ERR_LIMIT);
}

static void urls_are_https_without_a_path(void **state)
{
	static const char *const wrong[] = {
		"",           "http://a",    "https://",    "https://a/b",
		"https://a ", "https://a\n", "https://A.b", "https://u@h",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_false(site_url_is_valid(wrong[i]));
	assert_true(site_url_is_valid("https://updates.example:443"));
}

static void what_is_withdrawn_is_sifted_out(void **state)
{
	const struct site s = sample();
	struct buf bundle = BUF_INIT(SITE_PEM_MAX);
	struct buf left = BUF_INIT(SITE_PEM_MAX), own = BUF_INIT(SITE_PEM_MAX);
	struct err e = { 0 };

	(void)state;
	assert_ok(pem_format("CERTIFICATE",
			     (struct slice){ second, sizeof(second) }, &bundle,
			     &e));
	assert_ok(site_sift(&s, buf_slice(&bundle), &left, &e));
	assert_int_equal(left.len, 0);
	assert_ok(pem_format("CERTIFICATE",
			     (struct slice){ first, sizeof(first) }, &bundle,
			     &e));
	assert_ok(site_sift(&s, buf_slice(&bundle), &left, &e));
	assert_ok(site_pem(&s, &own, &e));
	assert_true(slice_equal(buf_slice(&left), buf_slice(&own)));
	assert_ok(buf_add(&bundle, slice_of("more"), &e));
	assert_refused(site_sift(&s, buf_slice(&bundle), &left, &e),
		       ERR_FORMAT);
	buf_done(&bundle);
	buf_done(&left);
	buf_done(&own);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(a_site_must_leave_a_way),
		cmocka_unit_test(urls_are_https_without_a_path),
		cmocka_unit_test(what_is_withdrawn_is_sifted_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
