/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device_key - the device's private keys by name ("identity", "identity.3",
 * "decrypt"): made here, on P-256, and used here alone.
 *
 * They are files of the state folder (NAME.key, the scalar in hex), or they lie
 * in a token that another process uses (token.h). Either way one is a struct
 * ec_private; of a token's there is nothing secret in memory.
 */
#ifndef UPDATER_CLIENT_DEVICE_KEY_H
#define UPDATER_CLIENT_DEVICE_KEY_H

#include "updater-client/ipc.h"

/* Where they are. Both outlive every key. */
struct device_keys {
	int state_fd;
	struct channel *token; /* to the token's process; NULL: files */
};

/* In a process that was given both descriptors; token_fd may be -1. The room is
 * closed by the caller. */
struct device_keys device_keys_at(int state_fd, int token_fd,
				  struct channel *room);

/* ERR_NOT_FOUND if there is none. */
int device_key_load(const struct device_keys *k, const char *name,
		    struct ec_private **out, struct err *e) NODISCARD;

/* The same, made and stored if there is none yet. */
int device_key_have(const struct device_keys *k, const char *name,
		    struct ec_private **out, struct err *e) NODISCARD;

/*
 * Destroy one, or for "" each of them; what the medium keeps of a file's
 * blocks is beyond us. None there is fine.
 */
int device_key_destroy(const struct device_keys *k, const char *name,
		       struct err *e) NODISCARD;

/* Are they in hardware, as far as that says so? A token that cannot be asked
 * is none. */
bool device_key_is_in_hardware(const struct device_keys *k);

#endif
