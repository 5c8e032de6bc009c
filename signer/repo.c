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
#include "signer/roleedit.h"
#include "signer/rules.h"

#define NAMES_MAX_LEN 65536
#define FILE_NAME_MAX 128

bool repo_has_product(const struct repo *r, const char *product)
{
	for (size_t i = 0; i < r->settings.products.count; i++)
		if (strcmp(r->settings.products.at[i], product) == 0)
			return true;
	return false;
}

int repo_need_at(const char *path, struct err *e)
{
	return repo_is_at(path)
		       ? 0
		       : err_set(e, ERR_NOT_FOUND,
				 "%s is not a repository (no pawl.ini): make "
				 "one with init",
				 path);
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

static int read_envelope(int dirfd, const char *path, const char *want,
			 struct json **out, struct err *e)
{
	struct buf bytes = BUF_INIT(ENVELOPE_MAX_LEN);
	struct json *envelope = NULL;
	struct err why = { 0 };
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
	if (envelope_parse(buf_slice(&bytes), &envelope, e)) {
		err_in(e, "%s", path);
		goto out;
	}
	if (strcmp(envelope_role(envelope), want) != 0) {
		json_free(envelope);
		err_set(e, ERR_FORMAT, "%s is not a %s file", path, want);
		goto out;
	}
	*out = envelope;
	rc = 0;
out:
	buf_done(&bytes);
	return rc;
}

static int published_path(const char *role, int64_t version,
			  char out[FILE_NAME_MAX], struct err *e)
{
	return text_format(out, FILE_NAME_MAX, e, "metadata/%lld.%s.json",
			   (long long)version, role);
}

static int staged_path(const char *role, char out[FILE_NAME_MAX], struct err *e)
{
	return text_format(out, FILE_NAME_MAX, e, "staged/%s.json", role);
}

static int load_published(int dirfd, const char *role, int64_t version,
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

/* ---- which roles there are ----------------------------------------------- */

/* The newest published version of each role, from the names of files. */
struct shelf {
	struct {
		char role[ROLE_NAME_LEN];
		int64_t newest;
	} at[REPO_DELEGATED_MAX + 2];
	size_t count;
};

/* Take "<version>.<role>.json" apart; false for any other name. */
static bool split_name(const char *name, char role[ROLE_NAME_LEN],
		       int64_t *version)
{
	struct slice all = slice_of(name), tail = slice_of(".json");
	const char *dot = strchr(name, '.');
	size_t start = dot ? (size_t)(dot - name) + 1 : 0;
	enum role_kind kind;
	struct err unused;
	uint64_t number;

	if (!dot || all.len < start + tail.len ||
	    !slice_equal(slice_sub(all, all.len - tail.len, tail.len), tail) ||
	    num_parse(slice_sub(all, 0, start - 1), JSON_INT_MAX, &number,
		      &unused) ||
	    text_format(role, ROLE_NAME_LEN, &unused, "%.*s",
			(int)(all.len - start - tail.len), name + start) ||
	    !roles_kind(role, &kind))
		return false;
	*version = (int64_t)number;
	return true;
}

static int note_version(struct shelf *s, const char *role, int64_t version,
			struct err *e)
{
	size_t i = 0;

	while (i < s->count && strcmp(s->at[i].role, role) != 0)
		i++;
	if (i == ARRAY_LEN(s->at))
		return err_set(e, ERR_LIMIT, "more than %d delegated roles",
			       REPO_DELEGATED_MAX);
	if (i == s->count) {
		s->at[s->count++].newest = version;
		return text_format(s->at[i].role, ROLE_NAME_LEN, e, "%s", role);
	}
	if (version > s->at[i].newest)
		s->at[i].newest = version;
	return 0;
}

static int64_t newest_of(const struct shelf *s, const char *role)
{
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->at[i].role, role) == 0)
			return s->at[i].newest;
	return 0;
}

static int look_on_shelf(int dirfd, struct shelf *s, struct err *e)
{
	char role[ROLE_NAME_LEN];
	struct dirent *entry;
	int64_t version;
	int fd = -1;
	int rc = 0;
	DIR *dir;

	*s = (struct shelf){ 0 };
	if (fs_open(dirfd, "metadata", O_RDONLY | O_DIRECTORY, &fd, e))
		return -1;
	dir = fdopendir(fd);
	if (!dir) {
		fs_close(&fd);
		return err_sys(e, "metadata");
	}
	while (rc == 0 && (entry = readdir(dir)))
		if (split_name(entry->d_name, role, &version))
			rc = note_version(s, role, version, e);
	(void)closedir(dir); /* only read from */
	return rc;
}

