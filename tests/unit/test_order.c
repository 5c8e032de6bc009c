/* SPDX-License-Identifier: Apache-2.0 */
#include "common/order.h"

#include <stdlib.h>
#include <string.h>

#include "common/bucket.h"
#include "common/json.h"
#include "common/mem.h"
#include "tests/unit/check.h"

#define NOW INT64_C(1795748400) /* 2026-11-27T03:00:00Z */

#define DIGEST                                                                 \
	"0505050505050505050505050505050505050505050505050505050505050505"
#define GOLDEN                                                                 \
	"{\"digest\":\"" DIGEST "\",\"expires\":\"2026-12-17T03:00:00Z\","     \
	"\"issued\":\"2026-11-27T03:00:00Z\",\"kind\":\"staged\","             \
	"\"number\":4,\"phases\":[{\"cohorts\":[\"canary\",\"lab\"],"          \
	"\"devices\":[\"09000000000000000000000000000000\"],"                  \
	"\"emergency\":false,\"limit\":\"028f5c28f5c28f5c\","                  \
	"\"not_after\":\"2026-11-29T03:00:00Z\","                              \
	"\"not_before\":\"2026-11-27T03:00:00Z\"},{\"cohorts\":[\"stable\"],"  \
	"\"devices\":[],\"emergency\":true,\"limit\":\"all\","                 \
	"\"not_before\":\"2026-11-28T03:00:00Z\"}],\"product\":\"kiosk\","     \
	"\"release\":\"2\",\"type\":\"order\",\"v\":1}"
#define HALT                                                                   \
	"{\"digest\":\"" DIGEST "\",\"issued\":\"2026-11-27T03:00:00Z\","      \
	"\"kind\":\"halt\",\"number\":5,\"product\":\"kiosk\","                \
	"\"release\":\"2\",\"type\":\"order\",\"v\":1}"

/* ---- the format ---------------------------------------------------------- */

static void assert_same_again(const char *text)
{
	struct buf out = BUF_INIT(ORDER_BYTES_MAX);
	struct err e = { 0 };
	struct order o;

	assert_ok(order_parse(slice_of(text), &o, &e));
	assert_ok(order_format(&o, &out, &e));
	assert_string_equal(buf_text(&out), text);
	order_done(&o);
	buf_done(&out);
}

static void what_is_accepted_is_written_again_byte_for_byte(void **state)
{
	struct err e = { 0 };
	struct order o;

	(void)state;
	assert_same_again(GOLDEN);
	assert_same_again(HALT);
	assert_ok(order_parse(slice_of(GOLDEN), &o, &e));
	assert_int_equal(o.kind, ORDER_STAGED);
	assert_int_equal(o.number, 4);
	assert_int_equal(o.issued, NOW);
	assert_int_equal(o.expires, NOW + 20 * UTC_DAY);
	assert_int_equal(o.phase_count, 2);
	assert_string_equal(o.phases[0].cohorts[1], "lab");
	assert_int_equal(o.phases[0].devices[0].bytes[0], 9);
	assert_int_equal(o.phases[0].not_after, NOW + 2 * UTC_DAY);
	assert_true(o.phases[0].limit == UINT64_C(0x028f5c28f5c28f5c));
	assert_true(o.phases[1].limit == BUCKET_ALL);
	assert_true(o.phases[1].emergency);
	order_done(&o);
}

static void every_truncation_is_refused(void **state)
{
	struct err e = { 0 };
	struct order o = { .number = 77 };

	(void)state;
	for (size_t len = 0; len < strlen(GOLDEN); len++)
		assert_refused(order_parse(slice_sub(slice_of(GOLDEN), 0, len),
					   &o, &e),
			       ERR_FORMAT);
	assert_int_equal(o.number, 77);
}

/* The golden order with one value replaced, in canonical form. */
static void assert_change_refused(const char *from, const char *to,
				  enum err_code code)
{
	struct buf text = BUF_INIT(2 * ORDER_BYTES_MAX);
	const char *at = strstr(GOLDEN, from);
	struct err e = { 0 };
	struct order o;

	assert_non_null(at);
	assert_ok(buf_add(&text,
			  slice_sub(slice_of(GOLDEN), 0, (size_t)(at - GOLDEN)),
			  &e));
	assert_ok(buf_addf(&text, &e, "%s%s", to, at + strlen(from)));
	assert_refused(order_parse(buf_slice(&text), &o, &e), code);
	buf_done(&text);
}

