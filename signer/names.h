/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names - what engineers call their keys. Kept beside the repository, never
 * published: metadata knows key ids alone.
 */
#ifndef SIGNER_NAMES_H
#define SIGNER_NAMES_H

#include "common/json.h"

#define NAMES_SHORT_LEN 64 /* 12 letters of an id, escaped */

/* The name of a key, else the first 12 letters of its id in `fallback`. */
const char *names_find(const struct json *names, const char *keyid,
		       char fallback[NAMES_SHORT_LEN]);

/*
 * A name made from a file's: "keys/Alice.key.pub" gives "alice". False when
 * nothing usable is left.
 */
bool names_from_file(const char *path, char out[NAMES_SHORT_LEN]);

#endif
