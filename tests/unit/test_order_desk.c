/* SPDX-License-Identifier: Apache-2.0 */
/* The desk that people carry: a folder. The other one is a server, which
 * tests/e2e/84-operators-sign.sh has. */
#include "update-server/order_desk.h"

#include <stdio.h>

#include "common/tuf_write.h"
#include "tests/unit/box.h"

#define PATH "rollout/kiosk/2.json"
#define NOW  INT64_C(1795748400)

static struct box box;
static struct order_desk desk;
static char folder[100];

static int setup(void **state)
{
	struct err e = { 0 };

	(void)state;
	box_open(&box);
	(void)snprintf(folder, sizeof(folder), "%s/stick", box.path);
	assert_ok(order_desk_open(NULL, folder, &desk, &e));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	order_desk_close(&desk);
	box_close(&box);
	return 0;
}

static void a_document_lies_there_as_in_a_publication(void **state)
{
	struct buf out = BUF_INIT(100);
	struct sha256 digest;
	char hex[SHA256_HEX_LEN], path[200];
	struct err e = { 0 };
	struct stat st;

	(void)state;
	sha256_of(slice_of("{}"), &digest);
	assert_refused(order_desk_get(&desk, PATH, &digest, &out, &e),
		       ERR_NOT_FOUND);
	assert_ok(order_desk_put(&desk, PATH, slice_of("{}"), &e));
	assert_ok(order_desk_put(&desk, PATH, slice_of("{}"), &e));
	assert_ok(order_desk_get(&desk, PATH, &digest, &out, &e));
	assert_string_equal(buf_text(&out), "{}");
	sha256_format(&digest, hex);
	(void)snprintf(path, sizeof(path),
		       "stick/targets/rollout/kiosk/%s.2.json", hex);
	assert_ok(fs_stat(box.dir, path, &st, &e));
	buf_done(&out);
}

static void what_is_longer_than_asked_for_is_not_read(void **state)
{
	struct buf out = BUF_INIT(5);
	struct sha256 digest;
	struct err e = { 0 };

	(void)state;
	sha256_of(slice_of("123456"), &digest);
	assert_ok(order_desk_put(&desk, PATH, slice_of("123456"), &e));
	assert_refused(order_desk_get(&desk, PATH, &digest, &out, &e),
		       ERR_LIMIT);
	buf_done(&out);
}

static void no_path_leads_out_of_it(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(order_desk_put(&desk, "../x.json", slice_of("{}"), &e),
			 -1);
	assert_int_equal(
		order_desk_put(&desk, "/etc/x.json", slice_of("{}"), &e), -1);
	assert_int_equal(count_names(desk.dirfd), 0);
}

static void a_file_waits_under_its_version(void **state)
{
	struct json *envelope =
		tuf_envelope_new(TUF_TARGETS, 7, NOW, NOW + UTC_DAY);
	struct json *answer = NULL, *again = NULL;
	struct err e = { 0 };

	(void)state;
	assert_refused(order_desk_staged(&desk, "rollout", 7, &again, &e),
		       ERR_NOT_FOUND);
	assert_ok(order_desk_sign(&desk, "rollout", envelope, &answer, &e));
	assert_string_equal(json_text(json_get(answer, "folder")), folder);
	assert_ok(order_desk_staged(&desk, "rollout", 7, &again, &e));
	assert_true(json_same(envelope, again));
	json_free(again);
	assert_refused(order_desk_staged(&desk, "rollout", 8, &again, &e),
		       ERR_NOT_FOUND);
	assert_refused(order_desk_staged(&desk, "rollout-wide", 7, &again, &e),
		       ERR_NOT_FOUND);
	assert_ok(fs_replace_file(box.dir, "stick/metadata/8.rollout.json",
				  slice_of("nonsense"), 0600, &e));
	assert_refused(order_desk_staged(&desk, "rollout", 8, &again, &e),
		       ERR_FORMAT);
	json_free(answer);
	json_free(envelope);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_document_lies_there_as_in_a_publication),
		TEST(what_is_longer_than_asked_for_is_not_read),
		TEST(no_path_leads_out_of_it),
		TEST(a_file_waits_under_its_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
