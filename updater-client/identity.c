/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/identity.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/claim.h"
#include "common/fs.h"
#include "common/json.h"
#include "common/mem.h"
#include "updater-client/cohort.h"

#define DECRYPT_NAME "decrypt"
#define RECORD_NAME  "identity.json"
#define CODE_NAME    "join.code"
#define RECORD_MAX   1024
#define NAME_LEN     48
#define GENERATIONS  1000000

struct record {
	struct message_identity id;
	int64_t generation, renew_at;
};

/* "identity", later "identity.3": how device_key.h names a key. */
static void key_name(int64_t generation, char out[NAME_LEN])
{
	if (generation == 0)
		(void)snprintf(out, NAME_LEN, "identity");
	else
		(void)snprintf(out, NAME_LEN, "identity.%lld",
			       (long long)generation);
}

/* Its certificate and its chain beside it. */
static void crt_name(int64_t generation, char out[NAME_LEN])
{
	key_name(generation, out);
	text_copy(out + strlen(out), NAME_LEN - strlen(out), ".crt");
}

static void chain_name(int64_t generation, char out[NAME_LEN])
{
	key_name(generation, out);
	text_copy(out + strlen(out), NAME_LEN - strlen(out), ".chain");
}

int identity_key(const struct device_keys *keys, struct ec_private **out,
		 struct err *e)
{
	char name[NAME_LEN];

	key_name(0, name);
	return device_key_have(keys, name, out, e);
}

int identity_decrypt_key(const struct device_keys *keys,
			 struct ec_private **out, struct err *e)
{
	return device_key_have(keys, DECRYPT_NAME, out, e);
}

int identity_open_decrypt_key(const struct device_keys *keys,
			      struct ec_private **out, struct err *e)
{
	if (device_key_load(keys, DECRYPT_NAME, out, e) == 0)
		return 0;
	/* Nothing brings it back: what is sealed is sealed to it alone. */
	if (e->code == ERR_NOT_FOUND)
		return err_set(e, ERR_NOT_FOUND,
			       "the device's decryption key (%s) is lost: have "
			       "this device revoked, empty its state folder "
			       "and enroll it with a new claim code; then "
			       "keys can be sealed to it",
			       keys->token ? "in the token" : "decrypt.key");
	return err_in(e, "the device's decryption key");
}

/* ---- the record ---------------------------------------------------------- */

static int store_record(int state_fd, const struct record *r, struct err *e)
{
	struct buf text = BUF_INIT(RECORD_MAX);
	struct json *j = json_new_document();
	int rc = -1;

	json_set_hex(j, "device",
		     (struct slice){ r->id.device.bytes, DEVICE_ID_LEN });
	json_set_text(j, "cohort", r->id.cohort);
	json_set_int(j, "generation", r->generation);
	json_set_int(j, "renew_at", r->renew_at);
	if (json_print(j, true, &text, e) == 0)
		rc = fs_replace_file(state_fd, RECORD_NAME, buf_slice(&text),
				     0600, e);
	json_free(j);
	buf_done(&text);
	return rc;
}

static int parse_record(struct slice in, struct record *out, struct err *e)
{
	struct record r = { 0 };
	const char *cohort;
	struct json *j;
	int rc = -1;

	if (json_parse(in, &j, e))
		return -1;
	if (json_get_hex(j, "device", r.id.device.bytes, DEVICE_ID_LEN, e) ||
	    json_get_text(j, "cohort", &cohort, e) ||
	    text_format(r.id.cohort, sizeof(r.id.cohort), e, "%s", cohort) ||
	    json_get_int(j, "generation", 0, GENERATIONS, &r.generation, e) ||
	    json_get_int(j, "renew_at", 0, JSON_INT_MAX, &r.renew_at, e))
		goto out;
	*out = r;
	rc = 0;
out:
	json_free(j);
	return rc;
}

static int load_record(int state_fd, struct record *out, struct err *e)
{
	struct buf text = BUF_INIT(RECORD_MAX);
	int rc = -1;

	if (fs_read_file(state_fd, RECORD_NAME, &text, e) == 0)
		rc = parse_record(buf_slice(&text), out, e);
	buf_done(&text);
	return rc;
}

