/* SPDX-License-Identifier: Apache-2.0 */
#include "common/release.h"

#include <stdlib.h>
#include <string.h>

#include "common/bucket.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/release_words.h"
#include "common/tuf_store.h"
#include "common/utc.h"
#include "common/vital.h"

#define NIGHTLY      "nightly/"
#define ARG_MAX_LEN  1024
#define FIX_MAX_LEN  32
#define DEADLINE_MAX 86400
#define DEFER_MAX    (400 * 86400) /* seconds */

/* Every member there may be; which of them must be is up to the readers. */
static const char *const members[] = { "type",
				       "v",
				       "product",
				       "release",
				       "version",
				       "models",
				       "hardware",
				       "seq",
				       "content_seq",
				       "requires_seq",
				       "stepping_stone",
				       "min_updater",
				       "support_end",
				       "retry",
				       "urgent",
				       "defer_max",
				       "issued",
				       "not_before",
				       "undo_of",
				       "undo_until",
				       "one_operator_limit",
				       "one_operator_cohorts",
				       "fixes",
				       "sbom",
				       "health",
				       "health_deadline",
				       "component",
				       "components",
				       "content",
				       "attributes",
				       "digest",
				       "manifest_length",
				       "content_length",
				       "entries",
				       "kind",
				       "base",
				       "base_digest",
				       "head_digest",
				       "head_length",
				       "window",
				       "apply_memory",
				       "scratch",
				       "libraries",
				       "encryption",
				       NULL };

/* ---- members ------------------------------------------------------------- */

static int read_word(const struct json *j, const char *name,
		     const struct release_word *words, int *value,
		     struct err *e)
{
	const char *text;

	if (json_get_text(j, name, &text, e))
		return -1;
	for (; words->text; words++) {
		if (strcmp(words->text, text) == 0) {
			*value = words->value;
			return 0;
		}
	}
	return err_set(e, ERR_FORMAT, "\"%s\" has an unknown value", name);
}

/* What only a newer one writes is for newer ones: that is no fault in it. */
static int check_known(const struct json *j, const char *const *names,
		       struct err *e)
{
	struct err why = { 0 };

	if (json_only(j, names, &why) == 0)
		return 0;
	return err_set(e, ERR_REFUSED, "release needs a newer updater (%s)",
		       why.msg);
}

static int read_name(const struct json *j, const char *name,
		     char out[NAME_MAX_LEN + 1], struct err *e)
{
	const char *text;

	if (json_get_text(j, name, &text, e))
		return -1;
	if (!name_is_valid(slice_of(text)))
		return err_set(e, ERR_FORMAT, "\"%s\" is not a name", name);
	return text_format(out, NAME_MAX_LEN + 1, e, "%s", text);
}

static int read_number(const struct json *j, const char *name, uint64_t min,
		       uint64_t max, uint64_t *out, struct err *e)
{
	int64_t value;

	if (json_get_int(j, name, (int64_t)min, (int64_t)max, &value, e))
		return -1;
	*out = (uint64_t)value;
	return 0;
}

static int read_time(const struct json *j, const char *name, int64_t *out,
		     struct err *e)
{
	const char *text;

	if (json_get_text(j, name, &text, e))
		return -1;
	return utc_parse(slice_of(text), out, e) ? err_in(e, "\"%s\"", name)
						 : 0;
}

static int read_digest(const struct json *j, const char *name,
		       struct sha256 *out, struct err *e)
{
	return json_get_hex(j, name, out->bytes, SHA256_LEN, e);
}

/* Where an array of strings goes, and what each of them must be. */
struct text_list {
	size_t max;
	bool (*check)(struct slice);
	char **out;
	size_t *count;
};

static int read_list(const struct json *j, const char *name,
		     const struct text_list *to, struct err *e)
{
	const struct json *list;

	if (json_get_array(j, name, &list, e))
		return -1;
	if (json_count(list) > to->max)
		return err_set(e, ERR_LIMIT, "\"%s\" is too long", name);
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *item = json_at(list, i);
		struct slice text = slice_of(json_text(item));

		if (!to->check(text))
			return err_set(e, ERR_FORMAT,
				       "\"%s\" holds what it may not", name);
		to->out[(*to->count)++] = mem_dup_str(json_text(item));
	}
	return 0;
}

