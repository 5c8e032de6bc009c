/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tuf_fetch.h"

#include "common/tuf_store.h"

int tuf_fetch_bytes(const struct tuf_source *from, const char *role,
		    int64_t version, struct buf *out, struct err *e)
{
	char name[TUF_NAME_MAX];

	if (tuf_remote_name(role, version, name, e))
		return -1;
	if (from->fetch(from->ctx, name, out->max, out, e))
		return err_in(e, "%s", name);
	return 0;
}

int tuf_fetch_accept(const struct tuf_rules *rules, const struct tuf_wanted *w,
		     struct slice bytes, struct tuf_meta **out, struct err *e)
{
	struct tuf_meta *m;

	/* Digests first: they are the cheapest way to refuse. */
	if (tuf_file_check(&w->file, bytes, e) ||
	    tuf_meta_read(rules, w->role, bytes, w->ring, &m, e))
		return -1;
	if (m->version != w->file.version) {
		err_set(e, ERR_UNTRUSTED, "version %lld instead of %lld",
			(long long)m->version, (long long)w->file.version);
		tuf_meta_free(m);
		return -1;
	}
	*out = m;
	return 0;
}

int tuf_fetch(const struct tuf_rules *rules, const struct tuf_source *from,
	      const struct tuf_wanted *w, bool versioned, struct tuf_meta **out,
	      struct err *e)
{
	struct buf bytes = BUF_INIT(w->max);
	int rc = -1;

	if (w->file.has_length && w->file.length > (int64_t)w->max)
		return err_set(e, ERR_LIMIT, "more than %zu bytes", w->max);
	if (w->file.has_length)
		bytes.max = (size_t)w->file.length;
	if (tuf_fetch_bytes(from, w->name, versioned ? w->file.version : 0,
			    &bytes, e) == 0)
		rc = tuf_fetch_accept(rules, w, buf_slice(&bytes), out, e);
	buf_done(&bytes);
	return rc;
}

int tuf_recall(const struct tuf_rules *rules, int dirfd,
	       const struct tuf_wanted *w, struct tuf_meta **out, struct err *e)
{
	struct buf bytes = BUF_INIT(0);
	struct err mismatch = { 0 };
	struct tuf_meta *m = NULL;
	char name[TUF_NAME_MAX];
	bool found = false;
	int rc = -1;

	if (tuf_store_name(w->name, name, e) ||
	    tuf_store_read(dirfd, name, w->max, &bytes, &found, e))
		goto out;
	if (found &&
	    tuf_fetch_accept(rules, w, buf_slice(&bytes), &m, &mismatch))
		m = NULL; /* never trusted, or no longer */
	*out = m;
	rc = 0;
out:
	buf_done(&bytes);
	return rc;
}
