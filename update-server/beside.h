/* SPDX-License-Identifier: Apache-2.0 */
/*
 * beside - what who installs the server does to its folder by hand, whether or
 * not the server runs: its database, its lock, and the files in run/ by which a
 * running server is told.
 */
#ifndef UPDATE_SERVER_BESIDE_H
#define UPDATE_SERVER_BESIDE_H

#include "common/keyfile.h"

struct store;

/* The database; beside a server that runs, too. Where its log may lack what was
 * signed, it takes no acts but urgent ones. Closed with store_close(). */
int beside_open_store(const char *dir, enum environment *environment,
		      struct store **out, struct err *e) NODISCARD;

/* Held until *lock is closed, so that no server runs beside us. ERR_BUSY. */
int beside_lock(const char *dir, int *lock, struct err *e) NODISCARD;

/*
 * After an act beside the running server: wait until its signed checkpoint, and
 * the exported one, say it too. *runs is false if no server runs, and then it
 * does when it starts. ERR_BUSY if it does not come to it.
 */
int beside_await_checkpoint(const char *dir, bool *runs,
			    struct err *e) NODISCARD;

/*
 * A backup is on record before it is made: by the running server (*runs), or by
 * the next one, where none runs. ERR_REFUSED with the server's reason.
 */
int beside_record_backup(const char *dir, bool payloads, bool *runs,
			 struct err *e) NODISCARD;

struct beside_drained {
	bool ran;     /* false: there was no server */
	uint64_t cut; /* requests that took too long */
};

/*
 * Have the running server drain and end, within so many seconds; come back when
 * it is gone. ERR_REFUSED with the server's reason, ERR_BUSY if it does not go,
 * ERR_SYSTEM if it ended in some other way.
 */
int beside_drain(const char *dir, uint64_t within, const char *reason,
		 struct beside_drained *out, struct err *e) NODISCARD;

#endif
