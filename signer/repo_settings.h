/* SPDX-License-Identifier: Apache-2.0 */
/*
 * repo_settings - pawl.ini, the part of an offline repository that is never
 * published: who answers for it, which products it makes releases for, and how
 * long what it signs lives.
 */
#ifndef SIGNER_REPO_SETTINGS_H
#define SIGNER_REPO_SETTINGS_H

#include "common/ini.h"
#include "common/keyfile.h"

struct repo_settings {
	char *owner, *contact;
	struct ini_list products;
	uint64_t root_days, targets_days, snapshot_days, timestamp_hours;
	uint64_t product_days, nightly_days, rollout_days, rollout_wide_days;
};

void repo_settings_default(struct repo_settings *s);
void repo_settings_done(struct repo_settings *s);

/* Read pawl.ini beneath dirfd over the defaults. ERR_CONFIG. */
int repo_settings_load(int dirfd, struct repo_settings *s,
		       struct err *e) NODISCARD;

/* Write settings as a commented pawl.ini beneath dirfd. */
int repo_write_settings(int dirfd, const struct repo_settings *s,
			enum environment env, struct err *e) NODISCARD;

#endif
