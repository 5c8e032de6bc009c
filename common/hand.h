/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hand - what a device says of itself where no network leads: a file of three
 * lines that people carry to the server. What a connection would prove is
 * proved by a signature of the device's own key.
 *
 *	pawl/hand/v1 <device id, 32 hex digits>
 *	<wire_checkin>
 *	<signature, DER in hex>
 *
 * Signed are the first two lines, without the end of the second. No handshake
 * of TLS begins like that. The check-in's activation is the number of what was
 * tried there: it rises at each trial start, so an older file is known for what
 * it is.
 */
#ifndef COMMON_HAND_H
#define COMMON_HAND_H

#include "common/wire.h"
#include "common/x509.h"

#define HAND_MAX    4096
#define HAND_ID_LEN (2 * DEVICE_ID_LEN)

struct hand {
	struct device_id device;
	struct slice signed_part, text; /* into what was opened */
	uint8_t signature[EC_SIG_MAX_LEN];
	size_t signature_len;
};

/* Append it; id in lower-case hex. */
int hand_seal(const char id[HAND_ID_LEN + 1], const struct wire_checkin *m,
	      const struct ec_private *key, struct buf *out,
	      struct err *e) NODISCARD;

/* Whose it says to be; nothing of it is verified yet. ERR_FORMAT, ERR_LIMIT. */
int hand_open(struct slice in, struct hand *out, struct err *e) NODISCARD;

/* By that device's key: ERR_UNTRUSTED; and what it says. */
int hand_check(const struct hand *h, const struct ec_public *key,
	       struct wire_checkin *m, struct err *e) NODISCARD;

#endif
