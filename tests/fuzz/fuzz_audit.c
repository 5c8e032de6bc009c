/* SPDX-License-Identifier: Apache-2.0 */
/* A line of an exported audit log: a record, or a checkpoint. */
#include <assert.h>

#include "update-server/audit_checkpoint.h"
#include "update-server/audit_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct buf again = BUF_INIT(AUDIT_RECORD_MAX);
	struct slice in = { data, len };
	static const struct ec_public nobody;
	struct audit_checkpoint c;
	struct audit_record r;
	struct sha256 log;
	struct err e;

	if (audit_record_parse(in, &r, &e) == 0) {
		/* What is read is what is hashed. */
		assert(audit_record_format(&r, &again, &e) == 0);
		assert(slice_equal(buf_slice(&again), in));
		audit_record_done(&r);
	}
	if (audit_checkpoint_log(in, &log, &e) != 0)
		assert(e.code != ERR_NONE);
	assert(audit_checkpoint_open(in, &nobody, &c, &e) != 0);
	buf_done(&again);
	return 0;
}
