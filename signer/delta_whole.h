/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_whole - a delta of little content in the plainest way: all that is new
 * as one compressed stream, behind all that is old (common/delta_unpack.h).
 *
 * So does one who compresses with the old content as a dictionary. It is never
 * worse than that, and of texts of which much was replaced it is better than
 * covers, each of which is judged alone.
 */
#ifndef SIGNER_DELTA_WHOLE_H
#define SIGNER_DELTA_WHOLE_H

#include "signer/delta_old.h"
#include "signer/delta_writer.h"

/* Does it fit? */
bool delta_whole_is_tried(const struct view_pair *views,
			  const struct delta_writer_setup *setup);

/*
 * The stream, made as setup says, in *out, which is empty; the codec that was
 * used, which may be another if setup allows for that.
 */
int delta_whole_make(const struct delta_writer_setup *setup,
		     struct view_pair *views, struct buf *out,
		     enum package_codec *codec, struct err *e) NODISCARD;

#endif
