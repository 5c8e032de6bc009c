/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/keyed.h"

#include <string.h>

#include "tests/unit/check.h"

struct item {
	uint32_t before;
	uint8_t key[16];
	uint32_t number;
};

#define MANY 5000

/* Keys that agree in what tells where to look: 16 starts for all of them, and
 * only the last bytes are their own. */
static void key_of(uint32_t n, uint8_t key[16])
{
	memset(key, 0, 16);
	key[0] = (uint8_t)(n % 16 * 16);
	memcpy(key + 12, &n, sizeof(n));
}

static void what_was_added_is_found_and_nothing_else(void **state)
{
	struct keyed k = KEYED_INIT(struct item, key);
	uint8_t key[16];
	struct item *i;

	(void)state;
	key_of(0, key);
	assert_null(keyed_find(&k, key));
	for (uint32_t n = 0; n < MANY; n++) {
		key_of(n, key);
		assert_null(keyed_find(&k, key));
		i = keyed_add(&k, key);
		assert_int_equal(i->before, 0);
		assert_int_equal(i->number, 0);
		assert_memory_equal(i->key, key, sizeof(key));
		i->before = ~n;
		i->number = n;
	}
	assert_int_equal(k.count, MANY);
	for (uint32_t n = 0; n < MANY; n++) {
		key_of(n, key);
		i = keyed_find(&k, key);
		assert_non_null(i);
		assert_int_equal(i->number, n);
		assert_int_equal(i->before, ~n);
	}
	key_of(MANY, key);
	assert_null(keyed_find(&k, key));
	keyed_done(&k);
	assert_null(keyed_find(&k, key));
}

static void they_stand_in_their_order(void **state)
{
	struct keyed k = KEYED_INIT(struct item, key);
	const struct item *all;
	uint8_t key[16];

	(void)state;
	for (uint32_t n = 0; n < 100; n++) {
		key_of(100 - n, key);
		((struct item *)keyed_add(&k, key))->number = n;
	}
	all = k.items;
	for (uint32_t n = 0; n < 100; n++)
		assert_int_equal(all[n].number, n);
	keyed_done(&k);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_added_is_found_and_nothing_else),
		cmocka_unit_test(they_stand_in_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
