/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/states.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "tests/crash/record.h"

#define LOG_MAX     (1u << 30)
#define FEW         5 /* writes, of which all subsets are made */
#define MANY        16
#define CUTS_MAX    8  /* of one write */
#define ROUNDS_EACH 8u /* random subsets for each there is, at most */

/* ---- the log ------------------------------------------------------------- */

static void begin_epoch(struct states_run *run, size_t time)
{
	struct states_epoch *epoch = &run->epochs[run->epoch_count];

	if (run->epoch_count > 0)
		epoch[-1].end = time;
	*epoch = (struct states_epoch){ .first = run->write_count,
					.begin = time };
	run->epoch_count++;
}

static void take_write(struct states_run *run, const struct record *r,
		       const uint8_t *bytes, size_t time)
{
	struct states_epoch *epoch = &run->epochs[run->epoch_count - 1];

	run->writes[run->write_count++] =
		(struct states_write){ r->offset, r->len, bytes, time };
	epoch->count++;
	if (epoch->count > run->most_writes)
		run->most_writes = epoch->count;
}

/* A mark may be several lines. */
static void take_mark(struct states_run *run, const struct record *r,
		      const uint8_t *bytes, size_t time)
{
	struct claim claim = { 0 };
	struct slice rest = { bytes, r->len };

	if (run->claim_count > 0)
		claim = run->claims[run->claim_count - 1].claim;
	while (rest.len > 0) {
		const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
		size_t len = end ? (size_t)(end - rest.ptr) : rest.len;
		char line[CLAIM_LINE_MAX];

		(void)snprintf(line, sizeof(line), "%.*s", (int)len,
			       (const char *)rest.ptr);
		rest = slice_sub(rest, len + 1, rest.len);
		if (claim_read(&claim, line))
			run->claims[run->claim_count++] =
				(struct states_claim){ time, claim };
	}
}

static int take_records(struct states_run *run, struct err *e)
{
	struct slice rest = buf_slice(&run->log);
	struct record r;
	size_t time = 0;

	begin_epoch(run, 0);
	while (rest.len >= sizeof(r)) {
		memcpy(&r, rest.ptr, sizeof(r));
		rest = slice_sub(rest, sizeof(r), rest.len);
		if (r.len > rest.len)
			break;
		time++;
		if (r.kind == RECORD_WRITE)
			take_write(run, &r, rest.ptr, time);
		else if (r.kind == RECORD_FLUSH)
			begin_epoch(run, time);
		else if (r.kind == RECORD_MARK)
			take_mark(run, &r, rest.ptr, time);
		rest = slice_sub(rest, r.len, rest.len);
	}
	run->epochs[run->epoch_count - 1].end = time + 1;
	return rest.len > 0 ? err_set(e, ERR_FORMAT, "the log is cut short")
			    : 0;
}

int states_load(const char *path, struct states_run *run, struct err *e)
{
	size_t most;

	*run = (struct states_run){ .log = BUF_INIT(LOG_MAX) };
	if (fs_read_path(path, &run->log, e))
		return -1;
	/* As many as there could be; each line of a mark may be a claim. */
	most = run->log.len / sizeof(struct record) + 2;
	run->writes = mem_alloc(most, sizeof(*run->writes));
	run->epochs = mem_alloc(most, sizeof(*run->epochs));
	run->claims = mem_alloc(run->log.len + 1, sizeof(*run->claims));
	if (take_records(run, e) == 0 && run->claim_count > 0)
		return 0;
	if (run->claim_count == 0)
		err_set(e, ERR_FORMAT, "%s: nothing was said in this run",
			path);
	states_done(run);
	return -1;
}

void states_done(struct states_run *run)
{
	free(run->writes);
	free(run->epochs);
	free(run->claims);
	buf_done(&run->log);
}

/* ---- one state ----------------------------------------------------------- */

void state_claims(const struct state *s, size_t *first, size_t *last)
{
	const struct states_run *run = s->run;
	size_t from = s->epoch->begin;
	size_t i = 0;

	for (size_t n = 0; n < s->epoch->count; n++)
		if (s->pieces[n].to > s->pieces[n].from)
			from = run->writes[s->epoch->first + n].time;
	while (i + 1 < run->claim_count && run->claims[i + 1].time <= from)
		i++;
	*first = i;
	while (i + 1 < run->claim_count &&
	       run->claims[i + 1].time < s->epoch->end)
		i++;
	*last = i;
}

void state_describe(const struct state *s, char *out, size_t size)
{
	static const char *const names[STATE_KINDS] = { "prefix", "torn",
							"subset" };
	size_t at;

	at = (size_t)snprintf(
		out, size,
		"%s, epoch %zu of %zu, writes kept: ", names[s->kind],
		(size_t)(s->epoch - s->run->epochs), s->run->epoch_count);
	for (size_t i = 0; i < s->epoch->count && at < size; i++) {
		const struct states_write *w =
			&s->run->writes[s->epoch->first + i];
		const struct state_piece *p = &s->pieces[i];

		if (p->to > p->from && p->to - p->from < w->len)
			at += (size_t)snprintf(out + at, size - at,
					       "[%u-%u/%u]", p->from, p->to,
					       w->len);
		else
			at += (size_t)snprintf(out + at, size - at, "%d",
					       p->to > p->from);
	}
}

/* ---- all of them --------------------------------------------------------- */

