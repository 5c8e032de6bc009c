/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err - why an operation failed.
 *
 * A function that can fail returns 0 or -1 and takes a struct err as its last
 * argument. On -1 the struct says what went wrong; on 0 it is untouched, so
 * calls chain with ||. The code is for programs: it is the exit status of all
 * three of them (docs/exit-status.md), chooses the HTTP status and answers
 * "may we retry?". The message is one line for people: what was wrong and,
 * where there is one, the way out. Nothing here allocates.
 */
#ifndef COMMON_ERR_H
#define COMMON_ERR_H

#include <stdint.h>

#include "common/base.h"

/* The numbers are exit statuses, so they never change their meaning. */
enum err_code {
	ERR_NONE = 0,
	ERR_SYSTEM = 1,     /* a system call or a child process failed */
	ERR_USAGE = 2,      /* the command line asked for the impossible */
	ERR_CONFIG = 3,     /* a configuration file is wrong */
	ERR_FORMAT = 4,     /* input does not follow its format */
	ERR_LIMIT = 5,      /* well formed, but larger than we accept */
	ERR_UNTRUSTED = 6,  /* signature, digest or threshold: not verified */
	ERR_EXPIRED = 7,    /* was valid once; the clock is past its end */
	ERR_ROLLBACK = 8,   /* older than what is already trusted or runs */
	ERR_NETWORK = 9,    /* unreachable, cut off or too slow: try again */
	ERR_REFUSED = 10,   /* understood, and not allowed or not for us */
	ERR_SPACE = 11,     /* no room on the disk */
	ERR_BUSY = 12,      /* somebody else is at it: try again later */
	ERR_NOT_FOUND = 13, /* the thing named does not exist */
	ERR_CONFLICT = 14,  /* it changed since it was read: look again */
	ERR_HEALTH = 15,    /* the new release did not prove itself */
};

/* The struct is 126 words, which a small program clears with two bytes less. */
#define ERR_MSG_LEN 496

struct err {
	enum err_code code;
	/* ERR_NETWORK: the other end wants to be left alone for so long; 0: it
	 * did not say */
	uint32_t retry_sec;
	char msg[ERR_MSG_LEN];
};

/* Record a failure. Always returns -1, so that callers can return it. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...)
	PRINTF(3, 4);

/*
 * Record errno: "<text>: <strerror>". The code is ERR_SPACE for ENOSPC,
 * EDQUOT and EFBIG, ERR_NOT_FOUND for ENOENT, else ERR_SYSTEM. Always returns
 * -1.
 */
int err_sys(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/* Put context in front of a recorded failure. Always returns -1. */
int err_in(struct err *e, const char *fmt, ...) PRINTF(2, 3);

#if defined(__clang_analyzer__) || defined(__cppcheck__)
/* Static analysis sees one file at a time: tell it what the others promise. */
#define err_set(...) ((void)err_set(__VA_ARGS__), -1)
#define err_sys(...) ((void)err_sys(__VA_ARGS__), -1)
#define err_in(...)  ((void)err_in(__VA_ARGS__), -1)
#endif

/* The word that --json and reports use for a code: "untrusted", "space". */
const char *err_name(enum err_code code);

#endif
