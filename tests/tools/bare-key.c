/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bare-key FILE PASSPHRASE - print a key file's private key as bare PEM, so
 * that tests can forge with OpenSSL what the programs would never sign.
 */
#include <stdio.h>

#include "common/fs.h"
#include "common/keyfile.h"
#include "common/x509.h"

int main(int argc, char **argv)
{
	struct buf file = BUF_INIT(KEYFILE_MAX_LEN);
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct ec_private *key = NULL;
	struct err e = { 0 };
	int rc = 1;

	if (argc != 3)
		return 2;
	if (fs_read_path(argv[1], &file, &e) ||
	    keyfile_open(buf_slice(&file), slice_of(argv[2]), &key, NULL, &e) ||
	    x509_private_pem(key, &pem, &e))
		(void)fprintf(stderr, "%s\n", e.msg);
	else
		rc = fputs(buf_text(&pem), stdout) < 0;
	ec_free(key);
	buf_wipe(&pem);
	buf_done(&file);
	return rc;
}
