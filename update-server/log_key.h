/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_key - another key for the audit log of a server that stands still.
 *
 * The act is a record of the log (`log-key`, audit_keys.h) and the former key's
 * last checkpoint is over it, so who knows that key finds the next one in the
 * log. Cut off anywhere, the former key goes on, or the next one does.
 */
#ifndef UPDATE_SERVER_LOG_KEY_H
#define UPDATE_SERVER_LOG_KEY_H

#include "common/digest.h"

struct log_key_change {
	struct sha256 from, to; /* fingerprints */
	uint64_t record;        /* where the log says so */
};

/*
 * `lost`: with a reason (else NULL will do), the former key cannot be opened;
 * its public half, audit.pub, is still there. ERR_BUSY while the server runs;
 * ERR_CONFLICT for a log that is not the one that was signed.
 */
int log_key_change(const char *dir, bool lost, const char *reason,
		   struct log_key_change *out, struct err *e) NODISCARD;

#endif
