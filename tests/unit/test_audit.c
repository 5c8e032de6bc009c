/* SPDX-License-Identifier: Apache-2.0 */
/* Records, checkpoints, the log in the store, and its verification offline. */
#include "update-server/audit_verify.h"

#include "tests/unit/box.h"
#include "update-server/store.h"
#include "update-server/store_cohort.h"

#define NOW     1700000000
#define RECORDS 12

static const struct audit_by by = { .kind = AUDIT_PERSON,
				    .person = { { 7 } },
				    .now = NOW };

/* ---- records ------------------------------------------------------------- */

static struct audit_record a_record(void)
{
	struct audit_record r;

	audit_record_init(&r, AUDIT_COHORT_CREATE, &by);
	json_set_text(r.objects, "cohort", "canary");
	r.number = 3;
	return r;
}

#define PERSON                                                                 \
	"0700000000000000000000000000000000000000000000000000000000000000"
#define GOOD                                                                   \
	"{\"act\":\"cohort-create\",\"actor\":{\"id\":\"" PERSON               \
	"\",\"kind\":\"person\"},\"n\":3,\"objects\":{\"cohort\":\"canary\"}," \
	"\"time\":\"2023-11-14T22:13:20Z\",\"v\":1}"

static void a_record_is_canonical_and_read_back(void **state)
{
	struct audit_record r = a_record(), again = { 0 };
	struct buf text = BUF_INIT(AUDIT_RECORD_MAX);
	struct err e = { 0 };

	(void)state;
	assert_ok(audit_record_format(&r, &text, &e));
	assert_string_equal(buf_text(&text), GOOD);
	assert_ok(audit_record_parse(buf_slice(&text), &again, &e));
	assert_int_equal(again.act, AUDIT_COHORT_CREATE);
	assert_int_equal(again.number, 3);
	assert_int_equal(again.time, NOW);
	assert_memory_equal(&again.by.person, &by.person, SHA256_LEN);
	audit_record_done(&again);
	audit_record_done(&r);
	buf_done(&text);
}

static void what_is_not_in_the_schema_is_never_written(void **state)
{
	struct buf text = BUF_INIT(AUDIT_RECORD_MAX);
	struct audit_record r = a_record();
	struct err e = { 0 };

	(void)state;
	json_set_text(r.objects, "note", "Alice did it");
	assert_refused(audit_record_format(&r, &text, &e), ERR_FORMAT);
	json_remove(r.objects, "note");
	json_set_text(r.objects, "cohort", "free text");
	assert_refused(audit_record_format(&r, &text, &e), ERR_FORMAT);
	json_remove(r.objects, "cohort");
	assert_refused(audit_record_format(&r, &text, &e), ERR_FORMAT);
	assert_int_equal(text.len, 0);
	audit_record_done(&r);
	buf_done(&text);
}

static void a_record_has_one_spelling(void **state)
{
	static const char *const bad[] = {
		"",
		"{}",
		"[]",
		" " GOOD,
		GOOD " ",
		/* another order, another actor, an unknown act, no id */
		"{\"v\":1,\"act\":\"cohort-create\",\"actor\":{\"id\":\"" PERSON
		"\",\"kind\":\"person\"},\"n\":3,\"objects\":{\"cohort\":"
		"\"canary\"},\"time\":\"2023-11-14T22:13:20Z\"}",
		"{\"act\":\"cohort-create\",\"actor\":{\"kind\":\"person\"},"
		"\"n\":3,\"objects\":{\"cohort\":\"canary\"},\"time\":"
		"\"2023-11-14T22:13:20Z\",\"v\":1}",
		"{\"act\":\"cohort-eat\",\"actor\":{\"kind\":\"gate\"},"
		"\"n\":3,\"objects\":{\"cohort\":\"canary\"},\"time\":"
		"\"2023-11-14T22:13:20Z\",\"v\":1}",
		"{\"act\":\"cohort-create\",\"actor\":{\"id\":\"00\",\"kind\":"
		"\"gate\"},\"n\":3,\"objects\":{\"cohort\":\"canary\"},"
		"\"time\":\"2023-11-14T22:13:20Z\",\"v\":1}",
		"{\"act\":\"cohort-create\",\"actor\":{\"kind\":\"gate\"},"
		"\"n\":3,\"objects\":{\"cohort\":\"canary\"},\"time\":"
		"\"2023-11-14T22:13:20Z\",\"v\":2}",
	};
	struct audit_record r;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(audit_record_parse(slice_of(bad[i]), &r, &e),
			       ERR_FORMAT);
}

