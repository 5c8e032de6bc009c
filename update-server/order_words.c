/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/order_words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/bucket.h"
#include "common/utc.h"

#define LINE_MAX_LEN 2048

static void say(struct json *lines, const char *fmt, ...) PRINTF(2, 3);

static void say(struct json *lines, const char *fmt, ...)
{
	char line[LINE_MAX_LEN];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	json_add(lines, json_new_text(line));
}

static bool same_members(const struct order_phase *a,
			 const struct order_phase *b)
{
	if (a->cohort_count != b->cohort_count ||
	    a->device_count != b->device_count)
		return false;
	for (size_t i = 0; i < a->cohort_count; i++)
		if (strcmp(a->cohorts[i], b->cohorts[i]) != 0)
			return false;
	return a->device_count == 0 ||
	       memcmp(a->devices, b->devices,
		      a->device_count * sizeof(*a->devices)) == 0;
}

static bool is_kept(const struct order_change *c, const struct order_phase *p)
{
	for (size_t i = 0; c->had && i < c->before.phase_count; i++) {
		const struct order_phase *q = &c->before.phases[i];

		if (q->limit == p->limit && q->not_before == p->not_before &&
		    q->not_after == p->not_after &&
		    q->emergency == p->emergency && same_members(p, q))
			return true;
	}
	return false;
}

static void list_members(const struct order_phase *p, char *out, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < p->cohort_count; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s",
					 i ? ", " : "", p->cohorts[i]);
	if (p->device_count > 0)
		(void)snprintf(out + used, size - used, "%s%zu listed devices",
			       used ? ", and " : "", p->device_count);
}

static void say_phase(struct json *lines, const struct order_change *c,
		      const struct order_phase *p)
{
	char members[ORDER_COHORTS_MAX * (NAME_MAX_LEN + 3) + 64];
	char share[16], limit[BUCKET_TEXT_LEN];
	char from[UTC_TEXT_LEN], to[UTC_TEXT_LEN + 4] = "";

	list_members(p, members, sizeof(members));
	bucket_format_share(p->limit, share);
	bucket_format_limit(p->limit, limit);
	utc_format(p->not_before, from);
	if (p->not_after != 0) {
		memcpy(to, " to ", 4);
		utc_format(p->not_after, to + 4);
	}
	say(lines, "  %s %s (limit %s) of %s, from %s%s%s",
	    is_kept(c, p) ? "keeps" : "OPENS", share, limit, members, from, to,
	    p->emergency ? ", as an emergency" : "");
	for (size_t i = 0; i < p->device_count && !is_kept(c, p); i++) {
		char hex[2 * DEVICE_ID_LEN + 1];

		hex_format((struct slice){ p->devices[i].bytes, DEVICE_ID_LEN },
			   hex);
		say(lines, "    device %s", hex);
	}
}

static void say_order(struct json *lines, const struct order_change *c)
{
	const struct order *o = &c->after;
	char digest[SHA256_HEX_LEN], until[UTC_TEXT_LEN];

	sha256_format(&o->digest, digest);
	say(lines, "%s: %s order, number %llu, for release %s of %s", c->path,
	    o->kind == ORDER_HALT ? "HALT" : order_kind_name(o->kind),
	    (unsigned long long)o->number, o->release, o->product);
	say(lines, "  content %s", digest);
	if (o->kind == ORDER_HALT) {
		say(lines, "  CLOSES what was opened of it before");
		return;
	}
	if (o->expires != 0) {
		utc_format(o->expires, until);
		say(lines, "  until %s", until);
	}
	for (size_t i = 0; i < o->phase_count; i++)
		say_phase(lines, c, &o->phases[i]);
}

static void say_move(struct json *lines, const struct assign *a)
{
	char hex[2 * DEVICE_ID_LEN + 1];

	hex_format((struct slice){ a->device.bytes, DEVICE_ID_LEN }, hex);
	say(lines, "device %s MOVES to cohort %s, version %llu", hex, a->cohort,
	    (unsigned long long)a->version);
	say(lines, a->lab ? "  a LAB device: takes what CI alone signs"
			  : "  no lab device");
}

struct json *order_words(const char *role, const struct json *next,
			 const struct order_step *step)
{
	struct json *lines = json_new_array();

	say(lines, "%s, version %lld after %lld, to be believed until %.24s",
	    role, (long long)step->to, (long long)step->from,
	    json_text(json_get(next, "expires")));
	if (step->count == 0)
		say(lines, "nothing but its dates changes");
	for (size_t i = 0; i < step->count; i++) {
		const struct order_change *c = &step->changes[i];

		if (c->assignment)
			say_move(lines, &c->move);
		else if (c->has)
			say_order(lines, c);
		else
			say(lines, "%s: GOES from the list", c->path);
	}
	return lines;
}
