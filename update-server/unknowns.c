/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/unknowns.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"

struct unknowns {
	pthread_mutex_t lock;
	struct unknown at[UNKNOWNS_MAX];
	size_t count;
};

struct unknowns *unknowns_new(void)
{
	struct unknowns *u = mem_alloc(1, sizeof(*u));

	(void)pthread_mutex_init(&u->lock, NULL);
	return u;
}

void unknowns_free(struct unknowns *u)
{
	if (!u)
		return;
	(void)pthread_mutex_destroy(&u->lock);
	free(u);
}

static int read_one(struct slice certificate, int64_t now, struct unknown *out,
		    struct err *e)
{
	struct x509_info info;

	if (x509_inspect(certificate, &info, e) ||
	    hex_parse(slice_of(info.common_name), out->id.bytes, DEVICE_ID_LEN,
		      e))
		return err_in(e, "an unknown certificate");
	out->fingerprint = info.fingerprint;
	ec_public_fingerprint(&info.public_key, &out->spki);
	out->first = out->last = now;
	return 0;
}

/* Where it stands, or is to stand: in place of who was not seen for longest. */
static struct unknown *place_of(struct unknowns *u,
				const struct sha256 *fingerprint)
{
	struct unknown *oldest = &u->at[0];

	for (size_t i = 0; i < u->count; i++) {
		if (sha256_equal(&u->at[i].fingerprint, fingerprint))
			return &u->at[i];
		if (u->at[i].last < oldest->last)
			oldest = &u->at[i];
	}
	return u->count < UNKNOWNS_MAX ? &u->at[u->count++] : oldest;
}

int unknowns_note(struct unknowns *u, struct slice certificate, int64_t now,
		  bool *is_new, struct err *e)
{
	struct unknown one = { .first = 0 }, *at;

	if (read_one(certificate, now, &one, e))
		return -1;
	(void)pthread_mutex_lock(&u->lock);
	at = place_of(u, &one.fingerprint);
	*is_new = !sha256_equal(&at->fingerprint, &one.fingerprint);
	if (!*is_new)
		one.first = at->first;
	*at = one;
	(void)pthread_mutex_unlock(&u->lock);
	return 0;
}

static int take(struct unknowns *u, const struct device_id *id,
		struct unknown *out, struct err *e)
{
	size_t found = UNKNOWNS_MAX;

	for (size_t i = 0; i < u->count; i++) {
		if (memcmp(&u->at[i].id, id, sizeof(*id)) != 0)
			continue;
		if (found < UNKNOWNS_MAX)
			return err_set(e, ERR_CONFLICT,
				       "two certificates claim this id: none "
				       "of them is taken");
		found = i;
	}
	if (found == UNKNOWNS_MAX)
		return err_set(e, ERR_NOT_FOUND,
			       "no unknown device of this id has asked since "
			       "the server started");
	*out = u->at[found];
	u->at[found] = u->at[--u->count];
	return 0;
}

int unknowns_take(struct unknowns *u, const struct device_id *id,
		  struct unknown *out, struct err *e)
{
	int rc;

	(void)pthread_mutex_lock(&u->lock);
	rc = take(u, id, out, e);
	(void)pthread_mutex_unlock(&u->lock);
	return rc;
}

void unknowns_each(struct unknowns *u,
		   void (*visit)(void *ctx, const struct unknown *one),
		   void *ctx)
{
	(void)pthread_mutex_lock(&u->lock);
	for (size_t i = 0; i < u->count; i++)
		visit(ctx, &u->at[i]);
	(void)pthread_mutex_unlock(&u->lock);
}
