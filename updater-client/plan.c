/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/plan.h"

#include <string.h>

static int package_from(const struct release *r, struct plan_package *out,
			struct err *e)
{
	*out = (struct plan_package){
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
		.encrypted = r->encrypted,
	};
	memcpy(out->commitment, r->commitment, sizeof(out->commitment));
	memcpy(out->base_id, r->base_id, sizeof(out->base_id));
	if (release_path(r, out->target, e) ||
	    release_url_path(out->target, &r->package_digest, out->path, e))
		return -1;
	return 0;
}

int plan_from(const struct release *packages, size_t count, struct plan *out,
	      struct err *e)
{
	memset(out, 0, sizeof(*out));
	out->urgent = packages[0].urgent;
	out->defer_max_sec = packages[0].defer_max_sec;
	out->retry = packages[0].retry;
	if (slot_release_from(packages, count, &out->release, e))
		return -1;
	for (size_t i = 0; i < count; i++)
		if (package_from(&packages[i], &out->packages[i], e))
			return -1;
	return 0;
}

uint64_t plan_len(const struct plan *p)
{
	uint64_t len = 0;

	for (size_t i = 0; i < p->release.part_count; i++)
		len += p->packages[i].package_len;
	return len;
}

bool plan_has_delta(const struct plan *p)
{
	for (size_t i = 0; i < p->release.part_count; i++)
		if (p->packages[i].kind == PACKAGE_DELTA)
			return true;
	return false;
}

void plan_release(const struct slot_part *part, const struct plan_package *p,
		  struct release *out)
{
	*out = (struct release){
		.content = p->content,
		.attributes = p->attributes,
		.content_digest = part->digest,
		.manifest_len = part->manifest_len,
		.content_len = part->content_len,
		.entries = part->entries,
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
	memcpy(out->component, part->component, sizeof(out->component));
	memcpy(out->base_id, p->base_id, sizeof(out->base_id));
}