static void what_contradicts_itself_is_refused(void **state)
{
	static const struct {
		const char *from, *to;
	} changes[] = {
		{ "\"staged\"", "\"forced\"" },
		{ "\"staged\"", "\"halt\"" },     /* with phases */
		{ "\"staged\"", "\"baseline\"" }, /* with a share */
		{ "\"number\":4", "\"number\":0" },
		{ "\"number\":4", "\"number\":-4" },
		{ "2026-12-17", "2026-11-26" }, /* ends before it begins */
		{ "2026-12-17", "2026-12-29" }, /* 32 days */
		{ "\"expires\":\"2026-12-17T03:00:00Z\",", "" },
		{ "\"not_after\":\"2026-11-29", "\"not_after\":\"2026-11-26" },
		{ "\"canary\",\"lab\"", "\"Canary\"" },
		{ "\"canary\",\"lab\"", "7" },
		{ "09000000", "0900000" },
		{ "09000000", "0900000A" },
		{ "\"028f5c28f5c28f5c\"", "\"ffffffffffffffff\"" },
		{ "\"028f5c28f5c28f5c\"", "\"ALL\"" },
		{ "\"028f5c28f5c28f5c\"", "1" },
		{ "[\"stable\"]", "[]" }, /* a phase for nobody */
		{ "\"kiosk\"", "\"ki/osk\"" },
		{ "\"release\":\"2\"", "\"release\":\"\"" },
		{ "\"type\":\"order\"", "\"type\":\"floor\"" },
		{ "\"emergency\":true,", "" },
		{ "\"emergency\":true", "\"emergency\":1" },
		{ "\"emergency\":true", "\"emergency\":true,\"force\":true" },
		{ "{\"digest\"", "{\"anyone\":true,\"digest\"" },
		{ "{\"digest\"", "{ \"digest\"" },
		{ "\"v\":1}", "\"v\":1} " },
		{ "\"v\":1}", "\"v\":1,\"v\":1}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(changes); i++)
		assert_change_refused(changes[i].from, changes[i].to,
				      ERR_FORMAT);
	assert_change_refused("\"v\":1}", "\"v\":2}", ERR_REFUSED);
}

static struct json *golden(void)
{
	struct json *j = NULL;
	struct err e = { 0 };

	assert_ok(json_parse(slice_of(GOLDEN), &j, &e));
	return j;
}

static struct json *phase_of(struct json *j, size_t i)
{
	return (struct json *)(uintptr_t)json_at(json_get(j, "phases"), i);
}

/* Frees j. */
static int parse_json(struct json *j, struct err *e)
{
	struct buf text = BUF_INIT(4 * ORDER_BYTES_MAX);
	struct order o = { .number = 0 };
	int rc = json_canonical(j, &text, e);

	if (rc == 0)
		rc = order_parse(buf_slice(&text), &o, e);
	if (rc == 0)
		order_done(&o);
	buf_done(&text);
	json_free(j);
	return rc;
}

static struct json *many(const char *text, size_t count)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < count; i++)
		json_add(list, json_new_text(text));
	return list;
}

static void lists_of_an_order_have_limits(void **state)
{
	static const char id[] = "09000000000000000000000000000000";
	struct json *j, *phases;
	struct err e = { 0 };

	(void)state;
	j = golden();
	json_set(phase_of(j, 0), "cohorts", many("lab", ORDER_COHORTS_MAX));
	assert_ok(parse_json(j, &e));
	j = golden();
	json_set(phase_of(j, 0), "cohorts", many("lab", ORDER_COHORTS_MAX + 1));
	assert_refused(parse_json(j, &e), ERR_LIMIT);
	j = golden();
	json_set(phase_of(j, 0), "devices", many(id, ORDER_DEVICES_MAX));
	assert_ok(parse_json(j, &e));
	j = golden();
	json_set(phase_of(j, 0), "devices", many(id, ORDER_DEVICES_MAX + 1));
	assert_refused(parse_json(j, &e), ERR_LIMIT);
	for (size_t n = ORDER_PHASES_MAX; n <= ORDER_PHASES_MAX + 1; n++) {
		j = golden();
		phases = json_new_array();
		for (size_t i = 0; i < n; i++)
			json_add(phases, json_clone(phase_of(j, 1)));
		json_set(j, "phases", phases);
		if (n == ORDER_PHASES_MAX)
			assert_ok(parse_json(j, &e));
		else
			assert_refused(parse_json(j, &e), ERR_LIMIT);
	}
}

