/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/keyed.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define FIRST_ITEMS 8 /* a power of two; slots are twice as many, at least */

void keyed_done(struct keyed *k)
{
	free(k->items);
	free(k->slots);
	k->items = NULL;
	k->slots = NULL;
	k->count = k->slot_count = 0;
}

static uint8_t *item_at(const struct keyed *k, size_t i)
{
	return (uint8_t *)k->items + i * k->item_len;
}

static bool has_key(const struct keyed *k, size_t i, const void *key)
{
	return memcmp(item_at(k, i) + k->key_at, key, k->key_len) == 0;
}

/* Where this key is, or the free slot where it would be; there always is one.
 */
static uint32_t *slot_of(const struct keyed *k, const void *key)
{
	uint64_t begin;
	size_t at;

	memcpy(&begin, key, sizeof(begin));
	at = (size_t)begin & (k->slot_count - 1);
	while (k->slots[at] && !has_key(k, k->slots[at] - 1, key))
		at = (at + 1) & (k->slot_count - 1);
	return &k->slots[at];
}

void *keyed_find(const struct keyed *k, const void *key)
{
	uint32_t *slot = k->count ? slot_of(k, key) : NULL;

	return slot && *slot ? item_at(k, *slot - 1) : NULL;
}

/* Twice as many of both, whenever the list is as long as a power of two. */
static void grow(struct keyed *k)
{
	const size_t room = k->count ? 2 * k->count : FIRST_ITEMS;
	void *items = mem_alloc(room, k->item_len);

	if (k->count)
		memcpy(items, k->items, k->count * k->item_len);
	free(k->items);
	free(k->slots);
	k->items = items;
	k->slot_count = 2 * room;
	k->slots = mem_alloc(k->slot_count, sizeof(*k->slots));
	for (size_t i = 0; i < k->count; i++)
		*slot_of(k, item_at(k, i) + k->key_at) = (uint32_t)(i + 1);
}

void *keyed_add(struct keyed *k, const void *key)
{
	uint8_t *item;
	uint32_t *slot;

	assert(k->key_len >= sizeof(uint64_t) && k->count < UINT32_MAX);
	if (k->count == 0 ||
	    (k->count >= FIRST_ITEMS && (k->count & (k->count - 1)) == 0))
		grow(k);
	slot = slot_of(k, key);
	assert(*slot == 0);
	item = item_at(k, k->count);
	memcpy(item + k->key_at, key, k->key_len);
	*slot = (uint32_t)++k->count;
	return item;
}
