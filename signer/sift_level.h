/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sift_level - what the parts of sift share, and nobody else: the file that is
 * being read, the window of it that is judged, and what is inside it.
 *
 *	sift.c          reads files window by window; members and images
 *	sift_archive.c  opens archives, one behind the other, and what follows
 *	sift_judge.c    judges a window, and what is decoded out of it
 *	sift_buried.c   opens what lies in the midst of a file
 *
 * Functions that fail do so when reading or the watcher does, unless it is said
 * otherwise: damage is told.
 */
#ifndef SIGNER_SIFT_LEVEL_H
#define SIGNER_SIFT_LEVEL_H

#include "signer/embedded.h"
#include "signer/encoded.h"
#include "signer/sift_watch.h"
#include "signer/unwrap.h"

#define SIFT_WINDOW     (256u << 10)
#define SIFT_PATH_SIZE  8192
#define SIFT_WHAT_SIZE  192
#define SIFT_DECODE_MAX 2 /* base64 in base64 */
#define SIFT_RANGES_MAX 64

/* What was found and where. */
struct note {
	char what[SIFT_WHAT_SIZE];
	uint64_t at;
	struct sha256 digest;
};

/* What was seen in the midst of a file: `at` is its offset there. */
struct buried {
	uint64_t at;
	struct embedded what;
};

/* A file that is being read: the outermost one, or something out of one. */
struct level {
	struct sift *sift;
	const struct sift_source *source;
	uint8_t *window;
	size_t have;        /* bytes in it */
	size_t judged;      /* of these, already */
	uint64_t base;      /* offset of the window in the file */
	uint64_t covered;   /* up to here a finding reaches */
	bool ended;         /* all of the file is in the window or behind us */
	uint64_t next;      /* offset of what is to be handed on */
	bool noted;         /* that it is damaged or encrypted */
	const char *closed; /* what cannot be opened: "an erofs image" */
	bool broken;        /* reading it failed for good: why is in error */
	struct err error;
	unsigned depth;
	uint64_t tried; /* places for a scalar that could be random */
	/*
	 * Of an archive, what is found in its own bytes is told only if
	 * nothing is found in its members: that says more.
	 */
	enum unwrap_kind archive;
	enum peek_kind image;
	/*
	 * In a plain file; where that can be read when all of it was: of the
	 * source's place, or of a copy that begins at copy_base of the file.
	 */
	struct buried *buried;
	size_t buried_count, buried_room;
	struct peek_place copy;
	uint64_t copy_base, copy_blocks;
	bool too_many, too_large;
	struct note pending;
	char path[SIFT_PATH_SIZE];
};

struct sift {
	const struct sift_watch *watch;
	const struct sift_settings *settings;
	bool program;
	bool stopped;    /* the watcher wants no more */
	unsigned images; /* that are open */
	uint64_t bytes, told, published;
	uint64_t spent; /* places for a scalar, in all files */
	/* of the outermost file */
	uint64_t input, expanded, tried;
	unsigned members, buried;
	struct level *levels[SIFT_DEPTH_MAX]; /* made when first needed */
	uint8_t *decoded[SIFT_DECODE_MAX];
};

/* What is looked at: a window, or what was decoded out of one. */
struct view {
	struct level *level;
	struct slice bytes;
	size_t from, to;
	bool start, whole;  /* of the file; all of it */
	unsigned decoded;   /* how often */
	uint64_t at;        /* then: where, in the file, the code stands */
	const char *suffix; /* ", in base64" */
	/* Findings in it, so that nothing is told twice. */
	struct {
		size_t from, to;
	} ranges[SIFT_RANGES_MAX];
	size_t range_count;
};

struct inside {
	struct level *outer;
	struct unwrap *archive;
	struct peek *image; /* or this */
	struct base64 code;
	struct slice rest; /* of the code's bytes */
	bool shut;
	/* Looks at a member's header, if it is not NULL. */
	int (*header)(struct inside *in, struct err *e);
	uint64_t from; /* where in the file the archive begins */
};

/* Of a level: does it hold members, so that these are told in its stead? */
bool level_holds_members(const struct level *l);
int level_tell_pending(struct level *l, struct err *e) NODISCARD;
int level_unread(const struct level *l, const char *why, bool shut,
		 struct err *e) NODISCARD;

/* The path of what is inside. "a.gz!" is a's content: "a.tar.gz!/b", not
 * "a.tar.gz!!/b"; one that is too long is shown by its outer part. */
void level_name(char path[SIFT_PATH_SIZE], const char *outer, const char *name);

/* The next one in depth, which the caller has seen to be there. */
struct level *level_enter(struct level *outer, const struct sift_source *source,
			  const char *name);
/* Judge what was read but not yet judged, up to what must wait for more. */
int level_judge_window(struct level *l, struct err *e) NODISCARD;
/* Read on and judge it. *fresh is what is new; empty at the end. */
int level_pull(struct level *l, struct slice *fresh, struct err *e) NODISCARD;
int level_read_on(struct level *l, struct err *e) NODISCARD;
/* For whoever opens it: what follows what was handed on before. */
int level_hand_on(struct level *l, struct slice *bytes,
		  struct err *e) NODISCARD;

/* All of it, and what is inside. */
int level_sift(struct level *l, struct err *e) NODISCARD;

/* How many blocks of 512 bytes a copy may take; and does it? */
int level_find_room(const struct level *l, int fd, uint64_t *blocks,
		    struct err *e) NODISCARD;
bool level_is_within(int fd, uint64_t blocks);

/* The files of an image of the kind that the level says. */
int level_open_image(struct level *l, const struct peek_place *place,
		     struct err *e) NODISCARD;

/* The members of the archive with which it begins, and what stands behind. */
int level_sift_archives(struct level *l, struct err *e) NODISCARD;

/* Judge what is looked at, decoded or not. */
int sift_judge(struct view *v, struct err *e) NODISCARD;

/* Note what begins in the view, and keep a copy from there if need be; open
 * all of that when the file was read. */
void level_find_buried(const struct view *v);
int level_keep_copy(struct level *l, struct err *e) NODISCARD;
int level_sift_buried(struct level *l, struct err *e) NODISCARD;

/* Did more come out of the outermost file than of any that is honest? */
bool sift_is_spent(const struct sift *s);
/* ERR_LIMIT when it did. */
int inside_count(struct inside *in, uint64_t got, struct err *e) NODISCARD;
/* ERR_FORMAT and ERR_LIMIT, too. */
int inside_sift_members(struct inside *in, struct err *e) NODISCARD;
/* Tell a failure that is the file's own, and go on. */
int inside_forgive(struct inside *in, struct err *e) NODISCARD;

#endif
