/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/order_change.h"

#include <string.h>

#include "common/utc.h"
#include "update-server/order_words.h"

#define ONE_DAYS   30
#define WIDE_DAYS  400
#define SIGNED_MAX 1000000 /* what devices take of a role */

/* ---- what changes -------------------------------------------------------- */

int order_change_document(struct order_change_set *c, const char *path,
			  const char *type, struct slice bytes, struct err *e)
{
	struct order_put *put = &c->puts[c->count];
	struct buf *own = &c->bytes[c->count];

	if (c->count == ORDER_CHANGE_MAX)
		return err_set(e, ERR_LIMIT, "too many changes at once");
	*own = (struct buf)BUF_INIT(ORDER_BYTES_MAX);
	if (text_format(put->path, sizeof(put->path), e, "%s", path) ||
	    buf_add(own, bytes, e)) {
		buf_done(own);
		return -1;
	}
	put->type = type;
	put->bytes = buf_slice(own);
	c->count++;
	return 0;
}

int order_change_remove(struct order_change_set *c, const char *path,
			struct err *e)
{
	return order_change_document(c, path, NULL, (struct slice){ 0 }, e);
}

int order_change_put(struct order_change_set *c, enum order_place place,
		     const struct order *o, struct err *e)
{
	struct buf bytes = BUF_INIT(ORDER_BYTES_MAX);
	char path[PATH_MAX_LEN];
	struct order again;
	int rc = -1;

	/* What a device would not read is not signed. */
	if (order_path(place, o->product, o->release, path, e) ||
	    order_format(o, &bytes, e) ||
	    order_parse(buf_slice(&bytes), &again, e))
		goto out;
	order_done(&again);
	rc = order_change_document(c, path, "order", buf_slice(&bytes), e);
out:
	buf_done(&bytes);
	return rc;
}

/* ---- facts --------------------------------------------------------------- */

static const struct order_put *find_put(const struct order_change_set *c,
					const char *path,
					const struct sha256 *digest)
{
	struct sha256 is;

	for (size_t i = 0; i < c->count; i++) {
		sha256_of(c->puts[i].bytes, &is);
		if (strcmp(c->puts[i].path, path) == 0 &&
		    sha256_equal(&is, digest))
			return &c->puts[i];
	}
	return NULL;
}

/* Ours, the desk's or the repository's: verified in each case. */
static int get_document(void *ctx, const char *path, const struct json *entry,
			struct buf *out, struct err *e)
{
	struct order_change_set *c = ctx;
	struct buf bytes = BUF_INIT(TUF_DOCUMENT_MAX);
	const struct order_put *put;
	struct sha256 digest;
	struct err why = { 0 };
	int rc = -1;

	if (json_get_hex(json_get(entry, "hashes"), "sha256", digest.bytes,
			 SHA256_LEN, e))
		return -1;
	put = find_put(c, path, &digest);
	if (put)
		return buf_add(out, put->bytes, e);
	if (order_desk_get(c->desk, path, &digest, &bytes, &why) == 0)
		rc = order_trust_check(entry, buf_slice(&bytes), e) ||
				     buf_add(out, buf_slice(&bytes), e)
			     ? -1
			     : 0;
	else if (why.code == ERR_NOT_FOUND)
		rc = order_trust_document(c->trust, path, entry, out, e);
	else
		*e = why;
	buf_done(&bytes);
	return rc;
}

static int get_release(void *ctx, const char *product, const char *id,
		       struct sha256 *digest, struct err *e)
{
	struct order_change_set *c = ctx;
	struct release r = { .seq = 0 };

	if (order_trust_release(c->trust, product, id, &r, e))
		return -1;
	*digest = r.digest;
	release_done(&r);
	return 0;
}

struct order_facts order_change_facts(struct order_change_set *c)
{
	return (struct order_facts){ .one = c->trust->one,
				     .wide = c->trust->wide,
				     .document = get_document,
				     .release = get_release,
				     .ctx = c };
}

/* ---- judging ------------------------------------------------------------- */

static int judge(struct order_change_set *c, struct err *e)
{
	const struct order_facts facts = order_change_facts(c);
	const struct json *next = json_get(c->envelope, "signed");
	struct buf bytes = BUF_INIT(SIGNED_MAX);
	int rc = -1;

	if (order_step_read(c->role, next, &facts, &c->step, e) ||
	    json_canonical(next, &bytes, e))
		goto out;
	sha256_of(buf_slice(&bytes), &c->digest);
	c->words = order_words(c->role, next, &c->step);
	rc = 0;
out:
	buf_done(&bytes);
	return rc;
}

