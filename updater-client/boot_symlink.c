/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link PATH/current is the switch. What is left of a trial is the name of
 * an empty file beside it, trying.SLOT.LEFT, for a name can be changed on a
 * full disk. It counts for the slot that is current alone, and says with
 * LEFT 0 that the other one was given up.
 */
#include "updater-client/boot_symlink.h"

#include <sys/file.h>

#include "common/fs.h"

#define MARK_LEN 16

static int mark_name(enum slot s, uint32_t left, char out[MARK_LEN],
		     struct err *e)
{
	return text_format(out, MARK_LEN, e, "trying.%s.%u", slot_name(s),
			   (unsigned)left);
}

static int mark_exists(int dirfd, const char *name, bool *exists, struct err *e)
{
	struct err missing = { 0 };
	struct stat st;

	*exists = fs_stat(dirfd, name, &st, &missing) == 0;
	if (*exists || missing.code == ERR_NOT_FOUND)
		return 0;
	*e = missing;
	return -1;
}

/*
 * The lowest count that is marked: a cut between two renames leaves one name,
 * but whoever put a second one there shall not prolong a trial.
 */
static int find_mark(int dirfd, enum slot s, bool *found, uint32_t *left,
		     struct err *e)
{
	char name[MARK_LEN];

	*found = false;
	for (uint32_t n = 0; n <= BOOT_LEFT_MAX && !*found; n++) {
		if (mark_name(s, n, name, e) ||
		    mark_exists(dirfd, name, found, e))
			return -1;
		*left = n;
	}
	return 0;
}

static int look(int dirfd, const char *path, struct boot_record *out,
		struct err *e)
{
	struct boot_record r = { .slot = SLOT_NONE };
	enum slot other;
	uint32_t left;
	bool found;

	if (slot_link_current(dirfd, path, &r.slot, e))
		return -1;
	if (r.slot != SLOT_NONE) {
		other = slot_other(r.slot);
		if (find_mark(dirfd, r.slot, &r.trying, &r.left, e) ||
		    find_mark(dirfd, other, &found, &left, e))
			return -1;
		if (found && left == 0 && !r.trying)
			r.failed = other;
		if (r.trying)
			r.back = other;
		else
			r.left = 0;
	}
	*out = r;
	return 0;
}

/* ---- writing ------------------------------------------------------------- */

static int remove_marks(int dirfd, enum slot s, const char *but, struct err *e)
{
	char name[MARK_LEN];
	bool exists;

	for (uint32_t n = 0; n <= BOOT_LEFT_MAX; n++) {
		if (mark_name(s, n, name, e) ||
		    mark_exists(dirfd, name, &exists, e))
			return -1;
		if (exists && !slice_equal(slice_of(name), slice_of(but)) &&
		    fs_remove(dirfd, name, e))
			return -1;
	}
	return 0;
}

static int make_mark(int dirfd, const char *name, struct err *e)
{
	int fd = -1;

	if (fs_create(dirfd, name, 0644, &fd, e))
		return -1;
	fs_close(&fd);
	return fs_sync(dirfd, e);
}

/* The mark of this slot: renamed where there is one, for that needs no room. */
static int set_mark(int dirfd, enum slot s, uint32_t left, struct err *e)
{
	char name[MARK_LEN], before[MARK_LEN];
	uint32_t old;
	bool found;

	if (mark_name(s, left, name, e) ||
	    find_mark(dirfd, s, &found, &old, e) ||
	    (found && mark_name(s, old, before, e)))
		return -1;
	if (!found) {
		if (make_mark(dirfd, name, e))
			return -1;
	} else if (old != left && fs_rename(dirfd, before, name, e)) {
		return -1;
	}
	return remove_marks(dirfd, s, name, e);
}

static int set_marks(int dirfd, const struct boot_record *r, struct err *e)
{
	enum slot marked = r->trying ? r->slot : r->failed;
	enum slot all[] = { SLOT_A, SLOT_B };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i] == marked ? set_mark(dirfd, marked, r->left, e)
				     : remove_marks(dirfd, all[i], "", e))
			return -1;
	return 0;
}

/*
 * A trial is marked before its slot is current, and a mark goes only after the
 * link has gone elsewhere: so no cut makes a slot on trial look trusted.
 */
static int put(int dirfd, const char *path, const struct boot_record *r,
	       struct err *e)
{
	enum slot now;

	if (r->trying && set_marks(dirfd, r, e))
		return -1;
	if (slot_link_current(dirfd, path, &now, e) ||
	    (now != r->slot && slot_link_switch(dirfd, path, r->slot, e)))
		return -1;
	return r->trying ? 0 : set_marks(dirfd, r, e);
}

/* The guard may count while we confirm: one at a time, and never for long. */
static int hold(int dirfd, struct err *e)
{
	return flock(dirfd, LOCK_EX) ? err_sys(e, "locking the slots") : 0;
}

static void let_go(int dirfd)
{
	(void)flock(dirfd, LOCK_UN); /* closing it would do the same */
}

int boot_symlink_start(int dirfd, const char *path, struct boot_record *out,
		       struct err *e)
{
	struct boot_record before, r;
	int rc;

	if (hold(dirfd, e))
		return -1;
	rc = look(dirfd, path, &before, e);
	if (rc == 0) {
		r = before;
		(void)boot_record_start(&r);
		if (!boot_record_equal(&r, &before))
			rc = put(dirfd, path, &r, e);
	}
	let_go(dirfd);
	if (rc == 0)
		*out = r;
	return rc;
}

/* ---- boot control -------------------------------------------------------- */

static int symlink_read(const struct boot *b, struct boot_record *out,
			struct err *e)
{
	return look(b->slots->dirfd, b->slots->path, out, e);
}

static int symlink_write(const struct boot *b, const struct boot_record *r,
			 struct err *e)
{
	int rc;

	if (hold(b->slots->dirfd, e))
		return -1;
	rc = put(b->slots->dirfd, b->slots->path, r, e);
	let_go(b->slots->dirfd);
	return rc;
}

const struct boot_control boot_symlink = {
	.name = "symlink",
	.read = symlink_read,
	.write = symlink_write,
};
