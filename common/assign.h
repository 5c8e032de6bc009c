/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assign - a device is moved to another cohort: the document
 * assign/<device id>.json, a target of the role rollout-wide, so that two
 * operators must have signed it.
 *
 * A device pins the cohort that it was enrolled with, as version 0. It follows
 * an assignment only if that names it and has a higher version than its own.
 */
#ifndef COMMON_ASSIGN_H
#define COMMON_ASSIGN_H

#include "common/text.h"
#include "common/x509.h"

#define ASSIGN_BYTES_MAX 1024

struct assign {
	struct device_id device;
	char cohort[NAME_MAX_LEN + 1];
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
 * another cohort. *follow is false when it says what is pinned already.
 */
int assign_judge(const struct assign *a, const struct device_id *device,
		 const char *pinned, uint64_t version, bool *follow,
		 struct err *e) NODISCARD;

#endif
