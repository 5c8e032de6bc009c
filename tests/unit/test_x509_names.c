/* SPDX-License-Identifier: Apache-2.0 */
#include "common/x509_names.h"

#include "common/pem.h"
#include "common/x509.h"

#include "tests/unit/check.h"

static struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
static struct buf names = BUF_INIT(1024);
static struct err e;

static void issue(enum x509_kind kind, const char *const *given)
{
	const struct x509_template t = { .kind = kind,
					 .common_name = "one",
					 .names = given,
					 .not_before = 1000,
					 .not_after = 2000 };
	struct ec_private *key = NULL;
	struct ec_public public_key;

	pem.len = names.len = 0;
	assert_ok(ec_generate(&key, &e));
	ec_public_of(key, &public_key);
	assert_ok(x509_issue(&t, &public_key, (struct slice){ 0 }, key, &pem,
			     &e));
	ec_free(key);
}

static int teardown(void **state)
{
	(void)state;
	buf_done(&pem);
	buf_done(&names);
	return 0;
}

static void what_was_put_in_comes_out(void **state)
{
	static const char *const given[] = { "updates.example", "192.0.2.7",
					     "2001:db8::7", "localhost", NULL };
	const char wanted[] = "updates.example\0"
			      "192.0.2.7\0"
			      "2001:db8::7\0"
			      "localhost";

	(void)state;
	issue(X509_SERVER, given);
	assert_ok(x509_names(buf_slice(&pem), &names, &e));
	assert_int_equal(names.len, sizeof(wanted));
	assert_memory_equal(names.ptr, wanted, sizeof(wanted));
}

static void a_certificate_without_names_has_none(void **state)
{
	(void)state;
	issue(X509_PERSON, NULL);
	assert_ok(x509_names(buf_slice(&pem), &names, &e));
	assert_int_equal(names.len, 0);
}

/* The same certificate, with one byte of a name changed: what it is depends on
 * the names alone, for nothing here looks at the signature. */
static void spoil(const char *what, size_t at, uint8_t byte)
{
	struct buf der = BUF_INIT(X509_PEM_MAX_LEN);
	uint8_t *found;

	assert_ok(pem_parse(buf_slice(&pem), "CERTIFICATE", &der, &e));
	found = memmem(der.ptr, der.len, what, strlen(what));
	assert_non_null(found);
	found[at - 2] = byte; /* 0: the tag, 1: the length, 2...: the name */
	names.len = 0;
	assert_refused(x509_names(buf_slice(&der), &names, &e), ERR_FORMAT);
	buf_done(&der);
}

static void what_is_no_name_is_refused(void **state)
{
	static const char *const given[] = { "updates.example", NULL };

	(void)state;
	issue(X509_SERVER, given);
	spoil("updates.example", 2, 0);
	spoil("updates.example", 5, ' ');
	spoil("updates.example", 5, 0x7f);
	spoil("updates.example", 0, 0x81); /* an e-mail address */
	spoil("updates.example", 0, 0x87); /* an address of 15 bytes */
	spoil("updates.example", 1, 14);
	spoil("updates.example", 1, 16);
	assert_refused(x509_names(slice_of("none"), &names, &e), ERR_FORMAT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_in_comes_out),
		cmocka_unit_test(a_certificate_without_names_has_none),
		cmocka_unit_test(what_is_no_name_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
