/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/selector.h"

#include "tests/unit/check.h"

static const struct selector_attribute attributes[] = {
	{ "secure_boot", "yes" },
	{ "key", "tpm" },
};

static const struct selector_facts device = {
	.texts = { [SELECT_PRODUCT] = "gateway",
		   [SELECT_MODEL] = "m1",
		   [SELECT_HARDWARE] = "rev-b",
		   [SELECT_COHORT] = "home",
		   [SELECT_RELEASE] = "2026.11.1",
		   [SELECT_VERSION] = "2.1.0+b7" },
	.has_seq = true,
	.seq = 12,
	.attributes = attributes,
	.attribute_count = ARRAY_LEN(attributes),
};

static bool selects(const char *text)
{
	struct selector s;
	struct err e = { 0 };

	assert_ok(selector_parse(slice_of(text), &s, &e));
	return selector_matches(&s, &device);
}

static void refuse(const char *text, enum err_code code)
{
	struct selector s = { .count = 7 };
	struct err e = { 0 };

	assert_refused(selector_parse(slice_of(text), &s, &e), code);
	assert_int_equal(s.count, 7);
}

static void nothing_said_selects_everything(void **state)
{
	static const struct selector_facts unknown;
	struct selector s = { 0 };

	(void)state;
	assert_true(selects(""));
	assert_true(selects("   "));
	assert_true(selector_matches(&s, &unknown));
}

static void a_fact_is_compared_with_each_value(void **state)
{
	(void)state;
	assert_true(selects("model = m1"));
	assert_true(selects("model=m1"));
	assert_false(selects("model = m2"));
	assert_false(selects("model = m11"));
	assert_false(selects("model = m"));
	assert_true(selects("model = m2 | m1"));
	assert_true(selects("hardware = rev-b"));
	assert_false(selects("hardware = rev-a"));
	assert_true(selects("model = m1|m2|m3"));
	assert_false(selects("model = m2 | m3"));
	assert_true(selects("version = 2.1.0+b7"));
	assert_false(selects("version = 2.1.0"));
	assert_true(selects("model != m2"));
	assert_false(selects("model != m2 | m1"));
}

static void releases_are_ordered_by_seq(void **state)
{
	(void)state;
	assert_true(selects("seq = 12"));
	assert_false(selects("seq != 12"));
	assert_true(selects("seq >= 12"));
	assert_true(selects("seq <= 12"));
	assert_false(selects("seq < 12"));
	assert_true(selects("seq < 13"));
	assert_false(selects("seq > 12"));
	assert_true(selects("seq > 11"));
	assert_false(selects("seq >= 13"));
	assert_false(selects("seq <= 11"));
}

static void every_term_narrows(void **state)
{
	(void)state;
	assert_true(selects("model = m1 and seq >= 10"));
	assert_false(selects("model = m1 and seq >= 13"));
	assert_false(selects("model = m2 and seq >= 10"));
	assert_true(selects("product = gateway and cohort = home and "
			    "release = 2026.11.1 and attr.key = tpm"));
}

static void attributes_are_found_by_name(void **state)
{
	(void)state;
	assert_true(selects("attr.secure_boot = yes"));
	assert_false(selects("attr.secure_boot = no"));
	assert_true(selects("attr.key = file | tpm"));
	assert_true(selects("attr.key != file"));
	assert_false(selects("attr.ke = tpm"));
}

/* Who does not say what it is gets nothing, or "!=" would widen. */
static void what_is_not_known_matches_nothing(void **state)
{
	static const struct selector_facts vanilla = {
		.texts = { [SELECT_MODEL] = "m1" },
	};
	struct selector s;
	struct err e = { 0 };

	(void)state;
	assert_false(selects("updater = 1.2.3"));
	assert_false(selects("updater != 1.2.3"));
	assert_false(selects("attr.clock = rtc"));
	assert_false(selects("attr.clock != rtc"));
	assert_ok(selector_parse(slice_of("seq < 99"), &s, &e));
	assert_false(selector_matches(&s, &vanilla));
}

