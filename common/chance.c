/* SPDX-License-Identifier: Apache-2.0 */
#include "common/chance.h"

#include "common/bucket.h"

#define RARE 0.001

/*
 * P(at most `most` of n), each with probability p. Terms are taken relative to
 * the largest one, outwards until they vanish, so nothing overflows and no
 * factorial is needed; what is left out is below 1e-300 of it.
 */
static double at_most(uint64_t most, uint64_t n, double p)
{
	double odds = p / (1 - p), term = 1, all = 1, below;
	uint64_t mode = (uint64_t)((double)(n + 1) * p);

	mode = mode > n ? n : mode;
	below = mode <= most ? 1 : 0;
	for (uint64_t k = mode; k > 0 && term > 1e-300; k--) {
		term *= (double)k / ((double)(n - k + 1) * odds);
		all += term;
		if (k - 1 <= most)
			below += term;
	}
	term = 1;
	for (uint64_t k = mode; k < n && term > 1e-300; k++) {
		term *= (double)(n - k) * odds / (double)(k + 1);
		all += term;
		if (k + 1 <= most)
			below += term;
	}
	return below / all;
}

int chance_check(uint64_t limit, uint32_t share, uint64_t devices,
		 struct err *e)
{
	uint64_t exposed =
		(devices * share + BUCKET_SHARE_ALL - 1) / BUCKET_SHARE_ALL;
	double p = (double)limit / 18446744073709551616.0; /* 2^64 */
	char shown[16];

	if (devices == 0 || devices > CHANCE_DEVICES_MAX)
		return err_set(e, ERR_USAGE, "1 to %d devices",
			       CHANCE_DEVICES_MAX);
	if (share >= BUCKET_SHARE_ALL || limit == 0)
		return 0;
	/* The m-th smallest is as large only if fewer than m lie below. */
	if (p < 1 && at_most(exposed - 1, devices, p) >= RARE)
		return 0;
	bucket_format_share(limit, shown);
	return err_set(e, ERR_REFUSED,
		       "the limit opens %s, which is more than chance allows "
		       "for %u.%02u %% of %llu devices: whoever planned this "
		       "is wrong or lies",
		       shown, share / 100, share % 100,
		       (unsigned long long)devices);
}
