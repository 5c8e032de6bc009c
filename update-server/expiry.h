/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expiry - when what devices are served ends: each role's metadata, and the
 * certificates. A file never changes under its name, so each is read once; the
 * timestamp, which does, is small.
 */
#ifndef UPDATE_SERVER_EXPIRY_H
#define UPDATE_SERVER_EXPIRY_H

#include <pthread.h>

#include "update-server/store.h"

/* root, targets, snapshot, timestamp, and the delegated roles. */
#define EXPIRY_MAX (4 + STORE_ROLES_MAX)

struct expiry_of {
	char role[NAME_MAX_LEN + 1];
	char file[TUF_NAME_MAX]; /* that this was read in */
	int64_t issued, when;
};

/* Zeroed but for its lock. */
struct expiry {
	pthread_mutex_t lock;
	struct expiry_of roles[EXPIRY_MAX];
	size_t count;
};

/* Timestamp and snapshot, which the keeper signs anew by itself. */
bool expiry_is_online(const struct expiry_of *role);

void expiry_init(struct expiry *x);
void expiry_done(struct expiry *x);

/*
 * What is there now, into `out`; *count is 0 before the first import. Of the
 * roles that were delegated to once, those that still are, of use or not.
 */
int expiry_read(struct expiry *x, struct store *s,
		struct expiry_of out[EXPIRY_MAX], size_t *count,
		struct err *e) NODISCARD;

/* When the first certificate of a text, or of a file, ends; 0 if it cannot be
 * read. */
int64_t expiry_of_pem(struct slice pem);
int64_t expiry_of_file(int dirfd, const char *path);

/* The device CA, and those that it took the place of. */
#define EXPIRY_CAS 4
/* When each certificate of a text ends, in its order, to so many; how many. */
size_t expiry_of_each(struct slice pem, int64_t ends[EXPIRY_CAS]);

#endif
