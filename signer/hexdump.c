/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/hexdump.h"

#include <string.h>

#define STEP           32 /* of 38 bytes of a dump, six in a row are hit */
#define PROBE          6
#define BACK_MAX       8192 /* a run that began before */
#define OFFSET_MIN     4
#define LINE_BYTES     16 /* behind them come the characters */
#define CHARACTERS_MAX 128
#define GAP_MAX        64 /* blanks and the like, from one byte to the next */
#define NARROW         2  /* digits of a group: one byte */
#define WIDE           4  /* two bytes, as xxd has it */

/* Where a dump is read; the same walk measures and decodes. */
struct walk {
	struct slice in;
	size_t at;
	size_t width; /* of groups without a prefix; 0: none was seen */
	size_t line;  /* bytes of this line */
	bool offset;  /* this line began with one */
	size_t bytes, end;
	uint8_t *out; /* NULL: only counted */
	size_t room;  /* there */
};

static int digit(struct slice s, size_t at)
{
	uint8_t c = at < s.len ? s.ptr[at] : 0;

	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static size_t digits(struct slice s, size_t at)
{
	size_t n = 0;

	while (digit(s, at + n) >= 0)
		n++;
	return n;
}

static bool is_one_of(struct slice s, size_t at, const char *set)
{
	return at < s.len && s.ptr[at] && strchr(set, s.ptr[at]);
}

#define BLANKS  " \t"
#define LINES   "\r\n"
#define BETWEEN " \t:,-'\"+\\;\r\n"

/* Whatever a dump consists of, in the lines' hexadecimal part: asked for so
 * often that it is a look into a table, by code: digits, x, and BETWEEN. */
static bool is_dump(struct slice s, size_t at)
{
	static const uint64_t set[4] = { UINT64_C(0x0fff388500002600),
					 UINT64_C(0x0100007e1100007e), 0, 0 };
	uint8_t c = at < s.len ? s.ptr[at] : 0;

	return set[c >> 6] >> (c & 63) & 1;
}

/* 0x30, 0x3 or \x30: how long the prefix is; else 0. */
static size_t prefix(struct slice s, size_t at)
{
	if (!is_one_of(s, at, "0\\") || !is_one_of(s, at + 1, "xX"))
		return 0;
	return digit(s, at + 2) >= 0 ? 2 : 0;
}

static void put(struct walk *w, size_t at, size_t len)
{
	int high = len == 2 ? digit(w->in, at) : 0;
	int low = digit(w->in, at + len - 1);

	if (w->out && w->bytes < w->room)
		w->out[w->bytes] = (uint8_t)(high << 4 | low);
	w->bytes++;
	w->line++;
	w->end = w->at = at + len;
}

/* One byte with a prefix, or a group of one or two without. */
static bool take_group(struct walk *w)
{
	size_t lead = prefix(w->in, w->at), n = digits(w->in, w->at + lead);

	if (w->offset && w->line == LINE_BYTES)
		return false;
	if (lead > 0) {
		if (n > 2)
			return false;
		put(w, w->at + lead, n);
		return true;
	}
	if (n != NARROW && n != WIDE)
		return false;
	if (w->width == 0)
		w->width = n;
	/* The last group of an odd number of bytes is half of one. */
	if (n > w->width)
		return false;
	for (size_t i = 0; i < n; i += NARROW)
		put(w, w->at, NARROW);
	return true;
}

/* "00000010: ", "00000010  " or "0000020 ", if a group comes behind it. */
static size_t offset_len(struct slice s, size_t at)
{
	size_t n = digits(s, at), next = at + n, follows;

	if (n < OFFSET_MIN)
		return 0;
	if (is_one_of(s, next, ":"))
		next++;
	if (!is_one_of(s, next, BLANKS))
		return 0;
	while (is_one_of(s, next, BLANKS))
		next++;
	follows = digits(s, next);
	return follows != n && (follows == NARROW || follows == WIDE)
		       ? next - at
		       : 0;
}

static void begin_line(struct walk *w)
{
	size_t len;

	while (is_one_of(w->in, w->at, BLANKS))
		w->at++;
	len = offset_len(w->in, w->at);
	w->at += len;
	w->offset = len > 0;
	w->line = 0;
}

/* The characters of a dump's line, whatever they are, to its end. */
static void skip_characters(struct walk *w)
{
	size_t end = w->at + CHARACTERS_MAX;

	while (w->at < w->in.len && w->at < end &&
	       !is_one_of(w->in, w->at, LINES))
		w->at++;
}

/* To the next group; false where there is none. */
static bool go_on(struct walk *w)
{
	size_t start = w->at, blanks = 0;

	while (w->at - start < GAP_MAX && is_one_of(w->in, w->at, BETWEEN)) {
		bool line = is_one_of(w->in, w->at, LINES);

		/* "\x30" is a byte, not something between two. */
		if (prefix(w->in, w->at) > 0)
			break;
		blanks = is_one_of(w->in, w->at, BLANKS) ? blanks + 1 : 0;
		w->at++;
		if (line)
			begin_line(w);
		/* Behind a short last line stand its characters, too. */
		else if (w->offset && blanks > 2) {
			skip_characters(w);
			start = w->at;
		}
	}
	return digit(w->in, w->at) >= 0 || prefix(w->in, w->at) > 0;
}

/* All that belongs together from here on. */
static void take_run(struct walk *w)
{
	begin_line(w);
	for (;;) {
		while (go_on(w) && take_group(w))
			;
		if (!w->offset || w->line == 0)
			return;
		skip_characters(w);
		if (!is_one_of(w->in, w->at, LINES))
			return;
		w->line = 0;
		if (!go_on(w))
			return;
	}
}

/* Six bytes in a row that a dump may consist of, and a digit among them. */
static bool is_likely(struct slice s, size_t at)
{
	bool any = false;

	for (size_t i = 0; i < PROBE; i++) {
		if (!is_dump(s, at + i))
			return false;
		any = any || digit(s, at + i) >= 0;
	}
	return any;
}

static bool is_in_word(struct slice s, size_t at)
{
	uint8_t c = at > 0 && at <= s.len ? s.ptr[at - 1] : 0;

	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || c == '_';
}

static size_t past_word(struct slice s, size_t at)
{
	size_t n = digits(s, at);

	return at + (n > 0 ? n : 1);
}

static size_t run_start(struct slice s, size_t low, size_t at)
{
	while (at > low && is_dump(s, at - 1))
		at--;
	return is_in_word(s, at) && digit(s, at) >= 0 ? past_word(s, at) : at;
}

/*
 * Try from each word on until a run is found that reaches beyond the probe;
 * else *at is where everything was tried up to.
 */
static bool find_run(struct slice s, size_t probe, size_t *at,
		     struct hexdump *out)
{
	while (*at <= probe) {
		struct walk w = { .in = s, .at = *at };

		take_run(&w);
		if (w.bytes >= HEXDUMP_MIN && w.end > probe) {
			out->at = *at;
			out->len = w.end - *at;
			out->bytes = w.bytes;
			return true;
		}
		*at = past_word(s, w.at);
	}
	return false;
}

bool hexdump_next(struct slice window, size_t from, size_t to,
		  struct hexdump *out, size_t *next)
{
	size_t low = from > BACK_MAX ? from - BACK_MAX : 0, at;

	for (size_t probe = from; probe < to; probe += STEP) {
		if (!is_likely(window, probe))
			continue;
		at = run_start(window, low, probe);
		if (find_run(window, probe, &at, out)) {
			at = out->at + out->len;
			*next = at < to ? at : to;
			return true;
		}
		/* No place is tried twice, whatever is written there. */
		low = at;
		if (at > probe + STEP)
			probe = at - STEP;
	}
	*next = to;
	return false;
}

void hexdump_decode(struct slice window, const struct hexdump *run,
		    uint8_t *out)
{
	struct walk w = { .in = slice_sub(window, 0, run->at + run->len),
			  .at = run->at,
			  .out = out,
			  .room = run->bytes };

	take_run(&w);
}