static void what_is_not_a_selector_is_refused(void **state)
{
	(void)state;
	refuse("model", ERR_FORMAT);
	refuse("model =", ERR_FORMAT);
	refuse("= m1", ERR_FORMAT);
	refuse("model m1", ERR_FORMAT);
	refuse("model == m1", ERR_FORMAT);
	refuse("model = m1 |", ERR_FORMAT);
	refuse("model = m1 and", ERR_FORMAT);
	refuse("model = m1 or model = m2", ERR_FORMAT);
	refuse("model = m1 model = m2", ERR_FORMAT);
	refuse("and model = m1", ERR_FORMAT);
	refuse("not model = m1", ERR_FORMAT);
	refuse("modle = m1", ERR_FORMAT);
	refuse("attr. = x", ERR_FORMAT);
	refuse("model = \"m1\"", ERR_FORMAT);
	refuse("model = m1\n", ERR_FORMAT);
	refuse("model < m1", ERR_FORMAT);
	refuse("seq < m1", ERR_FORMAT);
	refuse("seq < 1 | 2", ERR_FORMAT);
	refuse("seq = 012", ERR_FORMAT);
	refuse("seq = 9223372036854775808", ERR_LIMIT);
}

static void what_is_too_long_is_refused(void **state)
{
	char text[SELECTOR_TEXT_MAX + 2];

	(void)state;
	memset(text, ' ', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	refuse(text, ERR_LIMIT);
	text[SELECTOR_TEXT_MAX] = '\0';
	assert_true(selects(text));
	/* one letter more than a word may have */
	memset(text, 'x', 72);
	memcpy(text, "model = ", 8);
	text[72] = '\0';
	assert_false(selects(text));
	memcpy(text + 72, "x", 2);
	refuse(text, ERR_LIMIT);
	refuse("attr.x123456789012345678901234567890ab = x", ERR_LIMIT);
	assert_false(selects("attr.x123456789012345678901234567890a = x"));
}

static void the_ninth_term_is_refused(void **state)
{
	(void)state;
	assert_true(selects("seq>1 and seq>1 and seq>1 and seq>1 and seq>1 "
			    "and seq>1 and seq>1 and seq>1"));
	refuse("seq>1 and seq>1 and seq>1 and seq>1 and seq>1 "
	       "and seq>1 and seq>1 and seq>1 and seq>1",
	       ERR_LIMIT);
}

/* As many words as fit: each takes its NUL's place in the text. */
static void the_longest_text_fits(void **state)
{
	char text[SELECTOR_TEXT_MAX + 1] = "model=m1";

	(void)state;
	for (size_t i = 8; i < SELECTOR_TEXT_MAX; i++)
		text[i] = i % 2 ? 'x' : '|';
	assert_true(selects(text));
}

static void assert_lasts(const char *text, const char *wanted)
{
	char out[SELECTOR_TEXT_MAX + 1];
	struct selector s, again;
	struct err e = { 0 };

	assert_ok(selector_parse(slice_of(text), &s, &e));
	selector_lasting(&s, out);
	assert_string_equal(out, wanted);
	assert_ok(selector_parse(slice_of(out), &again, &e));
}

static void what_an_update_changes_does_not_last(void **state)
{
	char text[SELECTOR_TEXT_MAX + 1] = "model=m1";

	(void)state;
	assert_lasts("", "");
	assert_lasts("seq < 5 and release = r1 and version=1 and updater=2",
		     "");
	assert_lasts("seq<5 and  model = m1 | m2 and attr.disk != ssd|hdd and "
		     "release=r1 and cohort!=shop and hardware=b2",
		     "model=m1|m2 and cohort!=shop and hardware=b2");
	/* The very update may have turned it. */
	assert_lasts("attr.sandbox = no", "");
	for (size_t i = 8; i < SELECTOR_TEXT_MAX; i++)
		text[i] = i % 2 ? 'x' : '|';
	assert_lasts(text, text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_said_selects_everything),
		cmocka_unit_test(a_fact_is_compared_with_each_value),
		cmocka_unit_test(releases_are_ordered_by_seq),
		cmocka_unit_test(every_term_narrows),
		cmocka_unit_test(attributes_are_found_by_name),
		cmocka_unit_test(what_is_not_known_matches_nothing),
		cmocka_unit_test(what_is_not_a_selector_is_refused),
		cmocka_unit_test(what_is_too_long_is_refused),
		cmocka_unit_test(the_ninth_term_is_refused),
		cmocka_unit_test(the_longest_text_fits),
		cmocka_unit_test(what_an_update_changes_does_not_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
