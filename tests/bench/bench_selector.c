/* SPDX-License-Identifier: Apache-2.0 */
/* What a selector costs at a check-in: the longest one, asked of a device that
 * it matches to the last term, and reading it. CPU time. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "update-server/selector.h"

#define TIMES 2000000

static double cpu_sec(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

int main(void)
{
	static const char text[] =
		"product = a | b | gateway and model = m1 | m2 | m3 and "
		"cohort != field and release != r1 | r2 and seq >= 3 and "
		"updater = 0.9.0 | 1.0.0 and attr.sandbox = yes and "
		"attr.secure_boot = yes | no";
	static const struct selector_attribute attributes[] = {
		{ "sandbox", "yes" },
		{ "root_read_only", "yes" },
		{ "secure_boot", "no" },
	};
	struct selector_facts facts = {
		.texts = { "gateway", "m3", "home", "r9", "2.1", "1.0.0" },
		.has_seq = true,
		.attributes = attributes,
		.attribute_count = ARRAY_LEN(attributes),
	};
	struct selector s;
	struct err e = { 0 };
	size_t matched = 0, read = 0;
	double from = cpu_sec(), parsed;

	for (int i = 0; i < TIMES / 10; i++)
		read += selector_parse(slice_of(text), &s, &e) == 0;
	parsed = cpu_sec() - from;
	from = cpu_sec();
	for (int i = 0; i < TIMES; i++) {
		facts.seq = (uint64_t)(i & 1) + 3;
		matched += selector_matches(&s, &facts);
	}
	printf("figure selector %.3f us (8 terms, all matched); reading it "
	       "%.2f us\n",
	       (cpu_sec() - from) / TIMES * 1e6, parsed * 10 / TIMES * 1e6);
	return matched == TIMES && read == TIMES / 10 ? EXIT_SUCCESS
						      : EXIT_FAILURE;
}
