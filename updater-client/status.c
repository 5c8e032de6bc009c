/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/status.h"

#include <stdio.h>
#include <string.h>

#include "common/claim.h"
#include "common/fs.h"
#include "common/image.h"
#include "common/image_disk.h"
#include "common/json.h"
#include "common/log.h"
#include "common/text.h"
#include "common/tuf_store.h"
#include "common/utc.h"
#include "updater-client/confine.h"
#include "updater-client/first_use.h"
#include "updater-client/history.h"
#include "updater-client/identity.h"
#include "updater-client/report.h"
#include "updater-client/session.h"
#include "updater-client/slot_image.h"
#include "updater-client/status_file.h"
#include "updater-client/trouble.h"

#define SHOWN_HISTORY 5
#define MEDIUM        "metadata/" TUF_MEDIUM_FILE
#define MEDIUM_MAX    65536

/* Reading all of an image takes too long for a look: is there room for it? */
static bool image_is_there(const struct settings_slot *slot, enum slot which,
			   const struct slot_part *r)
{
	struct err unused;
	uint64_t len = 0;
	bool there;
	int fd = -1;

	if (slot_image_open(slot, which, &fd, &unused))
		return false;
	there = image_room(fd, &len, &unused) == 0 && len >= r->content_len;
	fs_close(&fd);
	return there;
}

/* Of an image it is made of length and digest, and not itself signed. */
static bool is_manifest_of(int fd, const struct slot_part *r)
{
	uint8_t bytes[IMAGE_MANIFEST_MAX];
	struct err unused;
	size_t got;

	return fs_read_at(fd, 0, bytes, sizeof(bytes), &got, &unused) == 0 &&
	       image_or_tree_is(PACKAGE_IMAGE, (struct slice){ bytes, got },
				&r->digest);
}

/* Is the manifest still the one that was signed? */
static bool part_is_intact(const struct session *s, enum slot which,
			   const struct slot_part *r)
{
	const size_t i = settings_slot_of(s->config, r->component);
	const struct settings_slot *slot = &s->config->slots[i];
	struct sha256 digest;
	struct err unused;
	bool intact = false;
	int fd = -1;

	if (i == s->config->slot_count)
		return false; /* nobody knows where that is now */
	if (slot->kind == SLOT_IMAGE)
		return image_is_there(slot, which, r);
	if (slot_tree_manifest(&s->slots, which, i > 0 ? slot->component : NULL,
			       &fd, &unused))
		return false;
	if (slot->kind == SLOT_FILE || slot->kind == SLOT_HANDLER)
		intact = is_manifest_of(fd, r);
	else if (sha256_of_range(fd, 0, r->manifest_len, &digest, &unused) == 0)
		intact = sha256_equal(&digest, &r->digest);
	fs_close(&fd);
	return intact;
}

static bool is_intact(const struct session *s, enum slot which,
		      const struct slot_release *r)
{
	for (size_t i = 0; i < r->part_count; i++)
		if (!part_is_intact(s, which, &r->parts[i]))
			return false;
	return true;
}

/*
 * Written and read back; it has not started yet. What was switched to leaves
 * another state behind than one that failed before.
 */
static bool is_only_installed(const struct session *s, enum slot which,
			      const struct slot_release *r)
{
	const struct machine *m = &s->journal.machine;

	if (which == s->current)
		return false;
	if (m->state == MACHINE_IDLE)
		return sha256_equal(&r->digest, &s->journal.digest) &&
		       !sha256_equal(&r->digest, &s->running.digest);
	return which == m->to && m->reason == REASON_NONE &&
	       (m->state == MACHINE_INSTALLED || m->state == MACHINE_REBOOT);
}

static const char *slot_state(const struct session *s, enum slot which,
			      const struct slot_release *r, bool found)
{
	const struct journal *j = &s->journal;

	if (!found)
		return which == s->current ? "unknown" : "empty";
	if (!is_intact(s, which, r))
		return "damaged";
	if (which == s->current && session_is_on_trial(s))
		return "trying";
	if (refusals_have(&j->refusals, &r->digest) ||
	    r->content_seq < s->floor.stored)
		return "bad";
	return is_only_installed(s, which, r) ? "installed" : "good";
}

static struct json *components_json(const struct slot_release *r)
{
	struct json *all = json_new_array();

	for (size_t i = 0; i < r->part_count; i++) {
		const struct slot_part *p = &r->parts[i];
		struct json *j = json_new_object();

		json_set_text(j, "component", p->component);
		json_set_hex(j, "digest",
			     (struct slice){ p->digest.bytes, SHA256_LEN });
		json_add(all, j);
	}
	return all;
}

