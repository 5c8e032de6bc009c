/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/sift.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/text.h"
#include "signer/bare_keys.h"
#include "signer/embedded_end.h"
#include "signer/encoded.h"
#include "signer/hexdump.h"
#include "signer/published.h"
#include "signer/secrets.h"
#include "signer/unwrap.h"

#define WINDOW     (256u << 10)
#define PATH_SIZE  8192
#define WHAT_SIZE  192
#define DECODE_MAX 2    /* base64 in base64 */
#define SHORT_RUN  8192 /* of these all four alignments are tried */
#define RANGES_MAX 64
#define CODE_HEAD  4096
#define PIECE      4096 /* of what is embedded, read at a time */

/* What was found and where. */
struct note {
	char what[WHAT_SIZE];
	uint64_t at;
	struct sha256 digest;
};

/* What was seen in the midst of a file: `at` is its offset there. */
struct buried {
	uint64_t at;
	struct embedded what;
};

/* A file that is being read: the outermost one, or something out of one. */
struct level {
	struct sift *sift;
	const struct sift_source *source;
	uint8_t *window;
	size_t have;        /* bytes in it */
	size_t judged;      /* of these, already */
	uint64_t base;      /* offset of the window in the file */
	uint64_t covered;   /* up to here a finding reaches */
	bool ended;         /* all of the file is in the window or behind us */
	bool handed;        /* the first window was handed on */
	const char *closed; /* what cannot be opened: "an erofs image" */
	bool broken;        /* reading it failed for good: why is in error */
	struct err error;
	unsigned depth;
	uint64_t tried; /* places for a scalar that could be random */
	/*
	 * Of an archive, what is found in its own bytes is told only if
	 * nothing is found in its members: that says more.
	 */
	enum unwrap_kind archive;
	enum peek_kind image;
	/*
	 * In a plain file; where that can be read when all of it was: of the
	 * source's place, or of a copy that begins at copy_base of the file.
	 */
	struct buried *buried;
	size_t buried_count, buried_room;
	struct peek_place copy;
	uint64_t copy_base, copy_blocks;
	bool too_many, too_large;
	struct note pending;
	char path[PATH_SIZE];
};

struct sift {
	const struct sift_watch *watch;
	const struct sift_settings *settings;
	bool program;
	bool stopped;    /* the watcher wants no more */
	unsigned images; /* that are open */
	uint64_t bytes, told, published;
	/* of the outermost file */
	uint64_t input, expanded, tried;
	unsigned members, buried;
	struct level *levels[SIFT_DEPTH_MAX]; /* made when first needed */
	uint8_t *decoded[DECODE_MAX];
};

/* What is looked at: a window, or what was decoded out of one. */
struct view {
	struct level *level;
	struct slice bytes;
	size_t from, to;
	bool start, whole;  /* of the file; all of it */
	unsigned decoded;   /* how often */
	uint64_t at;        /* then: where, in the file, the code stands */
	const char *suffix; /* ", in base64" */
	/* Findings in it, so that nothing is told twice. */
	struct {
		size_t from, to;
	} ranges[RANGES_MAX];
	size_t range_count;
};

static int judge(struct view *v, struct err *e);
static int sift_level(struct level *l, struct err *e);

struct sift *sift_new(const struct sift_watch *watch,
		      const struct sift_settings *settings)
{
	struct sift *s = mem_alloc(1, sizeof(*s));

	s->watch = watch;
	s->settings = settings;
	for (size_t i = 0; i < DECODE_MAX; i++)
		s->decoded[i] = mem_alloc(WINDOW, 1);
	return s;
}

void sift_free(struct sift *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < SIFT_DEPTH_MAX; i++)
		if (s->levels[i]) {
			mem_wipe(s->levels[i]->window, WINDOW);
			free(s->levels[i]->window);
			free(s->levels[i]);
		}
	for (size_t i = 0; i < DECODE_MAX; i++) {
		mem_wipe(s->decoded[i], WINDOW);
		free(s->decoded[i]);
	}
	free(s);
}

