/* SPDX-License-Identifier: Apache-2.0 */
/* What a repository in memory may list for devices: releases and documents. */
#ifndef TESTS_UNIT_TUF_LISTED_H
#define TESTS_UNIT_TUF_LISTED_H

#include "common/release.h"
#include "common/statement.h"
#include "tests/unit/tuf_repo.h"

/* A full package of a small tree, as engineers sign it; what they say of that
 * is the caller's to change. */
static inline struct release a_listed_release(const char *product, uint64_t seq)
{
	static char health[] = "bin/health";
	struct release r = { .version = "any",
			     .seq = seq,
			     .content_seq = seq,
			     .issued = NOW - UTC_DAY,
			     .component = "main",
			     .content = PACKAGE_TREE,
			     .attributes = TREE_APP,
			     .digest = { { (uint8_t)seq } },
			     .manifest_len = 10,
			     .entries = 1,
			     .health_count = 1,
			     .health_deadline_sec = 20,
			     .head_len = PACKAGE_HEADER_LEN + SHA256_LEN,
			     .package_len = 1000,
			     .kind = PACKAGE_FULL,
			     .content_len = 100,
			     .apply_memory = 4 << 20,
			     .window_len = 1 << 20 };

	strcpy(r.product, product);
	(void)snprintf(r.id, sizeof(r.id), "%u", (unsigned)seq);
	r.health[0].argv[0] = health;
	r.health[0].argc = 1;
	return r;
}

static inline void list_this(struct repo *repo, const char *role,
			     const struct release *r)
{
	char path[PATH_MAX_LEN];
	struct err e;

	assert_ok(release_path(r, path, &e));
	json_set(member(repo_body(repo, role), "targets"), path,
		 release_format(r));
}

static inline void list_release(struct repo *repo, const char *role,
				const char *product, uint64_t seq,
				const char *stone, bool nightly)
{
	struct release r = a_listed_release(product, seq);

	r.requires_seq = stone[0] ? seq - 1 : 0;
	r.nightly = nightly;
	strcpy(r.stepping_stone, stone);
	list_this(repo, role, &r);
}

/* A small document, said to be of a type, at a path that may be a wrong one. */
static inline void list_document(struct repo *repo, const char *role,
				 const char *path, const char *type,
				 struct json *body)
{
	struct json *custom = json_new_object(), *pawl = json_new_object();
	struct buf bytes = BUF_INIT(STATEMENT_MAX_LEN);
	struct err e;

	assert_ok(json_canonical(body, &bytes, &e));
	assert_ok(
		buf_add(&bytes, (struct slice){ (const uint8_t *)"", 1 }, &e));
	repo_document(repo, role, path, (const char *)bytes.ptr);
	json_set_text(pawl, "type", type);
	json_set_int(pawl, "v", 1);
	json_set(custom, "pawl", pawl);
	json_set(member(member(repo_body(repo, role), "targets"), path),
		 "custom", custom);
	buf_done(&bytes);
	json_free(body);
}

#endif
