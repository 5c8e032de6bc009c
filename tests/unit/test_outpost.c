/* SPDX-License-Identifier: Apache-2.0 */
/* Reports as an honest outpost makes them, and as they must not come. */
#include "update-server/outpost.h"

#include <stdio.h>

#include "update-server/audit_record.h"

#include "tests/unit/check.h"

#define LEAVES 64

/* A log of an outpost, its key, and the file of its report. */
static struct {
	struct ec_private *key;
	struct ec_public public_key;
	struct sha256 leaves[LEAVES];
	uint64_t size;
	struct buf record, checkpoint, file;
} o;

static int node(void *ctx, unsigned level, uint64_t index, struct sha256 *out,
		struct err *e)
{
	struct sha256 left, right;

	if (level == 0) {
		*out = o.leaves[index];
		return 0;
	}
	if (node(ctx, level - 1, 2 * index, &left, e) ||
	    node(ctx, level - 1, 2 * index + 1, &right, e))
		return -1;
	merkle_node(&left, &right, out);
	return 0;
}

static const struct merkle_source source = { NULL, node };

static void append(struct slice record)
{
	assert_true(o.size < LEAVES);
	merkle_leaf(record, &o.leaves[o.size++]);
}

/* Acts that are none of our business. */
static void append_others(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		append((struct slice){ (const uint8_t *)&o.size,
				       sizeof(o.size) });
}

static int start(void **state)
{
	struct err e = { 0 };

	(void)state;
	memset(&o, 0, sizeof(o));
	o.record = (struct buf)BUF_INIT(AUDIT_RECORD_MAX);
	o.checkpoint = (struct buf)BUF_INIT(AUDIT_CHECKPOINT_MAX);
	o.file = (struct buf)BUF_INIT(OUTPOST_FILE_MAX + 10);
	assert_ok(ec_generate(&o.key, &e));
	ec_public_of(o.key, &o.public_key);
	append_others(5);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	ec_free(o.key);
	buf_done(&o.record);
	buf_done(&o.checkpoint);
	buf_done(&o.file);
	return 0;
}

/* What a report says, and what its record does; they agree as a rule. */
struct said {
	uint64_t number, logged;
	struct sha256 before;
	const char *type, *logged_text;
	enum audit_act act;
};

static void format_text(const struct said *s, char out[400])
{
	char before[SHA256_HEX_LEN];

	sha256_format(&s->before, before);
	(void)snprintf(out, 400,
		       "{\"before\":\"%s\",\"report\":%llu,\"type\":\"%s\","
		       "\"v\":1}",
		       before, (unsigned long long)s->number, s->type);
}

static void log_record(const struct said *s, const char *text)
{
	const struct audit_by by = { .kind = AUDIT_PERSON, .now = 1000000 };
	struct audit_record r;
	struct sha256 digest;
	struct err e = { 0 };

	sha256_of(slice_of(s->logged_text ? s->logged_text : text), &digest);
	audit_record_init(&r, s->act, &by);
	r.number = o.size;
	if (s->act == AUDIT_OUTPOST_REPORT)
		json_set_text(r.objects, "outpost", "x");
	json_set_int(r.objects, "report", (int64_t)s->logged);
	audit_set_digest(&r, "sha256", &digest);
	o.record.len = 0;
	assert_ok(audit_record_format(&r, &o.record, &e));
	audit_record_done(&r);
	append(buf_slice(&o.record));
}

static void sign_head(void)
{
	struct audit_checkpoint c = { .head = { .size = o.size },
				      .time = 1000000 };
	struct err e = { 0 };

	assert_ok(merkle_root_of(&source, o.size, &c.head.root, &e));
	o.checkpoint.len = 0;
	assert_ok(audit_checkpoint_sign(&c, o.key, &o.checkpoint, &e));
}

