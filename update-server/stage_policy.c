/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/stage_policy.h"

#include <stddef.h>
#include <string.h>

#define YEAR (365 * UTC_DAY)

/* How wide a member is where it lies. */
enum width {
	WIDE_32, /* uint32_t */
	WIDE_64, /* uint64_t or int64_t; never negative */
};

struct field {
	const char *name;
	size_t offset;
	enum width width;
	int64_t min, max;
};

#define AT(member) offsetof(struct stage_policy, member)
#define RATE(name, at)                                                         \
	{                                                                      \
		name, AT(at), WIDE_32, 1, GATE_ALL                             \
	}
#define PART(name, at)                                                         \
	{                                                                      \
		name, AT(at), WIDE_32, 0, GATE_ALL                             \
	}
#define TIME(name, at)                                                         \
	{                                                                      \
		name, AT(at), WIDE_64, 0, YEAR                                 \
	}
#define NUMBER(name, at)                                                       \
	{                                                                      \
		name, AT(at), WIDE_32, 0, UINT32_MAX                           \
	}

static const struct field fields[] = {
	RATE("max_fail", gate.max_fail),
	PART("coverage", gate.coverage),
	{ "min_sample", AT(gate.min_sample), WIDE_64, 0, UINT32_MAX },
	RATE("breaker", gate.breaker),
	TIME("start_sec", timers.start_min),
	TIME("progress_sec", timers.progress_min),
	TIME("dark_sec", timers.dark_min),
	TIME("give_up_sec", timers.give_up),
	NUMBER("start_polls", timers.start_polls),
	NUMBER("dark_polls", timers.dark_polls),
	NUMBER("min_rate", timers.min_rate),
	{ "poll_sec", AT(poll_sec), WIDE_32, 1, UTC_DAY },
	TIME("evidence_sec", evidence_sec),
	TIME("new_device_sec", new_device_sec),
	{ "attempts", AT(attempts), WIDE_32, 1, 100 },
	TIME("rest_sec", rest_sec),
	/* More than everything: nobody needs a second person. */
	{ "four_eyes", AT(four_eyes), WIDE_32, 0, GATE_ALL + 1 },
	PART("delta_coverage", delta_coverage),
};

static const char stop_codes[] = "stop_codes";
static const char shares[] = "shares";
static const char watch[] = "watch";

static void *place(const struct field *f, struct stage_policy *p)
{
	return (char *)p + f->offset;
}

static void put(const struct field *f, int64_t value, struct stage_policy *p)
{
	uint32_t narrow = (uint32_t)value;

	if (f->width == WIDE_32)
		memcpy(place(f, p), &narrow, sizeof(narrow));
	else
		memcpy(place(f, p), &value, sizeof(value));
}

static int64_t get(const struct field *f, const struct stage_policy *p)
{
	const char *at = (const char *)p + f->offset;
	uint32_t narrow;
	int64_t value;

	memcpy(&narrow, at, sizeof(narrow));
	if (f->width == WIDE_32)
		return narrow;
	memcpy(&value, at, sizeof(value));
	return value;
}

/* As devices report them: WIRE_CODE_MAX of A-Z, 0-9 and _. */
static bool is_code(const char *text)
{
	size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

	return len > 0 && len <= WIRE_CODE_MAX && text[len] == 0;
}

static int take_stops(const struct json *j, struct tally_stops *stops,
		      struct err *e)
{
	const struct json *list;

	if (json_get_array(j, stop_codes, &list, e))
		return -1;
	if (json_count(list) > TALLY_STOP_MAX)
		return err_set(e, ERR_FORMAT, "%s: %d at most", stop_codes,
			       TALLY_STOP_MAX);
	memset(stops, 0, sizeof(*stops));
	for (size_t i = 0; i < json_count(list); i++) {
		const char *code = json_text(json_at(list, i));

		if (!is_code(code))
			return err_set(e, ERR_FORMAT, "%s: not a code",
				       stop_codes);
		memcpy(stops->code[stops->count++], code, strlen(code) + 1);
	}
	return 0;
}

/* Numbers of at most so many phases. */
static int take_numbers(const struct json *j, const char *name, int64_t max,
			int64_t out[LADDER_RUNGS_MAX], size_t *count,
			struct err *e)
{
	const struct json *list;

