/* SPDX-License-Identifier: Apache-2.0 */
/*
 * renewal - the controlling side of renew: is it time, and the processes for
 * it. Before a session connects, because a certificate that has ended is good
 * for nothing else.
 */
#ifndef UPDATER_CLIENT_RENEWAL_H
#define UPDATER_CLIENT_RENEWAL_H

#include "updater-client/session.h"

/*
 * Renew if two thirds of the certificate's life are over, or finish what was
 * begun; else nothing. A failure leaves the present identity as it is, and
 * the next session tries again.
 */
int renewal_run(struct session *s, struct err *e) NODISCARD;

/*
 * The server has refused our certificate: it may have been restored from an old
 * backup. Show it the renewals that it has forgotten. ERR_BUSY if a person has
 * to look first: the code is in `status`; ERR_REFUSED if nobody is let in so.
 */
int renewal_readopt(struct session *s, struct err *e) NODISCARD;

#endif
