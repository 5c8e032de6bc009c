/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/repo.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/text.h"
#include "common/utc.h"
#include "signer/rules.h"

#define NAMES_MAX_LEN 65536
#define FILE_NAME_MAX 64

static const struct ini_key settings_keys[] = {
	{ "repository", "owner", INI_TEXT,
	  offsetof(struct repo_settings, owner), 0, 0, true },
	{ "repository", "contact", INI_TEXT,
	  offsetof(struct repo_settings, contact), 0, 0, false },
	{ "repository", "product", INI_LIST,
	  offsetof(struct repo_settings, products), 0, 0, true },
	{ "expiry", "root_days", INI_NUMBER,
	  offsetof(struct repo_settings, root_days), 1, RULES_ROOT_DAYS_MAX,
	  false },
	{ "expiry", "targets_days", INI_NUMBER,
	  offsetof(struct repo_settings, targets_days), 1,
	  RULES_TARGETS_DAYS_MAX, false },
	{ "expiry", "snapshot_days", INI_NUMBER,
	  offsetof(struct repo_settings, snapshot_days), 1,
	  RULES_SNAPSHOT_DAYS_MAX, false },
	{ "expiry", "timestamp_hours", INI_NUMBER,
	  offsetof(struct repo_settings, timestamp_hours), 1,
	  RULES_TIMESTAMP_HOURS_MAX, false },
};

/* ---- settings ------------------------------------------------------------ */

void repo_settings_default(struct repo_settings *s)
{
	*s = (struct repo_settings){
		.root_days = RULES_ROOT_DAYS_MAX,
		.targets_days = RULES_TARGETS_DAYS_MAX,
		.snapshot_days = 7,
		.timestamp_hours = 24,
	};
}

void repo_settings_done(struct repo_settings *s)
{
	ini_done(settings_keys, ARRAY_LEN(settings_keys), s);
}

static int add_products(struct buf *out, const struct repo_settings *s,
			struct err *e)
{
	for (size_t i = 0; i < s->products.count; i++)
		if (buf_addf(out, e, "product = %s\n", s->products.at[i]))
			return -1;
	return 0;
}

static int format_settings(struct buf *out, const struct repo_settings *s,
			   enum environment env, struct err *e)
{
	if (buf_addf(out, e,
		     "# Offline repository for the environment \"%s\" (root "
		     "says so, signed; this line is\n"
		     "# only a reminder). Nothing in this file is ever "
		     "published.\n\n"
		     "[repository]\n"
		     "# Who answers for what is signed here, and how to reach "
		     "them.\n"
		     "owner = %s\n",
		     environment_name(env), s->owner) ||
	    (s->contact && buf_addf(out, e, "contact = %s\n", s->contact)) ||
	    buf_addf(out, e,
		     "# One line for each product that releases are made "
		     "for.\n") ||
	    add_products(out, s, e))
		return -1;
	return buf_addf(
		out, e,
		"\n[expiry]\n"
		"# How long signatures live; devices refuse more than %d and "
		"%d days.\n"
		"root_days = %llu\n"
		"targets_days = %llu\n"
		"# Only for `publish --with-online` (lab and demo); a server "
		"has its own.\n"
		"snapshot_days = %llu\n"
		"timestamp_hours = %llu\n",
		RULES_ROOT_DAYS_MAX, RULES_TARGETS_DAYS_MAX,
		(unsigned long long)s->root_days,
		(unsigned long long)s->targets_days,
		(unsigned long long)s->snapshot_days,
		(unsigned long long)s->timestamp_hours);
}

int repo_write_settings(int dirfd, const struct repo_settings *s,
			enum environment env, struct err *e)
{
	struct buf text = BUF_INIT(INI_MAX_LEN);
	struct repo_settings again;
	int rc = -1;

	repo_settings_default(&again);
	if (format_settings(&text, s, env, e))
		goto out;
	/* What we would not read back must not be written. */
	if (ini_load(buf_slice(&text), "pawl.ini", settings_keys,
		     ARRAY_LEN(settings_keys), &again, e))
		goto out;
	if (!*s->owner || strcmp(again.owner, s->owner) != 0 ||
	    strcmp(again.contact ? again.contact : "",
		   s->contact ? s->contact : "") != 0) {
		err_set(e, ERR_USAGE,
			"owner and contact are single lines, the owner is not "
			"empty");
		goto out;
	}
	rc = fs_replace_file(dirfd, "pawl.ini", buf_slice(&text), 0644, e);
out:
	repo_settings_done(&again);
	buf_done(&text);
	return rc;
}