/* ---- loading ------------------------------------------------------------- */

static int load_role(struct repo *r, struct repo_role *held, int64_t newest,
		     struct err *e)
{
	char path[FILE_NAME_MAX];

	if ((newest > 0 && load_published(r->dirfd, held->name, newest,
					  &held->published, e)) ||
	    staged_path(held->name, path, e) ||
	    read_envelope(r->dirfd, path, held->name, &held->staged, e))
		return -1;
	/* Cut off between the two steps of a commit: it is published. */
	if (held->staged && envelope_version(held->staged) <= newest) {
		json_free(held->staged);
		held->staged = NULL;
	}
	return 0;
}

/* Find a delegated role or make room for it. */
static int hold_role(struct repo *r, const char *role, struct repo_role **out,
		     struct err *e)
{
	struct repo_role *held;

	for (size_t i = 0; i < r->delegated_count; i++)
		if (strcmp(r->delegated[i].name, role) == 0) {
			*out = &r->delegated[i];
			return 0;
		}
	if (r->delegated_count == REPO_DELEGATED_MAX)
		return err_set(e, ERR_LIMIT, "more than %d delegated roles",
			       REPO_DELEGATED_MAX);
	held = &r->delegated[r->delegated_count];
	*held = (struct repo_role){ .published = NULL };
	if (text_format(held->name, ROLE_NAME_LEN, e, "%s", role))
		return -1;
	r->delegated_count++;
	*out = held;
	return 0;
}

static int hold_delegated(struct repo *r, const struct json *envelope,
			  struct err *e)
{
	const struct json *list = json_get(
		json_get(envelope_signed(envelope), "delegations"), "roles");
	struct repo_role *unused;
	const char *name;

	/* What the rules refuse to sign is not held. */
	for (size_t i = 0; i < json_count(list); i++) {
		name = json_text(json_get(json_at(list, i), "name"));
		if (roles_is_delegated(name) && hold_role(r, name, &unused, e))
			return -1;
	}
	return 0;
}

static int load_delegated(struct repo *r, const struct shelf *s, struct err *e)
{
	struct repo_role *unused;

	if (hold_delegated(r, r->targets.staged, e) ||
	    hold_delegated(r, r->targets.published, e))
		return -1;
	for (size_t i = 0; i < s->count; i++)
		if (roles_is_delegated(s->at[i].role) &&
		    hold_role(r, s->at[i].role, &unused, e))
			return -1;
	for (size_t i = 0; i < r->delegated_count; i++)
		if (load_role(r, &r->delegated[i],
			      newest_of(s, r->delegated[i].name), e))
			return -1;
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
	struct shelf shelf;

	if (repo_settings_load(r->dirfd, &r->settings, e) || load_names(r, e) ||
	    look_on_shelf(r->dirfd, &shelf, e) ||
	    load_role(r, &r->root, newest_of(&shelf, "root"), e) ||
	    load_role(r, &r->targets, newest_of(&shelf, "targets"), e) ||
	    load_delegated(r, &shelf, e))
		return -1;
	if (!repo_root(r))
		return err_set(e, ERR_NOT_FOUND,
			       "neither metadata/ nor staged/ holds a root");
	return rules_environment(repo_root(r), &r->environment, e);
}

void repo_init(struct repo *r, const char *path)
{
	*r = (struct repo){ .path = path,
			    .dirfd = -1,
			    .lock_fd = -1,
			    .root.name = "root",
			    .targets.name = "targets" };
}

int repo_open(const char *path, enum repo_access access, struct repo *r,
	      struct err *e)
{
	repo_init(r, path);
	repo_settings_default(&r->settings);
	if (repo_need_at(path, e))
		return -1;
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
	for (size_t i = 0; i < repo_role_count(r); i++) {
		json_free(repo_role_at(r, i)->published);
		json_free(repo_role_at(r, i)->staged);
	}
	fs_close(&r->lock_fd);
	fs_close(&r->dirfd);
	repo_init(r, NULL);
}

size_t repo_role_count(const struct repo *r)
{
	return 2 + r->delegated_count;
}

const struct repo_role *repo_role_at(const struct repo *r, size_t index)
{
	if (index == 0)
		return &r->root;
	return index == 1 ? &r->targets : &r->delegated[index - 2];
}

