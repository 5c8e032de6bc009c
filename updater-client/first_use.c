/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/first_use.h"

#include <string.h>

#include "common/claim.h"
#include "common/fs.h"
#include "updater-client/identity.h"

static bool is_by_us(const struct session *s)
{
	return s->enrolled &&
	       memcmp(s->journal.vouched_by.bytes, s->identity.device.bytes,
		      sizeof(s->identity.device.bytes)) == 0;
}

void first_use_vouch(struct session *s, enum slot which)
{
	if (!s->enrolled)
		return;
	if (!is_by_us(s)) {
		s->journal.vouched_by = s->identity.device;
		s->journal.vouched = 0;
	}
	s->journal.vouched |= 1U << which;
}

/* What has a device of its own always holds something. */
static bool is_empty(const struct session *s, enum slot which)
{
	struct err missing = { 0 };
	struct stat st;

	for (size_t i = 0; i < s->config->slot_count; i++)
		if (s->config->slots[i].kind == SLOT_IMAGE)
			return false;
	return fs_stat(s->slots.dirfd, slot_name(which), &st, &missing) &&
	       missing.code == ERR_NOT_FOUND;
}

bool first_use_is_ours(const struct session *s, enum slot which)
{
	return (is_by_us(s) && (s->journal.vouched & 1U << which)) ||
	       is_empty(s, which);
}

bool first_use_is_done(const struct session *s)
{
	return s->enrolled && first_use_is_ours(s, SLOT_A) &&
	       first_use_is_ours(s, SLOT_B);
}

const char *first_use_standing(const struct session *s)
{
	char code[CLAIM_JOIN_LEN + 1];

	if (s->enrolled)
		return s->has_running && first_use_is_done(s) ? "active"
							      : "provisioned";
	identity_load_code(s->state_fd, code);
	return code[0] ? "enrolling" : "vanilla";
}