uint64_t sift_bytes(const struct sift *s)
{
	return s->bytes;
}

uint64_t sift_published(const struct sift *s)
{
	return s->published;
}

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

	if (v->range_count < RANGES_MAX) {
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

static bool holds_members(const struct level *l)
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
	if (!holds_members(l))
		return tell_at(l, &n, e);
	if (l->pending.what[0] == 0)
		l->pending = n;
	return 0;
}

static int tell_pending(struct level *l, struct err *e)
{
	return l->pending.what[0] != 0 ? tell_at(l, &l->pending, e) : 0;
}

static int unread(const struct level *l, const char *why, bool shut,
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
	char what[WHAT_SIZE];

	if (text_format(what, sizeof(what), e, "the private half of %s", name))
		return -1;
	return tell(ctx, what, at, EC_SCALAR_LEN, e);
}

/* Of the file, and of all that came out of the outermost one. */
static uint64_t places_left(const struct level *l)
{
	const struct sift *s = l->sift;
	const uint64_t all = SIFT_PLACES_ALL + s->input / SIFT_BYTES_PER_PLACE;
	const uint64_t rest = all > s->tried ? all - s->tried : 0;

	if (s->settings->exhaustive)
		return BARE_KEYS_ALL;
	/* What is opened is searched there. */
	if (holds_members(l) || l->tried >= SIFT_PLACES)
		return 0;
	return rest < SIFT_PLACES - l->tried ? rest : SIFT_PLACES - l->tried;
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
		.places = places_left(l),
		.found = tell_key,
		.ctx = v,
	};
	uint64_t used;

	if (bare_keys_find(&search, &used, e))
		return -1;
	l->tried += used;
	l->sift->tried += used;
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