/* Each canonical, and each with something that no schema has. */
static void what_is_read_keeps_to_the_schema_too(void **state)
{
	static const char *const good[] = {
		"{\"act\":\"import\",\"actor\":{\"id\":\"abababababababababababababababababababababababababababababababab\",\"kind\":\"person\"},\"n\":3,\"objects\":{\"releases\":1,\"roles\":[\"rollout\"],\"root\":1,\"targets\":2},\"time\":\"2026-11-27T03:00:00Z\",\"v\":1}",
		"{\"act\":\"import\",\"actor\":{\"id\":\"abababababababababababababababababababababababababababababababab\",\"kind\":\"person\"},\"n\":3,\"objects\":{\"releases\":1,\"roles\":[\"rollout\"],\"root\":1,\"targets\":2,\"versions\":[7]},\"time\":\"2026-11-27T03:00:00Z\",\"v\":1}",
		"{\"act\":\"device-revoke\",\"actor\":{\"id\":\"abababababababababababababababababababababababababababababababab\",\"kind\":\"person\"},\"n\":3,\"objects\":{\"device\":\"00000000000000000000000000000000\"},\"time\":\"2026-11-27T03:00:00Z\",\"v\":1}",
		"{\"act\":\"rollout-start\",\"actor\":{\"id\":\"abababababababababababababababababababababababababababababababab\",\"kind\":\"person\"},\"n\":3,\"objects\":{\"limit\":\"ffffffffffffffff\",\"population\":3,\"rollout\":\"r\",\"share\":1},\"time\":\"2026-11-27T03:00:00Z\",\"v\":1}",
		"{\"act\":\"log-key\",\"actor\":{\"kind\":\"system\"},\"n\":3,\"objects\":{\"from\":\"abababababababababababababababababababababababababababababababab\",\"key\":\"abababababababababababababababababababababababababababababababab\",\"lost\":0,\"point\":\"0400000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000\"},\"time\":\"2026-11-27T03:00:00Z\",\"v\":1}",
		"{\"act\":\"device-renew\",\"actor\":{\"id\":\"00000000000000000000000000000000\",\"kind\":\"device\"},\"n\":3,\"objects\":{\"certificate\":\"abababababababababababababababababababababababababababababababab\",\"device\":\"00000000000000000000000000000000\",\"from\":\"abababababababababababababababababababababababababababababababab\",\"key\":\"abababababababababababababababababababababababababababababababab\"},\"time\":\"2026-11-27T03:00:00Z\",\"v\":1}",
	};
	static const char
		*const
			bad
				[] = {
					"{\"act\":\"import\",\"actor\":{\"id\":\"abababababababababababababababababababababababababababababababab\",\"kind\":\"person\"},\"n\":3,\"objects\":{\"releases\":1,\"roles\":[\"rollout\"],\"root\":1,\"targets\":2,\"versions\":[7,8]},\"time\":\"2026-11-27T03:00:00Z\",\"v\":1}",
					"{\"act\":\"import\",\"actor\":{\"id\":\"abababababababababababababababababababababababababababababababab\",\"kind\":\"person\"},\"n\":3,\"objects\":{\"releases\":1,\"roles\":[\"rollout\"],\"root\":1,\"targets\":2,\"versions\":[-1]},\"time\":\"2026-11-27T03:00:00Z\",\"v\":1}",
					"{\"act\":\"import\",\"actor\":{\"id\":\"abababababababababababababababababababababababababababababababab\",\"kind\":\"person\"},\"n\":3,\"objects\":{\"releases\":1,\"roles\":[\"rollout\"],\"root\":1,\"targets\":2,\"versions\":[\"7\"]},\"time\":\"2026-11-27T03:00:00Z\",\"v\":1}",
					"{\"act\":\"import\",\"actor\":{\"id\":\"abababababababababababababababababababababababababababababababab\",\"kind\":\"person\"},\"n\":3,\"objects\":{\"releases\":1,\"roles\":[\"rollout\"],\"root\":1,\"targets\":2,\"versions\":7},\"time\":\"2026-11-27T03:00:00Z\",\"v\":1}",
					"{\"act\":\"import\",\"actor\":{\"id\":\"abababababababababababababababababababababababababababababababab\",\"kind\":\"person\"},\"n\":3,\"objects\":{\"releases\":1,\"roles\":\"rollout\",\"root\":1,\"targets\":2},\"time\":\"2026-11-27T03:00:00Z\",\"v\":1}",
					"{\"act\":\"import\",\"actor\":{\"id\":\"abababababababababababababababababababababababababababababababab\",\"kind\":\"person\"},\"n\":3,\"objects\":{\"releases\":1,\"roles\":[\"../x\"],\"root\":1,\"targets\":2},\"time\":\"2026-11-27T03:00:00Z\",\"v\":1}",
					"{\"act\":\"import\",\"actor\":{\"id\":\"abababababababababababababababababababababababababababababababab\",\"kind\":\"person\"},\"n\":3,\"objects\":{\"releases\":1,\"roles\":[1],\"root\":1,\"targets\":2},\"time\":\"2026-11-27T03:00:00Z\",\"v\":1}",
					"{\"act\":\"import\",\"actor\":{\"id\":\"abababababababababababababababababababababababababababababababab\",\"kind\":\"person\"},\"n\":3,\"objects\":{\"releases\":1,\"roles\":[\"rollout\"],\"root\":\"1\",\"targets\":2},\"time\":\"2026-11-27T03:00:00Z\",\"v\":1}",
					"{\"act\":\"device-revoke\",\"actor\":{\"id\":\"abababababababababababababababababababababababababababababababab\",\"kind\":\"person\"},\"n\":3,\"objects\":{\"device\":\"00\"},\"time\":\"2026-11-27T03:00:00Z\",\"v\":1}",
					"{\"act\":\"device-revoke\",\"actor\":{\"id\":\"abababababababababababababababababababababababababababababababab\",\"kind\":\"person\"},\"n\":3,\"objects\":{\"device\":\"00000000000000000000000000000000\",\"name\":\"bob\"},\"time\":\"2026-11-27T03:00:00Z\",\"v\":1}",
					"{\"act\":\"device-revoke\",\"actor\":{\"id\":\"abababababababababababababababababababababababababababababababab\",\"kind\":\"person\"},\"n\":3,\"objects\":{},\"time\":\"2026-11-27T03:00:00Z\",\"v\":1}",
					"{\"act\":\"rollout-start\",\"actor\":{\"id\":\"abababababababababababababababababababababababababababababababab\",\"kind\":\"person\"},\"n\":3,\"objects\":{\"limit\":\"f\",\"population\":3,\"rollout\":\"r\",\"share\":1},\"time\":\"2026-11-27T03:00:00Z\",\"v\":1}",
					"{\"act\":\"rollout-start\",\"actor\":{\"id\":\"abababababababababababababababababababababababababababababababab\",\"kind\":\"person\"},\"n\":3,\"objects\":{\"limit\":\"ffffffffffffffff\",\"population\":3,\"rollout\":\"R R\",\"share\":1},\"time\":\"2026-11-27T03:00:00Z\",\"v\":1}",
					"{\"act\":\"log-key\",\"actor\":{\"kind\":\"system\"},\"n\":3,\"objects\":{\"from\":\"abababababababababababababababababababababababababababababababab\",\"key\":\"abababababababababababababababababababababababababababababababab\",\"lost\":0,\"point\":\"04\"},\"time\":\"2026-11-27T03:00:00Z\",\"v\":1}",
					"{\"act\":\"log-key\",\"actor\":{\"kind\":\"system\"},\"n\":3,\"objects\":{\"from\":\"abababababababababababababababababababababababababababababababab\",\"key\":\"00\",\"lost\":0,\"point\":\"0400000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000\"},\"time\":\"2026-11-27T03:00:00Z\",\"v\":1}",
					"{\"act\":\"device-renew\",\"actor\":{\"id\":\"00\",\"kind\":\"device\"},\"n\":3,\"objects\":{\"certificate\":\"abababababababababababababababababababababababababababababababab\",\"device\":\"00000000000000000000000000000000\",\"from\":\"abababababababababababababababababababababababababababababababab\",\"key\":\"abababababababababababababababababababababababababababababababab\"},\"time\":\"2026-11-27T03:00:00Z\",\"v\":1}",
					"{\"act\":\"device-revoke\",\"actor\":{\"id\":\"00\",\"kind\":\"person\"},\"n\":3,\"objects\":{\"device\":\"00000000000000000000000000000000\"},\"time\":\"2026-11-27T03:00:00Z\",\"v\":1}",
					"{\"act\":\"device-revoke\",\"actor\":{\"kind\":\"nobody\"},\"n\":3,\"objects\":{\"device\":\"00000000000000000000000000000000\"},\"time\":\"2026-11-27T03:00:00Z\",\"v\":1}",
					"{\"act\":\"device-revoke\",\"actor\":{\"id\":\"abababababababababababababababababababababababababababababababab\",\"kind\":\"system\"},\"n\":3,\"objects\":{\"device\":\"00000000000000000000000000000000\"},\"time\":\"2026-11-27T03:00:00Z\",\"v\":1}",
					"{\"act\":\"device-bless\",\"actor\":{\"id\":\"abababababababababababababababababababababababababababababababab\",\"kind\":\"person\"},\"n\":3,\"objects\":{\"device\":\"00000000000000000000000000000000\"},\"time\":\"2026-11-27T03:00:00Z\",\"v\":1}",
					"{\"act\":\"device-revoke\",\"actor\":{\"id\":\"abababababababababababababababababababababababababababababababab\",\"kind\":\"person\"},\"n\":3,\"objects\":{\"device\":\"00000000000000000000000000000000\"},\"time\":\"2026-11-27T03:00:00Z\",\"v\":2}",
					"{\"act\":\"device-revoke\",\"actor\":{\"id\":\"abababababababababababababababababababababababababababababababab\",\"kind\":\"person\"},\"more\":1,\"n\":3,\"objects\":{\"device\":\"00000000000000000000000000000000\"},\"time\":\"2026-11-27T03:00:00Z\",\"v\":1}",
					"[]",
				};
	static char text[AUDIT_RECORD_MAX + 2];
	struct audit_record r;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_ok(audit_record_parse(slice_of(good[i]), &r, &e));
		audit_record_done(&r);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (audit_record_parse(slice_of(bad[i]), &r, &e) != -1 ||
		    e.code != ERR_FORMAT)
			fail_msg("%s", bad[i]);
	memset(text, ' ', sizeof(text) - 1);
	assert_refused(audit_record_parse(slice_of(text), &r, &e), ERR_LIMIT);
}

