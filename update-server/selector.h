/* SPDX-License-Identifier: Apache-2.0 */
/*
 * selector - which devices of a cohort a rollout is for, by what they are. Pure
 * and small: parsed once, asked at each check-in.
 *
 *	model = m1 | m2 and seq >= 12 and attr.secure_boot = yes
 *
 *	selector = "" | term { "and" term }
 *	term     = name ("=" | "!=") value { "|" value }
 *	         | "seq" ("=" | "!=" | "<" | "<=" | ">" | ">=") number
 *	name     = "product" | "model" | "hardware" | "cohort" | "release"
 *	         | "version" | "updater" | "attr." word
 *
 * There is no "or" between terms and no "not": every term can only narrow, so
 * whoever adds one never opens a rollout to more devices. For the same reason
 * a fact that is not known matches nothing, neither "=" nor "!=". Versions are
 * compared for being the same text; what orders releases is seq.
 */
#ifndef UPDATE_SERVER_SELECTOR_H
#define UPDATE_SERVER_SELECTOR_H

#include "common/rd.h"

#define SELECTOR_TEXT_MAX  256
#define SELECTOR_TERMS_MAX 8
#define SELECTOR_WORD_MAX  64
#define SELECTOR_ATTR_MAX  32 /* of an attribute's name */

enum selector_what {
	SELECT_PRODUCT,
	SELECT_MODEL,
	SELECT_HARDWARE,
	SELECT_COHORT,
	SELECT_RELEASE,
	SELECT_VERSION,
	SELECT_UPDATER,
	SELECT_TEXTS, /* the number of facts that are texts */
	SELECT_ATTRIBUTE = SELECT_TEXTS,
	SELECT_SEQ
};

enum selector_op {
	SELECT_IS,
	SELECT_IS_NOT,
	SELECT_BELOW,
	SELECT_AT_MOST,
	SELECT_ABOVE,
	SELECT_AT_LEAST
};

struct selector_term {
	enum selector_what what;
	enum selector_op op;
	uint64_t number; /* SELECT_SEQ */
	/* Else: texts of the pool, the attribute's name and then the values. */
	uint16_t at;
	uint16_t values;
};

/* No heap: copy it as you like. Zeroed it selects everything. */
struct selector {
	struct selector_term terms[SELECTOR_TERMS_MAX];
	size_t count;
	/* Texts that end in a NUL, one behind the other. */
	char pool[SELECTOR_TEXT_MAX + 1];
};

struct selector_attribute {
	const char *name, *value;
};

/* What is known of a device; NULL: that is not known. */
struct selector_facts {
	const char *texts[SELECT_TEXTS];
	bool has_seq;
	uint64_t seq;
	const struct selector_attribute *attributes;
	size_t attribute_count;
};

/* At most SELECTOR_TEXT_MAX bytes. ERR_FORMAT or ERR_LIMIT, in words for who
 * wrote it; *out is then unchanged. */
int selector_parse(struct slice text, struct selector *out,
		   struct err *e) NODISCARD;

bool selector_matches(const struct selector *s, const struct selector_facts *f);

/*
 * The terms that an update leaves as they were, as text: not release, version,
 * seq, updater and attributes, for who was updated is no longer what was
 * selected: a release that turns its sandbox on is for those without one.
 */
void selector_lasting(const struct selector *s,
		      char out[SELECTOR_TEXT_MAX + 1]);

#endif
