/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: words, a line each. A check that is accepted asks for something that a
 * command line, a request and a message can hold.
 */
#include <stdlib.h>
#include <string.h>

#include "common/vital.h"
#include "tests/fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define WORDS_MAX 8
#define IN_MAX    4096

static void check(const struct vital *v)
{
	switch (v->kind) {
	case VITAL_UNIT:
		/* systemctl takes it for a unit, and for one alone. */
		MUST(v->text[0] != '-' && !strpbrk(v->text, "/*?["));
		break;
	case VITAL_TCP:
		MUST(v->port > 0);
		break;
	case VITAL_HTTP:
		MUST(v->port > 0 && v->text[0] == '/');
		break;
	case VITAL_FRESH:
		MUST(v->sec > 0 && v->text[0] == '/');
		break;
	case VITAL_DAEMON:
		break;
	default:
		abort();
	}
	for (const char *c = v->text; c && *c; c++)
		MUST(*c > 0x20 && *c < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char text[IN_MAX + 1], *rest = text, *words[WORDS_MAX];
	struct vital v;
	size_t count = 0;
	struct err e = { 0 };

	if (len > IN_MAX)
		return 0;
	if (len > 0)
		memcpy(text, data, len);
	text[len] = 0;
	while (count < WORDS_MAX && rest)
		words[count++] = strsep(&rest, "\n");
	if (vital_parse(words, count, &v, &e) == 0)
		check(&v);
	else
		MUST(e.code == ERR_FORMAT);
	return 0;
}
