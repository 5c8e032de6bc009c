/* SPDX-License-Identifier: Apache-2.0 */
/* boot_reply - what a boot control program prints. Pure. */
#ifndef UPDATER_CLIENT_BOOT_REPLY_H
#define UPDATER_CLIENT_BOOT_REPLY_H

#include "updater-client/boot_record.h"

/*
 * Lines NAME=VALUE, each of our variables at most once, each ended. ERR_FORMAT
 * for anything else: what we do not understand we do not guess at.
 */
int boot_reply_parse(struct slice in, struct boot_values *out,
		     struct err *e) NODISCARD;

#endif
