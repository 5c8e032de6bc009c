/* SPDX-License-Identifier: Apache-2.0 */
/*
 * home - the files of a server's folder that several modules name, and how long
 * its own certificates last. (The keeper's are in keeper.h, what a running
 * server is told by files in store.h.)
 */
#ifndef UPDATE_SERVER_HOME_H
#define UPDATE_SERVER_HOME_H

#include "common/x509.h"

#define HOME_DATABASE      "store.sqlite"
#define HOME_DEVICE_CA_PEM "keys/device-ca.pem"
#define HOME_ONLINE_PUB    "online.pub"

/* The server's TLS certificate, the CA that issued it, and the one to come. */
#define HOME_TLS_PEM     "tls.pem"
#define HOME_TLS_KEY     "keys/tls.key"
#define HOME_CA_PEM      "ca.pem"
#define HOME_CA_KEY      "keys/server-ca.key"
#define HOME_NEXT_CA_PEM "ca-next.pem"
#define HOME_NEXT_CA_KEY "keys/server-ca-next.key"

#define HOME_CA_DAYS     3650
#define HOME_TLS_DAYS    90 /* renewed each month: docs/server-conf.md */
#define HOME_PERSON_DAYS 365
#define HOME_SLACK_SEC   3600 /* clocks that are a little behind ours */

/* A certificate from now on, for so many days. */
static inline struct x509_template
home_template(enum x509_kind kind, const char *name, int64_t now, int64_t days)
{
	struct x509_template t = { .kind = kind,
				   .common_name = name,
				   .not_before = now - HOME_SLACK_SEC,
				   .not_after = now + days * UTC_DAY };

	return t;
}

#endif
