/* SPDX-License-Identifier: Apache-2.0 */
/*
 * publish_online - what the keeper signs of what is stored: snapshot and
 * timestamp, for the network or for a medium. It verifies what they list for
 * itself, and each is stored before devices see it.
 */
#ifndef UPDATE_SERVER_PUBLISH_ONLINE_H
#define UPDATE_SERVER_PUBLISH_ONLINE_H

#include "update-server/api.h"

/* Have the keeper sign what is stored, if it was not yet. */
int publish_finish(struct server_api *api, struct err *e) NODISCARD;
/* The same by who holds api->publishing. */
int publish_finish_locked(struct server_api *api, struct err *e) NODISCARD;

/* Snapshot and timestamp for a medium; the network's move past them. */
int publish_bundle(struct server_api *api, uint32_t days,
		   const struct audit_by *by, struct keeper_answer *out,
		   struct err *e) NODISCARD;

#endif