static void a_baseline_is_for_whole_cohorts(void **state)
{
	struct json *j;
	struct err e = { 0 };

	(void)state;
	for (int i = 0; i < 5; i++) {
		struct json *p;

		j = golden();
		json_set_text(j, "kind", "baseline");
		p = phase_of(j, 0);
		if (i != 0)
			json_set_text(p, "limit", "all");
		if (i != 1)
			json_set(p, "devices", json_new_array());
		if (i != 2)
			json_remove(p, "not_after");
		/* It may end, or not. */
		if (i == 4)
			json_remove(j, "expires");
		if (i < 3)
			assert_refused_saying(parse_json(j, &e), ERR_FORMAT,
					      "whole cohorts");
		else
			assert_ok(parse_json(j, &e));
	}
}

static void refusals_name_their_cause(void **state)
{
	struct json *j;
	struct err e = { 0 };

	(void)state;
	j = golden();
	json_set_text(j, "kind", "forced");
	assert_refused_saying(parse_json(j, &e), ERR_FORMAT, "unknown value");
	j = golden();
	json_set_text(j, "type", "floor");
	assert_refused_saying(parse_json(j, &e), ERR_FORMAT, "not an order");
	j = golden();
	json_set_bool(j, "anyone", true);
	assert_refused_saying(parse_json(j, &e), ERR_FORMAT, "\"anyone\"");
	j = golden();
	json_set_bool(phase_of(j, 0), "force", true);
	assert_refused_saying(parse_json(j, &e), ERR_FORMAT, "\"force\"");
	j = golden();
	json_set_text(j, "kind", "halt");
	json_remove(j, "expires");
	assert_refused_saying(parse_json(j, &e), ERR_FORMAT, "a halt has no");
	j = golden();
	json_set_text(j, "kind", "halt");
	json_remove(j, "phases");
	assert_refused_saying(parse_json(j, &e), ERR_FORMAT, "a halt has no");
}

static void an_order_without_phases_opens_nothing_and_is_refused(void **state)
{
	static const char none[] =
		"{\"digest\":\"" DIGEST "\",\"expires\":"
		"\"2026-12-17T03:00:00Z\",\"issued\":\"2026-11-27T03:00:00Z\","
		"\"kind\":\"staged\",\"number\":4,\"phases\":[],"
		"\"product\":\"kiosk\",\"release\":\"2\",\"type\":\"order\","
		"\"v\":1}";
	struct err e = { 0 };
	struct order o;

	(void)state;
	assert_refused(order_parse(slice_of(none), &o, &e), ERR_FORMAT);
}

static void too_long_is_refused_unread(void **state)
{
	static uint8_t big[ORDER_BYTES_MAX + 1];
	struct err e = { 0 };
	struct order o;

	(void)state;
	memset(big, ' ', sizeof(big));
	memcpy(big, GOLDEN, strlen(GOLDEN));
	assert_refused(order_parse((struct slice){ big, sizeof(big) }, &o, &e),
		       ERR_LIMIT);
}

/* ---- orders by hand ------------------------------------------------------ */

static struct order_phase first, second;

static struct order an_order(enum order_kind kind, uint64_t number)
{
	struct order o = { .kind = kind,
			   .product = "kiosk",
			   .release = "2",
			   .number = number,
			   .issued = NOW,
			   .expires = NOW + 14 * UTC_DAY };

	memset(o.digest.bytes, 5, SHA256_LEN);
	first = (struct order_phase){ .cohorts = { "canary" },
				      .cohort_count = 1,
				      .limit = BUCKET_ALL,
				      .not_before = NOW };
	if (kind == ORDER_HALT) {
		o.expires = 0;
		return o;
	}
	o.phases = &first;
	o.phase_count = 1;
	return o;
}

static char canary[] = "canary";

