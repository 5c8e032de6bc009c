/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/health.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/vital.h"

#define LINKS_MAX       40 /* as the kernel allows */
#define HEALTH_TEXT_MAX 1024

/* ---- parsing ------------------------------------------------------------- */

static void forget(struct release_health *h)
{
	for (size_t i = 0; i < h->argc; i++)
		free(h->argv[i]);
	*h = (struct release_health){ 0 };
}

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
			return false;
	return true;
}

static int split(const char *text, struct release_health *out, struct err *e)
{
	char *copy = mem_dup_str(text);
	char *rest = copy;
	char *word;
	int rc = 0;

	while (rc == 0 && (word = strsep(&rest, " "))) {
		if (!*word)
			continue;
		if (out->argc == RELEASE_ARGS_MAX)
			rc = err_set(e, ERR_USAGE, "more than %d words",
				     RELEASE_ARGS_MAX);
		else
			out->argv[out->argc++] = mem_dup_str(word);
	}
	free(copy);
	return rc;
}

int health_parse(const char *text, struct release_health *out, struct err *e)
{
	struct release_health parsed = { 0 };

	if (!is_printable(text) || strlen(text) > HEALTH_TEXT_MAX)
		return err_set(e, ERR_USAGE,
			       "a health command is a line of printable ASCII");
	if (split(text, &parsed, e)) {
		forget(&parsed);
		return err_in(e, "health command \"%s\"", text);
	}
	if (parsed.argc == 0)
		return err_set(e, ERR_USAGE, "an empty health command");
	if (parsed.argv[0][0] == '/') {
		forget(&parsed);
		return err_set(e, ERR_USAGE,
			       "health command \"%s\": the program is named by "
			       "its path inside the tree, without a leading "
			       "slash",
			       text);
	}
	/* What devices refuse is never signed: "./check", "bin/". */
	if (release_health_check(&parsed, e)) {
		forget(&parsed);
		e->code = ERR_USAGE;
		return err_in(e, "health command \"%s\"", text);
	}
	*out = parsed;
	return 0;
}

/* ---- looking it up in the tree ------------------------------------------- */

/* A path that is resolved piece by piece; `done` holds no link any more. */
struct resolve {
	char done[PATH_MAX_LEN];
	char rest[2 * PATH_MAX_LEN];
	unsigned links;
};

static void go_up(struct resolve *r)
{
	char *slash = strrchr(r->done, '/');

	if (slash)
		*slash = 0;
	else
		r->done[0] = 0;
}

static int follow(struct resolve *r, const struct tree_entry *entry,
		  struct err *e)
{
	char after[sizeof(r->rest)];

	if (++r->links > LINKS_MAX)
		return err_set(e, ERR_REFUSED, "too many symbolic links");
	if (entry->target.len > 0 && entry->target.ptr[0] == '/')
		r->done[0] = 0;
	else
		go_up(r);
	return text_format(after, sizeof(after), e, "%.*s/%s",
			   (int)entry->target.len,
			   (const char *)entry->target.ptr, r->rest) ||
			       text_format(r->rest, sizeof(r->rest), e, "%s",
					   after)
		       ? -1
		       : 0;
}

static int step_into(struct resolve *r, const struct tree *t, const char *name,
		     struct tree_entry *entry, struct err *e)
{
	char path[PATH_MAX_LEN];
	int64_t index;

	if (!*name || strcmp(name, ".") == 0)
		return 0;
	if (strcmp(name, "..") == 0) {
		go_up(r);
		return 0;
	}
	if (text_format(path, sizeof(path), e, "%s%s%s", r->done,
			r->done[0] ? "/" : "", name) ||
	    text_format(r->done, sizeof(r->done), e, "%s", path))
		return -1;
	index = tree_find(t, slice_of(r->done));
	if (index < 0)
		return err_set(e, ERR_NOT_FOUND,
			       "there is no %s in what is released", r->done);
	tree_entry(t, (uint32_t)index, entry);
	if (entry->type == TREE_SYMLINK)
		return follow(r, entry, e);
	return 0;
}

static int resolve(const struct tree *t, const char *path,
		   struct tree_entry *entry, struct err *e)
{
	struct resolve r = { .links = 0 };
	char piece[PATH_MAX_LEN];
	char *slash;

	*entry = (struct tree_entry){ .type = TREE_FOLDER };
	if (text_format(r.rest, sizeof(r.rest), e, "%s", path))
		return -1;
	while (r.rest[0]) {
		slash = strchrnul(r.rest, '/');
		if (text_format(piece, sizeof(piece), e, "%.*s",
				(int)(slash - r.rest), r.rest))
			return -1;
		if (*slash)
			slash++;
		memmove(r.rest, slash, strlen(slash) + 1);
		if (step_into(&r, t, piece, entry, e))
			return -1;
	}
	return 0;
}

int health_check(const struct tree *t, const struct release_health *command,
		 struct err *e)
{
	const char *path = command->argv[0];
	struct tree_entry entry, file;

	if (vital_is_meant(path))
		return 0; /* it needs nothing of the tree */
	if (resolve(t, path, &entry, e))
		return err_in(e, "health command %s", path);
	/* A hard link has the attributes of the file that it is. */
	file = entry;
	if (entry.type == TREE_HARDLINK)
		tree_entry(t, entry.link_to, &file);
	if (file.type != TREE_FILE)
		return err_set(e, ERR_REFUSED,
			       "health command %s: not a regular file", path);
	if ((file.mode & 0111) == 0)
		return err_set(e, ERR_REFUSED,
			       "health command %s: nobody may execute it "
			       "(mode %04o)",
			       path, file.mode & 07777u);
	return 0;
}
