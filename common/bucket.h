/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bucket - where a device stands in the queue for a release: 64 bits that
 * nobody chooses, for they come from the release's content and the device's id
 * alone. A share of a fleet is a limit: devices whose bucket is not above it.
 *
 * Limits travel as 16 lower-case hex digits or, for everybody, as "all" (and
 * only so).
 */
#ifndef COMMON_BUCKET_H
#define COMMON_BUCKET_H

#include "common/x509.h"

#define BUCKET_ALL       UINT64_MAX
#define BUCKET_SHARE_ALL 10000 /* basis points */
#define BUCKET_TEXT_LEN  17    /* 16 digits and a NUL */

/*
 * First 64 bits of SHA-256("pawl/bucket/v1" || release digest || device id),
 * 32 and 16 raw bytes, big-endian.
 */
uint64_t bucket_of(const struct sha256 *digest, const struct device_id *device);

int bucket_parse_limit(struct slice text, uint64_t *limit,
		       struct err *e) NODISCARD;
void bucket_format_limit(uint64_t limit, char out[BUCKET_TEXT_LEN]);

/*
 * "25", "12.5" or "0.25", with or without "%", as basis points from 1 to
 * BUCKET_SHARE_ALL. ERR_USAGE.
 */
int bucket_parse_share(const char *text, uint32_t *share,
		       struct err *e) NODISCARD;

/* The limit below which that share of all possible buckets lies. */
uint64_t bucket_limit_of(uint32_t share);

/* A limit as the share that it is expected to open: "12.3400 %". */
void bucket_format_share(uint64_t limit, char out[16]);

#endif
