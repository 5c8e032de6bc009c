/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/next_step.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Also of a product, a release and all cohorts, and of what is said. */
#define COMMAND_MAX (512 + (ROLLOUT_COHORTS_MAX + 2) * (NAME_MAX_LEN + 10))

static const char nothing[] =
	"Nothing to do: it goes on by itself as far as its evidence does, and "
	"stops by itself.";

/* ---- in words ------------------------------------------------------------ */

static const char *paused_words(const struct stage *s)
{
	if (s->asked_by[0])
		return "Nobody gets it now. One person has resumed it: a "
		       "second one looks at what went wrong and does the same, "
		       "or it stays as it is.";
	if (s->last_verb == STAGE_ROLLBACK)
		return "It has stopped so that the fleet comes back: do the "
		       "steps of the way back, which `rollout rollback` says "
		       "again.";
	switch (s->pause) {
	case PAUSE_GATE:
		return "Nobody gets it now. Look at what went wrong, and at a "
		       "device or two. If it is the release: take back the "
		       "devices that run it, which cannot be done once it is "
		       "aborted, or abort it and leave them. Resume it only "
		       "if the cause is known and harmless.";
	case PAUSE_TROUBLE:
		return "Nobody gets it now. Devices could not fetch its "
		       "packages, or found them to be other than what was "
		       "signed: compare what is served here, and look at what "
		       "stands in front of the server. Then resume it.";
	case PAUSE_EVIDENCE:
		return "Nobody gets it now. Too few devices said how it went: "
		       "see which did not, and whether they are switched off. "
		       "Resume it when they are back, retire those that never "
		       "will be, or abort it.";
	case PAUSE_ORDER:
		return "Nobody gets it now. Operators sign another order for "
		       "it; then resume it.";
	case PAUSE_METADATA:
		return "Nobody gets it now: devices take nothing that such "
		       "metadata lists. The release engineers extend it "
		       "(pawl-signer extend); import that, then resume.";
	case PAUSE_PERSON:
	case PAUSE_NONE:
	default:
		return "Nobody gets it until somebody resumes it; what has "
		       "updated stays so.";
	}
}

static const char *running_words(const struct next_step *n)
{
	if (n->wants_order)
		return "It waits for operators: what they signed opens less "
		       "than this phase. See whether an order waits for a "
		       "second signature; else sign one.";
	if (n->stage->phase_state != PHASE_HELD)
		return nothing;
	if (n->stage->phase + 1 < n->stage->ladder.count)
		return "Have the devices of this phase confirmed, and is none "
		       "dark or gone back? Then open what follows. Else pause "
		       "it, or wait: it waits for you as long as you like.";
	return "Have its devices confirmed, and is none dark or gone back? "
	       "Then let it complete: devices that come late get it still.";
}

static const char *words_of(const struct next_step *n)
{
	switch (n->stage->status) {
	case STAGE_DRAFT:
		return "See its plan. If it is what you meant, submit it; else "
		       "discard it and make another.";
	case STAGE_PENDING:
		return "Somebody else than its author sees the plan and "
		       "approves it.";
	case STAGE_SCHEDULED:
		return "See its plan, and start that. Nobody is offered it "
		       "before.";
	case STAGE_RUNNING:
		return running_words(n);
	case STAGE_PAUSED:
		return paused_words(n->stage);
	case STAGE_COMPLETED:
		if (n->wants_baseline)
			return "Two operators sign the baseline, or devices "
			       "that come when its order has ended get "
			       "nothing. If it turns out to be bad, pause it, "
			       "or take the fleet back.";
		return "Devices that come late get it. If it turns out to be "
		       "bad, pause it, or take the fleet back.";
	case STAGE_ABORTED:
		return "It is over; what has updated stays so. To lead that "
		       "back, make a rollout of the release that undoes it, or "
		       "have the engineers sign the old content anew.";
	case STAGE_REPLACED:
	default:
		return "It is over: another rollout is for its devices now.";
	}
}