/* ---- checkpoints --------------------------------------------------------- */

static struct ec_private *key_from(uint8_t fill)
{
	uint8_t scalar[EC_SCALAR_LEN];
	struct ec_private *key = NULL;
	struct err e = { 0 };

	memset(scalar, fill, sizeof(scalar));
	assert_ok(ec_private_from_scalar(scalar, &key, &e));
	return key;
}

static void a_checkpoint_needs_its_key_and_every_byte(void **state)
{
	struct ec_private *key = key_from(5), *other = key_from(6);
	struct buf text = BUF_INIT(AUDIT_CHECKPOINT_MAX + 1);
	struct audit_checkpoint c = { .head = { .size = 9 }, .time = NOW }, got;
	struct ec_public mine, foreign;
	struct err e = { 0 };

	(void)state;
	ec_public_of(key, &mine);
	ec_public_of(other, &foreign);
	assert_ok(audit_checkpoint_sign(&c, key, &text, &e));
	assert_ok(audit_checkpoint_open(buf_slice(&text), &mine, &got, &e));
	assert_int_equal(got.head.size, 9);
	assert_int_equal(got.time, NOW);
	assert_refused(
		audit_checkpoint_open(buf_slice(&text), &foreign, &got, &e),
		ERR_UNTRUSTED);
	for (size_t len = 0; len < text.len; len++)
		assert_int_equal(audit_checkpoint_open(
					 slice_sub(buf_slice(&text), 0, len),
					 &mine, &got, &e),
				 -1);
	for (size_t i = 0; i < text.len; i++) {
		text.ptr[i] ^= 1;
		assert_int_equal(audit_checkpoint_open(buf_slice(&text), &mine,
						       &got, &e),
				 -1);
		text.ptr[i] ^= 1;
	}
	buf_done(&text);
	ec_free(key);
	ec_free(other);
}

