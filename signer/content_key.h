/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content_key - the content keys of encrypted packages, kept in the offline
 * repository for those who get them sealed later.
 *
 *	content-keys/<commitment>	one key, sealed to the wrap key (HPKE)
 *
 * Only the public half of the wrap key is needed to make an encrypted release,
 * so CI can; its private half, in an encrypted key file of purpose "wrap",
 * opens them again at the ceremony of `signer wrap`.
 */
#ifndef SIGNER_CONTENT_KEY_H
#define SIGNER_CONTENT_KEY_H

#include "common/ec.h"
#include "common/stream.h"

/* Keep a key under its commitment, sealed to the wrap key. */
int content_key_keep(int repo_dirfd, const struct ec_public *wrap,
		     const uint8_t commitment[STREAM_COMMITMENT_LEN],
		     const uint8_t content_key[STREAM_KEY_LEN],
		     struct err *e) NODISCARD;

/*
 * The key of a commitment; ERR_NOT_FOUND if it is not kept here, ERR_UNTRUSTED
 * when the wrap key is another. The caller wipes it.
 */
int content_key_open(int repo_dirfd, const struct ec_private *wrap,
		     const uint8_t commitment[STREAM_COMMITMENT_LEN],
		     uint8_t content_key[STREAM_KEY_LEN],
		     struct err *e) NODISCARD;

#endif
