/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An offline repository on disk as ceremonies leave it, for the tests of what
 * publishes it: root, targets and a product's role, staged and signed by two of
 * three keys each, and packages where they belong.
 */
#ifndef TESTS_UNIT_LAB_REPO_H
#define TESTS_UNIT_LAB_REPO_H

#include "common/mem.h"
#include "common/text.h"
#include "common/utc.h"
#include "signer/online.h"
#include "signer/roleedit.h"
#include "tests/unit/box.h"

#define LAB_ROLE "product-gateway"

enum lab_who {
	LAB_ROOT,
	LAB_TARGETS,
	LAB_PRODUCT,
	LAB_WHO
};

struct lab {
	struct box box;
	char path[96], folder[96]; /* the repository, and where it goes */
	int folder_fd;
	struct ec_private *keys[LAB_WHO][3];
	struct repo r; /* as it is being made; nobody's lock is held */
	int64_t now;
};

static inline const char *lab_role(enum lab_who who)
{
	static const char *const names[] = { "root", "targets", LAB_ROLE };

	return names[who];
}

static inline void lab_grant(struct lab *l, struct json *by, enum lab_who who)
{
	struct ec_public key;
	struct err e = { 0 };

	for (size_t i = 0; i < 3; i++) {
		ec_public_of(l->keys[who][i], &key);
		assert_ok(roleedit_add(by, lab_role(who), &key, &e));
	}
	roleedit_threshold(by, lab_role(who), 2);
}

static inline struct json *lab_signed(struct lab *l, const char *role)
{
	return tuf_envelope_signed(repo_role(&l->r, role)->staged);
}

static inline void lab_stage(struct lab *l, const char *role,
			     struct json *envelope)
{
	struct err e = { 0 };
	size_t dropped;

	assert_ok(repo_stage(&l->r, role, envelope, &dropped, &e));
}

/* Make the next version of what was published, to be changed and signed. */
static inline void lab_begin(struct lab *l, const char *role)
{
	struct json *envelope;
	struct err e = { 0 };

	assert_ok(repo_begin(&l->r, role, l->now, &envelope, &e));
	lab_stage(l, role, envelope);
}

static inline void lab_sign(struct lab *l, enum lab_who who, size_t count)
{
	const struct repo_role *held = repo_role(&l->r, lab_role(who));
	struct err e = { 0 };

	for (size_t i = 0; i < count; i++)
		assert_ok(tuf_sign(held->staged, l->keys[who][i], &e));
	assert_ok(repo_save_staged(&l->r, held->name, &e));
}

/* All that is staged. */
static inline void lab_sign_all(struct lab *l)
{
	for (size_t who = 0; who < LAB_WHO; who++)
		if (repo_role(&l->r, lab_role((enum lab_who)who))->staged)
			lab_sign(l, (enum lab_who)who, 3);
}

/* What a command has done since. */
static inline void lab_look(struct lab *l)
{
	struct err e = { 0 };

	repo_close(&l->r);
	assert_ok(repo_open(l->path, REPO_READ, &l->r, &e));
}

/* List a target, whose content lies where packages do. */
static inline void lab_list(struct lab *l, const char *role, const char *path,
			    const char *content)
{
	struct json *body = lab_signed(l, role);
	struct json *list = json_clone(json_get(body, "targets"));
	struct json *entry = tuf_meta_entry(slice_of(content), 1);
	char url[PATH_MAX_LEN], file[PATH_MAX_LEN + 16];
	struct sha256 digest;
	struct err e = { 0 };

	json_remove(entry, "version");
	json_set(list, path, entry);
	json_set(body, "targets", list);
	sha256_of(slice_of(content), &digest);
	assert_ok(release_url_path(path, &digest, url, &e));
	(void)snprintf(file, sizeof(file), "targets/%s", url);
	*strrchr(file, '/') = 0;
	assert_ok(fs_mkdirs(l->r.dirfd, file, 0755, &e));
	(void)snprintf(file, sizeof(file), "targets/%s", url);
	assert_ok(
		fs_replace_file(l->r.dirfd, file, slice_of(content), 0644, &e));
}

static inline void lab_make_root(struct lab *l, enum environment env)
{
	const struct roleedit_site site = { env, "signed", 90 };
	struct json *envelope =
		tuf_envelope_new(TUF_ROOT, 1, l->now, l->now + 700 * UTC_DAY);
	struct json *root = tuf_envelope_signed(envelope);
	struct ec_public online;
	struct err e = { 0 };

	roleedit_init(root, &site);
	lab_grant(l, root, LAB_ROOT);
	lab_grant(l, root, LAB_TARGETS);
	assert_ok(online_make(&l->r, &online, &e));
	assert_ok(roleedit_add(root, "online", &online, &e));
	lab_stage(l, "root", envelope);
}

static inline void lab_make_targets(struct lab *l, enum environment env)
{
	struct json *envelope = tuf_envelope_new(TUF_TARGETS, 1, l->now,
						 l->now + 390 * UTC_DAY);
	struct json *targets = tuf_envelope_signed(envelope);
	struct err e = { 0 };

	roleedit_init_targets(targets, env, NULL);
	assert_ok(roleedit_delegate(targets, LAB_ROLE, &e));
	lab_grant(l, targets, LAB_PRODUCT);
	lab_stage(l, "targets", envelope);
	assert_ok(repo_begin_first(&l->r, LAB_ROLE, l->now, &envelope, &e));
	lab_stage(l, LAB_ROLE, envelope);
}

static inline void lab_open(struct lab *l, enum environment env)
{
	static const char *const folders[] = { "metadata", "staged", "targets",
					       ".work" };
	struct err e = { 0 };

	memset(l, 0, sizeof(*l));
	l->now = utc_now();
	box_open(&l->box);
	(void)snprintf(l->path, sizeof(l->path), "%s/repo", l->box.path);
	(void)snprintf(l->folder, sizeof(l->folder), "%s/publish", l->box.path);
	l->folder_fd = box_folder(&l->box, "publish");
	for (size_t i = 0; i < LAB_WHO * 3u; i++)
		assert_ok(ec_generate(&l->keys[i / 3][i % 3], &e));
	repo_init(&l->r, l->path);
	repo_settings_default(&l->r.settings);
	l->r.settings.owner = mem_dup_str("Somebody");
	l->r.settings.products.at[l->r.settings.products.count++] =
		mem_dup_str("gateway");
	l->r.names = json_new_object();
	l->r.environment = env;
	l->r.dirfd = box_folder(&l->box, "repo");
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		assert_ok(fs_mkdir(l->r.dirfd, folders[i], 0755, &e));
	assert_ok(repo_write_settings(l->r.dirfd, &l->r.settings, env, &e));
	lab_make_root(l, env);
	lab_make_targets(l, env);
}

static inline void lab_close(struct lab *l)
{
	repo_close(&l->r);
	for (size_t i = 0; i < LAB_WHO * 3u; i++)
		ec_free(l->keys[i / 3][i % 3]);
	fs_close(&l->folder_fd);
	box_close(&l->box);
}

static inline bool lab_has(int dirfd, const char *path)
{
	struct err e = { 0 };
	struct stat st;

	return fs_stat(dirfd, path, &st, &e) == 0;
}

#endif