static struct release a_release(void)
{
	struct release r = { .product = "kiosk",
			     .id = "2",
			     .one_operator_cohorts = { canary },
			     .one_operator_cohort_count = 1 };

	memset(r.digest.bytes, 5, SHA256_LEN);
	return r;
}

static struct order_device a_device(void)
{
	struct order_device d = { .id = { { 9 } },
				  .cohort = "canary",
				  .clock = NOW + 10,
				  .floor = NOW - 10 };

	return d;
}

/* ---- the decision -------------------------------------------------------- */

#define ALLOWED(set, r, d)                                                     \
	(e.code = ERR_NONE, order_allows(&(set), &(r), &(d), &grant, &e) == 0)
#define assert_closed(set, r, d, words)                                        \
	do {                                                                   \
		assert_refused(order_allows(&(set), &(r), &(d), &grant, &e),   \
			       ERR_REFUSED);                                   \
		if (!strstr(e.msg, words))                                     \
			fail_msg("\"%s\" lacks \"%s\"", e.msg, words);         \
	} while (0)

static struct order_grant grant;

static void without_an_order_nothing_is_open(void **state)
{
	struct order_set none = { .at = { NULL } };
	struct release r = a_release();
	struct order_device d = a_device();
	struct err e = { 0 };

	(void)state;
	assert_closed(none, r, d, "no signed order opens 2");
}

static void the_devices_own_bucket_decides(void **state)
{
	struct order o = an_order(ORDER_STAGED, 1);
	struct order_set set = { .at = { [ORDER_WIDE] = &o } };
	struct release r = a_release();
	struct order_device d = a_device();
	struct err e = { 0 };

	(void)state;
	first.limit = bucket_of(&r.digest, &d.id);
	assert_true(ALLOWED(set, r, d));
	assert_int_equal(grant.place, ORDER_WIDE);
	assert_int_equal(grant.number, 1);
	assert_false(grant.listed);
	first.limit -= 1;
	assert_closed(set, r, d, "outside");
	/* listed by id */
	first.devices = &d.id;
	first.device_count = 1;
	assert_true(ALLOWED(set, r, d));
	assert_true(grant.listed);
}

static void the_pinned_cohort_decides(void **state)
{
	struct order o = an_order(ORDER_STAGED, 1);
	struct order_set set = { .at = { [ORDER_WIDE] = &o } };
	struct release r = a_release();
	struct order_device d = a_device();
	struct err e = { 0 };

	(void)state;
	memcpy(d.cohort, "stable", 7);
	assert_closed(set, r, d, "this device is in stable");
	d.cohort[0] = 0;
	assert_closed(set, r, d, "this device is in none");
	memcpy(first.cohorts[first.cohort_count++], "stable", 7);
	memcpy(d.cohort, "stable", 7);
	assert_true(ALLOWED(set, r, d));
}

static void one_operator_opens_no_more_than_the_release_says(void **state)
{
	struct order o = an_order(ORDER_STAGED, 1);
	struct order_set one = { .at = { [ORDER_ONE] = &o } };
	struct order_set two = { .at = { [ORDER_WIDE] = &o } };
	struct release r = a_release();
	struct order_device d = a_device();
	struct err e = { 0 };

	(void)state;
	assert_true(ALLOWED(one, r, d)); /* canary */
	assert_int_equal(grant.place, ORDER_ONE);
	r.one_operator_cohort_count = 0;
	assert_closed(one, r, d, "two must sign");
	assert_true(ALLOWED(two, r, d));
	r.has_one_operator_limit = true;
	r.one_operator_limit = bucket_of(&r.digest, &d.id) - 1;
	assert_closed(one, r, d, "two must sign");
	r.one_operator_limit += 1;
	assert_true(ALLOWED(one, r, d));
	/* an id that is listed counts only within that share */
	r.one_operator_limit -= 1;
	first.devices = &d.id;
	first.device_count = 1;
	assert_closed(one, r, d, "two must sign");
	assert_true(ALLOWED(two, r, d));
}

