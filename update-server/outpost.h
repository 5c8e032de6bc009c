/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outpost - reports of a server that no network reaches, as they are carried
 * out to one that keeps an eye on it. Pure.
 *
 * The outpost's keeper signs heads of its audit log and nothing else. So a
 * report is an act in that log, by its digest, and a file holds what proves it:
 *
 *	{"v":1, "report": text, "record": the log's record of it, "checkpoint":
 *	 a signed head, "from": n, "grown": [hex], "included": [hex]}
 *
 * `included` proves the record to be in the log with that head (RFC 9162,
 * 2.1.3), `grown` that this log has grown from the first n records, at which
 * the report before was signed (2.1.4). Reports have numbers without gaps, and
 * each names the digest of the one before. So whoever pinned the log's key and
 * remembers the last report notices one that is forged, changed, old or
 * missing, and a log whose past was changed. docs/air-gap.md is the prose.
 */
#ifndef UPDATE_SERVER_OUTPOST_H
#define UPDATE_SERVER_OUTPOST_H

#include "update-server/audit_checkpoint.h"

#define OUTPOST_TEXT_MAX 60000 /* bytes of a report */
#define OUTPOST_FILE_MAX ((size_t)160 * 1024)

/* What the outpost has of one report. */
struct outpost_parts {
	const char *report, *record, *checkpoint;
	uint64_t from;
	const struct merkle_proof *grown, *included;
};

int outpost_format(const struct outpost_parts *p, struct buf *out,
		   struct err *e) NODISCARD;

/* What is remembered of the last report; number 0: there was none. */
struct outpost_known {
	uint64_t number;
	struct sha256 report;
	struct merkle_head head;
};

/* Whose log's key signed a report, it says; nothing is verified. */
int outpost_peek(struct slice file, struct sha256 *key,
		 struct err *e) NODISCARD;

/*
 * Verify the next report. ERR_UNTRUSTED: not by this key, or not what its log
 * holds; ERR_ROLLBACK: it is known, or older; ERR_CONFLICT: others are missing
 * before it, and are named. *next is what to remember, *report its text as
 * JSON for the caller to free; both are untouched on failure.
 */
int outpost_open(struct slice file, const struct ec_public *key,
		 const struct outpost_known *known, struct outpost_known *next,
		 struct json **report, struct err *e) NODISCARD;

#endif
