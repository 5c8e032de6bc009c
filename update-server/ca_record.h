/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca_record - are the device CAs in use those of the audit log? Whoever puts
 * back a copy of keys/ that was made before `ca rotate` or `ca withdraw` would
 * have a CA trusted again that was given up, by nothing but an old file.
 */
#ifndef UPDATE_SERVER_CA_RECORD_H
#define UPDATE_SERVER_CA_RECORD_H

#include "update-server/config.h"
#include "update-server/store.h"

/*
 * ERR_ROLLBACK, with the way out, unless the first CA of keys/device-ca.pem is
 * that of the newest `ca-rotate` record, and none of them was withdrawn. A file
 * of another place is kept by somebody else, and not looked at. Reads the whole
 * log once.
 */
int ca_record_check(const struct config *c, struct store *s,
		    struct err *e) NODISCARD;

/* The judgement alone: of this file's text and of the log's records, each as it
 * stands there, oldest first. */
struct ca_record {
	struct slice pem; /* borrowed */
	struct sha256 first, newest;
	int64_t rotated; /* 0: never */
};

int ca_record_begin(struct ca_record *r, struct slice pem,
		    struct err *e) NODISCARD;
int ca_record_see(struct ca_record *r, struct slice record,
		  struct err *e) NODISCARD;
int ca_record_end(const struct ca_record *r, struct err *e) NODISCARD;

#endif
