/* SPDX-License-Identifier: Apache-2.0 */
#include "common/keyfile.h"

#include <string.h>

#include "common/aead.h"
#include "common/hkdf.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/pbkdf2.h"
#include "common/random.h"
#include "common/text.h"

#define FORMAT     "pawl-key-1"
#define KDF_CHOSEN "pbkdf2-hmac-sha512"
#define KDF_MADE   "hkdf-sha256"
#define KDF_INFO   "pawl/keyfile/v1"
#define SALT_LEN   32
#define SEALED_LEN (EC_SCALAR_LEN + AEAD_TAG_LEN)

/* Everything that the file says, still sealed. */
struct envelope {
	struct keyfile_info info;
	uint32_t rounds; /* 0: HKDF */
	uint8_t salt[SALT_LEN];
	uint8_t nonce[AEAD_NONCE_LEN];
	uint8_t sealed[SEALED_LEN];
};

static const char *const environments[] = {
	[ENV_DEMO] = "demo",
	[ENV_LAB] = "lab",
	[ENV_PRODUCTION] = "production",
};

static const char *const purposes[] = {
	"release", "online", "ca",   "tls",     "device",
	"log",     "person", "wrap", "example", "ledger",
};

const char *environment_name(enum environment env)
{
	return environments[env];
}

int environment_parse(struct slice name, enum environment *out, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(environments); i++)
		if (slice_equal(name, slice_of(environments[i]))) {
			*out = (enum environment)i;
			return 0;
		}
	return err_set(e, ERR_FORMAT, "environment is demo, lab or production");
}

static int set_purpose(const char *purpose, struct keyfile_info *info,
		       struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(purposes); i++)
		if (strcmp(purpose, purposes[i]) == 0) {
			memcpy(info->purpose, purposes[i],
			       strlen(purposes[i]) + 1);
			return 0;
		}
	return err_set(e, ERR_FORMAT,
		       "purpose is release, online, ca, tls, device, log, "
		       "person, wrap, ledger or example");
}

/* ---- the envelope as JSON ------------------------------------------------ */

/*
 * All members but "sealed", canonically: the associated data. So nothing in
 * the file can be changed without it failing to open.
 */
static int header_json(const struct envelope *v, struct json **out,
		       struct err *e)
{
	struct buf pem = BUF_INIT(EC_PEM_MAX_LEN);
	struct json *j, *kdf;

	if (ec_public_to_pem(&v->info.public_key, &pem, e)) {
		buf_done(&pem);
		return -1;
	}
	j = json_new_object();
	kdf = json_new_object();
	json_set_text(kdf, "name", v->rounds ? KDF_CHOSEN : KDF_MADE);
	if (v->rounds)
		json_set_int(kdf, "rounds", v->rounds);
	json_set_hex(kdf, "salt", (struct slice){ v->salt, SALT_LEN });
	json_set_text(j, "format", FORMAT);
	json_set_text(j, "environment", environment_name(v->info.environment));
	json_set_text(j, "purpose", v->info.purpose);
	json_set_text(j, "public", buf_text(&pem));
	json_set(j, "kdf", kdf);
	json_set_hex(j, "nonce", (struct slice){ v->nonce, AEAD_NONCE_LEN });
	buf_done(&pem);
	*out = j;
	return 0;
}

static int associated_data(const struct envelope *v, struct buf *out,
			   struct err *e)
{
	struct json *j = NULL;
	int rc;

	if (header_json(v, &j, e))
		return -1;
	rc = json_canonical(j, out, e);
	json_free(j);
	return rc;
}

static int parse_kdf(const struct json *j, struct envelope *v, struct err *e)
{
	static const char *const chosen[] = { "name", "rounds", "salt", NULL };
	static const char *const made[] = { "name", "salt", NULL };
	const struct json *kdf;
	const char *name;
	int64_t rounds = 0;
	bool slow;

	if (json_get_object(j, "kdf", &kdf, e) ||
	    json_get_text(kdf, "name", &name, e))
		return -1;
	slow = strcmp(name, KDF_CHOSEN) == 0;
	if (!slow && strcmp(name, KDF_MADE) != 0)
		return err_set(e, ERR_FORMAT, "unknown key derivation");
	if (json_only(kdf, slow ? chosen : made, e) ||
	    (slow && json_get_int(kdf, "rounds", KEYFILE_ROUNDS,
				  KEYFILE_ROUNDS_MAX, &rounds, e)) ||
	    json_get_hex(kdf, "salt", v->salt, SALT_LEN, e))
		return -1;
	v->rounds = (uint32_t)rounds;
	return 0;
}

