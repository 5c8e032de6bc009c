/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolments that failed, of one network and of all; and what a network is. */
#include "update-server/guesses.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include "tests/unit/check.h"

#define MOST 8

static struct whence from(const char *address)
{
	struct sockaddr_storage a = { 0 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct whence w;

	if (inet_pton(AF_INET, address, &v4.sin_addr) == 1)
		memcpy(&a, &v4, sizeof(v4));
	else if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1)
		memcpy(&a, &v6, sizeof(v6));
	whence_of(&a, &w);
	return w;
}

static bool same(const char *a, const char *b)
{
	const struct whence one = from(a), other = from(b);

	return whence_same(&one, &other);
}

static void a_network_is_an_address_or_a_64(void **state)
{
	(void)state;
	assert_true(same("192.0.2.1", "192.0.2.1"));
	assert_false(same("192.0.2.1", "192.0.2.2"));
	assert_true(same("2001:db8:0:1::1", "2001:db8:0:1:ffff::2"));
	assert_false(same("2001:db8:0:1::1", "2001:db8:0:2::1"));
	assert_true(same("::ffff:192.0.2.1", "192.0.2.1"));
	assert_false(same("c000:201::", "192.0.2.1"));
	/* A socket without an address is like nobody, nor like itself. */
	assert_false(same("", ""));
}

/* Whether it is looked at, and then fails. */
static bool fails(struct guesses *g, const char *address, int64_t now)
{
	const struct whence w = from(address);
	struct err e = { 0 };

	if (guesses_may(g, &w, MOST, now, &e)) {
		assert_int_equal(e.code, ERR_BUSY);
		return false;
	}
	guesses_count(g, &w);
	return true;
}

static void one_network_has_its_share(void **state)
{
	struct guesses g = { 0 };

	(void)state;
	for (int i = 0; i < MOST / GUESSES_SHARE; i++)
		assert_true(fails(&g, "192.0.2.1", 60));
	assert_false(fails(&g, "192.0.2.1", 119));
	assert_true(fails(&g, "192.0.2.2", 119));
	assert_true(fails(&g, "192.0.2.1", 120));
}

static void all_together_have_an_end(void **state)
{
	struct guesses g = { 0 };
	char address[32];

	(void)state;
	for (int i = 0; i < MOST; i++) {
		(void)snprintf(address, sizeof(address), "192.0.2.%d", i);
		assert_true(fails(&g, address, 60));
	}
	assert_false(fails(&g, "192.0.2.200", 60));
	assert_true(fails(&g, "192.0.2.200", 180));
}

/* Who floods from everywhere does not spoil the count of what is kept. */
static void more_networks_than_are_kept_count_together(void **state)
{
	struct guesses g = { 0 };
	const struct whence nobody = { 0 };
	char address[32];

	(void)state;
	for (int i = 0; i < 3 * GUESSES_NETWORKS; i++) {
		struct whence w;

		(void)snprintf(address, sizeof(address), "192.0.2.%d", i);
		w = from(address);
		guesses_count(&g, &w);
	}
	guesses_count(&g, &nobody);
	assert_int_equal(g.count, GUESSES_NETWORKS);
	assert_int_equal(g.all, 3 * GUESSES_NETWORKS + 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_is_an_address_or_a_64),
		cmocka_unit_test(one_network_has_its_share),
		cmocka_unit_test(all_together_have_an_end),
		cmocka_unit_test(more_networks_than_are_kept_count_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
