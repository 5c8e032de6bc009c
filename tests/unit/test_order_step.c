/* SPDX-License-Identifier: Apache-2.0 */
#include "common/order_step.h"

#include <stdlib.h>
#include <string.h>

#include "common/bucket.h"
#include "common/mem.h"
#include "common/tuf_write.h"
#include "tests/unit/check.h"

#define NOW   INT64_C(1795748400) /* 2026-11-27T03:00:00Z */
#define DOCS  32
#define HALF  (UINT64_C(1) << 63)
#define THIRD (UINT64_C(1) << 62)

/* A folder of documents by their digest, and both role files. */
struct world {
	struct {
		struct sha256 digest;
		struct buf bytes;
	} docs[DOCS];
	size_t count;
	struct json *now[2], *next; /* envelopes; now: one, wide */
	const char *unlisted;       /* a release that is listed no more */
};

static int get_document(void *ctx, const char *path, const struct json *entry,
			struct buf *out, struct err *e)
{
	struct world *w = ctx;
	struct sha256 digest;

	(void)path;
	if (json_get_hex(json_get(entry, "hashes"), "sha256", digest.bytes,
			 SHA256_LEN, e))
		return -1;
	for (size_t i = 0; i < w->count; i++)
		if (sha256_equal(&w->docs[i].digest, &digest))
			return buf_add(out, buf_slice(&w->docs[i].bytes), e);
	return err_set(e, ERR_NOT_FOUND, "no such document");
}

static int get_release(void *ctx, const char *product, const char *id,
		       struct sha256 *digest, struct err *e)
{
	struct world *w = ctx;

	if (strcmp(product, "kiosk") != 0 ||
	    (w->unlisted && strcmp(id, w->unlisted) == 0))
		return err_set(e, ERR_NOT_FOUND, "no release %s", id);
	memset(digest->bytes, id[0], SHA256_LEN);
	return 0;
}

static struct slice keep(struct world *w, struct buf *bytes)
{
	assert_true(w->count < DOCS);
	sha256_of(buf_slice(bytes), &w->docs[w->count].digest);
	w->docs[w->count].bytes = *bytes;
	return buf_slice(&w->docs[w->count++].bytes);
}

static struct json *put(struct world *w, const struct json *file,
			const char *path, const char *type, struct buf *bytes)
{
	struct order_put p = { .type = type };
	struct err e = { 0 };

	assert_ok(text_format(p.path, sizeof(p.path), &e, "%s", path));
	if (bytes)
		p.bytes = keep(w, bytes);
	return order_step_make(json_get(file, "signed"), NOW, NOW + UTC_DAY, &p,
			       1);
}

/* What there is so far, with one more or another order. */
static struct json *with(struct world *w, const struct json *file,
			 const char *path, const struct order *o)
{
	struct buf bytes = BUF_INIT(ORDER_BYTES_MAX);
	struct err e = { 0 };

	if (!o)
		return put(w, file, path, NULL, NULL);
	assert_ok(order_format(o, &bytes, &e));
	return put(w, file, path, "order", &bytes);
}

static void order_is(struct order *o, enum order_kind kind, uint64_t number,
		     struct order_phase *p)
{
	*o = (struct order){ .kind = kind,
			     .product = "kiosk",
			     .release = "2",
			     .number = number,
			     .issued = NOW };
	memset(o->digest.bytes, '2', SHA256_LEN);
	if (kind == ORDER_STAGED)
		o->expires = NOW + 20 * UTC_DAY;
	if (kind != ORDER_HALT) {
		o->phases = p;
		o->phase_count = 1;
	}
}

static struct order_phase phase(const char *cohort, uint64_t limit)
{
	struct order_phase p = { .cohort_count = 1,
				 .limit = limit,
				 .not_before = NOW };

	memcpy(p.cohorts[0], cohort, strlen(cohort) + 1);
	return p;
}

static struct order_facts facts_of(struct world *w)
{
	return (struct order_facts){ .one = json_get(w->now[0], "signed"),
				     .wide = json_get(w->now[1], "signed"),
				     .document = get_document,
				     .release = get_release,
				     .ctx = w };
}

static int judge(struct world *w, const char *role, struct err *e)
{
	const struct order_facts facts = facts_of(w);
	struct order_step step;
	int rc = order_step_read(role, json_get(w->next, "signed"), &facts,
				 &step, e);

	if (rc == 0)
		order_step_done(&step);
	return rc;
}

