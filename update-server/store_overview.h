/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_overview - the fleet at a glance, and the lists behind each number.
 *
 * Nothing here grows with the fleet: the database itself keeps the counts, by
 * triggers in the transaction that changes a device, and a list is one page of
 * an index. Devices that were revoked or retired count apart.
 */
#ifndef UPDATE_SERVER_STORE_OVERVIEW_H
#define UPDATE_SERVER_STORE_OVERVIEW_H

#include "update-server/store.h"

struct overview_totals {
	uint64_t devices; /* of the fleet, those in quarantine too */
	uint64_t never_seen, quarantined, revoked, retired;
};

int store_overview_totals(struct store *s, struct overview_totals *out,
			  struct err *e) NODISCARD;

/* Devices that were seen once, but not on this day (since 1970) or later. */
int store_overview_silent(struct store *s, int64_t day, uint64_t *out,
			  struct err *e) NODISCARD;

/* How many of a product run what; "" is a release that was never said. By
 * product, the newest release first. */
struct overview_release {
	char product[NAME_MAX_LEN + 1];
	char release[NAME_MAX_LEN + 1];
	uint64_t seq, devices;
};

int store_overview_releases(struct store *s,
			    void (*visit)(void *ctx,
					  const struct overview_release *r),
			    void *ctx, struct err *e) NODISCARD;

int store_overview_cohorts(struct store *s,
			   void (*visit)(void *ctx, const char *cohort,
					 uint64_t devices),
			   void *ctx, struct err *e) NODISCARD;

/* ---- who did what ---------------------------------------------------------
 */

/* Which records of the audit log: about a rollout by its name, or about a
 * device by its id in hex; so many of the newest, the newest first. */
struct overview_acts {
	bool of_device;
	const char *name;
	size_t max;
	uint64_t before; /* records older than this one; 0: the newest */
};

int store_overview_acts(struct store *s, const struct overview_acts *about,
			int (*visit)(void *ctx, struct slice record,
				     struct err *e),
			void *ctx, struct err *e) NODISCARD;

/* ---- over time ----------------------------------------------------------- */

#define OVERVIEW_STEP 600 /* seconds between samples */

/* Write down now's counts, if they changed since the last time; old samples are
 * thinned to one an hour after a week, one a day after 60, none after 400. */
int store_overview_sample(struct store *s, int64_t now,
			  struct err *e) NODISCARD;
/* Samples of a product since then, oldest first, `max` values at most. */
struct overview_span {
	const char *product;
	int64_t since;
	size_t max;
};

int store_overview_history(struct store *s, const struct overview_span *span,
			   void (*visit)(void *ctx, int64_t at,
					 const char *release, uint64_t devices),
			   void *ctx, struct err *e) NODISCARD;

/* ---- lists --------------------------------------------------------------- */

enum overview_kind {
	OVERVIEW_ALL,
	OVERVIEW_RELEASE, /* product, release ("": never said) */
	OVERVIEW_COHORT,  /* cohort */
	OVERVIEW_SILENT,  /* day: not seen on it or later, the longest first */
	OVERVIEW_NEVER,
	OVERVIEW_QUARANTINED,
	OVERVIEW_REVOKED,
	OVERVIEW_RETIRED
};

struct overview_list {
	enum overview_kind kind;
	const char *product, *release, *cohort;
	int64_t day;
	/* Where to go on: after this device, of a silent one also its day. */
	bool has_after;
	struct device_id after;
	int64_t after_day;
	size_t max;
};

struct overview_device {
	struct device_id id;
	char product[NAME_MAX_LEN + 1];
	char model[NAME_MAX_LEN + 1];
	char hardware[NAME_MAX_LEN + 1]; /* its revision; "": not said */
	char cohort[NAME_MAX_LEN + 1];
	char release[NAME_MAX_LEN + 1];
	bool confirmed;
	int64_t last_seen, day;
};

/* Attempts of one rollout in a range of states, by state and age, for as long
 * as the visitor wants more. */
struct overview_attempts {
	int64_t rollout;
	enum stage_state from, to;
	/* Where to go on: after this one. */
	bool has_after;
	enum stage_state after_state;
	int64_t after;
	size_t max;
};

struct overview_attempt {
	int64_t id;
	struct device_id device;
	enum stage_state state;
	char code[WIRE_CODE_MAX + 1];
	int64_t changed, until;
	uint32_t phase; /* from 0 */
	bool counted;   /* in gates */
	int64_t kind;   /* of struct store_kind; 0: not known */
};

int store_overview_attempts(struct store *s, const struct overview_attempts *l,
			    bool (*visit)(void *ctx,
					  const struct overview_attempt *a),
			    void *ctx, struct err *e) NODISCARD;

/* What a rollout has to do with each of some devices. */
struct overview_mark {
	bool tried;      /* it was offered to it once */
	bool has_before; /* what its other slot holds is known: */
	struct sha256 before;
};

int store_overview_marks(struct store *s, int64_t rollout,
			 const struct overview_device *devices, size_t count,
			 struct overview_mark *out, struct err *e) NODISCARD;

int store_overview_list(struct store *s, const struct overview_list *l,
			void (*visit)(void *ctx,
				      const struct overview_device *d),
			void *ctx, struct err *e) NODISCARD;

#endif
