/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A test's key file as plain PEM, so that a script can speak as that person:
 *	open-key FILE SECRET-FILE
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/fs.h"
#include "common/keyfile.h"
#include "common/x509.h"

static int open_key(char **argv, struct buf *pem, struct err *e)
{
	struct buf file = BUF_INIT(KEYFILE_MAX_LEN);
	struct buf secret = BUF_INIT(PASSPHRASE_MAX_LEN);
	struct ec_private *key = NULL;
	struct keyfile_info info;
	int rc = -1;

	if (fs_read_path(argv[1], &file, e) == 0 &&
	    fs_read_path(argv[2], &secret, e) == 0 && secret.len > 0) {
		secret.len--; /* its newline */
		rc = keyfile_open(buf_slice(&file), buf_slice(&secret), &key,
				  &info, e) ||
				     x509_private_pem(key, pem, e)
			     ? -1
			     : 0;
	}
	ec_free(key);
	buf_done(&file);
	buf_wipe(&secret);
	return rc;
}

int main(int argc, char **argv)
{
	struct buf pem = BUF_INIT(KEYFILE_MAX_LEN);
	struct err e = { 0 };

	if (argc != 3 || open_key(argv, &pem, &e)) {
		fprintf(stderr, "open-key: %s\n", e.msg);
		return EXIT_FAILURE;
	}
	fputs(buf_text(&pem), stdout);
	buf_wipe(&pem);
	return EXIT_SUCCESS;
}