static struct level *enter(struct level *outer,
			   const struct sift_source *source, const char *name)
{
	struct sift *s = outer->sift;
	struct level **slot = &s->levels[outer->depth + 1];
	struct level *l;
	uint8_t *window;
	struct err ignored;
	size_t len;

	if (!*slot) {
		*slot = mem_alloc(1, sizeof(**slot));
		(*slot)->window = mem_alloc(WINDOW, 1);
	}
	l = *slot;
	window = l->window;
	memset(l, 0, sizeof(*l));
	l->window = window;
	l->sift = s;
	l->source = source;
	l->copy.fd = -1;
	l->depth = outer->depth + 1;
	/* "a.gz!" is a's content: "a.tar.gz!/b", not "a.tar.gz!!/b". */
	len = strlen(outer->path);
	if (len > 0 && outer->path[len - 1] == '!')
		name++;
	/* A path that is too long is shown by its outer part. */
	if (text_format(l->path, sizeof(l->path), &ignored, "%s%s", outer->path,
			name))
		memcpy(l->path, outer->path, sizeof(l->path));
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
		rc = unread(v->level, "nested too deep", true, e);
	else
		rc = text_format(name, sizeof(name), e, "!base64@%llu",
				 (unsigned long long)v->at) ||
		     sift_level(enter(v->level, &source, name), e);
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
	rc = judge(&inner, e);
	if (rc == 0 && inner.range_count > 0)
		cover(v, run->at, run->len);
	/* Not in an archive's own bytes: they come in while a member is at
	 * work on the level that this would take; and members say more. */
	if (rc == 0 && skip == 0 && !holds_members(v->level) &&
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

	if (v->decoded == DECODE_MAX)
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
	if (judge(&inner, e))
		return -1;
	if (inner.range_count > 0)
		cover(v, run->at, run->len);
	return 0;
}

static int find_dumps(struct view *v, struct err *e)
{
	size_t from = v->from;
	struct hexdump run;

	if (v->decoded == DECODE_MAX)
		return 0;
	while (hexdump_next(v->bytes, from, v->to, &run, &from))
		if (!is_covered(v, run.at) && judge_dump(v, &run, e))
			return -1;
	return 0;
}

static int judge(struct view *v, struct err *e)
{
	return find_containers(v, e) || find_scalars(v, e) ||
			       find_encoded(v, e) || find_dumps(v, e)
		       ? -1
		       : 0;
}

/* ---- reading a file window by window ------------------------------------- */

static void look_at_start(struct level *l)
{
	const struct slice head = { l->window, l->have };

	l->archive = unwrap_kind(head);
	l->image = peek_kind(head);
	if (l->image == PEEK_NONE)
		l->closed = unwrap_closed(head);
	else if (l->archive != UNWRAP_NONE) {
		/* A loader's bytes, most likely: but only one is opened. */
		l->archive = UNWRAP_NONE;
		l->closed = "an archive, too";
	}
	if (l->depth == 0)
		l->sift->program =
			l->have > 4 && memcmp(l->window, "\177ELF", 4) == 0;
}

/* The second member of a zip, and so on, are opened with the first. */
static void bury(struct level *l, const struct embedded *what)
{
	const uint64_t at = l->base + what->at;

	/* How a file begins was judged before. */
	if (at == 0)
		return;
	if (l->sift->buried == SIFT_EMBEDDED_MAX) {
		l->too_many = true;
		return;
	}
	if (l->buried_count == l->buried_room) {
		l->buried_room = l->buried_room > 0 ? 2 * l->buried_room : 16;
		l->buried = mem_resize(l->buried, l->buried_room,
				       sizeof(*l->buried));
	}
	l->sift->buried++;
	l->buried[l->buried_count++] = (struct buried){ at, *what };
}

static void find_embedded(const struct view *v)
{
	struct embedded what;
	size_t from = v->from;

	while (embedded_next(v->bytes, v->level->base, from, v->to, &what,
			     &from))
		bury(v->level, &what);
}

static int judge_window(struct level *l, struct err *e)
{
	struct view v = {
		.level = l,
		.bytes = { l->window, l->have },
		.from = l->judged,
		.to = l->ended ? l->have : l->have - SECRETS_REACH,
		.start = l->base == 0 && l->judged == 0,
		.suffix = "",
	};

	v.whole = v.start && l->ended;
	if (v.to <= v.from)
		return 0;
	if (v.start)
		look_at_start(l);
	l->judged = v.to;
	if (!holds_members(l))
		find_embedded(&v);
	return judge(&v, e);
}

/* Keep what may belong to what comes next. */
static void move_up(struct level *l)
{
	size_t gone = l->judged > SECRETS_REACH ? l->judged - SECRETS_REACH : 0;

	memmove(l->window, l->window + gone, l->have - gone);
	l->have -= gone;
	l->judged -= gone;
	l->base += gone;
}

static int keep_copy(struct level *l, struct err *e);

/* Read on and judge it. *fresh is what is new; empty at the end. */
static int pull(struct level *l, struct slice *fresh, struct err *e)
{
	size_t room, got = 0;

	*fresh = (struct slice){ NULL, 0 };
	if (l->ended)
		return 0;
	move_up(l);
	room = WINDOW - l->have;
	if (l->source->read(l->source->ctx, l->window + l->have, room, &got, e))
		return -1;
	*fresh = (struct slice){ l->window + l->have, got };
	l->have += got;
	l->ended = got < room;
	if (l->depth == 0) {
		l->sift->input += got;
		l->sift->bytes += got;
	}
	return judge_window(l, e) || keep_copy(l, e) ? -1 : 0;
}

/* ---- what is inside ------------------------------------------------------ */

/* For whoever opens the file: first what was read already. */
static int hand_on(void *ctx, struct slice *bytes, struct err *e)
{
	struct level *l = ctx;

	if (!l->handed) {
		l->handed = true;
		*bytes = (struct slice){ l->window, l->have };
		return 0;
	}
	if (pull(l, bytes, e)) {
		l->broken = true;
		l->error = *e;
		return -1;
	}
	return 0;
}

struct inside {
	struct level *outer;
	struct unwrap *archive;
	struct peek *image; /* or this */
	struct base64 code;
	struct slice rest; /* of the code's bytes */
	bool shut;
};

/* Did more come out of the outermost file than of any that is honest? */
static bool is_spent(const struct sift *s)
{
	return s->expanded > SIFT_EXPANDED_MIN + s->input * SIFT_RATIO_MAX;
}

static int count_expanded(struct inside *in, uint64_t got, struct err *e)
{
	in->outer->sift->expanded += got;
	if (!is_spent(in->outer->sift))
		return 0;
	in->shut = true;
	return err_set(e, ERR_LIMIT, "expands without end");
}

static int read_member(void *ctx, void *out, size_t len, size_t *got,
		       struct err *e)
{
	struct inside *in = ctx;

	if (in->image ? peek_read(in->image, out, len, got, e)
		      : unwrap_read(in->archive, out, len, got, e))
		return -1;
	return count_expanded(in, *got, e);
}

/* A failure is the file's own damage unless reading or telling failed. */
static int forgive(struct inside *in, struct err *e)
{
	struct level *l = in->outer;
	char why[ERR_MSG_LEN];

	if (l->broken)
		*e = l->error;
	if (l->broken || l->sift->stopped ||
	    (e->code != ERR_FORMAT && e->code != ERR_LIMIT))
		return -1;
	memcpy(why, e->msg, sizeof(why));
	return unread(l, why, in->shut, e);
}

static int sift_member(struct inside *in, const char *name,
		       const struct peek_place *place, struct err *e)
{
	const struct sift_source source = { read_member, in, place };
	char shown[PATH_SIZE];

	if (++in->outer->sift->members > SIFT_MEMBERS_MAX) {
		in->shut = true;
		return err_set(e, ERR_LIMIT, "holds too many files");
	}
	shown[0] = '!';
	shown[1] = 0;
	if (name) {
		while (strncmp(name, "./", 2) == 0)
			name += 2;
		shown[1] = '/';
		text_escape(slice_of(*name == '/' ? name + 1 : name), shown + 2,
			    sizeof(shown) - 2);
	}
	return sift_level(enter(in->outer, &source, shown), e);
}

static int sift_members(struct inside *in, struct err *e)
{
	const char *name;
	bool end = false;

	for (;;) {
		if (unwrap_next(in->archive, &name, &end, e))
			return -1;
		if (end)
			return 0;
		if (sift_member(in, name, NULL, e))
			return -1;
	}
}

static int read_on(struct level *l, struct err *e)
{
	struct slice fresh;

	while (!l->ended)
		if (pull(l, &fresh, e))
			return -1;
	return 0;
}

/* ---- images -------------------------------------------------------------- */

/* What can be opened and is too deep or large is judged as bytes alone. */
static int tell_shut(struct level *l, const char *why, struct err *e)
{
	l->archive = UNWRAP_NONE;
	l->image = PEEK_NONE;
	return unread(l, why, true, e) || tell_pending(l, e) ? -1 : 0;
}

/* Of blocks alone: what is zero takes none. */
static int find_room(const struct level *l, int fd, uint64_t *blocks,
		     struct err *e)
{
	uint64_t max = l->sift->settings->scratch_max, bytes, inodes;

	if (fs_free_space(fd, &bytes, &inodes, e))
		return -1;
	max = max > 0 ? max : SIFT_SCRATCH_MAX;
	*blocks = (bytes / 2 < max ? bytes / 2 : max) / 512;
	return 0;
}

static bool is_within(int fd, uint64_t blocks)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (uint64_t)st.st_blocks <= blocks;
}

