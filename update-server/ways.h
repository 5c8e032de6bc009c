/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ways - what the published repository says of the ways between releases, as
 * the server knows it: floors, stepping stones, steps back that are authorised.
 *
 * It is derived from what was imported, and made anew after each import. The
 * decision is common/way, which devices use too: so the server leads a device
 * over the stone that it would choose itself, and offers nothing that it would
 * refuse.
 */
#ifndef UPDATE_SERVER_WAYS_H
#define UPDATE_SERVER_WAYS_H

#include "update-server/store.h"

struct ways;

/*
 * Read the newest metadata of the store and the documents beneath dirfd. What
 * nightly lists counts for lab devices alone, or for all where the fleet is a
 * lab. A store that nothing was imported to yet knows no ways.
 */
int ways_read(struct store *s, int dirfd, bool lab, struct ways **out,
	      struct err *e) NODISCARD;
void ways_free(struct ways *w);

/*
 * What signed metadata says of a rollout's release to a device that runs what
 * it runs now. *goal is the rollout as it is to be decided and offered: its
 * release is the stepping stone, if one leads there. NULL knows nothing: no
 * stone, no step back, no floor.
 */
void ways_judge(const struct ways *w, const struct rollout *r,
		const struct rollout_device *d, int64_t now,
		struct rollout_word *word, struct rollout *goal);

/*
 * May a rollout of this release be made? ERR_REFUSED when it lies below the
 * floor, or is to be a step back and nothing authorises one to it.
 */
int ways_allow(const struct ways *w, const struct rollout *r, int64_t now,
	       struct err *e) NODISCARD;

/* Each product that has a floor; none for NULL. */
int ways_each_floor(const struct ways *w,
		    int (*visit)(void *ctx, const char *product, uint64_t floor,
				 struct err *e),
		    void *ctx, struct err *e) NODISCARD;

/* What is signed of the ways back from a release. */
struct ways_back {
	bool has_undo;
	char undo[NAME_MAX_LEN + 1]; /* of several the one that still helps */
	int64_t undo_until;
	uint64_t undo_content_seq;
	char undo_to[NAME_MAX_LEN +
		     1]; /* whose content that is; "": unlisted */
	bool has_step;   /* authorised now, to a listed release at the floor */
	char step_to[NAME_MAX_LEN + 1];
	uint64_t floor;               /* 0: none was committed */
	char older[NAME_MAX_LEN + 1]; /* the newest that is listed below it */
};

void ways_back(const struct ways *w, const struct rollout *r, int64_t now,
	       struct ways_back *out);

/*
 * Is there no way for this device to the newest listed release that is for its
 * model and hardware? Says in words what is missing; "" if there is a way.
 */
void ways_explain(const struct ways *w, const struct rollout_device *d,
		  char out[WIRE_REASON_MAX]);

#endif
