/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fence - the server process shuts itself out of what is the keeper's: its
 * keys, its secret, its memory, and every other file that serving does not
 * need. So who takes it over by a crafted request finds none of them, whoever
 * owns the files. By Landlock; the log says where a kernel has none.
 */
#ifndef UPDATE_SERVER_FENCE_H
#define UPDATE_SERVER_FENCE_H

#include "update-server/config.h"

/* Once everything was opened, and before there are threads. ERR_SYSTEM. */
int fence_enter(const struct config *c, struct err *e) NODISCARD;

#endif
