/* SPDX-License-Identifier: Apache-2.0 */
/*
 * as_device - would a device take what this server serves of a release?
 *
 * With the code of devices, from the store and the disk, and believing nothing
 * that was found at an import: the signatures and dates of root, timestamp,
 * snapshot, targets and the role that lists it; that its content is the one
 * that is rolled out; each package by its length and its head; what operators
 * signed for it. What follows a package's head is read by `release verify`.
 */
#ifndef UPDATE_SERVER_AS_DEVICE_H
#define UPDATE_SERVER_AS_DEVICE_H

#include "update-server/rollout.h"
#include "update-server/store.h"

struct as_device {
	struct store *store;
	int dirfd;          /* the server's folder */
	const char *folder; /* beneath it, for this; gone afterwards */
	const struct rollout *what;
	int64_t now;
};

/* ERR_UNTRUSTED, ERR_EXPIRED, ERR_NOT_FOUND and others say what it would
 * refuse. */
int as_device_check(const struct as_device *d, struct err *e) NODISCARD;

#endif
