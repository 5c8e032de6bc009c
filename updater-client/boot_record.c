/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/boot_record.h"

#include <string.h>

const char *boot_variable_name(enum boot_variable v)
{
	static const char *const names[BOOT_VARIABLES] = {
		"pawl_slot",
		"pawl_back",
		"pawl_left",
		"pawl_failed",
	};

	return names[v];
}

bool boot_values_set(struct boot_values *to, struct slice name,
		     struct slice value)
{
	for (size_t i = 0; i < BOOT_VARIABLES; i++) {
		const char *ours = boot_variable_name((enum boot_variable)i);

		if (!slice_equal(name, slice_of(ours)))
			continue;
		memset(to->of[i], 0, BOOT_VALUE_LEN);
		/* What is too long is wrong, and stays so when it is cut. */
		if (value.len >= BOOT_VALUE_LEN ||
		    (value.len > 0 && memchr(value.ptr, 0, value.len)))
			to->of[i][0] = '?';
		else if (value.len > 0)
			memcpy(to->of[i], value.ptr, value.len);
		return true;
	}
	return false;
}

/* ---- texts to record ----------------------------------------------------- */

static bool parse_slot(const char *text, enum slot *out)
{
	if (strcmp(text, "a") == 0)
		*out = SLOT_A;
	else if (strcmp(text, "b") == 0)
		*out = SLOT_B;
	else
		*out = SLOT_NONE;
	return *out != SLOT_NONE || text[0] == 0;
}

static bool parse_values(const struct boot_values *from, struct boot_record *to)
{
	const char *left = from->of[BOOT_LEFT];
	struct err unused;
	uint64_t n = 0;

	if (!parse_slot(from->of[BOOT_SLOT], &to->slot) ||
	    !parse_slot(from->of[BOOT_BACK], &to->back) ||
	    !parse_slot(from->of[BOOT_FAILED], &to->failed))
		return false;
	if (left[0] && num_parse(slice_of(left), BOOT_LEFT_MAX, &n, &unused))
		return false;
	to->trying = left[0] != 0;
	to->left = (uint32_t)n;
	return boot_record_is_valid(to);
}

int boot_record_parse(const struct boot_values *from, struct boot_record *out,
		      struct err *e)
{
	struct boot_record to = { .slot = SLOT_NONE };

	if (!parse_values(from, &to))
		return err_set(e, ERR_FORMAT,
			       "the boot record makes no sense: pawl_slot=%s "
			       "pawl_back=%s pawl_left=%s pawl_failed=%s",
			       from->of[BOOT_SLOT], from->of[BOOT_BACK],
			       from->of[BOOT_LEFT], from->of[BOOT_FAILED]);
	*out = to;
	return 0;
}

/* ---- record to texts ----------------------------------------------------- */

static void put_slot(char out[BOOT_VALUE_LEN], enum slot s)
{
	if (s != SLOT_NONE)
		out[0] = s == SLOT_A ? 'a' : 'b';
}

void boot_values_from(const struct boot_record *r, struct boot_values *out)
{
	memset(out, 0, sizeof(*out));
	put_slot(out->of[BOOT_SLOT], r->slot);
	put_slot(out->of[BOOT_FAILED], r->failed);
	if (!r->trying)
		return;
	put_slot(out->of[BOOT_BACK], r->back);
	out->of[BOOT_LEFT][0] = (char)('0' + r->left);
}

/* ---- the record ---------------------------------------------------------- */

bool boot_record_is_valid(const struct boot_record *r)
{
	if (r->left > BOOT_LEFT_MAX || r->slot > SLOT_B || r->back > SLOT_B ||
	    r->failed > SLOT_B)
		return false;
	if (r->slot == SLOT_NONE)
		return !r->trying && r->back == SLOT_NONE &&
		       r->failed == SLOT_NONE;
	if (r->failed == r->slot)
		return false;
	if (!r->trying)
		return r->back == SLOT_NONE && r->left == 0;
	return r->back == slot_other(r->slot);
}

bool boot_record_equal(const struct boot_record *a, const struct boot_record *b)
{
	return a->slot == b->slot && a->trying == b->trying &&
	       a->back == b->back && a->left == b->left &&
	       a->failed == b->failed;
}

enum boot_state boot_record_state(const struct boot_record *r, enum slot s)
{
	if (s == SLOT_NONE)
		return BOOT_UNKNOWN;
	if (s == r->failed)
		return BOOT_BAD;
	if (s == r->slot)
		return r->trying ? BOOT_TRYING : BOOT_GOOD;
	return r->trying && s == r->back ? BOOT_GOOD : BOOT_UNKNOWN;
}

const char *boot_state_name(enum boot_state s)
{
	static const char *const names[] = { "unknown", "good", "trying",
					     "bad" };

	return names[s];
}

enum slot boot_record_start(struct boot_record *r)
{
	if (!r->trying)
		return r->slot;
	if (r->left > 0) {
		r->left--;
		return r->slot;
	}
	*r = (struct boot_record){ .slot = r->back, .failed = r->slot };
	return r->slot;
}
