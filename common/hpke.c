/* SPDX-License-Identifier: Apache-2.0 */
#include "common/hpke.h"

#include <string.h>

#include "common/hkdf.h"
#include "common/mem.h"

#define KEM_P256    0x0010
#define KDF_SHA256  0x0001
#define LABELED_MAX 1024 /* bytes of one labeled input; info is far below */
#define MODE_BASE   0

/* "KEM" || kem_id or "HPKE" || kem_id || kdf_id || aead_id. */
struct suite {
	uint8_t id[10];
	size_t len;
};

/* Integers of RFC 9180 are big-endian: I2OSP. */
static void add_be16(struct suite *s, uint16_t value)
{
	s->id[s->len++] = (uint8_t)(value >> 8);
	s->id[s->len++] = (uint8_t)value;
}

static struct suite kem_suite(void)
{
	struct suite s = { "KEM", 3 };

	add_be16(&s, KEM_P256);
	return s;
}

static struct suite hpke_suite(uint16_t aead_id)
{
	struct suite s = { "HPKE", 4 };

	add_be16(&s, KEM_P256);
	add_be16(&s, KDF_SHA256);
	add_be16(&s, aead_id);
	return s;
}

/* "HPKE-v1" || suite_id || label || bytes */
static int add_labeled(struct buf *out, const struct suite *s,
		       const char *label, struct slice bytes, struct err *e)
{
	if (buf_add(out, slice_of("HPKE-v1"), e) ||
	    buf_add(out, (struct slice){ s->id, s->len }, e) ||
	    buf_add(out, slice_of(label), e) || buf_add(out, bytes, e))
		return -1;
	return 0;
}

static int labeled_extract(const struct suite *s, struct slice salt,
			   const char *label, struct slice secret,
			   uint8_t key[HKDF_KEY_LEN], struct err *e)
{
	struct buf labeled = BUF_SECRET(LABELED_MAX);
	int rc = -1;

	if (add_labeled(&labeled, s, label, secret, e) == 0) {
		hkdf_extract(salt, buf_slice(&labeled), key);
		rc = 0;
	}
	buf_wipe(&labeled);
	return rc;
}

struct output {
	uint8_t *at;
	size_t len;
};

static int labeled_expand(const struct suite *s,
			  const uint8_t key[HKDF_KEY_LEN], const char *label,
			  struct slice info, struct output out, struct err *e)
{
	uint8_t len[2] = { (uint8_t)(out.len >> 8), (uint8_t)out.len };
	struct buf labeled = BUF_INIT(LABELED_MAX);
	int rc = -1;

	if (buf_add(&labeled, (struct slice){ len, sizeof(len) }, e) == 0 &&
	    add_labeled(&labeled, s, label, info, e) == 0)
		rc = hkdf_expand(key, buf_slice(&labeled), out.at, out.len, e);
	buf_done(&labeled);
	return rc;
}

/* ---- section 4.1: DHKEM -------------------------------------------------- */

static int extract_and_expand(const uint8_t dh[EC_SHARED_LEN],
			      const struct ec_public *ephemeral,
			      const struct ec_public *receiver,
			      uint8_t shared[SHA256_LEN], struct err *e)
{
	const struct suite suite = kem_suite();
	uint8_t context[2 * EC_POINT_LEN], prk[HKDF_KEY_LEN];
	int rc = -1;

	memcpy(context, ephemeral->point, EC_POINT_LEN);
	memcpy(context + EC_POINT_LEN, receiver->point, EC_POINT_LEN);
	if (labeled_extract(&suite, (struct slice){ 0 }, "eae_prk",
			    (struct slice){ dh, EC_SHARED_LEN }, prk, e) == 0)
		rc = labeled_expand(&suite, prk, "shared_secret",
				    (struct slice){ context, sizeof(context) },
				    (struct output){ shared, SHA256_LEN }, e);
	mem_wipe(prk, sizeof(prk));
	return rc;
}

int hpke_encap(const struct ec_private *ephemeral, const struct ec_public *to,
	       uint8_t shared[SHA256_LEN], struct err *e)
{
	uint8_t dh[EC_SHARED_LEN];
	struct ec_public mine;
	int rc = -1;

	ec_public_of(ephemeral, &mine);
	if (ec_agree(ephemeral, to, dh, e) == 0)
		rc = extract_and_expand(dh, &mine, to, shared, e);
	mem_wipe(dh, sizeof(dh));
	return rc;
}

int hpke_decap(const struct ec_private *key, const struct ec_public *ephemeral,
	       uint8_t shared[SHA256_LEN], struct err *e)
{
	uint8_t dh[EC_SHARED_LEN];
	struct ec_public mine;
	int rc = -1;

	ec_public_of(key, &mine);
	if (ec_agree(key, ephemeral, dh, e) == 0)
		rc = extract_and_expand(dh, ephemeral, &mine, shared, e);
	mem_wipe(dh, sizeof(dh));
	return rc;
}

