/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "signer/bare_keys.h"
#include "signer/encoded.h"
#include "signer/hexdump.h"
#include "signer/published.h"
#include "signer/secrets.h"
#include "signer/sift_level.h"

#define SHORT_RUN 8192 /* of these all four alignments are tried */

/* ---- findings ------------------------------------------------------------ */

static bool is_covered(const struct view *v, size_t at)
{
	if (v->decoded == 0 && v->level->base + at < v->level->covered)
		return true;
	for (size_t i = 0; i < v->range_count; i++)
		if (at >= v->ranges[i].from && at < v->ranges[i].to)
			return true;
	return false;
}

static void cover(struct view *v, size_t at, size_t len)
{
	uint64_t end = v->level->base + at + len;

	if (v->range_count < SIFT_RANGES_MAX) {
		v->ranges[v->range_count].from = at;
		v->ranges[v->range_count++].to = at + len;
	}
	/* What reaches beyond what is judged now is not told again later. */
	if (v->decoded == 0 && at + len > v->to && end > v->level->covered)
		v->level->covered = end;
}

static int tell_at(struct level *l, const struct note *n, struct err *e)
{
	struct sift *s = l->sift;
	const struct sift_finding f = { l->path, n->at, n->what, s->program,
					n->digest };

	s->told++;
	if (s->watch->found(s->watch->ctx, &f, e) == 0)
		return 0;
	s->stopped = true;
	return -1;
}

bool level_holds_members(const struct level *l)
{
	return l->archive != UNWRAP_NONE || l->image != PEEK_NONE;
}

static int tell(struct view *v, const char *what, size_t at, size_t len,
		struct err *e)
{
	struct slice bytes = slice_sub(v->bytes, at, len);
	struct level *l = v->level;
	struct note n = {
		.at = v->decoded > 0 ? v->at : l->base + at,
	};

	if (is_covered(v, at))
		return 0;
	cover(v, at, len);
	sha256_of(bytes, &n.digest);
	if (published_key(&n.digest)) {
		l->sift->published++;
		return 0;
	}
	if (text_format(n.what, sizeof(n.what), e, "%s%s", what, v->suffix))
		return -1;
	if (!level_holds_members(l))
		return tell_at(l, &n, e);
	if (l->pending.what[0] == 0)
		l->pending = n;
	return 0;
}

int level_tell_pending(struct level *l, struct err *e)
{
	return l->pending.what[0] != 0 ? tell_at(l, &l->pending, e) : 0;
}

int level_unread(const struct level *l, const char *why, bool shut,
		 struct err *e)
{
	const struct sift_watch *w = l->sift->watch;

	if (w->unread(w->ctx, l->path, why, shut, e) == 0)
		return 0;
	l->sift->stopped = true;
	return -1;
}

/* ---- containers ---------------------------------------------------------- */

static int find_containers(struct view *v, struct err *e)
{
	size_t from = v->from;
	struct secret found;
	const char *what;

	if (v->start) {
		what = secrets_at_start(v->bytes);
		if (what && tell(v, what, 0, v->bytes.len, e))
			return -1;
	}
	while (secrets_next(v->bytes, from, v->to, &found, &from))
		if (tell(v, found.what, found.at, found.len, e))
			return -1;
	return 0;
}

/* ---- scalars of known keys ----------------------------------------------- */

static int tell_key(void *ctx, const char *name, size_t at, struct err *e)
{
	char what[SIFT_WHAT_SIZE];

	if (text_format(what, sizeof(what), e, "the private half of %s", name))
		return -1;
	return tell(ctx, what, at, EC_SCALAR_LEN, e);
}

