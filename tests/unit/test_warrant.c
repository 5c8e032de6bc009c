/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "tests/unit/officer.h"

#define NOW INT64_C(1790000000)

static const struct sha256 hashes[3] = { { { 1 } }, { { 2 } }, { { 3 } } };

static struct warrant of(enum warrant_act act)
{
	struct warrant w = { .act = act,
			     .by = officer_certificate(),
			     .time = NOW };

	if (act == WARRANT_CREATE)
		return a_batch_of(hashes, 3, NOW);
	if (act == WARRANT_APPROVE) {
		w.key = hashes[1];
		strcpy(w.product, "kiosk");
		strcpy(w.model, "k1");
		strcpy(w.cohort, "shop");
	} else if (act == WARRANT_END) {
		memset(&w.device, 7, sizeof(w.device));
	} else {
		codes_root(hashes, 3, &w.codes);
	}
	return w;
}

static void passes(const struct warrant *w)
{
	char text[WARRANT_MAX + 1];
	struct ec_private *key = officer_key(OFFICER);
	struct ec_public own;
	struct warrant want = *w, got;
	struct err e = { 0 };

	want.bound = true;
	want.server = officer_server();
	ec_public_of(key, &own);
	sign_with(w, OFFICER, text);
	assert_ok(warrant_parse(slice_of(text), &got, &e));
	assert_memory_equal(&got, &want, sizeof(got));
	assert_ok(warrant_verify(slice_of(text), &own, &e));
	assert_ok(warrant_same(&got, w, &e));
	ec_free(key);
}

static void what_was_signed_is_read_again(void **state)
{
	struct warrant w;

	(void)state;
	for (int act = 0; act < WARRANT_ACTS; act++) {
		w = of((enum warrant_act)act);
		passes(&w);
	}
	w = of(WARRANT_WITHDRAW);
	w.one = true;
	passes(&w);
	w.index = 2;
	passes(&w);
	w = of(WARRANT_CREATE);
	w.count = 1;
	w.replaces = w.inactive = true;
	w.quota = w.per_hour = 1;
	w.life = 0;
	w.until = NOW + 400 * UTC_DAY;
	passes(&w);
	w = of(WARRANT_APPROVE);
	w.replaces = true;
	passes(&w);
}

static void by_nobody_else(void **state)
{
	char text[WARRANT_MAX + 1];
	struct ec_private *key = officer_key(NOBODY);
	struct warrant w = of(WARRANT_END);
	struct ec_public stranger, own;
	struct err e = { 0 };

	(void)state;
	ec_public_of(key, &stranger);
	ec_free(key);
	key = officer_key(OFFICER);
	ec_public_of(key, &own);
	ec_free(key);
	sign_with(&w, OFFICER, text);
	assert_refused(warrant_verify(slice_of(text), &stranger, &e),
		       ERR_UNTRUSTED);
	/* Another device than the one that was signed. */
	*strstr(text, "0707") = '1';
	assert_ok(warrant_parse(slice_of(text), &w, &e));
	assert_refused(warrant_verify(slice_of(text), &own, &e), ERR_UNTRUSTED);
}

/* Signed, and still none of ours. */
static void refused(const struct warrant *w)
{
	char text[WARRANT_MAX + 1];
	struct warrant got;
	struct err e = { 0 };

	sign_with(w, OFFICER, text);
	assert_refused(warrant_parse(slice_of(text), &got, &e), ERR_FORMAT);
}

static void bounds_hold_whoever_signs(void **state)
{
	struct warrant w;

	(void)state;
	w = of(WARRANT_CREATE);
	w.count = CODES_MAX + 1;
	refused(&w);
	w.count = 0;
	refused(&w);
	w = of(WARRANT_CREATE);
	w.life = (WARRANT_DAYS_MAX + 1) * UTC_DAY;
	refused(&w);
	w.life = 0;
	refused(&w); /* neither life nor until */
	w.until = NOW;
	refused(&w);
	w.until = NOW + (WARRANT_DAYS_MAX + 1) * UTC_DAY;
	refused(&w);
	w = of(WARRANT_CREATE);
	w.until = NOW + UTC_DAY;
	refused(&w); /* both */
	w = of(WARRANT_CREATE);
	w.replaces = true;
	refused(&w); /* three in the place of one */
	w = of(WARRANT_CREATE);
	strcpy(w.model, "no name");
	refused(&w);
	w = of(WARRANT_WITHDRAW);
	w.one = true;
	w.index = CODES_MAX;
	refused(&w);
}

