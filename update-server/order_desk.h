/* SPDX-License-Identifier: Apache-2.0 */
/*
 * order_desk - where a change of orders lies until enough operators signed it:
 * on the server, or in a folder that people carry. Nothing from a desk is
 * believed: whoever reads from it verifies what it gave. The folder has the
 * form of a publication, so `release import` takes it to a server.
 */
#ifndef UPDATE_SERVER_ORDER_DESK_H
#define UPDATE_SERVER_ORDER_DESK_H

#include "common/json.h"
#include "common/tuf_fetch.h"
#include "update-server/people_client.h"

struct order_desk {
	struct people_client *server; /* borrowed */
	const char *folder;           /* NULL: on the server */
	int dirfd;
	/* Why it is signed, for the server's log; NULL: not said. Borrowed. */
	const char *reason;
};

/* The folder is made if need be. */
int order_desk_open(struct people_client *server, const char *folder,
		    struct order_desk *out, struct err *e) NODISCARD;
void order_desk_close(struct order_desk *d);

/* Put a document there, under its path; once more is fine. */
int order_desk_put(struct order_desk *d, const char *path, struct slice bytes,
		   struct err *e) NODISCARD;
/* Any bytes that lie there under this digest; ERR_NOT_FOUND. Appended. */
int order_desk_get(struct order_desk *d, const char *path,
		   const struct sha256 *digest, struct buf *out,
		   struct err *e) NODISCARD;

/*
 * Put the role's next file there, with its signatures. *answer (the caller's)
 * has "signatures", "threshold", "live" if a server counted them, else it is
 * {"folder"}. ERR_CONFLICT if another version or change came in between.
 */
int order_desk_sign(struct order_desk *d, const char *role,
		    const struct json *envelope, struct json **answer,
		    struct err *e) NODISCARD;
/* The file of this role and version that waits; ERR_NOT_FOUND. */
int order_desk_staged(struct order_desk *d, const char *role, int64_t version,
		      struct json **envelope, struct err *e) NODISCARD;

#endif