/* A checkpoint as the key would sign it, if it could be told to. */
static enum err_code odd_code(const char *body, const char *more,
			      const char *sig_hex)
{
	struct ec_private *key = key_from(5);
	struct buf sig = BUF_INIT(EC_SIG_MAX_LEN), text = BUF_INIT(4096);
	char hex[2 * EC_SIG_MAX_LEN + 1];
	struct audit_checkpoint got;
	struct ec_public mine;
	struct err e = { 0 };
	int rc;

	ec_public_of(key, &mine);
	assert_ok(ec_sign(key, slice_of(body), &sig, &e));
	hex_format(buf_slice(&sig), hex);
	assert_ok(buf_addf(&text, &e, "{%s\"sig\":\"%s\",\"signed\":%s}", more,
			   sig_hex ? sig_hex : hex, body));
	rc = audit_checkpoint_open(buf_slice(&text), &mine, &got, &e);
	buf_done(&sig);
	buf_done(&text);
	ec_free(key);
	return rc ? e.code : ERR_NONE;
}

static void a_checkpoint_has_one_form(void **state)
{
	static const char good[] =
		"{\"log\":\"%s\",\"root\":\"%064d\",\"size\":9,"
		"\"time\":\"2026-11-27T03:00:00Z\",\"type\":\"%s\",\"v\":%d%s}";
	char log[SHA256_HEX_LEN], body[500], long_sig[2 * EC_SIG_MAX_LEN + 3];
	char more[AUDIT_CHECKPOINT_MAX + 20];
	struct ec_private *key = key_from(5);
	struct ec_public mine;
	struct sha256 id;

	(void)state;
	ec_public_of(key, &mine);
	ec_public_fingerprint(&mine, &id);
	sha256_format(&id, log);
#define BODY(l, t, v, m)                                                       \
	(snprintf(body, sizeof(body), good, l, 0, t, v, m), body)
	assert_int_equal(
		odd_code(BODY(log, "audit-checkpoint", 1, ""), "", NULL),
		ERR_NONE);
	assert_int_equal(
		odd_code(BODY(log, "audit-checkpoint", 2, ""), "", NULL),
		ERR_FORMAT);
	assert_int_equal(odd_code(BODY(log, "order", 1, ""), "", NULL),
			 ERR_FORMAT);
	assert_int_equal(odd_code(BODY(log, "audit-checkpoint", 1, ",\"x\":1"),
				  "", NULL),
			 ERR_FORMAT);
	assert_int_equal(odd_code(BODY(log, "audit-checkpoint", 1, ""),
				  "\"more\":1,", NULL),
			 ERR_FORMAT);
	assert_int_equal(odd_code(body, "", ""), ERR_FORMAT);
	memset(long_sig, 'a', sizeof(long_sig) - 1);
	long_sig[sizeof(long_sig) - 1] = 0;
	assert_int_equal(odd_code(body, "", long_sig), ERR_FORMAT);
	memset(more, ' ', sizeof(more) - 1);
	more[sizeof(more) - 1] = 0;
	assert_int_equal(odd_code(body, more, NULL), ERR_LIMIT);
	/* the right signature, under another log's name */
	log[0] = log[0] == '0' ? '1' : '0';
	assert_int_equal(
		odd_code(BODY(log, "audit-checkpoint", 1, ""), "", NULL),
		ERR_UNTRUSTED);
	ec_free(key);
}