/* When two thirds of a certificate's life will be over. */
static int set_renewal(struct record *r, struct slice certificate,
		       struct err *e)
{
	struct x509_info info;

	if (x509_inspect(certificate, &info, e))
		return -1;
	r->renew_at =
		info.not_before + (info.not_after - info.not_before) / 3 * 2;
	return 0;
}

int identity_store(int state_fd, const struct wire_identity *id, struct err *e)
{
	struct record r = { .id = { .device = id->device } };
	struct cohort pinned = { .device = id->device };
	char name[NAME_LEN];

	memcpy(r.id.cohort, id->cohort, sizeof(r.id.cohort));
	memcpy(pinned.name, id->cohort, sizeof(pinned.name));
	crt_name(0, name);
	if (set_renewal(&r, slice_of(id->certificate), e) ||
	    fs_replace_file(state_fd, name, slice_of(id->certificate), 0600,
			    e) ||
	    cohort_pin(state_fd, &pinned, e) ||
	    fs_remove(state_fd, CODE_NAME, e) || store_record(state_fd, &r, e))
		return err_in(e, "storing the identity");
	return 0;
}

int identity_store_code(int state_fd, const char code[CLAIM_JOIN_LEN + 1],
			struct err *e)
{
	return fs_replace_file(state_fd, CODE_NAME, slice_of(code), 0600, e);
}

void identity_load_code(int state_fd, char code[CLAIM_JOIN_LEN + 1])
{
	struct buf text = BUF_INIT(CLAIM_JOIN_LEN);
	struct err none = { 0 };

	code[0] = 0;
	if (fs_read_file(state_fd, CODE_NAME, &text, &none) == 0 &&
	    claim_parse_join_code(buf_slice(&text), code, &none))
		code[0] = 0;
	buf_done(&text);
}

int identity_drop_code(int state_fd, struct err *e)
{
	char code[CLAIM_JOIN_LEN + 1];

	identity_load_code(state_fd, code);
	return code[0] ? fs_remove(state_fd, CODE_NAME, e) : 0;
}

int identity_load(int state_fd, struct message_identity *out, bool *found,
		  struct err *e)
{
	struct err why = { 0 };
	struct record r;

	*found = false;
	if (load_record(state_fd, &r, &why) == 0) {
		*out = r.id;
		*found = true;
		return 0;
	}
	if (why.code == ERR_NOT_FOUND)
		return 0;
	*e = why;
	return err_in(e, "the device's identity");
}

int identity_open(const struct device_keys *keys, enum identity_which which,
		  struct buf *certificate, struct ec_private **key,
		  struct err *e)
{
	char key_file[NAME_LEN], crt_file[NAME_LEN];
	struct record r;

	if (load_record(keys->state_fd, &r, e))
		return err_in(e, "the device's identity");
	key_name(r.generation + which, key_file);
	crt_name(r.generation + which, crt_file);
	if (fs_read_file(keys->state_fd, crt_file, certificate, e) ||
	    device_key_load(keys, key_file, key, e))
		return err_in(e, "the device's identity");
	return 0;
}

/* ---- renewal ------------------------------------------------------------- */

int identity_look(int state_fd, struct identity_renewal *out, struct err *e)
{
	char name[NAME_LEN];
	struct err why;
	struct record r;
	struct stat st;

	if (load_record(state_fd, &r, e))
		return err_in(e, "the device's identity");
	crt_name(r.generation + 1, name);
	out->at = r.renew_at;
	out->waiting = fs_stat(state_fd, name, &st, &why) == 0;
	return 0;
}

int identity_begin(const struct device_keys *keys, struct ec_private **present,
		   struct buf *certificate, struct ec_private **next,
		   struct err *e)
{
	char name[NAME_LEN];
	struct record r;

	if (identity_open(keys, IDENTITY_PRESENT, certificate, present, e))
		return -1;
	if (load_record(keys->state_fd, &r, e) == 0) {
		key_name(r.generation + 1, name);
		if (device_key_have(keys, name, next, e) == 0)
			return 0;
	}
	ec_free(*present);
	*present = NULL;
	return -1;
}

