/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device keeps of who it is, each file with the same bytes: it is
 * nobody, or has a cohort's name; it shows a whole code or none; and it has no
 * more renewals than it sends.
 */
#include <string.h>

#include "tests/fuzz/folder.h"
#include "tests/fuzz/must.h"
#include "updater-client/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_record(struct slice in)
{
	struct identity_renewal renewal;
	struct message_identity id;
	bool found = false;
	struct err e = { 0 };

	folder_put("identity.json", in);
	if (identity_load(folder(), &id, &found, &e)) {
		MUST(!found && e.code != ERR_NONE);
		MUST(identity_look(folder(), &renewal, &e) != 0);
		return;
	}
	MUST(found && memchr(id.cohort, 0, sizeof(id.cohort)));
	MUST(identity_look(folder(), &renewal, &e) == 0);
	MUST(renewal.at >= 0 && !renewal.waiting);
}

static void check_code(struct slice in)
{
	char code[CLAIM_JOIN_LEN + 1];
	struct err e;

	folder_put("join.code", in);
	identity_load_code(folder(), code);
	MUST(code[0] == 0 || strlen(code) == CLAIM_JOIN_LEN);
	MUST(identity_drop_code(folder(), &e) == 0);
	identity_load_code(folder(), code);
	MUST(code[0] == 0);
}

static void check_chain(struct slice in)
{
	static const char record[] =
		"{\"v\":1,\"device\":\"01010101010101010101010101010101\","
		"\"cohort\":\"canary\",\"generation\":0,\"renew_at\":1}";
	struct wire_readopt chain = { .count = 99 };
	struct err e = { 0 };

	folder_put("identity.json", slice_of(record));
	folder_put("identity.chain", in);
	if (identity_load_chain(folder(), &chain, &e))
		MUST(e.code == ERR_FORMAT || e.code == ERR_LIMIT);
	else
		MUST(chain.count > 0 && chain.count <= WIRE_LINKS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct slice in = { data, len };

	check_record(in);
	check_code(in);
	check_chain(in);
	return 0;
}
