/* SPDX-License-Identifier: Apache-2.0 */
/* listen - a socket that listens where the configuration says. */
#ifndef UPDATE_SERVER_LISTEN_H
#define UPDATE_SERVER_LISTEN_H

#include "common/err.h"

/* Longest "[address]:port" or "unix:/path" (listen_local.h) with its NUL. */
#define LISTEN_ADDRESS_MAX 128

struct uv_tcp_s; /* libuv's */
struct uv_stream_s;

/*
 * Bind an initialised handle to "host:port" and listen; `address` is then
 * where, with the real port. The handle stays the caller's to close, whatever
 * happens. ERR_CONFIG, ERR_SYSTEM.
 */
int listen_at(struct uv_tcp_s *tcp, const char *text,
	      void (*on_connection)(struct uv_stream_s *listening, int status),
	      char address[LISTEN_ADDRESS_MAX], struct err *e) NODISCARD;

#endif
