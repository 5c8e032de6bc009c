/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan - one package of one release, chosen from verified metadata, as plain
 * bounded data: all that fetching, applying and checking need to know.
 */
#ifndef UPDATER_CLIENT_PLAN_H
#define UPDATER_CLIENT_PLAN_H

#include "updater-client/slot.h"

struct plan {
	struct slot_release release;
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
	bool urgent;
	bool encrypted;
	uint8_t commitment[STREAM_COMMITMENT_LEN];
};

/* ERR_LIMIT when the release says more than a plan holds. */
int plan_from(const struct release *r, struct plan *out,
	      struct err *e) NODISCARD;

/* The fields that apply_tree() and apply_image() read; owns nothing. */
void plan_release(const struct plan *p, struct release *out);

#endif
