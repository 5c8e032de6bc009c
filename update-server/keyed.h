/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyed - a list of equal items, each found by its key at once, however many
 * there are. Pure.
 *
 * The key is part of the item and never changes; it is a digest or a random
 * number of at least eight bytes, whose first bytes tell where to look. Nothing
 * is ever taken out.
 */
#ifndef UPDATE_SERVER_KEYED_H
#define UPDATE_SERVER_KEYED_H

#include <stddef.h>
#include <stdint.h>

struct keyed {
	size_t item_len, key_at, key_len; /* of an item, and of its key in it */
	void *items;                      /* in the order in which they came */
	size_t count;
	uint32_t *slots; /* 0, or 1 + the number of an item */
	size_t slot_count;
};

#define KEYED_INIT(type, member)                                               \
	(struct keyed)                                                         \
	{                                                                      \
		.item_len = sizeof(type), .key_at = offsetof(type, member),    \
		.key_len = sizeof(((type *)0)->member)                         \
	}

void keyed_done(struct keyed *k);

/* Borrowed until the next keyed_add(); NULL if there is none. */
void *keyed_find(const struct keyed *k, const void *key);

/* A new item, all zeroes but for its key; one of this key must not be there. At
 * most UINT32_MAX. */
void *keyed_add(struct keyed *k, const void *key);

#endif