static void accept(struct world *w, const char *role)
{
	size_t at = strcmp(role, ORDER_ROLE_WIDE) == 0;
	struct err e = { 0 };

	assert_ok(judge(w, role, &e));
	json_free(w->now[at]);
	w->now[at] = w->next;
	w->next = NULL;
}

static void next_is(struct world *w, struct json *envelope)
{
	json_free(w->next);
	w->next = envelope;
}

/* Both roles signed once, and empty. */
static int fresh(void **state)
{
	struct world *w = mem_alloc(1, sizeof(*w));

	for (size_t i = 0; i < 2; i++) {
		w->now[i] =
			tuf_envelope_new(TUF_TARGETS, 1, NOW, NOW + UTC_DAY);
		json_set(tuf_envelope_signed(w->now[i]), "targets",
			 json_new_object());
	}
	*state = w;
	return 0;
}

static int gone(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < w->count; i++)
		buf_done(&w->docs[i].bytes);
	json_free(w->now[0]);
	json_free(w->now[1]);
	json_free(w->next);
	free(w);
	return 0;
}

static void open_wide(struct world *w, uint64_t number, uint64_t limit)
{
	struct order_phase p = phase("fleet", limit);
	struct order o;

	order_is(&o, ORDER_STAGED, number, &p);
	next_is(w, with(w, w->now[1], "rollout-wide/kiosk/2.json", &o));
}

static void halt_one(struct world *w, uint64_t number)
{
	struct order o;

	order_is(&o, ORDER_HALT, number, NULL);
	next_is(w, with(w, w->now[0], "rollout/kiosk/2.json", &o));
}

/* ---- tests --------------------------------------------------------------- */

static void a_step_says_what_changes_and_nothing_else(void **state)
{
	struct order_facts facts;
	struct order_step step;
	struct world *w = *state;
	struct err e = { 0 };

	open_wide(w, 1, THIRD);
	accept(w, ORDER_ROLE_WIDE);
	open_wide(w, 2, HALF);
	facts = facts_of(w);
	assert_ok(order_step_read(ORDER_ROLE_WIDE, json_get(w->next, "signed"),
				  &facts, &step, &e));
	assert_int_equal(step.from, 2);
	assert_int_equal(step.to, 3);
	assert_true(step.rest_same);
	assert_int_equal(step.count, 1);
	assert_string_equal(step.changes[0].path, "rollout-wide/kiosk/2.json");
	assert_true(step.changes[0].had && step.changes[0].has);
	assert_int_equal(step.changes[0].place, ORDER_WIDE);
	assert_true(step.changes[0].before.phases[0].limit == THIRD);
	assert_true(step.changes[0].after.phases[0].limit == HALF);
	order_step_done(&step);

	json_set_text(tuf_envelope_signed(w->next), "more", "x");
	assert_ok(order_step_read(ORDER_ROLE_WIDE, json_get(w->next, "signed"),
				  &facts, &step, &e));
	assert_false(step.rest_same);
	order_step_done(&step);
}

static void the_same_file_again_changes_nothing(void **state)
{
	struct order_facts facts;
	struct order_step step;
	struct world *w = *state;
	struct err e = { 0 };

	open_wide(w, 1, HALF);
	accept(w, ORDER_ROLE_WIDE);
	facts = facts_of(w);
	assert_ok(order_step_read(ORDER_ROLE_WIDE,
				  json_get(w->now[1], "signed"), &facts, &step,
				  &e));
	assert_int_equal(step.count, 0);
	order_step_done(&step);
}

static void a_ladder_that_shrinks_is_refused(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	open_wide(w, 1, HALF);
	accept(w, ORDER_ROLE_WIDE);
	open_wide(w, 2, THIRD);
	assert_refused_saying(judge(w, ORDER_ROLE_WIDE, &e), ERR_REFUSED,
			      "a ladder only grows");
}

static void numbers_rise_over_both_roles(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	open_wide(w, 4, HALF);
	accept(w, ORDER_ROLE_WIDE);
	halt_one(w, 4);
	assert_refused_saying(judge(w, ORDER_ROLE_ONE, &e), ERR_CONFLICT,
			      "comes after number 4");
	halt_one(w, 5);
	accept(w, ORDER_ROLE_ONE);
	open_wide(w, 5, BUCKET_ALL);
	assert_refused(judge(w, ORDER_ROLE_WIDE, &e), ERR_CONFLICT);
	open_wide(w, 6, BUCKET_ALL);
	accept(w, ORDER_ROLE_WIDE);
}

