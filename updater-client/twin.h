/* SPDX-License-Identifier: Apache-2.0 */
/*
 * twin - a small record that a power cut cannot lose: two files, each one
 * fixed-size record with a sequence number and a checksum, overwritten in
 * place in turn. The newer valid one counts, so a torn write costs at most what
 * it was to record. Overwriting in place needs no free byte.
 *
 *	magic, 8 | sequence, 8 | payload, zeros | SHA-256 of all before
 */
#ifndef UPDATER_CLIENT_TWIN_H
#define UPDATER_CLIENT_TWIN_H

#include "common/digest.h"
#include "common/rd.h"

#define TWIN_RECORD_MAX  1024
#define TWIN_HEAD_LEN    16
#define TWIN_PAYLOAD_MAX (TWIN_RECORD_MAX - TWIN_HEAD_LEN - SHA256_LEN)

/* One kind of record. */
struct twin_kind {
	const char *what;     /* for messages */
	const char *names[2]; /* of the files */
	uint64_t magic;
	size_t len; /* of the whole record, at most TWIN_RECORD_MAX */
	/* What only the owner can tell: may this payload be? ERR_FORMAT. */
	int (*check)(struct slice payload, struct err *e);
};

struct twin_file {
	const struct twin_kind *kind;
	int fd[2];
	uint64_t sequence; /* of the newest record */
	unsigned newest;
};

/* What was found: the newest valid payload, zeros when there is none. */
struct twin_found {
	uint8_t payload[TWIN_PAYLOAD_MAX];
	bool valid;
	bool reset; /* records are there, and all of them are damaged */
};

/* Bytes of a kind's payload. */
size_t twin_payload_len(const struct twin_kind *k);

/* Open, creating what is missing. ERR_SYSTEM when the disk fails. */
int twin_open(int dirfd, const struct twin_kind *k, struct twin_file *f,
	      struct twin_found *found, struct err *e) NODISCARD;
/* Only look, changing nothing. */
int twin_peek(int dirfd, const struct twin_kind *k, struct twin_found *found,
	      struct err *e) NODISCARD;

/*
 * Write a payload, zeros after it. Durable and read back when it returns 0;
 * else the older record counts.
 */
int twin_write(struct twin_file *f, struct slice payload,
	       struct err *e) NODISCARD;
void twin_close(struct twin_file *f);

/* One record, k->len bytes. *payload borrows from in. ERR_FORMAT. */
int twin_parse(const struct twin_kind *k, struct slice in,
	       struct slice *payload, uint64_t *sequence,
	       struct err *e) NODISCARD;
void twin_format(const struct twin_kind *k, struct slice payload,
		 uint64_t sequence, uint8_t *out);

#endif
