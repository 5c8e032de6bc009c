/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_steps - the records of a delta: what comes next in the new view is a
 * copy, or is matched against the old one; many at a time, written in order.
 */
#ifndef SIGNER_DELTA_STEPS_H
#define SIGNER_DELTA_STEPS_H

#include "common/tree_watch.h"
#include "signer/delta_sight.h"
#include "signer/delta_writer.h"

/*
 * All of them, as setup says and to its sink: their length, and the codec that
 * was used (delta_writer.h: any_codec). watch may be NULL.
 */
int delta_steps_write(struct delta_sight *sight,
		      const struct delta_writer_setup *setup,
		      const struct tree_watch *watch, enum package_codec *codec,
		      uint64_t *len, struct err *e) NODISCARD;

#endif
