/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_wire - what the server asks its keeper, as bytes on a socketpair.
 *
 * A message is its length (le32) and so many bytes. No request carries bytes to
 * be signed. Pure, and strict on both sides: the keeper
 * must survive a server that was taken over.
 */
#ifndef UPDATE_SERVER_KEEPER_WIRE_H
#define UPDATE_SERVER_KEEPER_WIRE_H

#include "common/tuf_client.h"
#include "common/wire_enrol.h"

#include "update-server/audit_checkpoint.h"
#include "update-server/warrant.h"

#define KEEPER_MESSAGE_MAX 65536
#define KEEPER_FILE_MAX    16384 /* a timestamp; our snapshots are as small */

enum keeper_op {
	KEEPER_ENROL = 1,  /* a device certificate for a request */
	KEEPER_PUBLISH,    /* verify what lies in metadata/, sign it online */
	KEEPER_REFRESH,    /* a new timestamp for what was published */
	KEEPER_BUNDLE,     /* snapshot and timestamp for a medium */
	KEEPER_HEAD,       /* of the audit log, as the keeper knows it */
	KEEPER_CHECKPOINT, /* a new one, for a log that grew from there */
	KEEPER_RENEW,      /* the next certificate of a device */
	KEEPER_WARRANT,    /* what an officer signed, to be remembered */
};

struct keeper_request {
	enum keeper_op op;
	struct wire_enrol enrol;
	struct codes_place place; /* enrol: of its claim code, if it has one */
	char warrant[WARRANT_MAX + 1];
	struct wire_renew renew;
	char certificate[X509_PEM_MAX_LEN]; /* renew: the one now */
	/* publish: versions to take up; targets 0: those that it has */
	int64_t targets;
	struct tuf_import_role roles[TUF_IMPORT_ROLES_MAX];
	size_t role_count;
	uint32_t days;           /* bundle: how long it lives */
	struct merkle_head head; /* checkpoint: the log now, and the proof */
	struct merkle_proof proof;
};

struct keeper_answer {
	struct err failure; /* code ERR_NONE: done */
	/* enrol, renew */
	struct device_id device;
	char certificate[X509_PEM_MAX_LEN];
	/* head; and how many records the keeper's ledger has */
	struct merkle_head head;
	uint64_t ledger_size;
	/* checkpoint: one line, without its end */
	char checkpoint[AUDIT_CHECKPOINT_MAX + 1];
	/* the others */
	int64_t snapshot_version, targets_version, expires;
	uint8_t snapshot[KEEPER_FILE_MAX];
	size_t snapshot_len;
	uint8_t timestamp[KEEPER_FILE_MAX];
	size_t timestamp_len;
};

int keeper_format_request(const struct keeper_request *q, struct buf *out,
			  struct err *e) NODISCARD;
int keeper_parse_request(struct slice in, struct keeper_request *q,
			 struct err *e) NODISCARD;
int keeper_format_answer(enum keeper_op op, const struct keeper_answer *a,
			 struct buf *out, struct err *e) NODISCARD;
int keeper_parse_answer(enum keeper_op op, struct slice in,
			struct keeper_answer *a, struct err *e) NODISCARD;

/* A whole message over a stream socket. ERR_NETWORK if the other end closed
 * between messages; timeout_ms -1 waits for ever. */
int keeper_send(int fd, struct slice message, struct err *e) NODISCARD;
int keeper_receive(int fd, int timeout_ms, struct buf *out,
		   struct err *e) NODISCARD;

#endif
