/* SPDX-License-Identifier: Apache-2.0 */
/*
 * score - how well a fleet is looked after, as one number from 0 to 100 that
 * falls for reasons, each of them named. Pure.
 *
 * The number is for comparing a fleet with itself over time, not with others.
 * What concerns devices takes off its share of the points that it is worth, and
 * never nothing where a single device is concerned; what concerns the server or
 * its people takes them all. What devices do not say takes off nothing.
 */
#ifndef UPDATE_SERVER_SCORE_H
#define UPDATE_SERVER_SCORE_H

#include "common/wire.h"

#define SCORE_REASONS_MAX 20
#define SCORE_TEXT_MAX    160

/* What of a device takes off points; by score_name_of(). */
enum score_of {
	SCORE_BEHIND,
	SCORE_SILENT,
	SCORE_UNPROVISIONED,
	SCORE_QUARANTINED,
	SCORE_ENDING,
	SCORE_FIRST_USE,
	SCORE_POSTURE, /* and each enum wire_posture_bit: it says that it is not
			  so */
	SCORE_OF_DEVICES = SCORE_POSTURE + POSTURE_BITS
};

/* "behind", "hardware-key", ... */
const char *score_name_of(enum score_of what);

/* What a survey of the registry and a look at the server found. */
struct score_facts {
	/* Of devices that belong to the fleet: neither revoked nor retired. */
	uint64_t devices;
	uint64_t unprovisioned; /* run nothing of ours yet */
	uint64_t behind;        /* lack a fix that a release brings */
	uint64_t silent;        /* unheard of for too long */
	uint64_t quarantined;   /* two keys claim to be it */
	uint64_t ending;        /* certificate not renewed in time */
	uint64_t first_use;     /* hold slots that are not ours yet */
	/* Say that it is not so, of each; who does not say is not counted. */
	uint64_t lacking[POSTURE_BITS];
	/* And of those that do not belong: */
	uint64_t revoked;
	/* Requests of these, and of strangers, since the day began. */
	uint64_t revoked_seen;
	/* Seconds until the first of them ends, below 0 if it has;
	 * INT64_MAX: there is none. */
	int64_t online_left, signed_left, certificate_left;
	/* What of what people sign is nearest by tuf_due(), and signed_left of
	 * that one. */
	int signed_due;
	/* People who hold several roles, where each is meant for another. */
	uint64_t role_conflicts;
	bool one_person; /* does what two are meant for */
	bool log_behind;
	bool backup_late;
};

struct score_reason {
	const char *name;          /* "behind", "silent"...: never changes */
	bool of_devices;           /* so there are some to be listed */
	unsigned points;           /* taken off */
	char text[SCORE_TEXT_MAX]; /* for people */
};

struct score {
	unsigned points; /* 0 to 100 */
	struct score_reason reasons[SCORE_REASONS_MAX];
	size_t count; /* the heaviest first */
};

void score_judge(const struct score_facts *f, struct score *out);

/* {"points", "reasons": [{"name","points","text"}...], "devices", ...}. */
struct json *score_json(const struct score_facts *f, const struct score *s);

#endif