	*count = 0;
	if (json_get_array(j, name, &list, e))
		return -1;
	if (json_count(list) > LADDER_RUNGS_MAX)
		return err_set(e, ERR_FORMAT, "%s: %d at most", name,
			       LADDER_RUNGS_MAX);
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *at = json_at(list, i);

		if (!json_is_integer(at) || json_int(at) < 0 ||
		    json_int(at) > max)
			return err_set(e, ERR_FORMAT, "%s: not from 0 to %lld",
				       name, (long long)max);
		out[(*count)++] = json_int(at);
	}
	return 0;
}

static int take_ladder(const struct json *j, struct stage_policy *p,
		       struct err *e)
{
	int64_t numbers[LADDER_RUNGS_MAX];

	if (json_get(j, watch) &&
	    take_numbers(j, watch, YEAR, p->watch, &p->watch_count, e))
		return -1;
	if (!json_get(j, shares))
		return 0;
	if (take_numbers(j, shares, BUCKET_SHARE_ALL, numbers, &p->share_count,
			 e))
		return -1;
	for (size_t i = 0; i < p->share_count; i++) {
		if (i > 0 && numbers[i] <= numbers[i - 1])
			return err_set(e, ERR_FORMAT,
				       "%s: they grow, 0 first for canaries",
				       shares);
		p->shares[i] = (uint32_t)numbers[i];
	}
	return 0;
}

static int check_names(const struct json *j, struct err *e)
{
	const char *known[ARRAY_LEN(fields) + 4];

	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		known[i] = fields[i].name;
	known[ARRAY_LEN(fields)] = stop_codes;
	known[ARRAY_LEN(fields) + 1] = shares;
	known[ARRAY_LEN(fields) + 2] = watch;
	known[ARRAY_LEN(fields) + 3] = NULL;
	return json_only(j, known, e);
}

int stage_policy_take(const struct json *j, struct stage_policy *p,
		      struct err *e)
{
	struct stage_policy next = *p;
	int64_t value;

	if (!json_is_object(j))
		return err_set(e, ERR_FORMAT, "policy: not an object");
	if (check_names(j, e))
		return err_in(e, "policy");
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const struct field *f = &fields[i];

		if (!json_get(j, f->name))
			continue;
		if (json_get_int(j, f->name, f->min, f->max, &value, e))
			return err_in(e, "policy");
		put(f, value, &next);
	}
	if (take_ladder(j, &next, e) ||
	    (json_get(j, stop_codes) && take_stops(j, &next.stops, e)))
		return err_in(e, "policy");
	*p = next;
	return 0;
}

int stage_policy_read(struct slice text, struct stage_policy *p, struct err *e)
{
	struct json *j = NULL;
	int rc;

	if (text.len >= STAGE_POLICY_TEXT)
		return err_set(e, ERR_LIMIT, "policy: too long");
	if (json_parse(text, &j, e))
		return err_in(e, "policy");
	rc = stage_policy_take(j, p, e);
	json_free(j);
	return rc;
}

struct json *stage_policy_json(const struct stage_policy *p)
{
	struct json *j = json_new_object(), *list = json_new_array();
	struct json *open = json_new_array(), *bake = json_new_array();

	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		json_set_int(j, fields[i].name, get(&fields[i], p));
	for (size_t i = 0; i < p->stops.count; i++)
		json_add(list, json_new_text(p->stops.code[i]));
	json_set(j, stop_codes, list);
	for (size_t i = 0; i < p->share_count; i++)
		json_add(open, json_new_int(p->shares[i]));
	json_set(j, shares, open);
	for (size_t i = 0; i < p->watch_count; i++)
		json_add(bake, json_new_int(p->watch[i]));
	json_set(j, watch, bake);
	return j;
}

int stage_policy_write(const struct stage_policy *p,
		       char out[STAGE_POLICY_TEXT], struct err *e)
{
	struct buf text = BUF_INIT(STAGE_POLICY_TEXT - 1);
	struct json *j = stage_policy_json(p);
	int rc = json_print(j, false, &text, e);

	if (rc == 0) {
		memcpy(out, text.ptr, text.len);
		out[text.len] = 0;
	}
	json_free(j);
	buf_done(&text);
	return rc;
}
