/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry - the list of active devices that a server exports and an officer
 * signs, so that keys can be sealed to them offline (docs/encryption.md).
 *
 *	{"signature": hex, "signed": {"v":1, "type":"registry", "made": UTC,
 *	 "devices": [{"id", "product", "model", "cohort", "certificate",
 *	 "decrypt_key", "decrypt_proof"}, ...]}}
 *
 * The signature is over the canonical form of "signed". It says that this
 * person looked; what it cannot be made to say is a device that the device CA
 * did not certify, or a decryption key that the device itself did not sign.
 */
#ifndef COMMON_REGISTRY_H
#define COMMON_REGISTRY_H

#include "common/decrypt_key.h"
#include "common/text.h"
#include "common/x509.h"

#define REGISTRY_FILE_MAX    (32u << 20)
#define REGISTRY_DEVICES_MAX 20000

struct registry_device {
	struct device_id id;
	char product[NAME_MAX_LEN + 1];
	char model[NAME_MAX_LEN + 1];
	char cohort[NAME_MAX_LEN + 1];
	const char *certificate; /* PEM; borrowed from the JSON */
	struct decrypt_key decrypt;
};

/* {"v", "type", "made", "devices": []}, to be filled. */
struct json *registry_new(int64_t made);
struct json *registry_device_format(const struct registry_device *d);

/* Append the file; takes signed_part. */
int registry_sign(struct json *signed_part, const struct ec_private *officer,
		  struct buf *out, struct err *e) NODISCARD;

/*
 * Parse a file and verify its signature before anything of it is looked at.
 * *root is the whole file, *devices its list; the caller frees *root.
 */
int registry_open(struct slice file, const struct ec_public *officer,
		  struct json **root, const struct json **devices,
		  int64_t *made, struct err *e) NODISCARD;

/*
 * One device of the list: its members, its certificate by the device CA (which
 * may have expired: the registry decides who belongs) in the name of its id,
 * and its own signature over its decryption key. ERR_UNTRUSTED.
 */
int registry_device_parse(const struct json *j, struct slice ca,
			  struct registry_device *out, struct err *e) NODISCARD;

#endif
