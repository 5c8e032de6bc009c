/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health - the commands by which a new release proves itself on a device,
 * checked against the very tree that is released: a command that does not
 * exist there would roll every device back.
 */
#ifndef SIGNER_HEALTH_H
#define SIGNER_HEALTH_H

#include "common/release.h"

/*
 * Split "prog arg arg" at white space into a command; there is no quoting. The
 * texts are the caller's, to be freed with release_done(). ERR_USAGE.
 */
int health_parse(const char *text, struct release_health *out,
		 struct err *e) NODISCARD;

/*
 * The program must be a regular file of the tree that somebody may execute;
 * symbolic links are followed with the tree as root. ERR_NOT_FOUND or
 * ERR_REFUSED.
 */
int health_check(const struct tree *t, const struct release_health *command,
		 struct err *e) NODISCARD;

#endif
