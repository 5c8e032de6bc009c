/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity - who this device is to the server: a key made here, a certificate
 * for it, an id and the cohort, in the state folder (readable by us alone).
 *
 *	identity       the TLS key (device_key.h)   identity.crt   certificate
 *	identity.chain the renewals up to here (struct wire_readopt), for a
 *	               server that has forgotten them; none in the beginning
 *	decrypt        another key, to which content keys are sealed
 *	identity.json  {"v":1,"device":..,"cohort":..,"generation":N,
 *	                "renew_at":..}, written last: enrolled
 *
 * A renewal makes the next generation, identity.<N+1>, its .crt and .chain,
 * beside the present one. Which is the device's is what the record says, so one
 * rename switches, and no power cut leaves a key without its certificate. The
 * decryption key stays.
 */
#ifndef UPDATER_CLIENT_IDENTITY_H
#define UPDATER_CLIENT_IDENTITY_H

#include "common/claim.h"
#include "common/x509.h"
#include "updater-client/device_key.h"

enum identity_which {
	IDENTITY_PRESENT,
	IDENTITY_NEXT
};

/* The key, made and stored if there is none yet. */
int identity_key(const struct device_keys *keys, struct ec_private **out,
		 struct err *e) NODISCARD;

/* The decryption key, likewise; never the same one. */
int identity_decrypt_key(const struct device_keys *keys,
			 struct ec_private **out, struct err *e) NODISCARD;

/* The same, which must be there: ERR_NOT_FOUND. */
int identity_open_decrypt_key(const struct device_keys *keys,
			      struct ec_private **out, struct err *e) NODISCARD;

/* Store what the server gave, the certificate first; the cohort is pinned. */
int identity_store(int state_fd, const struct wire_identity *id,
		   struct err *e) NODISCARD;

/*
 * The code that a device shows while it waits for an officer, in join.code;
 * gone once it is let in. "" if it does not wait. A file that holds
 * anything else counts as none.
 */
int identity_store_code(int state_fd, const char code[CLAIM_JOIN_LEN + 1],
			struct err *e) NODISCARD;
void identity_load_code(int state_fd, char code[CLAIM_JOIN_LEN + 1]);
/* Nobody waits for it any more. */
int identity_drop_code(int state_fd, struct err *e) NODISCARD;

/* *found is false for a device that is not enrolled. */
int identity_load(int state_fd, struct message_identity *out, bool *found,
		  struct err *e) NODISCARD;

/* Certificate (PEM) and key, for TLS. */
int identity_open(const struct device_keys *keys, enum identity_which which,
		  struct buf *certificate, struct ec_private **key,
		  struct err *e) NODISCARD;

/* How a renewal stands. */
struct identity_renewal {
	int64_t at;   /* 2/3 of the certificate's life are over */
	bool waiting; /* a next certificate is here and not yet proved good */
};

int identity_look(int state_fd, struct identity_renewal *out,
		  struct err *e) NODISCARD;

/* The present key and certificate, and the next key, made and stored if there
 * is none yet. The caller frees both keys. */
int identity_begin(const struct device_keys *keys, struct ec_private **present,
		   struct buf *certificate, struct ec_private **next,
		   struct err *e) NODISCARD;
int identity_store_next(int state_fd, const char *certificate,
			struct err *e) NODISCARD;
/*
 * The present one's renewals, as they are sent: ERR_NOT_FOUND for none. What is
 * damaged, ERR_FORMAT or ERR_LIMIT, was nobody's proof.
 */
int identity_load_chain(int state_fd, struct wire_readopt *out,
			struct err *e) NODISCARD;
/* Those of the next one, before it is the present one. */
int identity_store_chain(int state_fd, const struct wire_readopt *chain,
			 struct err *e) NODISCARD;
/* The next one is the present one from here on. */
int identity_promote(const struct device_keys *keys, struct err *e) NODISCARD;

/*
 * Be nobody: every key of every generation is destroyed, and the record last,
 * so a cut leaves a device that does it again.
 */
int identity_forget(const struct device_keys *keys, struct err *e) NODISCARD;

#endif
