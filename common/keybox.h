/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keybox - the content key of one package, sealed to each of many devices, and
 * the file in which these travel (docs/encryption.md).
 *
 *	8 "PAWLKEYS" | 4 version | 4 count | 32 SHA-256 of the package | 16 zero
 *	count times: 16 device id | 113 sealed content key
 *
 * Sorted by id, so that one is found in a file of a million with twenty reads.
 * Whoever holds such a file learns which devices may decrypt, nothing else.
 */
#ifndef COMMON_KEYBOX_H
#define COMMON_KEYBOX_H

#include "common/hpke.h"
#include "common/stream.h"
#include "common/x509.h"

#define KEYBOX_HEADER_LEN  64
#define KEYBOX_SEALED_LEN  (HPKE_OVERHEAD + STREAM_KEY_LEN)
#define KEYBOX_RECORD_LEN  (DEVICE_ID_LEN + KEYBOX_SEALED_LEN)
#define KEYBOX_DEVICES_MAX 1000000
#define KEYBOX_FILE_MAX                                                        \
	(KEYBOX_HEADER_LEN + (uint64_t)KEYBOX_RECORD_LEN * KEYBOX_DEVICES_MAX)

/* For what and whom a content key is sealed; all of it is bound. Borrowed. */
struct keybox_purpose {
	const char *product, *release;
	const char *path; /* of the target: "kiosk/2026.11/main-full.pawl" */
	struct device_id device;
};

/* Append KEYBOX_SEALED_LEN bytes. */
int keybox_seal(const struct ec_public *to, const struct keybox_purpose *p,
		const uint8_t content_key[STREAM_KEY_LEN], struct buf *out,
		struct err *e) NODISCARD;

/* ERR_UNTRUSTED unless sealed to this key for this. The caller wipes out. */
int keybox_open(const struct ec_private *key, const struct keybox_purpose *p,
		const uint8_t sealed[KEYBOX_SEALED_LEN],
		uint8_t content_key[STREAM_KEY_LEN], struct err *e) NODISCARD;

/* Append the header of a file. */
int keybox_add_header(const struct sha256 *package, uint32_t count,
		      struct buf *out, struct err *e) NODISCARD;

/* Is the whole open file well formed, sorted, and of this package? */
int keybox_check(int fd, const struct sha256 *package, struct err *e) NODISCARD;

/* Where a file lies: an open one as it is, or a part of one. */
struct keybox_file {
	int fd;
	uint64_t offset, len;
};
int keybox_file(int fd, struct keybox_file *out, struct err *e) NODISCARD;

/* One device's, from a file. ERR_NOT_FOUND: nothing for it in there. */
int keybox_find(const struct keybox_file *f, const struct sha256 *package,
		const struct device_id *device,
		uint8_t sealed[KEYBOX_SEALED_LEN], struct err *e) NODISCARD;

#endif
