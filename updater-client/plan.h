/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan - a release and one package of each of its components, chosen from
 * verified metadata, as plain bounded data: all that fetching, applying and
 * checking need to know.
 */
#ifndef UPDATER_CLIENT_PLAN_H
#define UPDATER_CLIENT_PLAN_H

#include "updater-client/slot.h"

struct plan_package {
	enum package_content content;
	enum tree_attributes attributes; /* trees; else 0 */
	enum package_kind kind;
	char base_id[NAME_MAX_LEN + 1]; /* deltas */
	struct sha256 base_digest;      /* deltas */
	char target[PATH_MAX_LEN];      /* its path in signed metadata */
	char path[PATH_MAX_LEN];        /* below targets/, as distributed */
	struct sha256 head_digest, package_digest;
	uint64_t head_len, package_len, apply_memory, scratch_len;
	uint32_t window_len;
	bool encrypted;
	uint8_t commitment[STREAM_COMMITMENT_LEN];
};

struct plan {
	struct slot_release release;
	/* One for each of release.parts, in the same order. */
	struct plan_package packages[RELEASE_COMPONENTS_MAX];
	bool urgent;
	uint64_t defer_max_sec; /* how long it may be put off; 0: any */
	uint64_t retry;         /* see refusals.h */
};

/*
 * From one package of each component. ERR_LIMIT when the release says more than
 * a plan holds.
 */
int plan_from(const struct release *packages, size_t count, struct plan *out,
	      struct err *e) NODISCARD;

/* Bytes of all packages together; is one of them a delta? */
uint64_t plan_len(const struct plan *p);
bool plan_has_delta(const struct plan *p);

/* The fields that apply_tree() and apply_image() read; owns nothing. */
void plan_release(const struct slot_part *part, const struct plan_package *p,
		  struct release *out);

#endif
