/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a request may be meant for. */
#include "update-server/host.h"

#include "tests/unit/check.h"

static const uint8_t v4[] = { 127, 0, 0, 1 };
static const uint8_t v6[16] = { [15] = 1 };

static bool named(const char *host)
{
	const struct host_names ours = {
		.at = { { false, { (const uint8_t *)"ota.example.org", 15 } },
			{ false, { (const uint8_t *)"*.fleet.example", 15 } },
			{ true, { v4, sizeof(v4) } },
			{ true, { v6, sizeof(v6) } } },
		.count = 4,
	};

	return host_is_named(slice_of(host), &ours);
}

static void our_own_names_are_ours(void **state)
{
	(void)state;
	assert_true(named("ota.example.org"));
	assert_true(named("OTA.example.ORG:8443"));
	assert_true(named("a.fleet.example"));
	assert_true(named("127.0.0.1"));
	assert_true(named("127.0.0.1:1"));
	assert_true(named("[::1]"));
	assert_true(named("[0:0:0:0:0:0:0:1]:65535"));
}

static void another_name_is_not(void **state)
{
	static const char *const others[] = {
		"evil.example",
		"ota.example.org.evil.example",
		"xota.example.org",
		"ota.example.org.",
		"ota.example",
		"fleet.example",
		".fleet.example",
		"a.b.fleet.example",
		"*.fleet.example.",
		"127.0.0.2",
		"127.0.0.1.",
		"127.1",
		"[::2]",
		"[::1",
		"[127.0.0.1]",
		"::1",
		"",
		":80",
		"ota.example.org:",
		"ota.example.org:x",
		"ota.example.org:123456",
		"ota.example.org:1:2",
		"[::1]x",
		"[::1]:",
		"\x7f",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (named(others[i]))
			fail_msg("%s", others[i]);
}

/* An address in a certificate is no name, and bytes of a name no address. */
static void a_name_is_no_address(void **state)
{
	const struct host_names ours = {
		.at = { { true, { (const uint8_t *)"abcd", 4 } },
			{ false, { v4, sizeof(v4) } } },
		.count = 2,
	};

	(void)state;
	assert_true(host_is_named(slice_of("97.98.99.100"), &ours));
	assert_false(host_is_named(slice_of("abcd"), &ours));
	assert_false(host_is_named(slice_of("127.0.0.1"), &ours));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_own_names_are_ours),
		cmocka_unit_test(another_name_is_not),
		cmocka_unit_test(a_name_is_no_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
