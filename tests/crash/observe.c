/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/observe.h"

#include <stdio.h>
#include <string.h>

#include "common/fs.h"
#include "common/json.h"
#include "updater-client/boot.h"
#include "updater-client/identity.h"
#include "updater-client/status.h"

#define STATUS_MAX (512 * 1024)
#define KEPT_MAX   1024

/* ---- the world ----------------------------------------------------------- */

static int draw_folder(const char *path, bool exact, struct buf *picture,
		       struct err *e)
{
	int fd = -1;
	int rc;

	*picture = (struct buf)BUF_INIT(PICTURE_MAX);
	if (fs_open_dir(path, &fd, e))
		return -1;
	rc = picture_draw(fd, exact, picture, e);
	fs_close(&fd);
	return rc;
}

/* Further components stand beside the tree or image, in FOLDER.parts/NAME. */
static int add_parts(struct world *w, size_t release, const char *folder,
		     struct err *e)
{
	char path[PATH_MAX_LEN];

	for (size_t i = 1; i < w->settings.slot_count; i++)
		if (text_format(path, sizeof(path), e, "%s.parts/%s", folder,
				w->settings.slots[i].component) ||
		    draw_folder(path, w->exact, &w->pictures[release][i], e))
			return -1;
	return 0;
}

static int add_release(struct world *w, const char *text, struct err *e)
{
	struct buf *picture = w->pictures[w->count];
	size_t len = strcspn(text, "=");

	if (w->count == WORLD_RELEASES || text[len] != '=')
		return err_set(e, ERR_USAGE, "%s: not ID=FOLDER", text);
	if (text_format(w->ids[w->count], sizeof(w->ids[0]), e, "%.*s",
			(int)len, text))
		return -1;
	w->count++;
	*picture = (struct buf)BUF_INIT(PICTURE_MAX);
	if (w->settings.slots[0].kind == SLOT_IMAGE
		    ? fs_read_path(text + len + 1, picture, e)
		    : draw_folder(text + len + 1, w->exact, picture, e))
		return -1;
	return add_parts(w, w->count - 1, text + len + 1, e);
}

int world_load(const char *config, const char *const *releases, size_t count,
	       struct world *w, struct err *e)
{
	memset(w, 0, sizeof(*w));
	if (settings_load(config, &w->settings, e))
		return -1;
	w->exact = w->settings.slots[0].attributes == TREE_SYSTEM;
	for (size_t i = 0; i < count; i++)
		if (add_release(w, releases[i], e)) {
			world_done(w);
			return -1;
		}
	return 0;
}

void world_done(struct world *w)
{
	for (size_t i = 0; i < w->count; i++)
		for (size_t k = 0; k < RELEASE_COMPONENTS_MAX; k++)
			buf_done(&w->pictures[i][k]);
	secrets_done(&w->secrets);
	settings_done(&w->settings);
}

/* ---- slots --------------------------------------------------------------- */

static int compare_image(const struct world *w, enum slot s,
			 const struct buf *image, struct err *e)
{
	const char *path =
		s == SLOT_A ? w->settings.slots[0].a : w->settings.slots[0].b;
	struct buf bytes = BUF_INIT(PICTURE_MAX);
	int rc = fs_read_path(path, &bytes, e);

	if (rc == 0 && (bytes.len < image->len ||
			memcmp(bytes.ptr, image->ptr, image->len) != 0))
		rc = err_set(e, ERR_CONFLICT, "another image is there");
	buf_done(&bytes);
	return rc;
}

static int compare_tree(const struct world *w, const struct slot_tree *t,
			enum slot s, size_t part, const struct buf *wanted,
			struct err *e)
{
	const char *name = w->settings.slots[part].component;
	struct buf picture = BUF_INIT(PICTURE_MAX);
	int fd = -1, rc = -1;

	if (slot_tree_folder(t, s, part > 0 ? name : NULL, &fd, e) == 0 &&
	    picture_draw(fd, w->exact, &picture, e) == 0)
		rc = picture_compare(&picture, wanted, e);
	fs_close(&fd);
	buf_done(&picture);
	return rc && part > 0 ? err_in(e, "%s", name) : rc;
}

/* All components, each of the release that the record names. */
static int compare_all(const struct world *w, const struct slot_tree *t,
		       enum slot s, size_t release, struct err *e)
{
	const bool is_image = w->settings.slots[0].kind == SLOT_IMAGE;

