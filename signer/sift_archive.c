/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/text.h"
#include "signer/secrets.h"
#include "signer/sift_level.h"
#include "signer/unwrap.h"
#include "signer/unwrap_end.h"

#define NAME_SIZE 32
#define MAGIC_LEN 4

/* ---- what an archive says of its members -------------------------------- */

/*
 * Its reader looked so far ahead that some of it went by: searched as an
 * archive's own bytes, but not opened.
 */
static int tell_run_over(struct level *l, uint64_t *at, struct err *e)
{
	if (*at >= l->base)
		return 0;
	*at = l->base;
	if (l->noted)
		return 0;
	l->noted = true;
	return level_unread(l, "it holds more than its members", false, e);
}

/* What is packed there is opened, like what lies in a plain file's midst. */
static int look_between(struct level *l, uint64_t from, uint64_t to,
			struct err *e)
{
	const struct view v = {
		.level = l,
		.bytes = { l->window, l->have },
		.from = (size_t)(from - l->base),
		.to = (size_t)(to - l->base),
	};

	if (from < to)
		level_find_buried(&v);
	return level_keep_copy(l, e);
}

/* Behind its magic; else it would be found itself. */
static int look_at_header(struct inside *in, struct err *e)
{
	const uint64_t to = in->from + unwrap_taken(in->archive);
	uint64_t from = in->from + unwrap_header_at(in->archive) + MAGIC_LEN;

	return tell_run_over(in->outer, &from, e) ||
			       look_between(in->outer, from, to, e)
		       ? -1
		       : 0;
}

/* ---- one archive or stream ----------------------------------------------- */

static int next_of_level(void *ctx, struct slice *bytes, struct err *e)
{
	return level_hand_on(ctx, bytes, e);
}

/* How one ended: it was too much; it was a zip. */
struct ending {
	bool shut, zip;
};

/*
 * From *at of the level on, which then is where it ended. Damage is noted, and
 * looking goes on where the decoder stood.
 */
static int sift_one(struct level *l, uint64_t *at, struct ending *end,
		    struct err *e)
{
	struct inside in = { .outer = l, .from = *at };
	int rc;

	if (l->archive == UNWRAP_ARCHIVE)
		in.header = look_at_header;
	l->next = *at;
	rc = unwrap_open(l->archive, next_of_level, l, &in.archive, e);
	/* Too large to be opened: not searched whole, like a bomb. */
	in.shut = rc && e->code == ERR_LIMIT;
	if (rc == 0)
		rc = inside_sift_members(&in, e);
	if (in.archive)
		*at += unwrap_taken(in.archive);
	if (rc)
		rc = inside_forgive(&in, e);
	end->zip = in.archive && unwrap_is_zip(in.archive);
	end->shut = in.shut;
	unwrap_close(in.archive);
	return rc;
}

/* ---- what stands behind it ----------------------------------------------- */

static struct slice from_on(const struct level *l, uint64_t at)
{
	const struct slice window = { l->window, l->have };

	return slice_sub(window, (size_t)(at - l->base), l->have);
}

/* Zeroes, with which archives are filled up, and behind a zip its directory. */
static uint64_t filling(struct slice s, bool zip)
{
	size_t zeroes = 0;

	while (zeroes < s.len && s.ptr[zeroes] == 0)
		zeroes++;
	return zeroes > 0 || !zip ? zeroes : unwrap_end_directory(s);
}

/* Over that, and so far on in the file that what is judged reaches to *at. */
static int pass_filling(struct level *l, uint64_t *at, bool zip, struct err *e)
{
	struct slice rest, fresh;
	uint64_t over = 0, part, seen = *at, to;

	for (;;) {
		rest = from_on(l, *at);
		over = over > 0 ? over : filling(rest, zip);
		part = over < rest.len ? over : rest.len;
		*at += part;
		over -= part;
		/* What begins near the window's end is told from more of it. */
		to = over > 0 && *at > EMBEDDED_HEAD ? *at - EMBEDDED_HEAD
						     : *at;
		if (look_between(l, seen, to, e))
			return -1;
		seen = seen > to ? seen : to;
		if (part > 0 && part < rest.len)
			continue;
		if (l->ended || (part == 0 && rest.len >= SECRETS_REACH))
			return 0;
		if (level_pull(l, &fresh, e))
			return -1;
	}
}

/* "a.zip!@123" while that which begins there is open. */
static int name_part(struct level *l, const char *whole, uint64_t at,
		     struct err *e)
{
	char name[NAME_SIZE];

	if (text_format(name, sizeof(name), e, "!@%llu",
			(unsigned long long)at))
		return -1;
	level_name(l->path, whole, name);
	return 0;
}

/* Does another archive begin there? It counts like one in a file's midst. */
static bool opens_another(struct level *l, uint64_t at)
{
	l->archive = unwrap_kind(from_on(l, at));
	if (l->archive == UNWRAP_NONE)
		return false;
	l->too_many = l->sift->buried == SIFT_EMBEDDED_MAX;
	l->sift->buried += !l->too_many;
	return !l->too_many;
}

/* All that stand one behind the other; *at is where the last of them ends. */
static int sift_all(struct level *l, uint64_t *at, bool *shut, struct err *e)
{
	char whole[SIFT_PATH_SIZE];
	struct ending end = { false, false };

	memcpy(whole, l->path, sizeof(whole));
	for (;;) {
		const uint64_t before = *at;

		if (sift_one(l, at, &end, e))
			return -1;
		memcpy(l->path, whole, sizeof(whole));
		*shut = end.shut;
		if (*shut)
			return 0;
		if (*at == before) {
			/* It only looked like one: what is in its midst? */
			*at += before == 0;
			break;
		}
		if (*at >= l->base && pass_filling(l, at, end.zip, e))
			return -1;
		if (*at < l->base || *at == l->base + l->have ||
		    !opens_another(l, *at))
			break;
		if (name_part(l, whole, *at, e))
			return -1;
	}
	return tell_run_over(l, at, e);
}

/*
 * What stands behind them is a plain file's bytes. Some were judged as if they
 * were an archive's own: once more.
 */
static int go_on_plain(struct level *l, uint64_t at, struct err *e)
{
	l->archive = UNWRAP_NONE;
	l->judged = (size_t)(at - l->base);
	if (l->covered > at)
		l->covered = at;
	return level_judge_window(l, e) || level_keep_copy(l, e) ||
			       level_read_on(l, e) || level_sift_buried(l, e)
		       ? -1
		       : 0;
}

int level_sift_archives(struct level *l, struct err *e)
{
	const uint64_t told = l->sift->told;
	bool shut, plain;
	uint64_t at = 0;

	if (sift_all(l, &at, &shut, e))
		return -1;
	plain = !shut && at < l->base + l->have;
	if (plain && l->pending.at >= at)
		l->pending.what[0] = 0;
	if (!plain && (level_read_on(l, e) || level_sift_buried(l, e)))
		return -1;
	if (l->sift->told == told && level_tell_pending(l, e))
		return -1;
	return plain ? go_on_plain(l, at, e) : 0;
}
