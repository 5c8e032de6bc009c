/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/audit_keys.h"

#include <string.h>

static struct audit_key *find(struct audit_keys *k, const struct sha256 *id)
{
	for (size_t i = 0; i < k->count; i++)
		if (sha256_equal(&k->at[i].id, id))
			return &k->at[i];
	return NULL;
}

static int add(struct audit_keys *k, const struct ec_public *key,
	       struct audit_key **out, struct err *e)
{
	struct sha256 id;

	ec_public_fingerprint(key, &id);
	*out = find(k, &id);
	if (*out)
		return 0;
	if (k->count == AUDIT_KEYS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d log keys",
			       AUDIT_KEYS_MAX);
	*out = &k->at[k->count++];
	**out = (struct audit_key){ .key = *key, .id = id };
	return 0;
}

int audit_keys_pin(struct audit_keys *k, const struct ec_public *key,
		   struct err *e)
{
	struct audit_key *own;

	if (add(k, key, &own, e))
		return -1;
	own->pinned = true;
	return 0;
}

int audit_keys_pin_listed(struct audit_keys *k, const struct ec_public *key,
			  int64_t until, struct err *e)
{
	struct audit_key *own;

	if (add(k, key, &own, e))
		return -1;
	own->pinned = true;
	own->until = until;
	k->listed_only = true;
	return 0;
}

static int check_end(const struct audit_key *key,
		     const struct audit_checkpoint *c, struct err *e)
{
	char end[UTC_TEXT_LEN], when[UTC_TEXT_LEN];

	if (key->until == 0 || c->time <= key->until)
		return 0;
	utc_format(key->until, end);
	utc_format(c->time, when);
	return err_set(e, ERR_EXPIRED,
		       "checkpoint of %s: by a key that was signed until %s: "
		       "audit rotate, and pawl-signer log-key",
		       when, end);
}

int audit_keys_note(struct audit_keys *k, const struct audit_record *r,
		    struct err *e)
{
	struct ec_public key = { { 0 } };
	struct sha256 said, from;
	struct audit_key *own;

	if (r->act != AUDIT_LOG_KEY)
		return 0;
	if (json_get_hex(r->objects, "point", key.point, EC_POINT_LEN, e) ||
	    json_get_hex(r->objects, "key", said.bytes, SHA256_LEN, e) ||
	    json_get_hex(r->objects, "from", from.bytes, SHA256_LEN, e) ||
	    ec_public_check(&key, e) || add(k, &key, &own, e))
		return err_in(e, "log-key");
	if (own->named || !sha256_equal(&own->id, &said) ||
	    sha256_equal(&own->id, &from))
		return err_set(e, ERR_UNTRUSTED,
			       "log-key: it names no new key");
	own->named = true;
	own->record = r->number;
	own->from = from;
	own->lost = json_int(json_get(r->objects, "lost")) != 0;
	return 0;
}

static struct audit_key *current(struct audit_keys *k)
{
	for (size_t i = 0; i < k->count; i++)
		if (k->at[i].signs)
			return &k->at[i];
	return NULL;
}

/* May it take the turn of the one that signs now? */
static int judge_turn(const struct audit_keys *k, const struct audit_key *next,
		      const struct audit_key *now, struct err *e)
{
	if (!next || next->signed_once || !next->named)
		return err_set(e, ERR_UNTRUSTED,
			       "it was signed by another log's key");
	if (next->pinned)
		return 0;
	if (k->listed_only)
		return err_set(e, ERR_UNTRUSTED,
			       "it was signed by the key of record %llu, which "
			       "is not in the list that engineers signed",
			       (unsigned long long)next->record);
	if (next->lost)
		return err_set(e, ERR_UNTRUSTED,
			       "it was signed by a key that record %llu names "
			       "because the one before it was lost: if you "
			       "know that it was, name the new audit.pub as "
			       "well (--key)",
			       (unsigned long long)next->record);
	if (sha256_equal(&next->from, &now->id) && next->record < k->covered)
		return 0;
	return err_set(e, ERR_UNTRUSTED,
		       "it was signed by the key of record %llu, which the key "
		       "before it never signed",
		       (unsigned long long)next->record);
}

int audit_keys_open(struct audit_keys *k, struct slice line,
		    struct audit_checkpoint *out, bool *judged, struct err *e)
{
	struct audit_key *now = current(k), *next;
	struct audit_checkpoint c;
	struct sha256 id;

	if (audit_checkpoint_log(line, &id, e))
		return -1;
	next = find(k, &id);
	*judged = now || (next && next->pinned);
	if (!*judged)
		return 0;
	if (now && next != now && judge_turn(k, next, now, e))
		return -1;
	if (audit_checkpoint_open(line, &next->key, &c, e) ||
	    check_end(next, &c, e))
		return -1;
	if (next->named && c.head.size <= next->record)
		return err_set(e, ERR_UNTRUSTED,
			       "it was signed by the key of a later record");
	if (now)
		now->signs = false;
	next->signs = next->signed_once = true;
	k->covered = c.head.size;
	*out = c;
	return 0;
}

int audit_keys_open_kept(const struct audit_keys *k, struct slice line,
			 struct audit_checkpoint *out, struct err *e)
{
	struct sha256 id;

	if (audit_checkpoint_log(line, &id, e))
		return -1;
	for (size_t i = 0; i < k->count; i++)
		if (sha256_equal(&k->at[i].id, &id) &&
		    (k->at[i].pinned || k->at[i].signed_once))
			return audit_checkpoint_open(line, &k->at[i].key, out,
						     e) ||
					       check_end(&k->at[i], out, e)
				       ? -1
				       : 0;
	return err_set(e, ERR_UNTRUSTED,
		       "checkpoint: it was signed by another log's key");
}
