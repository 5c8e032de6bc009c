/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/counter.h"

#include <string.h>

#include "common/text.h"
#include "updater-client/hook.h"

#define DEADLINE_MS 30000

static int run(char *const *argv, char *verb, char *number,
	       struct hook_output *output, struct err *e)
{
	char *full[COUNTER_ARGS_MAX + 3];
	struct hook h = { .argv = full,
			  .dirfd = -1,
			  .deadline_ms = DEADLINE_MS,
			  .stop_fd = -1 };
	size_t n = 0;

	for (; n < COUNTER_ARGS_MAX && argv[n]; n++)
		full[n] = argv[n];
	full[n++] = verb;
	full[n++] = number;
	full[n] = NULL;
	if (hook_run(&h, output, e)) {
		e->code = ERR_SYSTEM;
		return -1;
	}
	return 0;
}

static struct slice trim(struct slice text)
{
	while (text.len > 0 && text.ptr[text.len - 1] <= ' ')
		text.len--;
	return text;
}

int counter_read(char *const *argv, uint64_t *value, struct err *e)
{
	char verb[] = "read";
	struct hook_output output;
	struct slice said;

	if (run(argv, verb, NULL, &output, e))
		return err_in(e, "the counter of the floor");
	said = trim((struct slice){ output.bytes, output.len });
	if (num_parse(said, INT64_MAX, value, e))
		return err_set(e, ERR_SYSTEM,
			       "the counter of the floor: %s read printed no "
			       "number",
			       argv[0]);
	return 0;
}

int counter_advance(char *const *argv, uint64_t to, struct err *e)
{
	char verb[] = "advance", number[24];
	struct hook_output output;
	uint64_t value;

	if (text_format(number, sizeof(number), e, "%llu",
			(unsigned long long)to) ||
	    run(argv, verb, number, &output, e))
		return err_in(e, "the counter of the floor");
	if (counter_read(argv, &value, e))
		return -1;
	if (value < to)
		return err_set(e, ERR_SYSTEM,
			       "the counter of the floor stayed at %llu",
			       (unsigned long long)value);
	return 0;
}
