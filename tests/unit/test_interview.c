/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/interview.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tests/unit/check.h"

/* A conversation with somebody who says all of this. */
struct talk {
	struct interview i;
	char *said;
	size_t said_len;
};

static void begin(struct talk *t, const char *answers)
{
	*t = (struct talk){ .said = NULL };
	t->i.in = fmemopen((void *)(uintptr_t)answers, strlen(answers), "r");
	t->i.out = open_memstream(&t->said, &t->said_len);
	assert_non_null(t->i.in);
	assert_non_null(t->i.out);
}

static void end(struct talk *t)
{
	(void)fclose(t->i.in);
	(void)fclose(t->i.out);
	free(t->said);
}

static int no_x(void *ctx, const char *answer, struct err *e)
{
	(*(unsigned *)ctx)++;
	return strchr(answer, 'x') ? err_set(e, ERR_FORMAT, "no x here") : 0;
}

static void assert_answer(const char *answers, const char *usual,
			  const char *wanted, const char *shown)
{
	struct talk t;
	char *out = NULL;
	unsigned asked = 0;
	struct err e = { 0 };

	begin(&t, answers);
	assert_ok(interview_text(
		&t.i,
		&(struct interview_question){ "Who", usual, no_x, &asked },
		&out, &e));
	assert_string_equal(out, wanted);
	(void)fflush(t.i.out);
	assert_string_equal(t.said, shown);
	free(out);
	end(&t);
}

static void a_line_is_an_answer_and_none_is_the_usual_one(void **state)
{
	(void)state;
	assert_answer("Alice, ACME\nmore\n", NULL, "Alice, ACME", "Who: ");
	assert_answer("Bob\n", "Alice", "Bob", "Who [Alice]: ");
	assert_answer("\n", "Alice", "Alice", "Who [Alice]: ");
	assert_answer("\n", "", "", "Who: ");
}

static void what_cannot_be_is_said_and_asked_again(void **state)
{
	(void)state;
	assert_answer("\nBob\n", NULL, "Bob",
		      "Who:   an answer is needed\nWho: ");
	assert_answer("ax\nBob\n", NULL, "Bob", "Who:   no x here\nWho: ");
	assert_answer("a\tb\n\x1b[1m\nBob\n", NULL, "Bob",
		      "Who:   not plain text\nWho:   not plain text\nWho: ");
}

static void assert_no_answer(const char *answers, const char *words)
{
	struct talk t;
	char *out = NULL;
	unsigned asked = 0;
	struct err e = { 0 };

	begin(&t, answers);
	assert_refused_saying(
		interview_text(&t.i,
			       &(struct interview_question){ "Who", NULL, no_x,
							     &asked },
			       &out, &e),
		ERR_USAGE, words);
	assert_null(out);
	end(&t);
}

static void nobody_is_asked_for_ever(void **state)
{
	static char longest[INTERVIEW_LINE_MAX + 3];
	struct talk t;
	char *out;
	struct err e = { 0 };

	(void)state;
	assert_no_answer("x\nx\nx\nBob\n", "Who: no x here");
	assert_no_answer("", "Who: no answer: say it with options");
	assert_no_answer("x\n", "no answer");
	memset(longest, 'a', INTERVIEW_LINE_MAX + 1);
	longest[INTERVIEW_LINE_MAX + 1] = '\n';
	assert_no_answer(longest, "no answer");
	longest[INTERVIEW_LINE_MAX] = '\n';
	longest[INTERVIEW_LINE_MAX + 1] = 0;
	begin(&t, longest);
	assert_ok(interview_text(&t.i,
				 &(struct interview_question){ .words = "Who" },
				 &out, &e));
	assert_int_equal(strlen(out), INTERVIEW_LINE_MAX);
	free(out);
	end(&t);
}

static void numbers_keep_to_their_range(void **state)
{
	static const struct interview_range range = { 30, 730 };
	struct talk t;
	uint64_t days = 400;
	struct err e = { 0 };

	(void)state;
	begin(&t, "\n365\n29\n730\n731\n29\n3O\n");
	assert_ok(interview_number(&t.i, "Days", &range, &days, &e));
	assert_int_equal(days, 400);
	assert_ok(interview_number(&t.i, "Days", &range, &days, &e));
	assert_int_equal(days, 365);
	assert_ok(interview_number(&t.i, "Days", &range, &days, &e));
	assert_int_equal(days, 730);
	(void)fflush(t.i.out);
	assert_non_null(strstr(t.said, "Days, 30 to 730 [400]: "));
	assert_non_null(strstr(t.said, "  a number from 30 to 730\n"));
	assert_refused_saying(interview_number(&t.i, "Days", &range, &days, &e),
			      ERR_USAGE, "30 to 730");
	assert_int_equal(days, 730);
	end(&t);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_an_answer_and_none_is_the_usual_one),
		cmocka_unit_test(what_cannot_be_is_said_and_asked_again),
		cmocka_unit_test(nobody_is_asked_for_ever),
		cmocka_unit_test(numbers_keep_to_their_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
