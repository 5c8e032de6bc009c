/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tuf_rollback - what may never go back (The Update Framework 1.0.34, 5.4.3
 * and 5.5.5). `old` is what was trusted before; NULL allows everything.
 * All fail with ERR_ROLLBACK.
 */
#ifndef COMMON_TUF_ROLLBACK_H
#define COMMON_TUF_ROLLBACK_H

#include "common/tuf_meta.h"

/* The version of a file must not be lower. */
int tuf_rollback_version(const struct tuf_meta *old, const struct tuf_meta *new,
			 struct err *e) NODISCARD;

/* The snapshot version that a timestamp announces must not be lower. */
int tuf_rollback_announced(const struct tuf_meta *old,
			   const struct tuf_meta *new, struct err *e) NODISCARD;

/* A snapshot may not drop a role nor list an older version of one. */
int tuf_rollback_roles(const struct tuf_meta *old, const struct tuf_meta *new,
		       struct err *e) NODISCARD;

#endif