/*
 * All of it to a file without a name, while it is judged as it is. Not *fits:
 * it ended before.
 */
static int copy_level(struct level *l, struct peek_place *out, bool *fits,
		      struct err *e)
{
	struct slice fresh = { l->window, l->have };
	uint64_t blocks = 0;
	int rc = fs_open_nameless(l->sift->settings->scratch_dirfd, &out->fd,
				  e) ||
		 find_room(l, out->fd, &blocks, e);

	*fits = true;
	while (rc == 0 && fresh.len > 0) {
		rc = fs_write_sparse(out->fd, out->len, fresh, e);
		out->len += fresh.len;
		*fits = is_within(out->fd, blocks);
		if (!*fits)
			break;
		if (rc == 0)
			rc = pull(l, &fresh, e);
	}
	return rc || fs_truncate(out->fd, out->len, e) ? -1 : 0;
}

static int sift_files(struct inside *in, struct err *e)
{
	struct peek_member member;
	bool end = false;

	for (;;) {
		if (peek_next(in->image, &member, &end, e))
			return -1;
		if (end)
			return 0;
		if (sift_member(in, member.name, member.place, e))
			return -1;
	}
}

static int open_image(struct level *l, const struct peek_place *place,
		      struct err *e)
{
	struct inside in = { .outer = l, .shut = true };
	char why[ERR_MSG_LEN];
	int rc;

