/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record - what the recorder writes and the explorer reads: a file of records,
 * each a struct record and then `len` bytes. Host byte order.
 */
#ifndef TESTS_CRASH_RECORD_H
#define TESTS_CRASH_RECORD_H

#include <stdint.h>

enum record_kind {
	RECORD_WRITE = 1, /* the bytes, at an offset of the disk */
	RECORD_FLUSH,     /* all writes before it are on the medium now */
	RECORD_MARK,      /* a line that somebody wrote into "marks" */
};

struct record {
	uint32_t kind, len;
	uint64_t offset;
};

#endif
