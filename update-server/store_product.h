/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_product - which products this server has heard of: by a release that
 * was imported, by a device, or by claim codes that are not all withdrawn.
 */
#ifndef UPDATE_SERVER_STORE_PRODUCT_H
#define UPDATE_SERVER_STORE_PRODUCT_H

#include "update-server/store.h"

/*
 * Is it one of them? Where nothing is known yet, the first may have any name.
 * Else ERR_NOT_FOUND, with the names that are known: a mistyped product has
 * codes that let no device in, which shows only where the devices are.
 */
int store_product_check(struct store *s, const char *product,
			struct err *e) NODISCARD;

#endif
