/* SPDX-License-Identifier: Apache-2.0 */
#include "common/hand.h"

#include <string.h>

#define LABEL     "pawl/hand/v1 "
#define LABEL_LEN (sizeof(LABEL) - 1)
#define HEAD_LEN  (LABEL_LEN + HAND_ID_LEN)

int hand_seal(const char id[HAND_ID_LEN + 1], const struct wire_checkin *m,
	      const struct ec_private *key, struct buf *out, struct err *e)
{
	struct buf signature = BUF_INIT(EC_SIG_MAX_LEN);
	char hex[2 * EC_SIG_MAX_LEN + 1];
	int rc = -1;

	if (buf_addf(out, e, LABEL "%s\n", id) == 0 &&
	    wire_format_checkin(m, out, e) == 0 &&
	    ec_sign(key, buf_slice(out), &signature, e) == 0) {
		hex_format(buf_slice(&signature), hex);
		rc = buf_addf(out, e, "\n%s\n", hex);
	}
	buf_done(&signature);
	return rc;
}

/* The next line of what is left, without its end; ERR_FORMAT without one. */
static int line(struct slice *left, struct slice *out, struct err *e)
{
	const uint8_t *end =
		left->len > 0 ? memchr(left->ptr, '\n', left->len) : NULL;
	size_t len;

	if (!end)
		return err_set(e, ERR_FORMAT,
			       "a device's word has three lines");
	len = (size_t)(end - left->ptr);
	*out = slice_sub(*left, 0, len);
	*left = slice_sub(*left, len + 1, left->len - len - 1);
	return 0;
}

static int take_signature(struct slice hex, struct hand *h, struct err *e)
{
	if (hex.len % 2 != 0 || hex.len > 2 * sizeof(h->signature))
		return err_set(e, ERR_FORMAT, "signature: not hex");
	h->signature_len = hex.len / 2;
	return hex_parse(hex, h->signature, h->signature_len, e);
}

int hand_open(struct slice in, struct hand *out, struct err *e)
{
	struct slice left = in, head, signature;

	memset(out, 0, sizeof(*out));
	if (in.len > HAND_MAX)
		return err_set(e, ERR_LIMIT, "too long for a device's word");
	if (in.len == 0 || line(&left, &head, e) ||
	    line(&left, &out->text, e) || line(&left, &signature, e) ||
	    left.len > 0 || head.len != HEAD_LEN ||
	    memcmp(head.ptr, LABEL, LABEL_LEN) != 0)
		return err_set(e, ERR_FORMAT, "not a device's word");
	out->signed_part = slice_sub(in, 0, head.len + 1 + out->text.len);
	if (hex_parse(slice_sub(head, LABEL_LEN, HAND_ID_LEN),
		      out->device.bytes, DEVICE_ID_LEN, e))
		return -1;
	return take_signature(signature, out, e);
}

int hand_check(const struct hand *h, const struct ec_public *key,
	       struct wire_checkin *m, struct err *e)
{
	const struct slice signature = { h->signature, h->signature_len };

	return ec_verify(key, h->signed_part, signature, e) ||
			       wire_parse_checkin(h->text, m, e)
		       ? -1
		       : 0;
}
