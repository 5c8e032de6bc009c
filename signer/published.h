/* SPDX-License-Identifier: Apache-2.0 */
/*
 * published - private keys that everybody has, for they are the self tests of
 * libraries and kernels that Debian ships, or the examples of its manual pages:
 * no device is harmed by a copy. They are known by the SHA-256 of the bytes
 * that were found, so nothing else passes.
 */
#ifndef SIGNER_PUBLISHED_H
#define SIGNER_PUBLISHED_H

#include "common/digest.h"

/* Whose test key this is; NULL if not known. */
const char *published_key(const struct sha256 *digest);

#endif
