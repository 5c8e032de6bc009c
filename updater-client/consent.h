/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consent - may an update that the daemon found be installed now? A window of
 * the day and a local program decide, for so long as the configuration lets
 * them; who runs the update by hand has decided already.
 *
 *	STATE/deferred.json   which release waits, since when, and whether the
 *	                      server is still to be told
 */
#ifndef UPDATER_CLIENT_CONSENT_H
#define UPDATER_CLIENT_CONSENT_H

#include "updater-client/session.h"

/*
 * An urgent release waits for no window; after [install] defer_max, or after
 * what the release itself allows, neither counts. False: `why` says what it
 * waits for. The first time that a release is put off, the server is told:
 * where another one waits for its boot, once that is over.
 */
bool consent_given(struct session *s, const struct plan *plan,
		   char why[WIRE_REASON_MAX]);

/* It is installed. Until then its time goes on, whatever fails meanwhile. */
void consent_done(const struct session *s);

#endif
