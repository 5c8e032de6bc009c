/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listing - the releases that targets list: one entry per package, grouped by
 * product and release id. Pure, over the "signed" part of targets.
 */
#ifndef SIGNER_LISTING_H
#define SIGNER_LISTING_H

#include "common/opt.h"
#include "common/release.h"

/* The "pawl" object of a targets entry that is a package; else NULL. */
const struct json *listing_package(const struct json *entry);

/* Is this entry a package of that release? */
bool listing_is_of(const struct json *entry, const char *product,
		   const char *id);

/*
 * All releases as an array: product, release, version, seq, digest, issued,
 * models, hardware, fixes, urgent, packages (path, kind, base, length, digest).
 * The caller owns it.
 */
struct json *listing_releases(const struct json *targets);

/*
 * The full package of a release (of several components: of the first), parsed.
 * ERR_NOT_FOUND. The caller calls release_done().
 */
int listing_full(const struct json *targets, const char *product,
		 const char *id, struct release *out, struct err *e) NODISCARD;

/* The same of one of its components. */
int listing_full_of(const struct json *targets, const char *product,
		    const char *id, const char *component, struct release *out,
		    struct err *e) NODISCARD;

/*
 * Have devices that took the release back try it once more: the number in each
 * of its packages becomes one more than the highest. Returns it; 0: there is no
 * such release, or RELEASE_RETRY_MAX is reached.
 */
int64_t listing_retry(struct json *targets, const char *product,
		      const char *id);

/* Remove every package of a release; how many there were. */
size_t listing_withdraw(struct json *targets, const char *product,
			const char *id);

/*
 * Sign along which files of a release may hold a private key; withdrawing it
 * forgets them. An empty list says nothing.
 */
void listing_allow(struct json *targets, const struct release *r,
		   const struct opt_list *paths);

/* Add one package under its path. */
int listing_add(struct json *targets, const struct release *r,
		struct err *e) NODISCARD;

#endif
