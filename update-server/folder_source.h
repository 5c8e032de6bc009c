/* SPDX-License-Identifier: Apache-2.0 */
/* folder_source - TUF metadata from a folder of files, as an import reads it.
 */
#ifndef UPDATE_SERVER_FOLDER_SOURCE_H
#define UPDATE_SERVER_FOLDER_SOURCE_H

#include "common/tuf_client.h"

/* A source over an open folder; *dirfd must live as long as the source. */
struct tuf_source folder_source(const int *dirfd);

/*
 * Trust the source's 1.root.json (for want of anything better, at the very
 * first import) if dirfd holds no root.json yet. *first says whether it did.
 */
int folder_first_trust(int trust_dirfd, const struct tuf_source *from,
		       bool *first, struct err *e) NODISCARD;

#endif
