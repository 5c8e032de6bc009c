/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a selector's text is, it keeps to its limits, and each part of it
 * can only narrow. */
#include <stdlib.h>
#include <string.h>

#include "update-server/selector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct selector_attribute attributes[] = {
	{ "secure_boot", "yes" },
};

static const struct selector_facts device = {
	.texts = { "gateway", "m1", "home", "r1", "2.1", "0.9.0" },
	.has_seq = true,
	.seq = 12,
	.attributes = attributes,
	.attribute_count = 1,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct selector_facts unknown;
	struct selector s = { 0 };
	struct err e;
	bool selected;

	if (selector_parse((struct slice){ data, len }, &s, &e)) {
		if (e.code != ERR_FORMAT && e.code != ERR_LIMIT)
			abort();
		if (s.count != 0)
			abort();
		return 0;
	}
	if (s.count > SELECTOR_TERMS_MAX || s.pool[SELECTOR_TEXT_MAX] != '\0')
		abort();
	/* Of whom nothing is known, only the empty selector takes them. */
	if (selector_matches(&s, &unknown) != (s.count == 0))
		abort();
	selected = selector_matches(&s, &device);
	while (s.count > 0) {
		s.count--;
		if (selected && !selector_matches(&s, &device))
			abort();
	}
	return 0;
}
