/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyfile - a private key at rest: never bare.
 *
 * A small JSON envelope of our own, because mbedtls 2.28 cannot read OpenSSL's
 * usual encrypted PKCS#8: PBKDF2-HMAC-SHA-512 (600 000 rounds) over a
 * passphrase, AES-256-GCM over the scalar, everything public bound as
 * associated data. Layout: docs/key-file.md. Members:
 *
 *	"format":"pawl-key-1", "environment":"demo|lab|production",
 *	"purpose":"release|online|ca|tls|device|log|person|wrap|example|
 *		ledger",
 *	"public": PEM, "kdf":{"name","rounds","salt"}, "nonce": hex,
 *	"sealed": hex
 *
 * Slowness makes guessing dear, and a secret that a program made of 32 random
 * bytes cannot be guessed: under such a one HKDF-SHA256 does, without rounds.
 *
 * Keys in keys-example/ carry the environment "demo"; every program refuses
 * them elsewhere, by this tag and by their published fingerprints.
 */
#ifndef COMMON_KEYFILE_H
#define COMMON_KEYFILE_H

#include "common/ec.h"
#include "common/passphrase.h"

#define KEYFILE_MAX_LEN    4096
#define KEYFILE_ROUNDS     600000   /* when sealing; the least when opening */
#define KEYFILE_ROUNDS_MAX 10000000 /* else a file could stall a program */
#define KEYFILE_SECRET_LEN 32       /* of a secret that a program made */

enum environment {
	ENV_DEMO,
	ENV_LAB,
	ENV_PRODUCTION
};

const char *environment_name(enum environment env);
int environment_parse(struct slice name, enum environment *out,
		      struct err *e) NODISCARD;

struct keyfile_info {
	enum environment environment;
	char purpose[16];
	struct ec_public public_key;
};

/*
 * Append the envelope. Takes about half a second of CPU by design. ERR_REFUSED
 * for a passphrase below PASSPHRASE_MIN_LEN bytes.
 */
int keyfile_seal(const struct ec_private *key, enum environment env,
		 const char *purpose, struct slice passphrase, struct buf *out,
		 struct err *e) NODISCARD;

/*
 * The same under a secret that a program made: KEYFILE_SECRET_LEN random bytes,
 * given and kept as lower-case hex. Anything else is refused (ERR_REFUSED).
 */
int keyfile_seal_made(const struct ec_private *key, enum environment env,
		      const char *purpose, struct slice secret, struct buf *out,
		      struct err *e) NODISCARD;

/* What the envelope says in the clear; proves nothing. */
int keyfile_inspect(struct slice file, struct keyfile_info *out,
		    struct err *e) NODISCARD;

/* ERR_UNTRUSTED for a wrong passphrase or a changed file. */
int keyfile_open(struct slice file, struct slice passphrase,
		 struct ec_private **out, struct keyfile_info *info,
		 struct err *e) NODISCARD;

#endif
