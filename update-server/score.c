/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/score.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/utc.h"

/* When it is high time; the server renews what is online twice a day. */
#define ONLINE_LEAST      (6 * INT64_C(3600))
#define CERTIFICATE_LEAST (30 * UTC_DAY)

static struct score_reason *add(struct score *s, const char *name,
				unsigned points)
{
	struct score_reason *r = &s->reasons[s->count++];

	assert(s->count <= SCORE_REASONS_MAX);
	r->name = name;
	r->points = points;
	return r;
}

/* ---- devices ------------------------------------------------------------- */

static const struct share_rule {
	const char *name, *text;
	unsigned worth;
} rules[SCORE_OF_DEVICES] = {
	[SCORE_BEHIND] = { "behind", "lack a fix that a release brings", 30 },
	[SCORE_SILENT] = { "silent", "have not been heard of for long", 15 },
	[SCORE_UNPROVISIONED] = { "unprovisioned", "run nothing of ours yet",
				  10 },
	[SCORE_QUARANTINED] = { "quarantined",
				"are in quarantine: two keys claim to be one",
				20 },
	[SCORE_ENDING] = { "ending",
			   "have not renewed their certificate in time", 10 },
	[SCORE_FIRST_USE] = { "first-use",
			      "have a slot that still holds what the factory "
			      "put there",
			      10 },
	/* How they are built, as they say. */
	[SCORE_POSTURE + POSTURE_SANDBOX] = { "sandbox",
					      "run an updater that their "
					      "kernel does not confine",
					      8 },
	[SCORE_POSTURE + POSTURE_SECURE_BOOT] = { "secure-boot",
						  "start what nobody verified",
						  4 },
	[SCORE_POSTURE + POSTURE_ROOT_READ_ONLY] = { "root-read-only",
						     "have a writable root",
						     2 },
	[SCORE_POSTURE +
		POSTURE_HARDWARE_CLOCK] = { "hardware-clock",
					    "have no clock that runs while "
					    "they are off",
					    1 },
	[SCORE_POSTURE + POSTURE_HARDWARE_KEY] = { "hardware-key",
						   "keep their key in a file",
						   2 },
	[SCORE_POSTURE +
		POSTURE_CONFIG_PRIVATE] = { "config-private",
					    "let others write what decides "
					    "which updates they take",
					    4 },
};

const char *score_name_of(enum score_of what)
{
	return rules[what].name;
}

/* The share of the points, rounded up: one device is never nothing. */
static unsigned share(uint64_t n, uint64_t of, unsigned worth)
{
	if (n == 0 || of == 0)
		return 0;
	if (n >= of)
		return worth;
	return (unsigned)((n * worth + of - 1) / of);
}

static void judge_share(const struct score_facts *f, struct score *s,
			const struct share_rule *rule, uint64_t n)
{
	unsigned points = share(n, f->devices, rule->worth);
	struct score_reason *r;

	if (points == 0)
		return;
	r = add(s, rule->name, points);
	r->of_devices = true;
	(void)snprintf(r->text, SCORE_TEXT_MAX,
		       "%" PRIu64 " of %" PRIu64 " devices %s", n, f->devices,
		       rule->text);
}

static void judge_devices(const struct score_facts *f, struct score *s)
{
	const uint64_t n[SCORE_POSTURE] = {
		[SCORE_BEHIND] = f->behind,
		[SCORE_SILENT] = f->silent,
		[SCORE_UNPROVISIONED] = f->unprovisioned,
		[SCORE_QUARANTINED] = f->quarantined,
		[SCORE_ENDING] = f->ending,
		[SCORE_FIRST_USE] = f->first_use,
	};

	for (size_t i = 0; i < SCORE_OF_DEVICES; i++)
		judge_share(f, s, &rules[i],
			    i < SCORE_POSTURE ? n[i]
					      : f->lacking[i - SCORE_POSTURE]);
}

/* ---- the server ---------------------------------------------------------- */