/* ---- the log in the store ------------------------------------------------ */

struct world {
	struct box box;
	struct store *s;
	struct ec_private *key;
	struct ec_public public_key;
};

static int open_world(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	char path[100];
	struct err e = { 0 };

	if (!w)
		return -1;
	box_open(&w->box);
	(void)snprintf(path, sizeof(path), "%s/db", w->box.path);
	assert_ok(store_open(path, &w->s, &e));
	w->key = key_from(5);
	ec_public_of(w->key, &w->public_key);
	*state = w;
	return 0;
}

static int close_world(void **state)
{
	struct world *w = *state;

	store_close(w->s);
	ec_free(w->key);
	box_close(&w->box);
	free(w);
	return 0;
}

static uint64_t size_of(struct world *w)
{
	uint64_t size = 0;
	struct err e = { 0 };

	assert_ok(store_audit_size(w->s, &size, &e));
	return size;
}

static void add_cohorts(struct world *w, unsigned count)
{
	char name[16];
	struct err e = { 0 };

	for (unsigned i = 0; i < count; i++) {
		(void)snprintf(name, sizeof(name), "c%llu",
			       (unsigned long long)size_of(w));
		assert_ok(store_cohort_add(w->s, name, &by, &e));
	}
}

struct last {
	struct audit_record r;
};

static int keep_last(void *ctx, struct slice record, struct err *e)
{
	struct last *l = ctx;

	audit_record_done(&l->r);
	return audit_record_parse(record, &l->r, e);
}

static void an_act_that_fails_leaves_no_record(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	assert_ok(store_cohort_add(w->s, "one", &by, &e));
	assert_refused(store_cohort_add(w->s, "one", &by, &e), ERR_CONFLICT);
	assert_refused(store_claim_revoke(w->s, 4, &by, &e), ERR_NOT_FOUND);
	assert_int_equal(size_of(w), 1);
}