/* What may be asked of a whole cohort is what each of its devices is told. */
static void the_reach_is_how_far_devices_are_let_in(void **state)
{
	struct order o = an_order(ORDER_STAGED, 1);
	struct order wide = an_order(ORDER_STAGED, 2);
	struct order halt = an_order(ORDER_HALT, 3);
	struct order_set set = { .at = { [ORDER_ONE] = &o } };
	struct release r = a_release();
	struct order_device d = a_device();
	struct order_phase phases[2];
	uint64_t limit = 0;
	struct err e = { 0 };

	(void)state;
	phases[0] = phases[1] = first;
	phases[0].limit = 1000;
	phases[1].limit = 50;
	o.phases = phases;
	o.phase_count = 2;
	assert_ok(order_reach(&set, &r, &d, &limit, &e));
	assert_true(limit == 1000);
	/* one operator alone: not beyond his share */
	r.one_operator_cohort_count = 0;
	assert_refused(order_reach(&set, &r, &d, &limit, &e), ERR_REFUSED);
	r.has_one_operator_limit = true;
	r.one_operator_limit = 20;
	assert_ok(order_reach(&set, &r, &d, &limit, &e));
	assert_true(limit == 20);
	/* where one order ends, another goes on */
	wide.phases = &phases[1];
	wide.phase_count = 1;
	phases[1].limit = 5000;
	set.at[ORDER_WIDE] = &wide;
	assert_ok(order_reach(&set, &r, &d, &limit, &e));
	assert_true(limit == 5000);
	phases[1].limit = BUCKET_ALL;
	assert_ok(order_reach(&set, &r, &d, &limit, &e));
	assert_true(limit == BUCKET_ALL);
	memcpy(d.cohort, "other", 6);
	assert_refused(order_reach(&set, &r, &d, &limit, &e), ERR_REFUSED);
	memcpy(d.cohort, "canary", 7);
	set.at[ORDER_WIDE] = &halt;
	assert_refused(order_reach(&set, &r, &d, &limit, &e), ERR_REFUSED);
}

static void an_order_ends_and_so_does_a_phase(void **state)
{
	struct order o = an_order(ORDER_STAGED, 1);
	struct order_set set = { .at = { [ORDER_WIDE] = &o } };
	struct release r = a_release();
	struct order_device d = a_device();
	struct err e = { 0 };

	(void)state;
	d.clock = o.expires - 1;
	assert_true(ALLOWED(set, r, d));
	d.clock = o.expires;
	assert_closed(set, r, d, "ended at 2026-12-11T03:00:00Z");
	/* the floor is time as well */
	d.clock = 0;
	d.floor = o.expires;
	assert_closed(set, r, d, "ended at");
	d = a_device();
	first.not_after = NOW + 10;
	assert_closed(set, r, d, "closed this phase");
	first.not_after = NOW + 11;
	assert_true(ALLOWED(set, r, d));
}

static void nothing_is_open_before_its_time(void **state)
{
	struct order o = an_order(ORDER_STAGED, 1);
	struct order_set set = { .at = { [ORDER_WIDE] = &o } };
	struct release r = a_release();
	struct order_device d = a_device();
	struct err e = { 0 };

	(void)state;
	first.not_before = d.clock + 1;
	assert_closed(set, r, d, "from 2026-11-27T03:00:11Z");
	/* a device with a clock does not listen to the timestamp */
	d.announced = NOW + UTC_DAY;
	assert_closed(set, r, d, "from");
	/* one without does, for the beginning alone */
	d.clock = 0;
	assert_true(ALLOWED(set, r, d));
	d.announced = NOW;
	assert_closed(set, r, d, "from");
	d.announced = o.expires + UTC_DAY;
	assert_true(ALLOWED(set, r, d));
	d.floor = o.expires;
	assert_closed(set, r, d, "ended");
	/* a clock that stands exactly at the floor is none */
	d.clock = d.floor = NOW;
	d.announced = first.not_before;
	assert_true(ALLOWED(set, r, d));
}

static void a_halt_of_either_role_closes_everything(void **state)
{
	struct order o = an_order(ORDER_STAGED, 1);
	struct order base = an_order(ORDER_BASELINE, 2);
	struct order halt = an_order(ORDER_HALT, 3);
	struct order_set set = { .at = { [ORDER_ONE] = &halt,
					 [ORDER_WIDE] = &o,
					 [ORDER_BASE] = &base } };
	struct release r = a_release();
	struct order_device d = a_device();
	struct err e = { 0 };

	(void)state;
	base.phases = &first;
	base.phase_count = o.phase_count = 1;
	o.phases = &first;
	assert_closed(set, r, d, "halts 2");
	set.at[ORDER_ONE] = &o;
	set.at[ORDER_WIDE] = &halt;
	assert_closed(set, r, d, "halts 2");
	/* a halt of the same number wins */
	o.number = 3;
	set.at[ORDER_ONE] = &halt;
	set.at[ORDER_WIDE] = &o;
	assert_closed(set, r, d, "halts 2");
}

