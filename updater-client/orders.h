/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orders - what the operators' signed documents say to this device: the
 * trust process fetches and verifies them and asks common/order.
 *
 * Failing closed is the point: a document that is listed and cannot be had, or
 * a role that cannot be had, is an error and never "no halt". Only a file of
 * the role rollout that is properly signed and has expired counts as none, for
 * it is re-signed every few weeks; what two operators signed for staged rollout
 * then counts neither, and a baseline, which lives as long as their role, does.
 */
#ifndef UPDATER_CLIENT_ORDERS_H
#define UPDATER_CLIENT_ORDERS_H

#include "common/order.h"
#include "common/tuf_client.h"
#include "updater-client/slot.h"

struct orders {
	struct tuf_client *client;
	const struct tuf_source *from;
	bool staging_signed; /* root: every release needs an order */
	bool enrolled;       /* else there is neither id nor cohort */
	struct order_device device;
	uint64_t cohort_version;
	bool lab;   /* as pinned; what counts says orders_lab() */
	bool moved; /* by a signed assignment, found on the way */

	bool followed;
	/* The last verdict: packages of one release stand together. */
	char asked[NAME_MAX_LEN + 1];
	struct sha256 asked_digest;
	struct err verdict;
	char opened[SLOT_ORDER_MAX];
};

/*
 * Follow a signed assignment of this device, where orders are signed at all.
 * That it fails is no matter here: who judges an order follows first, and
 * fails.
 */
void orders_follow(struct orders *o);

/*
 * Is it a lab device by what was signed? Not where that could not be looked up,
 * whatever is pinned.
 */
bool orders_lab(const struct orders *o);

/*
 * May this release be installed now? `opened` is then what opened it, for
 * people; "" where no order is needed. ERR_REFUSED says in words why not.
 * Metadata must be refreshed. A signed assignment of this device is followed
 * first: device.cohort and cohort_version are then new, and `moved` is true.
 */
int orders_open(struct orders *o, const struct release *r,
		char opened[SLOT_ORDER_MAX], struct err *e) NODISCARD;

#endif