static void without_room_for_the_log_only_urgent_acts_are_done(void **state)
{
	struct world *w = *state;
	struct store_batch b = { .product = "p",
				 .model = "m",
				 .cohort = "one",
				 .count = 1,
				 .created = NOW,
				 .life = UTC_DAY };
	const struct sha256 code = { { 1 } };
	uint64_t count;
	struct err e = { 0 };

	assert_ok(store_cohort_add(w->s, "one", &by, &e));
	assert_ok(store_batch_add(w->s, &b, &code, &by, &e));
	store_set_reserve(w->s, w->box.dir, UINT64_MAX);
	assert_refused(store_cohort_add(w->s, "two", &by, &e), ERR_SPACE);
	assert_refused(store_room(w->s, 1, &e), ERR_SPACE);
	assert_refused(store_batch_activate(w->s, b.id, &by, &e), ERR_SPACE);
	assert_ok(store_claim_revoke(w->s, b.id, &by, &e));
	assert_ok(store_batch_revoke(w->s, b.id, &by, &count, &e));
	assert_int_equal(size_of(w), 4);
	store_set_reserve(w->s, w->box.dir, 1);
	/* It was not done then, so it can be done now. */
	assert_ok(store_cohort_add(w->s, "two", &by, &e));
}

static void a_clock_that_goes_back_is_noted(void **state)
{
	struct world *w = *state;
	struct audit_by earlier = by;
	struct last l = { 0 };
	struct err e = { 0 };

	add_cohorts(w, 1);
	earlier.now -= 500;
	assert_ok(store_cohort_add(w->s, "back", &earlier, &e));
	assert_ok(store_audit_each(w->s, 1, 10, keep_last, &l, &e));
	assert_int_equal(l.r.time, NOW);
	assert_int_equal(l.r.clock_back, 500);
	audit_record_done(&l.r);
}

static void the_stores_tree_is_that_of_its_records(void **state)
{
	struct world *w = *state;
	struct merkle_head first = { 0 }, now;
	struct merkle_proof p;
	struct err e = { 0 };

	for (unsigned n = 1; n < 40; n++) {
		add_cohorts(w, 1);
		assert_ok(store_audit_prove(w->s, first.size, &now, &p, &e));
		assert_int_equal(now.size, n);
		assert_ok(merkle_check_consistency(&first, &now, &p, &e));
		if (n == 5 || n == 16 || n == 23)
			first = now;
	}
	assert_refused(store_audit_prove(w->s, 40, &now, &p, &e), ERR_ROLLBACK);
}

/* ---- verification -------------------------------------------------------- */

static int write_record(void *ctx, struct slice record, struct err *e)
{
	const int *fd = ctx;

	return fs_write(*fd, record, e) || fs_write(*fd, slice_of("\n"), e) ? -1
									    : 0;
}

static void sign_head(struct world *w, const char *name, int64_t time, int fd)
{
	struct buf text = BUF_INIT(AUDIT_CHECKPOINT_MAX + 1);
	struct audit_checkpoint c = { .time = time };
	struct merkle_proof p;
	struct err e = { 0 };

	assert_ok(store_audit_prove(w->s, 0, &c.head, &p, &e));
	assert_ok(audit_checkpoint_sign(&c, w->key, &text, &e));
	assert_ok(buf_addf(&text, &e, "\n"));
	if (name)
		assert_ok(fs_replace_file(w->box.dir, name, buf_slice(&text),
					  0600, &e));
	assert_ok(fs_write(fd, buf_slice(&text), &e));
	buf_done(&text);
}

/* An export of RECORDS records with checkpoints after 5 and all of them. */
static void export_log(struct world *w, const char *folder)
{
	char name[80];
	struct err e = { 0 };
	int records = -1, checkpoints = -1;

	assert_ok(fs_mkdirs(w->box.dir, folder, 0700, &e));
	(void)snprintf(name, sizeof(name), "%s/records.jsonl", folder);
	assert_ok(fs_create(w->box.dir, name, 0600, &records, &e));
	(void)snprintf(name, sizeof(name), "%s/checkpoints.jsonl", folder);
	assert_ok(fs_create(w->box.dir, name, 0600, &checkpoints, &e));
	add_cohorts(w, 5);
	sign_head(w, "five.json", NOW, checkpoints);
	add_cohorts(w, RECORDS - 5);
	sign_head(w, "all.json", NOW + 60, checkpoints);
	assert_ok(store_audit_each(w->s, 0, 1000, write_record, &records, &e));
	fs_close(&records);
	fs_close(&checkpoints);
}

