/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What small signed documents share, whatever their kind: one that is accepted
 * has one spelling, and what its members are read as is written as they are.
 */
#include <string.h>

#include "common/statement.h"
#include "common/utc.h"
#include "tests/fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool is_time(const struct json *j, const char *name, int64_t sec)
{
	char text[UTC_TEXT_LEN];

	utc_format(sec, text);
	return strcmp(json_text(json_get(j, name)), text) == 0;
}

static void read_members(const struct json *j)
{
	char name[NAME_MAX_LEN + 1];
	uint64_t seq;
	int64_t sec;
	struct err e;

	if (statement_time(j, "until", &sec, &e) == 0)
		MUST(is_time(j, "until", sec));
	if (statement_name(j, "name", name, &e) == 0)
		MUST(name_is_valid(slice_of(name)) &&
		     strcmp(json_text(json_get(j, "name")), name) == 0);
	if (statement_seq(j, "seq", &seq, &e) == 0)
		MUST(seq > 0 && json_int(json_get(j, "seq")) == (int64_t)seq);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const members[] = { "name", "seq", "until", NULL };
	struct buf again = BUF_INIT(STATEMENT_MAX_LEN);
	struct slice in = { data, len };
	struct json *j = NULL;
	int64_t issued = 0;
	struct err e = { 0 };

	if (statement_parse(in, "kind", members, &j, &issued, &e)) {
		MUST(!j && e.code != ERR_NONE && e.msg[0]);
		return 0;
	}
	MUST(strcmp(json_text(json_get(j, "type")), "kind") == 0);
	MUST(is_time(j, "issued", issued));
	MUST(json_count(j) <= ARRAY_LEN(members) - 1 + 3);
	MUST(json_canonical(j, &again, &e) == 0 &&
	     slice_equal(buf_slice(&again), in));
	read_members(j);
	json_free(j);
	buf_done(&again);
	return 0;
}
