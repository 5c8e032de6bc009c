/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/selector.h"

#include <string.h>

#include "common/text.h"

#define ATTRIBUTE "attr."

static const char *const names[SELECT_TEXTS] = {
	[SELECT_PRODUCT] = "product",   [SELECT_MODEL] = "model",
	[SELECT_HARDWARE] = "hardware", [SELECT_COHORT] = "cohort",
	[SELECT_RELEASE] = "release",   [SELECT_VERSION] = "version",
	[SELECT_UPDATER] = "updater",
};

/* ---- words --------------------------------------------------------------- */

/* What is left of the text, and what was made of it so far. */
struct reading {
	struct slice rest;
	struct selector made;
	size_t pool_used;
};

static bool is_word_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (c != 0 && strchr("._+:-", c));
}

static void advance(struct reading *r, size_t len)
{
	r->rest = slice_sub(r->rest, len, r->rest.len - len);
	while (r->rest.len > 0 && r->rest.ptr[0] == ' ')
		r->rest = slice_sub(r->rest, 1, r->rest.len - 1);
}

/* The word that comes next; empty if something else does. */
static struct slice peek_word(const struct reading *r)
{
	size_t len = 0;

	while (len < r->rest.len && is_word_byte(r->rest.ptr[len]))
		len++;
	return slice_sub(r->rest, 0, len);
}

static int fail_here(const struct reading *r, const char *wanted, struct err *e)
{
	char here[40];

	text_escape(r->rest, here, sizeof(here));
	return err_set(e, ERR_FORMAT, "selector: %s expected %s%s", wanted,
		       r->rest.len > 0 ? "before: " : "at the end", here);
}

static int take_word(struct reading *r, const char *wanted, struct slice *out,
		     struct err *e)
{
	struct slice word = peek_word(r);

	if (word.len == 0)
		return fail_here(r, wanted, e);
	if (word.len > SELECTOR_WORD_MAX)
		return err_set(e, ERR_LIMIT,
			       "selector: a word has more than "
			       "%d letters",
			       SELECTOR_WORD_MAX);
	advance(r, word.len);
	*out = word;
	return 0;
}

/* The pool is as large as the longest text, of which every word has its end
 * replaced by a NUL: it cannot overflow. */
static void keep(struct reading *r, struct slice word)
{
	memcpy(r->made.pool + r->pool_used, word.ptr, word.len);
	r->pool_used += word.len + 1;
}

static int take_op(struct reading *r, enum selector_op *out, struct err *e)
{
	/* The longer ones first. */
	static const struct {
		const char *text;
		enum selector_op op;
	} ops[] = {
		{ "!=", SELECT_IS_NOT },   { "<=", SELECT_AT_MOST },
		{ ">=", SELECT_AT_LEAST }, { "=", SELECT_IS },
		{ "<", SELECT_BELOW },     { ">", SELECT_ABOVE },
	};

	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		struct slice op = slice_of(ops[i].text);

		if (r->rest.len < op.len ||
		    !slice_equal(slice_sub(r->rest, 0, op.len), op))
			continue;
		advance(r, op.len);
		*out = ops[i].op;
		return 0;
	}
	return fail_here(r, "one of = != < <= > >=", e);
}

/* ---- terms --------------------------------------------------------------- */

/* "attr.NAME", of which the name is kept. */
static int find_attribute(struct reading *r, struct slice word,
			  struct selector_term *t, struct err *e)
{
	size_t start = sizeof(ATTRIBUTE) - 1;
	struct slice name;

	if (word.len <= start ||
	    !slice_equal(slice_sub(word, 0, start), slice_of(ATTRIBUTE)))
		return err_set(e, ERR_FORMAT,
			       "selector: no such fact: %.*s "
			       "(product, model, cohort, release, version, "
			       "updater, seq or attr.NAME)",
			       (int)word.len, (const char *)word.ptr);
	name = slice_sub(word, start, word.len - start);
	if (name.len > SELECTOR_ATTR_MAX)
		return err_set(e, ERR_LIMIT,
			       "selector: an attribute's name "
			       "has more than %d letters",
			       SELECTOR_ATTR_MAX);
	t->what = SELECT_ATTRIBUTE;
	keep(r, name);
	return 0;
}

static int find_fact(struct reading *r, struct slice word,
		     struct selector_term *t, struct err *e)
{
	for (int i = 0; i < SELECT_TEXTS; i++)
		if (slice_equal(word, slice_of(names[i]))) {
			t->what = (enum selector_what)i;
			return 0;
		}
	if (!slice_equal(word, slice_of("seq")))
		return find_attribute(r, word, t, e);
	t->what = SELECT_SEQ;
	return 0;
}

static int take_values(struct reading *r, struct selector_term *t,
		       struct err *e)
{
	struct slice word;

	if (t->op != SELECT_IS && t->op != SELECT_IS_NOT)
		return err_set(e, ERR_FORMAT,
			       "selector: only seq is compared "
			       "by size");
	for (;;) {
		if (take_word(r, "a value", &word, e))
			return -1;
		keep(r, word);
		t->values++;
		if (r->rest.len == 0 || r->rest.ptr[0] != '|')
			return 0;
		advance(r, 1);
	}
}

