/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of keys/ that is older than what the audit log says of it. */
#include "update-server/beside.h"
#include "update-server/ca_record.h"

#include "tests/unit/box.h"
#include "update-server/device_ca.h"
#include "update-server/init.h"

#define PEM "srv/keys/device-ca.pem"

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

static struct buf copy_of(const char *name)
{
	struct buf b = BUF_INIT(16384);
	struct err e = { 0 };

	assert_ok(fs_read_file(box.dir, name, &b, &e));
	return b;
}

static void put_back(const char *name, struct buf *copy)
{
	struct err e = { 0 };

	assert_ok(fs_replace_file(box.dir, name, buf_slice(copy), 0600, &e));
	buf_done(copy);
}

static int check(struct err *why)
{
	enum environment ignored;
	struct config c = { 0 };
	struct store *s = NULL;
	struct err e = { 0 };
	int rc;

	assert_ok(config_load(dir, NULL, &c, &e));
	assert_ok(beside_open_store(dir, &ignored, &s, &e));
	rc = ca_record_check(&c, s, why);
	store_close(s);
	config_done(&c);
	return rc;
}

static void what_was_rotated_is_what_is_in_use(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_ok(check(&e)); /* never rotated */
	assert_ok(device_ca_rotate(dir, 30, "test", &cas, &e));
	assert_ok(check(&e));
	assert_ok(device_ca_rotate(dir, 30, "test", &cas, &e));
	assert_ok(check(&e));
	assert_ok(device_ca_withdraw(dir, &cas.at[2].fingerprint, 0, "test",
				     &cas, &e));
	assert_ok(check(&e));
}

static void a_copy_of_before_a_rotation_is_refused_until_the_next(void **state)
{
	struct buf pem = copy_of(PEM), key = copy_of("srv/keys/device-ca.key");
	struct err e = { 0 };

	(void)state;
	assert_ok(device_ca_rotate(dir, 30, "test", &cas, &e));
	put_back(PEM, &pem);
	assert_refused_saying(check(&e), ERR_ROLLBACK, "ca rotate again");
	/* The new key does not fit it: that is said, too, with a way out. */
	assert_refused_saying(device_ca_rotate(dir, 30, "test", &cas, &e),
			      ERR_CONFLICT, "from one copy of keys/");
	put_back("srv/keys/device-ca.key", &key);
	assert_refused(check(&e), ERR_ROLLBACK);
	assert_ok(device_ca_rotate(dir, 30, "test", &cas, &e));
	assert_ok(check(&e));
}

static void
a_copy_of_before_a_withdrawal_is_refused_until_the_next(void **state)
{
	struct sha256 former;
	struct buf pem;
	struct err e = { 0 };

	(void)state;
	assert_ok(device_ca_rotate(dir, 30, "test", &cas, &e));
	former = cas.at[1].fingerprint;
	pem = copy_of(PEM);
	assert_ok(device_ca_withdraw(dir, &former, 0, "test", &cas, &e));
	put_back(PEM, &pem);
	assert_refused_saying(check(&e), ERR_ROLLBACK, "was withdrawn");
	assert_ok(device_ca_withdraw(dir, &former, 0, "test", &cas, &e));
	assert_ok(check(&e));
}

static void a_file_kept_by_others_is_theirs(void **state)
{
	static const char ours[] = "device_ca = keys/device-ca.pem";
	struct buf conf = copy_of("srv/server.conf"), pem = copy_of(PEM);
	char *at;
	struct err e = { 0 };

	(void)state;
	assert_ok(device_ca_rotate(dir, 30, "test", &cas, &e));
	at = memmem(conf.ptr, conf.len, ours, strlen(ours));
	assert_non_null(at);
	memcpy(at, "device_ca = keys/devices-x.pem", strlen(ours));
	put_back("srv/keys/devices-x.pem", &pem);
	put_back("srv/server.conf", &conf);
	assert_ok(check(&e));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_server, take_away)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_was_rotated_is_what_is_in_use),
		TEST(a_copy_of_before_a_rotation_is_refused_until_the_next),
		TEST(a_copy_of_before_a_withdrawal_is_refused_until_the_next),
		TEST(a_file_kept_by_others_is_theirs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
