/* SPDX-License-Identifier: Apache-2.0 */
#include "common/registry.h"

#include <string.h>

#include "common/signed_json.h"

#define TYPE "registry"
#define SIG  "signature"

struct json *registry_new(int64_t made)
{
	struct json *j = json_new_document();
	char text[UTC_TEXT_LEN];

	utc_format(made, text);
	json_set_text(j, "type", TYPE);
	json_set_text(j, "made", text);
	json_set(j, "devices", json_new_array());
	return j;
}

struct json *registry_device_format(const struct registry_device *d)
{
	struct json *j = json_new_object();

	json_set_hex(j, "id", (struct slice){ d->id.bytes, DEVICE_ID_LEN });
	json_set_text(j, "product", d->product);
	json_set_text(j, "model", d->model);
	json_set_text(j, "cohort", d->cohort);
	json_set_text(j, "certificate", d->certificate);
	decrypt_key_set(j, &d->decrypt);
	return j;
}

int registry_sign(struct json *signed_part, const struct ec_private *officer,
		  struct buf *out, struct err *e)
{
	struct json *file = NULL;
	int rc = signed_json_make(signed_part, SIG, officer, REGISTRY_FILE_MAX,
				  &file, e) ||
				 json_print(file, false, out, e)
			 ? -1
			 : 0;

	json_free(file);
	return rc;
}

/* ---- reading ------------------------------------------------------------- */

static int verify(const struct json *root, const struct ec_public *officer,
		  struct err *e)
{
	return signed_json_verify(root, SIG, officer, REGISTRY_FILE_MAX, e)
		       ? err_in(e, "the officer's signature")
		       : 0;
}

static int read_list(const struct json *signed_part,
		     const struct json **devices, int64_t *made, struct err *e)
{
	static const char *const known[] = { "v", "type", "made", "devices",
					     NULL };
	const char *type, *text;
	int64_t version;

	if (json_get_text(signed_part, "type", &type, e))
		return -1;
	if (strcmp(type, TYPE) != 0)
		return err_set(e, ERR_FORMAT, "not a registry export");
	if (json_only(signed_part, known, e) ||
	    json_get_int(signed_part, "v", 1, 1, &version, e) ||
	    json_get_text(signed_part, "made", &text, e) ||
	    utc_parse(slice_of(text), made, e) ||
	    json_get_array(signed_part, "devices", devices, e))
		return -1;
	if (json_count(*devices) > REGISTRY_DEVICES_MAX)
		return err_set(e, ERR_LIMIT, "more than %d devices",
			       REGISTRY_DEVICES_MAX);
	return 0;
}

int registry_open(struct slice file, const struct ec_public *officer,
		  struct json **root, const struct json **devices,
		  int64_t *made, struct err *e)
{
	static const char *const known[] = { "signature", "signed", NULL };
	const struct json *signed_part;
	struct json *j = NULL;

	if (json_parse(file, &j, e))
		return -1;
	if (json_only(j, known, e) ||
	    json_get_object(j, "signed", &signed_part, e) ||
	    verify(j, officer, e) || read_list(signed_part, devices, made, e)) {
		json_free(j);
		return -1;
	}
	*root = j;
	return 0;
}

static int read_name(const struct json *j, const char *member,
		     char out[NAME_MAX_LEN + 1], struct err *e)
{
	const char *text;

	if (json_get_text(j, member, &text, e))
		return -1;
	if (!name_is_valid(slice_of(text)))
		return err_set(e, ERR_FORMAT, "%s: not a name", member);
	return text_format(out, NAME_MAX_LEN + 1, e, "%s", text);
}

/* The certificate is of this device, and its key signed the other one. */
static int check_keys(const struct registry_device *d, struct slice ca,
		      struct err *e)
{
	char hex[2 * DEVICE_ID_LEN + 1];
	struct x509_info info;

	hex_format((struct slice){ d->id.bytes, DEVICE_ID_LEN }, hex);
	if (x509_verify_by_any(slice_of(d->certificate), ca, X509_DEVICE,
			       utc_now(), true, e) ||
	    x509_inspect(slice_of(d->certificate), &info, e))
		return err_in(e, "device %s", hex);
	if (strcmp(info.common_name, hex) != 0)
		return err_set(e, ERR_UNTRUSTED,
			       "device %s shows another device's certificate",
			       hex);
	return decrypt_key_check(&d->decrypt, &info.public_key, e)
		       ? err_in(e, "device %s", hex)
		       : 0;
}

int registry_device_parse(const struct json *j, struct slice ca,
			  struct registry_device *out, struct err *e)
{
	static const char *const known[] = {
		"id",          "product",     "model",         "cohort",
		"certificate", "decrypt_key", "decrypt_proof", NULL
	};
	struct registry_device d = { .certificate = "" };

	if (json_only(j, known, e) ||
	    json_get_hex(j, "id", d.id.bytes, DEVICE_ID_LEN, e) ||
	    read_name(j, "product", d.product, e) ||
	    read_name(j, "model", d.model, e) ||
	    read_name(j, "cohort", d.cohort, e) ||
	    json_get_text(j, "certificate", &d.certificate, e) ||
	    decrypt_key_get(j, &d.decrypt, e) || check_keys(&d, ca, e))
		return -1;
	*out = d;
	return 0;
}
