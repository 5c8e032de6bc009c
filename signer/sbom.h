/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sbom - the bill of materials of a release: a file beside it, of whatever
 * format (SPDX, CycloneDX), of which length and SHA-256 are signed with the
 * release. Nobody here reads what is in it, and it is not published: who has
 * the file finds out that it is the one that the engineers meant.
 */
#ifndef SIGNER_SBOM_H
#define SIGNER_SBOM_H

#include "common/json.h"
#include "common/release.h"

/* Take a file's length and digest. ERR_USAGE: it is no file, or empty. */
int sbom_read(const char *path, struct release *r, struct err *e) NODISCARD;

/*
 * Is the file the one that is signed: the "sbom" of a listed release, or NULL?
 * ERR_UNTRUSTED if it is another, ERR_NOT_FOUND if none is signed.
 */
int sbom_compare(const char *path, const struct json *sbom,
		 struct err *e) NODISCARD;

#endif
