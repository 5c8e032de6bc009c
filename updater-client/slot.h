/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot - what a slot holds: the signed facts of a release that are needed
 * after it was installed, as a bounded plain record and as the slot's
 * release.json. Pure: bytes in, record out.
 */
#ifndef UPDATER_CLIENT_SLOT_H
#define UPDATER_CLIENT_SLOT_H

#include "common/release.h"
#include "updater-client/slot_link.h"

#define SLOT_HEALTH_MAX 4096  /* all health commands of a release */
#define SLOT_ORDER_MAX  192   /* which order opened it, for people */
#define SLOT_RECORD_MAX 16384 /* bytes of a release.json */
#define SLOT_BLOCK      4096  /* what one entry takes at least on a disk */

/* One component of what a slot holds. */
struct slot_part {
	char component[NAME_MAX_LEN + 1];
	struct sha256 digest; /* of the manifest, or of the image */
	uint64_t manifest_len, content_len;
	uint32_t entries;
};

struct slot_release {
	char id[NAME_MAX_LEN + 1];
	char version[RELEASE_VERSION_MAX + 1];
	char product[NAME_MAX_LEN + 1];
	uint64_t seq, content_seq;
	uint64_t floor;       /* the highest that was verified by then */
	int64_t support_end;  /* until when it is cared for; 0: not said */
	struct sha256 digest; /* the release's */
	/* Its components, as the slots are configured; one at least. */
	struct slot_part parts[RELEASE_COMPONENTS_MAX];
	size_t part_count;
	uint32_t deadline_sec; /* of the whole trial */
	/* The signed order by which it was installed; "": none was needed. */
	char order[SLOT_ORDER_MAX];
	/*
	 * Health commands: each argument ends with a NUL, each command with one
	 * more. slot_health() takes them apart.
	 */
	uint16_t health_len;
	char health[SLOT_HEALTH_MAX];
};

/*
 * Copy the facts of a release from one package of each component, as many as
 * there are. ERR_LIMIT when the health commands are too long.
 */
int slot_release_from(const struct release *packages, size_t count,
		      struct slot_release *out, struct err *e) NODISCARD;

/* The component of that name; NULL when it is none of them. */
const struct slot_part *slot_part_of(const struct slot_release *r,
				     const char *component);

/* Bytes on a disk that a part needs at most, manifest included. */
uint64_t slot_part_room(const struct slot_part *p);

/* As the release.json of a slot. */
int slot_release_format(const struct slot_release *r, struct buf *out,
			struct err *e) NODISCARD;
int slot_release_parse(struct slice in, struct slot_release *out,
		       struct err *e) NODISCARD;

/*
 * The next health command: fills argv (NULL-terminated, borrowed from r) and
 * moves *at on; start with 0. False at the end.
 */
bool slot_health(const struct slot_release *r, size_t *at,
		 char *argv[RELEASE_ARGS_MAX + 1]);

/* Well formed: every argument and command ended, none empty or too long. */
bool slot_health_is_valid(const struct slot_release *r);

#endif