static int verify(struct world *w, const char *folder, const char *kept,
		  struct err *e)
{
	char path[200];
	const char *const paths[] = { path };
	struct audit_findings found = { 0 };
	struct audit_check check = { .dirfd = box_folder(&w->box, folder),
				     .keys = &w->public_key,
				     .key_count = 1,
				     .kept = paths,
				     .kept_count = kept ? 1 : 0 };
	int rc;

	if (kept)
		(void)snprintf(path, sizeof(path), "%s/%s", w->box.path, kept);
	rc = audit_verify(&check, &found, e);
	if (rc == 0) {
		assert_int_equal(found.records, RECORDS);
		assert_int_equal(found.checkpoints, 2);
	}
	fs_close(&check.dirfd);
	return rc;
}

static void a_whole_log_verifies(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	export_log(w, "log");
	assert_ok(verify(w, "log", NULL, &e));
	assert_ok(verify(w, "log", "five.json", &e));
	assert_ok(verify(w, "log", "all.json", &e));
}

/* Change the export's records by hand and look. */
static void tampered(struct world *w, struct slice records, enum err_code code,
		     const char *words)
{
	struct err e = { 0 };

	assert_ok(fs_replace_file(w->box.dir, "log/records.jsonl", records,
				  0600, &e));
	assert_refused(verify(w, "log", NULL, &e), code);
	if (!strstr(e.msg, words))
		fail_msg("%s: %s", words, e.msg);
}

static size_t line_at(const struct buf *b, unsigned n)
{
	size_t at = 0;

	while (n-- > 0)
		at = (size_t)((const uint8_t *)memchr(b->ptr + at, '\n',
						      b->len - at) +
			      1 - b->ptr);
	return at;
}

/* The lines of b in another order, or without some of them. */
static void compose(const struct buf *b, const unsigned *lines, size_t count,
		    struct buf *out)
{
	struct err e = { 0 };

	out->len = 0;
	for (size_t i = 0; i < count; i++) {
		size_t from = line_at(b, lines[i]),
		       to = line_at(b, lines[i] + 1);

		assert_ok(buf_add(out, slice_sub(buf_slice(b), from, to - from),
				  &e));
	}
}

static void every_tampering_with_records_is_found(void **state)
{
	static const unsigned deleted[] = { 0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11 };
	static const unsigned swapped[] = {
		0, 1, 3, 2, 4, 5, 6, 7, 8, 9, 10, 11
	};
	static const unsigned doubled[] = { 0, 1, 2, 2, 3,  4, 5,
					    6, 7, 8, 9, 10, 11 };
	static const unsigned cut[] = { 0, 1, 2, 3, 4 };
	struct buf b = BUF_INIT(100000), t = BUF_INIT(100000);
	struct world *w = *state;
	struct err e = { 0 };
	uint8_t *at;

	export_log(w, "log");
	assert_ok(fs_read_file(w->box.dir, "log/records.jsonl", &b, &e));
	compose(&b, deleted, ARRAY_LEN(deleted), &t);
	tampered(w, buf_slice(&t), ERR_UNTRUSTED, "stands where 3 belongs");
	compose(&b, swapped, ARRAY_LEN(swapped), &t);
	tampered(w, buf_slice(&t), ERR_UNTRUSTED, "stands where 2 belongs");
	compose(&b, doubled, ARRAY_LEN(doubled), &t);
	tampered(w, buf_slice(&t), ERR_UNTRUSTED, "stands where 3 belongs");
	compose(&b, cut, ARRAY_LEN(cut), &t);
	tampered(w, buf_slice(&t), ERR_ROLLBACK, "was cut: it has 5 records");
	tampered(w, slice_sub(buf_slice(&b), 0, b.len - 1), ERR_UNTRUSTED,
		 "cut off");
	tampered(w, (struct slice){ 0 }, ERR_ROLLBACK, "was cut");
	/* Edited, well formed and in order: the tree tells. */
	at = memmem(b.ptr, b.len, "\"c7\"", 4);
	assert_non_null(at);
	at[2] = '8';
	tampered(w, buf_slice(&b), ERR_UNTRUSTED, "records 5 to 11");
	at[2] = '7';
	at = memmem(b.ptr, b.len, "\"c2\"", 4);
	at[2] = '1';
	tampered(w, buf_slice(&b), ERR_UNTRUSTED, "records 0 to 4");
	at[2] = '2';
	/* A clock that goes back, whatever was signed. */
	at = b.ptr + line_at(&b, 8);
	at = memmem(at, b.len - line_at(&b, 8), "2023", 4);
	at[3] = '2';
	tampered(w, buf_slice(&b), ERR_UNTRUSTED, "before that of the record");
	buf_done(&b);
	buf_done(&t);
}