	l->sift->images++;
	rc = peek_open(l->image, place, &in.image, e);
	if (rc == 0)
		rc = sift_files(&in, e);
	l->sift->images--;
	peek_close(in.image);
	if (rc == 0 || l->sift->stopped)
		return rc;
	memcpy(why, e->msg, sizeof(why));
	(void)err_set(e, e->code, "is %s that cannot be looked into: %s",
		      peek_name(l->image), why);
	return forgive(&in, e);
}

static int sift_image(struct level *l, struct err *e)
{
	const struct peek_place *place = l->source->place;
	struct peek_place copy = { .fd = -1 };
	uint64_t told = l->sift->told;
	bool fits = true;
	int rc;

	rc = place ? read_on(l, e) : copy_level(l, &copy, &fits, e);
	if (rc == 0 && fits)
		rc = open_image(l, place ? place : &copy, e);
	fs_close(&copy.fd);
	if (rc == 0 && !fits)
		return tell_shut(l,
				 "is an image that is too large to be copied "
				 "and looked into",
				 e) || read_on(l, e)
			       ? -1
			       : 0;
	if (rc == 0 && l->sift->told == told)
		rc = tell_pending(l, e);
	return rc;
}

static int sift_archive(struct level *l, struct err *e)
{
	struct inside in = { .outer = l };
	uint64_t told = l->sift->told;
	struct slice rest;
	int rc;

	rc = unwrap_open(l->archive, hand_on, l, &in.archive, e);
	/* Too large to be opened: not searched whole, like a bomb. */
	in.shut = rc && e->code == ERR_LIMIT;
	if (rc == 0)
		rc = sift_members(&in, e);
	if (rc)
		rc = forgive(&in, e);
	unwrap_close(in.archive);
	while (rc == 0 && !l->ended)
		rc = pull(l, &rest, e);
	if (rc == 0 && l->sift->told == told)
		rc = tell_pending(l, e);
	return rc;
}

static int read_code(void *ctx, void *out, size_t len, size_t *got,
		     struct err *e)
{
	struct inside *in = ctx;
	uint8_t *to = out;
	size_t have = 0;

	while (have < len) {
		struct slice part;

		if (in->rest.len == 0 && hand_on(in->outer, &in->rest, e))
			return -1;
		if (in->rest.len == 0)
			break;
		part = slice_sub(in->rest, 0, len - have);
		in->rest = slice_sub(in->rest, part.len, in->rest.len);
		have += base64_decode(&in->code, part, to + have);
	}
	*got = have;
	return count_expanded(in, have, e);
}

/* A large file that is base64 of an archive as a whole. */
static int sift_code(struct level *l, struct err *e)
{
	struct inside in = { .outer = l };
	const struct sift_source source = { read_code, &in, NULL };

	return sift_level(enter(l, &source, "!base64"), e) ? forgive(&in, e)
							   : 0;
}

