/* SPDX-License-Identifier: Apache-2.0 */
/*
 * der - the strict subset of ASN.1 DER (X.690) that keys, signatures and
 * certificates need.
 *
 * Reading is over struct rd, with its sticky failure: definite lengths only,
 * in their shortest form, single-byte tags. So one value has one encoding, and
 * what we compare as bytes cannot be the same thing written otherwise.
 */
#ifndef COMMON_DER_H
#define COMMON_DER_H

#include "common/buf.h"

#define DER_BOOLEAN          0x01
#define DER_INTEGER          0x02
#define DER_BIT_STRING       0x03
#define DER_OCTET_STRING     0x04
#define DER_OID              0x06
#define DER_UTF8_STRING      0x0c
#define DER_PRINTABLE_STRING 0x13
#define DER_UTC_TIME         0x17
#define DER_GENERALIZED_TIME 0x18
#define DER_SEQUENCE         0x30
#define DER_SET              0x31
/* Context-specific: [n] primitive and constructed. */
#define DER_CONTEXT(n)  (0x80 | (n))
#define DER_EXPLICIT(n) (0xa0 | (n))

/* ---- reading ------------------------------------------------------------- */

/* Is the next element one with this tag? */
bool der_next_is(const struct rd *r, uint8_t tag);

/* The contents of the next element, which must have this tag. */
struct slice der_read(struct rd *r, uint8_t tag);

/* A reader over those contents; bad if there is no such element. */
struct rd der_enter(struct rd *r, uint8_t tag);

/* The next element with its header, whatever its tag (which is stored). */
struct slice der_read_any(struct rd *r, uint8_t *tag);

/*
 * An INTEGER that is not negative, in its shortest form, as magnitude bytes
 * without leading zeroes (0 gives no bytes).
 */
struct slice der_read_unsigned(struct rd *r);

/* A BIT STRING of whole bytes. */
struct slice der_read_bits(struct rd *r);

/* ---- writing ------------------------------------------------------------- */

/* Failure is sticky and told by der_finish(). */
struct der_writer {
	struct buf *out;
	bool full;
};

struct der_writer der_writer(struct buf *out);

/* Everything written until the matching der_end() is the contents. */
size_t der_begin(struct der_writer *w, uint8_t tag);
void der_end(struct der_writer *w, size_t begin);

void der_put(struct der_writer *w, uint8_t tag, struct slice contents);
void der_put_raw(struct der_writer *w, struct slice bytes);
void der_put_unsigned(struct der_writer *w, struct slice magnitude);
void der_put_bits(struct der_writer *w, struct slice bytes);
void der_put_text(struct der_writer *w, uint8_t tag, const char *text);

/* ERR_LIMIT if the buffer's ceiling was reached. */
int der_finish(const struct der_writer *w, struct err *e) NODISCARD;

#endif
