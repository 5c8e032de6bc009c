/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/beside.h"
#include "update-server/device_ca.h"

#include "common/keyfile.h"
#include "tests/unit/box.h"
#include "tests/unit/fleet.h"
#include "update-server/init.h"

static struct box box;
static char dir[96];
static struct device_cas cas;

static int make_server(void **state)
{
	const struct init_options o = { .dir = dir,
					.environment = ENV_LAB,
					.names = { "localhost" },
					.device = "127.0.0.1:0",
					.enrolment = "127.0.0.1:0",
					.people = "127.0.0.1:0",
					.admin = "admin" };
	struct err e = { 0 };

	(void)state;
	box_open(&box);
	(void)snprintf(dir, sizeof(dir), "%s/srv", box.path);
	assert_ok(init_make(&o, &e));
	return 0;
}

static int take_away(void **state)
{
	(void)state;
	box_close(&box);
	return 0;
}

static struct buf read_file(const char *name, size_t max)
{
	struct buf b = BUF_INIT(max);
	struct err e = { 0 };

	assert_ok(fs_read_file(box.dir, name, &b, &e));
	return b;
}

/* The key file's public half, which is said in the clear. */
static struct ec_public key_in(const char *name)
{
	struct buf file = read_file(name, KEYFILE_MAX_LEN);
	struct keyfile_info info;
	struct err e = { 0 };

	assert_ok(keyfile_inspect(buf_slice(&file), &info, &e));
	buf_done(&file);
	return info.public_key;
}

/* Certificate i of the file. */
static struct x509_info ca_in_file(size_t i)
{
	struct buf file = read_file("srv/keys/device-ca.pem", 16384);
	struct slice rest = buf_slice(&file), one = { NULL, 0 };
	struct x509_info info;
	struct err e = { 0 };

	for (size_t n = 0; n <= i; n++)
		assert_true(x509_next(&rest, &one));
	assert_ok(x509_inspect(one, &info, &e));
	assert_true(info.is_ca);
	buf_done(&file);
	return info;
}

static void the_former_one_gets_an_end_and_loses_its_key(void **state)
{
	struct x509_info first = ca_in_file(0), now, former;
	struct ec_public key;
	struct err e = { 0 };

	(void)state;
	assert_ok(device_ca_status(dir, &cas, &e));
	assert_int_equal(cas.count, 1);
	assert_ok(device_ca_rotate(dir, 30, "test", &cas, &e));
	assert_int_equal(cas.count, 2);
	now = ca_in_file(0);
	former = ca_in_file(1);
	key = key_in("srv/keys/device-ca.key");
	assert_true(ec_public_equal(&key, &now.public_key));
	assert_false(ec_public_equal(&key, &first.public_key));
	assert_true(ec_public_equal(&former.public_key, &first.public_key));
	assert_string_equal(former.common_name, first.common_name);
	assert_true(former.not_after >= utc_now() + 30 * UTC_DAY - 60);
	assert_true(former.not_after <= utc_now() + 30 * UTC_DAY);
	assert_true(now.not_after > utc_now() + 3000 * UTC_DAY);
	assert_true(sha256_equal(&cas.at[1].fingerprint, &former.fingerprint));
	/* It lives no longer for being replaced. */
	assert_ok(device_ca_rotate(dir, 3650, "test", &cas, &e));
	assert_int_equal(cas.count, 3);
	assert_int_equal(cas.at[1].not_after, now.not_after);
	assert_int_equal(cas.at[2].not_after, former.not_after);
}

/* As a text that other programs read as well. */
static void each_is_on_lines_of_its_own(int count)
{
	struct buf file = read_file("srv/keys/device-ca.pem", 16384);
	const char *at = buf_text(&file);
	int others = 0;

	while ((at = strstr(at + 1, "-----BEGIN"))) {
		assert_int_equal(at[-1], '\n');
		others++;
	}
	assert_int_equal(others, count - 1);
	buf_done(&file);
}