/* What fits into a window was decoded there. */
static bool is_large_code(const struct level *l)
{
	const struct slice head = { l->window, CODE_HEAD };
	struct base64 code = { 0 };
	uint8_t start[CODE_HEAD];
	size_t len;

	if (l->ended || l->have < CODE_HEAD || !encoded_is_all(head))
		return false;
	len = base64_decode(&code, head, start);
	return unwrap_kind((struct slice){ start, len }) != UNWRAP_NONE;
}

/* Its own bytes are searched; what is compressed in them says nothing. */
static int tell_closed(const struct level *l, struct err *e)
{
	char why[WHAT_SIZE];

	return text_format(why, sizeof(why), e,
			   "is %s, which is not opened here", l->closed) ||
			       unread(l, why, true, e)
		       ? -1
		       : 0;
}

/* ---- what is embedded ---------------------------------------------------- */

/*
 * Of a file that cannot be read again, all that comes from the first embedded
 * thing on is kept, until it is known to be too much.
 */
static int keep_copy(struct level *l, struct err *e)
{
	const uint64_t end = l->base + l->have;
	uint64_t kept;

	if (l->buried_count == 0 || l->source->place || l->too_large)
		return 0;
	if (l->copy.fd < 0) {
		l->copy_base = l->base;
		if (fs_open_nameless(l->sift->settings->scratch_dirfd,
				     &l->copy.fd, e) ||
		    find_room(l, l->copy.fd, &l->copy_blocks, e))
			return -1;
	}
	kept = l->copy_base + l->copy.len;
	if (fs_write_sparse(l->copy.fd, l->copy.len,
			    slice_sub((struct slice){ l->window, l->have },
				      (size_t)(kept - l->base),
				      (size_t)(end - kept)),
			    e))
		return -1;
	l->copy.len = end - l->copy_base;
	l->too_large = !is_within(l->copy.fd, l->copy_blocks);
	return fs_truncate(l->copy.fd, l->copy.len, e);
}

/* A source of what is embedded; what it reads counts like what comes out. */
struct digging {
	struct inside in;
	struct peek_place place; /* from its first byte on */
	uint64_t at;
	uint8_t piece[PIECE];
};

static int dig(void *ctx, struct slice *bytes, struct err *e)
{
	struct digging *d = ctx;
	const uint64_t left = d->place.len - d->at;
	size_t got;

	if (fs_read_at(d->place.fd, d->place.offset + d->at, d->piece,
		       left < PIECE ? (size_t)left : PIECE, &got, e))
		return -1;
	d->at += got;
	*bytes = (struct slice){ d->piece, got };
	return count_expanded(&d->in, got, e);
}

/* What only looked like one, or ends in other bytes, is no damage. */
static int open_stream(struct digging *d, const struct embedded *what,
		       struct err *e)
{
	uint64_t work;
	int rc;

	if (embedded_end(what->format, &d->place, &d->place.len, &work, e))
		return -1;
	rc = count_expanded(&d->in, work, e) ||
	     unwrap_open(what->archive, dig, d, &d->in.archive, e);
	if (rc == 0)
		rc = sift_members(&d->in, e);
	unwrap_close(d->in.archive);
	if (rc == 0 || (e->code == ERR_FORMAT && !d->in.shut &&
			!d->in.outer->sift->stopped))
		return 0;
	return forgive(&d->in, e);
}

static int tell_buried(const struct level *l, const struct buried *b,
		       struct err *e)
{
	char why[WHAT_SIZE];

	return text_format(why, sizeof(why), e,
			   "holds %s at byte %llu, which is not opened here",
			   b->what.closed, (unsigned long long)b->at) ||
			       unread(l, why, true, e)
		       ? -1
		       : 0;
}

/* Up to where nothing is looked for any more: it was opened with another. */
struct dug {
	uint64_t image, zip;
};

static bool is_dug(const struct dug *dug, const struct buried *b)
{
	return b->at < dug->image ||
	       (b->what.format == EMBEDDED_ZIP && b->at < dug->zip);
}

static int open_buried(struct level *l, const struct buried *b,
		       const struct peek_place *place, struct dug *dug,
		       struct err *e)
{
	struct digging d = { .place = *place };
	struct level *inner;
	char name[64];

