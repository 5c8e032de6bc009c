/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kept content key. What nobody sealed to the wrap key is none; what somebody
 * sealed (its public half is no secret) is one if it is as long as a key.
 */

#include "common/hpke.h"
#include "signer/content_key.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define FOLDER "content-keys"
#define LABEL  "pawl/content-key/v1"
#define ZEROES "00000000000000000000000000000000"

static const uint8_t commitment[STREAM_COMMITMENT_LEN];

static const struct ec_private *wrap_key(void)
{
	static struct ec_private *key;
	struct err e;

	if (!key)
		MUST(ec_generate(&key, &e) == 0);
	return key;
}

static int open_kept(struct slice bytes, uint8_t key[STREAM_KEY_LEN],
		     struct err *e)
{
	MUST(fs_mkdirs(folder(), FOLDER, 0700, e) == 0);
	folder_put(FOLDER "/" ZEROES ZEROES, bytes);
	return content_key_open(folder(), wrap_key(), commitment, key, e);
}

static void sealed_by_somebody(struct slice plain)
{
	uint8_t info[sizeof(LABEL) - 1 + STREAM_COMMITMENT_LEN] = LABEL;
	const struct hpke_bound bound = { .info = { info, sizeof(info) } };
	struct buf sealed = BUF_INIT(HPKE_OVERHEAD + 4096);
	uint8_t key[STREAM_KEY_LEN] = { 0 };
	struct ec_public to;
	struct err e = { 0 };

	ec_public_of(wrap_key(), &to);
	if (hpke_seal(&to, &bound, plain, &sealed, &e) == 0) {
		int rc = open_kept(buf_slice(&sealed), key, &e);

		MUST((rc == 0) == (plain.len == STREAM_KEY_LEN));
		MUST(rc != 0 ||
		     slice_equal((struct slice){ key, sizeof(key) }, plain));
	}
	buf_done(&sealed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct slice in = { data, len };
	uint8_t key[STREAM_KEY_LEN];
	struct err e = { 0 };

	MUST(open_kept(in, key, &e) != 0 && e.code != ERR_NONE);
	sealed_by_somebody(in);
	return 0;
}