static int load_settings(struct repo *r, struct err *e)
{
	struct buf text = BUF_INIT(INI_MAX_LEN);
	int rc;

	rc = fs_read_file(r->dirfd, "pawl.ini", &text, e) ||
	     ini_load(buf_slice(&text), "pawl.ini", settings_keys,
		      ARRAY_LEN(settings_keys), &r->settings, e);
	buf_done(&text);
	return rc ? -1 : 0;
}

bool repo_has_product(const struct repo *r, const char *product)
{
	for (size_t i = 0; i < r->settings.products.count; i++)
		if (strcmp(r->settings.products.at[i], product) == 0)
			return true;
	return false;
}

bool repo_is_at(const char *path)
{
	struct err unused;
	struct stat st;
	int dirfd = -1;
	bool found;

	if (fs_open_dir(path, &dirfd, &unused))
		return false;
	found = fs_stat(dirfd, "pawl.ini", &st, &unused) == 0 &&
		S_ISREG(st.st_mode);
	fs_close(&dirfd);
	return found;
}

/* ---- envelopes on disk --------------------------------------------------- */

static int read_envelope(int dirfd, const char *path, enum tuf_role want,
			 struct json **out, struct err *e)
{
	struct buf bytes = BUF_INIT(ENVELOPE_MAX_LEN);
	struct json *envelope = NULL;
	struct err why = { 0 };
	enum tuf_role role;
	int rc = -1;

	if (fs_read_file(dirfd, path, &bytes, &why)) {
		if (why.code == ERR_NOT_FOUND) {
			*out = NULL;
			rc = 0;
		} else {
			*e = why;
		}
		goto out;
	}
	if (envelope_parse(buf_slice(&bytes), &envelope, &role, e)) {
		err_in(e, "%s", path);
		goto out;
	}
	if (role != want) {
		json_free(envelope);
		err_set(e, ERR_FORMAT, "%s is not a %s file", path,
			envelope_role_name(want));
		goto out;
	}
	*out = envelope;
	rc = 0;
out:
	buf_done(&bytes);
	return rc;
}

static int published_path(enum tuf_role role, int64_t version,
			  char out[FILE_NAME_MAX], struct err *e)
{
	return text_format(out, FILE_NAME_MAX, e, "metadata/%lld.%s.json",
			   (long long)version, envelope_role_name(role));
}

static const char *staged_path(enum tuf_role role)
{
	return role == TUF_ROOT ? "staged/root.json" : "staged/targets.json";
}

/* The version in "<version>.<role>.json", or 0. */
static int64_t version_in_name(const char *name, enum tuf_role role)
{
	const char *dot = strchr(name, '.');
	char want[FILE_NAME_MAX];
	uint64_t version;
	struct err unused;

	if (!dot ||
	    text_format(want, sizeof(want), &unused, ".%s.json",
			envelope_role_name(role)) ||
	    strcmp(dot, want) != 0 ||
	    num_parse(slice_sub(slice_of(name), 0, (size_t)(dot - name)),
		      JSON_INT_MAX, &version, &unused))
		return 0;
	return (int64_t)version;
}

static int newest_version(int dirfd, enum tuf_role role, int64_t *newest,
			  struct err *e)
{
	struct dirent *entry;
	int64_t version;
	int fd = -1;
	DIR *dir;

	*newest = 0;
	if (fs_open(dirfd, "metadata", O_RDONLY | O_DIRECTORY, &fd, e))
		return -1;
	dir = fdopendir(fd);
	if (!dir) {
		fs_close(&fd);
		return err_sys(e, "metadata");
	}
	while ((entry = readdir(dir))) {
		version = version_in_name(entry->d_name, role);
		if (version > *newest)
			*newest = version;
	}
	(void)closedir(dir); /* only read from */
	return 0;
}

static int load_published(int dirfd, enum tuf_role role, int64_t version,
			  struct json **out, struct err *e)
{
	char path[FILE_NAME_MAX];