static void a_lower_version_is_refused(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	open_wide(w, 1, THIRD);
	accept(w, ORDER_ROLE_WIDE);
	open_wide(w, 2, HALF);
	json_set_int(tuf_envelope_signed(w->next), "version", 1);
	assert_refused(judge(w, ORDER_ROLE_WIDE, &e), ERR_ROLLBACK);
}

static void neither_numbers_nor_versions_run_ahead(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	halt_one(w, 2 * ORDER_AHEAD + 1);
	assert_refused_saying(judge(w, ORDER_ROLE_ONE, &e), ERR_REFUSED,
			      "runs ahead");
	halt_one(w, 2 * ORDER_AHEAD);
	json_set_int(tuf_envelope_signed(w->next), "version", JSON_INT_MAX);
	assert_refused_saying(judge(w, ORDER_ROLE_ONE, &e), ERR_REFUSED,
			      "runs ahead of version 1");
	json_set_int(tuf_envelope_signed(w->next), "version", 1 + ORDER_AHEAD);
	accept(w, ORDER_ROLE_ONE);
	/* The last that one operator can give leaves room for two. */
	open_wide(w, 2 * ORDER_AHEAD + 1, HALF);
	accept(w, ORDER_ROLE_WIDE);
}

static void one_operator_does_not_open_what_is_halted(void **state)
{
	struct order_phase p = phase("canary", BUCKET_ALL);
	struct world *w = *state;
	struct err e = { 0 };
	struct order o;

	halt_one(w, 1);
	accept(w, ORDER_ROLE_ONE);
	order_is(&o, ORDER_STAGED, 2, &p);
	next_is(w, with(w, w->now[0], "rollout/kiosk/2.json", &o));
	assert_refused_saying(judge(w, ORDER_ROLE_ONE, &e), ERR_REFUSED,
			      "only two operators");
	open_wide(w, 2, HALF);
	accept(w, ORDER_ROLE_WIDE);
	/* A halt may be said again. */
	halt_one(w, 3);
	accept(w, ORDER_ROLE_ONE);
}

static void nothing_that_stands_is_taken_away(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	halt_one(w, 1);
	accept(w, ORDER_ROLE_ONE);
	next_is(w, with(w, w->now[0], "rollout/kiosk/2.json", NULL));
	assert_refused_saying(judge(w, ORDER_ROLE_ONE, &e), ERR_REFUSED,
			      "not taken away");
	/* But of a release that nobody can find any more. */
	w->unlisted = "2";
	assert_ok(judge(w, ORDER_ROLE_ONE, &e));
}

static void the_next_baseline_takes_the_place_of_the_former(void **state)
{
	struct order_phase p = phase("fleet", BUCKET_ALL);
	struct world *w = *state;
	struct json *both;
	struct err e = { 0 };
	struct order o;

	order_is(&o, ORDER_BASELINE, 1, &p);
	next_is(w, with(w, w->now[1], "baseline/kiosk/2.json", &o));
	accept(w, ORDER_ROLE_WIDE);
	next_is(w, with(w, w->now[1], "baseline/kiosk/2.json", NULL));
	assert_refused(judge(w, ORDER_ROLE_WIDE, &e), ERR_REFUSED);

	memcpy(o.release, "3", 2);
	memset(o.digest.bytes, '3', SHA256_LEN);
	both = with(w, w->now[1], "baseline/kiosk/3.json", &o);
	next_is(w, with(w, both, "baseline/kiosk/2.json", NULL));
	json_free(both);
	assert_ok(judge(w, ORDER_ROLE_WIDE, &e));
	/* Of nothing else: a ladder does not go with it. */
	accept(w, ORDER_ROLE_WIDE);
	open_wide(w, 2, HALF);
	accept(w, ORDER_ROLE_WIDE);
	memcpy(o.release, "4", 2);
	memset(o.digest.bytes, '4', SHA256_LEN);
	both = with(w, w->now[1], "baseline/kiosk/4.json", &o);
	next_is(w, with(w, both, "rollout-wide/kiosk/2.json", NULL));
	json_free(both);
	assert_refused_saying(judge(w, ORDER_ROLE_WIDE, &e), ERR_REFUSED,
			      "staged order is not taken away");
}

