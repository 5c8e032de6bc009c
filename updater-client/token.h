/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token - the process that uses keys which never leave the hardware: behind a
 * PKCS#11 module, or a TPM through OpenSSL's provider for it ([keys] of
 * client.conf).
 *
 * Such a module is a foreign library that opens devices and sockets as it
 * likes, so it is loaded here and nowhere else, in a program of its own. The
 * process reads nothing but messages of fixed fields and answers a digest with
 * a signature, a point with a shared secret. Each is started for one other
 * process, with the rights that this one needs; whoever takes that process over
 * cannot have a key made, destroyed or used for the other purpose.
 *
 * The token is opened for each request and let go of after it: pulled out and
 * put back, it works again, and nobody stays logged in.
 */
#ifndef UPDATER_CLIENT_TOKEN_H
#define UPDATER_CLIENT_TOKEN_H

#include "updater-client/ipc.h"
#include "updater-client/settings.h"

/* What may be asked; to look for a key may everybody. */
enum token_right {
	TOKEN_SIGN = 1,  /* with keys for TLS */
	TOKEN_AGREE = 2, /* with the key for content keys */
	TOKEN_KEEP = 4,  /* make and destroy */
};

struct token_setup {
	const struct settings_token *settings;
	int state_fd; /* where a TPM's wrapped keys lie */
	unsigned rights;
};

/* The life of the process; ctx is a struct token_setup. Requests: TOKEN. */
void token_run(void *ctx, struct channel *control);

/* How the program pawl-token is started: these two descriptors, and as words
 * the sum of the rights, then module, label, pin and provider, "" for none. */
#define TOKEN_CHANNEL_FD 3
#define TOKEN_STATE_FD   4
#define TOKEN_WORDS      5

/*
 * One kind of token. Names are "identity", "identity.N" and "decrypt". Keys
 * are P-256, made inside, and cannot be taken out.
 */
struct token_ops {
	/* ERR_SYSTEM: not there; ERR_CONFIG: the PIN. */
	int (*open)(const struct token_setup *setup, void **self,
		    struct err *e);
	void (*close)(void *self);
	/* ERR_NOT_FOUND if there is no such key. */
	int (*find)(void *self, const char *name, struct ec_public *out,
		    struct err *e);
	/* What is left over of an earlier try makes room. */
	int (*make)(void *self, const char *name, struct err *e);
	/* As struct ec_holder has it. */
	int (*sign)(void *self, const char *name, const struct sha256 *digest,
		    uint8_t rs[EC_RS_LEN], struct err *e);
	int (*agree)(void *self, const char *name, const struct ec_public *with,
		     uint8_t shared[EC_SHARED_LEN], struct err *e);
	/* One key, or for "" each of ours. None there is fine. */
	int (*destroy)(void *self, const char *name, struct err *e);
	/* Does it say itself that it is hardware? */
	bool (*is_hardware)(void *self);
};

extern const struct token_ops token_pkcs11, token_provider;

#endif
