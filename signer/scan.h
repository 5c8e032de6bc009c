/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan - look for private keys in the whole content of a release, as devices
 * will have it: whatever package, full or delta, brings it there.
 */
#ifndef SIGNER_SCAN_H
#define SIGNER_SCAN_H

#include "common/opt.h"
#include "common/release.h"
#include "signer/pack.h"
#include "signer/report.h"
#include "signer/scalars.h"

struct scan {
	/*
	 * PATH, of the first component, or COMPONENT:PATH: files that may hold
	 * a key, or may not be searchable. What they let pass is noted.
	 */
	const struct opt_list *allowed;
	bool used[OPT_LIST_MAX]; /* which of them were needed */
	/* All of the release, borrowed, and which of them is under way. */
	const char *components[RELEASE_COMPONENTS_MAX];
	size_t component_count, component;
	struct scalars *known; /* keys whose private half is sought */
	/*
	 * In a demo, programs (ELF) are only warned of: real ones, such as
	 * openssl, carry published test keys.
	 */
	bool programs_may;
	bool exhaustive; /* see sift.h */
	int scratch_dirfd;
	struct report *out;
};

/*
 * ERR_REFUSED names the first file that holds a private key, with the offset
 * and what it is, or the first that cannot be looked through for its size,
 * depth or kind. Damaged archives are noted.
 */
int scan_content(const struct pack_tree *t, struct scan *s,
		 struct err *e) NODISCARD;

/*
 * After all content of a release: a path in `allowed` that was not needed is
 * ERR_USAGE, for an exception must be for something.
 */
int scan_check_allowed(const struct scan *s, struct err *e) NODISCARD;

#endif