int order_change_make(struct order_change_set *c, int64_t now, struct err *e)
{
	bool one = strcmp(c->role, ORDER_ROLE_ONE) == 0;
	const struct json *before;

	if (order_trust_role(c->trust, c->role, &before, e))
		return -1;
	c->envelope = order_step_make(
		before, now, now + (one ? ONE_DAYS : WIDE_DAYS) * UTC_DAY,
		c->puts, c->count);
	return judge(c, e);
}

/* ---- somebody else's ----------------------------------------------------- */

/* Signatures that count, and no others. */
static int take_envelope(struct order_change_set *c, const struct json *given,
			 struct err *e)
{
	const struct json *targets = order_trust_targets(c->trust);
	const struct json *body;
	struct tuf_progress p;
	size_t added;

	if (json_get_object(given, "signed", &body, e))
		return -1;
	c->envelope = json_new_object();
	json_set(c->envelope, "signatures", json_new_array());
	json_set(c->envelope, "signed", json_clone(body));
	if (tuf_merge(c->envelope, given, targets, &added, e) ||
	    tuf_signatures(c->envelope, targets, c->role, &p, e))
		return -1;
	if (p.valid > 0)
		return 0;
	return err_set(e, ERR_UNTRUSTED,
		       "no operator of %s signed these bytes: somebody changed "
		       "them on the way",
		       c->role);
}

/* As strictly as a device reads it. */
static int check_shape(const struct order_change_set *c, struct err *e)
{
	struct buf bytes = BUF_INIT(SIGNED_MAX);
	struct tuf_meta *m = NULL;
	int rc = tuf_envelope_bytes(c->envelope, &bytes, e) ||
				 tuf_meta_parse(&tuf_policy_device.rules,
						TUF_TARGETS, buf_slice(&bytes),
						&m, e) ||
				 tuf_meta_check(&tuf_policy_device.rules, m, e)
			 ? -1
			 : 0;

	tuf_meta_free(m);
	buf_done(&bytes);
	return rc;
}

static int check_step(const struct order_change_set *c, struct err *e)
{
	if (c->step.to != c->step.from + 1)
		return err_set(e, ERR_CONFLICT,
			       "version %lld waits, but version %lld counts: "
			       "it cannot follow",
			       (long long)c->step.to, (long long)c->step.from);
	if (!c->step.rest_same)
		return err_set(e, ERR_REFUSED,
			       "more than orders changes in this file");
	return 0;
}

int order_change_take(struct order_change_set *c, struct err *e)
{
	const struct json *before;
	struct json *given = NULL;
	int rc = -1;

	if (order_trust_role(c->trust, c->role, &before, e) ||
	    order_desk_staged(c->desk, c->role,
			      json_int(json_get(before, "version")) + 1, &given,
			      e))
		goto out;
	rc = take_envelope(c, given, e) || check_shape(c, e) || judge(c, e) ||
			     check_step(c, e)
		     ? -1
		     : 0;
out:
	json_free(given);
	return rc;
}

/* ---- signing ------------------------------------------------------------- */

static bool is_signer(const struct tuf_progress *p, const char *keyid)
{
	for (size_t i = 0; i < p->key_count; i++)
		if (strcmp(p->keys[i].keyid, keyid) == 0)
			return p->keys[i].valid;
	return false;
}

static int add_signatures(struct order_change_set *c,
			  const struct keyring *keys, struct err *e)
{
	struct tuf_progress p;

	for (size_t i = 0; i < keys->count; i++)
		if (keyring_sign(&keys->at[i], c->envelope, e))
			return err_in(e, "%s", keys->at[i].path);
	if (tuf_signatures(c->envelope, order_trust_targets(c->trust), c->role,
			   &p, e))
		return -1;
	for (size_t i = 0; i < keys->count; i++)
		if (!is_signer(&p, keys->at[i].keyid))
			return err_set(e, ERR_REFUSED,
				       "%s: not a key of the role %s",
				       keys->at[i].path, c->role);
	return 0;
}

int order_change_sign(struct order_change_set *c, const struct keyring *keys,
		      struct json **answer, struct err *e)
{
	if (add_signatures(c, keys, e))
		return -1;
	for (size_t i = 0; i < c->count; i++)
		if (c->puts[i].bytes.len > 0 &&
		    order_desk_put(c->desk, c->puts[i].path, c->puts[i].bytes,
				   e))
			return -1;
	return order_desk_sign(c->desk, c->role, c->envelope, answer, e);
}

void order_change_done(struct order_change_set *c)
{
	for (size_t i = 0; i < c->count; i++)
		buf_done(&c->bytes[i]);
	order_step_done(&c->step);
	json_free(c->words);
	json_free(c->envelope);
}
