/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unwrap_kind - what a file begins like: an archive or a compressed file, or
 * what hides its content and cannot be opened here. Pure.
 */
#ifndef SIGNER_UNWRAP_KIND_H
#define SIGNER_UNWRAP_KIND_H

#include "common/rd.h"

enum unwrap_kind {
	UNWRAP_NONE,
	/* one file, perhaps itself an archive */
	UNWRAP_GZIP,
	UNWRAP_COMPRESS,
	UNWRAP_BZIP2,
	UNWRAP_XZ,
	UNWRAP_LZMA,
	UNWRAP_LZIP,
	UNWRAP_LZ4,
	UNWRAP_ZSTD,
	UNWRAP_RPM, /* without its headers: a compressed cpio */
	UNWRAP_ARCHIVE,
	UNWRAP_WHOLE, /* an archive that must be in memory whole */
};

/* What does a file begin like? Looks at the first 4206 bytes at most. */
enum unwrap_kind unwrap_kind(struct slice head);

/*
 * What cannot be opened here and may hide a key, for it compresses, encrypts or
 * scatters files: "an erofs image", from the first UNWRAP_CLOSED_LEN bytes;
 * NULL for everything else.
 */
#define UNWRAP_CLOSED_LEN 65608
const char *unwrap_closed(struct slice head);

#endif
