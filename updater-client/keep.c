/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/keep.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/log.h"

#define KEEP     "keep"
#define KEEP_NEW "keep.new"

/* Of the slot that runs; -1 when there is nothing to take along. */
static int open_kept(const struct session *s, int *out, struct err *e)
{
	struct err why = { 0 };
	int own = -1;
	int rc;

	*out = -1;
	if (s->current == SLOT_NONE || s->config->keep.count == 0)
		return 0;
	rc = slot_tree_own(&s->slots, s->current, &own, &why) ||
	     fs_open(own, KEEP, O_RDONLY | O_DIRECTORY, out, &why);
	fs_close(&own);
	if (rc == 0 || why.code == ERR_NOT_FOUND)
		return 0;
	*e = why;
	return -1;
}

/* Of this device, not of the release. */
static int trouble(struct err *e)
{
	if (e->code != ERR_SPACE)
		e->code = ERR_SYSTEM;
	return err_in(e, "[keep]");
}

int keep_measure(const struct session *s, struct tree_copy_size *out,
		 struct err *e)
{
	const struct ini_list *paths = &s->config->keep;
	struct tree_copy_size sum = { 0 };
	int from;
	int rc;

	rc = open_kept(s, &from, e);
	for (size_t i = 0; rc == 0 && from >= 0 && i < paths->count; i++)
		rc = tree_copy_measure(from, paths->at[i], &sum, e);
	fs_close(&from);
	if (rc)
		return trouble(e);
	*out = sum;
	return 0;
}

/*
 * All of it beside its name, on the disk. Until it is whole nobody else gets
 * into it: folders in it are others', who could put a link where a file was.
 */
static int copy_all(const struct session *s, int own, struct err *e)
{
	const struct ini_list *paths = &s->config->keep;
	int from, to = -1;
	int rc;

	rc = open_kept(s, &from, e) || fs_remove_tree(own, KEEP_NEW, e) ||
	     fs_mkdir(own, KEEP_NEW, 0700, e) ||
	     fs_open(own, KEEP_NEW, O_RDONLY | O_DIRECTORY, &to, e);
	for (size_t i = 0; rc == 0 && from >= 0 && i < paths->count; i++)
		rc = tree_copy(from, to, paths->at[i], e);
	if (rc == 0 && fchmod(to, 0755))
		rc = err_sys(e, "set the mode");
	if (rc == 0 && syncfs(own))
		rc = err_sys(e, "sync");
	fs_close(&from);
	fs_close(&to);
	return rc ? -1 : 0;
}

int keep_carry(const struct session *s, struct err *e)
{
	int own = -1;
	int rc;

	if (s->config->keep.count == 0)
		return 0;
	/* Nobody runs it yet, so the name may be free for a moment. */
	rc = slot_tree_own(&s->slots, s->journal.machine.to, &own, e) ||
	     copy_all(s, own, e) || fs_remove_tree(own, KEEP, e) ||
	     fs_rename(own, KEEP_NEW, KEEP, e);
	fs_close(&own);
	if (rc)
		return trouble(e);
	log_event(LOG_INFO, "kept", "slot=%s paths=%zu",
		  slot_name(s->journal.machine.to), s->config->keep.count);
	return 0;
}

static int carry_again(const struct session *s, struct err *e)
{
	int own = -1;
	int rc;

	rc = slot_tree_own(&s->slots, s->journal.machine.to, &own, e) ||
	     copy_all(s, own, e) || fs_exchange(own, KEEP_NEW, KEEP, e) ||
	     fs_remove_tree(own, KEEP_NEW, e);
	fs_close(&own);
	return rc ? -1 : 0;
}

void keep_again(const struct session *s)
{
	struct err e = { 0 };

	if (s->config->keep.count == 0)
		return;
	if (carry_again(s, &e))
		log_event(LOG_WARNING, "not-kept-again", "reason=\"%s\"",
			  e.msg);
}