static void add_end(struct score *s, const char *name, const char *what,
		    int64_t left, unsigned points)
{
	/* What has ended is worse than what is about to. */
	struct score_reason *r = add(s, name, left <= 0 ? 25 : points);
	bool days = left >= 3 * UTC_DAY;

	if (left <= 0)
		(void)snprintf(r->text, sizeof(r->text), "%s has expired",
			       what);
	else
		(void)snprintf(r->text, sizeof(r->text),
			       "%s ends in %" PRId64 " %s", what,
			       left / (days ? UTC_DAY : 3600),
			       days ? "days" : "hours");
}

/* People must be found who sign: it is said early, and gently at first. */
static unsigned points_of_due(int due)
{
	if (due <= 7)
		return 10;
	return due <= 30 ? 5 : 1;
}

static void judge_ends(const struct score_facts *f, struct score *s)
{
	if (f->online_left < ONLINE_LEAST)
		add_end(s, "online-metadata", "the snapshot or the timestamp",
			f->online_left, 10);
	if (f->signed_due >= 0)
		add_end(s, "signed-metadata", "metadata that people sign",
			f->signed_left, points_of_due(f->signed_due));
	if (f->certificate_left < CERTIFICATE_LEAST)
		add_end(s, "certificates", "a certificate of the server's",
			f->certificate_left, 10);
}

static void judge_server(const struct score_facts *f, struct score *s)
{
	judge_ends(f, s);
	if (f->log_behind)
		(void)snprintf(add(s, "log", 25)->text, SCORE_TEXT_MAX,
			       "the audit log lacks what was signed once");
	if (f->revoked_seen > 0)
		(void)snprintf(add(s, "revoked-seen", 5)->text, SCORE_TEXT_MAX,
			       "%" PRIu64 " requests today were made with "
			       "certificates that are not good here",
			       f->revoked_seen);
	if (f->backup_late)
		(void)snprintf(add(s, "backup", 5)->text, SCORE_TEXT_MAX,
			       "no backup was made for 7 days");
	if (f->role_conflicts > 0)
		(void)snprintf(add(s, "roles", 5)->text, SCORE_TEXT_MAX,
			       "people who hold several roles: %" PRIu64,
			       f->role_conflicts);
	if (f->one_person)
		(void)snprintf(add(s, "four-eyes", 10)->text, SCORE_TEXT_MAX,
			       "one person alone does what takes two: [people] "
			       "four_eyes is off");
}

static int compare(const void *a, const void *b)
{
	const struct score_reason *x = a, *y = b;

	return x->points < y->points ? 1 : x->points > y->points ? -1 : 0;
}

void score_judge(const struct score_facts *f, struct score *out)
{
	struct score s = { .points = 100 };

	judge_devices(f, &s);
	judge_server(f, &s);
	qsort(s.reasons, s.count, sizeof(s.reasons[0]), compare);
	for (size_t i = 0; i < s.count; i++)
		s.points -= s.reasons[i].points < s.points ? s.reasons[i].points
							   : s.points;
	*out = s;
}

struct json *score_json(const struct score_facts *f, const struct score *s)
{
	struct json *j = json_new_object(), *reasons = json_new_array();

	for (size_t i = 0; i < s->count; i++) {
		struct json *r = json_new_object();

		json_set_text(r, "name", s->reasons[i].name);
		json_set_int(r, "points", s->reasons[i].points);
		json_set_text(r, "text", s->reasons[i].text);
		if (s->reasons[i].of_devices)
			json_set_bool(r, "listed", true);
		json_add(reasons, r);
	}
	json_set_int(j, "points", s->points);
	json_set(j, "reasons", reasons);
	json_set_int(j, "devices", (int64_t)f->devices);
	json_set_int(j, "unprovisioned", (int64_t)f->unprovisioned);
	json_set_int(j, "behind", (int64_t)f->behind);
	json_set_int(j, "silent", (int64_t)f->silent);
	json_set_int(j, "quarantined", (int64_t)f->quarantined);
	json_set_int(j, "ending", (int64_t)f->ending);
	json_set_int(j, "first_use", (int64_t)f->first_use);
	json_set_int(j, "revoked", (int64_t)f->revoked);
	return j;
}