	if (is_image && compare_image(w, s, w->pictures[release], e))
		return -1;
	for (size_t k = is_image; k < w->settings.slot_count; k++)
		if (compare_tree(w, t, s, k, &w->pictures[release][k], e))
			return -1;
	return 0;
}

/* w->count: there is none of this id. */
static size_t find_release(const struct world *w, const char *id)
{
	size_t i = 0;

	while (i < w->count && strcmp(w->ids[i], id) != 0)
		i++;
	return i;
}

static int compare_slot(const struct world *w, const struct slot_tree *t,
			enum slot s, const char *id, struct err *e)
{
	size_t i = find_release(w, id);
	int rc = -1;

	if (i == w->count)
		err_set(e, ERR_CONFLICT, "says that it holds \"%s\"", id);
	else
		rc = compare_all(w, t, s, i, e);
	return rc ? err_in(e, "slot %s (%s)", slot_name(s), id) : 0;
}

/* What a start of the program, or the next boot, will run. */
static int look_ahead(const struct world *w, const struct slot_tree *t,
		      struct observed *o, struct err *e)
{
	struct boot b;

	boot_init(&b, &w->settings, t);
	if (boot_read(&b, &o->told, e))
		return -1;
	o->current = o->told.slot;
	/* A loader without a record starts its default: what runs now. */
	return b.control->reboots && o->told.slot == SLOT_NONE
		       ? boot_running(&b, &o->current, e)
		       : 0;
}

/* The first of [keep] is a file of the device's own, which is there from the
 * beginning: whatever runs finds it. */
static int check_kept(const struct world *w, const struct slot_tree *t,
		      enum slot s, struct err *e)
{
	struct buf text = BUF_INIT(KEPT_MAX);
	char name[PATH_MAX_LEN];
	int rc = 0;

	if (w->settings.keep.count == 0)
		return 0;
	if (text_format(name, sizeof(name), e, "%s/keep/%s", slot_name(s),
			w->settings.keep.at[0]) ||
	    fs_read_file(t->dirfd, name, &text, e))
		rc = -1;
	else if (!slice_equal(buf_slice(&text), slice_of("ours\n")))
		rc = err_set(e, ERR_CONFLICT, "%s: is another", name);
	buf_done(&text);
	return rc;
}

/* What runs is of no release: the factory's, whole, or with a loader whatever
 * it started. */
static int check_factory(const struct world *w, const struct slot_tree *t,
			 const struct observed *o, struct err *e)
{
	if (find_release(w, "") < w->count)
		return compare_slot(w, t, o->current, "", e);
	return o->boots ? 0
			: err_set(e, ERR_CONFLICT,
				  "slot %s runs and holds no release",
				  slot_name(o->current));
}

static bool has_line(const struct buf *picture, const char *line, size_t len)
{
	const char *at = buf_text(picture);

	for (; *at; at += strcspn(at, "\n"), at += *at == '\n')
		if (strcspn(at, "\n") == len && memcmp(at, line, len) == 0)
			return true;
	return false;
}

/* Is this line of a picture in that of the factory's tree, and in no release's?
 */
static bool is_factory_line(const struct world *w, size_t factory,
			    const char *line, size_t len)
{
	for (size_t i = 0; i < w->count; i++)
		if (has_line(&w->pictures[i][0], line, len) != (i == factory))
			return false;
	return true;
}

/* In a slot that no record names may be anything, perhaps not even a tree. */
static bool has_factory(const struct world *w, const struct slot_tree *t,
			enum slot s)
{
	struct buf picture = BUF_INIT(PICTURE_MAX);
	size_t factory = find_release(w, "");
	struct err none = { 0 };
	bool has = false;
	const char *at;
	int fd = -1;

	if (factory < w->count &&
	    slot_tree_folder(t, s, NULL, &fd, &none) == 0 &&
	    picture_draw(fd, w->exact, &picture, &none) == 0)
		for (at = buf_text(&picture); *at && !has;
		     at += strcspn(at, "\n"), at += *at == '\n')
			has = is_factory_line(w, factory, at,
					      strcspn(at, "\n"));
	fs_close(&fd);
	buf_done(&picture);
	return has;
}

static int observe_slots(const struct world *w, const struct slot_tree *t,
			 struct observed *o, struct err *e)
{
	struct slot_release r;
	bool found;

	if (look_ahead(w, t, o, e))
		return -1;
	for (enum slot s = SLOT_A; s <= SLOT_B; s++) {
		if (slot_tree_release(t, s, &r, &found, e))
			return -1;
		if (found && compare_slot(w, t, s, r.id, e))
			return -1;
		o->has_factory |= !found && has_factory(w, t, s);
		if (s != o->current)
			continue;
		if (!found && check_factory(w, t, o, e))
			return -1;
		if (!found)
			continue;
		memcpy(o->runs, r.id, sizeof(o->runs));
		if (check_kept(w, t, s, e))
			return -1;
	}
	return 0;
}

