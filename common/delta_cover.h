/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_cover - the covers of a segment, and the map that they define: the
 * same for the reader of a delta and for its writer.
 */
#ifndef COMMON_DELTA_COVER_H
#define COMMON_DELTA_COVER_H

#include "common/delta_record.h"

/* len bytes that resemble the old stream's at old_at; gap others before. */
struct delta_cover {
	uint64_t old_at;
	uint32_t gap, len;
};

/* Does a range of the old stream lie within the segment's home file? */
bool delta_is_home(const struct delta_segment *s, uint64_t at, uint64_t len);

/* How many spans a segment's map may need. */
size_t delta_spans_max(const struct delta_segment *s);

/* map->spans has room for them; all else is set. */
void delta_map_covers(const struct delta_segment *s,
		      const struct delta_cover *covers, struct delta_map *map);

#endif
