/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tuf_duty - what production asks of a role that targets delegate to, whoever
 * signed the delegation: no key has two duties, and one signature is enough
 * where it can do little alone (nightly builds, one operator's share).
 *
 * The signer refuses to sign anything else; here it is no matter of trust in
 * the signer's machine. Nothing of it is in The Update Framework.
 */
#ifndef COMMON_TUF_DUTY_H
#define COMMON_TUF_DUTY_H

#include "common/tuf_delegation.h"

/*
 * May these be the keys of that role? `root` and `delegations` are the verified
 * bodies that name all others; delegations may be NULL. ERR_REFUSED.
 */
int tuf_duty_check(const struct tuf_rules *rules, const struct json *root,
		   const struct json *delegations, const char *role,
		   const struct tuf_keyring *ring, struct err *e) NODISCARD;

#endif
