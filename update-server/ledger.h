/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger - the keeper's own memory: a file to which it alone appends.
 *
 * Each line is {"mac":"<hex>","record":{...}} in canonical JSON. The MAC is
 * HMAC-SHA256, by a key that nobody but the keeper has, over the MAC before it
 * (the first: 32 zeroes) and the record's bytes; so no line can be changed, put
 * in, moved or left out but at the end. A record is on the disk before
 * ledger_append() returns. A last line that was cut off by a crash was never
 * acknowledged and is taken away; anything else that does not fit ends the
 * keeper. The Merkle root over the records is the ledger's head.
 */
#ifndef UPDATE_SERVER_LEDGER_H
#define UPDATE_SERVER_LEDGER_H

#include "common/json.h"
#include "common/merkle.h"

#define LEDGER_LINE_MAX 4096 /* its end included */
#define LEDGER_KEY_LEN  32

struct ledger;

/* Who hears of every record as it is read, in its order; it is borrowed. */
struct ledger_reader {
	int (*take)(void *ctx, const struct json *record, struct err *e);
	void *ctx;
	/* What it must have grown from; size 0: nothing. */
	struct merkle_head grown_from;
};

/* Open or begin it. ERR_UNTRUSTED for a line that was not written here, or that
 * the reader does not take; ERR_ROLLBACK where it is shorter than it was. */
int ledger_open(int dirfd, const char *path, const uint8_t key[LEDGER_KEY_LEN],
		const struct ledger_reader *reader, struct ledger **out,
		struct err *e) NODISCARD;
void ledger_close(struct ledger *l);

/* The record stays the caller's. After a failure (a full disk) the file is as
 * it was; where not even that can be had, nothing is appended any more. */
int ledger_append(struct ledger *l, const struct json *record,
		  struct err *e) NODISCARD;

/* Read a copy of it, without its key: a signed head (grown_from) vouches for so
 * many records. Who reads hears of those behind them, too, for which nobody has
 * signed yet; the end of a line that is just being written is left out. */
int ledger_inspect(const char *path, const struct ledger_reader *reader,
		   struct err *e) NODISCARD;

uint64_t ledger_size(const struct ledger *l);
void ledger_head(const struct ledger *l, struct merkle_head *out);

#endif
