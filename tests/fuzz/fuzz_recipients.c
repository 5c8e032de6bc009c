/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: what the repository says of the export that was accepted last. It is
 * refused, or every device of the next export is new or one of those that stand
 * there, with the same key.
 */
#include "signer/recipients.h"

#include "tests/fuzz/folder.h"
#include "tests/fuzz/must.h"

#define MADE INT64_C(1795360341)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct buf ca_pem = BUF_INIT(X509_PEM_MAX_LEN);
static struct buf export = BUF_INIT(1 << 16);
static struct recipients_from from = { .product = "kiosk" };

/* The same keys each time: what the corpus knows is then one of them. */
static struct ec_private *key_of(uint8_t n)
{
	const uint8_t scalar[EC_SCALAR_LEN] = { n };
	struct ec_private *key;
	struct err e;

	MUST(ec_private_from_scalar(scalar, &key, &e) == 0);
	return key;
}

static struct json *device(const struct ec_private *ca)
{
	struct ec_private *identity = key_of(3), *decrypt = key_of(4);
	struct registry_device d = { .id = { { 1 } },
				     .product = "kiosk",
				     .model = "k1",
				     .cohort = "canary" };
	const struct x509_template t = {
		.kind = X509_DEVICE,
		.common_name = "01000000000000000000000000000000",
		.not_before = MADE,
		.not_after = MADE + 1,
	};
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct ec_public key;
	struct json *j;
	struct err e;

	ec_public_of(identity, &key);
	MUST(x509_issue(&t, &key, from.ca, ca, &pem, &e) == 0);
	ec_public_of(decrypt, &key);
	MUST(decrypt_key_prove(identity, &key, &d.decrypt, &e) == 0);
	d.certificate = buf_text(&pem);
	j = registry_device_format(&d);
	buf_done(&pem);
	ec_free(identity);
	ec_free(decrypt);
	return j;
}

static void begin(void)
{
	const struct x509_template t = { .kind = X509_CA,
					 .common_name = "device CA",
					 .not_before = MADE,
					 .not_after = MADE + 36500 * UTC_DAY };
	struct ec_private *officer = key_of(1), *ca = key_of(2);
	struct json *j = registry_new(MADE);
	struct ec_public key;
	struct err e;

	ec_public_of(officer, &from.officer);
	ec_public_of(ca, &key);
	MUST(x509_issue(&t, &key, (struct slice){ 0 }, ca, &ca_pem, &e) == 0);
	from.ca = buf_slice(&ca_pem);
	json_add((struct json *)(uintptr_t)json_get(j, "devices"), device(ca));
	MUST(registry_sign(j, officer, &export, &e) == 0);
	from.file = buf_slice(&export);
	MUST(fs_mkdir(folder(), "registry", 0700, &e) == 0);
	ec_free(officer);
	ec_free(ca);
}

static bool says(struct slice in, const char *text)
{
	return in.len > 0 && memmem(in.ptr, in.len, text, strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct slice in = { data, len };
	struct recipients r;
	struct err e = { 0 };

	if (from.file.len == 0)
		begin();
	folder_put("registry/kiosk.json", in);
	if (recipients_load(folder(), &from, &r, &e)) {
		MUST(e.code != ERR_NONE);
		return 0;
	}
	MUST(r.count == 1 && r.new_count == (r.at[0].is_new ? 1 : 0));
	/* Its id may be escaped; its name in the clear is always known. */
	MUST(r.at[0].is_new || says(in, "\\u") ||
	     says(in, "01000000000000000000000000000000"));
	recipients_done(&r);
	return 0;
}
