/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/rate.h"

/* Theirs, or that of whoever acted longest ago, started anew. */
static struct rate_bucket *find(struct rate *r, const struct sha256 *who,
				int64_t now)
{
	struct rate_bucket *oldest = &r->buckets[0];

	for (size_t i = 0; i < r->count; i++) {
		if (sha256_equal(&r->buckets[i].who, who))
			return &r->buckets[i];
		if (r->buckets[i].filled < oldest->filled)
			oldest = &r->buckets[i];
	}
	if (r->count < RATE_PRINCIPALS)
		oldest = &r->buckets[r->count++];
	*oldest = (struct rate_bucket){ .who = *who,
					.left = r->burst,
					.filled = now };
	return oldest;
}

int rate_take(struct rate *r, const struct sha256 *who, int64_t now,
	      struct err *e)
{
	struct rate_bucket *b = find(r, who, now);
	int64_t passed = now - b->filled;

	/* A clock that goes back gives nothing, and does not stop the rest. */
	if (passed < 0 || passed >= 60) {
		b->left += passed < 0 ? 0 : passed / 60 * r->per_minute;
		b->filled = now;
	}
	if (b->left > r->burst)
		b->left = r->burst;
	if (b->left <= 0)
		return err_set(e, ERR_BUSY,
			       "too many acts of this person just now: try "
			       "again in a minute");
	b->left--;
	return 0;
}
