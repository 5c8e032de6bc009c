/* SPDX-License-Identifier: Apache-2.0 */
#include "common/example_keys.h"

#include <string.h>

static const struct known_key {
	const char *fingerprint; /* as ec_public_fingerprint() gives it */
	const char *name;
	bool is_example; /* fine in a demo */
} known_keys[] = {
	/* keys-example/make.sh writes the first three. */
	{ "d26515ba2a90cd4dfec0be948a9e4d7a2527ce627c05dd9ff1bddd9f14e99b9f",
	  "keys-example/example-1.key", true },
	{ "7f4655e4a2346200cb0baaaf8200f90d9ba0530d26cc927d0acf3ef5dd5b9b5f",
	  "keys-example/example-2.key", true },
	{ "8bf8d5c5539af81b24ab70b2cfc4213d59d02b81835f334976cae5fcb9e3768d",
	  "keys-example/example-3.key", true },
	{ "5a7a78cca4a0f420d9bc62bb669c3c2759e39f723d3ae10dcbe0f0815a07ecd4",
	  "the key of RFC 6979, A.2.5", false },
	{ "2bd1bb0c44a897c30a7aa0991cde38d8062fe441de50da0f46825344f602e827",
	  "the key of RFC 7515, A.3", false },
	{ "a27764dca633730528009f8d8b027286ac7eb22a1fa52de0abe73eb7c7183360",
	  "the key of RFC 9180, A.3.1", false },
	{ "5cd252fb0ce8932436faf8ccd1040981b89ee4ad6b9fe9e2a2b7e71aacb27cd3",
	  "the key whose scalar is 1", false },
	{ "dc0ce633dbcc913dafafa4b89ac44d8ce683fdfc3f60c8bdf21213b9f2b534ba",
	  "the key whose scalar is 2", false },
	{ "3fda76216227ff687422fb555d659338c62577cbc3e503dddc34b7f6f1abbde5",
	  "the key whose scalar is -1", false },
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
