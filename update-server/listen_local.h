/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listen_local - a socket that listens at a place in the file system, for
 * programs on this machine that its mode lets in.
 */
#ifndef UPDATE_SERVER_LISTEN_LOCAL_H
#define UPDATE_SERVER_LISTEN_LOCAL_H

#include "common/err.h"

struct uv_pipe_s; /* libuv's */
struct uv_stream_s;

/*
 * Bind an initialised handle to the path of `at` (struct local) and listen. A
 * socket that somebody left there is replaced if nobody listens at it; anything
 * else stays, and is ERR_CONFIG, as is a folder that is not there. From its
 * first moment on it has no more than this mode. Changes the umask meanwhile,
 * so there must be no other thread yet. The handle stays the caller's to close.
 */
struct local;
int listen_local(struct uv_pipe_s *pipe, const struct local *at,
		 void (*on_connection)(struct uv_stream_s *listening,
				       int status),
		 struct err *e) NODISCARD;

#endif
