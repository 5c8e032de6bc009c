/* SPDX-License-Identifier: Apache-2.0 */
#include "common/example_keys.h"

#include <string.h>

#include "common/text.h"

static const struct known_key {
	const char *fingerprint; /* as ec_public_fingerprint() gives it */
	const char *x;           /* of the point of an example key */
	const char *name;
	bool is_example; /* fine in a demo */
} known_keys[] = {
	/* keys-example/make.sh writes both numbers of the first three. */
	{ "d26515ba2a90cd4dfec0be948a9e4d7a2527ce627c05dd9ff1bddd9f14e99b9f",
	  "6600b801dc32a1ffbe2ccee3ebd3c5c338d0e14a0fb0a27184c3084fa5adafef",
	  "keys-example/example-1.key", true },
	{ "7f4655e4a2346200cb0baaaf8200f90d9ba0530d26cc927d0acf3ef5dd5b9b5f",
	  "3c2a62877701598424f087ba53d0a5de47e9d241c54010adfb7f1b2b504119f7",
	  "keys-example/example-2.key", true },
	{ "8bf8d5c5539af81b24ab70b2cfc4213d59d02b81835f334976cae5fcb9e3768d",
	  "a360ba58bded670fcce81720c8ac3aafc534ed7dc738a7cbae1ccb8d1e770c9d",
	  "keys-example/example-3.key", true },
	{ "5a7a78cca4a0f420d9bc62bb669c3c2759e39f723d3ae10dcbe0f0815a07ecd4",
	  NULL, "the key of RFC 6979, A.2.5", false },
	{ "2bd1bb0c44a897c30a7aa0991cde38d8062fe441de50da0f46825344f602e827",
	  NULL, "the key of RFC 7515, A.3", false },
	{ "a27764dca633730528009f8d8b027286ac7eb22a1fa52de0abe73eb7c7183360",
	  NULL, "the key of RFC 9180, A.3.1", false },
	{ "5cd252fb0ce8932436faf8ccd1040981b89ee4ad6b9fe9e2a2b7e71aacb27cd3",
	  NULL, "the key whose scalar is 1", false },
	{ "dc0ce633dbcc913dafafa4b89ac44d8ce683fdfc3f60c8bdf21213b9f2b534ba",
	  NULL, "the key whose scalar is 2", false },
	{ "3fda76216227ff687422fb555d659338c62577cbc3e503dddc34b7f6f1abbde5",
	  NULL, "the key whose scalar is -1", false },
};

int key_check_allowed(const struct ec_public *key, enum environment env,
		      struct err *e)
{
	char fingerprint[SHA256_HEX_LEN];
	struct sha256 digest;

	ec_public_fingerprint(key, &digest);
	sha256_format(&digest, fingerprint);
	for (size_t i = 0; i < ARRAY_LEN(known_keys); i++) {
		const struct known_key *k = &known_keys[i];

		if (strcmp(fingerprint, k->fingerprint) != 0 ||
		    (k->is_example && env == ENV_DEMO))
			continue;
		return err_set(e, ERR_REFUSED,
			       "%s is known to everybody%s: make a key of your "
			       "own",
			       k->name,
			       k->is_example ? " and serves in a demo only"
					     : "");
	}
	return 0;
}

int keyfile_check_allowed(const struct keyfile_info *info, enum environment env,
			  struct err *e)
{
	if (info->environment != env)
		return err_set(e, ERR_REFUSED,
			       "a %s key has no place in a %s repository",
			       environment_name(info->environment),
			       environment_name(env));
	return key_check_allowed(&info->public_key, env, e);
}

bool example_key_at(size_t index, uint8_t x[EC_SCALAR_LEN], const char **name)
{
	struct err ignored;

	if (index >= ARRAY_LEN(known_keys) || !known_keys[index].is_example)
		return false;
	*name = known_keys[index].name;
	return hex_parse(slice_of(known_keys[index].x), x, EC_SCALAR_LEN,
			 &ignored) == 0;
}
