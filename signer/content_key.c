/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/content_key.h"

#include <string.h>

#include "common/fs.h"
#include "common/hpke.h"
#include "common/text.h"

#define FOLDER     "content-keys"
#define LABEL      "pawl/content-key/v1"
#define LABEL_LEN  (sizeof(LABEL) - 1)
#define INFO_LEN   (LABEL_LEN + STREAM_COMMITMENT_LEN)
#define SEALED_LEN (HPKE_OVERHEAD + STREAM_KEY_LEN)

/* What is bound to a sealed key: which package it opens. */
static void make_info(const uint8_t commitment[STREAM_COMMITMENT_LEN],
		      uint8_t out[INFO_LEN])
{
	memcpy(out, LABEL, LABEL_LEN);
	memcpy(out + LABEL_LEN, commitment, STREAM_COMMITMENT_LEN);
}

static int path_of(const uint8_t commitment[STREAM_COMMITMENT_LEN],
		   char out[PATH_MAX_LEN], struct err *e)
{
	char hex[2 * STREAM_COMMITMENT_LEN + 1];

	hex_format((struct slice){ commitment, STREAM_COMMITMENT_LEN }, hex);
	return text_format(out, PATH_MAX_LEN, e, FOLDER "/%s", hex);
}

int content_key_keep(int repo_dirfd, const struct ec_public *wrap,
		     const uint8_t commitment[STREAM_COMMITMENT_LEN],
		     const uint8_t content_key[STREAM_KEY_LEN], struct err *e)
{
	struct buf sealed = BUF_INIT(SEALED_LEN);
	uint8_t info[INFO_LEN];
	const struct hpke_bound bound = { .info = { info, sizeof(info) } };
	char path[PATH_MAX_LEN];
	int rc = -1;

	make_info(commitment, info);
	if (path_of(commitment, path, e) == 0 &&
	    hpke_seal(wrap, &bound,
		      (struct slice){ content_key, STREAM_KEY_LEN }, &sealed,
		      e) == 0 &&
	    fs_mkdirs(repo_dirfd, FOLDER, 0700, e) == 0)
		rc = fs_replace_file(repo_dirfd, path, buf_slice(&sealed), 0600,
				     e);
	buf_done(&sealed);
	return rc ? err_in(e, "keeping the content key") : 0;
}

int content_key_open(int repo_dirfd, const struct ec_private *wrap,
		     const uint8_t commitment[STREAM_COMMITMENT_LEN],
		     uint8_t content_key[STREAM_KEY_LEN], struct err *e)
{
	struct buf sealed = BUF_INIT(SEALED_LEN);
	struct buf plain = BUF_SECRET(SEALED_LEN);
	uint8_t info[INFO_LEN];
	const struct hpke_bound bound = { .info = { info, sizeof(info) } };
	char path[PATH_MAX_LEN];
	int rc = -1;

	make_info(commitment, info);
	if (path_of(commitment, path, e) ||
	    fs_read_file(repo_dirfd, path, &sealed, e) ||
	    hpke_open(wrap, &bound, buf_slice(&sealed), &plain, e))
		goto out;
	if (plain.len != STREAM_KEY_LEN) {
		err_set(e, ERR_FORMAT, "not a content key");
		goto out;
	}
	memcpy(content_key, plain.ptr, STREAM_KEY_LEN);
	rc = 0;
out:
	buf_wipe(&plain);
	buf_done(&sealed);
	return rc ? err_in(e, "the content key, by this wrap key") : 0;
}