/* ---- section 5.1: the key schedule --------------------------------------- */

/* mode || psk_id_hash || info_hash; there is no psk in base mode. */
static int schedule_context(const struct suite *s, struct slice info,
			    uint8_t out[1 + 2 * SHA256_LEN], struct err *e)
{
	const struct slice none = { 0 };

	out[0] = MODE_BASE;
	if (labeled_extract(s, none, "psk_id_hash", none, out + 1, e) ||
	    labeled_extract(s, none, "info_hash", info, out + 1 + SHA256_LEN,
			    e))
		return -1;
	return 0;
}

int hpke_schedule(uint16_t aead_id, size_t key_len,
		  const uint8_t shared[SHA256_LEN], struct slice info,
		  struct hpke_context *out, struct err *e)
{
	const struct suite suite = hpke_suite(aead_id);
	uint8_t bytes[1 + 2 * SHA256_LEN], secret[HKDF_KEY_LEN];
	const struct slice context = { bytes, sizeof(bytes) };
	int rc = -1;

	if (key_len > AEAD_KEY_LEN)
		return err_set(e, ERR_LIMIT, "no such key");
	if (schedule_context(&suite, info, bytes, e) ||
	    labeled_extract(&suite, (struct slice){ shared, SHA256_LEN },
			    "secret", (struct slice){ 0 }, secret, e))
		return -1;
	if (labeled_expand(&suite, secret, "key", context,
			   (struct output){ out->key, key_len }, e) == 0 &&
	    labeled_expand(&suite, secret, "base_nonce", context,
			   (struct output){ out->nonce, AEAD_NONCE_LEN },
			   e) == 0)
		rc = labeled_expand(
			&suite, secret, "exp", context,
			(struct output){ out->exporter, SHA256_LEN }, e);
	mem_wipe(secret, sizeof(secret));
	return rc;
}

/* ---- section 6.1: single shot -------------------------------------------- */

int hpke_seal_with(const struct ec_private *ephemeral,
		   const struct ec_public *to, const struct hpke_bound *bound,
		   struct slice plain, struct buf *out, struct err *e)
{
	struct hpke_context c = { 0 };
	size_t before = out->len;
	uint8_t shared[SHA256_LEN];
	struct ec_public mine;
	int rc = -1;

	ec_public_of(ephemeral, &mine);
	if (hpke_encap(ephemeral, to, shared, e) ||
	    hpke_schedule(HPKE_AES_256_GCM, AEAD_KEY_LEN, shared, bound->info,
			  &c, e))
		goto out;
	/* The first and only message: its nonce is base_nonce itself. */
	rc = buf_add(out, (struct slice){ mine.point, EC_POINT_LEN }, e);
	if (rc == 0)
		rc = aead_seal(c.key, c.nonce, bound->associated, plain, out,
			       e);
	if (rc)
		out->len = before;
out:
	mem_wipe(shared, sizeof(shared));
	mem_wipe(&c, sizeof(c));
	return rc;
}

int hpke_seal(const struct ec_public *to, const struct hpke_bound *bound,
	      struct slice plain, struct buf *out, struct err *e)
{
	struct ec_private *ephemeral = NULL;
	int rc;

	if (ec_generate(&ephemeral, e))
		return -1;
	rc = hpke_seal_with(ephemeral, to, bound, plain, out, e);
	ec_free(ephemeral);
	return rc;
}

int hpke_open(const struct ec_private *key, const struct hpke_bound *bound,
	      struct slice sealed, struct buf *out, struct err *e)
{
	struct slice rest = slice_sub(sealed, EC_POINT_LEN, sealed.len);
	struct hpke_context c = { 0 };
	uint8_t shared[SHA256_LEN];
	struct ec_public ephemeral;
	int rc = -1;

	if (sealed.len < HPKE_OVERHEAD)
		return err_set(e, ERR_UNTRUSTED, "sealed key is too short");
	memcpy(ephemeral.point, sealed.ptr, EC_POINT_LEN);
	if (hpke_decap(key, &ephemeral, shared, e)) {
		e->code = ERR_UNTRUSTED;
		return -1;
	}
	if (hpke_schedule(HPKE_AES_256_GCM, AEAD_KEY_LEN, shared, bound->info,
			  &c, e) == 0)
		rc = aead_open(c.key, c.nonce, bound->associated, rest, out, e);
	mem_wipe(shared, sizeof(shared));
	mem_wipe(&c, sizeof(c));
	return rc;
}