/* ---- records ------------------------------------------------------------- */

/* No slot changes without a reason that was persisted before: in the journal,
 * or in boot control's record of what it gave up on. */
static bool fits(const struct machine *m, enum slot current, enum slot failed)
{
	switch (m->state) {
	case MACHINE_CHECKED:
	case MACHINE_FETCHING:
	case MACHINE_APPLYING:
	case MACHINE_ROLLED_BACK:
		return current == m->from;
	case MACHINE_INSTALLED:
		return current == m->from || current == m->to;
	case MACHINE_TRIAL:
		return current == m->to ||
		       (current == m->from &&
			(m->reason != REASON_NONE || failed == m->to));
	case MACHINE_REBOOT:
		return current == (m->reason == REASON_NONE ? m->to : m->from);
	case MACHINE_CONFIRMED:
		return current == m->to;
	default:
		return true;
	}
}

/*
 * What starts next and was not confirmed is on trial, so that it is not the
 * client alone that leads back. Between a good health and the line "confirmed"
 * the trial is over before the journal says so.
 */
static bool trial_fits(const struct world *w, const struct observed *o)
{
	const struct machine *m = &o->journal.machine;
	const struct boot_record *r = &o->told;

	switch (m->state) {
	case MACHINE_CONFIRMED:
	case MACHINE_ROLLED_BACK:
		return !r->trying;
	case MACHINE_TRIAL:
		if (!w->is_bad && !r->trying)
			return true;
		break;
	case MACHINE_INSTALLED:
	case MACHINE_REBOOT:
		break;
	default:
		return true;
	}
	/* A first release has nothing to go back to. */
	return m->reason != REASON_NONE || r->slot != m->to ||
	       m->from == SLOT_NONE ||
	       (r->trying && r->back == m->from &&
		(r->left > 0 || m->state == MACHINE_TRIAL));
}

static int observe_records(const struct world *w, struct observed *o,
			   int state_fd, struct err *e)
{
	bool reset = false, floor_reset = false;

	if (journal_peek(state_fd, &o->journal, &reset, e) ||
	    floor_record_peek(state_fd, &o->floor, &floor_reset, e))
		return -1;
	if (reset || floor_reset)
		return err_set(e, ERR_CONFLICT,
			       "both records of the %s are "
			       "damaged",
			       reset ? "journal" : "floor");
	if (!fits(&o->journal.machine, o->current, o->told.failed))
		return err_set(e, ERR_CONFLICT,
			       "slot %s is current, the journal says %s "
			       "(reason %s, from %s to %s)",
			       slot_name(o->current),
			       machine_state_name(o->journal.machine.state),
			       machine_reason_name(o->journal.machine.reason),
			       slot_name(o->journal.machine.from),
			       slot_name(o->journal.machine.to));
	if (!trial_fits(w, o))
		return err_set(e, ERR_CONFLICT,
			       "slot %s starts, %s, %u times, back to %s; the "
			       "journal says %s",
			       slot_name(o->told.slot),
			       o->told.trying ? "on trial" : "trusted",
			       (unsigned)o->told.left, slot_name(o->told.back),
			       machine_state_name(o->journal.machine.state));
	return 0;
}

/* Who is enrolled has the key of its certificate, and the other one. */
static int check_keys(int state_fd, struct err *e)
{
	const struct device_keys keys = { .state_fd = state_fd };
	struct buf certificate = BUF_INIT(X509_PEM_MAX_LEN);
	struct ec_private *key = NULL, *decrypt = NULL;
	struct ec_public own;
	struct x509_info info;
	int rc = -1;

	if (identity_open(&keys, IDENTITY_PRESENT, &certificate, &key, e) ||
	    identity_open_decrypt_key(&keys, &decrypt, e) ||
	    x509_inspect(buf_slice(&certificate), &info, e))
		goto out;
	ec_public_of(key, &own);
	rc = ec_public_equal(&info.public_key, &own)
		     ? 0
		     : err_set(e, ERR_CONFLICT, "a certificate of another key");
out:
	ec_free(key);
	ec_free(decrypt);
	buf_done(&certificate);
	return rc;
}

