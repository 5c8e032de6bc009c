/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every role's reader, of our repositories and of foreign ones, and what is
 * done with metadata once it was read. The first byte chooses role and rules.
 */
#include <stdlib.h>

#include "common/tuf_delegation.h"
#include "common/tuf_meta.h"
#include "common/tuf_rollback.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void use(const struct tuf_rules *rules, const struct tuf_meta *m)
{
	const struct json *delegations = json_get(m->body, "delegations");
	struct tuf_delegation d;
	struct tuf_target target;
	struct tuf_site site;
	struct tuf_keyring ring;
	struct err e;
	size_t at = 0;

	if (m->role == TUF_ROOT) {
		tuf_root_site(m, &site);
		(void)!tuf_root_consistent(m);
		if (tuf_root_keyring(rules, m->body, "targets", &ring, &e))
			abort(); /* was checked */
		(void)!tuf_keyring_verify(&ring, m->signatures,
					  buf_slice(&m->canonical), &e);
	}
	if (m->role == TUF_SNAPSHOT && tuf_rollback_roles(m, m, &e))
		abort(); /* nothing goes back against itself */
	if (m->role == TUF_TIMESTAMP && tuf_rollback_announced(m, m, &e))
		abort();
	if (m->role != TUF_TARGETS)
		return;
	(void)!tuf_targets_get(m, "a/b", &target, &e);
	while (delegations && tuf_delegation_next(delegations, "a/b", &at, &d))
		if (tuf_keyring_read(rules, d.keys, d.role, &ring, &e))
			abort(); /* was checked */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct tuf_rules rules = { .schemes = tuf_schemes_product };
	struct tuf_meta *m;
	struct err e;

	if (len < 1)
		return 0;
	rules.foreign = data[0] & 4;
	if (tuf_meta_parse(&rules, (enum tuf_role)(data[0] & 3),
			   (struct slice){ data + 1, len - 1 }, &m, &e))
		return 0;
	if (tuf_meta_check(&rules, m, &e) == 0)
		use(&rules, m);
	tuf_meta_free(m);
	return 0;
}
