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

#define DECRYPT_NAME "decrypt.key"
#define RECORD_NAME  "identity.json"
#define CODE_NAME    "join.code"
#define RECORD_MAX   1024
#define HEX_LEN      (2 * EC_SCALAR_LEN)
#define NAME_LEN     48
#define GENERATIONS  1000000

struct record {
	struct message_identity id;
	int64_t generation, renew_at;
};

/* "identity.key" at first, later "identity.3.key". */
static void file_name(int64_t generation, const char *suffix,
		      char out[NAME_LEN])
{
	if (generation == 0)
		(void)snprintf(out, NAME_LEN, "identity.%s", suffix);
	else
		(void)snprintf(out, NAME_LEN, "identity.%lld.%s",
			       (long long)generation, suffix);
}

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
	char name[NAME_LEN];

	file_name(0, "key", name);
	return have_key(state_fd, name, out, e);
}

int identity_decrypt_key(int state_fd, struct ec_private **out, struct err *e)
{
	return have_key(state_fd, DECRYPT_NAME, out, e);
}

int identity_open_decrypt_key(int state_fd, struct ec_private **out,
			      struct err *e)
{
	if (load_key(state_fd, DECRYPT_NAME, out, e) == 0)
		return 0;
	/* Nothing brings it back: what is sealed is sealed to it alone. */
	if (e->code == ERR_NOT_FOUND)
		return err_set(e, ERR_NOT_FOUND,
			       "the device's decryption key (%s) is lost: have "
			       "this device revoked, empty its state folder "
			       "and enroll it with a new claim code; then "
			       "keys can be sealed to it",
			       DECRYPT_NAME);
	return err_in(e, "the device's decryption key");
}

/* ---- the record ---------------------------------------------------------- */

static int store_record(int state_fd, const struct record *r, struct err *e)
{
	struct buf text = BUF_INIT(RECORD_MAX);
	struct json *j = json_new_object();
	int rc = -1;

	json_set_int(j, "v", 1);
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
	file_name(0, "crt", name);
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

int identity_read(int state_fd, enum identity_which which,
		  struct buf *certificate, struct buf *key, struct err *e)
{
	char key_name[NAME_LEN], cert_name[NAME_LEN];
	struct ec_private *private = NULL;
	struct record r;
	int rc = -1;

	if (load_record(state_fd, &r, e))
		goto out;
	file_name(r.generation + which, "key", key_name);
	file_name(r.generation + which, "crt", cert_name);
	if (fs_read_file(state_fd, cert_name, certificate, e) == 0 &&
	    load_key(state_fd, key_name, &private, e) == 0)
		rc = x509_private_pem(private, key, e);
out:
	ec_free(private);
	return rc ? err_in(e, "the device's identity") : 0;
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
	file_name(r.generation + 1, "crt", name);
	out->at = r.renew_at;
	out->waiting = fs_stat(state_fd, name, &st, &why) == 0;
	return 0;
}

int identity_begin(int state_fd, struct ec_private **present,
		   struct buf *certificate, struct ec_private **next,
		   struct err *e)
{
	char key_name[NAME_LEN], cert_name[NAME_LEN], next_name[NAME_LEN];
	struct record r;

	if (load_record(state_fd, &r, e))
		return err_in(e, "the device's identity");
	file_name(r.generation, "key", key_name);
	file_name(r.generation, "crt", cert_name);
	file_name(r.generation + 1, "key", next_name);
	if (fs_read_file(state_fd, cert_name, certificate, e) ||
	    load_key(state_fd, key_name, present, e))
		return err_in(e, "the device's identity");
	if (have_key(state_fd, next_name, next, e)) {
		ec_free(*present);
		*present = NULL;
		return -1;
	}
	return 0;
}

int identity_store_next(int state_fd, const char *certificate, struct err *e)
{
	char name[NAME_LEN];
	struct record r;

	if (load_record(state_fd, &r, e))
		return -1;
	file_name(r.generation + 1, "crt", name);
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
	file_name(r.generation, "chain", name);
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
	file_name(r.generation + 1, "chain", name);
	if (wire_format_readopt(chain, &text, e) == 0)
		rc = fs_replace_file(state_fd, name, buf_slice(&text), 0600, e);
out:
	buf_done(&text);
	return rc ? err_in(e, "the device's renewals") : 0;
}

/* Of no more use to anybody; should one stay, nothing reads it. */
static void forget(int state_fd, int64_t generation)
{
	static const char *const suffixes[] = { "key", "crt", "chain" };
	char name[NAME_LEN];
	struct err unused;

	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		file_name(generation, suffixes[i], name);
		if (fs_remove(state_fd, name, &unused))
			return;
	}
}

int identity_promote(int state_fd, struct err *e)
{
	struct buf certificate = BUF_INIT(X509_PEM_MAX_LEN);
	char name[NAME_LEN];
	struct record r;
	int rc = -1;

	if (load_record(state_fd, &r, e))
		goto out;
	r.generation++;
	file_name(r.generation, "crt", name);
	if (fs_read_file(state_fd, name, &certificate, e) ||
	    set_renewal(&r, buf_slice(&certificate), e) ||
	    store_record(state_fd, &r, e))
		goto out;
	forget(state_fd, r.generation - 1);
	rc = 0;
out:
	buf_done(&certificate);
	return rc ? err_in(e, "the device's next identity") : 0;
}

/* ---- the end ------------------------------------------------------------- */

static int write_zeroes(int fd, size_t len, struct err *e)
{
	static const uint8_t zeroes[512];

	for (size_t at = 0; at < len; at += sizeof(zeroes)) {
		struct slice piece = { zeroes, sizeof(zeroes) };

		if (len - at < piece.len)
			piece.len = len - at;
		if (fs_write_at(fd, at, piece, e))
			return -1;
	}
	return fs_sync(fd, e);
}

static int overwrite(int state_fd, const char *name, struct err *e)
{
	struct stat st;
	int fd = -1, rc = -1;

	if (fs_stat(state_fd, name, &st, e) ||
	    fs_open(state_fd, name, O_RDWR, &fd, e))
		return -1;
	/* All of ours are smaller. */
	if (st.st_size <= WIRE_BODY_MAX)
		rc = write_zeroes(fd, (size_t)st.st_size, e);
	else
		(void)err_set(e, ERR_LIMIT, "%s: too large for a key", name);
	fs_close(&fd);
	return rc ? -1 : fs_remove(state_fd, name, e);
}

static bool has_end(const char *name, const char *end)
{
	size_t len = strlen(name), tail = strlen(end);

	return len > tail && strcmp(name + len - tail, end) == 0;
}

static bool is_secret(const char *name)
{
	return strcmp(name, DECRYPT_NAME) == 0 ||
	       (strncmp(name, "identity.", 9) == 0 &&
		(has_end(name, ".key") || has_end(name, ".crt") ||
		 has_end(name, ".chain")));
}

static int forget_secrets(int state_fd, struct err *e)
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
		if (is_secret(entry->d_name))
			rc = overwrite(state_fd, entry->d_name, e);
	(void)closedir(dir); /* only read from */
	return rc;
}

int identity_forget(int state_fd, struct err *e)
{
	return forget_secrets(state_fd, e) ||
			       fs_remove(state_fd, CODE_NAME, e) ||
			       fs_remove(state_fd, RECORD_NAME, e) ||
			       fs_sync(state_fd, e)
		       ? -1
		       : 0;
}
