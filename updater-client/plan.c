/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/plan.h"

#include <string.h>

int plan_from(const struct release *r, struct plan *out, struct err *e)
{
	struct plan p = {
		.content = r->content,
		.attributes = r->attributes,
		.kind = r->kind,
		.base_digest = r->base_digest,
		.head_digest = r->head_digest,
		.package_digest = r->package_digest,
		.head_len = r->head_len,
		.package_len = r->package_len,
		.apply_memory = r->apply_memory,
		.scratch_len = r->scratch_len,
		.window_len = r->window_len,
		.urgent = r->urgent,
		.encrypted = r->encrypted,
	};

	if (slot_release_from(r, &p.release, e) ||
	    release_path(r, p.target, e) ||
	    release_url_path(p.target, &r->package_digest, p.path, e))
		return -1;
	memcpy(p.commitment, r->commitment, sizeof(p.commitment));
	memcpy(p.base_id, r->base_id, sizeof(p.base_id));
	*out = p;
	return 0;
}

void plan_release(const struct plan *p, struct release *out)
{
	*out = (struct release){
		.seq = p->release.seq,
		.content_seq = p->release.content_seq,
		.content = p->content,
		.attributes = p->attributes,
		.digest = p->release.digest,
		.manifest_len = p->release.manifest_len,
		.content_len = p->release.content_len,
		.entries = p->release.entries,
		.kind = p->kind,
		.base_digest = p->base_digest,
		.head_digest = p->head_digest,
		.head_len = p->head_len,
		.package_len = p->package_len,
		.package_digest = p->package_digest,
		.window_len = p->window_len,
		.apply_memory = p->apply_memory,
		.scratch_len = p->scratch_len,
		.encrypted = p->encrypted,
	};
	memcpy(out->commitment, p->commitment, sizeof(out->commitment));
	memcpy(out->id, p->release.id, sizeof(out->id));
	memcpy(out->version, p->release.version, sizeof(out->version));
	memcpy(out->product, p->release.product, sizeof(out->product));
	memcpy(out->base_id, p->base_id, sizeof(out->base_id));
}