/* So much of the scan went by that only what is short, or text, is searched. */
static bool is_late(const struct view *v)
{
	return v->level->sift->spent >= SIFT_PLACES_SCAN &&
	       !(v->whole && v->bytes.len <= SIFT_SHORT);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Of the file, and of all that came out of the outermost one. */
static uint64_t places_left(const struct view *v)
{
	const struct level *l = v->level;
	const struct sift *s = l->sift;
	const uint64_t all = SIFT_PLACES_ALL + s->input / SIFT_BYTES_PER_PLACE;
	const uint64_t rest = all > s->tried ? all - s->tried : 0;

	if (s->settings->exhaustive)
		return BARE_KEYS_ALL;
	/* What is opened is searched there. */
	if (level_holds_members(l) || l->tried >= SIFT_PLACES)
		return 0;
	if (is_late(v))
		return smaller(rest, (v->to - v->from) / SIFT_LATE_PER_PLACE);
	return smaller(rest, SIFT_PLACES - l->tried);
}

static int find_scalars(struct view *v, struct err *e)
{
	struct level *l = v->level;
	const struct bare_keys search = {
		.known = l->sift->settings->known,
		.bytes = v->bytes,
		.from = v->from,
		.to = v->to,
		.base = l->base,
		.whole = v->whole,
		.decoded = v->decoded > 0,
		.places = places_left(v),
		.all_or_none = !l->sift->settings->exhaustive && is_late(v),
		.found = tell_key,
		.ctx = v,
	};
	uint64_t used;

	if (bare_keys_find(&search, &used, e))
		return -1;
	l->tried += used;
	l->sift->tried += used;
	l->sift->spent += used;
	return 0;
}

/* ---- base64 and hexadecimal ---------------------------------------------- */

/* Memory as a source, for an archive that was decoded. */
struct memory {
	struct slice rest;
};

static int read_memory(void *ctx, void *out, size_t len, size_t *got,
		       struct err *e)
{
	struct memory *m = ctx;

	(void)e; /* memory is there */
	*got = len < m->rest.len ? len : m->rest.len;
	if (*got > 0)
		memcpy(out, m->rest.ptr, *got);
	m->rest = slice_sub(m->rest, *got, m->rest.len);
	return 0;
}

void level_name(char path[SIFT_PATH_SIZE], const char *outer, const char *name)
{
	const size_t len = strlen(outer);
	struct err ignored;

	if (len > 0 && outer[len - 1] == '!')
		name++;
	if (text_format(path, SIFT_PATH_SIZE, &ignored, "%s%s", outer, name))
		memcpy(path, outer, len + 1);
}

struct level *level_enter(struct level *outer, const struct sift_source *source,
			  const char *name)
{
	struct sift *s = outer->sift;
	struct level **slot = &s->levels[outer->depth + 1];
	struct level *l;
	uint8_t *window;

	if (!*slot) {
		*slot = mem_alloc(1, sizeof(**slot));
		(*slot)->window = mem_alloc(SIFT_WINDOW, 1);
	}
	l = *slot;
	window = l->window;
	memset(l, 0, sizeof(*l));
	l->window = window;
	l->sift = s;
	l->source = source;
	l->copy.fd = -1;
	l->depth = outer->depth + 1;
	level_name(l->path, outer->path, name);
	return l;
}

static int open_decoded(struct view *v, struct err *e)
{
	/* A copy, for its members use the room in which it was decoded. */
	uint8_t *copy = mem_alloc(v->bytes.len + 1, 1);
	struct memory memory = { { copy, v->bytes.len } };
	const struct sift_source source = { read_memory, &memory, NULL };
	char name[64];
	int rc;

	memcpy(copy, v->bytes.ptr, v->bytes.len);
	if (v->level->depth + 1 >= SIFT_DEPTH_MAX)
		rc = level_unread(v->level, "nested too deep", true, e);
	else
		rc = text_format(name, sizeof(name), e, "!base64@%llu",
				 (unsigned long long)v->at) ||
		     level_sift(level_enter(v->level, &source, name), e);
	mem_wipe(copy, v->bytes.len);
	free(copy);
	return rc ? -1 : 0;
}

/* A word alone, whose value is 32 bytes, is looked at as a scalar. */
static bool is_one_word(const struct encoded *run)
{
	return run->word == run->letters;
}

static int judge_decoded(struct view *v, const struct encoded *run, size_t skip,
			 struct err *e)
{
	uint8_t *room = v->level->sift->decoded[v->decoded];
	struct view inner = {
		.level = v->level,
		.start = skip == 0,
		.whole = skip == 0 && is_one_word(run),
		.decoded = v->decoded + 1,
		.at = v->decoded > 0 ? v->at : v->level->base + run->at,
		.suffix = v->decoded > 0 ? ", in base64 twice"
			  : run->hex     ? ", in hexadecimal"
					 : ", in base64",
	};
	int rc;

	inner.bytes.ptr = room;
	inner.bytes.len = encoded_decode(v->bytes, run, skip, room);
	inner.to = inner.bytes.len;
	rc = sift_judge(&inner, e);
	if (rc == 0 && inner.range_count > 0)
		cover(v, run->at, run->len);
	/* Not in an archive's own bytes: they come in while a member is at
	 * work on the level that this would take; and members say more. */
	if (rc == 0 && skip == 0 && !level_holds_members(v->level) &&
	    unwrap_kind(inner.bytes) != UNWRAP_NONE)
		rc = open_decoded(&inner, e);
	return rc;
}

static int judge_run(struct view *v, const struct encoded *run, struct err *e)
{
	size_t before = v->range_count;
	size_t alignments = run->hex                                ? 2
			    : run->len <= SHORT_RUN || run->at == 0 ? 4
								    : 1;

	for (size_t skip = 0; skip < alignments; skip++)
		if (judge_decoded(v, run, skip, e))
			return -1;
		else if (v->range_count > before)
			break;
	return 0;
}

static int find_encoded(struct view *v, struct err *e)
{
	size_t from = v->from;
	struct encoded run;

	if (v->decoded == SIFT_DECODE_MAX)
		return 0;
	while (encoded_next(v->bytes, from, v->to, &run, &from))
		if (!is_covered(v, run.at) && judge_run(v, &run, e))
			return -1;
	return 0;
}

static int judge_dump(struct view *v, const struct hexdump *run, struct err *e)
{
	uint8_t *room = v->level->sift->decoded[v->decoded];
	struct view inner = {
		.level = v->level,
		.bytes = { room, run->bytes },
		.to = run->bytes,
		.start = true,
		.decoded = v->decoded + 1,
		.at = v->decoded > 0 ? v->at : v->level->base + run->at,
		.suffix = ", in a hex dump",
	};

	hexdump_decode(v->bytes, run, room);
	if (sift_judge(&inner, e))
		return -1;
	if (inner.range_count > 0)
		cover(v, run->at, run->len);
	return 0;
}

static int find_dumps(struct view *v, struct err *e)
{
	size_t from = v->from;
	struct hexdump run;

	if (v->decoded == SIFT_DECODE_MAX)
		return 0;
	while (hexdump_next(v->bytes, from, v->to, &run, &from))
		if (!is_covered(v, run.at) && judge_dump(v, &run, e))
			return -1;
	return 0;
}

int sift_judge(struct view *v, struct err *e)
{
	return find_containers(v, e) || find_scalars(v, e) ||
			       find_encoded(v, e) || find_dumps(v, e)
		       ? -1
		       : 0;
}
