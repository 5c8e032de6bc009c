/* SPDX-License-Identifier: Apache-2.0 */
#include "common/delta_predict.h"

#include <string.h>

#include "common/delta_code.h"
#include "common/le.h"

#define WHOLE (DELTA_BEFORE + DELTA_BLOCK + DELTA_AFTER)

/* R_X86_64_RELATIVE and R_AARCH64_RELATIVE. */
#define RELATIVE_X86   0x008
#define RELATIVE_ARM64 0x403

#define RELOCATION_LEN  24
#define FRAME_LEN_MAX   65536 /* of a plausible call frame record */
#define FRAME_DISTANCES 8     /* before its first distance: length and id */

struct work {
	const struct delta_map *map;
	const struct delta_block *block;
	uint8_t guess[WHOLE]; /* DELTA_BEFORE bytes before the block */
	size_t len;           /* of guess */
	uint8_t *fresh;       /* with DELTA_BEFORE bytes before the block */
	uint8_t *diff;        /* of the block alone */
	bool rebuild;         /* make fresh of diff; else diff of fresh */
};

/* ---- fields that refer to something -------------------------------------- */

/* The first place of guess whose old offset is a multiple of `step`. */
static size_t first_aligned(const struct work *w, uint32_t step)
{
	return (DELTA_BEFORE - w->block->old_at) & (step - 1);
}

/* Addresses of the first byte of guess; the block begins in a region. */
static bool addresses(const struct work *w, uint64_t *old, uint64_t *fresh)
{
	if (!delta_address_of(&w->map->old, w->block->old_at, old) ||
	    !delta_address_of(&w->map->fresh, w->block->new_at, fresh))
		return false;
	*old -= DELTA_BEFORE;
	*fresh -= DELTA_BEFORE;
	return true;
}

static void move_code(struct work *w, void (*move)(const struct delta_code *))
{
	struct delta_code c = { .map = w->map,
				.old = w->block->old,
				.guess = w->guess,
				.len = w->len,
				.phase = w->block->old_at - DELTA_BEFORE };

	if (addresses(w, &c.old_address, &c.new_address))
		move(&c);
}

static void move_pointers(struct work *w)
{
	for (size_t i = first_aligned(w, 8); i + 8 <= w->len; i += 8) {
		uint64_t value = le64_get(w->block->old + i), fresh;

		if (value != 0 && delta_map_address(w->map, value, &fresh))
			le64_put(w->guess + i, fresh);
	}
}

static void move_words(struct work *w)
{
	for (size_t i = first_aligned(w, 4); i + 4 <= w->len; i += 4) {
		uint32_t value = le32_get(w->block->old + i);
		uint64_t fresh;

		if (value != 0 &&
		    (delta_map_address(w->map, value, &fresh) ||
		     delta_map_address(w->map, (uint64_t)(int32_t)value,
				       &fresh)))
			le32_put(w->guess + i, (uint32_t)fresh);
	}
}

/* A distance from itself at place i of guess. */
static void move_relative(struct work *w, size_t i, uint64_t old,
			  uint64_t fresh)
{
	uint64_t value = (uint64_t)(int32_t)le32_get(w->block->old + i);
	uint64_t target;

	if (delta_map_address(w->map, old + i + value, &target))
		le32_put(w->guess + i, (uint32_t)(target - (fresh + i)));
}

static void move_relatives(struct work *w)
{
	uint64_t old, fresh;

	if (!addresses(w, &old, &fresh))
		return;
	for (size_t i = first_aligned(w, 4); i + 4 <= w->len; i += 4)
		move_relative(w, i, old, fresh);
}

static void move_anchored(struct work *w)
{
	for (size_t i = first_aligned(w, 4); i + 4 <= w->len; i += 4) {
		uint64_t value = (uint64_t)(int32_t)le32_get(w->block->old + i);
		uint64_t fresh;

		if (delta_map_address(w->map, w->map->old_anchor + value,
				      &fresh))
			le32_put(w->guess + i,
				 (uint32_t)(fresh - w->map->new_anchor));
	}
}

/*
 * A record of .eh_frame that describes a function: its length, the distance
 * back to the record it builds upon, and the distance to the function. What
 * stands inside records may look like one; that is rare and costs bytes only.
 */
static bool move_frame(struct work *w, size_t i, uint64_t old, uint64_t fresh)
{
	const uint8_t *record = w->block->old + i;
	uint32_t len = le32_get(record), id = le32_get(record + 4);
	uint64_t parent, begin;
	uint64_t value = (uint64_t)(int32_t)le32_get(record + FRAME_DISTANCES);

	if (len < FRAME_DISTANCES || len > FRAME_LEN_MAX || id == 0 ||
	    (len & 3) != 0 || (id & 3) != 0)
		return false;
	if (!delta_map_address(w->map, old + i + 4 - id, &parent) ||
	    !delta_map_address(w->map, old + i + FRAME_DISTANCES + value,
			       &begin))
		return false;
	le32_put(w->guess + i + 4, (uint32_t)(fresh + i + 4 - parent));
	le32_put(w->guess + i + FRAME_DISTANCES,
		 (uint32_t)(begin - (fresh + i + FRAME_DISTANCES)));
	return true;
}

static void move_frames(struct work *w)
{
	size_t i = first_aligned(w, 4);
	uint64_t old, fresh;

	if (!addresses(w, &old, &fresh))
		return;
	while (i + 12 <= w->len) {
		if (move_frame(w, i, old, fresh))
			i += 12;
		else
			i += 4;
	}
}

