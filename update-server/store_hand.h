/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_hand - what a device says where no network leads (hand.h), once a
 * person has carried it here: it is on record, what runs there is known, and
 * the attempt is where that leaves it, all at once or nothing of it.
 */
#ifndef UPDATE_SERVER_STORE_HAND_H
#define UPDATE_SERVER_STORE_HAND_H

#include "update-server/store.h"

#define STORE_HAND_CHANGES 2

struct store_hand {
	const struct wire_checkin *said;
	struct sha256 file;
	/* What the word made of attempts. */
	struct store_change changes[STORE_HAND_CHANGES];
	size_t count;
};

/*
 * *d as the word has it, for who judges what it means; nothing is written. The
 * device was not here, so when it was seen stays as it is.
 */
int store_hand_hear(struct store *s, struct store_device *d,
		    const struct wire_checkin *said, struct err *e) NODISCARD;
/* Of that device. Fails as acts do: ERR_SPACE, ERR_CONFLICT. */
int store_hand_save(struct store *s, const struct store_device *d,
		    const struct store_hand *h, const struct audit_by *by,
		    struct err *e) NODISCARD;

#endif
