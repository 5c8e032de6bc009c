/* SPDX-License-Identifier: Apache-2.0 */
/* An exported log, as a server that lies may write it: with the key, and at
 * will.
 */
#include "update-server/audit_verify.h"

#include "tests/unit/box.h"
#include "tests/unit/officer.h"

#define RECORDS 6
#define NOW     INT64_C(1700000000)

/* What is exported: records, and checkpoints over the first so many. */
struct world {
	struct box box;
	struct ec_private *key;
	struct merkle_tree tree;
	struct merkle_head heads[RECORDS + 2];
	struct buf records, checkpoints;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	box_open(&w->box);
	w->key = officer_key(1);
	w->records = (struct buf)BUF_INIT(65536);
	w->checkpoints = (struct buf)BUF_INIT(65536);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	buf_done(&w->records);
	buf_done(&w->checkpoints);
	ec_free(w->key);
	box_close(&w->box);
	free(w);
	return 0;
}

static void add_line(struct world *w, const struct buf *line)
{
	struct merkle_head *head;
	struct sha256 leaf;
	struct err e = { 0 };

	merkle_leaf(buf_slice(line), &leaf);
	assert_ok(merkle_add(&w->tree, &leaf, &e));
	head = &w->heads[w->tree.size];
	head->size = w->tree.size;
	merkle_root(&w->tree, &head->root);
	assert_ok(buf_add(&w->records, buf_slice(line), &e));
	assert_ok(buf_addf(&w->records, &e, "\n"));
}

static void add_records(struct world *w, unsigned count)
{
	struct buf line = BUF_INIT(AUDIT_RECORD_MAX);
	struct err e = { 0 };

	while (count-- > 0) {
		line.len = 0;
		assert_ok(buf_addf(
			&line, &e,
			"{\"act\":\"rollout-complete\",\"actor\":{\"kind\":"
			"\"gate\"},\"n\":%u,\"objects\":{\"rollout\":\"one\"},"
			"\"time\":\"2023-11-14T22:13:20Z\",\"v\":1}",
			(unsigned)w->tree.size));
		add_line(w, &line);
	}
	buf_done(&line);
}

static void add_checkpoint(struct world *w, unsigned size, int64_t time)
{
	const struct audit_checkpoint c = { .head = w->heads[size],
					    .time = time };
	struct err e = { 0 };

	assert_ok(audit_checkpoint_sign(&c, w->key, &w->checkpoints, &e));
	assert_ok(buf_addf(&w->checkpoints, &e, "\n"));
}

static int refuse(void *ctx, const struct audit_record *r, struct err *e)
{
	const uint64_t *number = ctx;

	return r->number == *number ? err_set(e, ERR_REFUSED, "not this one")
				    : 0;
}

/* Who visits says no at this record. */
static int verify(struct world *w, const uint64_t *refused, struct err *e)
{
	struct ec_public pinned;
	struct audit_findings found;
	struct audit_check check = { .dirfd = w->box.dir,
				     .keys = &pinned,
				     .key_count = 1 };
	uint64_t number;

	if (refused) {
		number = *refused;
		check.visit = refuse;
		check.ctx = &number;
	}
	ec_public_of(w->key, &pinned);
	if (fs_replace_file(w->box.dir, AUDIT_RECORDS_FILE,
			    buf_slice(&w->records), 0600, e) ||
	    fs_replace_file(w->box.dir, AUDIT_CHECKPOINTS_FILE,
			    buf_slice(&w->checkpoints), 0600, e))
		return -1;
	return audit_verify(&check, &found, e);
}

static void checkpoints_lead_forward(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	add_records(w, RECORDS);
	add_checkpoint(w, 3, NOW);
	add_checkpoint(w, RECORDS, NOW);
	assert_ok(verify(w, NULL, &e));
}

/* Each is true by itself: only their order is not. */
static void checkpoints_that_lead_back_are_refused(void **state)
{
	static const struct {
		unsigned first, second;
		int64_t later;
	} cases[] = { { 3, 3, 60 }, { RECORDS, 3, 60 }, { 3, RECORDS, -1 } };
	struct world *w = *state;
	struct err e = { 0 };

	add_records(w, RECORDS);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		w->checkpoints.len = 0;
		add_checkpoint(w, cases[i].first, NOW);
		add_checkpoint(w, cases[i].second, NOW + cases[i].later);
		if (cases[i].second < RECORDS && cases[i].first < RECORDS)
			add_checkpoint(w, RECORDS, NOW + 120);
		assert_refused_saying(verify(w, NULL, &e), ERR_UNTRUSTED,
				      "older than the checkpoint before it");
	}
}

/* Nothing contradicts it; and nobody vouches for it. */
static void a_log_of_nothing_is_none(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	assert_refused(verify(w, NULL, &e), ERR_UNTRUSTED);
	add_records(w, RECORDS);
	assert_refused(verify(w, NULL, &e), ERR_UNTRUSTED);
}

static void who_visits_may_refuse_each_record(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	add_records(w, RECORDS);
	add_checkpoint(w, RECORDS, NOW);
	for (uint64_t n = 0; n < RECORDS; n++)
		assert_refused(verify(w, &n, &e), ERR_REFUSED);
	assert_ok(verify(w, &(uint64_t){ RECORDS }, &e));
}

/* Of a key that signs already: whoever holds it could name it as often as they
 * like. */
static void a_record_that_names_no_new_key_is_refused(void **state)
{
	struct world *w = *state;
	struct buf line = BUF_INIT(AUDIT_RECORD_MAX);
	char id[SHA256_HEX_LEN], point[2 * EC_POINT_LEN + 1];
	struct ec_public key;
	struct sha256 digest;
	struct err e = { 0 };

	ec_public_of(w->key, &key);
	ec_public_fingerprint(&key, &digest);
	sha256_format(&digest, id);
	hex_format((struct slice){ key.point, EC_POINT_LEN }, point);
	assert_ok(
		buf_addf(&line, &e,
			 "{\"act\":\"log-key\",\"actor\":{\"kind\":\"system\"},"
			 "\"n\":0,\"objects\":{\"from\":\"%s\",\"key\":\"%s\","
			 "\"lost\":0,\"point\":\"%s\"},"
			 "\"time\":\"2023-11-14T22:13:20Z\",\"v\":1}",
			 id, id, point));
	add_line(w, &line);
	add_checkpoint(w, 1, NOW);
	assert_refused_saying(verify(w, NULL, &e), ERR_UNTRUSTED,
			      "names no new key");
	buf_done(&line);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(checkpoints_lead_forward),
		TEST(checkpoints_that_lead_back_are_refused),
		TEST(a_log_of_nothing_is_none),
		TEST(who_visits_may_refuse_each_record),
		TEST(a_record_that_names_no_new_key_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
