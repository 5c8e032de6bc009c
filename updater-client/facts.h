/* SPDX-License-Identifier: Apache-2.0 */
/*
 * facts - what this device is, as it tells others: the server that counts it,
 * and the process that chooses for it. Each fills in what it knows and leaves
 * the rest as it was.
 */
#ifndef UPDATER_CLIENT_FACTS_H
#define UPDATER_CLIENT_FACTS_H

#include "updater-client/session.h"

/* The check-in (docs/protocol.md); nothing in it names a person or a place. */
void facts_for_server(const struct session *s, struct wire_checkin *m);

/* By what policy.h chooses: what is to be filled, what runs, what was refused
 * and how low it may go; not what a person asked for this time. */
void facts_for_policy(const struct session *s, struct policy_device *d);

/* By what signed orders are judged (order.h). */
void facts_for_orders(const struct session *s, struct message_choose *m);

#endif
