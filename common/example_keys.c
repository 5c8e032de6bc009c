/* SPDX-License-Identifier: Apache-2.0 */
#include "common/example_keys.h"

#include <string.h>

#include "common/text.h"

static const struct known_key {
	char fingerprint[SHA256_HEX_LEN]; /* as ec_public_fingerprint() says */
	bool is_example;                  /* fine in a demo */
	char name[28];
} known_keys[] = {
	/* keys-example/make.sh writes the first three, here and below. */
	{ "d26515ba2a90cd4dfec0be948a9e4d7a2527ce627c05dd9ff1bddd9f14e99b9f",
	  true, "keys-example/example-1.key" },
	{ "7f4655e4a2346200cb0baaaf8200f90d9ba0530d26cc927d0acf3ef5dd5b9b5f",
	  true, "keys-example/example-2.key" },
	{ "8bf8d5c5539af81b24ab70b2cfc4213d59d02b81835f334976cae5fcb9e3768d",
	  true, "keys-example/example-3.key" },
	{ "5a7a78cca4a0f420d9bc62bb669c3c2759e39f723d3ae10dcbe0f0815a07ecd4",
	  false, "the key of RFC 6979, A.2.5" },
	{ "2bd1bb0c44a897c30a7aa0991cde38d8062fe441de50da0f46825344f602e827",
	  false, "the key of RFC 7515, A.3" },
	{ "a27764dca633730528009f8d8b027286ac7eb22a1fa52de0abe73eb7c7183360",
	  false, "the key of RFC 9180, A.3.1" },
	{ "5cd252fb0ce8932436faf8ccd1040981b89ee4ad6b9fe9e2a2b7e71aacb27cd3",
	  false, "the key whose scalar is 1" },
	{ "dc0ce633dbcc913dafafa4b89ac44d8ce683fdfc3f60c8bdf21213b9f2b534ba",
	  false, "the key whose scalar is 2" },
	{ "3fda76216227ff687422fb555d659338c62577cbc3e503dddc34b7f6f1abbde5",
	  false, "the key whose scalar is -1" },
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
	/* The x of their points, which only who looks for keys needs. */
	static const char points[][2 * EC_SCALAR_LEN + 1] = {
		"6600b801dc32a1ffbe2ccee3ebd3c5c338d0e14a0fb0a27184c3084fa5adafef",
		"3c2a62877701598424f087ba53d0a5de47e9d241c54010adfb7f1b2b504119f7",
		"a360ba58bded670fcce81720c8ac3aafc534ed7dc738a7cbae1ccb8d1e770c9d",
	};
	struct err ignored;

	if (index >= ARRAY_LEN(points))
		return false;
	*name = known_keys[index].name;
	return hex_parse(slice_of(points[index]), x, EC_SCALAR_LEN, &ignored) ==
	       0;
}
