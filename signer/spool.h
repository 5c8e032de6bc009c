/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool - gather the entries of a tree in any order, from a folder or a tar,
 * and make a struct pack_tree of them.
 *
 * Each entry must keep the rules of tree.h, whatever it came from; a name that
 * comes twice is refused. Folders that are missing on the way to an entry are
 * added (mode 0755, root, the beginning of time), for some tars leave them
 * out. With application attributes a hard link becomes a file of its own, and
 * what does not count there (owner, time, setuid, attributes) is dropped.
 */
#ifndef SIGNER_SPOOL_H
#define SIGNER_SPOOL_H

#include "signer/pack_tree.h"

struct spool;

/*
 * Content of a tree at most, as much as the payload of a package has room for.
 * Who reads it looks before: a file of holes costs time though no disk.
 */
#define SPOOL_CONTENT_MAX (UINT64_C(64) << 30)

int spool_new(int scratch_dirfd, enum tree_attributes attributes,
	      struct spool **out, struct err *e) NODISCARD;

/*
 * Add an entry other than a hard link; len and digest of a file are not looked
 * at: its content follows in spool_data(). The path "" is the tree's own
 * folder. Everything is copied.
 */
int spool_add(struct spool *s, const struct tree_entry *entry,
	      struct err *e) NODISCARD;

/* Another name of an entry that has been added or will be. */
int spool_add_link(struct spool *s, struct slice path, struct slice to,
		   struct err *e) NODISCARD;

/* More content of the file that was added last. */
int spool_data(struct spool *s, struct slice bytes, struct err *e) NODISCARD;

/* Bytes so far, for progress. */
uint64_t spool_len(const struct spool *s);

/* Sort, resolve and check it all. The spool can then only be freed. */
int spool_finish(struct spool *s, struct pack_tree **out,
		 struct err *e) NODISCARD;
void spool_free(struct spool *s);

#endif
