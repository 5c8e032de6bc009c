/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/interview.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"

/* One line without its end; longer ones are read to their end and refused. */
static int read_line(FILE *in, char line[INTERVIEW_LINE_MAX + 2], struct err *e)
{
	size_t len = 0;
	int c;

	while ((c = getc(in)) != EOF && c != '\n')
		if (len <= INTERVIEW_LINE_MAX) {
			line[len] = (char)c;
			if (c == 0)
				line[len] = 0x7f; /* no end, either */
			len++;
		}
	line[len] = 0;
	if (c == EOF && len == 0)
		return err_set(e, ERR_USAGE,
			       "no answer: say it with options, see --help");
	return 0;
}

static int judge(const struct interview_question *q, const char *line,
		 struct err *e)
{
	for (const char *at = line; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			return err_set(e, ERR_USAGE, "not plain text");
	if (strlen(line) > INTERVIEW_LINE_MAX)
		return err_set(e, ERR_USAGE, "longer than %d bytes",
			       INTERVIEW_LINE_MAX);
	if (!*line)
		return err_set(e, ERR_USAGE, "an answer is needed");
	return q->check ? q->check(q->ctx, line, e) : 0;
}

int interview_text(const struct interview *i,
		   const struct interview_question *q, char **out,
		   struct err *e)
{
	char line[INTERVIEW_LINE_MAX + 2];

	for (int n = 0; n < INTERVIEW_TRIES; n++) {
		(void)fprintf(i->out,
			      q->usual && *q->usual ? "%s [%s]: " : "%s: ",
			      q->words, q->usual);
		(void)fflush(i->out);
		if (read_line(i->in, line, e))
			return err_in(e, "%s", q->words);
		if (!line[0] && q->usual) {
			*out = mem_dup_str(q->usual);
			return 0;
		}
		if (judge(q, line, e) == 0) {
			*out = mem_dup_str(line);
			return 0;
		}
		(void)fprintf(i->out, "  %s\n", e->msg);
	}
	e->code = ERR_USAGE;
	return err_in(e, "%s", q->words);
}

static int check_number(void *ctx, const char *answer, struct err *e)
{
	const struct interview_range *range = ctx;
	uint64_t n;

	if (num_parse(slice_of(answer), range->max, &n, e) || n < range->min)
		return err_set(e, ERR_USAGE, "a number from %llu to %llu",
			       (unsigned long long)range->min,
			       (unsigned long long)range->max);
	return 0;
}

int interview_number(const struct interview *i, const char *question,
		     const struct interview_range *range, uint64_t *out,
		     struct err *e)
{
	struct interview_range own = *range;
	char usual[24], whole[120];
	const struct interview_question q = { whole, usual, check_number,
					      &own };
	char *answer;
	int rc;

	if (text_format(usual, sizeof(usual), e, "%llu",
			(unsigned long long)*out) ||
	    text_format(whole, sizeof(whole), e, "%s, %llu to %llu", question,
			(unsigned long long)range->min,
			(unsigned long long)range->max) ||
	    interview_text(i, &q, &answer, e))
		return -1;
	rc = num_parse(slice_of(answer), UINT64_MAX, out, e);
	free(answer);
	return rc;
}
