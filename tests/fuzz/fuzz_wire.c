/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every message of the wire from hostile bytes. What parses must also format,
 * and what was formatted must parse to the same bytes again.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/claim.h"
#include "common/mem.h"
#include "common/wire.h"
#include "common/wire_enrol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define TWICE(kind)                                                            \
	static void twice_##kind(struct slice in)                              \
	{                                                                      \
		struct buf once = BUF_INIT(1 << 17);                           \
		struct buf again = BUF_INIT(1 << 17);                          \
		struct wire_##kind *m = mem_alloc(1, sizeof(*m));              \
		struct err e = { 0 };                                          \
                                                                               \
		if (wire_parse_##kind(in, m, &e) == 0 &&                       \
		    wire_format_##kind(m, &once, &e) == 0 &&                   \
		    once.len <= WIRE_BODY_MAX) {                               \
			assert(wire_parse_##kind(buf_slice(&once), m, &e) ==   \
			       0);                                             \
			assert(wire_format_##kind(m, &again, &e) == 0);        \
			assert(slice_equal(buf_slice(&once),                   \
					   buf_slice(&again)));                \
		}                                                              \
		free(m);                                                       \
		buf_done(&once);                                               \
		buf_done(&again);                                              \
	}

TWICE(nonce)
TWICE(enrol)
TWICE(identity)
TWICE(joined)
TWICE(renew)
TWICE(readopt)
TWICE(readopted)
TWICE(checkin)
TWICE(report)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct slice in = { data, len };
	uint8_t claim[WIRE_CLAIM_LEN];
	char printed[36], code[CLAIM_JOIN_LEN + 1];
	struct wire_decision *decision = mem_alloc(1, sizeof(*decision));
	struct err failure, e = { 0 };

	twice_nonce(in);
	twice_enrol(in);
	twice_identity(in);
	twice_joined(in);
	twice_renew(in);
	twice_readopt(in);
	twice_readopted(in);
	twice_checkin(in);
	twice_report(in);
	/* Foreign reasons are escaped, so this one changes on its way. */
	if (wire_parse_decision(in, decision, &e) == 0)
		assert(memchr(decision->reason, '\n', WIRE_REASON_MAX) == NULL);
	if (wire_parse_error(in, &failure, &e) == 0)
		assert(failure.code != ERR_NONE);
	if (claim_parse(in, claim, &e) == 0) {
		claim_format(claim, printed);
		assert(strlen(printed) == sizeof(printed) - 1);
	}
	if (claim_parse_join_code(in, code, &e) == 0)
		assert(strlen(code) == CLAIM_JOIN_LEN);
	free(decision);
	return 0;
}
