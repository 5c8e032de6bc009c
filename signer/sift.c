/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/sift.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/text.h"
#include "signer/encoded.h"
#include "signer/secrets.h"
#include "signer/sift_level.h"
#include "signer/unwrap.h"

#define CODE_HEAD 4096

struct sift *sift_new(const struct sift_watch *watch,
		      const struct sift_settings *settings)
{
	struct sift *s = mem_alloc(1, sizeof(*s));

	s->watch = watch;
	s->settings = settings;
	for (size_t i = 0; i < SIFT_DECODE_MAX; i++)
		s->decoded[i] = mem_alloc(SIFT_WINDOW, 1);
	return s;
}

void sift_free(struct sift *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < SIFT_DEPTH_MAX; i++)
		if (s->levels[i]) {
			mem_wipe(s->levels[i]->window, SIFT_WINDOW);
			free(s->levels[i]->window);
			free(s->levels[i]);
		}
	for (size_t i = 0; i < SIFT_DECODE_MAX; i++) {
		mem_wipe(s->decoded[i], SIFT_WINDOW);
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

int level_judge_window(struct level *l, struct err *e)
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
	if (!level_holds_members(l))
		level_find_buried(&v);
	return sift_judge(&v, e);
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

int level_pull(struct level *l, struct slice *fresh, struct err *e)
{
	size_t room, got = 0;

	*fresh = (struct slice){ NULL, 0 };
	if (l->ended)
		return 0;
	move_up(l);
	room = SIFT_WINDOW - l->have;
	if (l->source->read(l->source->ctx, l->window + l->have, room, &got, e))
		return -1;
	*fresh = (struct slice){ l->window + l->have, got };
	l->have += got;
	l->ended = got < room;
	if (l->depth == 0) {
		l->sift->input += got;
		l->sift->bytes += got;
	}
	return level_judge_window(l, e) || level_keep_copy(l, e) ? -1 : 0;
}

/* ---- what is inside ------------------------------------------------------ */

int level_hand_on(struct level *l, struct slice *bytes, struct err *e)
{
	const struct slice window = { l->window, l->have };

	if (l->next < l->base + l->have) {
		*bytes =
			slice_sub(window, (size_t)(l->next - l->base), l->have);
	} else if (level_pull(l, bytes, e)) {
		l->broken = true;
		l->error = *e;
		return -1;
	}
	l->next += bytes->len;
	return 0;
}

/* Did more come out of the outermost file than of any that is honest? */
bool sift_is_spent(const struct sift *s)
{
	return s->expanded > SIFT_EXPANDED_MIN + s->input * SIFT_RATIO_MAX;
}

int inside_count(struct inside *in, uint64_t got, struct err *e)
{
	in->outer->sift->expanded += got;
	if (!sift_is_spent(in->outer->sift))
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
	return inside_count(in, *got, e);
}

/* A failure is the file's own damage unless reading or telling failed. */
int inside_forgive(struct inside *in, struct err *e)
{
	struct level *l = in->outer;
	char why[ERR_MSG_LEN];

	if (l->broken)
		*e = l->error;
	if (l->broken || l->sift->stopped ||
	    (e->code != ERR_FORMAT && e->code != ERR_LIMIT))
		return -1;
	if (l->noted && !in->shut)
		return 0;
	l->noted = true;
	memcpy(why, e->msg, sizeof(why));
	return level_unread(l, why, in->shut, e);
}

static int sift_member(struct inside *in, const char *name,
		       const struct peek_place *place, struct err *e)
{
	const struct sift_source source = { read_member, in, place };
	char shown[SIFT_PATH_SIZE];

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
	return level_sift(level_enter(in->outer, &source, shown), e);
}

int inside_sift_members(struct inside *in, struct err *e)
{
	const char *name;
	bool end = false;

	for (;;) {
		if (unwrap_next(in->archive, &name, &end, e))
			return -1;
		if (end)
			return 0;
		if ((in->header && in->header(in, e)) ||
		    sift_member(in, name, NULL, e))
			return -1;
	}
}

int level_read_on(struct level *l, struct err *e)
{
	struct slice fresh;

	while (!l->ended)
		if (level_pull(l, &fresh, e))
			return -1;
	return 0;
}

/* ---- images -------------------------------------------------------------- */

/* What can be opened and is too deep or large is judged as bytes alone. */
static int tell_shut(struct level *l, const char *why, struct err *e)
{
	l->archive = UNWRAP_NONE;
	l->image = PEEK_NONE;
	return level_unread(l, why, true, e) || level_tell_pending(l, e) ? -1
									 : 0;
}

/* Of blocks alone: what is zero takes none. */
int level_find_room(const struct level *l, int fd, uint64_t *blocks,
		    struct err *e)
{
	uint64_t max = l->sift->settings->scratch_max, bytes, inodes;

	if (fs_free_space(fd, &bytes, &inodes, e))
		return -1;
	max = max > 0 ? max : SIFT_SCRATCH_MAX;
	*blocks = (bytes / 2 < max ? bytes / 2 : max) / 512;
	return 0;
}

bool level_is_within(int fd, uint64_t blocks)
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
		 level_find_room(l, out->fd, &blocks, e);

	*fits = true;
	while (rc == 0 && fresh.len > 0) {
		rc = fs_write_sparse(out->fd, out->len, fresh, e);
		out->len += fresh.len;
		*fits = level_is_within(out->fd, blocks);
		if (!*fits)
			break;
		if (rc == 0)
			rc = level_pull(l, &fresh, e);
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

int level_open_image(struct level *l, const struct peek_place *place,
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
	return inside_forgive(&in, e);
}

static int sift_image(struct level *l, struct err *e)
{
	const struct peek_place *place = l->source->place;
	struct peek_place copy = { .fd = -1 };
	uint64_t told = l->sift->told;
	bool fits = true;
	int rc;

	rc = place ? level_read_on(l, e) : copy_level(l, &copy, &fits, e);
	if (rc == 0 && fits)
		rc = level_open_image(l, place ? place : &copy, e);
	fs_close(&copy.fd);
	if (rc == 0 && !fits)
		return tell_shut(l,
				 "is an image that is too large to be copied "
				 "and looked into",
				 e) || level_read_on(l, e)
			       ? -1
			       : 0;
	if (rc == 0 && l->sift->told == told)
		rc = level_tell_pending(l, e);
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

		if (in->rest.len == 0 && level_hand_on(in->outer, &in->rest, e))
			return -1;
		if (in->rest.len == 0)
			break;
		part = slice_sub(in->rest, 0, len - have);
		in->rest = slice_sub(in->rest, part.len, in->rest.len);
		have += base64_decode(&in->code, part, to + have);
	}
	*got = have;
	return inside_count(in, have, e);
}

/* A large file that is base64 of an archive as a whole. */
static int sift_code(struct level *l, struct err *e)
{
	struct inside in = { .outer = l };
	const struct sift_source source = { read_code, &in, NULL };

	return level_sift(level_enter(l, &source, "!base64"), e)
		       ? inside_forgive(&in, e)
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
	char why[SIFT_WHAT_SIZE];

	return text_format(why, sizeof(why), e,
			   "is %s, which is not opened here", l->closed) ||
			       level_unread(l, why, true, e)
		       ? -1
		       : 0;
}

/* ---- a file -------------------------------------------------------------- */

static int look_through(struct level *l, struct err *e)
{
	struct slice fresh;
	bool code;

	if (level_pull(l, &fresh, e))
		return -1;
	code = !level_holds_members(l) && is_large_code(l);
	if ((level_holds_members(l) || code) &&
	    l->depth + 1 >= SIFT_DEPTH_MAX) {
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
		return level_sift_archives(l, e);
	if (code && sift_code(l, e))
		return -1;
	return level_read_on(l, e) || level_sift_buried(l, e) ? -1 : 0;
}

int level_sift(struct level *l, struct err *e)
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
		l->window = mem_alloc(SIFT_WINDOW, 1);
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
	return level_sift(l, e);
}