static void records_that_nobody_signed_are_named(void **state)
{
	struct buf b = BUF_INIT(10000);
	struct world *w = *state;
	struct err e = { 0 };

	export_log(w, "log");
	assert_ok(fs_read_file(w->box.dir, "log/checkpoints.jsonl", &b, &e));
	assert_ok(fs_replace_file(w->box.dir, "log/checkpoints.jsonl",
				  slice_sub(buf_slice(&b), 0, line_at(&b, 1)),
				  0600, &e));
	assert_refused(verify(w, "log", NULL, &e), ERR_UNTRUSTED);
	assert_non_null(strstr(e.msg, "nobody signed the last 7"));
	/* Cut together with its checkpoint, only what was kept tells. */
	assert_refused(verify(w, "log", "all.json", &e), ERR_UNTRUSTED);
	/* Checkpoints that are swapped or foreign. */
	assert_ok(fs_replace_file(
		w->box.dir, "log/checkpoints.jsonl",
		slice_sub(buf_slice(&b), line_at(&b, 1), b.len), 0600, &e));
	assert_int_equal(verify(w, "log", "nothing.json", &e), -1);
	w->public_key.point[1] ^= 1;
	assert_refused(verify(w, "log", NULL, &e), ERR_UNTRUSTED);
	buf_done(&b);
}

/* The thief has the key: a new history, well signed. */
static void another_history_with_the_same_key_is_found(void **state)
{
	struct world *w = *state, *forged;
	struct buf kept = BUF_INIT(2000);
	void *other = NULL;
	struct err e = { 0 };

	export_log(w, "log");
	assert_ok(fs_read_file(w->box.dir, "five.json", &kept, &e));
	assert_int_equal(open_world(&other), 0);
	assert_non_null(other);
	forged = other;
	if (!forged) /* for the analyser */
		return;
	assert_ok(store_cohort_add(forged->s, "evil", &by, &e));
	add_cohorts(forged, 0);
	{
		int records = -1, checkpoints = -1;

		assert_ok(fs_mkdirs(forged->box.dir, "log", 0700, &e));
		assert_ok(fs_create(forged->box.dir, "log/records.jsonl", 0600,
				    &records, &e));
		assert_ok(fs_create(forged->box.dir, "log/checkpoints.jsonl",
				    0600, &checkpoints, &e));
		add_cohorts(forged, 5);
		sign_head(forged, NULL, NOW, checkpoints);
		add_cohorts(forged, RECORDS - 6);
		sign_head(forged, NULL, NOW, checkpoints);
		assert_ok(store_audit_each(forged->s, 0, 1000, write_record,
					   &records, &e));
		fs_close(&records);
		fs_close(&checkpoints);
	}
	assert_ok(verify(forged, "log", NULL, &e));
	assert_ok(fs_replace_file(forged->box.dir, "kept.json",
				  buf_slice(&kept), 0600, &e));
	assert_refused(verify(forged, "log", "kept.json", &e), ERR_UNTRUSTED);
	assert_non_null(strstr(e.msg, "rewritten"));
	buf_done(&kept);
	assert_int_equal(close_world(&other), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_is_canonical_and_read_back),
		cmocka_unit_test(what_is_not_in_the_schema_is_never_written),
		cmocka_unit_test(a_record_has_one_spelling),
		cmocka_unit_test(what_is_read_keeps_to_the_schema_too),
		cmocka_unit_test(a_checkpoint_needs_its_key_and_every_byte),
		cmocka_unit_test(a_checkpoint_has_one_form),
		TEST(an_act_that_fails_leaves_no_record),
		TEST(without_room_for_the_log_only_urgent_acts_are_done),
		TEST(a_clock_that_goes_back_is_noted),
		TEST(the_stores_tree_is_that_of_its_records),
		TEST(a_whole_log_verifies),
		TEST(every_tampering_with_records_is_found),
		TEST(records_that_nobody_signed_are_named),
		TEST(another_history_with_the_same_key_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
