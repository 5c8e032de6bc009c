/* SPDX-License-Identifier: Apache-2.0 */
/*
 * born - the time before which this program cannot have run: the date of its
 * source (SOURCE_DATE_EPOCH, else of the last commit; 0 when neither is known).
 * It is a floor of time for a device that has verified nothing yet.
 */
#ifndef UPDATER_CLIENT_BORN_H
#define UPDATER_CLIENT_BORN_H

#include <stdint.h>

int64_t born_time(void);

#endif
