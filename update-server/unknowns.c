/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/unknowns.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/random.h"
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
		    struct x509_info *info, struct err *e)
{
	if (x509_inspect(certificate, info, e) ||
	    hex_parse(slice_of(info->common_name), out->id.bytes, DEVICE_ID_LEN,
		      e))
		return err_in(e, "an unknown certificate");
	out->fingerprint = info->fingerprint;
	ec_public_fingerprint(&info->public_key, &out->spki);
	out->first = out->last = now;
	return 0;
}

/* Where it stands, or is to stand: in place of who was not seen for longest. */
static struct unknown *place_of(struct unknowns *u, const struct unknown *one)
{
	struct unknown *oldest = &u->at[0];

	for (size_t i = 0; i < u->count; i++) {
		if (sha256_equal(&u->at[i].fingerprint, &one->fingerprint))
			return &u->at[i];
		if (u->at[i].last < oldest->last)
			oldest = &u->at[i];
	}
	if (u->count < UNKNOWNS_MAX)
		return &u->at[u->count++];
	return oldest->last < one->last - UNKNOWNS_KEEP ? oldest : NULL;
}

static int put(struct unknowns *u, const struct unknown *one,
	       struct unknown **at, bool *is_new, struct err *e)
{
	*at = place_of(u, one);
	if (!*at)
		return err_set(e, ERR_BUSY,
			       "too many unknown devices ask at once: try "
			       "again later");
	*is_new = !sha256_equal(&(*at)->fingerprint, &one->fingerprint);
	if (*is_new)
		**at = *one;
	(*at)->last = one->last;
	return 0;
}

int unknowns_note(struct unknowns *u, struct slice certificate, int64_t now,
		  bool *is_new, struct err *e)
{
	struct unknown one = { .first = 0 }, *at;
	struct x509_info info;
	int rc;

	if (read_one(certificate, now, &one, &info, e))
		return -1;
	(void)pthread_mutex_lock(&u->lock);
	rc = put(u, &one, &at, is_new, e);
	(void)pthread_mutex_unlock(&u->lock);
	return rc;
}

int unknowns_ask(struct unknowns *u, struct slice certificate, int64_t now,
		 struct unknown *out, bool *first, struct err *e)
{
	struct unknown one = { .first = 0 }, *at;
	struct x509_info info;
	bool is_new;
	int rc;

	if (read_one(certificate, now, &one, &info, e))
		return -1;
	(void)pthread_mutex_lock(&u->lock);
	rc = put(u, &one, &at, &is_new, e);
	*first = rc == 0 && at->code[0] == 0;
	if (*first) {
		random_bytes(at->nonce, sizeof(at->nonce));
		claim_join_code(&info.public_key, at->nonce, NULL, at->code);
	}
	if (rc == 0)
		*out = *at;
	(void)pthread_mutex_unlock(&u->lock);
	return rc;
}

/* How many certificates claim this id? */
static size_t claims_of(const struct unknowns *u, const struct device_id *id)
{
	size_t n = 0;

	for (size_t i = 0; i < u->count; i++)
		n += memcmp(&u->at[i].id, id, sizeof(*id)) == 0;
	return n;
}

static int take(struct unknowns *u, const char *code, struct unknown *out,
		struct err *e)
{
	size_t i = 0;

	while (i < u->count && strcmp(u->at[i].code, code) != 0)
		i++;
	if (i == u->count || code[0] == 0)
		return err_set(e, ERR_NOT_FOUND,
			       "no unknown device with this code has asked "
			       "since the server started");
	if (claims_of(u, &u->at[i].id) > 1)
		return err_set(e, ERR_CONFLICT,
			       "two certificates claim this device's id: none "
			       "of them is taken");
	*out = u->at[i];
	u->at[i] = u->at[--u->count];
	return 0;
}

int unknowns_take(struct unknowns *u, const char *code, struct unknown *out,
		  struct err *e)
{
	int rc;

	(void)pthread_mutex_lock(&u->lock);
	rc = take(u, code, out, e);
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
