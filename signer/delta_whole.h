/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_whole - a delta of little content in the plainest way: what changed is
 * inserted, all of it, behind all of the old stream as prefix.
 *
 * So does one who compresses with the old content as a dictionary. It is never
 * much worse than that, and of texts of which much was replaced it is better
 * than covers, each of which is judged alone.
 */
#ifndef SIGNER_DELTA_WHOLE_H
#define SIGNER_DELTA_WHOLE_H

#include "signer/delta_old.h"
#include "signer/delta_writer.h"

/* Does it fit, and take little time? */
bool delta_whole_is_tried(const struct view_pair *views);

/*
 * The records, as setup says and to its sink. The codec that was used, which
 * may be another if setup allows for that, and the length of all.
 */
int delta_whole_write(const struct delta_writer_setup *setup,
		      struct stream_view *fresh, const struct delta_old *old,
		      enum package_codec *codec, uint64_t *len,
		      struct err *e) NODISCARD;

#endif
