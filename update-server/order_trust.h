/* SPDX-License-Identifier: Apache-2.0 */
/*
 * order_trust - the operator's own TUF client, over the people listener: what
 * an operator signs is made from what this machine verified, never from what
 * a server says. The root that it begins with is pinned in operator.conf, as
 * a device's is in its factory files:
 *	[trust] root = 1.root.json, folder = trust
 */
#ifndef UPDATE_SERVER_ORDER_TRUST_H
#define UPDATE_SERVER_ORDER_TRUST_H

#include "common/order_step.h"
#include "update-server/people_client.h"

struct order_trust {
	struct people_client *server; /* borrowed */
	int dirfd;
	struct tuf_client *client;
	struct tuf_source source;
	enum environment environment;
	/* The signed parts of the operators' roles; NULL: never signed. */
	const struct json *one, *wide;
};

/*
 * Refresh it. ERR_CONFIG when operator.conf pins no root. In any case end it
 * with order_trust_close().
 */
int order_trust_open(struct people_client *server, struct order_trust *out,
		     struct err *e) NODISCARD;
void order_trust_close(struct order_trust *t);

/* The signed part of a role that operators sign; ERR_NOT_FOUND. */
int order_trust_role(const struct order_trust *t, const char *role,
		     const struct json **out, struct err *e) NODISCARD;
/* The top-level targets: who may sign which role. */
const struct json *order_trust_targets(const struct order_trust *t);

/* A listed release's full package; end it with release_done() in any case. */
int order_trust_release(struct order_trust *t, const char *product,
			const char *id, struct release *out,
			struct err *e) NODISCARD;

/* Each of its packages as the metadata lists them, of all components; visit
 * returns -1 with e to end it. ERR_NOT_FOUND if there is none. */
int order_trust_packages(struct order_trust *t, const char *product,
			 const char *id,
			 int (*visit)(void *ctx, const struct tuf_target *t,
				      const struct release *r, struct err *e),
			 void *ctx, struct err *e) NODISCARD;

/* A listed document by its verified entry, appended. */
int order_trust_document(struct order_trust *t, const char *path,
			 const struct json *entry, struct buf *out,
			 struct err *e) NODISCARD;

/* ERR_UNTRUSTED unless the bytes are those of the entry. */
int order_trust_check(const struct json *entry, struct slice bytes,
		      struct err *e) NODISCARD;

#endif
