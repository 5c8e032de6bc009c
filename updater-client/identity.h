/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity - who this device is to the server: a key made here, a certificate
 * for it, an id and the cohort, in the state folder (readable by us alone).
 *
 *	identity.key   the TLS key's scalar, hex    identity.crt   certificate
 *	decrypt.key    another key's, to which content keys are sealed
 *	identity.json  {"v":1,"device":..,"cohort":..}, written last: enrolled
 */
#ifndef UPDATER_CLIENT_IDENTITY_H
#define UPDATER_CLIENT_IDENTITY_H

#include "common/x509.h"
#include "updater-client/message.h"

/* The key, made and stored if there is none yet. */
int identity_key(int state_fd, struct ec_private **out,
		 struct err *e) NODISCARD;

/* The decryption key, likewise; never the same one. */
int identity_decrypt_key(int state_fd, struct ec_private **out,
			 struct err *e) NODISCARD;

/* The same, which must be there: ERR_NOT_FOUND. */
int identity_open_decrypt_key(int state_fd, struct ec_private **out,
			      struct err *e) NODISCARD;

/* Store what the server gave, the certificate first; the cohort is pinned. */
int identity_store(int state_fd, const struct wire_identity *id,
		   struct err *e) NODISCARD;

/* *found is false for a device that is not enrolled. */
int identity_load(int state_fd, struct message_identity *out, bool *found,
		  struct err *e) NODISCARD;

/* Certificate and key as PEM, for TLS. The caller wipes key. */
int identity_read(int state_fd, struct buf *certificate, struct buf *key,
		  struct err *e) NODISCARD;

#endif