/* The file of a report that was made when the log had `from` signed records. */
static void report(const struct said *s, uint64_t from)
{
	struct merkle_proof grown, included;
	struct outpost_parts parts = { .from = from,
				       .grown = &grown,
				       .included = &included };
	struct err e = { 0 };
	char text[400];

	format_text(s, text);
	log_record(s, text);
	append_others(2);
	sign_head();
	assert_ok(merkle_prove_inclusion(&source, o.size - 3, o.size, &included,
					 &e));
	assert_ok(merkle_prove_consistency(&source, from, o.size, &grown, &e));
	parts.report = text;
	parts.record = buf_text(&o.record);
	parts.checkpoint = buf_text(&o.checkpoint);
	o.file.len = 0;
	assert_ok(outpost_format(&parts, &o.file, &e));
}

static struct said say(uint64_t number, const struct outpost_known *known)
{
	return (struct said){ .number = number,
			      .logged = number,
			      .before = known->report,
			      .type = "outpost-report",
			      .act = AUDIT_REPORT_EXPORT };
}

static void accept(struct outpost_known *known)
{
	struct json *j = NULL;
	struct err e = { 0 };

	assert_ok(outpost_open(buf_slice(&o.file), &o.public_key, known, known,
			       &j, &e));
	assert_string_equal(json_text(json_get(j, "type")), "outpost-report");
	json_free(j);
}

static void refuse(const struct outpost_known *known, enum err_code code,
		   const char *words)
{
	struct outpost_known next = { .number = 77 };
	struct json *j = NULL;
	struct err e = { 0 };

	assert_refused_saying(outpost_open(buf_slice(&o.file), &o.public_key,
					   known, &next, &j, &e),
			      code, words);
	assert_null(j);
	assert_int_equal(next.number, 77);
}

/* The first report, and the second one as it should come. */
static struct outpost_known first(void)
{
	struct outpost_known known = { .number = 0 };
	struct said s = say(1, &known);

	report(&s, 0);
	accept(&known);
	assert_int_equal(known.number, 1);
	assert_int_equal(known.head.size, o.size);
	return known;
}

static void reports_follow_one_another(void **state)
{
	struct outpost_known known = first();

	(void)state;
	for (uint64_t n = 2; n < 8; n++) {
		struct said s = say(n, &known);

		report(&s, known.head.size);
		accept(&known);
		assert_int_equal(known.number, n);
	}
}

static void who_comes_late_starts_with_any(void **state)
{
	struct outpost_known known = { .report = { { 9 } } };
	struct said s = say(40, &known);

	(void)state;
	report(&s, 3);
	accept(&known);
	assert_int_equal(known.number, 40);
}

static void what_is_known_or_missing_is_noticed(void **state)
{
	struct outpost_known known = first();
	struct outpost_known later = known;
	struct said s = say(2, &known);

	(void)state;
	refuse(&known, ERR_ROLLBACK, "known already");
	later.number = 5;
	refuse(&later, ERR_ROLLBACK, "known already");
	s.number = s.logged = 3;
	report(&s, known.head.size);
	refuse(&known, ERR_CONFLICT, "2 is missing");
}

static void only_the_log_that_is_known_may_grow(void **state)
{
	struct outpost_known known = first(), other;
	struct said s = say(2, &known);

	(void)state;
	report(&s, known.head.size);
	other = known;
	other.head.root.bytes[0] ^= 1;
	refuse(&other, ERR_UNTRUSTED, "past was changed");
	/* from somewhere else than where we stand */
	report(&s, known.head.size - 1);
	refuse(&known, ERR_UNTRUSTED, "proves growth from");
	/* a record of what was signed before is another now */
	o.leaves[2].bytes[0] ^= 1;
	report(&s, known.head.size);
	refuse(&known, ERR_UNTRUSTED, "past was changed");
}

static void the_log_must_hold_this_report(void **state)
{
	struct outpost_known known = first();
	struct said s = say(2, &known);

	(void)state;
	s.logged_text = "another";
	report(&s, known.head.size);
	refuse(&known, ERR_UNTRUSTED, "holds another report");
	s = say(2, &known);
	s.act = AUDIT_OUTPOST_REPORT;
	report(&s, known.head.size);
	refuse(&known, ERR_UNTRUSTED, "not of a report");
	s = say(2, &known);
	s.number = 3;
	report(&s, known.head.size);
	refuse(&known, ERR_UNTRUSTED, "another number");
	s = say(2, &known);
	s.before.bytes[0] ^= 1;
	report(&s, known.head.size);
	refuse(&known, ERR_UNTRUSTED, "follows another report");
	s = say(2, &known);
	s.type = "something";
	report(&s, known.head.size);
	refuse(&known, ERR_FORMAT, "not of an outpost");
}