const struct repo_role *repo_role(const struct repo *r, const char *role)
{
	for (size_t i = 0; i < repo_role_count(r); i++)
		if (strcmp(repo_role_at(r, i)->name, role) == 0)
			return repo_role_at(r, i);
	return NULL;
}

/* The same, to be changed: r itself is ours to change. */
static struct repo_role *own_role(struct repo *r, const char *role)
{
	return (struct repo_role *)(uintptr_t)repo_role(r, role);
}

const struct json *repo_current(const struct repo_role *role)
{
	if (role->staged)
		return envelope_signed(role->staged);
	return role->published ? envelope_signed(role->published) : NULL;
}

const struct json *repo_root(const struct repo *r)
{
	return repo_current(&r->root);
}

const struct json *repo_judge(const struct repo *r, const char *role)
{
	return repo_current(roles_is_delegated(role) ? &r->targets : &r->root);
}

bool repo_is_listed(const struct repo *r, const char *role)
{
	return roles_find(repo_judge(r, role), role);
}

int repo_role_of(const struct repo *r, const char *product,
		 char role[ROLE_NAME_LEN], struct err *e)
{
	/* A name too long for a role of its own has none. */
	if (roles_of_product(product, role, e) == 0 && repo_is_listed(r, role))
		return 0;
	return text_format(role, ROLE_NAME_LEN, e, "targets");
}

int64_t repo_version(const struct repo *r, const char *role)
{
	const struct repo_role *held = repo_role(r, role);

	return held && held->published ? envelope_version(held->published) : 0;
}

/* ---- changes ------------------------------------------------------------- */

static void set_date(struct json *signed_part, const char *name, int64_t sec)
{
	char text[UTC_TEXT_LEN];

	utc_format(sec, text);
	json_set_text(signed_part, name, text);
}

static uint64_t days_of(const struct repo *r, const char *role)
{
	const struct repo_settings *s = &r->settings;
	const uint64_t days[] = {
		[ROLE_ROOT] = s->root_days,
		[ROLE_TARGETS] = s->targets_days,
		[ROLE_PRODUCT] = s->product_days,
		[ROLE_NIGHTLY] = s->nightly_days,
		[ROLE_ROLLOUT] = s->rollout_days,
		[ROLE_ROLLOUT_WIDE] = s->rollout_wide_days,
	};
	enum role_kind kind;

	return roles_kind(role, &kind) ? days[kind] : 0;
}

static void set_dates(const struct repo *r, const char *role, int64_t now,
		      struct json *signed_part)
{
	json_set_int(signed_part, "version", repo_version(r, role) + 1);
	set_date(signed_part, "issued", now);
	set_date(signed_part, "expires",
		 now + (int64_t)days_of(r, role) * UTC_DAY);
}

static int check_version(const struct repo *r, const char *role, struct err *e)
{
	if (repo_version(r, role) >= JSON_INT_MAX)
		return err_set(e, ERR_LIMIT, "no higher version is possible");
	return 0;
}

int repo_begin_first(const struct repo *r, const char *role, int64_t now,
		     struct json **envelope, struct err *e)
{
	if (check_version(r, role, e))
		return -1;
	*envelope = tuf_envelope_new(TUF_TARGETS, 1, now, now + UTC_DAY);
	roleedit_init_targets(tuf_envelope_signed(*envelope), r->environment,
			      role);
	set_dates(r, role, now, tuf_envelope_signed(*envelope));
	return 0;
}

int repo_begin(const struct repo *r, const char *role, int64_t now,
	       struct json **envelope, struct err *e)
{
	const struct repo_role *held = repo_role(r, role);
	const struct json *from = held ? repo_current(held) : NULL;

	if (!from && roles_is_delegated(role) && repo_is_listed(r, role))
		return repo_begin_first(r, role, now, envelope, e);
	if (!from)
		return err_set(e, ERR_NOT_FOUND,
			       roles_is_delegated(role)
				       ? "targets delegate to no role %s: role "
					 "add does, for those who sign it"
				       : "there is no %s to change",
			       role);
	if (check_version(r, role, e))
		return -1;
	*envelope = envelope_unsigned(from);
	set_dates(r, role, now, tuf_envelope_signed(*envelope));
	return 0;
}