	if (l->depth + 1 >= SIFT_DEPTH_MAX ||
	    (b->what.image != PEEK_NONE && l->sift->images == SIFT_IMAGES_MAX))
		return unread(l, "nested too deep", true, e);
	if (text_format(name, sizeof(name), e, "!@%llu",
			(unsigned long long)b->at))
		return -1;
	inner = enter(l, l->source, name);
	if (b->what.image != PEEK_NONE) {
		if (b->what.len <= place->len)
			dug->image = b->at + b->what.len;
		inner->image = b->what.image;
		return open_image(inner, place, e);
	}
	d.in.outer = inner;
	if (open_stream(&d, &b->what, e))
		return -1;
	if (b->what.format == EMBEDDED_ZIP)
		dug->zip = b->at + d.at;
	return 0;
}

static int open_all_buried(struct level *l, struct err *e)
{
	const struct peek_place *all =
		l->source->place ? l->source->place : &l->copy;
	const uint64_t base = l->source->place ? 0 : l->copy_base;
	struct dug dug = { 0 };
	bool told = false;

	for (size_t i = 0; i < l->buried_count && !is_spent(l->sift); i++) {
		const struct buried *b = &l->buried[i];
		const uint64_t at = b->at - base;
		const struct peek_place place = { .fd = all->fd,
						  .offset = all->offset + at,
						  .len = all->len - at };

		/* Of a file that became shorter, nothing is left there. */
		if (is_dug(&dug, b) || at >= all->len)
			continue;
		if (b->what.closed) {
			if (!told && tell_buried(l, b, e))
				return -1;
			told = true;
		} else if (open_buried(l, b, &place, &dug, e)) {
			return -1;
		}
	}
	return 0;
}

static int sift_embedded(struct level *l, struct err *e)
{
	if (l->too_many &&
	    unread(l, "holds too many archives in its midst", true, e))
		return -1;
	if (l->too_large)
		return unread(l,
			      "holds archives in its midst and is too large to "
			      "be copied and looked into",
			      true, e);
	return open_all_buried(l, e);
}

/* ---- a file -------------------------------------------------------------- */

static int look_through(struct level *l, struct err *e)
{
	struct slice fresh;
	bool code;

	if (pull(l, &fresh, e))
		return -1;
	code = !holds_members(l) && is_large_code(l);
	if ((holds_members(l) || code) && l->depth + 1 >= SIFT_DEPTH_MAX) {
		if (tell_shut(l, "nested too deep", e))
			return -1;
		code = false;
	} else if (l->image != PEEK_NONE &&
		   l->sift->images == SIFT_IMAGES_MAX) {
		if (tell_shut(l, "nested too deep", e))
			return -1;
	}
	if (l->closed && tell_closed(l, e))
		return -1;
	if (l->image != PEEK_NONE)
		return sift_image(l, e);
	if (l->archive != UNWRAP_NONE)
		return sift_archive(l, e);
	if (code && sift_code(l, e))
		return -1;
	return read_on(l, e) || sift_embedded(l, e) ? -1 : 0;
}

static int sift_level(struct level *l, struct err *e)
{
	const int rc = look_through(l, e);

	fs_close(&l->copy.fd);
	free(l->buried);
	l->buried = NULL;
	return rc;
}

int sift_file(struct sift *s, struct slice path,
	      const struct sift_source *source, struct err *e)
{
	struct level *l = s->levels[0];
	uint8_t *window;

	if (!l) {
		l = s->levels[0] = mem_alloc(1, sizeof(*l));
		l->window = mem_alloc(WINDOW, 1);
	}
	window = l->window;
	memset(l, 0, sizeof(*l));
	l->window = window;
	l->sift = s;
	l->source = source;
	l->copy.fd = -1;
	text_escape(path, l->path, sizeof(l->path));
	s->input = s->expanded = s->tried = 0;
	s->members = s->images = s->buried = 0;
	s->stopped = false;
	return sift_level(l, e);
}
