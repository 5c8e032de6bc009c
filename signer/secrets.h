/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secrets - find private keys in what is about to be released.
 *
 * Keys shipped inside devices are the classic accident of this field. The
 * scanner knows the usual containers: PEM (also when it is wrapped in base64
 * once more), PKCS#8, SEC1 and PKCS#1 in DER, PuTTY, age, JWK, and key files
 * of ours. It does not open archives or compressed files, nor guess at bare
 * scalars. Pure: bytes in, finding out.
 */
#ifndef SIGNER_SECRETS_H
#define SIGNER_SECRETS_H

#include "common/rd.h"

/* No key container is recognised by more bytes than this. */
#define SECRETS_REACH 2048

/*
 * Look for the first private key that starts within the first `start_len`
 * bytes of `bytes`; what follows them is looked at to recognise it. NULL if
 * there is none, else what it is, with its offset in *at. `whole` says that
 * the bytes are a whole file.
 */
const char *secrets_find(struct slice bytes, size_t start_len, bool whole,
			 size_t *at);

#endif