bool release_fix_is_valid(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') &&
		    !(c >= '0' && c <= '9') && c != '-')
			return false;
	}
	return text.len > 0 && text.len <= FIX_MAX_LEN;
}

static bool is_argument(struct slice text)
{
	return text.len <= ARG_MAX_LEN;
}

int release_health_check(const struct release_health *h, struct err *e)
{
	char *words[RELEASE_ARGS_MAX];
	struct vital unused;

	if (h->argc == 0)
		return err_set(e, ERR_FORMAT, "health command is empty");
	if (!vital_is_meant(h->argv[0]))
		return tree_path_check(slice_of(h->argv[0]), TREE_SYSTEM, e);
	memcpy(words, h->argv, h->argc * sizeof(*words));
	words[0]++;
	return vital_parse(words, h->argc, &unused, e);
}

/* [["bin/check", "--quick"], ["@tcp", "80"], ...] */
static int read_health(const struct json *j, struct release *r, struct err *e)
{
	const struct json *list;

	if (json_get_array(j, "health", &list, e))
		return -1;
	if (json_count(list) > RELEASE_HEALTH_MAX)
		return err_set(e, ERR_LIMIT, "too many health commands");
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *command = json_at(list, i);
		struct release_health *h = &r->health[r->health_count++];

		for (size_t n = 0; n < json_count(command); n++) {
			const struct json *arg = json_at(command, n);

			if (!json_is_string(arg) || n == RELEASE_ARGS_MAX ||
			    !is_argument(slice_of(json_text(arg))))
				return err_set(e, ERR_FORMAT,
					       "health command is wrong");
			h->argv[h->argc++] = mem_dup_str(json_text(arg));
		}
		if (release_health_check(h, e))
			return err_in(e, "health command");
	}
	return 0;
}

/* ---- groups of members --------------------------------------------------- */

/* An undo carries older content; everything else carries its own. */
static int read_undo(const struct json *j, struct release *r, struct err *e)
{
	if (!json_get(j, "undo_of") && !json_get(j, "undo_until"))
		return r->content_seq == r->seq
			       ? 0
			       : err_set(e, ERR_FORMAT,
					 "only an undo has another "
					 "\"content_seq\" than \"seq\"");
	if (read_name(j, "undo_of", r->undo_of, e) ||
	    read_time(j, "undo_until", &r->undo_until, e))
		return -1;
	if (r->content_seq == r->seq)
		return err_set(e, ERR_FORMAT,
			       "an undo has a lower \"content_seq\"");
	if (strcmp(r->undo_of, r->id) == 0 || r->undo_until <= r->issued)
		return err_set(e, ERR_FORMAT, "the undo contradicts itself");
	return 0;
}

static int read_one_operator(const struct json *j, struct release *r,
			     struct err *e)
{
	const struct text_list cohorts = { RELEASE_COHORTS_MAX, name_is_valid,
					   r->one_operator_cohorts,
					   &r->one_operator_cohort_count };
	const char *limit;

	if (json_get(j, "one_operator_cohorts") &&
	    read_list(j, "one_operator_cohorts", &cohorts, e))
		return -1;
	if (!json_get(j, "one_operator_limit"))
		return 0;
	r->has_one_operator_limit = true;
	if (json_get_text(j, "one_operator_limit", &limit, e))
		return -1;
	return bucket_parse_limit(slice_of(limit), &r->one_operator_limit, e);
}

/* ---- versions of updaters ------------------------------------------------ */

struct updater_version {
	unsigned part[3];
};

/* "1.2.3": no sign, no leading zero, at most five digits each. */
static int read_version(const char *text, struct updater_version *out,
			struct err *e)
{
	struct updater_version v = { { 0 } };
	const char *at = text;

	for (size_t i = 0; i < 3; i++) {
		const char *first = at;

		for (; *at >= '0' && *at <= '9' && at - first < 5; at++)
			v.part[i] = v.part[i] * 10 + (unsigned)(*at - '0');
		if (at == first || (*first == '0' && at - first > 1) ||
		    *at != (i < 2 ? '.' : 0))
			return err_set(e, ERR_FORMAT,
				       "a version is three numbers, as 1.2.3");
		at++;
	}
	*out = v;
	return 0;
}

