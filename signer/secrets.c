/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/secrets.h"

#include <string.h>

#include "signer/anchor.h"

/*
 * Two letters of each container, and who judges it. No two begin alike unless
 * they are one after the other, which is how they are looked up.
 */
static const struct anchor {
	uint8_t first, second;
	bool (*judge)(struct slice s, size_t anchor, struct secret *out);
} anchors[] = {
	{ 0x02, 0x01, secrets_der }, /* INTEGER 0, 1 or 3 */
	{ 0x06, 0x09, secrets_der }, /* object ids of encryption */
	{ 0x06, 0x0a, secrets_der },
	{ '-', 'k', secrets_named }, /* openssh-key, private-key, pawl-key */
	{ 'G', 'I', secrets_pem },   /* BEGIN */
	{ 'G', 0, secrets_pem16 },
	{ 'T', 'Y', secrets_putty },
	{ 'Y', '-', secrets_age },
	{ 'e', 'K', secrets_wireguard }, /* PrivateKey */
	{ 'k', 't', secrets_jwk },
};

/* The same, as bits: the quick look that nearly all bytes fail. */
static const struct anchor_pairs pairs = {
	.first = { [0x02] = 1,
		   [0x06] = 2,
		   ['-'] = 4,
		   ['G'] = 8,
		   ['T'] = 16,
		   ['Y'] = 32,
		   ['e'] = 64,
		   ['k'] = 128 },
	.second = { [0x01] = 1,
		    [0x09] = 2,
		    [0x0a] = 2,
		    ['k'] = 4,
		    ['I'] = 8,
		    [0] = 8,
		    ['Y'] = 16,
		    ['-'] = 32,
		    ['K'] = 64,
		    ['t'] = 128 },
};

static bool judge(struct slice window, size_t at, struct secret *out)
{
	for (size_t i = 0; i < ARRAY_LEN(anchors); i++)
		if (anchors[i].first == window.ptr[at] &&
		    anchors[i].second == window.ptr[at + 1] &&
		    anchors[i].judge(window, at, out))
			return true;
	return false;
}

bool secrets_next(struct slice window, size_t from, size_t to,
		  struct secret *out, size_t *next)
{
	const size_t last = window.len > 0 ? window.len - 1 : 0;
	const size_t end = to < last ? to : last;

	for (size_t i = from; i < end; i++) {
		i = anchor_next(&pairs, window.ptr, i, end);
		if (i < end && judge(window, i, out)) {
			*next = i + 1;
			return true;
		}
	}
	*next = to;
	return false;
}

const char *secrets_at_start(struct slice start)
{
	return secrets_openpgp(start) ? "an OpenPGP secret key" : NULL;
}