static void when_rollout_has_expired_a_baseline_alone_opens(void **state)
{
	struct order one = an_order(ORDER_STAGED, 1);
	struct order wide = an_order(ORDER_STAGED, 2);
	struct order base = an_order(ORDER_BASELINE, 3);
	struct order halt = an_order(ORDER_HALT, 4);
	struct order_set set = {
		.at = { [ORDER_ONE] = &one, [ORDER_WIDE] = &wide }
	};
	struct release r = a_release();
	struct order_device d = a_device();
	struct err e = { 0 };

	(void)state;
	one.phases = wide.phases = base.phases = &first;
	one.phase_count = wide.phase_count = base.phase_count = 1;
	assert_true(ALLOWED(set, r, d));
	set.one_expired = true;
	assert_closed(set, r, d, "rollout has expired");
	set.at[ORDER_BASE] = &base;
	assert_true(ALLOWED(set, r, d));
	assert_int_equal(grant.place, ORDER_BASE);
	/* What two halted stays halted; one operator's word no longer counts.
	 */
	set.at[ORDER_ONE] = &halt;
	assert_true(ALLOWED(set, r, d));
	set.at[ORDER_WIDE] = &halt;
	assert_closed(set, r, d, "halts 2");
}

static void only_two_operators_reopen(void **state)
{
	struct order o = an_order(ORDER_STAGED, 9);
	struct order halt = an_order(ORDER_HALT, 3);
	struct order base = an_order(ORDER_BASELINE, 2);
	struct order_set set = {
		.at = { [ORDER_ONE] = &o, [ORDER_WIDE] = &halt }
	};
	struct release r = a_release();
	struct order_device d = a_device();
	struct err e = { 0 };

	(void)state;
	o.phases = base.phases = &first;
	o.phase_count = base.phase_count = 1;
	/* a later order of one operator does not */
	assert_closed(set, r, d, "halts 2");
	/* a later one of two does, but not what lay before the halt */
	set.at[ORDER_ONE] = &halt;
	set.at[ORDER_WIDE] = &o;
	assert_true(ALLOWED(set, r, d));
	set.at[ORDER_WIDE] = NULL;
	set.at[ORDER_BASE] = &base;
	assert_closed(set, r, d, "halts 2");
	base.number = 4;
	assert_true(ALLOWED(set, r, d));
	assert_int_equal(grant.place, ORDER_BASE);
	assert_int_equal(order_newest(&set), 4);
}

/* However high: what two operators sign next opens again. */
static void one_operator_does_not_use_up_the_numbers(void **state)
{
	struct order o = an_order(ORDER_STAGED, 1);
	struct order halt = an_order(ORDER_HALT, 1 + 2 * ORDER_AHEAD);
	struct order_set set = {
		.at = { [ORDER_ONE] = &halt, [ORDER_WIDE] = &o }
	};
	struct release r = a_release();
	struct order_device d = a_device();
	struct err e = { 0 };

	(void)state;
	o.phases = &first;
	o.phase_count = 1;
	assert_closed(set, r, d, "halts 2");
	assert_int_equal(order_newest(&set), 1 + 2 * ORDER_AHEAD);
	o.number = order_newest(&set) + 1;
	assert_true(ALLOWED(set, r, d));
	/* beyond reach it closes what one operator opened, and no more */
	halt.number = JSON_INT_MAX;
	assert_true(ALLOWED(set, r, d));
	assert_int_equal(order_newest(&set), o.number);
	set.at[ORDER_WIDE] = NULL;
	set.at[ORDER_BASE] = &o;
	o.kind = ORDER_BASELINE;
	o.expires = 0;
	assert_true(ALLOWED(set, r, d));
	o.kind = ORDER_STAGED;
	set.at[ORDER_BASE] = NULL;
	set.at[ORDER_ONE] = &o;
	set.at[ORDER_WIDE] = &halt; /* of two, it counts */
	assert_closed(set, r, d, "halts 2");
	assert_int_equal(order_newest(&set), JSON_INT_MAX);
}

