/* SPDX-License-Identifier: Apache-2.0 */
/*
 * envelope - a signed file as engineers carry it between machines:
 * {"signatures": [...], "signed": {...}}, root or targets.
 *
 * Such files come on foreign sticks, so they are read strictly: no member that
 * we do not know, a handful of signatures, no key twice, a known type. What
 * the signatures are worth is judged with a root (TUF 1.0.34, section 4.2).
 */
#ifndef SIGNER_ENVELOPE_H
#define SIGNER_ENVELOPE_H

#include "common/tuf_write.h"

#define ENVELOPE_MAX_LEN        5000000
#define ENVELOPE_SIGNATURES_MAX 16

/* *role is TUF_ROOT or TUF_TARGETS; the caller frees *out. */
int envelope_parse(struct slice in, struct json **out, enum tuf_role *role,
		   struct err *e) NODISCARD;

/* "root" and "targets". */
const char *envelope_role_name(enum tuf_role role);

/* The part that is signed; never NULL after envelope_parse(). */
const struct json *envelope_signed(const struct json *envelope);
size_t envelope_signature_count(const struct json *envelope);
int64_t envelope_version(const struct json *envelope);

/* A fresh envelope around a copy of `signed_part`, without signatures. */
struct json *envelope_unsigned(const struct json *signed_part);

/*
 * Add those signatures of `from` to `to` that keys of the given roots made for
 * its role. ERR_CONFLICT when the two sign different bytes, ERR_UNTRUSTED for a
 * signature that is wrong or by a key of none of the roots; `to` is then as it
 * was. roots may contain NULLs. *added counts the new ones.
 */
int envelope_merge(struct json *to, const struct json *from,
		   const struct json *const *roots, size_t root_count,
		   size_t *added, struct err *e) NODISCARD;

/* The key that `root` lists for `role` under keyid; ERR_NOT_FOUND. */
int envelope_role_key(const struct json *root, const char *role,
		      const char *keyid, struct ec_public *out,
		      struct err *e) NODISCARD;

#endif
