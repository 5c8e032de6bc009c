/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/refusals.h"

#include <string.h>

bool refusals_have(const struct refusals *r, const struct sha256 *digest)
{
	for (uint32_t i = 0; i < r->count; i++)
		if (sha256_equal(&r->digests[i], digest))
			return true;
	return false;
}

/* True if the oldest was forgotten for it. */
static bool remember(struct refusals *r, const struct sha256 *digest)
{
	const bool full = r->count == REFUSALS_MAX;

	if (refusals_have(r, digest))
		return false;
	if (full) {
		memmove(r->digests, r->digests + 1,
			(REFUSALS_MAX - 1) * sizeof(*r->digests));
		r->count--;
	}
	r->digests[r->count++] = *digest;
	return full;
}

static void mark_of(const struct sha256 *digest, uint64_t retry,
		    struct sha256 *out)
{
	uint8_t bytes[SHA256_LEN + 8];

	memcpy(bytes, digest->bytes, SHA256_LEN);
	for (int i = 0; i < 8; i++)
		bytes[SHA256_LEN + i] = (uint8_t)(retry >> (56 - 8 * i));
	sha256_of((struct slice){ bytes, sizeof(bytes) }, out);
}

/*
 * Which one was forgotten is not known. But each that is tried for it raises a
 * bound when it fails, and so they come to an end.
 */
void refusals_add(struct refusals *r, const struct sha256 *digest, uint64_t seq)
{
	if (remember(r, digest) && seq > r->seq)
		r->seq = seq;
}

void refusals_spend(struct refusals *r, const struct sha256 *digest,
		    uint64_t retry)
{
	struct sha256 mark;

	mark_of(digest, retry, &mark);
	if (remember(r, &mark) && retry > r->retry)
		r->retry = retry;
}

void refusals_forgive(struct refusals *r, const struct sha256 *digest,
		      uint64_t running_seq)
{
	uint32_t kept = 0;

	if (running_seq >= r->seq)
		r->seq = r->retry = 0;
	for (uint32_t i = 0; i < r->count; i++)
		if (!sha256_equal(&r->digests[i], digest))
			r->digests[kept++] = r->digests[i];
	r->count = kept;
}

bool refusals_bind(const struct refusals *r, uint64_t seq, uint64_t running_seq)
{
	return seq > running_seq && seq <= r->seq;
}

bool refusals_hold(const struct refusals *r, const struct sha256 *digest,
		   uint64_t retry, bool bound)
{
	struct sha256 mark;

	if (!bound && !refusals_have(r, digest))
		return false;
	if (retry == 0 || (bound && retry <= r->retry))
		return true;
	mark_of(digest, retry, &mark);
	return refusals_have(r, &mark);
}
