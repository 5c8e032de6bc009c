/* SPDX-License-Identifier: Apache-2.0 */
/*
 * documents - metadata that was imported, and the small documents that it
 * lists, as the server reads them again for itself: what orders and ways are
 * derived from. All of it was verified before it was stored.
 */
#ifndef UPDATE_SERVER_DOCUMENTS_H
#define UPDATE_SERVER_DOCUMENTS_H

#include "update-server/store.h"

/* "<version>.<role>.json", parsed; the caller frees *out. */
int documents_metadata(struct store *s, const char *role, int64_t version,
		       struct json **out, struct err *e) NODISCARD;

/* Its signed part, borrowed. */
const struct json *documents_signed(const struct json *file);

/*
 * The document of a targets entry, from the payloads beneath dirfd. ERR_LIMIT
 * for more than out takes, ERR_UNTRUSTED when the disk has other bytes.
 */
int documents_read(int dirfd, const struct json *entry, struct buf *out,
		   struct err *e) NODISCARD;

#endif
