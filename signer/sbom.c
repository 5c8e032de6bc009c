/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/sbom.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "common/fs.h"

/* Not waiting: it may be a pipe. */
int sbom_read(const char *path, struct release *r, struct err *e)
{
	struct sha256 digest;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int rc = -1;

	if (fd < 0)
		return err_sys(e, "sbom: %s", path);
	if (fstat(fd, &st))
		(void)err_sys(e, "sbom: %s", path);
	else if (!S_ISREG(st.st_mode) || st.st_size == 0)
		(void)err_set(e, ERR_USAGE, "sbom: %s is %s", path,
			      S_ISREG(st.st_mode) ? "empty" : "no file");
	else
		rc = sha256_of_range(fd, 0, (uint64_t)st.st_size, &digest, e);
	fs_close(&fd);
	if (rc)
		return -1;
	r->sbom = digest;
	r->sbom_len = (uint64_t)st.st_size;
	return 0;
}

int sbom_compare(const char *path, const struct json *sbom, struct err *e)
{
	struct release is = { .sbom_len = 0 };
	char hex[SHA256_HEX_LEN];

	if (!sbom)
		return err_set(e, ERR_NOT_FOUND,
			       "no SBOM was signed with this release "
			       "(release create --sbom)");
	if (sbom_read(path, &is, e))
		return -1;
	sha256_format(&is.sbom, hex);
	if (json_int(json_get(sbom, "length")) == (int64_t)is.sbom_len &&
	    slice_equal(slice_of(json_text(json_get(sbom, "sha256"))),
			slice_of(hex)))
		return 0;
	return err_set(e, ERR_UNTRUSTED,
		       "%s is not the SBOM that was signed: it has the SHA-256 "
		       "%s",
		       path, hex);
}
