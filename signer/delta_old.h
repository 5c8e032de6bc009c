/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_old - the old stream as who writes a delta knows it: which contents it
 * holds whole, and the text in which all else is searched.
 *
 * The text is the manifest, the old files (of very large trees those alone that
 * changed, as far as there is room) and the contents of old members. A place
 * in it is not a place of the old stream; both are known here.
 */
#ifndef SIGNER_DELTA_OLD_H
#define SIGNER_DELTA_OLD_H

#include "signer/delta_match.h"
#include "signer/member_pair.h"
#include "signer/pack_tree.h"

/*
 * Old content to search in, at most: the search takes five times as much
 * memory. When there is more, unchanged files are left out, then others.
 */
#define DELTA_SEARCH_MAX ((size_t)300 << 20)

#define DELTA_NOWHERE UINT64_MAX

struct delta_known;
struct delta_stretch;

struct delta_old {
	const struct pack_tree *tree, *fresh;
	struct delta_known *known; /* old files, sorted by digest */
	size_t known_count;
	uint64_t *starts; /* by old entry, where its content begins */
	/* once loaded */
	uint8_t *text;
	size_t text_len;
	struct delta_stretch *stretches; /* ascending in both places */
	size_t stretch_count;
	uint64_t *file_ends; /* where the files of the text end, ascending */
	size_t file_count;
	struct matcher *matcher;
};

/* Both trees are borrowed. */
void delta_old_init(struct delta_old *o, const struct pack_tree *tree,
		    const struct pack_tree *fresh);
void delta_old_done(struct delta_old *o);

/* Where the old stream holds this very content, or DELTA_NOWHERE. */
uint64_t delta_old_find(const struct delta_old *o,
			const struct tree_entry *entry);

/* Does the new tree hold this old file's content at the same path? */
bool delta_old_is_kept(const struct delta_old *o, const struct tree_entry *old);

/*
 * Read the text and prepare the search, unless that was done. ERR_LIMIT when
 * the manifest alone is too large.
 */
int delta_old_load(struct delta_old *o, const struct member_pair *members,
		   struct err *e) NODISCARD;
void delta_old_unload(struct delta_old *o);

/* A place of the old stream in the text, 0 if it is not there; the reverse. */
uint64_t delta_old_text_at(const struct delta_old *o, uint64_t old_at);
uint64_t delta_old_stream_at(const struct delta_old *o, uint64_t at);

/* Which file of the text holds a place, and where that begins. */
size_t delta_old_file_at(const struct delta_old *o, uint64_t at);
uint64_t delta_old_file_begin(const struct delta_old *o, size_t file);

/* For delta_writer: bytes of the old stream that stand in the text. */
int delta_old_read(void *ctx, uint64_t at, void *out, size_t len,
		   struct err *e) NODISCARD;

#endif
