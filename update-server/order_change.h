/* SPDX-License-Identifier: Apache-2.0 */
/*
 * order_change - one change of orders on an operator's machine: made here, or
 * made by somebody else and to be approved; judged, said in words, signed.
 */
#ifndef UPDATE_SERVER_ORDER_CHANGE_H
#define UPDATE_SERVER_ORDER_CHANGE_H

#include "common/keyring.h"
#include "update-server/order_desk.h"
#include "update-server/order_trust.h"

#define ORDER_CHANGE_MAX 40

struct order_change_set {
	struct order_trust *trust; /* borrowed, like desk */
	struct order_desk *desk;
	const char *role;
	struct order_put puts[ORDER_CHANGE_MAX];
	struct buf bytes[ORDER_CHANGE_MAX]; /* of the put at the same place */
	size_t count;
	struct json *envelope;
	struct order_step step;
	struct json *words;
	struct sha256 digest; /* of what is signed, in canonical form */
};

/* Add an order to what is going to change. */
int order_change_put(struct order_change_set *c, enum order_place place,
		     const struct order *o, struct err *e) NODISCARD;
/* Add any document; bytes are copied. */
int order_change_document(struct order_change_set *c, const char *path,
			  const char *type, struct slice bytes,
			  struct err *e) NODISCARD;
/* Take one off the list. */
int order_change_remove(struct order_change_set *c, const char *path,
			struct err *e) NODISCARD;

/* The facts that a step is judged by, from what this machine verified. */
struct order_facts order_change_facts(struct order_change_set *c);

/* Make the role's next file of what was put; judges it and finds words. */
int order_change_make(struct order_change_set *c, int64_t now,
		      struct err *e) NODISCARD;

/*
 * Take the file that waits at the desk instead. ERR_UNTRUSTED unless a key of
 * the role signed these very bytes; ERR_CONFLICT unless it is the version after
 * the one that counts; ERR_REFUSED for anything that operators may not change.
 */
int order_change_take(struct order_change_set *c, struct err *e) NODISCARD;

/* Sign it with these keys, each of which must be the role's, and hand it on. */
int order_change_sign(struct order_change_set *c, const struct keyring *keys,
		      struct json **answer, struct err *e) NODISCARD;

void order_change_done(struct order_change_set *c);

#endif
