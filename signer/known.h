/* SPDX-License-Identifier: Apache-2.0 */
/*
 * known - the public keys that a repository knows, for the secret scan: those
 * of its root and of the roles that targets delegates to, published and staged,
 * and the keys of keys-example/.
 */
#ifndef SIGNER_KNOWN_H
#define SIGNER_KNOWN_H

#include "signer/repo.h"
#include "signer/scalars.h"

/* The example keys, and those of r unless it is NULL. Heap. */
int known_keys(const struct repo *r, struct scalars **out,
	       struct err *e) NODISCARD;

#endif
