/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_word - what a device says of itself in a report: which release runs,
 * and how often something new was started. It is taken into the inventory
 * whatever becomes of the attempt, for the rollout may have ended meanwhile.
 */
#ifndef UPDATE_SERVER_STORE_WORD_H
#define UPDATE_SERVER_STORE_WORD_H

#include "update-server/store.h"

struct store_word {
	struct device_id device;
	struct sha256 running;
	uint64_t activation;
	bool settled; /* what runs passed its trial, or what failed it left */
};

/*
 * Take the word, and with it in one transaction the attempt as it is now, which
 * may be NULL. A word that is older than what is known, by its activation, or
 * that names content of no release here, changes nothing of the device: its
 * next check-in says all of it.
 */
int store_word_save(struct store *s, const struct store_word *word,
		    const struct stage *r, const struct attempt *a,
		    const char *evidence, struct err *e) NODISCARD;

#endif
