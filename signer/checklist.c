/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/checklist.h"

#include <string.h>

#include "common/fs.h"
#include "common/utc.h"
#include "signer/names.h"

#define FILE_NAME    "checklist.json"
#define FILE_MAX_LEN 4096
#define TEXT_MAX     4096

struct run {
	struct repo *repo;
	int64_t now;
	struct report *out;
	struct json *points;
	size_t open;
};

static void point(struct run *c, const char *name, bool ok, const char *text,
		  const char *way_out)
{
	struct json *one = json_new_object();

	report_line(c->out, "[%s] %s: %s%s%s", ok ? "ok" : "open", name, text,
		    ok ? "" : "; ", ok ? "" : way_out);
	json_set_text(one, "point", name);
	json_set_bool(one, "ok", ok);
	json_set_text(one, "text", text);
	if (!ok)
		json_set_text(one, "way_out", way_out);
	json_add(c->points, one);
	c->open += ok ? 0 : 1;
}

/* ---- spare keys -----------------------------------------------------------
 */

static bool wants_spare(const char *role)
{
	enum role_kind kind;

	return roles_kind(role, &kind) &&
	       (kind == ROLE_ROOT || kind == ROLE_TARGETS ||
		kind == ROLE_PRODUCT);
}

static int check_spare(struct run *c, struct err *e)
{
	struct buf text = BUF_INIT(TEXT_MAX);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < repo_role_count(c->repo); i++) {
		const char *role = repo_role_at(c->repo, i)->name;
		const struct json *one =
			roles_find(repo_judge(c->repo, role), role);
		size_t count = json_count(json_get(one, "keyids"));

		if (!one || !wants_spare(role) ||
		    (int64_t)count > json_int(json_get(one, "threshold")))
			continue;
		rc = buf_addf(&text, e, "%s%s has %zu keys and needs all",
			      text.len > 0 ? ", " : "", role, count);
	}
	if (rc == 0)
		point(c, "spare", text.len == 0,
		      text.len == 0 ? "no role is lost with one key"
				    : buf_text(&text),
		      "key import another one");
	buf_done(&text);
	return rc;
}

/* ---- each key has signed --------------------------------------------------
 */

/* Which keys of one role have signed one of its files. */
struct seen {
	const struct json *by;
	const char *role;
	struct tuf_progress all;
	bool known;
};

/* Any version counts, judged with the keys that the role has now. */
static int look(void *ctx, const struct json *envelope, struct err *e)
{
	struct seen *s = ctx;
	struct tuf_progress now;

	if (tuf_signatures(envelope, s->by, s->role, &now, e))
		return -1;
	for (size_t i = 0; s->known && i < now.key_count; i++)
		now.keys[i].valid |= s->all.keys[i].valid;
	s->all = now;
	s->known = true;
	return 0;
}

static bool is_complete(const struct seen *s)
{
	for (size_t i = 0; i < s->all.key_count; i++)
		if (!s->all.keys[i].valid)
			return false;
	return s->known;
}

static int add_unseen(const struct run *c, const struct seen *s,
		      struct buf *text, struct err *e)
{
	char fallback[NAMES_SHORT_LEN];

	for (size_t i = 0; i < s->all.key_count; i++)
		if (!s->all.keys[i].valid &&
		    buf_addf(text, e, "%s%s of %s", text->len > 0 ? ", " : "",
			     names_find(c->repo->names, s->all.keys[i].keyid,
					fallback),
			     s->role))
			return -1;
	return 0;
}

static int check_keys(struct run *c, struct err *e)
{
	struct buf text = BUF_INIT(TEXT_MAX);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < repo_role_count(c->repo); i++) {
		const struct repo_role *held = repo_role_at(c->repo, i);
		struct seen s = { repo_judge(c->repo, held->name),
				  held->name,
				  { 0 },
				  false };

		if (!repo_is_listed(c->repo, held->name))
			continue;
		/* The newest first: mostly there is nothing more to read. */
		if ((held->staged && look(&s, held->staged, e)) ||
		    (held->published && look(&s, held->published, e)) ||
		    (!is_complete(&s) &&
		     repo_each_version(c->repo, held->name, look, &s, e)))
			rc = -1;
		else
			rc = add_unseen(c, &s, &text, e);
	}
	if (rc == 0)
		point(c, "keys", text.len == 0,
		      text.len == 0 ? "every key has signed once"
				    : buf_text(&text),
		      "never signed: let each sign what is staged, or remove "
		      "it");
	buf_done(&text);
	return rc;
}