static int write_staged(struct repo *r, const char *role,
			const struct json *envelope, struct err *e)
{
	struct buf bytes = BUF_INIT(ENVELOPE_MAX_LEN);
	char path[FILE_NAME_MAX];
	int rc;

	rc = staged_path(role, path, e) ||
	     tuf_envelope_bytes(envelope, &bytes, e) ||
	     fs_replace_file(r->dirfd, path, buf_slice(&bytes), 0644, e);
	buf_done(&bytes);
	return rc ? -1 : 0;
}

int repo_stage(struct repo *r, const char *role, struct json *envelope,
	       size_t *dropped, struct err *e)
{
	struct repo_role *held = own_role(r, role);

	if ((!held && hold_role(r, role, &held, e)) ||
	    write_staged(r, role, envelope, e)) {
		json_free(envelope);
		return -1;
	}
	*dropped = held->staged ? envelope_signature_count(held->staged) : 0;
	json_free(held->staged);
	held->staged = envelope;
	return 0;
}

int repo_save_staged(struct repo *r, const char *role, struct err *e)
{
	return write_staged(r, role, repo_role(r, role)->staged, e);
}

void repo_set_aside(struct repo *r, const char *role)
{
	struct repo_role *held = own_role(r, role);

	json_free(held->staged);
	held->staged = NULL;
}

int repo_unstage(struct repo *r, const char *role, struct err *e)
{
	char path[FILE_NAME_MAX];

	if (staged_path(role, path, e) || fs_remove(r->dirfd, path, e))
		return -1;
	repo_set_aside(r, role);
	return 0;
}

int repo_commit(struct repo *r, const char *role, struct err *e)
{
	struct repo_role *held = own_role(r, role);
	char from[FILE_NAME_MAX], path[FILE_NAME_MAX];

	if (published_path(role, envelope_version(held->staged), path, e) ||
	    staged_path(role, from, e) || repo_save_staged(r, role, e) ||
	    fs_rename(r->dirfd, from, path, e))
		return -1;
	json_free(held->published);
	held->published = held->staged;
	held->staged = NULL;
	return 0;
}

int repo_take_over(struct repo *r, const char *role, struct json *envelope,
		   struct slice bytes, struct err *e)
{
	struct repo_role *held = own_role(r, role);
	char path[FILE_NAME_MAX];

	if (!held || envelope_version(envelope) <= repo_version(r, role) ||
	    held->staged) {
		err_set(e, ERR_CONFLICT,
			held && held->staged
				? "%s is staged here, and another version of "
				  "it was published: discard it, and make it "
				  "again from there"
				: "%s: it is not newer than the one here",
			role);
		json_free(envelope);
		return -1;
	}
	if (published_path(role, envelope_version(envelope), path, e) ||
	    fs_replace_file(r->dirfd, path, bytes, 0644, e)) {
		json_free(envelope);
		return -1;
	}
	json_free(held->published);
	held->published = envelope;
	return 0;
}

/* What operators published elsewhere came here by its newest version alone. */
static bool may_lack(const char *role)
{
	enum role_kind kind;

	return roles_kind(role, &kind) &&
	       (kind == ROLE_ROLLOUT || kind == ROLE_ROLLOUT_WIDE);
}

int repo_each_version(const struct repo *r, const char *role,
		      int (*visit)(void *ctx, const struct json *envelope,
				   struct err *e),
		      void *ctx, struct err *e)
{
	struct json *envelope;
	int rc;

	for (int64_t v = repo_version(r, role); v > 0; v--) {
		if (load_published(r->dirfd, role, v, &envelope, e)) {
			if (e->code == ERR_NOT_FOUND && may_lack(role))
				continue;
			return -1;
		}
		rc = visit(ctx, envelope, e);
		json_free(envelope);
		if (rc)
			return -1;
	}
	return 0;
}

/* From envelopes to their signed parts. */
struct inner {
	int (*visit)(void *ctx, const struct json *signed_part, struct err *e);
	void *ctx;
};

static int visit_signed(void *ctx, const struct json *envelope, struct err *e)
{
	const struct inner *in = ctx;

	return in->visit(in->ctx, envelope_signed(envelope), e);
}

int repo_each_targets(struct repo *r,
		      int (*visit)(void *ctx, const struct json *signed_part,
				   struct err *e),
		      void *ctx, struct err *e)
{
	struct inner in = { visit, ctx };

	for (size_t i = 1; i < repo_role_count(r); i++) {
		const struct repo_role *held = repo_role_at(r, i);

		if (repo_each_version(r, held->name, visit_signed, &in, e) ||
		    (held->staged && visit_signed(&in, held->staged, e)))
			return -1;
	}
	return 0;
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
