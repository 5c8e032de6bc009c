/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/claim.h"

#include <stdio.h>
#include <string.h>

/* The word after " name=" into out, "" if there is none. */
static void value_of(const char *line, const char *name, char *out, size_t size)
{
	const char *at = strstr(line, name);
	size_t len;

	out[0] = 0;
	if (!at)
		return;
	at += strlen(name);
	len = strcspn(at, " \n");
	if (len < size) {
		memcpy(out, at, len);
		out[len] = 0;
	}
}

/* What it said of who it is: stays so. */
static bool read_standing(struct claim *c, const char *line)
{
	bool enrolled = strstr(line, "Z info enrolled ") != NULL;
	bool active = strncmp(line, "standing active", 15) == 0;
	bool told = strstr(line, " the code of this device: ") != NULL;

	c->enrolled |= enrolled;
	c->active |= active;
	if (told)
		value_of(line, " the code of this device: ", c->code,
			 sizeof(c->code));
	return enrolled || active || told;
}

bool claim_read(struct claim *c, const char *line)
{
	char slot[8];

	/* A device's first use is an update after the update; and what was
	 * replaced is followed by what replaces it. */
	if (strncmp(line, "begin", 5) == 0 ||
	    strstr(line, "Z info first-use ") ||
	    strstr(line, " reason=\"replaced: ")) {
		c->kind = CLAIM_NOTHING;
		c->slot = SLOT_NONE;
		c->release[0] = 0;
		return true;
	}
	if (read_standing(c, line))
		return true;
	if (strstr(line, " slot-switched ")) {
		value_of(line, " slot=", slot, sizeof(slot));
		c->kind = CLAIM_SWITCHED;
		c->slot = strcmp(slot, "a") == 0   ? SLOT_A
			  : strcmp(slot, "b") == 0 ? SLOT_B
						   : SLOT_NONE;
		return true;
	}
	if (!strstr(line, "Z info confirmed ") &&
	    !strstr(line, "Z info rolled-back "))
		return false;
	c->kind = strstr(line, "Z info confirmed ") ? CLAIM_CONFIRMED
						    : CLAIM_ROLLED_BACK;
	value_of(line, " release=", c->release, sizeof(c->release));
	return true;
}

const char *claim_name(const struct claim *c)
{
	static const char *const names[] = { "nothing", "switched", "confirmed",
					     "rolled back" };

	return names[c->kind];
}

static bool is_as_claimed(const struct claim *c, const struct observed *o)
{
	const struct machine *m = &o->journal.machine;

	switch (c->kind) {
	case CLAIM_SWITCHED:
		/* A way back has begun if its reason is in the journal. */
		return o->current == c->slot ||
		       (m->reason != REASON_NONE && o->current == m->from);
	case CLAIM_CONFIRMED:
		return m->state == MACHINE_CONFIRMED &&
		       strcmp(o->runs, c->release) == 0;
	case CLAIM_ROLLED_BACK:
		return m->state == MACHINE_ROLLED_BACK &&
		       strcmp(o->runs, c->release) != 0 &&
		       strcmp(o->journal.release, c->release) == 0;
	default:
		return true;
	}
}

/* An answer that came is good only for the key that was asked with: whoever was
 * told a code has it still, or its certificate, or is enrolled. */
static bool is_who_it_said(const struct claim *c, const struct observed *o)
{
	if (c->active && strcmp(o->standing, "active") != 0)
		return false;
	if (c->enrolled && !o->enrolled)
		return false;
	return !c->code[0] || o->enrolled || o->answered ||
	       strcmp(o->code, c->code) == 0;
}

int claim_check(const struct claim *c, const struct observed *o, struct err *e)
{
	if (!is_who_it_said(c, o))
		return err_set(e, ERR_CONFLICT,
			       "claimed:%s%s code \"%s\"; now %s, code \"%s\"",
			       c->enrolled ? " enrolled" : "",
			       c->active ? " active" : "", c->code,
			       o->standing[0] ? o->standing : "nobody",
			       o->code);
	if (is_as_claimed(c, o))
		return 0;
	return err_set(e, ERR_CONFLICT,
		       "claimed: %s (slot %s, release \"%s\"); now slot %s "
		       "runs \"%s\" in the state %s",
		       claim_name(c), slot_name(c->slot), c->release,
		       slot_name(o->current), o->runs,
		       machine_state_name(o->journal.machine.state));
}