/* ---- dates ----------------------------------------------------------------
 */

static int check_expiry(struct run *c, struct err *e)
{
	struct buf text = BUF_INIT(TEXT_MAX);
	int64_t expires;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < repo_role_count(c->repo); i++) {
		const struct repo_role *held = repo_role_at(c->repo, i);
		const struct json *now = repo_current(held);

		if (!now || !repo_is_listed(c->repo, held->name))
			continue;
		rc = utc_parse(slice_of(json_text(json_get(now, "expires"))),
			       &expires, e);
		if (rc == 0 && expires <= c->now)
			rc = buf_addf(&text, e, "%s%s",
				      text.len > 0 ? ", " : "", held->name);
	}
	if (rc == 0)
		point(c, "expiry", text.len == 0,
		      text.len == 0 ? "nothing has ended" : buf_text(&text),
		      "has ended: extend it");
	buf_done(&text);
	return rc;
}

/* ---- the backup -----------------------------------------------------------
 */

static int parse_day(const char *day, int64_t *sec, struct err *e)
{
	char text[UTC_TEXT_LEN];

	return text_format(text, sizeof(text), e, "%sT00:00:00Z", day) ||
			       utc_parse(slice_of(text), sec, e)
		       ? -1
		       : 0;
}

static bool counts(int64_t then, int64_t now)
{
	/* Midnight of a day that has begun further east. */
	return then <= now + UTC_DAY &&
	       then > now - CHECKLIST_BACKUP_DAYS * UTC_DAY;
}

int checklist_backup(const struct repo *r, const char *day, int64_t now,
		     struct err *e)
{
	struct buf bytes = BUF_INIT(FILE_MAX_LEN);
	struct json *object;
	struct err why;
	int64_t then;
	int rc;

	if (parse_day(day, &then, &why) || !counts(then, now))
		return err_set(e, ERR_USAGE,
			       "the day on which a backup was compared, as "
			       "2026-11-27, at most %d days ago",
			       CHECKLIST_BACKUP_DAYS);
	object = json_new_object();
	json_set_text(object, "backup", day);
	rc = json_print(object, true, &bytes, e) ||
	     buf_add(&bytes, slice_of("\n"), e) ||
	     fs_replace_file(r->dirfd, FILE_NAME, buf_slice(&bytes), 0644, e);
	json_free(object);
	buf_done(&bytes);
	return rc ? -1 : 0;
}

static int check_backup(struct run *c, struct err *e)
{
	struct buf bytes = BUF_INIT(FILE_MAX_LEN), text = BUF_INIT(TEXT_MAX);
	struct json *object = NULL;
	struct err why = { 0 };
	int64_t then = 0;
	const char *day;
	bool ok;
	int rc = -1;

	if (fs_read_file(c->repo->dirfd, FILE_NAME, &bytes, &why) == 0) {
		if (json_parse(buf_slice(&bytes), &object, e)) {
			err_in(e, FILE_NAME);
			goto out;
		}
	} else if (why.code != ERR_NOT_FOUND) {
		err_set(e, why.code, "%s", why.msg);
		goto out;
	}
	day = json_text(json_get(object, "backup"));
	ok = parse_day(day, &then, &why) == 0 && counts(then, c->now);
	rc = buf_addf(&text, e, "%s%.10s",
		      *day ? "last compared on " : "never compared", day);
	if (rc == 0)
		point(c, "backup", ok, buf_text(&text),
		      "compare one, then publish --backup-checked DAY");
out:
	json_free(object);
	buf_done(&text);
	buf_done(&bytes);
	return rc;
}

/* -------------------------------------------------------------------------- */

int checklist_run(struct repo *r, int64_t now, struct report *out, size_t *open,
		  struct err *e)
{
	struct run c = { r, now, out, json_new_array(), 0 };

	if (check_spare(&c, e) || check_keys(&c, e) || check_expiry(&c, e) ||
	    check_backup(&c, e)) {
		json_free(c.points);
		return -1;
	}
	json_set(report_object(out), "checklist", c.points);
	*open = c.open;
	return 0;
}