static void add_release(struct json *j, const struct slot_release *r)
{
	char end[UTC_TEXT_LEN];

	json_set_text(j, "release", r->id);
	json_set_text(j, "version", r->version);
	json_set_int(j, "seq", (int64_t)r->seq);
	json_set_hex(j, "digest",
		     (struct slice){ r->digest.bytes, SHA256_LEN });
	if (r->part_count > 1)
		json_set(j, "components", components_json(r));
	if (r->support_end > 0) {
		utc_format(r->support_end, end);
		json_set_text(j, "support_end", end);
	}
	if (r->order[0])
		json_set_text(j, "order", r->order);
}

static struct json *slot_json(const struct session *s, enum slot which)
{
	struct json *j = json_new_object();
	struct slot_release r = { 0 };
	struct err unreadable;
	bool found = false;

	json_set_text(j, "slot", slot_name(which));
	json_set_bool(j, "current", which == s->current);
	if (slot_tree_release(&s->slots, which, &r, &found, &unreadable)) {
		json_set_text(j, "state", "unreadable");
		return j;
	}
	json_set_text(j, "state", slot_state(s, which, &r, found));
	if (found)
		add_release(j, &r);
	return j;
}

static struct json *refused_json(const struct journal *journal)
{
	struct json *all = json_new_array();

	for (uint32_t i = 0; i < journal->refusals.count; i++) {
		char hex[SHA256_HEX_LEN];

		sha256_format(&journal->refusals.digests[i], hex);
		json_add(all, json_new_text(hex));
	}
	return all;
}

static void add_identity(struct json *j, const struct session *s)
{
	char code[CLAIM_JOIN_LEN + 1];

	json_set_bool(j, "enrolled", s->enrolled);
	json_set_text(j, "standing", first_use_standing(s));
	identity_load_code(s->state_fd, code);
	if (code[0])
		json_set_text(j, "join_code", code);
	if (!s->enrolled)
		return;
	json_set_hex(j, "device",
		     (struct slice){ s->identity.device.bytes, DEVICE_ID_LEN });
	json_set_text(j, "cohort", s->cohort.name);
	json_set_int(j, "cohort_version", (int64_t)s->cohort.version);
	json_set_bool(j, "lab", s->cohort.lab);
}

/* A wrong clock is no failure here, but the first thing to look at. */
static const char *clock_state(const struct journal *j)
{
	int64_t clock = utc_now();

	if (j->trusted_until > 0 && clock >= j->trusted_until)
		return "ahead";
	return clock < j->time_floor ? "behind" : "plausible";
}

static void add_boot(struct json *j, const struct session *s)
{
	const struct boot_record *r = &s->record;

	json_set_text(j, "boot_control", s->boot.control->name);
	json_set_text(j, "boot_next", slot_name(r->slot));
	json_set_text(j, "boot_failed", slot_name(r->failed));
	if (r->trying)
		json_set_int(j, "boot_tries_left", r->left);
	if (s->boot_failure.code != ERR_NONE)
		json_set_text(j, "boot_error", s->boot_failure.msg);
}

static void add_journal(struct json *j, const struct session *s)
{
	const struct journal *journal = &s->journal;
	char floor[UTC_TEXT_LEN];

	json_set_text(j, "state", machine_state_name(journal->machine.state));
	json_set_text(j, "reason",
		      machine_reason_name(journal->machine.reason));
	json_set_text(j, "detail", journal->detail);
	json_set_text(j, "last_tried", journal->release);
	json_set_int(j, "attempts_left", journal->machine.attempts_left);
	json_set_int(j, "activation",
		     (int64_t)(journal->activation & (uint64_t)JSON_INT_MAX));
	json_set(j, "refused", refused_json(journal));
	json_set_bool(j, "journal_reset", s->reset);
	add_boot(j, s);
	json_set_int(j, "floor", (int64_t)s->floor.stored);
	json_set_int(j, "floor_verified", (int64_t)s->floor.verified);
	json_set_text(j, "clock", clock_state(journal));
	if (journal->time_floor > 0) {
		utc_format(journal->time_floor, floor);
		json_set_text(j, "time_floor", floor);
	}
}

/*
 * How old the last medium was made that was believed: what it says is as old.
 * The file was verified when it was kept.
 */
static void add_medium(struct json *j, const struct session *s)
{
	struct buf file = BUF_INIT(MEDIUM_MAX);
	struct json *medium = NULL;
	const struct json *signed_part;
	const char *issued;
	struct err none;
	int64_t sec;

	if (fs_read_file(s->state_fd, MEDIUM, &file, &none) ||
	    json_parse(buf_slice(&file), &medium, &none) ||
	    json_get_object(medium, "signed", &signed_part, &none) ||
	    json_get_text(signed_part, "issued", &issued, &none) ||
	    utc_parse(slice_of(issued), &sec, &none))
		goto out;
	json_set_text(j, "medium_issued", issued);
	json_set_int(j, "medium_days",
		     utc_now() > sec ? (utc_now() - sec) / UTC_DAY : 0);
out:
	json_free(medium);
	buf_done(&file);
}

