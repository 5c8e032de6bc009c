/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/backup_list.h"

#include <stdio.h>

#include "tests/unit/check.h"

#define D "00000000000000000000000000000000000000000000000000000000000000ab"
#define LIST(files)                                                            \
	"{\"v\":1,\"type\":\"pawl-backup\",\"time\":\"2026-11-27T10:00:00Z\"," \
	"\"records\":7,\"files\":[" files "]}"
#define FILE_OF(path) "{\"path\":\"" path "\",\"bytes\":3,\"sha256\":\"" D "\"}"

static int parse(const char *text, struct err *e)
{
	struct backup_list l = { 0 };
	int rc = backup_list_parse(slice_of(text), &l, e);

	backup_list_done(&l);
	return rc;
}

static void what_is_written_is_read_back(void **state)
{
	struct backup_list l = { .time = 1795773600, .records = 7 },
			   again = { 0 };
	struct backup_file f = { .path = "store.sqlite", .len = 3 };
	struct buf text = BUF_INIT(BACKUP_LIST_MAX);
	struct err e = { 0 };

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		assert_ok(backup_list_add(&l, &f, &e));
		(void)snprintf(f.path, sizeof(f.path), "blobs/ab/%u", i);
		f.digest.bytes[31] = (uint8_t)i;
	}
	assert_ok(backup_list_format(&l, &text, &e));
	assert_ok(backup_list_parse(buf_slice(&text), &again, &e));
	assert_int_equal(again.count, 200);
	assert_int_equal(again.records, 7);
	assert_int_equal(again.time, l.time);
	assert_string_equal(again.files[199].path, "blobs/ab/198");
	assert_int_equal(again.files[199].digest.bytes[31], 198);
	backup_list_done(&l);
	backup_list_done(&again);
	buf_done(&text);
}

static void a_path_leads_nowhere_else_and_to_no_key(void **state)
{
	static const char *const bad[] = {
		"",
		"/etc/passwd",
		"../store.sqlite",
		"keeper/..",
		"keeper/../x",
		"keeper//x",
		"keeper/",
		"blobs",
		"keys/tls.key",
		"keys/keeper.secret",
		"keeper/a.key",
		"keeper/b.secret",
		"admin/admin.key",
		"blobs/.x",
		"store.sqlite-wal",
		"keeper/a b",
		"run/server.lock",
		"keeper/\xc3\xa4",
	};
	static const char *const good[] = { "store.sqlite", "server.conf",
					    "keys/device-ca.pem",
					    "keeper/trust/root.json",
					    "blobs/ab/abcdef" };
	struct backup_file f = { .len = 0 };
	struct backup_list l = { 0 };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(backup_path_is_ours(slice_of(good[i])));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(backup_path_is_ours(slice_of(bad[i])));
		(void)snprintf(f.path, sizeof(f.path), "%s", bad[i]);
		assert_refused(backup_list_add(&l, &f, &e), ERR_REFUSED);
	}
	assert_int_equal(l.count, 0);
	assert_refused(parse(LIST(FILE_OF("keys/tls.key")), &e), ERR_REFUSED);
	assert_refused(parse(LIST(FILE_OF("keeper/../../x")), &e), ERR_REFUSED);
}

static void a_list_that_is_none_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		LIST(FILE_OF("ca.pem") ",7"),
		"{\"v\":2,\"type\":\"pawl-backup\",\"time\":"
		"\"2026-11-27T10:00:00Z\",\"records\":7,\"files\":[]}",
		"{\"v\":1,\"type\":\"other\",\"time\":"
		"\"2026-11-27T10:00:00Z\",\"records\":7,\"files\":[]}",
		"{\"v\":1,\"type\":\"pawl-backup\",\"time\":\"now\","
		"\"records\":7,\"files\":[]}",
		LIST("{\"path\":\"ca.pem\",\"bytes\":-1,\"sha256\":\"" D "\"}"),
		LIST("{\"path\":\"ca.pem\",\"bytes\":1,\"sha256\":\"ab\"}"),
		LIST("{\"path\":\"ca.pem\",\"bytes\":1,\"sha256\":\"" D
		     "\",\"more\":1}"),
	};
	struct err e = { 0 };

	(void)state;
	assert_ok(parse(LIST(FILE_OF("ca.pem")), &e));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(parse(bad[i], &e), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(a_path_leads_nowhere_else_and_to_no_key),
		cmocka_unit_test(a_list_that_is_none_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