int release_updater_check(const char *wanted, const char *have, struct err *e)
{
	struct updater_version need, is;

	if (wanted[0] == 0)
		return 0;
	if (read_version(wanted, &need, e) || read_version(have, &is, e))
		return -1;
	for (size_t i = 0; i < 3; i++) {
		if (is.part[i] > need.part[i])
			return 0;
		if (is.part[i] < need.part[i])
			return err_set(e, ERR_REFUSED,
				       "it needs the updater %s, this one is "
				       "%s",
				       wanted, have);
	}
	return 0;
}

/* ---- more groups --------------------------------------------------------- */

/* From where, by which updater, and how long: all of it may be left out. */
static int read_way(const struct json *j, struct release *r, struct err *e)
{
	const char *text;
	struct err spelling = { 0 };

	if (json_get(j, "stepping_stone")) {
		if (read_name(j, "stepping_stone", r->stepping_stone, e))
			return -1;
		if (r->requires_seq == 0 ||
		    strcmp(r->stepping_stone, r->id) == 0)
			return err_set(e, ERR_FORMAT,
				       "\"stepping_stone\" leads nowhere");
	}
	if (json_get(j, "min_updater")) {
		if (json_get_text(j, "min_updater", &text, e) ||
		    text_format(r->min_updater, sizeof(r->min_updater), e, "%s",
				text))
			return -1;
		if (release_updater_check(text, "0.0.0", &spelling) &&
		    spelling.code == ERR_FORMAT)
			return err_set(e, ERR_FORMAT,
				       "\"min_updater\" is no version");
	}
	if (json_get(j, "support_end"))
		return read_time(j, "support_end", &r->support_end, e);
	return 0;
}

/* When a device installs it. */
static int read_when(const struct json *j, struct release *r, struct err *e)
{
	if (json_get_bool(j, "urgent", &r->urgent, e) ||
	    (json_get(j, "not_before") &&
	     read_time(j, "not_before", &r->not_before, e)))
		return -1;
	if (json_get(j, "retry") &&
	    read_number(j, "retry", 1, RELEASE_RETRY_MAX, &r->retry, e))
		return -1;
	if (!json_get(j, "defer_max"))
		return 0;
	return read_number(j, "defer_max", 1, DEFER_MAX, &r->defer_max_sec, e);
}

/* Whom it is for. "hardware" left out, and only that, is every revision. */
static int read_audience(const struct json *j, struct release *r, struct err *e)
{
	const struct text_list models = { RELEASE_MODELS_MAX, name_is_valid,
					  r->models, &r->model_count };
	const struct text_list hardware = { RELEASE_HARDWARE_MAX, name_is_valid,
					    r->hardware, &r->hardware_count };

	if (read_list(j, "models", &models, e))
		return -1;
	if (!json_get(j, "hardware"))
		return 0;
	if (read_list(j, "hardware", &hardware, e))
		return -1;
	return r->hardware_count > 0
		       ? 0
		       : err_set(e, ERR_FORMAT, "\"hardware\" names none");
}

/* Only named: whoever has the file can tell whether it is this one. */
static int read_sbom(const struct json *j, struct release *r, struct err *e)
{
	static const char *const known[] = { "length", "sha256", NULL };
	const struct json *sbom;

	if (!json_get(j, "sbom"))
		return 0;
	if (json_get_object(j, "sbom", &sbom, e) ||
	    read_number(sbom, "length", 1, JSON_INT_MAX, &r->sbom_len, e) ||
	    read_digest(sbom, "sha256", &r->sbom, e) ||
	    check_known(sbom, known, e))
		return err_in(e, "sbom");
	return 0;
}