static void there_are_so_many_and_no_more(void **state)
{
	struct sha256 last;
	struct err e = { 0 };

	(void)state;
	for (int i = 1; i < DEVICE_CA_MAX; i++)
		assert_ok(device_ca_rotate(dir, 30, "test", &cas, &e));
	each_is_on_lines_of_its_own(DEVICE_CA_MAX);
	last = cas.at[1].fingerprint;
	assert_refused(device_ca_rotate(dir, 30, "test", &cas, &e), ERR_LIMIT);
	assert_ok(device_ca_withdraw(dir, &last, 0, "test", &cas, &e));
	assert_int_equal(cas.count, DEVICE_CA_MAX - 1);
	assert_ok(device_ca_rotate(dir, 30, "test", &cas, &e));
}

static void a_file_of_more_than_so_many_is_not_read(void **state)
{
	struct buf file = read_file("srv/keys/device-ca.pem", 4096);
	struct buf more = BUF_INIT(65536);
	struct err e = { 0 };

	(void)state;
	for (int i = 0; i <= DEVICE_CA_MAX; i++)
		assert_ok(buf_add(&more, buf_slice(&file), &e));
	assert_ok(fs_replace_file(box.dir, "srv/keys/device-ca.pem",
				  buf_slice(&more), 0644, &e));
	assert_refused(device_ca_status(dir, &cas, &e), ERR_LIMIT);
	buf_done(&more);
	buf_done(&file);
}

static void two_do_not_change_it_at_once(void **state)
{
	struct err e = { 0 };
	int lock = -1;

	(void)state;
	assert_ok(fs_lock(box.dir, "srv/keys/device-ca.lock", &lock, &e));
	assert_refused(device_ca_rotate(dir, 30, "test", &cas, &e), ERR_BUSY);
	fs_close(&lock);
}

/* What cannot be read is not taken for a key of another certificate. */
static void a_damaged_key_is_not_replaced_by_another(void **state)
{
	struct buf key = read_file("srv/keys/device-ca.key", KEYFILE_MAX_LEN);
	struct err e = { 0 };

	(void)state;
	assert_ok(fs_replace_file(box.dir, "srv/keys/device-ca-next.key",
				  buf_slice(&key), 0600, &e));
	assert_ok(fs_replace_file(box.dir, "srv/keys/device-ca.key",
				  slice_of("no key"), 0600, &e));
	assert_int_equal(device_ca_rotate(dir, 30, "test", &cas, &e), -1);
	buf_done(&key);
}

/* Between certificate and key: what was begun is ended. */
static void one_that_was_cut_off_is_ended_first(void **state)
{
	struct buf key = read_file("srv/keys/device-ca.key", KEYFILE_MAX_LEN);
	struct x509_info second, third;
	struct ec_public own;
	struct err e = { 0 };

	(void)state;
	assert_ok(device_ca_rotate(dir, 30, "test", &cas, &e));
	second = ca_in_file(0);
	assert_ok(fs_rename(box.dir, "srv/keys/device-ca.key",
			    "srv/keys/device-ca-next.key", &e));
	assert_ok(fs_replace_file(box.dir, "srv/keys/device-ca.key",
				  buf_slice(&key), 0600, &e));
	assert_ok(device_ca_rotate(dir, 30, "test", &cas, &e));
	third = ca_in_file(0);
	own = key_in("srv/keys/device-ca.key");
	assert_true(ec_public_equal(&own, &third.public_key));
	own = ca_in_file(1).public_key;
	assert_true(ec_public_equal(&own, &second.public_key));
	/* A key of somewhere else is none. */
	assert_ok(fs_replace_file(box.dir, "srv/keys/device-ca.key",
				  buf_slice(&key), 0600, &e));
	assert_refused(device_ca_rotate(dir, 30, "test", &cas, &e),
		       ERR_CONFLICT);
	buf_done(&key);
}

