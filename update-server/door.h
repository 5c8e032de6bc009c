/* SPDX-License-Identifier: Apache-2.0 */
/*
 * door - who may come in at `pawl-server ui`. Pure.
 *
 * The door stands on this machine's loopback, where every user of the machine
 * and every page in the operator's browser can knock, and behind it is the
 * operator's certificate. So: the Host must be the door's own address (a name
 * that was pointed at 127.0.0.1 is another origin, DNS rebinding); what a page
 * of another origin sends is refused; and whatever reads or changes must show
 * the key that was printed in the operator's terminal. The key is no cookie,
 * for cookies of 127.0.0.1 are sent to every port of it, whoever listens there.
 * The pages themselves hold nothing and need no key.
 */
#ifndef UPDATE_SERVER_DOOR_H
#define UPDATE_SERVER_DOOR_H

#include "update-server/http.h"

#define DOOR_KEY_LEN  32
#define DOOR_BODY_MAX 65536

struct door {
	uint16_t port;
	char key[2 * DOOR_KEY_LEN + 1];
};

/* With a fresh key. */
void door_init(struct door *d, uint16_t port);

/* May this request go through? ERR_REFUSED and others; *status is what to
 * answer: 401, 403, 404, 405, 413. */
int door_judge(const struct door *d, const struct http_request *q,
	       unsigned *status, struct err *e) NODISCARD;

/*
 * Is this line of an answer's head one that a browser is told? "Name: value"
 * without the line's end. What is about the connection is not.
 */
bool door_tells(struct slice line);

#endif