int identity_store_next(int state_fd, const char *certificate, struct err *e)
{
	char name[NAME_LEN];
	struct record r;

	if (load_record(state_fd, &r, e))
		return -1;
	crt_name(r.generation + 1, name);
	return fs_replace_file(state_fd, name, slice_of(certificate), 0600, e);
}

int identity_load_chain(int state_fd, struct wire_readopt *out, struct err *e)
{
	struct buf text = BUF_INIT(WIRE_BODY_MAX);
	char name[NAME_LEN];
	struct record r;
	int rc = -1;

	out->count = 0;
	if (load_record(state_fd, &r, e))
		return err_in(e, "the device's identity");
	chain_name(r.generation, name);
	if (fs_read_file(state_fd, name, &text, e) == 0)
		rc = wire_parse_readopt(buf_slice(&text), out, e);
	buf_done(&text);
	return rc;
}

int identity_store_chain(int state_fd, const struct wire_readopt *chain,
			 struct err *e)
{
	struct buf text = BUF_INIT(WIRE_BODY_MAX);
	char name[NAME_LEN];
	struct record r;
	int rc = -1;

	if (load_record(state_fd, &r, e))
		goto out;
	chain_name(r.generation + 1, name);
	if (wire_format_readopt(chain, &text, e) == 0)
		rc = fs_replace_file(state_fd, name, buf_slice(&text), 0600, e);
out:
	buf_done(&text);
	return rc ? err_in(e, "the device's renewals") : 0;
}

/* Of no more use to anybody; should one stay, nothing reads it. */
static void forget(const struct device_keys *keys, int64_t generation)
{
	char name[NAME_LEN];
	struct err unused;

	key_name(generation, name);
	if (device_key_destroy(keys, name, &unused))
		return;
	crt_name(generation, name);
	if (fs_remove(keys->state_fd, name, &unused))
		return;
	chain_name(generation, name);
	if (fs_remove(keys->state_fd, name, &unused))
		return;
}

int identity_promote(const struct device_keys *keys, struct err *e)
{
	struct buf certificate = BUF_INIT(X509_PEM_MAX_LEN);
	char name[NAME_LEN];
	struct record r;
	int rc = -1;

	if (load_record(keys->state_fd, &r, e))
		goto out;
	r.generation++;
	crt_name(r.generation, name);
	if (fs_read_file(keys->state_fd, name, &certificate, e) ||
	    set_renewal(&r, buf_slice(&certificate), e) ||
	    store_record(keys->state_fd, &r, e))
		goto out;
	forget(keys, r.generation - 1);
	rc = 0;
out:
	buf_done(&certificate);
	return rc ? err_in(e, "the device's next identity") : 0;
}

/* ---- the end ------------------------------------------------------------- */

/* Certificates and chains; no secrets. */
static bool is_ours(const char *name)
{
	size_t len = strlen(name);

	return strncmp(name, "identity.", 9) == 0 &&
	       ((len >= 12 && strcmp(name + len - 4, ".crt") == 0) ||
		(len >= 14 && strcmp(name + len - 6, ".chain") == 0));
}

static int forget_rest(int state_fd, struct err *e)
{
	struct dirent *entry;
	int fd = openat(state_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	int rc = 0;

	if (!dir) {
		(void)err_sys(e, "the state folder");
		fs_close(&fd);
		return -1;
	}
	while (rc == 0 && (entry = readdir(dir)))
		if (is_ours(entry->d_name))
			rc = fs_remove(state_fd, entry->d_name, e);
	(void)closedir(dir); /* only read from */
	return rc;
}

int identity_forget(const struct device_keys *keys, struct err *e)
{
	return device_key_destroy(keys, "", e) ||
			       forget_rest(keys->state_fd, e) ||
			       fs_remove(keys->state_fd, CODE_NAME, e) ||
			       fs_remove(keys->state_fd, RECORD_NAME, e) ||
			       fs_sync(keys->state_fd, e)
		       ? -1
		       : 0;
}