/* ---- guess and difference ------------------------------------------------ */

/* Places from..to of guess are final, and lie within the block. */
static void settle(struct work *w, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		uint8_t *diff = w->diff + (i - DELTA_BEFORE);

		if (w->rebuild)
			w->fresh[i] = (uint8_t)(w->guess[i] + *diff);
		else
			*diff = (uint8_t)(w->fresh[i] - w->guess[i]);
	}
}

static size_t end_of(const struct work *w)
{
	return DELTA_BEFORE + w->block->len;
}

/* ---- numbers that grow as their neighbours grew -------------------------- */

static void carry32(struct work *w, size_t i, size_t back)
{
	uint32_t step = le32_get(w->block->old + i) -
			le32_get(w->block->old + i - back);

	le32_put(w->guess + i, le32_get(w->fresh + i - back) + step);
}

static void carry64(struct work *w, size_t i, size_t back)
{
	uint64_t step = le64_get(w->block->old + i) -
			le64_get(w->block->old + i - back);

	le64_put(w->guess + i, le64_get(w->fresh + i - back) + step);
}

/* The first place in the block whose old offset is a multiple of `step`. */
static size_t first_within(const struct work *w, uint32_t step)
{
	return DELTA_BEFORE + ((0 - w->block->old_at) & (step - 1));
}

static void carry_all(struct work *w, uint32_t width, size_t back)
{
	size_t done = DELTA_BEFORE;

	for (size_t i = first_within(w, width); i + width <= end_of(w);
	     i += width) {
		settle(w, done, i);
		if (width == 8)
			carry64(w, i, back);
		else
			carry32(w, i, back);
		done = i + width;
		settle(w, i, done);
	}
	settle(w, done, end_of(w));
}

/* Where entries of 24 bytes begin: the phase with the most known kinds. */
static size_t relocation_phase(const struct work *w)
{
	size_t best = 0, best_count = 0;

	for (size_t phase = 0; phase < RELOCATION_LEN; phase += 8) {
		size_t from = first_within(w, 8) + phase, count = 1;

		for (size_t i = from; i + RELOCATION_LEN <= end_of(w);
		     i += RELOCATION_LEN) {
			uint64_t kind = le64_get(w->block->old + i + 8);

			count += kind == RELATIVE_X86 || kind == RELATIVE_ARM64;
		}
		if (count > best_count) {
			best = from;
			best_count = count;
		}
	}
	return best;
}

static void move_relocations(struct work *w)
{
	size_t done = DELTA_BEFORE;

	for (size_t i = relocation_phase(w); i + RELOCATION_LEN <= end_of(w);
	     i += RELOCATION_LEN) {
		uint64_t value = le64_get(w->block->old + i + 16), fresh;

		settle(w, done, i);
		carry64(w, i, RELOCATION_LEN);
		settle(w, i, i + 16);
		if (delta_map_address(w->map, value, &fresh))
			le64_put(w->guess + i + 16, fresh);
		else
			carry64(w, i + 16, RELOCATION_LEN);
		done = i + RELOCATION_LEN;
		settle(w, i + 16, done);
	}
	settle(w, done, end_of(w));
}

/* ---- all ----------------------------------------------------------------- */

static void guess_block(enum delta_predictor p, struct work *w)
{
	switch (p) {
	case DELTA_X86:
		move_code(w, delta_move_x86);
		break;
	case DELTA_ARM64:
		move_code(w, delta_move_arm64);
		break;
	case DELTA_ARM:
		move_code(w, delta_move_arm);
		break;
	case DELTA_THUMB:
		move_code(w, delta_move_thumb);
		break;
	case DELTA_POINTERS:
		move_pointers(w);
		break;
	case DELTA_WORDS:
		move_words(w);
		break;
	case DELTA_RELATIVE:
		move_relatives(w);
		break;
	case DELTA_ANCHORED:
		move_anchored(w);
		break;
	case DELTA_FRAMES:
		move_frames(w);
		break;
	default:
		break;
	}
	settle(w, DELTA_BEFORE, end_of(w));
}

static void run(enum delta_predictor p, struct work *w)
{
	w->len = DELTA_BEFORE + w->block->len + DELTA_AFTER;
	memcpy(w->guess, w->block->old, w->len);
	switch (p) {
	case DELTA_RELOCATIONS:
		move_relocations(w);
		break;
	case DELTA_CARRY4:
		carry_all(w, 4, 4);
		break;
	case DELTA_CARRY8:
		carry_all(w, 4, 8);
		break;
	case DELTA_CARRY12:
		carry_all(w, 4, 12);
		break;
	case DELTA_CARRY64:
		carry_all(w, 8, 8);
		break;
	default:
		guess_block(p, w);
		break;
	}
}

void delta_rebuild(enum delta_predictor p, const struct delta_map *m,
		   const struct delta_block *b, const uint8_t *diff,
		   uint8_t *fresh)
{
	uint8_t wrong[DELTA_BLOCK];
	struct work w = { .map = m,
			  .block = b,
			  .fresh = fresh,
			  .diff = wrong,
			  .rebuild = true };

	memcpy(wrong, diff, b->len);
	run(p, &w);
}

void delta_compare(enum delta_predictor p, const struct delta_map *m,
		   const struct delta_block *b, const uint8_t *fresh,
		   uint8_t *diff)
{
	uint8_t known[DELTA_BEFORE + DELTA_BLOCK];
	struct work w = { .map = m, .block = b, .fresh = known, .diff = diff };

	memcpy(known, fresh, DELTA_BEFORE + b->len);
	run(p, &w);
}
