/* SPDX-License-Identifier: Apache-2.0 */
#include "common/site.h"

#include <stdio.h>
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

static void the_enrolment_address_may_be_left_out(void **state)
{
	struct site s = sample(), back = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_ok(read_back(&s, &back, &e));
	assert_string_equal(back.enrol, "");
	strcpy(s.enrol, "https://enrol.example:9");
	assert_ok(read_back(&s, &back, &e));
	assert_string_equal(back.enrol, "https://enrol.example:9");
	strcpy(s.enrol, "https://enrol.example/path");
	assert_refused_saying(read_back(&s, &back, &e), ERR_FORMAT, "enrol");
	strcpy(s.enrol, "http://enrol.example");
	assert_refused(read_back(&s, &back, &e), ERR_FORMAT);
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

/* The sample as JSON, to be spoiled; parse_changed() frees it. */
static struct json *changed(void)
{
	const struct site s = sample();

	return site_format(&s);
}

static int parse_changed(struct json *j, struct err *e)
{
	struct buf bytes = BUF_INIT(1 << 20);
	struct site out;
	int rc = json_canonical(j, &bytes, e);

	if (rc == 0)
		rc = site_parse(buf_slice(&bytes), &out, e);
	json_free(j);
	buf_done(&bytes);
	return rc;
}

static struct json *ca_of(struct json *j, size_t i)
{
	return (struct json *)(uintptr_t)json_at(json_get(j, "ca"), i);
}

static struct json *urls_of(const char *url, size_t count)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < count; i++)
		json_add(list, json_new_text(url));
	return list;
}

static void certificates_are_few_short_and_of_a_known_state(void **state)
{
	char hex[2 * SITE_DER_MAX + 3];
	struct json *j = changed(), *list;
	struct err e = { 0 };

	(void)state;
	json_set_text(ca_of(j, 0), "state", "maybe");
	assert_refused_saying(parse_changed(j, &e), ERR_FORMAT,
			      "unknown value");
	j = changed();
	json_set_bool(ca_of(j, 0), "more", true);
	assert_refused_saying(parse_changed(j, &e), ERR_FORMAT, "\"more\"");
	memset(hex, 'a', sizeof(hex));
	hex[sizeof(hex) - 1] = 0;
	j = changed();
	json_set_text(ca_of(j, 0), "der", hex);
	assert_refused(parse_changed(j, &e), ERR_LIMIT);
	j = changed();
	list = json_new_array();
	for (size_t i = 0; i <= SITE_CAS_MAX; i++) {
		struct json *ca = json_clone(ca_of(j, 0));

		snprintf(hex, sizeof(hex), "3003020101%02zx", i);
		json_set_text(ca, "der", hex);
		json_add(list, ca);
	}
	json_set(j, "ca", list);
	assert_refused(parse_changed(j, &e), ERR_LIMIT);
	j = changed();
	json_set(j, "ca", urls_of("x", 1));
	assert_refused(parse_changed(j, &e), ERR_FORMAT);
}

static void addresses_are_few_and_checked(void **state)
{
	struct json *j = changed();
	struct err e = { 0 };

	(void)state;
	json_set(j, "urls", urls_of("https://a", SITE_URLS_MAX + 1));
	assert_refused(parse_changed(j, &e), ERR_LIMIT);
	j = changed();
	json_set(j, "urls", urls_of("http://a", 1));
	assert_refused(parse_changed(j, &e), ERR_FORMAT);
	j = changed();
	json_set(j, "urls", json_new_array());
	json_add((struct json *)(uintptr_t)json_get(j, "urls"),
		 json_new_bool(true));
	assert_refused(parse_changed(j, &e), ERR_FORMAT);
}

static void a_bundle_with_a_damaged_block_is_refused(void **state)
{
	static const char damaged[] = "-----BEGIN CERTIFICATE-----\n"
				      "!!!!\n"
				      "-----END CERTIFICATE-----\n";
	const struct site s = sample();
	struct buf left = BUF_INIT(SITE_PEM_MAX);
	struct err e = { 0 };

	(void)state;
	assert_int_equal(site_sift(&s, slice_of(damaged), &left, &e), -1);
	buf_done(&left);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(the_enrolment_address_may_be_left_out),
		cmocka_unit_test(a_site_must_leave_a_way),
		cmocka_unit_test(
			certificates_are_few_short_and_of_a_known_state),
		cmocka_unit_test(addresses_are_few_and_checked),
		cmocka_unit_test(a_bundle_with_a_damaged_block_is_refused),
		cmocka_unit_test(urls_are_https_without_a_path),
		cmocka_unit_test(what_is_withdrawn_is_sifted_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