static int parse_info(const struct json *j, struct keyfile_info *info,
		      struct err *e)
{
	const char *format, *environment, *purpose, *pem;

	if (json_get_text(j, "format", &format, e))
		return -1;
	if (strcmp(format, FORMAT) != 0)
		return err_set(e, ERR_FORMAT, "not a " FORMAT " file");
	if (json_get_text(j, "environment", &environment, e) ||
	    environment_parse(slice_of(environment), &info->environment, e) ||
	    json_get_text(j, "purpose", &purpose, e) ||
	    set_purpose(purpose, info, e) ||
	    json_get_text(j, "public", &pem, e))
		return -1;
	return ec_public_from_pem(slice_of(pem), &info->public_key, e);
}

static int parse_members(const struct json *j, struct envelope *v,
			 struct err *e)
{
	static const char *const members[] = {
		"format", "environment", "purpose", "public",
		"kdf",    "nonce",       "sealed",  NULL,
	};

	if (!json_is_object(j))
		return err_set(e, ERR_FORMAT, "not an object");
	if (parse_info(j, &v->info, e) || json_only(j, members, e) ||
	    parse_kdf(j, v, e) ||
	    json_get_hex(j, "nonce", v->nonce, AEAD_NONCE_LEN, e))
		return -1;
	return json_get_hex(j, "sealed", v->sealed, SEALED_LEN, e);
}

static int parse_file(struct slice file, struct envelope *out, struct err *e)
{
	struct envelope v = { .rounds = 0 };
	struct json *j = NULL;
	int rc;

	if (file.len > KEYFILE_MAX_LEN)
		return err_set(e, ERR_LIMIT, "key file above %d bytes",
			       KEYFILE_MAX_LEN);
	if (json_parse(file, &j, e))
		return err_in(e, "key file");
	rc = parse_members(j, &v, e);
	json_free(j);
	if (rc)
		return err_in(e, "key file");
	*out = v;
	return 0;
}

/* ---- sealing and opening ------------------------------------------------- */

/* The key that wraps the scalar; ERR_REFUSED for what no program made. */
static int derive(const struct envelope *v, struct slice secret,
		  uint8_t wrap[AEAD_KEY_LEN], struct err *e)
{
	const struct slice salt = { v->salt, SALT_LEN };
	uint8_t raw[KEYFILE_SECRET_LEN], even[HKDF_KEY_LEN];
	int rc = -1;

	if (v->rounds)
		return pbkdf2_sha512(secret, salt, v->rounds, wrap,
				     AEAD_KEY_LEN, e);
	if (hex_parse(secret, raw, sizeof(raw), e)) {
		e->code = ERR_REFUSED;
		return err_in(e, "the secret of this key file");
	}
	hkdf_extract(salt, (struct slice){ raw, sizeof(raw) }, even);
	rc = hkdf_expand(even, slice_of(KDF_INFO), wrap, AEAD_KEY_LEN, e);
	mem_wipe(even, sizeof(even));
	mem_wipe(raw, sizeof(raw));
	return rc;
}

static int seal_scalar(struct envelope *v, const struct ec_private *key,
		       struct slice passphrase, struct err *e)
{
	uint8_t wrap[AEAD_KEY_LEN], scalar[EC_SCALAR_LEN];
	struct buf associated = BUF_INIT(KEYFILE_MAX_LEN);
	struct buf sealed = BUF_INIT(SEALED_LEN);
	int rc = -1;

	ec_private_scalar(key, scalar);
	if (associated_data(v, &associated, e) ||
	    derive(v, passphrase, wrap, e) ||
	    aead_seal(wrap, v->nonce, buf_slice(&associated),
		      (struct slice){ scalar, sizeof(scalar) }, &sealed, e))
		goto out;
	memcpy(v->sealed, sealed.ptr, SEALED_LEN);
	rc = 0;
out:
	mem_wipe(scalar, sizeof(scalar));
	mem_wipe(wrap, sizeof(wrap));
	buf_done(&sealed);
	buf_done(&associated);
	return rc;
}