static void a_number_follows_and_does_not_run_ahead(void **state)
{
	struct order one = an_order(ORDER_STAGED, 3);
	struct order wide = an_order(ORDER_STAGED, 4);
	struct order base = an_order(ORDER_BASELINE, 2);
	struct order next = an_order(ORDER_STAGED, 4);
	struct order halt = an_order(ORDER_HALT, 4);
	struct order_set set = { .at = { [ORDER_ONE] = &one,
					 [ORDER_WIDE] = &wide,
					 [ORDER_BASE] = &base } };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ORDER_PLACES; i++) {
		next.number = 4;
		assert_refused_saying(
			order_follows(&set, (enum order_place)i, &next, &e),
			ERR_CONFLICT, "comes after number 4");
		next.number = 4 + ORDER_AHEAD;
		assert_ok(order_follows(&set, (enum order_place)i, &next, &e));
		next.number++;
		assert_refused_saying(
			order_follows(&set, (enum order_place)i, &next, &e),
			ERR_REFUSED, "runs ahead");
	}
	/* One who has come to his end can still be halted by another. */
	one.number = 4 + ORDER_AHEAD;
	next.number = halt.number = one.number + 1;
	assert_refused_saying(order_follows(&set, ORDER_ONE, &next, &e),
			      ERR_REFUSED, "until two operators sign");
	assert_ok(order_follows(&set, ORDER_ONE, &halt, &e));
	assert_ok(order_follows(&set, ORDER_WIDE, &next, &e));
	halt.number = 4 + 2 * ORDER_AHEAD + 1;
	assert_refused(order_follows(&set, ORDER_ONE, &halt, &e), ERR_REFUSED);
}

static void what_is_open_is_the_union(void **state)
{
	struct order narrow = an_order(ORDER_STAGED, 2);
	struct order wide = an_order(ORDER_STAGED, 1);
	struct order_set set = {
		.at = { [ORDER_ONE] = &narrow, [ORDER_WIDE] = &wide }
	};
	struct release r = a_release();
	struct order_device d = a_device();
	struct err e = { 0 };

	(void)state;
	second = first;
	memcpy(second.cohorts[0], "stable", 7);
	wide.phases = &second;
	narrow.phases = &first;
	assert_true(ALLOWED(set, r, d));
	assert_int_equal(grant.place, ORDER_ONE);
	memcpy(d.cohort, "stable", 7);
	assert_true(ALLOWED(set, r, d));
	assert_int_equal(grant.place, ORDER_WIDE);
	memcpy(d.cohort, "other", 6);
	assert_closed(set, r, d, "other cohorts");
}

static void an_order_for_something_else_opens_nothing(void **state)
{
	struct order o = an_order(ORDER_STAGED, 1);
	struct order_set set = { .at = { [ORDER_WIDE] = &o } };
	struct release r = a_release();
	struct order_device d = a_device();
	struct err e = { 0 };

	(void)state;
	o.digest.bytes[0] ^= 1;
	assert_refused(order_allows(&set, &r, &d, &grant, &e), ERR_UNTRUSTED);
	o.digest.bytes[0] ^= 1;
	o.release[0] = '3';
	assert_refused(order_allows(&set, &r, &d, &grant, &e), ERR_UNTRUSTED);
	o.release[0] = '2';
	o.product[0] = 'x';
	assert_refused(order_allows(&set, &r, &d, &grant, &e), ERR_UNTRUSTED);
	o.product[0] = 'k';
	assert_true(ALLOWED(set, r, d));
	/* a baseline where one operator signs, a ladder among baselines */
	o.kind = ORDER_BASELINE;
	assert_refused(order_allows(&set, &r, &d, &grant, &e), ERR_UNTRUSTED);
	o.kind = ORDER_STAGED;
	set.at[ORDER_WIDE] = NULL;
	set.at[ORDER_BASE] = &o;
	assert_refused(order_allows(&set, &r, &d, &grant, &e), ERR_UNTRUSTED);
}

/* ---- ladders ------------------------------------------------------------- */

