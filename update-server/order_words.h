/* SPDX-License-Identifier: Apache-2.0 */
/* order_words - what a change of orders means, in words for who signs it. */
#ifndef UPDATE_SERVER_ORDER_WORDS_H
#define UPDATE_SERVER_ORDER_WORDS_H

#include "common/order_step.h"

/* An array of lines; shares are computed here, from the limits that are
 * signed. */
struct json *order_words(const char *role, const struct json *next,
			 const struct order_step *step);

#endif
