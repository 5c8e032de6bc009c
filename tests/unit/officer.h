/* SPDX-License-Identifier: Apache-2.0 */
/* An officer, and what such a person signs for the keeper. */
#ifndef TESTS_UNIT_OFFICER_H
#define TESTS_UNIT_OFFICER_H

#include <string.h>

#include "tests/unit/check.h"
#include "update-server/warrant.h"

static inline struct sha256 officer_certificate(void)
{
	return (struct sha256){ { 'o', 'f', 'f' } };
}

static inline struct ec_private *officer_key(uint8_t fill)
{
	uint8_t scalar[EC_SCALAR_LEN];
	struct ec_private *key = NULL;
	struct err e = { 0 };

	memset(scalar, fill, sizeof(scalar));
	assert_ok(ec_private_from_scalar(scalar, &key, &e));
	return key;
}

/* A batch of the codes with these digests. */
static inline struct warrant a_batch_of(const struct sha256 *hashes,
					uint64_t count, int64_t now)
{
	struct warrant w = { .act = WARRANT_CREATE,
			     .by = officer_certificate(),
			     .time = now,
			     .count = count,
			     .life = UTC_DAY,
			     .product = "kiosk",
			     .model = "k1",
			     .cohort = "shop" };

	codes_root(hashes, count, &w.codes);
	return w;
}

/* The server of these tests, by its CA. */
static inline struct sha256 officer_server(void)
{
	return (struct sha256){ { 's', 'e', 'r', 'v' } };
}

/* What is signed, for no other server unless it says so, as text; out holds
 * WARRANT_MAX + 1. */
static inline void sign_with(const struct warrant *word, uint8_t fill,
			     char *out)
{
	struct buf text = BUF_INIT(WARRANT_MAX);
	struct ec_private *key = officer_key(fill);
	struct warrant w = *word;
	struct err e = { 0 };

	if (!w.bound)
		w.server = officer_server();
	w.bound = true;
	assert_ok(warrant_sign(&w, key, &text, &e));
	memcpy(out, buf_text(&text), text.len + 1);
	buf_done(&text);
	ec_free(key);
}

#define OFFICER 41
#define NOBODY  42

#endif
