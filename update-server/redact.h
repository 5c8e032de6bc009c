/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redact - text that devices sent, without what must not be kept: private keys
 * and other PEM blocks, credentials in URLs, tokens, and the values of what is
 * named like a secret. Pure.
 *
 * It goes by how such things look, so it is the second line: who prints a
 * secret under no name prints it. What is taken out is shown as [redacted].
 *
 * Line ends may be \n, or \x0a in four letters, as clients up to 0.1 wrote
 * them. Lines "-- client", "-- boot" and "-- said" begin sections, each
 * redacted for itself: a block that never ends is taken out to the end of its
 * section, one that never began from its start.
 */
#ifndef UPDATE_SERVER_REDACT_H
#define UPDATE_SERVER_REDACT_H

#include "common/rd.h"

#define REDACT_MARK "[redacted]"

/*
 * Write the text of `in` to out, which ends in a NUL and is cut if it does not
 * fit. Bytes that are no text stay as they are. size is above 0. Returns how
 * many bytes were written, without the NUL.
 */
size_t redact(struct slice in, char *out, size_t size);

#endif
