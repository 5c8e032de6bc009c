/* SPDX-License-Identifier: Apache-2.0 */
/* tuf_client's import: targets and its roles by their signatures alone. */
#include "common/tuf_client.h"
#include "common/tuf_rollback.h"
#include "common/tuf_trust.h"

/* ---- import -------------------------------------------------------------- */

static int check_import(const struct tuf_client *c, const struct tuf_meta *old,
			const struct tuf_meta *new, struct err *e)
{
	if (tuf_rollback_version(old, new, e))
		return -1;
	if (old && new->version == old->version &&
	    !slice_equal(buf_slice(&old->bytes), buf_slice(&new->bytes)))
		return err_set(e, ERR_CONFLICT,
			       "version %lld is already another file",
			       (long long)new->version);
	return tuf_trust_fresh(c, new, e);
}

static int import_targets(struct tuf_client *c, const struct tuf_source *from,
			  int64_t version, struct err *e)
{
	struct tuf_meta *old = NULL, *new = NULL;
	struct buf bytes = BUF_INIT(c->policy.targets_max);
	struct tuf_wanted w = { .role = TUF_TARGETS,
				.name = "targets",
				.max = c->policy.targets_max,
				.file.version = version };
	struct tuf_keyring ring;
	bool rotated = false;
	int rc = -1;

	if (tuf_trust_load(c, "targets.json", TUF_TARGETS, &old, &rotated, e) ||
	    tuf_trust_ring(c, "targets", &ring, e))
		goto out;
	w.ring = &ring;
	if (tuf_fetch_bytes(from, "targets", version, &bytes, e) ||
	    tuf_fetch_accept(&c->policy.rules, &w, buf_slice(&bytes), &new,
			     e) ||
	    check_import(c, old, new, e) ||
	    tuf_trust_keep(c, "targets", new, e))
		goto out;
	c->targets = new;
	tuf_trust_date(c, new, &ring);
	new = NULL;
	rc = 0;
out:
	tuf_meta_free(old);
	tuf_meta_free(new);
	buf_done(&bytes);
	return rc;
}

int tuf_client_import(struct tuf_client *c, const struct tuf_source *from,
		      int64_t targets_version, struct err *e)
{
	tuf_trust_forget(c);
	if (tuf_trust_root(c, from, e))
		return -1;
	if (import_targets(c, from, targets_version, e))
		return err_in(e, "targets");
	return 0;
}
