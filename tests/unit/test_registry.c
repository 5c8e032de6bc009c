/* SPDX-License-Identifier: Apache-2.0 */
#include "common/registry.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/check.h"

#define MADE INT64_C(1795360341)

static struct ec_private *officer, *ca, *identity, *decrypt;
static struct ec_public officer_public;
static struct buf ca_pem = BUF_INIT(X509_PEM_MAX_LEN);
static struct buf cert_pem = BUF_INIT(X509_PEM_MAX_LEN);

static const struct device_id id = { { 0xab, 1 } };

/* A certificate for an id, in the name of the device CA or of `issuer`. */
static int certify(const char *name, const struct ec_private *issuer,
		   const struct buf *issuer_pem, struct buf *out, struct err *e)
{
	struct x509_template t = { .kind = X509_DEVICE,
				   .common_name = name,
				   .not_before = MADE - 100,
				   .not_after = MADE + 100 };
	struct ec_public key;

	ec_public_of(identity, &key);
	return x509_issue(&t, &key, buf_slice(issuer_pem), issuer, out, e);
}

static int setup(void **state)
{
	struct x509_template t = { .kind = X509_CA,
				   .common_name = "device CA",
				   .not_before = MADE - 100,
				   .not_after = MADE + 36500 * UTC_DAY };
	struct slice none = { 0 };
	char name[2 * DEVICE_ID_LEN + 1];
	struct ec_public ca_public;
	struct err e = { 0 };

	(void)state;
	if (ec_generate(&officer, &e) || ec_generate(&ca, &e) ||
	    ec_generate(&identity, &e) || ec_generate(&decrypt, &e))
		return -1;
	ec_public_of(officer, &officer_public);
	ec_public_of(ca, &ca_public);
	hex_format((struct slice){ id.bytes, DEVICE_ID_LEN }, name);
	return x509_issue(&t, &ca_public, none, ca, &ca_pem, &e) ||
	       certify(name, ca, &ca_pem, &cert_pem, &e);
}

static int teardown(void **state)
{
	(void)state;
	ec_free(officer);
	ec_free(ca);
	ec_free(identity);
	ec_free(decrypt);
	buf_done(&ca_pem);
	buf_done(&cert_pem);
	return 0;
}

static void a_device(struct registry_device *d)
{
	struct ec_public key;
	struct err e = { 0 };

	*d = (struct registry_device){ .id = id,
				       .product = "kiosk",
				       .model = "k1",
				       .cohort = "canary",
				       .certificate = buf_text(&cert_pem) };
	ec_public_of(decrypt, &key);
	assert_ok(decrypt_key_prove(identity, &key, &d->decrypt, &e));
}

static void a_file(struct buf *out)
{
	struct json *j = registry_new(MADE);
	struct registry_device d;
	struct err e = { 0 };

	a_device(&d);
	json_add((struct json *)(uintptr_t)json_get(j, "devices"),
		 registry_device_format(&d));
	assert_ok(registry_sign(j, officer, out, &e));
}

static void an_export_survives_with_its_devices(void **state)
{
	struct buf file = BUF_INIT(REGISTRY_FILE_MAX);
	const struct json *devices;
	struct registry_device d;
	struct json *root;
	struct err e = { 0 };
	int64_t made;

	(void)state;
	a_file(&file);
	assert_ok(registry_open(buf_slice(&file), &officer_public, &root,
				&devices, &made, &e));
	assert_true(made == MADE);
	assert_int_equal(json_count(devices), 1);
	/* The certificate has long expired: the registry says who belongs. */
	assert_ok(registry_device_parse(json_at(devices, 0), buf_slice(&ca_pem),
					&d, &e));
	assert_string_equal(d.product, "kiosk");
	assert_memory_equal(&d.id, &id, sizeof(id));
	json_free(root);
	buf_done(&file);
}

/* D07: nothing that the officer did not sign. */
static void any_changed_byte_ends_the_signature(void **state)
{
	struct buf file = BUF_INIT(REGISTRY_FILE_MAX);
	struct ec_public other;
	const struct json *devices;
	struct json *root;
	struct err e = { 0 };
	int64_t made;

	(void)state;
	a_file(&file);
	for (size_t i = 0; i < file.len; i += 5) {
		file.ptr[i] ^= 1;
		assert_int_equal(registry_open(buf_slice(&file),
					       &officer_public, &root, &devices,
					       &made, &e),
				 -1);
		file.ptr[i] ^= 1;
	}
	ec_public_of(ca, &other);
	assert_refused(registry_open(buf_slice(&file), &other, &root, &devices,
				     &made, &e),
		       ERR_UNTRUSTED);
	buf_done(&file);
}

static void assert_device_refused(const struct registry_device *d,
				  enum err_code code)
{
	struct json *j = registry_device_format(d);
	struct registry_device out;
	struct err e = { 0 };

