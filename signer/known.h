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

/* What is said when they are not all. */
#define KNOWN_NOT_ALL                                                          \
	"the repository has had more keys than can be sought at once: some "   \
	"that it no longer has were left out"

/*
 * The example keys, the wrap key and those of r unless they are NULL. Heap.
 * ERR_LIMIT if there are more than SCALARS_MAX now; if former ones no longer
 * fit, they are left out and all is false.
 */
int known_keys(const struct repo *r, const struct ec_public *wrap,
	       struct scalars **out, bool *all, struct err *e) NODISCARD;

#endif
