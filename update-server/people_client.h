/* SPDX-License-Identifier: Apache-2.0 */
/*
 * people_client - an operator's own connection to the people listener: mTLS
 * with that person's certificate, the server's pinned CA, and nothing from the
 * environment. Owner of libcurl in this program.
 *
 * operator.conf (INI; relative paths are meant from its folder):
 *	[server] url = https://host:port   or   listeners = run/listeners.json
 *	         ca = ca.pem
 *	[person] certificate, key (a keyfile), unlock (see unlock.h)
 *	[trust]  root = 1.root.json, folder = trust   (who signs orders)
 */
#ifndef UPDATE_SERVER_PEOPLE_CLIENT_H
#define UPDATE_SERVER_PEOPLE_CLIENT_H

#include "common/digest.h"
#include "common/ec.h"
#include "common/json.h"
#include "common/text.h"

struct people_client;

/* file NULL: ~/.config/pawl/operator.conf. ERR_CONFIG. */
int people_open(const char *file, struct people_client **out,
		struct err *e) NODISCARD;
void people_close(struct people_client *c);

enum people_trust {
	PEOPLE_TRUST_ROOT,  /* a root that is pinned; ERR_CONFIG if none is */
	PEOPLE_TRUST_FOLDER /* what was verified since; "trust" by default */
};

/* The path of what operator.conf's section [trust] names. */
int people_trust(const struct people_client *c, enum people_trust what,
		 char out[PATH_MAX_LEN], struct err *e) NODISCARD;

/* This person's own key, to sign with, and certificate (PEM); borrowed. */
const struct ec_private *people_identity(const struct people_client *c);
struct slice people_certificate(const struct people_client *c);

/* The certificate that is pinned as the server's CA (the first, where the file
 * has several): which server this is, by no word of its own. */
int people_server(const struct people_client *c, struct sha256 *out,
		  struct err *e) NODISCARD;

/*
 * One request; its answer, or the server's own error. path starts with '/'.
 * people_post() takes body over.
 */
int people_get(struct people_client *c, const char *path, struct json **out,
	       struct err *e) NODISCARD;
int people_post(struct people_client *c, const char *path, struct json *body,
		struct json **out, struct err *e) NODISCARD;
/* Upload len bytes of fd from its start. */
int people_put(struct people_client *c, const char *path, int fd, uint64_t len,
	       struct err *e) NODISCARD;
int people_put_bytes(struct people_client *c, const char *path,
		     struct slice bytes, struct err *e) NODISCARD;
/*
 * The bytes of an answer without an end, as they come, until it ends (0: the
 * other side or take_bytes ended it), the connection breaks, or nothing comes
 * for half a minute (ERR_NETWORK). take_bytes returns false to end it.
 */
int people_stream(struct people_client *c, const char *path,
		  bool (*take_bytes)(void *ctx, struct slice bytes), void *ctx,
		  struct err *e) NODISCARD;
/* Download to out, at most its ceiling; or to a file. */
int people_fetch(struct people_client *c, const char *path, struct buf *out,
		 struct err *e) NODISCARD;
int people_fetch_file(struct people_client *c, const char *path, int fd,
		      uint64_t max, struct err *e) NODISCARD;

/* ---- for somebody else --------------------------------------------------- */

/* Another connection of the same person, for another thread; it signs nothing.
 * The same server, by the same files as when the first was opened. */
int people_open_another(const struct people_client *c,
			struct people_client **out, struct err *e) NODISCARD;

struct people_relay {
	const char *method, *path;
	struct slice body;          /* of a POST: JSON */
	struct slice if_none_match; /* or empty */
	void *ctx;
	/* A line of the answer's head without its end: the status line first,
	 * at last an empty one. */
	int (*line)(void *ctx, struct slice line);
	int (*bytes)(void *ctx, struct slice bytes);
	/* Asked about once a second: does nobody listen any more? */
	bool (*is_over)(void *ctx);
};

/* Ask, and hand out the answer as it comes, an error's too; an endless one
 * until line(), bytes() (by -1) or is_over() ends it. ERR_NETWORK,
 * ERR_UNTRUSTED. */
int people_relay(struct people_client *c, const struct people_relay *r,
		 struct err *e) NODISCARD;

#endif