static int read_release(const struct json *j, struct release *r, struct err *e)
{
	const struct text_list fixes = { RELEASE_FIXES_MAX,
					 release_fix_is_valid, r->fixes,
					 &r->fix_count };
	const char *version;

	if (read_name(j, "product", r->product, e) ||
	    read_name(j, "release", r->id, e) ||
	    json_get_text(j, "version", &version, e) ||
	    text_format(r->version, sizeof(r->version), e, "%s", version) ||
	    read_audience(j, r, e))
		return -1;
	if (read_number(j, "seq", 1, JSON_INT_MAX, &r->seq, e) ||
	    read_number(j, "content_seq", 1, r->seq, &r->content_seq, e) ||
	    read_number(j, "requires_seq", 0, r->seq, &r->requires_seq, e) ||
	    read_time(j, "issued", &r->issued, e) || read_when(j, r, e))
		return -1;
	if (read_undo(j, r, e) || read_one_operator(j, r, e) ||
	    read_way(j, r, e) || read_sbom(j, r, e))
		return -1;
	return read_list(j, "fixes", &fixes, e);
}

static int read_trial(const struct json *j, struct release *r, struct err *e)
{
	uint64_t deadline;

	if (read_health(j, r, e) ||
	    read_number(j, "health_deadline", 1, DEADLINE_MAX, &deadline, e))
		return -1;
	r->health_deadline_sec = (uint32_t)deadline;
	return 0;
}

static int refuse(const struct json *j, const char *name, struct err *e)
{
	return json_get(j, name) ? err_set(e, ERR_FORMAT,
					   "\"%s\" has no place here", name)
				 : 0;
}

static int read_tree(const struct json *j, struct release *r, struct err *e)
{
	uint64_t entries;
	int value;

	if (read_word(j, "attributes", release_attributes, &value, e) ||
	    read_number(j, "manifest_length", 1, TREE_MANIFEST_MAX,
			&r->manifest_len, e) ||
	    read_number(j, "entries", 0, TREE_ENTRIES_MAX, &entries, e))
		return -1;
	r->attributes = (enum tree_attributes)value;
	r->entries = (uint32_t)entries;
	return 0;
}

/* ---- several components -------------------------------------------------- */

#define LIST_NAME "pawl/components/v1\n"

void release_digest_of(const struct release_component *components, size_t count,
		       struct sha256 *out)
{
	struct digest d;
	char hex[SHA256_HEX_LEN];

	digest_start(&d);
	/* No name holds a newline, so no two lists are the same bytes. */
	digest_add(&d, slice_of(LIST_NAME));
	for (size_t i = 0; i < count; i++) {
		sha256_format(&components[i].digest, hex);
		digest_add(&d, slice_of(components[i].name));
		digest_add(&d, slice_of("\n"));
		digest_add(&d, slice_of(hex));
		digest_add(&d, slice_of("\n"));
	}
	digest_finish(&d, out);
}

static const struct release_component *find_component(const struct release *r,
						      const char *name)
{
	for (size_t i = 0; i < r->component_count; i++)
		if (strcmp(r->components[i].name, name) == 0)
			return &r->components[i];
	return NULL;
}

bool release_has_component(const struct release *r, const char *name)
{
	return r->component_count == 0 ? strcmp(r->component, name) == 0
				       : find_component(r, name) != NULL;
}

static int read_component(const struct json *j, struct release *r,
			  struct err *e)
{
	static const char *const known[] = { "name", "digest", NULL };
	struct release_component c;

	if (read_name(j, "name", c.name, e) ||
	    read_digest(j, "digest", &c.digest, e) || check_known(j, known, e))
		return -1;
	if (find_component(r, c.name))
		return err_set(e, ERR_FORMAT, "%s is there twice", c.name);
	r->components[r->component_count++] = c;
	return 0;
}

/* What the release names must follow from what its components are. */
static int check_components(struct release *r, struct err *e)
{
	const struct release_component *own = find_component(r, r->component);
	struct sha256 all;

	if (!own)
		return err_set(e, ERR_FORMAT, "%s is none of them",
			       r->component);
	release_digest_of(r->components, r->component_count, &all);
	if (!sha256_equal(&all, &r->digest))
		return err_set(e, ERR_FORMAT,
			       "the release's digest is not theirs");
	r->content_digest = own->digest;
	return 0;
}

static int read_components(const struct json *j, struct release *r,
			   struct err *e)
{
	const struct json *list;

	r->content_digest = r->digest;
	if (!json_get(j, "components"))
		return 0;
	if (json_get_array(j, "components", &list, e))
		return -1;
	if (json_count(list) < 2 || json_count(list) > RELEASE_COMPONENTS_MAX)
		return err_set(e, ERR_LIMIT, "\"components\" has %zu entries",
			       json_count(list));
	for (size_t i = 0; i < json_count(list); i++)
		if (read_component(json_at(list, i), r, e))
			return err_in(e, "components");
	return check_components(r, e) ? err_in(e, "components") : 0;
}

