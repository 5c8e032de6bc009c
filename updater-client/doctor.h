/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor - can this device update, switch and come back? Asked before it leaves
 * the factory, and by whoever stands before one that does not.
 *
 * Nothing that runs is changed: what is written is written back, in an order
 * that leaves the device as it was wherever the power is cut. A loader is told
 * to start the other slot with no try left, so that it would go back at once.
 */
#ifndef UPDATER_CLIENT_DOCTOR_H
#define UPDATER_CLIENT_DOCTOR_H

#include "updater-client/diagnosis.h"
#include "updater-client/settings.h"

struct doctor_options {
	const char *config_path;
	bool offline; /* do not ask the server */
};

/*
 * Look at everything; fails only when it cannot be asked (ERR_BUSY: an update
 * is under way).
 */
int doctor_run(const struct settings *c, const struct doctor_options *options,
	       int stop_fd, struct diagnosis *d, struct err *e) NODISCARD;

#endif
