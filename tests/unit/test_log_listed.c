/* SPDX-License-Identifier: Apache-2.0 */
/* What an import brought, as it lies in the store; e2e 64 has a real one. */
#include "update-server/log_listed.h"

#include <fcntl.h>

#include "update-server/blobs.h"

#include "tests/unit/box.h"
#include "tests/unit/put_blob.h"
#include "update-server/store_cohort.h"

#define SINCE INT64_C(1795360341)

static void the_end_is_the_earlier_one(void **state)
{
	struct log_listed l = { .has_list = false };
	const int64_t year = SINCE + 365 * UTC_DAY;

	(void)state;
	assert_int_equal(log_listed_end(&l, SINCE), year);
	l = (struct log_listed){ true, true, year + 1 };
	assert_int_equal(log_listed_end(&l, SINCE), year);
	l.until = year - 1;
	assert_int_equal(log_listed_end(&l, SINCE), year - 1);
	/* Whoever is not in the list has no time left. */
	l = (struct log_listed){ .has_list = true };
	assert_int_equal(log_listed_end(&l, SINCE), SINCE);
}

static void nothing_imported_says_nothing(void **state)
{
	struct ec_public own = { { 4 } };
	struct log_listed l = { true, true, 7 };
	struct store *s = NULL;
	char path[96];
	struct box box;
	struct err e = { 0 };

	(void)state;
	box_open(&box);
	(void)snprintf(path, sizeof(path), "%s/store", box.path);
	assert_ok(store_open(path, &s, &e));
	assert_ok(log_listed(s, box.dir, &own, &l, &e));
	assert_false(l.has_list);
	assert_false(l.listed);
	store_close(s);
	box_close(&box);
}

/* ---- with an import ------------------------------------------------------ */

struct import {
	struct box box;
	struct store *s;
	struct log_keys keys;
	struct buf list;
};

static void open_import(struct import *m)
{
	struct ec_private *key = NULL;
	char path[96];
	struct json *j;
	struct err e = { 0 };

	*m = (struct import){ .list = BUF_INIT(STATEMENT_MAX_LEN),
			      .keys = { .count = 2, .issued = SINCE } };
	box_open(&m->box);
	(void)snprintf(path, sizeof(path), "%s/store", m->box.path);
	assert_ok(store_open(path, &m->s, &e));
	for (size_t i = 0; i < 2; i++) {
		assert_ok(ec_generate(&key, &e));
		ec_public_of(key, &m->keys.at[i].key);
		m->keys.at[i].until = SINCE + (int64_t)i + 1;
		ec_free(key);
	}
	j = log_keys_format(&m->keys);
	assert_ok(json_canonical(j, &m->list, &e));
	json_free(j);
}

static void close_import(struct import *m)
{
	store_close(m->s);
	box_close(&m->box);
	buf_done(&m->list);
}

/* Its entry in version 1 of targets, as it was verified. */
static void import(struct import *m, const char *targets)
{
	static const struct audit_by by = { .kind = AUDIT_PERSON,
					    .now = SINCE };
	struct store_file files[] = {
		{ .name = "1.root.json", .bytes = slice_of("{}"), .root = 1 },
		{ .name = "1.targets.json",
		  .bytes = slice_of(targets),
		  .targets = 1 },
	};
	const struct store_import in = { .files = files, .file_count = 2 };
	struct err e = { 0 };

	assert_ok(store_import(m->s, &in, &by, &e));
}

static void list(struct import *m)
{
	struct buf targets = BUF_INIT(1024);
	char hex[SHA256_HEX_LEN];
	struct sha256 digest;
	struct err e = { 0 };

	sha256_of(buf_slice(&m->list), &digest);
	sha256_format(&digest, hex);
	assert_ok(buf_addf(&targets, &e,
			   "{\"signed\":{\"targets\":{\"log-keys.json\":"
			   "{\"hashes\":{\"sha256\":\"%s\"}}}}}",
			   hex));
	import(m, buf_text(&targets));
	buf_done(&targets);
}

/* As an upload leaves it. */
static void keep(struct import *m, struct slice bytes)
{
	struct sha256 digest;
	int fd = -1;
	struct err e = { 0 };

	sha256_of(bytes, &digest);
	assert_ok(fs_replace_file(m->box.dir, "upload", bytes, 0600, &e));
	assert_ok(fs_open(m->box.dir, "upload", O_RDONLY, &fd, &e));
	assert_ok(put_blob(m->box.dir, fd, bytes.len, &digest, &e));
	fs_close(&fd);
}

