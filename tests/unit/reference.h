/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of tests/vectors/encryption.txt, which an implementation in another
 * language made (tests/vectors/reference.py).
 */
#ifndef TESTS_UNIT_REFERENCE_H
#define TESTS_UNIT_REFERENCE_H

#include <string.h>

#include "common/fs.h"
#include "common/text.h"
#include "tests/unit/check.h"

/* The bytes behind "name="; tests run in the repository's own folder. */
static inline struct slice reference_bytes(const char *name, uint8_t *out,
					   size_t size)
{
	struct buf file = BUF_INIT(65536);
	struct err e = { 0 };
	const char *at;
	size_t len;
	char wanted[64];

	assert_ok(fs_read_path("tests/vectors/encryption.txt", &file, &e));
	assert_ok(text_format(wanted, sizeof(wanted), &e, "\n%s=", name));
	at = strstr(buf_text(&file), wanted);
	assert_non_null(at);
	at += strlen(wanted);
	len = strcspn(at, "\n");
	assert_true(len / 2 <= size);
	assert_ok(hex_parse((struct slice){ (const uint8_t *)at, len }, out,
			    len / 2, &e));
	buf_done(&file);
	return (struct slice){ out, len / 2 };
}

#endif