static int read_content(const struct json *j, struct release *r, struct err *e)
{
	int value;

	if (read_name(j, "component", r->component, e) ||
	    read_word(j, "content", release_contents, &value, e) ||
	    read_digest(j, "digest", &r->digest, e) ||
	    read_components(j, r, e) ||
	    read_number(j, "content_length", 0, JSON_INT_MAX, &r->content_len,
			e))
		return -1;
	r->content = (enum package_content)value;
	if (r->content == PACKAGE_TREE)
		return read_tree(j, r, e);
	if (refuse(j, "attributes", e) || refuse(j, "manifest_length", e) ||
	    refuse(j, "entries", e))
		return -1;
	return r->content_len > 0
		       ? 0
		       : err_set(e, ERR_FORMAT, "an image of no bytes");
}

/* What makes the compressed members of a delta again. */
static int read_members(const struct json *j, struct release *r, struct err *e)
{
	const struct json *list;
	const char *text;

	if (!json_get(j, "libraries"))
		return 0;
	if (json_get_array(j, "libraries", &list, e))
		return -1;
	r->library_count = json_count(list);
	if (r->library_count == 0 || r->library_count > RELEASE_LIBRARIES_MAX)
		return err_set(e, ERR_LIMIT, "\"libraries\" has %zu entries",
			       r->library_count);
	for (size_t i = 0; i < r->library_count; i++) {
		text = json_text(json_at(list, i));
		if (text[0] == 0 ||
		    text_format(r->libraries[i], sizeof(r->libraries[i]), e,
				"%s", text))
			return err_set(e, ERR_FORMAT,
				       "\"libraries\" names no library");
	}
	return 0;
}

static int read_base(const struct json *j, struct release *r, struct err *e)
{
	if (json_get(j, "scratch") &&
	    read_number(j, "scratch", 0, JSON_INT_MAX, &r->scratch_len, e))
		return -1;
	if (r->kind == PACKAGE_FULL) {
		if (refuse(j, "base", e) || refuse(j, "base_digest", e) ||
		    refuse(j, "libraries", e))
			return -1;
		return 0;
	}
	if (read_name(j, "base", r->base_id, e) ||
	    read_digest(j, "base_digest", &r->base_digest, e))
		return -1;
	return read_members(j, r, e);
}

static int read_encryption(const struct json *j, struct release *r,
			   struct err *e)
{
	static const char *const known[] = { "scheme", "commitment", NULL };
	const struct json *encryption;
	const char *scheme;

	if (!json_get(j, "encryption"))
		return 0;
	if (json_get_object(j, "encryption", &encryption, e) ||
	    json_get_text(encryption, "scheme", &scheme, e) ||
	    json_get_hex(encryption, "commitment", r->commitment,
			 STREAM_COMMITMENT_LEN, e) ||
	    check_known(encryption, known, e))
		return err_in(e, "encryption");
	if (strcmp(scheme, RELEASE_SCHEME) != 0)
		return err_set(e, ERR_REFUSED,
			       "encryption of this kind needs a newer updater");
	r->encrypted = true;
	return 0;
}

static int read_package(const struct json *j, struct release *r, struct err *e)
{
	uint64_t window;
	int value;

	if (read_word(j, "kind", release_kinds, &value, e) ||
	    read_digest(j, "head_digest", &r->head_digest, e) ||
	    read_number(j, "head_length", PACKAGE_HEADER_LEN + 1,
			PACKAGE_HEAD_MAX, &r->head_len, e) ||
	    read_number(j, "window", 0, PACKAGE_WINDOW_MAX, &window, e) ||
	    read_number(j, "apply_memory", 0, JSON_INT_MAX, &r->apply_memory,
			e))
		return -1;
	r->kind = (enum package_kind)value;
	r->window_len = (uint32_t)window;
	return read_base(j, r, e) || read_encryption(j, r, e) ? -1 : 0;
}