	assert_refused(registry_device_parse(j, buf_slice(&ca_pem), &out, &e),
		       code);
	json_free(j);
}

/* D07: what a server could slip in, even under an officer's signature. */
static void a_device_that_the_ca_did_not_certify_is_refused(void **state)
{
	struct x509_template t = { .kind = X509_CA,
				   .common_name = "device CA",
				   .not_before = MADE - 100,
				   .not_after = MADE + 36500 * UTC_DAY };
	struct buf other = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf other_ca = BUF_INIT(X509_PEM_MAX_LEN);
	char name[2 * DEVICE_ID_LEN + 1];
	struct registry_device d;
	struct err e = { 0 };

	(void)state;
	hex_format((struct slice){ id.bytes, DEVICE_ID_LEN }, name);
	assert_ok(x509_issue(&t, &officer_public, (struct slice){ 0 }, officer,
			     &other_ca, &e));
	assert_ok(certify(name, officer, &other_ca, &other, &e));
	a_device(&d);
	d.certificate = buf_text(&other);
	assert_device_refused(&d, ERR_UNTRUSTED);
	a_device(&d);
	d.id.bytes[0] ^= 1;
	assert_device_refused(&d, ERR_UNTRUSTED);
	a_device(&d);
	d.certificate = "nonsense";
	assert_device_refused(&d, ERR_UNTRUSTED);
	buf_done(&other);
	buf_done(&other_ca);
}

static void a_swapped_decryption_key_is_refused(void **state)
{
	struct registry_device d;

	(void)state;
	a_device(&d);
	d.decrypt.key = officer_public;
	assert_device_refused(&d, ERR_UNTRUSTED);
}

/* One member of the signed part is another, under a good signature. */
static void assert_export_refused(const char *member, struct json *value,
				  enum err_code code)
{
	struct buf file = BUF_INIT(REGISTRY_FILE_MAX);
	struct json *j = registry_new(MADE), *root;
	const struct json *devices;
	struct err e = { 0 };
	int64_t made;

	json_set(j, member, value);
	assert_ok(registry_sign(j, officer, &file, &e));
	assert_refused(registry_open(buf_slice(&file), &officer_public, &root,
				     &devices, &made, &e),
		       code);
	buf_done(&file);
}

static void an_officer_cannot_sign_anything_else_as_an_export(void **state)
{
	(void)state;
	assert_export_refused("type", json_new_text("order"), ERR_FORMAT);
	assert_export_refused("more", json_new_text("x"), ERR_FORMAT);
	assert_export_refused("made", json_new_text("today"), ERR_FORMAT);
	assert_export_refused("v", json_new_text("1"), ERR_FORMAT);
}

static void around_the_signed_part_stands_the_signature_alone(void **state)
{
	char hex[2 * EC_SIG_MAX_LEN + 4], text[600];
	const struct json *devices;
	struct json *root;
	struct err e = { 0 };
	int64_t made;

	(void)state;
	(void)snprintf(text, sizeof(text),
		       "{\"more\":1,\"signature\":\"00\",\"signed\":{}}");
	assert_refused(registry_open(slice_of(text), &officer_public, &root,
				     &devices, &made, &e),
		       ERR_FORMAT);
	for (size_t len = 1; len < sizeof(hex); len += sizeof(hex) - 3) {
		memset(hex, 'a', sizeof(hex));
		hex[len] = 0;
		(void)snprintf(text, sizeof(text),
			       "{\"signature\":\"%s\",\"signed\":{}}", hex);
		assert_refused(registry_open(slice_of(text), &officer_public,
					     &root, &devices, &made, &e),
			       ERR_FORMAT);
	}
}

static void a_device_has_names_and_nothing_more(void **state)
{
	static const char *const names[] = { "product", "model", "cohort" };
	struct registry_device d, out;
	struct err e = { 0 };
	struct json *j;

	(void)state;
	a_device(&d);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		j = registry_device_format(&d);
		json_set_text(j, names[i], "../x");
		assert_refused(
			registry_device_parse(j, buf_slice(&ca_pem), &out, &e),
			ERR_FORMAT);
		json_free(j);
	}
	j = registry_device_format(&d);
	json_set_text(j, "more", "x");
	assert_refused(registry_device_parse(j, buf_slice(&ca_pem), &out, &e),
		       ERR_FORMAT);
	json_free(j);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_export_survives_with_its_devices),
		cmocka_unit_test(any_changed_byte_ends_the_signature),
		cmocka_unit_test(
			a_device_that_the_ca_did_not_certify_is_refused),
		cmocka_unit_test(a_swapped_decryption_key_is_refused),
		cmocka_unit_test(
			an_officer_cannot_sign_anything_else_as_an_export),
		cmocka_unit_test(
			around_the_signed_part_stands_the_signature_alone),
		cmocka_unit_test(a_device_has_names_and_nothing_more),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
