/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unwrap - the process that opens a sealed content key: it holds the device's
 * decryption key and reads one message of fixed fields; it has no network and
 * never sees a package. What parses packages gets the content key alone.
 */
#ifndef UPDATER_CLIENT_UNWRAP_H
#define UPDATER_CLIENT_UNWRAP_H

#include "updater-client/ipc.h"

/* The life of the process; ctx points to the state folder's descriptor. */
void unwrap_run(void *ctx, struct channel *control);

#endif