static void a_ladder_only_grows(void **state)
{
	struct order now = an_order(ORDER_STAGED, 1);
	struct order next = now;
	struct err e = { 0 };

	(void)state;
	first.limit = 1000;
	second = first;
	next.phases = &second;
	assert_ok(order_grows(&now, &next, &e));
	second.limit = 1001;
	assert_ok(order_grows(&now, &next, &e));
	second.limit = 999;
	assert_refused(order_grows(&now, &next, &e), ERR_REFUSED);
	second = first;
	second.not_before += 1;
	assert_refused(order_grows(&now, &next, &e), ERR_REFUSED);
	second = first;
	second.not_after = NOW + 5;
	assert_refused(order_grows(&now, &next, &e), ERR_REFUSED);
	second = first;
	memcpy(second.cohorts[0], "stable", 7);
	assert_refused(order_grows(&now, &next, &e), ERR_REFUSED);
	second = first;
	next.expires -= 1;
	assert_refused(order_grows(&now, &next, &e), ERR_REFUSED);
	next.kind = ORDER_HALT;
	next.phase_count = 0;
	assert_ok(order_grows(&now, &next, &e));
}

static void each_place_has_its_path_and_role(void **state)
{
	char path[PATH_MAX_LEN];
	struct err e = { 0 };

	(void)state;
	assert_ok(order_path(ORDER_ONE, "kiosk", "2", path, &e));
	assert_string_equal(path, "rollout/kiosk/2.json");
	assert_ok(order_path(ORDER_WIDE, "kiosk", "2", path, &e));
	assert_string_equal(path, "rollout-wide/kiosk/2.json");
	assert_ok(order_path(ORDER_BASE, "kiosk", "2", path, &e));
	assert_string_equal(path, "baseline/kiosk/2.json");
	assert_string_equal(order_role(ORDER_ONE), "rollout");
	assert_string_equal(order_role(ORDER_WIDE), "rollout-wide");
	assert_string_equal(order_role(ORDER_BASE), "rollout-wide");
}

static void a_ladder_keeps_the_devices_it_listed(void **state)
{
	struct device_id ids[2] = { { { 1 } }, { { 2 } } };
	struct order now = an_order(ORDER_STAGED, 1);
	struct order next = an_order(ORDER_STAGED, 2);
	struct order_phase before, after;
	struct err e = { 0 };

	(void)state;
	before = first;
	before.devices = ids;
	before.device_count = 2;
	after = before;
	now.phases = &before;
	next.phases = &after;
	assert_ok(order_grows(&now, &next, &e));
	after.device_count = 1;
	assert_refused(order_grows(&now, &next, &e), ERR_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			what_is_accepted_is_written_again_byte_for_byte),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(what_contradicts_itself_is_refused),
		cmocka_unit_test(lists_of_an_order_have_limits),
		cmocka_unit_test(a_baseline_is_for_whole_cohorts),
		cmocka_unit_test(refusals_name_their_cause),
		cmocka_unit_test(a_ladder_keeps_the_devices_it_listed),
		cmocka_unit_test(
			an_order_without_phases_opens_nothing_and_is_refused),
		cmocka_unit_test(too_long_is_refused_unread),
		cmocka_unit_test(without_an_order_nothing_is_open),
		cmocka_unit_test(the_devices_own_bucket_decides),
		cmocka_unit_test(the_pinned_cohort_decides),
		cmocka_unit_test(
			one_operator_opens_no_more_than_the_release_says),
		cmocka_unit_test(the_reach_is_how_far_devices_are_let_in),
		cmocka_unit_test(an_order_ends_and_so_does_a_phase),
		cmocka_unit_test(nothing_is_open_before_its_time),
		cmocka_unit_test(a_halt_of_either_role_closes_everything),
		cmocka_unit_test(
			when_rollout_has_expired_a_baseline_alone_opens),
		cmocka_unit_test(only_two_operators_reopen),
		cmocka_unit_test(one_operator_does_not_use_up_the_numbers),
		cmocka_unit_test(a_number_follows_and_does_not_run_ahead),
		cmocka_unit_test(what_is_open_is_the_union),
		cmocka_unit_test(an_order_for_something_else_opens_nothing),
		cmocka_unit_test(a_ladder_only_grows),
		cmocka_unit_test(each_place_has_its_path_and_role),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
