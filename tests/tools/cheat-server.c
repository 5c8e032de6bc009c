/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cheat-server - the whole update server with its knowledge of the operators'
 * orders taken out: it offers whatever a rollout says to whomever it says. It
 * is what a stolen server could be, with all its online keys; linked in the
 * place of update-server/orders.
 */
#include "update-server/orders.h"

int orders_read(struct store *s, int dirfd, struct orders **out, struct err *e)
{
	(void)s;
	(void)dirfd;
	(void)e;
	*out = NULL;
	return 0;
}

void orders_free(struct orders *o)
{
	(void)o;
}

int orders_judge(const struct orders *o, const struct rollout *r,
		 const struct rollout_device *d, int64_t now, struct err *e)
{
	(void)o;
	(void)r;
	(void)d;
	(void)now;
	(void)e;
	return 0;
}

void orders_reach(const struct orders *o, const struct rollout *r, int64_t now,
		  struct orders_reach *out)
{
	(void)o;
	(void)r;
	(void)now;
	*out = (struct orders_reach){ .any = true, .limit = BUCKET_ALL };
}

void orders_times(const struct orders *o, const struct rollout *r,
		  const struct ladder *l, int64_t now, struct orders_times *out)
{
	(void)o;
	(void)r;
	(void)l;
	(void)now;
	*out = (struct orders_times){ .metadata = UTC_LAST };
}

unsigned orders_wide_signers(const struct orders *o)
{
	(void)o;
	return 0;
}

bool orders_lack_baseline(const struct orders *o, const struct rollout *r)
{
	(void)o;
	(void)r;
	return false;
}

int orders_each_assigned(const struct orders *o,
			 int (*visit)(void *ctx, const struct assign *a,
				      struct err *e),
			 void *ctx, struct err *e)
{
	(void)o;
	(void)visit;
	(void)ctx;
	(void)e;
	return 0;
}