/* One whose certificate nobody here has seen may be on it. */
static void add_unread(void)
{
	enum environment ignored;
	struct store *s = NULL;
	struct store_device d;
	struct err e = { 0 };

	assert_ok(beside_open_store(dir, &ignored, &s, &e));
	assert_ok(store_cohort_add(s, "canary", &fleet_by, &e));
	d = fleet_device(s, 1);
	assert_string_equal(d.certificate, "pem");
	store_close(s);
}

/* Whose certificate names that issuer, and whose key no device ever has. */
static void add_device_of(size_t i)
{
	struct buf file = read_file("srv/keys/device-ca.pem", 16384);
	struct slice rest = buf_slice(&file), one = { NULL, 0 };
	struct ec_public key = ca_in_file(0).public_key;
	char pem[X509_PEM_MAX_LEN];
	enum environment ignored;
	struct store *s = NULL;
	struct sha256 spki;
	struct err e = { 0 };

	for (size_t n = 0; n <= i; n++)
		assert_true(x509_next(&rest, &one));
	(void)snprintf(pem, sizeof(pem), "%.*s", (int)one.len,
		       (const char *)one.ptr);
	ec_public_fingerprint(&key, &spki);
	assert_ok(beside_open_store(dir, &ignored, &s, &e));
	(void)fleet_device_with(s, 2, pem);
	assert_refused(store_key_take(s, &spki, "a device", &e), ERR_CONFLICT);
	store_close(s);
	buf_done(&file);
}

static void it_goes_when_nobody_is_left_on_it(void **state)
{
	struct sha256 own, former, none = { { 1 } };
	struct err e = { 0 };

	(void)state;
	assert_ok(device_ca_rotate(dir, 30, "test", &cas, &e));
	own = cas.at[0].fingerprint;
	former = cas.at[1].fingerprint;
	assert_refused(device_ca_withdraw(dir, &own, 0, "test", &cas, &e),
		       ERR_CONFLICT);
	assert_refused(device_ca_withdraw(dir, &none, 0, "test", &cas, &e),
		       ERR_NOT_FOUND);
	assert_refused(device_ca_withdraw(dir, &former, 1, "test", &cas, &e),
		       ERR_CONFLICT);
	add_unread();
	assert_ok(device_ca_status(dir, &cas, &e));
	assert_int_equal(cas.others, 1);
	add_device_of(1);
	assert_refused(device_ca_withdraw(dir, &former, 0, "test", &cas, &e),
		       ERR_CONFLICT);
	assert_refused(device_ca_withdraw(dir, &former, 2, "test", &cas, &e),
		       ERR_CONFLICT);
	assert_ok(device_ca_withdraw(dir, &former, 1, "test", &cas, &e));
	assert_int_equal(cas.count, 1);
	assert_true(sha256_equal(&cas.at[0].fingerprint, &own));
}

static void another_place_is_not_ours_to_write(void **state)
{
	static const char ours[] = "device_ca = keys/device-ca.pem";
	struct buf conf = read_file("srv/server.conf", 8192);
	char *at;
	struct err e = { 0 };

	(void)state;
	at = memmem(conf.ptr, conf.len, ours, strlen(ours));
	assert_non_null(at);
	memcpy(at, "device_ca = keys/devices-x.pem", strlen(ours));
	assert_ok(fs_replace_file(box.dir, "srv/server.conf", buf_slice(&conf),
				  0600, &e));
	assert_refused_saying(device_ca_rotate(dir, 30, "test", &cas, &e),
			      ERR_CONFIG, "kept by somebody else");
	buf_done(&conf);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_server, take_away)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(the_former_one_gets_an_end_and_loses_its_key),
		TEST(there_are_so_many_and_no_more),
		TEST(a_file_of_more_than_so_many_is_not_read),
		TEST(two_do_not_change_it_at_once),
		TEST(a_damaged_key_is_not_replaced_by_another),
		TEST(one_that_was_cut_off_is_ended_first),
		TEST(it_goes_when_nobody_is_left_on_it),
		TEST(another_place_is_not_ours_to_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