static void the_list_names_a_key_or_does_not(void **state)
{
	const struct ec_public other = { { 4, 1 } };
	struct log_listed l;
	struct import m;
	struct err e = { 0 };

	(void)state;
	open_import(&m);
	list(&m);
	/* What is listed and is not there is no empty list. */
	assert_refused(log_listed(m.s, m.box.dir, &other, &l, &e),
		       ERR_NOT_FOUND);
	keep(&m, buf_slice(&m.list));
	for (size_t i = 0; i < 2; i++) {
		assert_ok(
			log_listed(m.s, m.box.dir, &m.keys.at[i].key, &l, &e));
		assert_true(l.has_list && l.listed);
		assert_int_equal(l.until, m.keys.at[i].until);
	}
	assert_ok(log_listed(m.s, m.box.dir, &other, &l, &e));
	assert_true(l.has_list);
	assert_false(l.listed);
	close_import(&m);
}

static void a_list_that_cannot_be_read_is_told(void **state)
{
	const struct ec_public own = { { 4, 1 } };
	struct log_listed l;
	struct import m;
	struct err e = { 0 };

	(void)state;
	open_import(&m);
	m.list.len = 0;
	assert_ok(buf_addf(&m.list, &e, "{}"));
	list(&m);
	keep(&m, buf_slice(&m.list));
	assert_refused(log_listed(m.s, m.box.dir, &own, &l, &e), ERR_FORMAT);
	import(&m, "no metadata");
	assert_refused(log_listed(m.s, m.box.dir, &own, &l, &e), ERR_FORMAT);
	close_import(&m);
}

static void targets_may_list_none(void **state)
{
	const struct ec_public own = { { 4, 1 } };
	struct log_listed l;
	struct import m;
	struct err e = { 0 };

	(void)state;
	open_import(&m);
	import(&m, "{\"signed\":{\"targets\":{}}}");
	assert_ok(log_listed(m.s, m.box.dir, &own, &l, &e));
	assert_false(l.has_list);
	close_import(&m);
}

/* The newest record that names a key, and no other. */
static void a_key_signs_since_the_record_that_names_it(void **state)
{
	struct audit_by by = { .kind = AUDIT_SYSTEM, .now = SINCE };
	struct audit_record r;
	struct sha256 digest = { { 1 } };
	struct ec_private *key = NULL;
	struct ec_public point;
	struct store *s = NULL;
	int64_t since = 7;
	char path[96];
	struct box box;
	struct err e = { 0 };

	(void)state;
	box_open(&box);
	(void)snprintf(path, sizeof(path), "%s/store", box.path);
	assert_ok(store_open(path, &s, &e));
	assert_ok(store_log_key_since(s, &since, &e));
	assert_int_equal(since, 0);
	audit_record_init(&r, AUDIT_INIT, &by);
	json_set_text(r.objects, "environment", "lab");
	audit_set_digest(&r, "log_key", &digest);
	assert_ok(store_log(s, &r, &e));
	by.now = SINCE + 10;
	assert_ok(store_cohort_add(s, "canary", &by, &e));
	assert_ok(store_log_key_since(s, &since, &e));
	assert_int_equal(since, SINCE);
	assert_ok(ec_generate(&key, &e));
	ec_public_of(key, &point);
	ec_free(key);
	by.now = SINCE + 20;
	audit_record_init(&r, AUDIT_LOG_KEY, &by);
	audit_set_digest(&r, "from", &digest);
	audit_set_digest(&r, "key", &digest);
	json_set_hex(r.objects, "point",
		     (struct slice){ point.point, EC_POINT_LEN });
	json_set_int(r.objects, "lost", 0);
	assert_ok(store_log(s, &r, &e));
	by.now = SINCE + 30;
	assert_ok(store_cohort_add(s, "late", &by, &e));
	assert_ok(store_log_key_since(s, &since, &e));
	assert_int_equal(since, SINCE + 20);
	store_close(s);
	box_close(&box);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_end_is_the_earlier_one),
		cmocka_unit_test(nothing_imported_says_nothing),
		cmocka_unit_test(the_list_names_a_key_or_does_not),
		cmocka_unit_test(a_list_that_cannot_be_read_is_told),
		cmocka_unit_test(targets_may_list_none),
		cmocka_unit_test(a_key_signs_since_the_record_that_names_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
