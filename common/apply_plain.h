/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply_plain - the content of a full package of an image: its bytes,
 * compressed, and nothing around them.
 */
#ifndef COMMON_APPLY_PLAIN_H
#define COMMON_APPLY_PLAIN_H

#include "common/tree_flow.h"

/*
 * r is the release as a tree of one file (image.h), manifest that tree's.
 * ERR_UNTRUSTED for a payload that is longer or shorter than signed.
 */
int apply_plain(const struct release *r, struct package_reader *package,
		const struct tree_sink *sink, const struct tree_watch *watch,
		struct slice manifest, struct err *e) NODISCARD;

#endif
