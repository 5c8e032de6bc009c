/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/next_step.h"

#include <string.h>

#include "tests/unit/check.h"

static struct stage rollout(enum stage_status status)
{
	struct stage s = { .what = { .name = "spring",
				     .product = "kiosk",
				     .release = "2",
				     .cohorts = { "shop", "field" },
				     .cohort_count = 2 },
			   .status = status,
			   .revision = 7 };

	return s;
}

/* Its words have this part, and its commands are these, by ", ". */
static void assert_next(const struct next_step *n, const char *words,
			const char *commands)
{
	struct json *j = next_step_json(n);
	const struct json *list = json_get(j, "commands");
	char all[4096] = "";

	if (!strstr(json_text(json_get(j, "words")), words))
		fail_msg("%s: not in: %s", words,
			 json_text(json_get(j, "words")));
	for (size_t i = 0; i < json_count(list); i++) {
		strcat(all, i > 0 ? ", " : "");
		strcat(all, json_text(json_at(list, i)));
	}
	assert_string_equal(all, commands);
	json_free(j);
}

static void before_it_runs_its_plan_is_looked_at(void **state)
{
	struct stage s = rollout(STAGE_DRAFT);
	const struct next_step n = { .stage = &s };

	(void)state;
	assert_next(&n, "submit it",
		    "rollout plan spring, rollout submit spring --revision 7, "
		    "rollout discard spring --revision 7 --reason TEXT");
	s.status = STAGE_PENDING;
	assert_next(&n, "Somebody else than its author",
		    "rollout plan spring, rollout approve spring --revision 7");
	s.status = STAGE_SCHEDULED;
	assert_next(&n, "start that",
		    "rollout plan spring, rollout start spring --plan SHA256");
}

static void while_it_runs_a_person_is_told_what_waits_for_one(void **state)
{
	struct stage s = rollout(STAGE_RUNNING);
	struct next_step n = { .stage = &s };

	(void)state;
	s.phase_state = PHASE_OPEN;
	assert_next(&n, "Nothing to do", "rollout pause spring --reason TEXT");
	s.phase_state = PHASE_HELD;
	s.ladder.count = 1;
	assert_next(&n, "let it complete",
		    "rollout advance spring --revision 7, "
		    "rollout pause spring --reason TEXT");
	s.ladder.count = 2;
	assert_next(&n, "open what follows",
		    "rollout advance spring --revision 7, "
		    "rollout pause spring --reason TEXT");
	n.wants_order = true;
	assert_next(&n, "waits for operators",
		    "rollout staged, rollout sign kiosk 2 --cohort shop "
		    "--cohort field --key FILE, "
		    "rollout pause spring --reason TEXT");
	n.alert = true;
	assert_next(&n, "First look at the devices of the alert",
		    "gate ack spring --revision 7 --reason TEXT, "
		    "rollout staged, rollout sign kiosk 2 --cohort shop "
		    "--cohort field --key FILE, "
		    "rollout pause spring --reason TEXT");
}

#define RESUME "rollout resume spring --revision 7 --reason TEXT"
#define ABORT  "rollout abort spring --revision 7 --reason TEXT"
#define BACK   "rollout rollback spring --reason TEXT"

static void each_way_to_stop_has_its_way_on(void **state)
{
	static const struct {
		enum stage_pause pause;
		const char *words, *commands;
	} all[] = {
		{ PAUSE_GATE, "which cannot be done once it is aborted",
		  BACK ", " RESUME ", " ABORT },
		{ PAUSE_PERSON, "until somebody resumes it",
		  BACK ", " RESUME ", " ABORT },
		{ PAUSE_TROUBLE, "compare what is served here",
		  "release verify 2 --product kiosk, " RESUME ", " ABORT },
		{ PAUSE_EVIDENCE, "Too few devices", RESUME ", " ABORT },
		{ PAUSE_ORDER, "sign another order",
		  "rollout staged, rollout sign kiosk 2 --cohort shop "
		  "--cohort field --key FILE, " RESUME ", " ABORT },
		{ PAUSE_METADATA, "pawl-signer extend", RESUME ", " ABORT },
	};
	struct stage s = rollout(STAGE_PAUSED);
	const struct next_step n = { .stage = &s };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		s.pause = all[i].pause;
		assert_next(&n, all[i].words, all[i].commands);
	}
	s.pause = PAUSE_GATE;
	strcpy(s.asked_by, "ann");
	assert_next(&n, "a second one looks", BACK ", " RESUME ", " ABORT);
	s.asked_by[0] = 0;
	s.last_verb = STAGE_ROLLBACK;
	assert_next(&n, "steps of the way back", BACK ", " RESUME ", " ABORT);
}

static void of_what_is_over_only_the_way_back_is_left(void **state)
{
	struct stage s = rollout(STAGE_COMPLETED);
	struct next_step n = { .stage = &s, .wants_baseline = true };

	(void)state;
	/* Else who comes late gets nothing once the order has ended. */
	assert_next(&n, "sign the baseline",
		    "rollout staged, rollout baseline kiosk 2 --cohort shop "
		    "--cohort field --key FILE, " BACK);
	n.wants_baseline = false;
	assert_next(&n, "come late", BACK);
	s.status = STAGE_ABORTED;
	assert_next(&n, "a rollout of the release that undoes it", "");
	s.status = STAGE_REPLACED;
	assert_next(&n, "another rollout is for its devices", "");
}

/* A cohort whose name is cut off is another one. */
static void the_longest_command_is_whole(void **state)
{
	struct stage s = rollout(STAGE_COMPLETED);
	const struct next_step n = { .stage = &s, .wants_baseline = true };
	char commands[4096] = "rollout staged, rollout baseline ";
	struct rollout *w = &s.what;

	(void)state;
	memset(w->product, 'p', NAME_MAX_LEN);
	memset(w->release, 'r', NAME_MAX_LEN);
	strcat(strcat(commands, w->product), " ");
	strcat(commands, w->release);
	w->cohort_count = ROLLOUT_COHORTS_MAX;
	for (size_t i = 0; i < ROLLOUT_COHORTS_MAX; i++) {
		memset(w->cohorts[i], 'a' + (int)i, NAME_MAX_LEN);
		strcat(strcat(commands, " --cohort "), w->cohorts[i]);
	}
	strcat(commands, " --key FILE, " BACK);
	assert_next(&n, "sign the baseline", commands);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_it_runs_its_plan_is_looked_at),
		cmocka_unit_test(
			while_it_runs_a_person_is_told_what_waits_for_one),
		cmocka_unit_test(each_way_to_stop_has_its_way_on),
		cmocka_unit_test(of_what_is_over_only_the_way_back_is_left),
		cmocka_unit_test(the_longest_command_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