static void what_stands_in_the_wrong_place_is_refused(void **state)
{
	struct order_phase p = phase("fleet", HALF);
	struct world *w = *state;
	struct err e = { 0 };
	struct order o;

	order_is(&o, ORDER_STAGED, 1, &p);
	next_is(w, with(w, w->now[0], "rollout-wide/kiosk/2.json", &o));
	assert_refused(judge(w, ORDER_ROLE_ONE, &e), ERR_REFUSED);
	next_is(w, with(w, w->now[1], "baseline/kiosk/2.json", &o));
	assert_refused(judge(w, ORDER_ROLE_WIDE, &e), ERR_UNTRUSTED);
	next_is(w, with(w, w->now[1], "rollout-wide/kiosk/3.json", &o));
	assert_refused(judge(w, ORDER_ROLE_WIDE, &e), ERR_UNTRUSTED);
	next_is(w, with(w, w->now[1], "floor/kiosk.json", &o));
	assert_refused(judge(w, ORDER_ROLE_WIDE, &e), ERR_REFUSED);
	o.digest.bytes[5] = 0;
	next_is(w, with(w, w->now[1], "rollout-wide/kiosk/2.json", &o));
	assert_refused(judge(w, ORDER_ROLE_WIDE, &e), ERR_UNTRUSTED);
}

static void an_order_for_no_release_is_refused(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	w->unlisted = "2";
	open_wide(w, 1, HALF);
	assert_refused(judge(w, ORDER_ROLE_WIDE, &e), ERR_NOT_FOUND);
}

static void what_cannot_be_had_or_read_is_refused(void **state)
{
	struct buf bytes = BUF_INIT(64);
	struct world *w = *state;
	struct err e = { 0 };

	open_wide(w, 1, HALF);
	buf_done(&w->docs[--w->count].bytes);
	assert_refused(judge(w, ORDER_ROLE_WIDE, &e), ERR_NOT_FOUND);
	assert_ok(buf_addf(&bytes, &e, "{}"));
	next_is(w, put(w, w->now[1], "rollout-wide/kiosk/2.json", "order",
		       &bytes));
	assert_refused(judge(w, ORDER_ROLE_WIDE, &e), ERR_FORMAT);
}

static struct json *assignment(struct world *w, uint64_t version, uint8_t id)
{
	struct assign a = { .cohort = "canary",
			    .device = { { 9 } },
			    .version = version,
			    .issued = NOW };
	struct buf bytes = BUF_INIT(ASSIGN_BYTES_MAX);
	char path[PATH_MAX_LEN];
	struct err e = { 0 };

	assert_ok(assign_format(&a, &bytes, &e));
	a.device.bytes[0] = id;
	assert_ok(assign_path(&a.device, path, &e));
	return put(w, w->now[1], path, "assignment", &bytes);
}

static void an_assignment_names_its_device_and_rises(void **state)
{
	struct world *w = *state;
	char path[PATH_MAX_LEN];
	struct err e = { 0 };

	next_is(w, assignment(w, 1, 9));
	accept(w, ORDER_ROLE_WIDE);
	next_is(w, assignment(w, 2, 8));
	assert_refused(judge(w, ORDER_ROLE_WIDE, &e), ERR_UNTRUSTED);
	next_is(w, assignment(w, 2, 9));
	accept(w, ORDER_ROLE_WIDE);
	next_is(w, assignment(w, 1, 9));
	assert_refused(judge(w, ORDER_ROLE_WIDE, &e), ERR_CONFLICT);
	assert_ok(assign_path(&(struct device_id){ { 9 } }, path, &e));
	next_is(w, with(w, w->now[1], path, NULL));
	assert_refused(judge(w, ORDER_ROLE_WIDE, &e), ERR_REFUSED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, gone)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_step_says_what_changes_and_nothing_else),
		TEST(the_same_file_again_changes_nothing),
		TEST(a_ladder_that_shrinks_is_refused),
		TEST(numbers_rise_over_both_roles),
		TEST(neither_numbers_nor_versions_run_ahead),
		TEST(a_lower_version_is_refused),
		TEST(one_operator_does_not_open_what_is_halted),
		TEST(nothing_that_stands_is_taken_away),
		TEST(the_next_baseline_takes_the_place_of_the_former),
		TEST(what_stands_in_the_wrong_place_is_refused),
		TEST(an_order_for_no_release_is_refused),
		TEST(what_cannot_be_had_or_read_is_refused),
		TEST(an_assignment_names_its_device_and_rises),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
