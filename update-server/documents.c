/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/documents.h"

#include "common/tuf_store.h"

#include "update-server/blobs.h"

int documents_metadata(struct store *s, const char *role, int64_t version,
		       struct json **out, struct err *e)
{
	struct buf bytes = BUF_INIT(STORE_METADATA_MAX);
	char name[TUF_NAME_MAX];
	int rc = -1;

	if (tuf_remote_name(role, version, name, e) == 0 &&
	    store_metadata_get(s, name, &bytes, NULL, e) == 0)
		rc = json_parse(buf_slice(&bytes), out, e);
	buf_done(&bytes);
	return rc ? err_in(e, "%s", role) : 0;
}

const struct json *documents_signed(const struct json *file)
{
	return json_get(file, "signed");
}

int documents_read(int dirfd, const struct json *entry, struct buf *out,
		   struct err *e)
{
	struct sha256 want;

	return json_get_hex(json_get(entry, "hashes"), "sha256", want.bytes,
			    SHA256_LEN, e) ||
			       blobs_read(dirfd, &want, out, e)
		       ? -1
		       : 0;
}