/* What the entry says beside custom, and the path under which it stands. */
static int read_target(const struct tuf_target *t, struct release *r,
		       struct err *e)
{
	char path[PATH_MAX_LEN];

	if (!t->has_sha256)
		return err_set(e, ERR_FORMAT, "package has no SHA-256");
	if (t->length < r->head_len)
		return err_set(e, ERR_FORMAT, "package of impossible length");
	r->package_len = t->length;
	r->package_digest = t->sha256;
	/* Whoever may sign nightlies can never name a release's own path. */
	r->nightly = release_is_nightly(t->path);
	if (release_path(r, path, e))
		return -1;
	if (strcmp(path, t->path) != 0)
		return err_set(e, ERR_FORMAT,
			       "package stands under another name");
	return 0;
}

static int read_known(const struct tuf_target *t, const struct json *j,
		      struct release *r, struct err *e)
{
	if (read_release(j, r, e) || read_trial(j, r, e) ||
	    read_content(j, r, e) || read_package(j, r, e) ||
	    read_target(t, r, e))
		return -1;
	return check_known(j, members, e);
}

/*
 * What says itself that it is for newer updaters may hold in every member what
 * we cannot read. What can be read is judged with the rest (policy.h).
 */
static int read_all(const struct tuf_target *t, const struct json *j,
		    struct release *r, struct err *e)
{
	const char *wanted = json_text(json_get(j, "min_updater"));
	struct err newer = { 0 };
	int64_t version;

	if (json_get_int(j, "v", 1, JSON_INT_MAX, &version, e))
		return -1;
	if (version != RELEASE_FORMAT)
		return err_set(e, ERR_REFUSED,
			       "release needs a newer updater (format %lld)",
			       (long long)version);
	if (read_known(t, j, r, e) == 0)
		return 0;
	if (release_updater_check(wanted, VERSION, &newer) &&
	    newer.code == ERR_REFUSED)
		*e = newer;
	return -1;
}

int release_parse(const struct tuf_target *t, struct release *out,
		  struct err *e)
{
	const struct json *pawl =
		t->custom ? json_get(t->custom, "pawl") : NULL;
	struct release r = { .seq = 0 };
	const char *type;

	if (!json_is_object(pawl))
		return err_set(e, ERR_NOT_FOUND, "not a package");
	if (json_get_text(pawl, "type", &type, e))
		return -1;
	if (strcmp(type, "package") != 0)
		return err_set(e, ERR_NOT_FOUND, "not a package");
	if (read_all(t, pawl, &r, e)) {
		release_done(&r);
		return -1;
	}
	*out = r;
	return 0;
}

void release_done(struct release *r)
{
	for (size_t i = 0; i < r->model_count; i++)
		free(r->models[i]);
	for (size_t i = 0; i < r->hardware_count; i++)
		free(r->hardware[i]);
	for (size_t i = 0; i < r->fix_count; i++)
		free(r->fixes[i]);
	for (size_t i = 0; i < r->one_operator_cohort_count; i++)
		free(r->one_operator_cohorts[i]);
	for (size_t i = 0; i < r->health_count; i++)
		for (size_t n = 0; n < r->health[i].argc; n++)
			free(r->health[i].argv[n]);
	*r = (struct release){ .seq = 0 };
}

bool release_is_nightly(const char *target_path)
{
	return strncmp(target_path, NIGHTLY, strlen(NIGHTLY)) == 0;
}

bool release_is_undo(const struct release *r)
{
	return r->undo_of[0] != 0;
}

/* ---- names --------------------------------------------------------------- */

int release_path(const struct release *r, char out[PATH_MAX_LEN], struct err *e)
{
	const char *above = r->nightly ? NIGHTLY : "";

	if (r->kind == PACKAGE_DELTA)
		return text_format(out, PATH_MAX_LEN, e,
				   "%s%s/%s/%s-from-%s.pawl", above, r->product,
				   r->id, r->component, r->base_id);
	return text_format(out, PATH_MAX_LEN, e, "%s%s/%s/%s-full.pawl", above,
			   r->product, r->id, r->component);
}

int release_url_path(const char *target_path, const struct sha256 *digest,
		     char out[PATH_MAX_LEN], struct err *e)
{
	return tuf_target_url(target_path, digest, out, e);
}