/* What a process that was killed had told is nobody's work now. */
static void add_progress(struct json *j, const struct session *s)
{
	struct json *progress = NULL;

	if (fs_is_locked(s->state_fd, SESSION_LOCK))
		progress = status_file_progress(s->config);
	if (progress)
		json_set(j, "progress", progress);
}

static struct json *status_json(const struct session *s)
{
	const struct settings *c = s->config;
	struct json *j = json_new_document();
	struct json *slots = json_new_array();
	char confined[CONFINE_TEXT_MAX];
	struct json *trouble;

	json_set_text(j, "updater", VERSION);
	confine_describe(confined);
	json_set_text(j, "confined", confined);
	json_set_text(j, "product", c->product);
	json_set_text(j, "model", c->model ? c->model : "");
	json_set_text(j, "hardware", c->hardware ? c->hardware : "");
	json_set_text(j, "environment", environment_name(c->environment));
	add_identity(j, s);
	json_set_text(j, "slot", slot_name(s->current));
	if (s->has_running)
		add_release(j, &s->running);
	add_journal(j, s);
	add_medium(j, s);
	json_add(slots, slot_json(s, SLOT_A));
	json_add(slots, slot_json(s, SLOT_B));
	json_set(j, "slots", slots);
	trouble = trouble_load(s->state_fd);
	if (trouble)
		json_set(j, "trouble", trouble);
	json_set_int(j, "reports_waiting",
		     (int64_t)report_pending(s->state_fd));
	json_set(j, "history", history_load(s->state_fd));
	return j;
}

/* ---- for people ---------------------------------------------------------- */

static const char *member(const struct json *j, const char *name)
{
	return json_text(json_get(j, name));
}

static int print_slots(const struct json *status, struct buf *out,
		       struct err *e)
{
	const struct json *slots = json_get(status, "slots");

	for (size_t i = 0; i < json_count(slots); i++) {
		const struct json *slot = json_at(slots, i);
		const char *release = member(slot, "release");

		if (buf_addf(out, e, "slot %s       %s%s%s%s%s\n",
			     member(slot, "slot"), member(slot, "state"),
			     release[0] ? ", " : "", release,
			     release[0] ? " " : "", member(slot, "version")))
			return -1;
	}
	return 0;
}

static int print_history(const struct json *status, struct buf *out,
			 struct err *e)
{
	const struct json *all = json_get(status, "history");
	size_t count = json_count(all);

	for (size_t i = count > SHOWN_HISTORY ? count - SHOWN_HISTORY : 0;
	     i < count; i++) {
		const struct json *entry = json_at(all, i);
		const char *reason = member(entry, "reason");
		const int64_t times = json_int(json_get(entry, "times"));
		char often[32] = "";

		if (times > 0)
			(void)snprintf(often, sizeof(often), " (%lld times)",
				       (long long)times);
		if (buf_addf(out, e, "%s  %s %s%s%s%s%s%s\n",
			     member(entry, "time"), member(entry, "release"),
			     member(entry, "result"), reason[0] ? ": " : "",
			     reason, member(entry, "detail")[0] ? ", " : "",
			     member(entry, "detail"), often))
			return -1;
	}
	return 0;
}

static int print_medium(const struct json *status, struct buf *out,
			struct err *e)
{
	if (!json_get(status, "medium_issued"))
		return 0;
	return buf_addf(out, e, "medium       of %s, %lld days old\n",
			member(status, "medium_issued"),
			(long long)json_int(json_get(status, "medium_days")));
}

static int print_trouble(const struct json *status, struct buf *out,
			 struct err *e)
{
	const struct json *trouble = json_get(status, "trouble");

	if (!trouble)
		return 0;
	return buf_addf(out, e, "trouble      since %s: %s\n",
			member(trouble, "since"), member(trouble, "message"));
}

static int print_progress(const struct json *status, struct buf *out,
			  struct err *e)
{
	const struct json *p = json_get(status, "progress");
	char done[16], total[16];

	if (!p)
		return 0;
	text_size((uint64_t)json_int(json_get(p, "done")), done);
	text_size((uint64_t)json_int(json_get(p, "total")), total);
	return buf_addf(out, e, "progress     %s, %s of %s\n",
			member(p, "phase"), done, total);
}

static int print_state(const struct json *status, const struct session *s,
		       struct buf *out, struct err *e)
{
	const struct journal *j = &s->journal;

