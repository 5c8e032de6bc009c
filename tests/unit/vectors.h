/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Published test vectors (C2SP/wycheproof, testvectors_v1, and the set of RFC
 * 9180). Their folder comes from PAWL_VECTORS; without it such a test says that
 * it was skipped.
 */
#ifndef TESTS_UNIT_VECTORS_H
#define TESTS_UNIT_VECTORS_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "tests/unit/check.h"

/* The file as JSON, or the end of this test as skipped. */
static inline json_t *vectors_load(const char *name)
{
	const char *folder = getenv("PAWL_VECTORS");
	char path[4096];
	json_error_t why;
	json_t *root;

	if (!folder || !*folder) {
		print_message("skipped %s: PAWL_VECTORS is not set\n", name);
		skip();
	}
	assert_in_range(snprintf(path, sizeof(path), "%s/%s", folder, name), 1,
			sizeof(path) - 1);
	root = json_load_file(path, 0, &why);
	if (!root)
		fail_msg("%s: %s", path, why.text);
	return root;
}

static inline const char *vectors_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	if (!text)
		fail_msg("vector without %s", name);
	return text;
}

static inline uint8_t vectors_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = strchr(digits, c);

	if (!c || !at)
		fail_msg("'%c' is no hex digit", c);
	return (uint8_t)(at - digits);
}

/* The bytes of a hex member; the caller frees b. */
static inline struct slice vectors_bytes(const json_t *object, const char *name,
					 struct buf *b)
{
	const char *hex = vectors_text(object, name);
	struct err e = { 0 };

	assert_int_equal(strlen(hex) % 2, 0);
	for (; *hex; hex += 2) {
		uint8_t byte = (uint8_t)(vectors_digit(hex[0]) << 4 |
					 vectors_digit(hex[1]));

		assert_ok(buf_add(b, (struct slice){ &byte, 1 }, &e));
	}
	return buf_slice(b);
}

#endif
