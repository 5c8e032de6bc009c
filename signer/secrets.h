/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secrets - find private keys in a window over bytes that are to be released.
 *
 * Keys shipped inside devices are the classic accident of this field. The
 * containers are those of secrets_der.h and secrets_text.h. Each is found by
 * two letters that are rare in ordinary content, so that most bytes cost one
 * look into a table. Pure: bytes in, finding out.
 */
#ifndef SIGNER_SECRETS_H
#define SIGNER_SECRETS_H

#include "signer/secrets_text.h"

/* Nothing is recognised by bytes further than this before or behind. */
#define SECRETS_REACH 8192

/*
 * Look for the first private key whose anchor lies in [from, to) of the
 * window; what is around it serves to recognise it. Its start may lie before
 * `from`. *next is where to go on: behind the anchor, or `to`.
 */
bool secrets_next(struct slice window, size_t from, size_t to,
		  struct secret *out, size_t *next);

/* What is a private key only at the start of a file; NULL if nothing. */
const char *secrets_at_start(struct slice start);

#endif
