/* SPDX-License-Identifier: Apache-2.0 */
/*
 * document - small signed documents beside packages: a floor, an order, a
 * site. Each is a target of its own: one JSON object of at most 64 KiB with
 * "v": 1 and "type", in canonical form, whose targets entry says the same in
 * its custom data: {"pawl": {"type": TYPE, "v": 1}}.
 */
#ifndef SIGNER_DOCUMENT_H
#define SIGNER_DOCUMENT_H

#include "signer/repo.h"
#include "signer/report.h"

#define DOCUMENT_MAX_LEN 65536

/* What to put where; borrowed. */
struct document {
	const char *role, *path;
	const struct json *object;
};

/*
 * Put a document's bytes below targets/ and list it under its path in the
 * staged file of its role, in the place of an older one. The bytes are made
 * from the object, which must have "v" and "type". ERR_REFUSED when the role
 * may not list that path; ERR_NOT_FOUND without that role.
 */
int document_put(struct repo *r, const struct document *d, int64_t now,
		 struct report *out, struct err *e) NODISCARD;

/*
 * Keep the bytes of a document that a file made elsewhere lists under `path`
 * with this digest. ERR_UNTRUSTED for other bytes; ERR_REFUSED for a path that
 * the role may not list.
 */
int document_keep(struct repo *r, const char *role, const char *path,
		  const struct sha256 *digest, struct slice bytes,
		  struct err *e) NODISCARD;

/* Take it off the list; the bytes stay. ERR_NOT_FOUND. */
int document_remove(struct repo *r, const char *role, const char *path,
		    int64_t now, struct report *out, struct err *e) NODISCARD;

/*
 * The document that is listed under `path` by what counts now, verified
 * against its entry. ERR_NOT_FOUND; the caller frees *out.
 */
int document_get(const struct repo *r, const char *role, const char *path,
		 struct json **out, struct err *e) NODISCARD;

/* The same by one version of the role: its signed part. */
int document_of(const struct repo *r, const struct json *signed_part,
		const char *path, struct json **out, struct err *e) NODISCARD;

#endif
