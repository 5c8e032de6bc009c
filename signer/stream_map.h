/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream_map - what the stream of a tree consists of: units, which stand in it
 * one after another, and files, which are pieces of units' contents.
 *
 * Of most files the one unit is the file. A file system image among them is cut
 * into its own files: of ext4 the units are runs of blocks, of squashfs blocks
 * that are compressed one by one.
 */
#ifndef SIGNER_STREAM_MAP_H
#define SIGNER_STREAM_MAP_H

#include "signer/member_prove.h"
#include "signer/pack_tree.h"

#define MAP_NO_FILE UINT32_MAX

struct map_unit {
	uint64_t at, packed_len;     /* in the stream */
	uint64_t raw_len;            /* of the content; equal if it is stored */
	struct member_recipe recipe; /* kind 0: stored */
	struct sha256 digest;        /* of the packed bytes */
	bool has_digest;
	bool is_zero; /* all of it */
	/* of by_unit: the pieces as they stand in the content, once finished */
	size_t first_piece, piece_count;
};

struct map_piece {
	size_t unit;
	uint64_t from, len; /* of the unit's content */
	uint32_t file;
	uint64_t at; /* in the file */
};

/* What a file is called, hashed: 0 nothing; and so that versions agree. */
struct map_name {
	uint64_t exact, alike;
};

struct map_file {
	struct map_name name;
	uint64_t len;
	struct sha256 digest; /* of the content */
	bool has_digest;
	size_t first_piece, piece_count;
};

struct stream_map {
	const struct pack_tree *tree; /* borrowed */
	uint64_t *starts;             /* by entry */
	uint64_t len;
	struct map_unit *units;
	size_t unit_count, unit_cap;
	struct map_piece *pieces; /* file by file */
	size_t piece_count, piece_cap;
	size_t *by_unit; /* indices of pieces */
	struct map_file *files;
	size_t file_count, file_cap;
	/* the unit that was unpacked last */
	size_t cached;
	uint8_t *cache;
};

void stream_map_init(struct stream_map *m, const struct pack_tree *tree);
void stream_map_done(struct stream_map *m);

/* Names: of nothing, and of a component below a folder's. */
struct map_name map_name_below(struct map_name folder, struct slice name);

/*
 * For who maps a stream: units come in its order and leave no gap; pieces come
 * file by file, in the file's order.
 */
size_t map_add_unit(struct stream_map *m, uint64_t packed_len);
uint32_t map_add_file(struct stream_map *m, struct map_name name);
void map_add_piece(struct stream_map *m, size_t unit, uint64_t from,
		   uint64_t len);

/* A stored unit that is a file. */
void map_add_whole(struct stream_map *m, struct map_name name, uint64_t len);

/*
 * So many bytes that are of no file: stored units, of which those that hold
 * nothing but zeroes say so.
 */
int map_add_rest(struct stream_map *m, uint64_t len, struct err *e) NODISCARD;

/*
 * All is there. Of pieces that overlap in a unit the later ones are not listed
 * by it.
 */
void map_finish(struct stream_map *m);

/* Take from the files what is of units that are not in this list (by unit). */
void map_filter(struct stream_map *m, const bool *units);

/* Bytes of the stream as it is, of a unit's content, and of a file. */
int map_read_stream(const struct stream_map *m, uint64_t at, void *out,
		    size_t len, struct err *e) NODISCARD;
int map_read_unit(struct stream_map *m, size_t unit, uint64_t from, void *out,
		  size_t len, struct err *e) NODISCARD;
int map_read_file(struct stream_map *m, uint32_t file, uint64_t from, void *out,
		  size_t len, struct err *e) NODISCARD;

/* What is known already is not computed again. */
int map_digest_units(struct stream_map *m, struct err *e) NODISCARD;
int map_digest_file(struct stream_map *m, uint32_t file,
		    struct err *e) NODISCARD;

#endif
