/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_layout - at which addresses a file's bytes stand when it runs.
 *
 * Only the writer of a delta looks into files: what it finds is sent, so that
 * readers need not parse them. What it does not understand costs bytes, never
 * correctness.
 */
#ifndef SIGNER_DELTA_LAYOUT_H
#define SIGNER_DELTA_LAYOUT_H

#include "common/delta_record.h"

/*
 * The layouts of an old and a new file into s->old, s->fresh and the anchors:
 * both get the same number of regions. ELF of either class (little-endian);
 * other files are one region at the address that their pointers agree on.
 */
void delta_find_layouts(struct slice old, struct slice fresh,
			struct delta_segment *s);

#endif
