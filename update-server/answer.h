/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer - the head of an HTTP/1.1 response. Nothing in it comes from the
 * request, so no request can forge a line of it.
 */
#ifndef UPDATE_SERVER_ANSWER_H
#define UPDATE_SERVER_ANSWER_H

#include "common/buf.h"

#include "update-server/http.h"

#define ANSWER_HEAD_MAX 1024

struct answer {
	unsigned status;
	const char *type; /* constant; NULL where there is no body */
	const char *etag; /* quoted; "" or NULL for none */
	uint64_t body_len;
	struct http_part part; /* 206: which bytes */
	uint64_t whole_len;    /* 206 and 416: of the whole file */
	bool ranges;           /* say that ranges may be asked for */
	bool immutable;        /* the same for ever under this path */
	unsigned retry_after;  /* seconds; 0 for none */
	unsigned allow;        /* 405: bit per enum method */
	bool close;            /* the connection ends with this answer */
	bool endless;          /* so many bytes as come: no length is given */
	bool page;             /* for a browser: it runs what is ours alone */
};

int answer_format(const struct answer *a, struct buf *out,
		  struct err *e) NODISCARD;

/* "Not Found" and so on; "Unknown" for a status that we never send. */
const char *answer_reason(unsigned status);

/* What a client that sent "Expect: 100-continue" waits for. */
struct slice answer_continue(void);

#endif
