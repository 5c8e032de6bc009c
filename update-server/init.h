/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init - everything that a server needs, made once: keys, certificates, the
 * database, the first admin and a commented configuration. And the renewal of
 * what expires soonest, the TLS certificate.
 */
#ifndef UPDATE_SERVER_INIT_H
#define UPDATE_SERVER_INIT_H

#include "common/keyfile.h"

#include "update-server/keeper_people.h"

#define INIT_NAMES_MAX 64

struct store;

struct init_options {
	const char *dir;
	enum environment environment;
	const char *names[INIT_NAMES_MAX + 1];   /* of the TLS certificate */
	const char *device, *enrolment, *people; /* "host:port" */
	const char *admin;
};

/* ERR_CONFLICT if the folder holds a server already, or anything at all. */
int init_make(const struct init_options *o, struct err *e) NODISCARD;

/* What the keeper's list of people says of who has this certificate. */
int init_keeper_person(struct slice pem, const char *roles,
		       struct keeper_person *out, struct err *e) NODISCARD;

/* The database of an installed server, for who installs it; beside a server
 * that runs, too. Closed with store_close(). */
int init_open_store(const char *dir, enum environment *environment,
		    struct store **out, struct err *e) NODISCARD;

/* Held until *lock is closed, so that no server runs beside us. ERR_BUSY. */
int init_lock(const char *dir, int *lock, struct err *e) NODISCARD;

/*
 * After an act beside the running server: wait until its signed checkpoint, and
 * the exported one, say it too. *runs is false if no server runs, and then it
 * does when it starts. ERR_BUSY if it does not come to it.
 */
int init_await_checkpoint(const char *dir, bool *runs, struct err *e) NODISCARD;

struct init_drained {
	bool ran;     /* false: there was no server */
	uint64_t cut; /* requests that took too long */
};

/*
 * Have the running server drain and end, within so many seconds; come back when
 * it is gone. ERR_BUSY if it does not go, ERR_SYSTEM if it ended in some other
 * way.
 */
int init_drain(const char *dir, uint64_t within, struct init_drained *out,
	       struct err *e) NODISCARD;

/* The names of the present TLS certificate, each with a NUL behind it. */
int init_tls_names(const char *dir, struct buf *out, struct err *e) NODISCARD;
/* A new TLS certificate for the same key and the given names. */
int init_renew_tls(const char *dir, const char *const *names,
		   struct err *e) NODISCARD;

/*
 * Another CA for the server's certificates: first made, ca-next.pem, to be
 * named in the signed site; later put in place of ca.pem, with a new TLS
 * certificate by it. ERR_CONFLICT, ERR_NOT_FOUND.
 */
int init_next_ca(const char *dir, struct err *e) NODISCARD;
int init_switch_ca(const char *dir, const char *const *names,
		   struct err *e) NODISCARD;

#endif
