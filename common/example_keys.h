/* SPDX-License-Identifier: Apache-2.0 */
/*
 * example_keys - keys whose private half everybody has.
 *
 * The keys of keys-example/ exist so that a demo needs no ceremony. Every
 * program refuses them outside a repository whose environment is demo; so a
 * copied tutorial never becomes a product. Keys printed in standards, and
 * those with a trivial scalar, are refused everywhere.
 */
#ifndef COMMON_EXAMPLE_KEYS_H
#define COMMON_EXAMPLE_KEYS_H

#include "common/keyfile.h"

/*
 * May this key have any part (sign, be trusted, enrol) in an environment?
 * ERR_REFUSED, naming the key, if not. Known by fingerprint, so that no other
 * wrapping or tag hides one.
 */
int key_check_allowed(const struct ec_public *key, enum environment env,
		      struct err *e) NODISCARD;

/*
 * The same for a key file that was inspected or opened: its own tag must be
 * that environment too, as none opens another's.
 */
int keyfile_check_allowed(const struct keyfile_info *info, enum environment env,
			  struct err *e) NODISCARD;

/*
 * The keys of keys-example/, for whoever looks for their private halves in
 * what is released: the x coordinates of their points. False past the last.
 */
bool example_key_at(size_t index, uint8_t x[EC_SCALAR_LEN], const char **name);

#endif
