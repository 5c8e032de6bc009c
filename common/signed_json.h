/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signed_json - an object and a signature over its canonical form:
 *
 *	{ SIG: hex of an ECDSA signature, "signed": the object }
 *
 * What the object is, and that it says so, is its owner's matter: a signature
 * of one kind of document never stands for another because each names its type.
 */
#ifndef COMMON_SIGNED_JSON_H
#define COMMON_SIGNED_JSON_H

#include "common/ec.h"
#include "common/json.h"

/*
 * *out holds `body` and its signature as the member `sig`; json_free() it. The
 * body is taken, also on failure. ERR_LIMIT for more than `max` bytes of it.
 */
int signed_json_make(struct json *body, const char *sig,
		     const struct ec_private *key, size_t max,
		     struct json **out, struct err *e) NODISCARD;

/* ERR_FORMAT for what is no signature, ERR_UNTRUSTED for a wrong one. */
int signed_json_verify(const struct json *whole, const char *sig,
		       const struct ec_public *key, size_t max,
		       struct err *e) NODISCARD;

#endif
