/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_product - which products this server has heard of: by a release that
 * was imported, by a device, or by claim codes that are not all withdrawn.
 */
#ifndef UPDATE_SERVER_STORE_PRODUCT_H
#define UPDATE_SERVER_STORE_PRODUCT_H

#include "update-server/store.h"

/*
 * What a person should hear who makes codes of this product: that it is none of
 * them, and which are; "" if it is one, or nothing is known yet. Mistyped, its
 * codes let no device in, which shows only where the devices are.
 */
#define STORE_PRODUCT_NOTE_LEN 400
int store_product_note(struct store *s, const char *product,
		       char out[STORE_PRODUCT_NOTE_LEN],
		       struct err *e) NODISCARD;

#endif