static void nothing_hides_in_another_spelling(void **state)
{
	static const char *const foreign[] = {
		"{}",
		"[]",
		"",
		"{\"sig\":\"00\",\"signed\":{}}",
		"{\"sig\":1,\"signed\":{\"v\":1}}",
	};
	char text[WARRANT_MAX + 2];
	struct warrant w = of(WARRANT_END), got;
	struct err e = { 0 };
	size_t len;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
		assert_refused(warrant_parse(slice_of(foreign[i]), &got, &e),
			       ERR_FORMAT);
	sign_with(&w, OFFICER, text);
	len = strlen(text);
	for (size_t n = 0; n < len; n++)
		assert_refused(warrant_parse(slice_sub(slice_of(text), 0, n),
					     &got, &e),
			       ERR_FORMAT);
	text[len] = ' ';
	text[len + 1] = 0;
	assert_refused(warrant_parse(slice_of(text), &got, &e), ERR_FORMAT);
	text[len] = 0;
	*strstr(text, "device-end") = 'D';
	assert_refused(warrant_parse(slice_of(text), &got, &e), ERR_FORMAT);
}

/* Everything else is as it is written. */
static void a_signature_is_a_text(void **state)
{
	char text[WARRANT_MAX + 1], other[WARRANT_MAX + 1];
	struct warrant w = of(WARRANT_END), got;
	struct err e = { 0 };

	(void)state;
	sign_with(&w, OFFICER, text);
	(void)snprintf(other, sizeof(other), "{\"sig\":1%s",
		       strstr(text, ",\"signed\""));
	assert_refused(warrant_parse(slice_of(other), &got, &e), ERR_FORMAT);
	(void)snprintf(other, sizeof(other), "{%s", strstr(text, "\"signed\""));
	assert_refused(warrant_parse(slice_of(other), &got, &e), ERR_FORMAT);
}

/* As a ledger from before holds it. */
static void one_that_names_no_server_is_still_read(void **state)
{
	struct buf text = BUF_INIT(WARRANT_MAX);
	struct ec_private *key = officer_key(OFFICER);
	struct warrant w = of(WARRANT_END), got;
	struct err e = { 0 };

	(void)state;
	assert_ok(warrant_sign(&w, key, &text, &e));
	assert_null(strstr(buf_text(&text), "server"));
	assert_ok(warrant_parse(buf_slice(&text), &got, &e));
	assert_false(got.bound);
	buf_done(&text);
	ec_free(key);
}

static void another_word_is_another_word(void **state)
{
	struct warrant a = of(WARRANT_CREATE), b = a;
	struct err e = { 0 };

	(void)state;
	b.time++;
	b.by.bytes[0] ^= 1;
	b.bound = true;
	b.server = officer_server();
	assert_ok(warrant_same(&a, &b, &e));
	b.quota = 2;
	assert_refused(warrant_same(&a, &b, &e), ERR_REFUSED);
	b = a;
	strcpy(b.cohort, "other");
	assert_refused(warrant_same(&a, &b, &e), ERR_REFUSED);
	b = of(WARRANT_ACTIVATE);
	assert_refused(warrant_same(&a, &b, &e), ERR_REFUSED);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_signed_is_read_again),
		cmocka_unit_test(by_nobody_else),
		cmocka_unit_test(bounds_hold_whoever_signs),
		cmocka_unit_test(nothing_hides_in_another_spelling),
		cmocka_unit_test(a_signature_is_a_text),
		cmocka_unit_test(one_that_names_no_server_is_still_read),
		cmocka_unit_test(another_word_is_another_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
