/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal - what the client was doing and must not forget, across power cuts.
 *
 * Two files, journal.0 and journal.1, kept as twin.h says: a torn write costs
 * at most the step that it recorded, and a rollback works on a full disk.
 */
#ifndef UPDATER_CLIENT_JOURNAL_H
#define UPDATER_CLIENT_JOURNAL_H

#include "common/keybox.h"
#include "updater-client/machine.h"
#include "updater-client/refusals.h"
#include "updater-client/twin.h"

#define JOURNAL_RECORD_LEN 1024
#define JOURNAL_DETAIL_LEN 256
#define JOURNAL_BOOT_LEN   40

struct journal {
	struct machine machine;
	uint64_t activation;      /* rises at each start of a trial */
	uint64_t attempt;         /* the server's, for reports; 0: none */
	uint32_t report_sequence; /* of the last report, of any attempt */
	/* The number kept for the report of how it ended, until that report and
	 * the history are written: else the next start writes them. 0: none */
	uint32_t untold;
	uint32_t failures;     /* polls in a row that failed */
	uint64_t stranger;     /* when one was asked last, by the clock */
	int64_t time_floor;    /* highest signed time ever verified */
	int64_t trusted_until; /* when the root of trust ends; 0: unknown */
	struct sha256 digest;  /* the release under way, or tried last */
	char release[NAME_MAX_LEN + 1];
	char detail[JOURNAL_DETAIL_LEN]; /* people's words for the reason */
	struct refusals refusals;    /* older updaters know bounds of 0 alone */
	char boot[JOURNAL_BOOT_LEN]; /* in which the last switch was made */
	/* Slots, a bit each, of signed content that this identity saw to:
	 * first_use.h */
	struct device_id vouched_by;
	uint32_t vouched;
	/* The slot whose images the handlers hold; NONE: not known */
	enum slot handled;
};

/*
 * Open, creating what is missing. No files yet means a zeroed *j. Records that
 * are there and all damaged do too, and *reset is then true: the slots are
 * safe, but what was remembered is lost, which the caller reports.
 */
int journal_open(int dirfd, struct twin_file *f, struct journal *j, bool *reset,
		 struct err *e) NODISCARD;

/* Only look, changing nothing. */
int journal_peek(int dirfd, struct journal *j, bool *reset,
		 struct err *e) NODISCARD;

/* Durable and read back when it returns 0; else the older record counts. */
int journal_write(struct twin_file *f, const struct journal *j,
		  struct err *e) NODISCARD;

/* One record; ERR_FORMAT. */
int journal_parse(struct slice in, struct journal *j, uint64_t *sequence,
		  struct err *e) NODISCARD;
void journal_format(const struct journal *j, uint64_t sequence,
		    uint8_t out[JOURNAL_RECORD_LEN]);

#endif
