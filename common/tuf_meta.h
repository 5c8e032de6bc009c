/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tuf_meta - the four kinds of TUF metadata, read strictly.
 *
 * A file is parsed once: the signature is verified over our canonical form of
 * the very tree that is interpreted afterwards. tuf_meta_parse() checks
 * everything that a file can say wrong by itself (The Update Framework 1.0.34,
 * section 4, and docs/metadata.md for the fields of ours); whether it is
 * signed, newer, unexpired and the one that was announced is tuf_client's part.
 */
#ifndef COMMON_TUF_META_H
#define COMMON_TUF_META_H

#include "common/buf.h"
#include "common/keyfile.h"
#include "common/tuf_keys.h"
#include "common/utc.h"

/* Why metadata is believed at most so long after it was issued. */
#define TUF_ROOT_LIFE_MAX   (731 * UTC_DAY) /* two years, one of them leap */
#define TUF_OTHER_LIFE_MAX  (400 * UTC_DAY)
#define TUF_MEDIUM_DAYS     90
#define TUF_MEDIUM_DAYS_MAX 400

enum tuf_role {
	TUF_ROOT,
	TUF_TIMESTAMP,
	TUF_SNAPSHOT,
	TUF_TARGETS /* the top-level role and every delegated one */
};

/* "root", "timestamp", "snapshot", "targets". */
const char *tuf_role_name(enum tuf_role role);

/* What timestamp and snapshot say of another metadata file. */
struct tuf_file {
	int64_t version;
	bool has_length, has_sha256, has_sha512;
	int64_t length;
	struct sha256 sha256;
	uint8_t sha512[SHA512_LEN];
};

struct tuf_target {
	const char *path; /* borrowed from the metadata, like custom */
	uint64_t length;
	bool has_sha256, has_sha512;
	struct sha256 sha256;
	uint8_t sha512[SHA512_LEN];
	const struct json *custom; /* NULL if none */
};

/* What root says of the repository (its signed "pawl" object). */
struct tuf_site {
	enum environment environment;
	bool staging_signed;      /* "staging": "signed", else "server" */
	unsigned medium_max_days; /* 90 unless root says otherwise */
};

struct tuf_meta {
	enum tuf_role role;
	struct json *tree;       /* the whole envelope, owned */
	const struct json *body; /* its "signed", borrowed from tree */
	const struct json *signatures;
	struct buf bytes;     /* exactly as received */
	struct buf canonical; /* of body: what is signed */
	int64_t version, expires;
	int64_t issued; /* 0 in a foreign file without it */
	bool medium;    /* marked as made for a medium */
};

/*
 * Read one file in the only safe order: its outer shape, then the signatures,
 * then what it says. A threshold of `ring` must have signed it, and of a root
 * also a threshold of the keys that it names itself; ring is NULL for the very
 * first root alone. ERR_FORMAT, ERR_LIMIT, ERR_REFUSED or ERR_UNTRUSTED. Heap.
 */
int tuf_meta_read(const struct tuf_rules *rules, enum tuf_role role,
		  struct slice bytes, const struct tuf_keyring *ring,
		  struct tuf_meta **out, struct err *e) NODISCARD;
void tuf_meta_free(struct tuf_meta *m);

/*
 * The parts of tuf_meta_read(). tuf_meta_parse() checks envelope, type and
 * dates and verifies nothing; tuf_meta_check() checks the rest of the body.
 */
int tuf_meta_parse(const struct tuf_rules *rules, enum tuf_role role,
		   struct slice bytes, struct tuf_meta **out,
		   struct err *e) NODISCARD;
int tuf_meta_check(const struct tuf_rules *rules, const struct tuf_meta *m,
		   struct err *e) NODISCARD;

/* The keys that root names for a top-level role. */
int tuf_root_keyring(const struct tuf_rules *rules,
		     const struct json *root_body, const char *role,
		     struct tuf_keyring *out, struct err *e) NODISCARD;

/* Root's "consistent_snapshot"; always true in ours. */
bool tuf_root_consistent(const struct tuf_meta *root);

/* Root's "pawl" object; demo, server, 90 days for a foreign root. */
void tuf_root_site(const struct tuf_meta *root, struct tuf_site *out);

/* Entry of timestamp's or snapshot's "meta"; ERR_NOT_FOUND if it is missing. */
int tuf_meta_file(const struct tuf_meta *m, const char *name,
		  struct tuf_file *out, struct err *e) NODISCARD;

/* ERR_UNTRUSTED unless bytes have the length and digests that file names. */
int tuf_file_check(const struct tuf_file *file, struct slice bytes,
		   struct err *e) NODISCARD;

/*
 * One entry of a checked targets role. ERR_UNTRUSTED when it names no digest
 * that we know, for then nothing could be verified.
 */
int tuf_target_read(const char *path, const struct json *entry,
		    struct tuf_target *out, struct err *e) NODISCARD;

/* A targets role's own entry for path; as above, or ERR_NOT_FOUND. */
int tuf_targets_get(const struct tuf_meta *m, const char *path,
		    struct tuf_target *out, struct err *e) NODISCARD;

#endif
