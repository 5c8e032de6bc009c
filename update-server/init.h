/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init - everything that a server needs, made once: keys, certificates, the
 * database, the first admin and a commented configuration. (What expires is
 * renewed by server_tls and device_ca.)
 */
#ifndef UPDATE_SERVER_INIT_H
#define UPDATE_SERVER_INIT_H

#include "common/keyfile.h"

#include "update-server/host.h"
#include "update-server/keeper_people.h"

#define INIT_NAMES_MAX HOST_NAMES_MAX

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

#endif
