/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mbed - one spelling for what mbedtls 2.28 and 3.6 call differently.
 *
 * Only the modules that may include mbedtls use this. What both versions share
 * is used under its own name.
 */
#ifndef COMMON_MBED_H
#define COMMON_MBED_H

#include <mbedtls/md.h>
#include <mbedtls/pk.h>
#include <mbedtls/sha256.h>
#include <mbedtls/sha512.h>
#include <mbedtls/version.h>

#include "common/random.h"
#include "common/rd.h"

/*
 * What mbedtls returns where it can only fail for a broken library (hashing
 * memory, loading a curve that was compiled in): a fault ends the process, as
 * going on would mean trusting nothing.
 */
void mbed_must(int rc);

#if MBEDTLS_VERSION_MAJOR < 3

#define mbed_sha256_starts mbedtls_sha256_starts_ret
#define mbed_sha256_update mbedtls_sha256_update_ret
#define mbed_sha256_finish mbedtls_sha256_finish_ret
#define mbed_sha512_starts mbedtls_sha512_starts_ret
#define mbed_sha512_update mbedtls_sha512_update_ret
#define mbed_sha512_finish mbedtls_sha512_finish_ret

/* A private key, DER or PEM with its NUL, unencrypted. */
#define mbed_pk_parse_key(pk, key, len)                                        \
	mbedtls_pk_parse_key((pk), (key), (len), NULL, 0)

#else

#define mbed_sha256_starts mbedtls_sha256_starts
#define mbed_sha256_update mbedtls_sha256_update
#define mbed_sha256_finish mbedtls_sha256_finish
#define mbed_sha512_starts mbedtls_sha512_starts
#define mbed_sha512_update mbedtls_sha512_update
#define mbed_sha512_finish mbedtls_sha512_finish

#define mbed_pk_parse_key(pk, key, len)                                        \
	mbedtls_pk_parse_key((pk), (key), (len), NULL, 0, random_for_mbedtls,  \
			     NULL)

#endif

#endif
