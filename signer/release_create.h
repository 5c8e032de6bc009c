/* SPDX-License-Identifier: Apache-2.0 */
/*
 * release_create - make a release: of each component one full package and a
 * delta from each earlier release that was asked for, and their entries in the
 * staged file of the role that signs this product: its own, nightly, or
 * targets.
 *
 * Packages are made under .work/ and get their names when all of them are
 * done; the release exists once that staged file is replaced.
 */
#ifndef SIGNER_RELEASE_CREATE_H
#define SIGNER_RELEASE_CREATE_H

#include "signer/report.h"
#include "signer/spec.h"

/*
 * Make what the command line says (s->path is the repository), and stage it.
 * ERR_USAGE, ERR_CONFIG, ERR_REFUSED: nothing was changed.
 */
int release_create(struct spec *s, bool quiet, struct report *out,
		   struct err *e) NODISCARD;

#endif
