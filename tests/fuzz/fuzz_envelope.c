/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a staged file from somebody's stick. Whatever is accepted is judged,
 * compared with nothing, merged with itself and shown, as inspect, sign and
 * merge would; none of it may trust more than was checked.
 */
#include <stdlib.h>
#include <string.h>

#include "signer/diff.h"
#include "signer/envelope.h"
#include "signer/rules.h"
#include "signer/standing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define NOW 1795363200

static void show(const struct json *envelope)
{
	struct json *changes = json_new_array();
	struct buf line = BUF_INIT(16u << 20);
	struct err e;

	if (diff_json(NULL, envelope_signed(envelope), changes, &e) == 0)
		for (size_t i = 0; i < json_count(changes); i++) {
			line.len = 0;
			if (diff_line(json_at(changes, i), &line, &e))
				break;
			for (size_t k = 0; k < line.len; k++)
				if (line.ptr[k] < 0x20)
					abort(); /* a forged line */
		}
	buf_done(&line);
	json_free(changes);
}

static void judge(struct json *envelope)
{
	const struct json *signed_part = envelope_signed(envelope);
	const struct json *roots[1] = { signed_part };
	struct findings found = { 0 };
	struct standing s;
	struct err e;
	size_t added;

	rules_judge(signed_part, NOW, &found);
	rules_root_after(signed_part, signed_part, &found);
	rules_sharing(signed_part, signed_part, &found);
	if (strcmp(envelope_role(envelope), "root") == 0 &&
	    standing_of(envelope, NULL, signed_part, &s, &e) == 0 &&
	    standing_is_complete(&s) && envelope_signature_count(envelope) == 0)
		abort();
	if (envelope_merge(envelope, envelope, roots, ARRAY_LEN(roots), &added,
			   &e) == 0 &&
	    added != 0)
		abort(); /* it has its own signatures already */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct json *envelope;
	struct err e;

	if (envelope_parse((struct slice){ data, len }, &envelope, &e))
		return 0;
	show(envelope);
	judge(envelope);
	json_free(envelope);
	return 0;
}
