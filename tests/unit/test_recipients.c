/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/recipients.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "tests/unit/check.h"

#define MADE INT64_C(1795360341)

static struct ec_private *officer, *ca;
static struct buf ca_pem = BUF_INIT(X509_PEM_MAX_LEN);
static struct recipients_from from = { .product = "kiosk" };
static char box[] = "/tmp/pawl-test.XXXXXX";
static int dirfd = -1;

/* One device as it stands in an export. */
struct device {
	uint8_t number;
	const char *product;
	struct ec_private *identity, *decrypt;
};

static struct device devices[] = {
	{ 1, "kiosk", NULL, NULL },
	{ 2, "kiosk", NULL, NULL },
	{ 3, "other", NULL, NULL },
};

static int setup(void **state)
{
	struct x509_template t = { .kind = X509_CA,
				   .common_name = "device CA",
				   .not_before = MADE,
				   .not_after = MADE + 36500 * UTC_DAY };
	struct ec_public key;
	struct err e = { 0 };

	(void)state;
	if (ec_generate(&officer, &e) || ec_generate(&ca, &e))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(devices); i++)
		if (ec_generate(&devices[i].identity, &e) ||
		    ec_generate(&devices[i].decrypt, &e))
			return -1;
	ec_public_of(officer, &from.officer);
	ec_public_of(ca, &key);
	if (x509_issue(&t, &key, (struct slice){ 0 }, ca, &ca_pem, &e))
		return -1;
	from.ca = buf_slice(&ca_pem);
	return mkdtemp(box) ? fs_open_dir(box, &dirfd, &e) : -1;
}

static int teardown(void **state)
{
	(void)state;
	ec_free(officer);
	ec_free(ca);
	for (size_t i = 0; i < ARRAY_LEN(devices); i++) {
		ec_free(devices[i].identity);
		ec_free(devices[i].decrypt);
	}
	buf_done(&ca_pem);
	fs_close(&dirfd);
	return rmdir(box);
}

static int forget(void **state)
{
	struct err e = { 0 };

	(void)state;
	return fs_remove_tree(dirfd, "registry", &e);
}

static struct json *entry(const struct device *d)
{
	struct x509_template t = { .kind = X509_DEVICE,
				   .not_before = MADE,
				   .not_after = MADE + 1 };
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct registry_device r = { .id = { { d->number } },
				     .model = "k1",
				     .cohort = "canary" };
	char name[2 * DEVICE_ID_LEN + 1];
	struct ec_public identity, decrypt;
	struct err e = { 0 };
	struct json *j;

	hex_format((struct slice){ r.id.bytes, DEVICE_ID_LEN }, name);
	t.common_name = name;
	ec_public_of(d->identity, &identity);
	ec_public_of(d->decrypt, &decrypt);
	assert_ok(x509_issue(&t, &identity, from.ca, ca, &pem, &e));
	assert_ok(decrypt_key_prove(d->identity, &decrypt, &r.decrypt, &e));
	strcpy(r.product, d->product);
	r.certificate = buf_text(&pem);
	j = registry_device_format(&r);
	buf_done(&pem);
	return j;
}

/* Load an export of these devices, in this order. */
static int load(int64_t made, const char *numbers, struct recipients *r,
		struct err *e)
{
	struct json *j = registry_new(made);
	struct buf file = BUF_INIT(REGISTRY_FILE_MAX);
	int rc;

	for (; *numbers; numbers++)
		json_add((struct json *)(uintptr_t)json_get(j, "devices"),
			 entry(&devices[*numbers - '1']));
	assert_int_equal(registry_sign(j, officer, &file, e), 0);
	from.file = buf_slice(&file);
	rc = recipients_load(dirfd, &from, r, e);
	buf_done(&file);
	return rc;
}

static void new_and_gone_are_counted_against_the_last_export(void **state)
{
	struct recipients r;
	struct err e = { 0 };

	(void)state;
	assert_ok(load(MADE, "13", &r, &e));
	assert_int_equal(r.count, 1);
	assert_int_equal(r.new_count, 1);
	assert_true(r.at[0].is_new);
	assert_ok(recipients_accept(dirfd, "kiosk", &r, &e));
	recipients_done(&r);
	assert_ok(load(MADE, "12", &r, &e));
	assert_int_equal(r.count, 2);
	assert_int_equal(r.new_count, 1);
	assert_false(r.at[0].is_new);
	assert_true(r.at[1].is_new);
	assert_int_equal(r.gone_count, 0);
	recipients_done(&r);
	/* What was not accepted is not remembered. */
	assert_ok(load(MADE, "2", &r, &e));
	assert_int_equal(r.new_count, 1);
	assert_int_equal(r.gone_count, 1);
	recipients_done(&r);
}

static void an_export_from_before_is_refused(void **state)
{
	struct recipients r;
	struct err e = { 0 };

	(void)state;
	assert_ok(load(MADE, "1", &r, &e));
	assert_ok(recipients_accept(dirfd, "kiosk", &r, &e));
	recipients_done(&r);
	assert_refused(load(MADE - 1, "12", &r, &e), ERR_ROLLBACK);
	assert_ok(load(MADE, "1", &r, &e));
	recipients_done(&r);
}

static void a_device_keeps_its_decryption_key(void **state)
{
	struct ec_private *before = devices[0].decrypt;
	struct recipients r;
	struct err e = { 0 };

	(void)state;
	assert_ok(load(MADE, "1", &r, &e));
	assert_ok(recipients_accept(dirfd, "kiosk", &r, &e));
	recipients_done(&r);
	devices[0].decrypt = devices[2].decrypt;
	assert_refused(load(MADE + 1, "1", &r, &e), ERR_REFUSED);
	devices[0].decrypt = before;
}

static void devices_stand_in_order_and_once(void **state)
{
	struct recipients r;
	struct err e = { 0 };

	(void)state;
	assert_refused(load(MADE, "21", &r, &e), ERR_FORMAT);
	assert_refused(load(MADE, "11", &r, &e), ERR_FORMAT);
}

/* Also of a product that nobody asked for. */
static void one_bad_device_refuses_the_export(void **state)
{
	struct ec_private *before = devices[2].decrypt;
	struct recipients r;
	struct err e = { 0 };

	(void)state;
	devices[2].decrypt = devices[2].identity;
	assert_refused(load(MADE, "13", &r, &e), ERR_REFUSED);
	devices[2].decrypt = before;
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, forget)
	static const struct CMUnitTest tests[] = {
		TEST(new_and_gone_are_counted_against_the_last_export),
		TEST(an_export_from_before_is_refused),
		TEST(a_device_keeps_its_decryption_key),
		TEST(devices_stand_in_order_and_once),
		TEST(one_bad_device_refuses_the_export),
	};
#undef TEST

	return cmocka_run_group_tests(tests, setup, teardown);
}
