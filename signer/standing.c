/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/standing.h"

#include <string.h>

#include "signer/envelope.h"
#include "signer/names.h"

static int judge(struct standing *s, const struct json *envelope,
		 const struct json *by, const char *who, struct err *e)
{
	if (!by)
		return 0;
	if (tuf_signatures(envelope, by, envelope_role(envelope),
			   &s->judges[s->judge_count].progress, e))
		return -1;
	s->judges[s->judge_count++].who = who;
	return 0;
}

int standing_of(const struct json *envelope, const struct json *before,
		const struct json *by, struct standing *out, struct err *e)
{
	const char *role = envelope_role(envelope);

	out->judge_count = 0;
	if (strcmp(role, "root") != 0)
		return judge(out, envelope, by,
			     roles_is_delegated(role) ? "targets" : "root", e);
	if (judge(out, envelope, before, "the root before", e))
		return -1;
	return judge(out, envelope, by, "the new root", e);
}

bool standing_is_complete(const struct standing *s)
{
	for (size_t i = 0; i < s->judge_count; i++)
		if (s->judges[i].progress.threshold == 0 ||
		    s->judges[i].progress.valid <
			    s->judges[i].progress.threshold)
			return false;
	return s->judge_count > 0;
}

static int add_keys(const struct tuf_progress *p, bool valid,
		    const struct json *names, struct buf *out, struct err *e)
{
	char fallback[NAMES_SHORT_LEN];
	const char *comma = "";

	for (size_t i = 0; i < p->key_count; i++) {
		if (p->keys[i].valid != valid)
			continue;
		if (buf_addf(out, e, "%s%s", comma,
			     names_find(names, p->keys[i].keyid, fallback)))
			return -1;
		comma = ", ";
	}
	return 0;
}

/* Two judges that want the same signatures are one line. */
static bool says_the_same(const struct tuf_progress *a,
			  const struct tuf_progress *b)
{
	if (a->threshold != b->threshold || a->key_count != b->key_count)
		return false;
	for (size_t i = 0; i < a->key_count; i++)
		if (strcmp(a->keys[i].keyid, b->keys[i].keyid) != 0)
			return false;
	return true;
}

int standing_missing(const struct standing *s, const struct json *names,
		     struct buf *out, struct err *e)
{
	bool same =
		s->judge_count == 2 &&
		says_the_same(&s->judges[0].progress, &s->judges[1].progress);
	size_t start = out->len;

	for (size_t i = same ? 1 : 0; i < s->judge_count; i++) {
		const struct tuf_progress *p = &s->judges[i].progress;

		if (p->valid >= p->threshold)
			continue;
		if (buf_addf(out, e, "%s%u of ", out->len > start ? "; " : "",
			     p->threshold - p->valid) ||
		    add_keys(p, false, names, out, e))
			return -1;
		if (s->judge_count == 2 && !same &&
		    buf_addf(out, e, " (keys of %s)", s->judges[i].who))
			return -1;
	}
	if (out->len > start)
		return 0;
	return buf_addf(out, e, "%s",
			s->judge_count ? "nothing"
				       : "not known without the "
					 "file that lists the "
					 "keys");
}

static bool valid_for_earlier(const struct standing *s, size_t judge_index,
			      const char *keyid)
{
	const struct tuf_progress *p;

	for (size_t i = 0; i < judge_index; i++) {
		p = &s->judges[i].progress;
		for (size_t k = 0; k < p->key_count; k++)
			if (p->keys[k].valid &&
			    strcmp(p->keys[k].keyid, keyid) == 0)
				return true;
	}
	return false;
}

int standing_signers(const struct standing *s, const struct json *names,
		     struct buf *out, struct err *e)
{
	char fallback[NAMES_SHORT_LEN];
	size_t start = out->len;

	for (size_t i = 0; i < s->judge_count; i++) {
		const struct tuf_progress *p = &s->judges[i].progress;

		for (size_t k = 0; k < p->key_count; k++)
			if (p->keys[k].valid &&
			    !valid_for_earlier(s, i, p->keys[k].keyid) &&
			    buf_addf(out, e, "%s%s",
				     out->len > start ? ", " : "",
				     names_find(names, p->keys[k].keyid,
						fallback)))
				return -1;
	}
	return out->len > start ? 0 : buf_addf(out, e, "nobody");
}

static struct json *key_list(const struct tuf_progress *p, bool valid,
			     const struct json *names)
{
	struct json *list = json_new_array();
	char fallback[NAMES_SHORT_LEN];
	struct json *key;

	for (size_t i = 0; i < p->key_count; i++) {
		if (p->keys[i].valid != valid)
			continue;
		key = json_new_object();
		json_set_text(key, "keyid", p->keys[i].keyid);
		json_set_text(key, "name",
			      names_find(names, p->keys[i].keyid, fallback));
		json_add(list, key);
	}
	return list;
}

struct json *standing_json(const struct standing *s, const struct json *names)
{
	struct json *list = json_new_array();
	struct json *one;

	for (size_t i = 0; i < s->judge_count; i++) {
		const struct tuf_progress *p = &s->judges[i].progress;

		one = json_new_object();
		json_set_text(one, "judge", s->judges[i].who);
		json_set_int(one, "threshold", p->threshold);
		json_set_int(one, "valid", p->valid);
		json_set(one, "signed", key_list(p, true, names));
		json_set(one, "not_signed", key_list(p, false, names));
		json_add(list, one);
	}
	return list;
}
