/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/consent.h"

#include <stdio.h>

#include "common/fs.h"
#include "common/json.h"
#include "common/log.h"
#include "common/text.h"
#include "common/utc.h"
#include "updater-client/hook.h"
#include "updater-client/report.h"

#define FILE_NAME "deferred.json"
#define FILE_MAX  1024

/* ---- since when ---------------------------------------------------------- */

/*
 * 0: this release was not put off yet; or at a time that is still to come: a
 * clock was wrong then, and would put it off for ever.
 */
static int64_t waits_since(const struct session *s, const struct sha256 *digest,
			   bool *untold)
{
	static const char *const members[] = { "v", "digest", "since", "untold",
					       NULL };
	struct buf file = BUF_INIT(FILE_MAX);
	struct json *j = NULL;
	struct sha256 of;
	struct err none;
	const char *text;
	int64_t since = 0;

	if (fs_read_file(s->state_fd, FILE_NAME, &file, &none) ||
	    json_parse(buf_slice(&file), &j, &none) ||
	    json_only(j, members, &none) ||
	    json_get_hex(j, "digest", of.bytes, SHA256_LEN, &none) ||
	    !sha256_equal(&of, digest) ||
	    json_get_text(j, "since", &text, &none) ||
	    utc_parse(slice_of(text), &since, &none) || since > s->now)
		since = 0;
	*untold = since > 0 && json_get(j, "untold");
	json_free(j);
	buf_done(&file);
	return since;
}

/* `untold` is there only where it is so: older updaters know of none. */
static int note(const struct session *s, const struct sha256 *digest,
		int64_t when, bool untold, struct err *e)
{
	struct buf bytes = BUF_INIT(FILE_MAX);
	struct json *j = json_new_document();
	char since[UTC_TEXT_LEN];
	int rc;

	utc_format(when, since);
	json_set_hex(j, "digest", (struct slice){ digest->bytes, SHA256_LEN });
	json_set_text(j, "since", since);
	if (untold)
		json_set_bool(j, "untold", true);
	rc = json_print(j, false, &bytes, e) ||
			     fs_replace_file(s->state_fd, FILE_NAME,
					     buf_slice(&bytes), 0600, e)
		     ? -1
		     : 0;
	json_free(j);
	buf_done(&bytes);
	return rc;
}

/* ---- what it waits for --------------------------------------------------- */

static bool window_is_open(const struct session *s, const struct plan *plan,
			   char why[WIRE_REASON_MAX])
{
	if (plan->urgent || hours_include(&s->config->install_hours, s->now))
		return true;
	(void)snprintf(why, WIRE_REASON_MAX, "waits for its window, %s",
		       s->config->install_hours.text);
	return false;
}

/* When the window does, by our clock; 0: it is none that it waits for. */
static int64_t opens(const struct session *s, const struct plan *plan)
{
	const uint64_t wait =
		plan->urgent ? 0
			     : hours_wait(&s->config->install_hours, s->now);

	return wait > 0 ? s->now + (int64_t)wait : 0;
}

/* Exit status 0 is yes; whatever else happens is: not now. */
static bool program_agrees(const struct session *s, const struct plan *plan,
			   char why[WIRE_REASON_MAX])
{
	const struct hook h = {
		.argv = s->config->consent.argv,
		.dirfd = -1,
		.release = plan->release.id,
		.deadline_ms = (int64_t)s->config->consent_sec * 1000,
		.stop_fd = s->stop_fd,
	};
	struct hook_output unused;
	struct err e = { 0 };

	if (s->config->consent.argc == 0 || hook_run(&h, &unused, &e) == 0)
		return true;
	if (e.code == ERR_CONFIG)
		log_event(LOG_ERROR, "consent-not-asked", "%s", e.msg);
	text_escape(slice_of(e.msg), why, WIRE_REASON_MAX);
	return false;
}

/* What the engineers signed and what is configured: the shorter; 0: any. */
static uint64_t longest(const struct session *s, const struct plan *plan)
{
	const uint64_t ours = s->config->defer_max_sec;
	const uint64_t theirs = plan->defer_max_sec;

	return ours == 0 || (theirs > 0 && theirs < ours) ? theirs : ours;
}

bool consent_given(struct session *s, const struct plan *plan,
		   char why[WIRE_REASON_MAX])
{
	const struct sha256 *digest = &plan->release.digest;
	/* While another waits for its boot, the attempt is still that one's. */
	const bool later = s->journal.machine.state == MACHINE_REBOOT;
	bool untold;
	const int64_t since = waits_since(s, digest, &untold);
	const int64_t most = (int64_t)longest(s, plan);
	struct err e = { 0 };

	if ((since > 0 && most > 0 && s->now - since >= most) ||
	    (window_is_open(s, plan, why) && program_agrees(s, plan, why)))
		return true;
	log_event(LOG_INFO, "update-deferred", "release=%s reason=\"%s\"",
		  plan->release.id, why);
	if (since > 0 && (later || !untold))
		return false;
	if (!later)
		report_deferred(s, why, opens(s, plan));
	/* Not kept, it is only put off for longer. */
	if (note(s, digest, since > 0 ? since : s->now, later, &e))
		log_event(LOG_WARNING, "deferral-not-kept", "%s", e.msg);
	return false;
}

void consent_done(const struct session *s)
{
	struct err e = { 0 };

	if (fs_remove_tree(s->state_fd, FILE_NAME, &e))
		log_event(LOG_WARNING, "deferral-not-forgotten", "%s", e.msg);
}
