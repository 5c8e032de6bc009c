/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tuf_due - when people must be told that something they sign ends: 60, 30 and
 * 7 days before. Who signs and who serves say it by the same rule.
 */
#ifndef COMMON_TUF_DUE_H
#define COMMON_TUF_DUE_H

#include <stdint.h>

/*
 * How near the end of a life is: 60, 30 or 7 (days left at most), 0 when it is
 * over, -1 when there is time. The first two only in the second half of a
 * life, for a short one would else always be about to end.
 */
int tuf_due(int64_t issued, int64_t expires, int64_t now);

/* The same for certificates, which one person renews: 30, 7, 0 or -1. */
int tuf_due_certificate(int64_t expires, int64_t now);

#endif
