/* SPDX-License-Identifier: Apache-2.0 */
#include "common/stream.h"

#include <string.h>

#include "common/hkdf.h"
#include "common/mbed.h"
#include "common/mem.h"

/* A constant length cannot be refused. */
static void derive(const uint8_t prk[HKDF_KEY_LEN], const char *label,
		   uint8_t *out, size_t len)
{
	struct err never = { 0 };

	mbed_must(hkdf_expand(prk, slice_of(label), out, len, &never));
}

void stream_init(const uint8_t content_key[STREAM_KEY_LEN], struct slice header,
		 struct stream *out)
{
	uint8_t prk[HKDF_KEY_LEN];

	sha256_of(header, &out->header);
	hkdf_extract((struct slice){ out->header.bytes, SHA256_LEN },
		     (struct slice){ content_key, STREAM_KEY_LEN }, prk);
	derive(prk, "pawl/stream/v1/key", out->key, sizeof(out->key));
	derive(prk, "pawl/stream/v1/nonce", out->prefix, sizeof(out->prefix));
	derive(prk, "pawl/stream/v1/commitment", out->commitment,
	       sizeof(out->commitment));
	mem_wipe(prk, sizeof(prk));
}

void stream_done(struct stream *s)
{
	mem_wipe(s, sizeof(*s));
}

/* The commitment is public, so nothing is given away by comparing plainly. */
int stream_check(const struct stream *s,
		 const uint8_t commitment[STREAM_COMMITMENT_LEN], struct err *e)
{
	if (memcmp(s->commitment, commitment, STREAM_COMMITMENT_LEN) != 0)
		return err_set(e, ERR_UNTRUSTED,
			       "the content key is not the signed one");
	return 0;
}

/* prefix || counter, big-endian || last flag */
static void make_nonce(const struct stream *s, struct stream_place at,
		       uint8_t nonce[AEAD_NONCE_LEN])
{
	memcpy(nonce, s->prefix, STREAM_PREFIX_LEN);
	for (size_t i = 0; i < 4; i++)
		nonce[STREAM_PREFIX_LEN + i] =
			(uint8_t)(at.index >> (24 - 8 * i));
	nonce[STREAM_PREFIX_LEN + 4] = at.last ? 1 : 0;
}

int stream_seal(const struct stream *s, struct stream_place at,
		struct slice plain, struct buf *out, struct err *e)
{
	struct slice header = { s->header.bytes, SHA256_LEN };
	uint8_t nonce[AEAD_NONCE_LEN];

	if (plain.len == 0 || plain.len > STREAM_PLAIN_LEN)
		return err_set(e, ERR_LIMIT, "no chunk of %zu bytes",
			       plain.len);
	make_nonce(s, at, nonce);
	return aead_seal(s->key, nonce, header, plain, out, e);
}

int stream_open(const struct stream *s, struct stream_place at,
		struct slice chunk, struct buf *out, struct err *e)
{
	struct slice header = { s->header.bytes, SHA256_LEN };
	uint8_t nonce[AEAD_NONCE_LEN];

	if (chunk.len <= AEAD_TAG_LEN || chunk.len > STREAM_CHUNK_LEN)
		return err_set(e, ERR_UNTRUSTED,
			       "an encrypted chunk of impossible length");
	make_nonce(s, at, nonce);
	return aead_open(s->key, nonce, header, chunk, out, e);
}
