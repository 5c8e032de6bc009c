/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cohort - the cohort that this device pinned, and whether it is a lab device,
 * in two checksummed copies (cohort.0, cohort.1), so that a power cut leaves
 * the old or the new one.
 *
 * The name is what the server said at enrolment, as version 0, and then it is
 * no lab device; afterwards only an assignment that two operators signed
 * changes either. Orders are judged by this name, never by what the server
 * thinks.
 */
#ifndef UPDATER_CLIENT_COHORT_H
#define UPDATER_CLIENT_COHORT_H

#include "common/text.h"
#include "common/x509.h"
#include "updater-client/twin.h"

#define COHORT_RECORD_LEN 256

struct cohort {
	struct device_id device; /* whose: another identity begins anew */
	char name[NAME_MAX_LEN + 1];
	uint64_t version; /* of the assignment; 0: as enrolled */
	bool lab;         /* nightly builds are for it, too */
};

/* Pin it, durably when it returns 0. */
int cohort_pin(int state_fd, const struct cohort *c, struct err *e) NODISCARD;

/*
 * The cohort of this device: what is pinned, else `enrolled` as version 0 (no
 * record yet, another identity's, or both copies damaged: then *reset). A
 * later assignment is followed again, for it is still listed.
 */
int cohort_load(int state_fd, const struct device_id *device,
		const char *enrolled, struct cohort *out, bool *reset,
		struct err *e) NODISCARD;

/* One payload; ERR_FORMAT. */
int cohort_parse(struct slice in, struct cohort *out, struct err *e) NODISCARD;

#endif