	if (published_path(role, version, path, e) ||
	    read_envelope(dirfd, path, role, out, e))
		return -1;
	if (!*out)
		return err_set(e, ERR_NOT_FOUND, "%s is missing", path);
	if (envelope_version(*out) == version)
		return 0;
	json_free(*out);
	*out = NULL;
	return err_set(e, ERR_FORMAT, "%s holds another version", path);
}

static int load_role(struct repo *r, enum tuf_role role, struct err *e)
{
	struct repo_role *held = repo_role(r, role);
	int64_t newest;

	if (newest_version(r->dirfd, role, &newest, e) ||
	    (newest > 0 &&
	     load_published(r->dirfd, role, newest, &held->published, e)) ||
	    read_envelope(r->dirfd, staged_path(role), role, &held->staged, e))
		return -1;
	/* Cut off between the two steps of a commit: it is published. */
	if (held->staged && envelope_version(held->staged) <= newest) {
		json_free(held->staged);
		held->staged = NULL;
	}
	return 0;
}

static int load_names(struct repo *r, struct err *e)
{
	struct buf bytes = BUF_INIT(NAMES_MAX_LEN);
	struct err why = { 0 };
	int rc = 0;

	if (fs_read_file(r->dirfd, "names.json", &bytes, &why) == 0)
		rc = json_parse(buf_slice(&bytes), &r->names, e);
	else if (why.code == ERR_NOT_FOUND)
		r->names = json_new_object();
	else
		rc = err_set(e, why.code, "%s", why.msg);
	buf_done(&bytes);
	return rc ? err_in(e, "names.json") : 0;
}

/* ---- opening and closing ------------------------------------------------- */

static int take_lock(struct repo *r, struct err *e)
{
	if (fs_lock(r->dirfd, ".lock", &r->lock_fd, e))
		return err_in(e, "another signer works here");
	if (fs_remove_tree(r->dirfd, REPO_WORK, e))
		return -1;
	return fs_mkdir(r->dirfd, REPO_WORK, 0700, e);
}

static int load(struct repo *r, struct err *e)
{
	if (load_settings(r, e) || load_names(r, e) ||
	    load_role(r, TUF_ROOT, e) || load_role(r, TUF_TARGETS, e))
		return -1;
	if (!repo_root(r))
		return err_set(e, ERR_NOT_FOUND,
			       "neither metadata/ nor staged/ holds a root");
	return rules_environment(repo_root(r), &r->environment, e);
}

int repo_open(const char *path, enum repo_access access, struct repo *r,
	      struct err *e)
{
	*r = (struct repo){ .path = path, .dirfd = -1, .lock_fd = -1 };
	repo_settings_default(&r->settings);
	if (!repo_is_at(path))
		return err_set(e, ERR_NOT_FOUND,
			       "%s is not a repository (no pawl.ini): make one "
			       "with init",
			       path);
	if (fs_open_dir(path, &r->dirfd, e) ||
	    (access == REPO_WRITE && take_lock(r, e)) || load(r, e)) {
		repo_close(r);
		return err_in(e, "%s", path);
	}
	return 0;
}

void repo_close(struct repo *r)
{
	struct err ignored;

	if (r->dirfd < 0)
		return;
	/* Left-overs are removed by the next writer if this fails. */
	if (r->lock_fd >= 0 && fs_remove_tree(r->dirfd, REPO_WORK, &ignored))
		ignored.code = ERR_NONE;
	repo_settings_done(&r->settings);
	json_free(r->names);
	json_free(r->root.published);
	json_free(r->root.staged);
	json_free(r->targets.published);
	json_free(r->targets.staged);
	fs_close(&r->lock_fd);
	fs_close(&r->dirfd);
	*r = (struct repo){ .dirfd = -1, .lock_fd = -1 };
}

struct repo_role *repo_role(struct repo *r, enum tuf_role role)
{
	return role == TUF_ROOT ? &r->root : &r->targets;
}

const struct json *repo_root(const struct repo *r)
{
	if (r->root.staged)
		return envelope_signed(r->root.staged);
	return r->root.published ? envelope_signed(r->root.published) : NULL;
}

int64_t repo_version(const struct repo *r, enum tuf_role role)
{
	const struct json *published =
		role == TUF_ROOT ? r->root.published : r->targets.published;

	return published ? envelope_version(published) : 0;
}

/* ---- changes ------------------------------------------------------------- */

static void set_date(struct json *signed_part, const char *name, int64_t sec)
{
	char text[UTC_TEXT_LEN];

	utc_format(sec, text);
	json_set_text(signed_part, name, text);
}

