/* SPDX-License-Identifier: Apache-2.0 */
/*
 * embedded_end - where a compressed stream in the midst of a file ends: of xz
 * and zstd, whose decoders take what follows for damage and give nothing. The
 * other formats' decoders stop by themselves.
 */
#ifndef SIGNER_EMBEDDED_END_H
#define SIGNER_EMBEDDED_END_H

#include "signer/embedded.h"

/*
 * *len bytes from the first one on; all that there are where no end was found.
 * *work is what was read for it. Fails only as reading does.
 */
int embedded_end(enum embedded_format format, const struct peek_place *from,
		 uint64_t *len, uint64_t *work, struct err *e) NODISCARD;

#endif