struct walk {
	const struct states_visitor *v;
	struct state state;
	unsigned rounds;
	uint64_t random;
};

/* xorshift64*: the same numbers on every machine. */
static uint64_t draw(struct walk *w, uint64_t below)
{
	w->random ^= w->random >> 12;
	w->random ^= w->random << 25;
	w->random ^= w->random >> 27;
	return (w->random * UINT64_C(2685821657736338717) >> 20) % below;
}

static const struct states_write *write_at(const struct walk *w, size_t i)
{
	return &w->state.run->writes[w->state.epoch->first + i];
}

static void keep(struct walk *w, size_t i, bool all)
{
	w->state.pieces[i] =
		(struct state_piece){ 0, all ? write_at(w, i)->len : 0 };
}

static void keep_first(struct walk *w, size_t n)
{
	for (size_t i = 0; i < w->state.epoch->count; i++)
		keep(w, i, i < n);
}

static int visit(struct walk *w, enum state_kind kind)
{
	w->state.kind = kind;
	return w->v->visit(w->v->ctx, &w->state);
}

/* The first block holds the superblock, of two sectors with one checksum over
 * both: no file system survives that torn, so there a block is one piece. */
static uint32_t unit_of(const struct states_write *write)
{
	return write->offset < STATES_BLOCK ? STATES_BLOCK : STATES_SECTOR;
}

static int visit_torn(struct walk *w, size_t i)
{
	const struct states_write *write = write_at(w, i);
	uint32_t unit = unit_of(write);
	uint32_t units = write->len / unit;
	uint32_t cuts = units > 0 ? units - 1 : 0;
	int rc = 0;

	keep_first(w, i);
	for (uint32_t n = 0; n < cuts && n < CUTS_MAX && rc == 0; n++) {
		uint32_t cut =
			cuts <= CUTS_MAX ? n + 1 : 1 + (uint32_t)draw(w, cuts);

		w->state.pieces[i] = (struct state_piece){ 0, cut * unit };
		rc = visit(w, STATE_TORN);
		w->state.pieces[i] =
			(struct state_piece){ cut * unit, write->len };
		if (rc == 0)
			rc = visit(w, STATE_TORN);
	}
	return rc;
}

static int visit_mask(struct walk *w, uint64_t mask)
{
	for (size_t i = 0; i < w->state.epoch->count; i++)
		keep(w, i, mask >> i & 1);
	return visit(w, STATE_SUBSET);
}

/* Each write alone, and all but each. */
static int visit_singles(struct walk *w)
{
	size_t count = w->state.epoch->count;
	int rc = 0;

	for (size_t one = 0; one < 2 * count && rc == 0; one++) {
		for (size_t i = 0; i < count; i++)
			keep(w, i, (i == one / 2) == (one % 2 == 0));
		rc = visit(w, STATE_SUBSET);
	}
	return rc;
}

static int visit_random(struct walk *w)
{
	size_t count = w->state.epoch->count;
	uint64_t share = 1 + draw(w, 7);          /* of 8 */
	size_t torn = (size_t)draw(w, 2 * count); /* half of the time none */
	uint32_t unit, units;

	for (size_t i = 0; i < count; i++)
		keep(w, i, draw(w, 8) < share);
	if (torn < count) {
		unit = unit_of(write_at(w, torn));
		units = write_at(w, torn)->len / unit;
		if (units > 1)
			w->state.pieces[torn].to =
				unit * (1 + (uint32_t)draw(w, units - 1));
	}
	return visit(w, STATE_SUBSET);
}

/* Of few writes there are not many more subsets, torn or not. */
static unsigned rounds_of(const struct walk *w)
{
	size_t count = w->state.epoch->count;
	unsigned most = count < MANY ? ROUNDS_EACH << count : w->rounds;

	return most < w->rounds ? most : w->rounds;
}

static int visit_subsets(struct walk *w)
{
	size_t count = w->state.epoch->count;
	unsigned rounds = rounds_of(w);
	int rc = 0;

	if (count <= FEW)
		for (uint64_t mask = 0; mask < UINT64_C(1) << count && rc == 0;
		     mask++)
			rc = visit_mask(w, mask);
	else
		rc = visit_singles(w);
	for (unsigned i = 0; i < rounds && count > 1 && rc == 0; i++)
		rc = visit_random(w);
	return rc;
}

static int visit_epoch(struct walk *w)
{
	size_t count = w->state.epoch->count;
	int rc = 0;

	for (size_t n = 0; n <= count && rc == 0; n++) {
		keep_first(w, n);
		rc = visit(w, STATE_PREFIX);
	}
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = visit_torn(w, i);
	return rc ? rc : visit_subsets(w);
}

int states_each(const struct states_run *run, unsigned rounds,
		const struct states_visitor *v)
{
	struct walk w = {
		.v = v,
		.state = { .run = run,
			   .pieces = mem_alloc(run->most_writes + 1,
					       sizeof(struct state_piece)) },
		.rounds = rounds,
		.random = UINT64_C(0x9e3779b97f4a7c15),
	};
	int rc = 0;

	for (size_t i = 0; i < run->epoch_count && rc == 0; i++) {
		w.state.epoch = &run->epochs[i];
		rc = visit_epoch(&w);
		if (rc == 0)
			rc = v->advance(v->ctx, w.state.epoch);
	}
	free(w.state.pieces);
	return rc;
}
