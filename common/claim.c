/* SPDX-License-Identifier: Apache-2.0 */
#include "common/claim.h"

#include <string.h>

#include "common/text.h"

#define BACK_LABEL   "pawl/join/v1"
#define JOIN_LABEL   "pawl/join/v2"
#define JOIN_GROUP   4
#define CLAIM_GROUPS 4
#define CLAIM_GROUP  8 /* hex digits */

/* Five bits each; no I, L, O, U, which are misread (Crockford's base 32). */
static const char join_digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* Is this the place of a dash? */
static bool is_dash(size_t i)
{
	return i % (JOIN_GROUP + 1) == JOIN_GROUP;
}

void claim_join_code(const struct ec_public *key,
		     const uint8_t nonce[WIRE_NONCE_LEN],
		     const struct sha256 *root, char out[CLAIM_JOIN_LEN + 1])
{
	uint8_t spki[EC_SPKI_LEN];
	struct sha256 digest;
	struct digest d;
	uint64_t bits = 0;

	ec_public_to_spki(key, spki);
	digest_start(&d);
	digest_add(&d, slice_of(root ? JOIN_LABEL : BACK_LABEL));
	digest_add(&d, (struct slice){ nonce, WIRE_NONCE_LEN });
	if (root)
		digest_add(&d, (struct slice){ root->bytes, SHA256_LEN });
	digest_add(&d, (struct slice){ spki, EC_SPKI_LEN });
	digest_finish(&d, &digest);
	for (size_t i = 0; i < 8; i++)
		bits = bits << 8 | digest.bytes[i];
	for (size_t i = 0; i < CLAIM_JOIN_LEN; i++) {
		if (is_dash(i)) {
			out[i] = '-';
			continue;
		}
		out[i] = join_digits[bits >> 59];
		bits <<= 5;
	}
	out[CLAIM_JOIN_LEN] = 0;
}

int claim_parse_join_code(struct slice text, char out[CLAIM_JOIN_LEN + 1],
			  struct err *e)
{
	char got[CLAIM_JOIN_LEN + 1] = "";
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = (char)text.ptr[i];

		if (c == '-' && n > 0 && n < CLAIM_JOIN_LEN && is_dash(n) &&
		    text.ptr[i - 1] != '-')
			continue;
		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		if (n == CLAIM_JOIN_LEN || c == 0 || !strchr(join_digits, c))
			goto bad;
		if (is_dash(n))
			got[n++] = '-';
		got[n++] = c;
	}
	if (n != CLAIM_JOIN_LEN)
		goto bad;
	memcpy(out, got, sizeof(got));
	return 0;
bad:
	return err_set(e, ERR_FORMAT, "not a code as XXXX-XXXX-XXXX");
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

int claim_parse(struct slice text, uint8_t claim[WIRE_CLAIM_LEN], struct err *e)
{
	uint8_t digits[CLAIM_GROUPS * CLAIM_GROUP];

	while (text.len > 0 && is_space(text.ptr[text.len - 1]))
		text.len--;
	while (text.len > 0 && is_space(text.ptr[0]))
		text = slice_sub(text, 1, text.len);
	if (text.len != CLAIM_TEXT_LEN)
		goto bad;
	for (size_t i = 0; i < CLAIM_GROUPS; i++) {
		const uint8_t *group = text.ptr + i * (CLAIM_GROUP + 1);

		if (i > 0 && group[-1] != '-')
			goto bad;
		memcpy(digits + i * CLAIM_GROUP, group, CLAIM_GROUP);
	}
	if (hex_parse((struct slice){ digits, sizeof(digits) }, claim,
		      WIRE_CLAIM_LEN, e) == 0)
		return 0;
bad:
	return err_set(e, ERR_FORMAT,
		       "a claim code is four groups of eight "
		       "hex digits, joined by '-'");
}

void claim_format(const uint8_t claim[WIRE_CLAIM_LEN],
		  char out[CLAIM_TEXT_LEN + 1])
{
	char digits[CLAIM_GROUPS * CLAIM_GROUP + 1];

	hex_format((struct slice){ claim, WIRE_CLAIM_LEN }, digits);
	for (size_t i = 0; i < CLAIM_GROUPS; i++) {
		memcpy(out + i * (CLAIM_GROUP + 1), digits + i * CLAIM_GROUP,
		       CLAIM_GROUP);
		out[i * (CLAIM_GROUP + 1) + CLAIM_GROUP] = '-';
	}
	out[CLAIM_TEXT_LEN] = 0;
}
