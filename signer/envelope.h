/* SPDX-License-Identifier: Apache-2.0 */
/*
 * envelope - a signed file as engineers carry it between machines:
 * {"signatures": [...], "signed": {...}}, root, targets or a delegated role.
 *
 * Targets and delegated roles are of one type; which role a delegated file is
 * for stands in its signed "pawl" object, so that whoever signs the file alone
 * knows it and nobody can pass it off as another role's.
 *
 * Such files come on foreign sticks, so they are read strictly: no member that
 * we do not know, a handful of signatures, no key twice, a known type. What
 * the signatures are worth is judged with a root (TUF 1.0.34, section 4.2).
 */
#ifndef SIGNER_ENVELOPE_H
#define SIGNER_ENVELOPE_H

#include "common/tuf_write.h"
#include "signer/roles.h"

#define ENVELOPE_MAX_LEN        5000000
#define ENVELOPE_SIGNATURES_MAX 16

/* The caller frees *out. */
int envelope_parse(struct slice in, struct json **out, struct err *e) NODISCARD;

/* "root", "targets" or the delegated role's name; borrowed. */
const char *envelope_role(const struct json *envelope);
const char *envelope_role_of(const struct json *signed_part);

/* TUF_ROOT or TUF_TARGETS. */
enum tuf_role envelope_type(const char *role);

/* The part that is signed; never NULL after envelope_parse(). */
const struct json *envelope_signed(const struct json *envelope);
size_t envelope_signature_count(const struct json *envelope);
int64_t envelope_version(const struct json *envelope);

/* A fresh envelope around a copy of `signed_part`, without signatures. */
struct json *envelope_unsigned(const struct json *signed_part);

/*
 * Add those signatures of `from` to `to` that keys of the given judges made
 * for its role: roots, or the targets that delegate to it. ERR_CONFLICT when
 * the two sign different bytes, ERR_UNTRUSTED for a signature that is wrong or
 * by a key of none of the judges; `to` is then as it was. judges may contain
 * NULLs. *added counts the new ones.
 */
int envelope_merge(struct json *to, const struct json *from,
		   const struct json *const *judges, size_t judge_count,
		   size_t *added, struct err *e) NODISCARD;

/* The key that `by` lists for `role` under keyid; ERR_NOT_FOUND. */
int envelope_role_key(const struct json *by, const char *role,
		      const char *keyid, struct ec_public *out,
		      struct err *e) NODISCARD;

#endif
