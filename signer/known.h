/* SPDX-License-Identifier: Apache-2.0 */
/*
 * known - the public keys that a repository knows, for the secret scan: those
 * of every version of its root and of targets, published and staged, and so of
 * all roles; of the documents that these versions of targets list, the keys of
 * audit logs and of the servers' CAs; and those of keys-example/. A key that
 * was taken out of its role long ago may still be in somebody's tree.
 */
#ifndef SIGNER_KNOWN_H
#define SIGNER_KNOWN_H

#include "signer/repo.h"
#include "signer/scalars.h"

/* The example keys, and those of r unless it is NULL. Heap. */
int known_keys(const struct repo *r, struct scalars **out,
	       struct err *e) NODISCARD;

#endif
