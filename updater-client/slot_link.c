/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/slot_link.h"

#include <string.h>

#include "common/fs.h"

#define CURRENT    "current"
#define TARGET_LEN 32

const char *slot_name(enum slot s)
{
	static const char *const names[] = { "none", "a", "b" };

	return names[s];
}

enum slot slot_other(enum slot s)
{
	return s == SLOT_A ? SLOT_B : SLOT_A;
}

static const char *link_target(enum slot s)
{
	return s == SLOT_A ? "a/tree" : "b/tree";
}

/* The link that will become current by a rename. */
static const char *spare(enum slot s)
{
	return s == SLOT_A ? "current.a" : "current.b";
}

int slot_link_current(int dirfd, const char *path, enum slot *out,
		      struct err *e)
{
	char target[TARGET_LEN] = "";
	struct err why = { 0 };
	struct stat st;

	if (fs_stat(dirfd, CURRENT, &st, &why)) {
		if (why.code != ERR_NOT_FOUND) {
			*e = why;
			return err_in(e, "%s/" CURRENT, path);
		}
		*out = SLOT_NONE;
		return 0;
	}
	/* A target that is too long is foreign, too. */
	if (S_ISLNK(st.st_mode) &&
	    fs_readlink(dirfd, CURRENT, target, sizeof(target), &why))
		target[0] = 0;
	if (strcmp(target, link_target(SLOT_A)) == 0)
		*out = SLOT_A;
	else if (strcmp(target, link_target(SLOT_B)) == 0)
		*out = SLOT_B;
	else
		return err_set(e, ERR_CONFLICT,
			       "%s/" CURRENT " is not a link to a/tree or "
			       "b/tree; it is not touched",
			       path);
	return 0;
}

/* A link that says the right thing, made anew if it does not. */
static int prepare_one(int dirfd, enum slot s, struct err *e)
{
	char target[TARGET_LEN];
	struct err why = { 0 };

	if (fs_readlink(dirfd, spare(s), target, sizeof(target), &why) == 0 &&
	    strcmp(target, link_target(s)) == 0)
		return 0;
	if (fs_remove_tree(dirfd, spare(s), e))
		return -1;
	return fs_symlink(dirfd, link_target(s), spare(s), e);
}

int slot_link_keep(int dirfd, enum slot s, struct err *e)
{
	return prepare_one(dirfd, s, e) || fs_sync(dirfd, e) ? -1 : 0;
}

int slot_link_prepare(int dirfd, struct err *e)
{
	if (prepare_one(dirfd, SLOT_A, e) || prepare_one(dirfd, SLOT_B, e))
		return err_in(e, "the links of the slots");
	return fs_sync(dirfd, e);
}

int slot_link_switch(int dirfd, const char *path, enum slot to, struct err *e)
{
	enum slot now;

	if (to == SLOT_NONE) {
		if (fs_remove(dirfd, CURRENT, e))
			return err_in(e, "switching");
	} else if (prepare_one(dirfd, to, e) ||
		   fs_rename(dirfd, spare(to), CURRENT, e)) {
		return err_in(e, "switching to slot %s", slot_name(to));
	}
	if (fs_sync(dirfd, e) || slot_link_current(dirfd, path, &now, e))
		return err_in(e, "switching");
	if (now != to)
		return err_set(e, ERR_SYSTEM,
			       "the switch to slot %s did not last",
			       slot_name(to));
	return 0;
}
