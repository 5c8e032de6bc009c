/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply_tar - the content of a full package: a plain pax tar, read by
 * libarchive from bytes that we have decompressed ourselves, with the tar
 * format alone and no filter. The first member is the manifest; each member
 * after it must say exactly what the manifest's next entry says, so the tar
 * decides nothing. archive_write_disk is never used.
 */
#ifndef COMMON_APPLY_TAR_H
#define COMMON_APPLY_TAR_H

#include "common/tree_flow.h"

#define APPLY_MANIFEST_NAME ".pawl-manifest"

/*
 * Appends the manifest to *manifest, which must be empty; or it is whole, when
 * sink->from is a point at which a former run was.
 */
int apply_tar(const struct release *r, struct package_reader *package,
	      const struct tree_sink *sink, const struct tree_watch *watch,
	      struct buf *manifest, struct err *e) NODISCARD;

#endif
