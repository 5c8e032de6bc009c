/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/identity.h"

#include <string.h>

#include "common/fs.h"
#include "common/json.h"
#include "common/mem.h"
#include "updater-client/cohort.h"

#define KEY_NAME     "identity.key"
#define DECRYPT_NAME "decrypt.key"
#define CERT_NAME    "identity.crt"
#define RECORD_NAME  "identity.json"
#define RECORD_MAX   1024
#define HEX_LEN      (2 * EC_SCALAR_LEN)

static int store_key(int state_fd, const char *name,
		     const struct ec_private *key, struct err *e)
{
	uint8_t scalar[EC_SCALAR_LEN];
	char hex[HEX_LEN + 1];
	int rc;

	ec_private_scalar(key, scalar);
	hex_format((struct slice){ scalar, sizeof(scalar) }, hex);
	rc = fs_replace_file(state_fd, name, slice_of(hex), 0600, e);
	mem_wipe(scalar, sizeof(scalar));
	mem_wipe(hex, sizeof(hex));
	return rc;
}

static int make_key(int state_fd, const char *name, struct ec_private **out,
		    struct err *e)
{
	struct ec_private *key = NULL;

	/* getrandom waits until the kernel's generator is seeded. */
	if (ec_generate(&key, e))
		return -1;
	if (store_key(state_fd, name, key, e)) {
		ec_free(key);
		return -1;
	}
	*out = key;
	return 0;
}

static int load_key(int state_fd, const char *name, struct ec_private **out,
		    struct err *e)
{
	struct buf hex = BUF_INIT(HEX_LEN);
	uint8_t scalar[EC_SCALAR_LEN];
	int rc = -1;

	if (fs_read_file(state_fd, name, &hex, e) == 0 &&
	    hex_parse(buf_slice(&hex), scalar, sizeof(scalar), e) == 0)
		rc = ec_private_from_scalar(scalar, out, e);
	mem_wipe(scalar, sizeof(scalar));
	buf_wipe(&hex);
	return rc;
}

static int have_key(int state_fd, const char *name, struct ec_private **out,
		    struct err *e)
{
	struct err why = { 0 };

	if (load_key(state_fd, name, out, &why) == 0)
		return 0;
	if (why.code == ERR_NOT_FOUND)
		return make_key(state_fd, name, out, e);
	*e = why;
	return err_in(e, "the device's key");
}

int identity_key(int state_fd, struct ec_private **out, struct err *e)
{
	return have_key(state_fd, KEY_NAME, out, e);
}

int identity_decrypt_key(int state_fd, struct ec_private **out, struct err *e)
{
	return have_key(state_fd, DECRYPT_NAME, out, e);
}

int identity_open_decrypt_key(int state_fd, struct ec_private **out,
			      struct err *e)
{
	return load_key(state_fd, DECRYPT_NAME, out, e)
		       ? err_in(e, "the device's decryption key")
		       : 0;
}

static int store_record(int state_fd, const struct wire_identity *id,
			struct err *e)
{
	struct buf text = BUF_INIT(RECORD_MAX);
	struct json *j = json_new_object();
	int rc = -1;

	json_set_int(j, "v", 1);
	json_set_hex(j, "device",
		     (struct slice){ id->device.bytes, DEVICE_ID_LEN });
	json_set_text(j, "cohort", id->cohort);
	if (json_print(j, true, &text, e) == 0)
		rc = fs_replace_file(state_fd, RECORD_NAME, buf_slice(&text),
				     0600, e);
	json_free(j);
	buf_done(&text);
	return rc;
}

int identity_store(int state_fd, const struct wire_identity *id, struct err *e)
{
	struct cohort pinned = { .device = id->device };

	memcpy(pinned.name, id->cohort, sizeof(pinned.name));
	if (fs_replace_file(state_fd, CERT_NAME, slice_of(id->certificate),
			    0600, e) ||
	    cohort_pin(state_fd, &pinned, e) || store_record(state_fd, id, e))
		return err_in(e, "storing the identity");
	return 0;
}

static int parse_record(struct slice in, struct message_identity *out,
			struct err *e)
{
	struct message_identity to = { 0 };
	const char *cohort;
	struct json *j;
	int rc = -1;

	if (json_parse(in, &j, e))
		return -1;
	if (json_get_hex(j, "device", to.device.bytes, DEVICE_ID_LEN, e) == 0 &&
	    json_get_text(j, "cohort", &cohort, e) == 0 &&
	    text_format(to.cohort, sizeof(to.cohort), e, "%s", cohort) == 0) {
		*out = to;
		rc = 0;
	}
	json_free(j);
	return rc;
}

int identity_load(int state_fd, struct message_identity *out, bool *found,
		  struct err *e)
{
	struct buf text = BUF_INIT(RECORD_MAX);
	struct err why = { 0 };
	int rc;

	*found = false;
	if (fs_read_file(state_fd, RECORD_NAME, &text, &why)) {
		rc = why.code == ERR_NOT_FOUND ? 0 : -1;
	} else {
		rc = parse_record(buf_slice(&text), out, &why);
		*found = rc == 0;
	}
	if (rc) {
		*e = why;
		err_in(e, "the device's identity");
	}
	buf_done(&text);
	return rc;
}

int identity_read(int state_fd, struct buf *certificate, struct buf *key,
		  struct err *e)
{
	struct ec_private *private = NULL;
	int rc = -1;

	if (fs_read_file(state_fd, CERT_NAME, certificate, e) == 0 &&
	    load_key(state_fd, KEY_NAME, &private, e) == 0)
		rc = x509_private_pem(private, key, e);
	ec_free(private);
	return rc ? err_in(e, "the device's identity") : 0;
}