static int observe_identity(struct observed *o, int state_fd, struct err *e)
{
	struct message_identity id;
	struct err none = { 0 };
	struct stat st;

	if (identity_load(state_fd, &id, &o->enrolled, e))
		return -1;
	o->answered = fs_stat(state_fd, "identity.crt", &st, &none) == 0;
	identity_load_code(state_fd, o->code);
	return o->enrolled ? check_keys(state_fd, e) : 0;
}

/* ---- the status ---------------------------------------------------------- */

static int says(const struct json *status, const char *name, const char *wanted,
		struct err *e)
{
	const char *is = json_text(json_get(status, name));

	return strcmp(is, wanted) == 0
		       ? 0
		       : err_set(e, ERR_CONFLICT,
				 "status: %s is \"%s\" instead of \"%s\"", name,
				 is, wanted);
}

static int check_status(const struct observed *o, const struct json *status,
			struct err *e)
{
	const struct json *slots = json_get(status, "slots");
	const struct machine *m = &o->journal.machine;
	/* What is current again after a way back is not on trial. */
	bool trial = o->current == m->to && (m->state == MACHINE_INSTALLED ||
					     m->state == MACHINE_TRIAL);

	if (says(status, "boot_next", slot_name(o->told.slot), e) ||
	    says(status, "state", machine_state_name(o->journal.machine.state),
		 e) ||
	    says(status, "reason",
		 machine_reason_name(o->journal.machine.reason), e))
		return -1;
	/* What the next boot starts is told by the record alone. */
	if (o->boots)
		return 0;
	if (says(status, "slot", slot_name(o->current), e) ||
	    says(status, "release", o->runs, e))
		return -1;
	for (size_t i = 0; o->runs[0] && i < json_count(slots); i++) {
		const struct json *slot = json_at(slots, i);
		const char *state = json_text(json_get(slot, "state"));

		if (strcmp(json_text(json_get(slot, "slot")),
			   slot_name(o->current)) != 0)
			continue;
		/* A release on its way out is bad and runs still. */
		if (strcmp(state, trial ? "trying" : "good") != 0)
			return err_set(e, ERR_CONFLICT,
				       "status: what runs is \"%s\"", state);
	}
	return 0;
}

/* Nothing of the factory's is left in a slot of who says that it is active. */
static int check_standing(struct observed *o, const struct json *status,
			  struct err *e)
{
	if (text_format(o->standing, sizeof(o->standing), e, "%s",
			json_text(json_get(status, "standing"))))
		return -1;
	return strcmp(o->standing, "active") == 0 && o->has_factory
		       ? err_set(e, ERR_CONFLICT,
				 "active, and a slot holds the factory's")
		       : 0;
}

static int observe_status(const struct world *w, struct observed *o,
			  struct err *e)
{
	struct buf text = BUF_INIT(STATUS_MAX);
	struct json *status = NULL;
	int rc = -1;

	if (status_print(&w->settings, NULL, true, &text, e) == 0 &&
	    json_parse(buf_slice(&text), &status, e) == 0)
		rc = check_status(o, status, e) || check_standing(o, status, e)
			     ? -1
			     : 0;
	json_free(status);
	buf_done(&text);
	return rc;
}

static int observe_state(const struct world *w, struct observed *o,
			 int state_fd, struct err *e)
{
	return observe_records(w, o, state_fd, e) ||
			       observe_identity(o, state_fd, e) ||
			       observe_status(w, o, e) ||
			       secrets_check(&w->secrets, state_fd, false, e)
		       ? -1
		       : 0;
}

/* Before its first command a device has no state, and perhaps no slots. */
int observe(const struct world *w, struct observed *o, struct err *e)
{
	struct slot_tree slots = { .dirfd = -1, .path = w->settings.slot_path };
	struct err none = { 0 };
	int state_fd = -1, rc = -1;
	bool fresh;

	memset(o, 0, sizeof(*o));
	o->boots = w->settings.control != CONTROL_SYMLINK;
	fresh = fs_open_dir(w->settings.state, &state_fd, &none) != 0;
	if (fresh && none.code != ERR_NOT_FOUND)
		*e = none;
	else if (fs_open_dir(w->settings.slot_path, &slots.dirfd, e))
		rc = e->code == ERR_NOT_FOUND ? 0 : -1;
	else if (observe_slots(w, &slots, o, e) == 0 &&
		 secrets_check(&w->secrets, slots.dirfd, true, e) == 0)
		rc = fresh ? 0 : observe_state(w, o, state_fd, e);
	slot_tree_close(&slots);
	fs_close(&state_fd);
	return rc;
}