static int take_term(struct reading *r, struct err *e)
{
	struct selector_term t = { .at = (uint16_t)r->pool_used };
	struct slice word;

	if (r->made.count == SELECTOR_TERMS_MAX)
		return err_set(e, ERR_LIMIT, "selector: more than %d terms",
			       SELECTOR_TERMS_MAX);
	if (take_word(r, "a fact", &word, e) || find_fact(r, word, &t, e) ||
	    take_op(r, &t.op, e))
		return -1;
	if (t.what != SELECT_SEQ) {
		if (take_values(r, &t, e))
			return -1;
	} else if (take_word(r, "a number", &word, e) ||
		   num_parse(word, INT64_MAX, &t.number, e)) {
		return err_in(e, "seq");
	}
	r->made.terms[r->made.count++] = t;
	return 0;
}

int selector_parse(struct slice text, struct selector *out, struct err *e)
{
	struct reading r = { .rest = text };
	struct slice word;

	if (text.len > SELECTOR_TEXT_MAX)
		return err_set(e, ERR_LIMIT, "selector: more than %d bytes",
			       SELECTOR_TEXT_MAX);
	advance(&r, 0);
	while (r.rest.len > 0) {
		if (take_term(&r, e))
			return -1;
		if (r.rest.len == 0)
			break;
		word = peek_word(&r);
		if (!slice_equal(word, slice_of("and")))
			return fail_here(&r, "\"and\"", e);
		advance(&r, word.len);
		if (r.rest.len == 0)
			return fail_here(&r, "a fact", e);
	}
	*out = r.made;
	return 0;
}

/* ---- asking -------------------------------------------------------------- */

static bool compare(enum selector_op op, uint64_t is, uint64_t wanted)
{
	switch (op) {
	case SELECT_IS:
		return is == wanted;
	case SELECT_IS_NOT:
		return is != wanted;
	case SELECT_BELOW:
		return is < wanted;
	case SELECT_AT_MOST:
		return is <= wanted;
	case SELECT_ABOVE:
		return is > wanted;
	case SELECT_AT_LEAST:
		return is >= wanted;
	}
	return false;
}

/* Is it one of the values that start here? NULL is none, and not "none". */
static bool text_matches(const struct selector_term *t, const char *values,
			 const char *is)
{
	bool found = false;

	if (!is)
		return false;
	for (uint16_t i = 0; i < t->values && !found; i++) {
		found = strcmp(values, is) == 0;
		values += strlen(values) + 1;
	}
	return found == (t->op == SELECT_IS);
}

static bool attribute_matches(const struct selector_term *t, const char *name,
			      const struct selector_facts *f)
{
	const char *values = name + strlen(name) + 1;

	for (size_t i = 0; i < f->attribute_count; i++)
		if (strcmp(f->attributes[i].name, name) == 0)
			return text_matches(t, values, f->attributes[i].value);
	return false;
}

static bool term_matches(const struct selector *s,
			 const struct selector_term *t,
			 const struct selector_facts *f)
{
	if (t->what == SELECT_SEQ)
		return f->has_seq && compare(t->op, f->seq, t->number);
	if (t->what == SELECT_ATTRIBUTE)
		return attribute_matches(t, s->pool + t->at, f);
	return text_matches(t, s->pool + t->at, f->texts[t->what]);
}

bool selector_matches(const struct selector *s, const struct selector_facts *f)
{
	for (size_t i = 0; i < s->count; i++)
		if (!term_matches(s, &s->terms[i], f))
			return false;
	return true;
}

/* ---- what lasts ---------------------------------------------------------- */

/* Attributes are how the software is built: an update may turn each of them. */
static bool term_lasts(const struct selector_term *t)
{
	return t->what != SELECT_RELEASE && t->what != SELECT_VERSION &&
	       t->what != SELECT_SEQ && t->what != SELECT_UPDATER &&
	       t->what != SELECT_ATTRIBUTE;
}

/* Without blanks, so that it is never longer than what was parsed. */
static void add(char *out, const char *text)
{
	size_t used = strlen(out);

	text_copy(out + used, SELECTOR_TEXT_MAX + 1 - used, text);
}

static void add_term(char *out, const struct selector *s,
		     const struct selector_term *t)
{
	const char *word = s->pool + t->at;

	if (out[0])
		add(out, " and ");
	add(out, names[t->what]);
	add(out, t->op == SELECT_IS ? "=" : "!=");
	for (uint16_t i = 0; i < t->values; i++) {
		add(out, i > 0 ? "|" : "");
		add(out, word);
		word += strlen(word) + 1;
	}
}

void selector_lasting(const struct selector *s, char out[SELECTOR_TEXT_MAX + 1])
{
	out[0] = 0;
	for (size_t i = 0; i < s->count; i++)
		if (term_lasts(&s->terms[i]))
			add_term(out, s, &s->terms[i]);
}