static void only_its_own_key_signs(void **state)
{
	struct outpost_known known = { .number = 0 }, next;
	struct ec_private *key = NULL;
	struct said s = say(1, &known);
	struct ec_public other;
	struct sha256 is, wanted;
	struct json *j = NULL;
	struct err e = { 0 };

	(void)state;
	report(&s, 0);
	assert_ok(ec_generate(&key, &e));
	ec_public_of(key, &other);
	ec_free(key);
	assert_refused(
		outpost_open(buf_slice(&o.file), &other, &known, &next, &j, &e),
		ERR_UNTRUSTED);
	assert_ok(outpost_peek(buf_slice(&o.file), &is, &e));
	ec_public_fingerprint(&o.public_key, &wanted);
	assert_true(sha256_equal(&is, &wanted));
}

/* Every byte of a file counts: none can be another without it being noticed,
 * unless it only says the same in other bytes of JSON. */
static void no_bit_of_it_can_change(void **state)
{
	struct outpost_known known = first();
	struct said s = say(2, &known);
	struct outpost_known next;

	(void)state;
	report(&s, known.head.size);
	for (size_t i = 0; i < o.file.len; i++) {
		struct json *j = NULL;
		struct err e = { 0 };

		o.file.ptr[i] ^= 1;
		assert_int_equal(outpost_open(buf_slice(&o.file), &o.public_key,
					      &known, &next, &j, &e),
				 -1);
		o.file.ptr[i] ^= 1;
	}
	accept(&known);
}

static void what_is_no_report_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"{}",
		"[]",
		"{\"v\":1}",
		"{\"v\":2,\"report\":\"\",\"record\":\"\",\"checkpoint\":\"\","
		"\"from\":0,\"grown\":[],\"included\":[]}",
		"{\"v\":1,\"report\":\"\",\"record\":\"\",\"checkpoint\":\"\","
		"\"from\":-1,\"grown\":[],\"included\":[]}",
		"{\"v\":1,\"report\":\"\",\"record\":\"\",\"checkpoint\":\"\","
		"\"from\":0,\"grown\":[1],\"included\":[]}",
		"{\"v\":1,\"report\":\"\",\"record\":\"\",\"checkpoint\":\"\","
		"\"from\":0,\"grown\":[],\"included\":[],\"more\":1}",
	};
	const struct outpost_known known = { .number = 0 };
	struct sha256 key;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		o.file.len = 0;
		assert_ok(buf_add(&o.file, slice_of(bad[i]), &e));
		refuse(&known, ERR_FORMAT, "report");
		assert_refused(outpost_peek(buf_slice(&o.file), &key, &e),
			       ERR_FORMAT);
	}
	o.file.len = 0;
	assert_non_null(buf_reserve(&o.file, OUTPOST_FILE_MAX + 1, &e));
	memset(o.file.ptr, ' ', OUTPOST_FILE_MAX + 1);
	o.file.len = OUTPOST_FILE_MAX + 1;
	refuse(&known, ERR_LIMIT, "too long");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reports_follow_one_another,
						start, stop),
		cmocka_unit_test_setup_teardown(who_comes_late_starts_with_any,
						start, stop),
		cmocka_unit_test_setup_teardown(
			what_is_known_or_missing_is_noticed, start, stop),
		cmocka_unit_test_setup_teardown(
			only_the_log_that_is_known_may_grow, start, stop),
		cmocka_unit_test_setup_teardown(the_log_must_hold_this_report,
						start, stop),
		cmocka_unit_test_setup_teardown(only_its_own_key_signs, start,
						stop),
		cmocka_unit_test_setup_teardown(no_bit_of_it_can_change, start,
						stop),
		cmocka_unit_test_setup_teardown(what_is_no_report_is_refused,
						start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
