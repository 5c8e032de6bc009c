/* SPDX-License-Identifier: Apache-2.0 */
/*
 * survey - what verified metadata says to a device of this product beside the
 * releases themselves: the floor, the ways that lead from one release to
 * another, and the steps back that are authorised.
 */
#ifndef UPDATER_CLIENT_SURVEY_H
#define UPDATER_CLIENT_SURVEY_H

#include "common/tuf_client.h"
#include "updater-client/policy.h"

struct survey {
	uint64_t floor; /* of the floor commit; 0: none */
	struct way way;
};

/* For whom, by what, and when. */
struct survey_job {
	struct tuf_client *client;
	const struct tuf_source *from;
	const struct policy_device *device;
	int64_t now;
	bool lab; /* a lab device: nightly releases are for us, too */
};

/*
 * Visit what the roles list that may speak of this product: the top-level
 * targets, "product-<product>", and for the lab "nightly", where they exist.
 */
int survey_each(const struct survey_job *job,
		int (*visit)(void *ctx, const struct tuf_target *t,
			     struct err *e),
		void *ctx, struct err *e) NODISCARD;

/*
 * Survey; *s is zeroed, or from a former survey. A document that is listed and
 * cannot be had, or is not what it should be, fails: what it would have
 * forbidden is not allowed. The caller calls survey_done().
 */
int survey_make(const struct survey_job *job, struct survey *s,
		struct err *e) NODISCARD;
void survey_done(struct survey *s);

#endif
