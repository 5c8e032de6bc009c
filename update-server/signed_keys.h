/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signed_keys - which keys the release engineers signed as those of the audit
 * log, read from what they published, from a root that the reader pins.
 */
#ifndef UPDATE_SERVER_SIGNED_KEYS_H
#define UPDATE_SERVER_SIGNED_KEYS_H

#include "common/log_keys.h"

/*
 * The folder is one that `pawl-signer publish` wrote; root, a file, is a root
 * of before or the same. All of it is verified as an import would.
 * ERR_NOT_FOUND when no keys are listed.
 */
int signed_keys_load(const char *folder, const char *root, int64_t now,
		     struct log_keys *out, struct err *e) NODISCARD;

#endif
