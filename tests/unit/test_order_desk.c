/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both desks: the folder that people carry, and a server's listener for people.
 * (What enough operators signed goes live: tests/e2e/84-operators-sign.sh.)
 */
#include "update-server/order_desk.h"

#include <stdio.h>

#include "tests/unit/meeting.h"
#include "tests/unit/people_server.h"

#define PATH "rollout/kiosk/2.json"

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

static void what_cannot_be_kept_is_not_said_to_be(void **state)
{
	struct json *envelope =
		tuf_envelope_new(TUF_TARGETS, 7, NOW, NOW + UTC_DAY);
	struct json *answer = NULL;
	struct err e = { 0 };

	(void)state;
	put_file(desk.dirfd, "metadata", "a file where the folder goes", 0644);
	assert_int_equal(
		order_desk_sign(&desk, "rollout", envelope, &answer, &e), -1);
	assert_null(answer);
	json_free(envelope);
}

/* ---- a server ------------------------------------------------------------ */

struct office {
	struct meeting there;
	struct people_server server;
	struct order_desk desk;
};

static int open_office(void **state)
{
	struct office *o = mem_alloc(1, sizeof(*o));
	struct err e = { 0 };

	meeting_open(&o->there);
	meeting_import(&o->there);
	people_server_open(&o->server);
	meeting_person(&o->there, &o->server.person);
	people_server_serve(&o->server, &o->there.api);
	assert_ok(order_desk_open(o->server.client, NULL, &o->desk, &e));
	*state = o;
	return 0;
}

static int close_office(void **state)
{
	struct office *o = *state;

	order_desk_close(&o->desk);
	people_server_close(&o->server);
	meeting_close(&o->there);
	free(o);
	return 0;
}

static void a_server_keeps_a_document_by_its_digest(void **state)
{
	struct buf out = BUF_INIT(100);
	struct office *o = *state;
	struct sha256 digest;
	struct err e = { 0 };

	sha256_of(slice_of("{}"), &digest);
	assert_refused(order_desk_get(&o->desk, PATH, &digest, &out, &e),
		       ERR_NOT_FOUND);
	assert_ok(order_desk_put(&o->desk, PATH, slice_of("{}"), &e));
	assert_ok(order_desk_put(&o->desk, PATH, slice_of("{}"), &e));
	assert_ok(order_desk_get(&o->desk, PATH, &digest, &out, &e));
	assert_string_equal(buf_text(&out), "{}");
	buf_done(&out);
}

static void a_server_counts_who_signed_what_waits(void **state)
{
	struct json *next, *answer = NULL, *again = NULL;
	struct buf text = BUF_INIT(ORDER_BYTES_MAX);
	struct office *o = *state;
	struct err e = { 0 };
	bool live = true;

	meeting_halt(1, &text);
	next = meeting_next(&o->there, buf_slice(&text));
	meeting_sign(&o->there, next, SPARE_KEY);
	assert_refused(order_desk_staged(&o->desk, WIDE, 2, &again, &e),
		       ERR_NOT_FOUND);
	/* It lists a document that is not there yet. */
	assert_int_equal(order_desk_sign(&o->desk, WIDE, next, &answer, &e),
			 -1);
	assert_null(answer);
	assert_ok(order_desk_put(&o->desk, WIDE_PATH, buf_slice(&text), &e));
	assert_ok(order_desk_sign(&o->desk, WIDE, next, &answer, &e));
	assert_int_equal(json_int(json_get(answer, "signatures")), 1);
	assert_int_equal(json_int(json_get(answer, "threshold")), 3);
	assert_ok(json_get_bool(answer, "live", &live, &e));
	assert_false(live);
	assert_ok(order_desk_staged(&o->desk, WIDE, 2, &again, &e));
	assert_true(json_same(next, again));
	json_free(again);
	json_free(answer);
	json_free(next);
	buf_done(&text);
}

/* Whoever may not come near it is told so, and nothing is kept. */
static void a_server_refuses_who_is_no_operator_any_more(void **state)
{
	struct office *o = *state;
	struct sha256 digest;
	struct err e = { 0 };
	uint64_t len;
	int fd = -1;

	sha256_of(slice_of("{}"), &digest);
	assert_ok(store_person_revoke(o->there.api.store, &o->server.person,
				      &nobody, &e));
	assert_refused(order_desk_put(&o->desk, PATH, slice_of("{}"), &e),
		       ERR_REFUSED);
	assert_refused(blobs_open(o->there.api.dirfd, &digest, &fd, &len, &e),
		       ERR_NOT_FOUND);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define AT_SERVER(f)                                                           \
	cmocka_unit_test_setup_teardown(f, open_office, close_office)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_document_lies_there_as_in_a_publication),
		TEST(what_is_longer_than_asked_for_is_not_read),
		TEST(no_path_leads_out_of_it),
		TEST(a_file_waits_under_its_version),
		TEST(what_cannot_be_kept_is_not_said_to_be),
		AT_SERVER(a_server_keeps_a_document_by_its_digest),
		AT_SERVER(a_server_counts_who_signed_what_waits),
		AT_SERVER(a_server_refuses_who_is_no_operator_any_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
