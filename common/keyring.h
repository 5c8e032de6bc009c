/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring - the private keys that one command was given, opened and checked:
 * key files, and keys that a token or a service holds (external.h).
 *
 * Passphrases come from a descriptor, one line for each key in the order of
 * the command line, or from the terminal; never from arguments or the
 * environment. A key that carries another environment's tag is refused before
 * its passphrase is asked for.
 */
#ifndef COMMON_KEYRING_H
#define COMMON_KEYRING_H

#include "common/external.h"
#include "common/keyfile.h"
#include "common/opt.h"
#include "common/tuf_write.h"

#define KEYRING_MAX 16

/* The value that stands for "ask on the terminal". */
#define KEYRING_TERMINAL UINT64_MAX

struct keyring_key {
	const char *path;               /* borrowed */
	struct ec_private *private_key; /* NULL for one that is elsewhere */
	struct external external;
	struct ec_public public_key;
	char keyid[TUF_KEYID_LEN];
};

struct keyring {
	struct keyring_key at[KEYRING_MAX];
	size_t count;
};

/*
 * Open every key file for signing in `env`. passphrase_fd is a descriptor or
 * KEYRING_TERMINAL. ERR_REFUSED for a foreign tag, a purpose other than
 * release (or example), the same key twice, or an external key's file that
 * others may write: it names a program that is going to run.
 */
int keyring_open(struct keyring *k, const struct opt_list *paths,
		 enum environment env, uint64_t passphrase_fd,
		 struct err *e) NODISCARD;
void keyring_close(struct keyring *k);

/* Sign an envelope; what a token answers is verified first. */
int keyring_sign(const struct keyring_key *key, struct json *envelope,
		 struct err *e) NODISCARD;

/*
 * The private half of a wrap key (purpose "wrap"), which opens the content keys
 * that a repository keeps. The caller frees it.
 */
int keyring_open_wrap(const char *path, enum environment env,
		      uint64_t passphrase_fd, struct ec_private **out,
		      struct err *e) NODISCARD;

/* One passphrase, from the descriptor or the terminal; the caller wipes it. */
int keyring_passphrase(uint64_t passphrase_fd, const char *what, bool confirm,
		       struct buf *out, struct err *e) NODISCARD;

/*
 * Read a public key (FILE.pub). ERR_REFUSED with a word of advice when the
 * file holds a private one.
 */
int keyring_read_public(const char *path, struct ec_public *out,
			char keyid[TUF_KEYID_LEN], struct err *e) NODISCARD;

#endif