/* ---- by commands --------------------------------------------------------- */

static void add(struct json *list, const char *command)
{
	json_add(list, json_new_text(command));
}

/* An act on what the person saw. */
static void add_act(struct json *list, const struct stage *s, const char *act,
		    bool reason)
{
	char text[COMMAND_MAX];

	(void)snprintf(text, sizeof(text), "%s %s --revision %" PRIu64 "%s",
		       act, s->what.name, s->revision,
		       reason ? " --reason TEXT" : "");
	add(list, text);
}

static void add_named(struct json *list, const char *command, const char *name,
		      const char *rest)
{
	char text[COMMAND_MAX];

	(void)snprintf(text, sizeof(text), "%s %s%s", command, name, rest);
	add(list, text);
}

/* Of an order, or of the baseline: others may have begun it. */
static void add_signing(struct json *list, const char *what,
			const struct rollout *w)
{
	char text[COMMAND_MAX];
	size_t used = (size_t)snprintf(text, sizeof(text), "rollout %s %s %s",
				       what, w->product, w->release);

	for (size_t i = 0; i < w->cohort_count && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 " --cohort %s", w->cohorts[i]);
	if (used < sizeof(text))
		(void)snprintf(text + used, sizeof(text) - used, " --key FILE");
	add(list, "rollout staged");
	add(list, text);
}

static void add_verify(struct json *list, const struct rollout *w)
{
	char text[COMMAND_MAX];

	(void)snprintf(text, sizeof(text), "release verify %s --product %s",
		       w->release, w->product);
	add(list, text);
}

static void add_paused(struct json *list, const struct stage *s)
{
	if (s->pause == PAUSE_GATE || s->pause == PAUSE_PERSON)
		add_named(list, "rollout rollback", s->what.name,
			  " --reason TEXT");
	if (s->pause == PAUSE_TROUBLE)
		add_verify(list, &s->what);
	if (s->pause == PAUSE_ORDER)
		add_signing(list, "sign", &s->what);
	add_act(list, s, "rollout resume", true);
	add_act(list, s, "rollout abort", true);
}

static void add_running(struct json *list, const struct next_step *n)
{
	const struct stage *s = n->stage;

	if (n->wants_order)
		add_signing(list, "sign", &s->what);
	else if (s->phase_state == PHASE_HELD)
		add_act(list, s, "rollout advance", false);
	add_named(list, "rollout pause", s->what.name, " --reason TEXT");
}

static struct json *commands_of(const struct next_step *n)
{
	const struct stage *s = n->stage;
	const char *name = s->what.name;
	struct json *list = json_new_array();

	if (n->alert)
		add_act(list, s, "gate ack", true);
	if (s->status <= STAGE_SCHEDULED)
		add_named(list, "rollout plan", name, "");
	if (s->status == STAGE_DRAFT) {
		add_act(list, s, "rollout submit", false);
		add_act(list, s, "rollout discard", true);
	}
	if (s->status == STAGE_PENDING)
		add_act(list, s, "rollout approve", false);
	if (s->status == STAGE_SCHEDULED)
		add_named(list, "rollout start", name, " --plan SHA256");
	if (s->status == STAGE_RUNNING)
		add_running(list, n);
	if (s->status == STAGE_PAUSED)
		add_paused(list, s);
	if (n->wants_baseline)
		add_signing(list, "baseline", &s->what);
	if (s->status == STAGE_COMPLETED)
		add_named(list, "rollout rollback", name, " --reason TEXT");
	return list;
}

struct json *next_step_json(const struct next_step *n)
{
	struct json *j = json_new_object();
	char words[COMMAND_MAX];

	(void)snprintf(words, sizeof(words), "%s%s",
		       n->alert ? "First look at the devices of the alert, and "
				  "say what you found. "
				: "",
		       words_of(n));
	json_set_text(j, "words", words);
	json_set(j, "commands", commands_of(n));
	return j;
}