	if (buf_addf(out, e, "state        %s",
		     machine_state_name(j->machine.state)))
		return -1;
	if (j->machine.reason != REASON_NONE &&
	    buf_addf(out, e, ": %s was taken back (%s%s%s)", j->release,
		     machine_reason_name(j->machine.reason),
		     j->detail[0] ? ": " : "", j->detail))
		return -1;
	if (j->machine.state == MACHINE_TRIAL &&
	    buf_addf(out, e, ", %u attempts left", j->machine.attempts_left))
		return -1;
	if (s->reset && buf_addf(out, e, " (the journal was damaged)"))
		return -1;
	if (strcmp(clock_state(j), "ahead") == 0 &&
	    buf_addf(out, e,
		     "\nclock        past the end of the root of trust: it is "
		     "ahead, or nothing was heard for too long"))
		return -1;
	if (strcmp(clock_state(j), "behind") == 0 &&
	    buf_addf(out, e,
		     "\nclock        behind what was signed; that time "
		     "counts instead"))
		return -1;
	if (s->floor.verified > 0 &&
	    buf_addf(out, e, "\nfloor        seq %llu%s",
		     (unsigned long long)s->floor.verified,
		     s->floor.stored < s->floor.verified ? ", not reached yet"
							 : ""))
		return -1;
	return buf_addf(
		out, e, "\nreports      %lld waiting\n",
		(long long)json_int(json_get(status, "reports_waiting")));
}

static int print_people(const struct json *status, const struct session *s,
			struct buf *out, struct err *e)
{
	const struct settings *c = s->config;

	if (buf_addf(out, e, "product      %s%s%s, %s\n", c->product,
		     c->model ? ", model " : "", c->model ? c->model : "",
		     environment_name(c->environment)) ||
	    buf_addf(out, e,
		     "device       %s%s%s%s\n"
		     "standing     %s\n"
		     "runs         %s%s%s\n",
		     s->enrolled ? member(status, "device") : "not enrolled",
		     s->enrolled ? ", cohort " : "",
		     s->enrolled ? s->cohort.name : "",
		     s->enrolled && s->cohort.lab ? ", of the lab" : "",
		     member(status, "standing"),
		     s->has_running ? s->running.id : "nothing of ours",
		     s->has_running ? " " : "",
		     s->has_running ? s->running.version : "") ||
	    (json_get(status, "join_code") &&
	     buf_addf(out, e, "shows        %s: an officer has to approve it\n",
		      member(status, "join_code"))) ||
	    (s->has_running && s->running.order[0] &&
	     buf_addf(out, e, "opened by    %s\n", s->running.order)) ||
	    print_state(status, s, out, e) || print_progress(status, out, e) ||
	    print_trouble(status, out, e) || print_medium(status, out, e) ||
	    print_slots(status, out, e) ||
	    buf_addf(out, e, "confined by  %s\n", member(status, "confined")))
		return -1;
	return print_history(status, out, e);
}

void status_add_failure(struct json *j, const struct err *failure)
{
	char shown[2 * ERR_MSG_LEN];

	text_escape(slice_of(failure->msg), shown, sizeof(shown));
	json_set_text(j, "error", err_name(failure->code));
	json_set_text(j, "message", shown);
	json_set_int(j, "status", failure->code);
}

static int print_damage(const struct err *damage, struct buf *out,
			struct err *e)
{
	return damage ? buf_addf(out, e,
				 "configured   %s; what follows is seen with "
				 "the one before\n",
				 damage->msg)
		      : 0;
}

static void add_damage(struct json *status, const struct err *damage)
{
	json_set_text(status, "configuration", damage->msg);
	status_add_failure(status, damage);
}

/* `live`: how far an update is that another process is at. */
static int print(const struct settings *c, const struct err *damage,
		 bool as_json, bool live, struct buf *out, struct err *e)
{
	struct session s;
	struct json *status;
	int rc;

	if (session_peek(&s, c, e))
		return -1;
	status = status_json(&s);
	if (live)
		add_progress(status, &s);
	if (damage)
		add_damage(status, damage);
	rc = as_json ? json_print(status, true, out, e)
		     : print_damage(damage, out, e) ||
			       print_people(status, &s, out, e);
	json_free(status);
	session_close(&s);
	return rc;
}

int status_print(const struct settings *c, const struct err *damage,
		 bool as_json, struct buf *out, struct err *e)
{
	return print(c, damage, as_json, true, out, e);
}

/* ---- for programs -------------------------------------------------------- */

static int publish(const struct settings *c, struct err *e)
{
	struct buf text = BUF_INIT(STATUS_MAX);
	int rc = print(c, NULL, true, false, &text, e) ||
				 buf_addf(&text, e, "\n")
			 ? -1
			 : 0;

	if (rc == 0)
		rc = status_file_write(c, buf_slice(&text), e);
	buf_done(&text);
	return rc;
}

void status_publish(const struct settings *c)
{
	struct err e = { 0 };

	if (c->status && publish(c, &e))
		log_event(LOG_WARNING, "status-not-published",
			  "file=%s reason=\"%s\"", c->status, e.msg);
}
