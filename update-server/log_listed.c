/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/log_listed.h"

#include "update-server/documents.h"

/* The list's entry in the imported targets; NULL if there is none. */
static int load_entry(struct store *s, struct json **file,
		      const struct json **entry, struct err *e)
{
	int64_t root, targets;

	*file = NULL;
	*entry = NULL;
	if (store_metadata_versions(s, &root, &targets, e))
		return -1;
	if (targets == 0)
		return 0;
	if (documents_metadata(s, "targets", targets, file, e))
		return -1;
	*entry = json_get(json_get(documents_signed(*file), "targets"),
			  LOG_KEYS_PATH);
	return 0;
}

int log_listed(struct store *s, int dirfd, const struct ec_public *own,
	       struct log_listed *out, struct err *e)
{
	struct buf bytes = BUF_INIT(STATEMENT_MAX_LEN);
	const struct json *entry;
	struct log_keys keys;
	struct json *file;
	size_t at;
	int rc = -1;

	*out = (struct log_listed){ .until = 0 };
	if (load_entry(s, &file, &entry, e))
		return -1;
	if (!entry) {
		rc = 0;
		goto out;
	}
	if (documents_read(dirfd, entry, &bytes, e) ||
	    log_keys_parse(buf_slice(&bytes), &keys, e)) {
		err_in(e, LOG_KEYS_PATH);
		goto out;
	}
	at = log_keys_find(&keys, own);
	out->has_list = true;
	out->listed = at < keys.count;
	if (out->listed)
		out->until = keys.at[at].until;
	rc = 0;
out:
	json_free(file);
	buf_done(&bytes);
	return rc;
}

int64_t log_listed_end(const struct log_listed *l, int64_t since)
{
	int64_t end = since + LOG_KEY_LIFE;

	if (l->has_list && !l->listed)
		return since; /* it signs nothing that an auditor takes */
	return l->listed && l->until < end ? l->until : end;
}
