/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pem - the textual encoding of keys and certificates (RFC 7468, strict form):
 * one block, no headers, padded canonical base64 in lines that end in \n.
 */
#ifndef COMMON_PEM_H
#define COMMON_PEM_H

#include "common/buf.h"

#define PEM_MAX_LEN 16384 /* of a text that pem_parse() looks at */

/* Does the text look like PEM, white space before it aside? */
bool pem_is(struct slice text);

/*
 * Append the bytes of the only block in text, which must have this label and
 * nothing but white space around it. ERR_FORMAT, ERR_LIMIT.
 */
int pem_parse(struct slice text, const char *label, struct buf *der,
	      struct err *e) NODISCARD;

/* Append the block, in lines of 64 characters. */
int pem_format(const char *label, struct slice der, struct buf *text,
	       struct err *e) NODISCARD;

#endif