int repo_begin(const struct repo *r, enum tuf_role role, int64_t now,
	       struct json **envelope, struct err *e)
{
	const struct repo_role *held =
		role == TUF_ROOT ? &r->root : &r->targets;
	const struct json *from = held->staged ? held->staged : held->published;
	uint64_t days = role == TUF_ROOT ? r->settings.root_days
					 : r->settings.targets_days;
	struct json *signed_part;

	if (!from)
		return err_set(e, ERR_NOT_FOUND, "there is no %s to change",
			       envelope_role_name(role));
	if (repo_version(r, role) >= JSON_INT_MAX)
		return err_set(e, ERR_LIMIT, "no higher version is possible");
	*envelope = envelope_unsigned(envelope_signed(from));
	signed_part = tuf_envelope_signed(*envelope);
	json_set_int(signed_part, "version", repo_version(r, role) + 1);
	set_date(signed_part, "issued", now);
	set_date(signed_part, "expires", now + (int64_t)days * UTC_DAY);
	return 0;
}

static int write_staged(struct repo *r, enum tuf_role role,
			const struct json *envelope, struct err *e)
{
	struct buf bytes = BUF_INIT(ENVELOPE_MAX_LEN);
	int rc;

	rc = tuf_envelope_bytes(envelope, &bytes, e) ||
	     fs_replace_file(r->dirfd, staged_path(role), buf_slice(&bytes),
			     0644, e);
	buf_done(&bytes);
	return rc ? -1 : 0;
}

int repo_stage(struct repo *r, enum tuf_role role, struct json *envelope,
	       size_t *dropped, struct err *e)
{
	struct repo_role *held = repo_role(r, role);

	if (write_staged(r, role, envelope, e)) {
		json_free(envelope);
		return -1;
	}
	*dropped = held->staged ? envelope_signature_count(held->staged) : 0;
	json_free(held->staged);
	held->staged = envelope;
	return 0;
}

int repo_save_staged(struct repo *r, enum tuf_role role, struct err *e)
{
	return write_staged(r, role, repo_role(r, role)->staged, e);
}

int repo_unstage(struct repo *r, enum tuf_role role, struct err *e)
{
	struct repo_role *held = repo_role(r, role);

	if (fs_remove(r->dirfd, staged_path(role), e))
		return -1;
	json_free(held->staged);
	held->staged = NULL;
	return 0;
}

int repo_commit(struct repo *r, enum tuf_role role, struct err *e)
{
	struct repo_role *held = repo_role(r, role);
	char path[FILE_NAME_MAX];

	if (published_path(role, envelope_version(held->staged), path, e) ||
	    repo_save_staged(r, role, e) ||
	    fs_rename(r->dirfd, staged_path(role), path, e))
		return -1;
	json_free(held->published);
	held->published = held->staged;
	held->staged = NULL;
	return 0;
}

int repo_each_targets(struct repo *r,
		      int (*visit)(void *ctx, const struct json *signed_part,
				   struct err *e),
		      void *ctx, struct err *e)
{
	struct json *envelope;
	int rc;

	for (int64_t v = repo_version(r, TUF_TARGETS); v > 0; v--) {
		if (load_published(r->dirfd, TUF_TARGETS, v, &envelope, e))
			return -1;
		rc = visit(ctx, envelope_signed(envelope), e);
		json_free(envelope);
		if (rc)
			return -1;
	}
	if (!r->targets.staged)
		return 0;
	return visit(ctx, envelope_signed(r->targets.staged), e);
}

/* ---- names of keys ------------------------------------------------------- */

int repo_name_key(struct repo *r, const char *keyid, const char *name,
		  struct err *e)
{
	struct buf bytes = BUF_INIT(NAMES_MAX_LEN);
	int rc;

	if (!name_is_valid(slice_of(name)))
		return err_set(e, ERR_USAGE,
			       "a key's name is made of a-z, 0-9, '.', '_' and "
			       "'-'");
	json_set_text(r->names, keyid, name);
	rc = json_print(r->names, true, &bytes, e) ||
	     buf_add(&bytes, slice_of("\n"), e) ||
	     fs_replace_file(r->dirfd, "names.json", buf_slice(&bytes), 0644,
			     e);
	buf_done(&bytes);
	return rc ? -1 : 0;
}
