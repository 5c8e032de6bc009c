/* SPDX-License-Identifier: Apache-2.0 */
/*
 * external - a key that lives elsewhere: in a token, an HSM, a service. What
 * stands on the disk is no secret, and is given wherever a key file is:
 *
 *	"format":"pawl-external-1", "environment":"demo|lab|production",
 *	"purpose":"release", "public": PEM, "command":[program, argument...]
 *
 * The program is started without a shell, with exactly these words. It reads
 * 32 bytes, the SHA-256 of what is to be signed, from standard input, and
 * writes a signature to standard output: DER, or 64 bytes r and s. It keeps
 * the terminal and standard error, so that it can ask for a PIN. Whatever it
 * answers is verified with the public key before it is used. docs/key-file.md
 */
#ifndef COMMON_EXTERNAL_H
#define COMMON_EXTERNAL_H

#include "common/keyfile.h"

#define EXTERNAL_MAX_LEN   8192
#define EXTERNAL_WORDS_MAX 32
#define EXTERNAL_WAIT_SEC  300 /* to find the token, type a PIN, touch it */

struct external {
	struct keyfile_info info;
	char *argv[EXTERNAL_WORDS_MAX + 1]; /* argv[0]: the program */
};

/* Is this such a file at all? Cheap; says nothing of the rest. */
bool external_is(struct slice file);

/* ERR_FORMAT, ERR_LIMIT. The caller calls external_done(), also on failure. */
int external_parse(struct slice file, struct external *out,
		   struct err *e) NODISCARD;
int external_format(const struct external *x, struct buf *out,
		    struct err *e) NODISCARD;
void external_done(struct external *x);

/*
 * Append a DER signature over the message. ERR_SYSTEM when the program fails,
 * ERR_BUSY when it takes too long (it is killed), ERR_UNTRUSTED when its
 * answer is no signature of this key.
 */
int external_sign(const struct external *x, struct slice message,
		  struct buf *sig, struct err *e) NODISCARD;

/*
 * The signature that a program answered, as DER that verifies: it comes as
 * DER, or as 64 bytes r and s. ERR_UNTRUSTED.
 */
int external_accept(const struct ec_public *key, struct slice message,
		    struct slice answer, struct buf *sig,
		    struct err *e) NODISCARD;

#endif
