/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assign - a device is moved to another cohort, or into the lab: the document
 * assign/<device id>.json, a target of the role rollout-wide, so that two
 * operators must have signed it.
 *
 * A device pins the cohort that it was enrolled with, as version 0, and is no
 * lab device then. It follows an assignment only if that names it and has a
 * higher version than its own. Each says all of it: one without "lab" takes a
 * device out of the lab again.
 */
#ifndef COMMON_ASSIGN_H
#define COMMON_ASSIGN_H

#include "common/text.h"
#include "common/x509.h"

#define ASSIGN_BYTES_MAX 1024

struct assign {
	struct device_id device;
	char cohort[NAME_MAX_LEN + 1];
	bool lab;         /* what the role nightly signs is for it, too */
	uint64_t version; /* from 1 */
	int64_t issued;
};

/* Canonical JSON and nothing else, as for orders. */
int assign_parse(struct slice in, struct assign *out, struct err *e) NODISCARD;
int assign_format(const struct assign *a, struct buf *out,
		  struct err *e) NODISCARD;

int assign_path(const struct device_id *device, char out[PATH_MAX_LEN],
		struct err *e) NODISCARD;

/*
 * Does it change what the device pinned? ERR_REFUSED for another device's,
 * ERR_ROLLBACK for a version below the pinned one or the same version with
 * another cohort or lab. *follow is false when it says what is pinned already.
 */
int assign_judge(const struct assign *a, const struct assign *pinned,
		 bool *follow, struct err *e) NODISCARD;

#endif
