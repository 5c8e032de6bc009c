/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/slot_handler.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/image.h"
#include "common/log.h"
#include "updater-client/fill.h"
#include "updater-client/hook.h"

static bool is_handler(const struct settings_slot *slot)
{
	return slot->kind == SLOT_HANDLER;
}

static bool has_any(const struct settings *c)
{
	for (size_t i = 0; i < c->slot_count; i++)
		if (is_handler(&c->slots[i]))
			return true;
	return false;
}

/* Whose image it is that they are given. */
struct telling {
	struct session *s;
	const char *release;
	bool back;
};

/* One word to one program, with the image (or -1: there is none) to read. */
static int tell(const struct telling *t, const struct settings_slot *slot,
		const char *word, int image_fd, struct err *e)
{
	char *argv[SETTINGS_ARGS_MAX + 2];
	struct hook_output output;
	struct hook h = {
		.argv = argv,
		.dirfd = -1,
		.release = t->release,
		.input_fd = image_fd >= 0 ? image_fd : 0,
		.deadline_ms = (int64_t)slot->program_sec * 1000,
		.stop_fd = t->s->stop_fd,
	};
	size_t n = 0;

	for (; n < slot->program.argc; n++)
		argv[n] = slot->program.argv[n];
	/* execve() asks for pointers to char, but writes nothing. */
	argv[n++] = (char *)(uintptr_t)word;
	argv[n] = NULL;
	if (image_fd >= 0 && lseek(image_fd, 0, SEEK_SET))
		return err_sys(e, "[%s]", slot->section);
	return hook_run(&h, &output, e)
		       ? err_in(e, "[%s] %s", slot->section, word)
		       : 0;
}

/* Its image in the slot, if the release there has one. */
static int open_image(const struct session *s, enum slot which,
		      const struct settings_slot *slot, int *fd, struct err *e)
{
	int dir = -1;
	int rc;

	if (slot_tree_folder(&s->slots, which, slot->component, &dir, e))
		return -1;
	rc = fs_open(dir, IMAGE_NAME, O_RDONLY, fd, e);
	fs_close(&dir);
	return rc;
}

int slot_handler_prepare(struct session *s, enum slot which, struct err *e)
{
	const struct telling t = { s, s->journal.release, false };

	for (size_t i = 0; i < s->config->slot_count; i++) {
		const struct settings_slot *slot = &s->config->slots[i];
		int fd = -1;
		int rc;

		if (!is_handler(slot))
			continue;
		rc = open_image(s, which, slot, &fd, e) ||
		     tell(&t, slot, "prepare", fd, e);
		fs_close(&fd);
		if (rc) {
			if (e->code == ERR_HEALTH)
				e->code = ERR_REFUSED;
			return -1;
		}
	}
	return 0;
}

/* What it holds already it is not given again. */
static int put_one(const struct telling *t, const struct settings_slot *slot,
		   int fd, struct err *e)
{
	const char *word = t->back ? "undo" : "write";
	struct err differs = { 0 };

	if (fd >= 0 && tell(t, slot, "check", fd, &differs) == 0)
		return 0;
	if (differs.code == ERR_BUSY || differs.code == ERR_CONFIG) {
		*e = differs;
		return -1;
	}
	if (tell(t, slot, word, fd, e))
		return -1;
	log_event(LOG_INFO, "handler-done", "component=%s word=%s",
		  slot->component, word);
	return fd >= 0 ? tell(t, slot, "check", fd, e) : 0;
}

static int put_all(const struct telling *t, enum slot which, struct err *e)
{
	const struct settings *c = t->s->config;

	for (size_t i = 0; i < c->slot_count; i++) {
		const struct settings_slot *slot = &c->slots[i];
		struct err missing = { 0 };
		int fd = -1;
		int rc = 0;

		if (!is_handler(slot))
			continue;
		/* Before the first release of ours there was no image of ours:
		 * then the program knows best what undoing is. */
		if (open_image(t->s, which, slot, &fd, &missing) && !t->back) {
			*e = missing;
			rc = -1;
		}
		if (rc == 0)
			rc = put_one(t, slot, fd, e);
		fs_close(&fd);
		if (rc)
			return -1;
	}
	return 0;
}

/* What is sent was read back and compared a moment before. */
static int read_back(struct session *s, enum slot which,
		     const struct slot_release *r, struct err *e)
{
	for (size_t i = 0; i < r->part_count; i++) {
		const size_t at =
			settings_slot_of(s->config, r->parts[i].component);

		if (at < s->config->slot_count &&
		    is_handler(&s->config->slots[at]) &&
		    fill_check_part(s, which, &r->parts[i], e))
			return -1;
	}
	return 0;
}

int slot_handler_put(struct session *s, enum slot which, bool back,
		     struct err *e)
{
	struct slot_release r = { .part_count = 0 };
	const struct telling t = { s, r.id, back };
	bool found;

	if (!has_any(s->config) ||
	    (which != SLOT_NONE && s->journal.handled == which))
		return 0;
	if (slot_tree_release(&s->slots, which, &r, &found, e) ||
	    read_back(s, which, &r, e))
		return -1;
	s->journal.handled = SLOT_NONE;
	if (session_save(s, e) || put_all(&t, which, e))
		return -1;
	s->journal.handled = which;
	return session_save(s, e);
}

void slot_handler_settle(struct session *s)
{
	struct err e = { 0 };

	if (s->current == SLOT_NONE || !s->has_running ||
	    slot_handler_put(s, s->current, true, &e) == 0)
		return;
	log_event(LOG_ERROR, "handler-failed", "error=%s reason=\"%s\"",
		  err_name(e.code), e.msg);
}
