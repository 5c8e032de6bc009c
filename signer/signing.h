/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signing - put signatures on staged files: judge, then sign, then write.
 */
#ifndef SIGNER_SIGNING_H
#define SIGNER_SIGNING_H

#include "common/keyring.h"
#include "signer/repo.h"
#include "signer/report.h"

/*
 * Judge the staged file of a role by every rule, its predecessor included.
 * Warnings become notes; the first refusal is ERR_REFUSED.
 */
int signing_judge(const struct repo *r, const char *role, int64_t now,
		  struct report *out, struct err *e) NODISCARD;

/*
 * Sign what is staged with each key that a role lists: root with keys of the
 * staged and of the published root, targets with those of the root that will
 * judge them, a delegated role with those that targets list. ERR_REFUSED when
 * a key has nothing to sign.
 */
int signing_repo(struct repo *r, const struct keyring *keys, int64_t now,
		 struct report *out, struct err *e) NODISCARD;

#endif