static int print_file(const struct envelope *v, struct buf *out, struct err *e)
{
	struct json *j = NULL;
	int rc;

	if (header_json(v, &j, e))
		return -1;
	json_set_hex(j, "sealed", (struct slice){ v->sealed, SEALED_LEN });
	rc = json_print(j, true, out, e);
	json_free(j);
	return rc ? rc : buf_add(out, slice_of("\n"), e);
}

/* Fills in what is new with each file. */
static int seal(struct envelope *v, const struct ec_private *key,
		const char *purpose, struct slice secret, struct buf *out,
		struct err *e)
{
	if (set_purpose(purpose, &v->info, e))
		return -1;
	ec_public_of(key, &v->info.public_key);
	random_bytes(v->salt, sizeof(v->salt));
	random_bytes(v->nonce, sizeof(v->nonce));
	return seal_scalar(v, key, secret, e) || print_file(v, out, e) ? -1 : 0;
}

int keyfile_seal_made(const struct ec_private *key, enum environment env,
		      const char *purpose, struct slice secret, struct buf *out,
		      struct err *e)
{
	struct envelope v = { .info.environment = env };

	return seal(&v, key, purpose, secret, out, e);
}

int keyfile_seal(const struct ec_private *key, enum environment env,
		 const char *purpose, struct slice passphrase, struct buf *out,
		 struct err *e)
{
	struct envelope v = {
		.info.environment = env,
		.rounds = KEYFILE_ROUNDS,
	};

	if (passphrase.len < PASSPHRASE_MIN_LEN)
		return err_set(e, ERR_REFUSED,
			       "a passphrase has at least %d characters",
			       PASSPHRASE_MIN_LEN);
	if (passphrase.len > PASSPHRASE_MAX_LEN)
		return err_set(e, ERR_LIMIT, "passphrase above %d bytes",
			       PASSPHRASE_MAX_LEN);
	return seal(&v, key, purpose, passphrase, out, e);
}

int keyfile_inspect(struct slice file, struct keyfile_info *out, struct err *e)
{
	struct envelope v = { .rounds = 0 };

	if (parse_file(file, &v, e))
		return -1;
	*out = v.info;
	return 0;
}

/* The scalar, appended to out, which the caller wipes. */
static int open_scalar(const struct envelope *v, struct slice passphrase,
		       struct buf *out, struct err *e)
{
	uint8_t wrap[AEAD_KEY_LEN];
	struct buf associated = BUF_INIT(KEYFILE_MAX_LEN);
	int rc = -1;

	if (associated_data(v, &associated, e) ||
	    derive(v, passphrase, wrap, e))
		goto out;
	rc = aead_open(wrap, v->nonce, buf_slice(&associated),
		       (struct slice){ v->sealed, SEALED_LEN }, out, e);
	if (rc)
		err_set(e, ERR_UNTRUSTED,
			"key file: wrong passphrase, or the file was changed");
out:
	mem_wipe(wrap, sizeof(wrap));
	buf_done(&associated);
	return rc;
}

int keyfile_open(struct slice file, struct slice passphrase,
		 struct ec_private **out, struct keyfile_info *info,
		 struct err *e)
{
	struct buf scalar = BUF_SECRET(EC_SCALAR_LEN);
	struct ec_private *key = NULL;
	struct ec_public public_key;
	struct envelope v = { .rounds = 0 };
	int rc = -1;

	if (passphrase.len > PASSPHRASE_MAX_LEN)
		return err_set(e, ERR_LIMIT, "passphrase above %d bytes",
			       PASSPHRASE_MAX_LEN);
	if (parse_file(file, &v, e))
		return -1;
	if (open_scalar(&v, passphrase, &scalar, e) ||
	    ec_private_from_scalar(scalar.ptr, &key, e))
		goto out;
	ec_public_of(key, &public_key);
	if (!ec_public_equal(&public_key, &v.info.public_key)) {
		err_set(e, ERR_UNTRUSTED,
			"key file: its public key is another's");
		goto out;
	}
	*out = key;
	key = NULL;
	if (info)
		*info = v.info;
	rc = 0;
out:
	ec_free(key);
	buf_wipe(&scalar);
	return rc;
}
