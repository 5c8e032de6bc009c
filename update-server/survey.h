/* SPDX-License-Identifier: Apache-2.0 */
/*
 * survey - a walk through the registry, a few devices at a time, so that what
 * is known of the whole fleet costs nobody a wait. A round sees each device
 * once; what changes meanwhile is seen by this round or the next.
 */
#ifndef UPDATE_SERVER_SURVEY_H
#define UPDATE_SERVER_SURVEY_H

#include "update-server/fixes.h"
#include "update-server/score.h"

#define SURVEY_STEP 200 /* devices of one step */
/* A device that was not heard of for so long is silent; one that comes less
 * often than every two days, for three times its own interval. */
#define SURVEY_SILENT_SEC (7 * UTC_DAY)

/* What takes off points of this one: a bit for each enum score_of. */
uint32_t survey_finds(const struct fixes *fixes, const struct store_device *d,
		      int64_t now);

struct survey;

struct survey *survey_new(void);
void survey_free(struct survey *v);

/*
 * The next few devices. *done: that was the last of a round, whose findings are
 * now in *out (what concerns devices; the rest is left alone); the next step
 * begins another round. A failure breaks the round off.
 */
int survey_step(struct survey *v, struct store *s, int64_t now, bool *done,
		struct score_facts *out, struct err *e) NODISCARD;

#endif
