/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/spec.h"

#include <string.h>

#include "common/bucket.h"
#include "common/fs.h"
#include "common/mem.h"
#include "common/text.h"
#include "common/utc.h"
#include "signer/health.h"

#define DEADLINE_DEFAULT_SEC 300
#define DEADLINE_MAX_SEC     86400
#define DEFER_MAX_SEC        34560000 /* 400 days */
#define UNDO_LIFE            (30 * UTC_DAY)

#define SPEC_TEXT(name, member)                                                \
	{                                                                      \
		"release", (name), INI_TEXT,                                   \
			offsetof(struct spec_file, member), 0, 0, false        \
	}
#define SPEC_LIST(name, member)                                                \
	{                                                                      \
		"release", (name), INI_LIST,                                   \
			offsetof(struct spec_file, member), 0, 0, false        \
	}
#define SPEC_BOOL(name, member)                                                \
	{                                                                      \
		"release", (name), INI_BOOL,                                   \
			offsetof(struct spec_file, member), 0, 0, false        \
	}

static const struct ini_key spec_keys[] = {
	SPEC_TEXT("product", product),
	SPEC_TEXT("id", id),
	SPEC_TEXT("version", version),
	SPEC_TEXT("input", input),
	SPEC_TEXT("component", component),
	SPEC_TEXT("content", content),
	SPEC_TEXT("attributes", attributes),
	SPEC_TEXT("codec", codec),
	SPEC_TEXT("not-before", not_before),
	SPEC_TEXT("requires", requires_id),
	SPEC_TEXT("undo-to", undo_to),
	SPEC_TEXT("undo-until", undo_until),
	SPEC_TEXT("one-operator-share", one_share),
	SPEC_LIST("one-operator-cohort", one_cohorts),
	SPEC_TEXT("stepping-stone", stepping_stone),
	SPEC_TEXT("min-updater", min_updater),
	SPEC_TEXT("support-end", support_end),
	SPEC_TEXT("sbom", sbom),
	SPEC_LIST("with-tree", with_trees),
	SPEC_LIST("with-image", with_images),
	SPEC_LIST("model", models),
	SPEC_LIST("hardware", hardware),
	SPEC_LIST("health", health),
	SPEC_LIST("fixes", fixes),
	SPEC_LIST("from", from),
	SPEC_LIST("allow-secret", allowed),
	SPEC_BOOL("urgent", urgent),
	SPEC_BOOL("from-all", from_all),
	SPEC_BOOL("with-undo", with_undo),
	SPEC_BOOL("nightly", nightly),
	SPEC_BOOL("plain", plain),
	{ "release", "defer-max", INI_NUMBER,
	  offsetof(struct spec_file, defer_max), 1, DEFER_MAX_SEC, false },
	{ "release", "deadline", INI_NUMBER,
	  offsetof(struct spec_file, deadline), 1, DEADLINE_MAX_SEC, false },
};

/* ---- the description file ------------------------------------------------ */

static void take_text(const char **to, const char *from)
{
	if (!*to)
		*to = from;
}

static void take_list(struct opt_list *to, const struct ini_list *from)
{
	if (to->count > 0)
		return;
	for (size_t i = 0; i < from->count; i++)
		to->at[to->count++] = from->at[i];
}

static void take_file(struct spec *s)
{
	const struct spec_file *f = &s->file;

	take_text(&s->product, f->product);
	take_text(&s->id, f->id);
	take_text(&s->version, f->version);
	take_text(&s->input, f->input);
	take_text(&s->component, f->component);
	take_text(&s->content, f->content);
	take_text(&s->attributes, f->attributes);
	take_text(&s->codec, f->codec);
	take_text(&s->not_before, f->not_before);
	take_text(&s->requires_id, f->requires_id);
	take_text(&s->undo_to, f->undo_to);
	take_text(&s->undo_until, f->undo_until);
	take_text(&s->one_share, f->one_share);
	take_list(&s->one_cohorts, &f->one_cohorts);
	take_text(&s->stepping_stone, f->stepping_stone);
	take_text(&s->min_updater, f->min_updater);
	take_text(&s->support_end, f->support_end);
	take_text(&s->sbom, f->sbom);
	take_list(&s->with_trees, &f->with_trees);
	take_list(&s->with_images, &f->with_images);
	take_list(&s->models, &f->models);
	take_list(&s->hardware, &f->hardware);
	take_list(&s->health, &f->health);
	take_list(&s->fixes, &f->fixes);
	take_list(&s->from, &f->from);
	take_list(&s->allowed, &f->allowed);
	if (s->deadline == 0)
		s->deadline = f->deadline;
	if (s->defer_max == 0)
		s->defer_max = f->defer_max;
	s->urgent |= f->urgent;
	s->from_all |= f->from_all;
	s->with_undo |= f->with_undo;
	s->nightly |= f->nightly;
	s->plain |= f->plain;
}

int spec_complete(struct spec *s, struct err *e)
{
	struct buf text = BUF_INIT(INI_MAX_LEN);
	int rc = 0;

	if (s->description) {
		rc = fs_read_path(s->description, &text, e) ||
		     ini_load(buf_slice(&text), s->description, spec_keys,
			      ARRAY_LEN(spec_keys), &s->file, e);
		buf_done(&text);
	}
	if (rc)
		return -1;
	take_file(s);
	return 0;
}

void spec_done(struct spec *s)
{
	ini_done(spec_keys, ARRAY_LEN(spec_keys), &s->file);
}

/* ---- into a release ------------------------------------------------------ */

static int copy_name(char out[NAME_MAX_LEN + 1], const char *name,
		     const char *what, struct err *e)
{
	if (!name)
		return err_set(e, ERR_USAGE, "--%s is needed", what);
	if (!name_is_valid(slice_of(name)))
		return err_set(e, ERR_USAGE,
			       "%s: \"%.80s\" is no name: a-z, 0-9, '.', '_' "
			       "and '-', at most %d letters",
			       what, name, NAME_MAX_LEN);
	return text_format(out, NAME_MAX_LEN + 1, e, "%s", name);
}

static int copy_version(const struct spec *s, struct release *out,
			struct err *e)
{
	const char *version = s->version ? s->version : s->id;

	for (const char *c = version; *c; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e)
			return err_set(e, ERR_USAGE,
				       "version: printable ASCII only");
	if (!*version ||
	    text_format(out->version, sizeof(out->version), e, "%s", version))
		return err_set(e, ERR_USAGE, "version: 1 to %d letters",
			       RELEASE_VERSION_MAX);
	return 0;
}

static int copy_names(const struct opt_list *from, const char *what, size_t max,
		      char **out, size_t *count, struct err *e)
{
	char name[NAME_MAX_LEN + 1];

	if (from->count > max)
		return err_set(e, ERR_USAGE, "%s: at most %zu", what, max);
	for (size_t i = 0; i < from->count; i++) {
		if (copy_name(name, from->at[i], what, e))
			return -1;
		out[(*count)++] = mem_dup_str(name);
	}
	return 0;
}

static int copy_audience(const struct spec *s, struct release *out,
			 struct err *e)
{
	return copy_names(&s->models, "model", RELEASE_MODELS_MAX, out->models,
			  &out->model_count, e) ||
			       copy_names(&s->hardware, "hardware",
					  RELEASE_HARDWARE_MAX, out->hardware,
					  &out->hardware_count, e)
		       ? -1
		       : 0;
}

static int copy_fixes(const struct spec *s, struct release *out, struct err *e)
{
	if (s->fixes.count > RELEASE_FIXES_MAX)
		return err_set(e, ERR_USAGE, "at most %d fixes",
			       RELEASE_FIXES_MAX);
	for (size_t i = 0; i < s->fixes.count; i++) {
		if (!release_fix_is_valid(slice_of(s->fixes.at[i])))
			return err_set(e, ERR_USAGE,
				       "fixes: \"%.80s\" is no id such as "
				       "CVE-2026-1234 (1 to 32 letters, "
				       "digits and -)",
				       s->fixes.at[i]);
		out->fixes[out->fix_count++] = mem_dup_str(s->fixes.at[i]);
	}
	return 0;
}

static int copy_trial(const struct spec *s, struct release *out, struct err *e)
{
	if (s->health.count > RELEASE_HEALTH_MAX)
		return err_set(e, ERR_USAGE, "at most %d health commands",
			       RELEASE_HEALTH_MAX);
	for (size_t i = 0; i < s->health.count; i++) {
		if (health_parse(s->health.at[i], &out->health[i], e))
			return -1;
		out->health_count++;
	}
	out->health_deadline_sec =
		s->deadline ? (uint32_t)s->deadline : DEADLINE_DEFAULT_SEC;
	return 0;
}

static int copy_content(const struct spec *s, struct release *out,
			struct err *e)
{
	const char *attributes = s->attributes ? s->attributes : "app";

	out->content = PACKAGE_TREE;
	if (s->content && strcmp(s->content, "image") == 0) {
		out->content = PACKAGE_IMAGE;
		return s->attributes ? err_set(e, ERR_USAGE,
					       "attributes: an image has none")
				     : 0;
	}
	if (s->content && strcmp(s->content, "tree") != 0)
		return err_set(e, ERR_USAGE, "content: tree or image");
	if (strcmp(attributes, "app") == 0)
		out->attributes = TREE_APP;
	else if (strcmp(attributes, "system") == 0)
		out->attributes = TREE_SYSTEM;
	else
		return err_set(e, ERR_USAGE, "attributes: app or system");
	return 0;
}

static int copy_time(const char *text, const char *what, int64_t *out,
		     struct err *e)
{
	if (text && utc_parse(slice_of(text), out, e)) {
		e->code = ERR_USAGE;
		return err_in(e, "%s (as 2026-12-24T06:00:00Z)", what);
	}
	return 0;
}

static int copy_one_operator(const struct spec *s, struct release *out,
			     struct err *e)
{
	char name[NAME_MAX_LEN + 1];
	uint32_t share;

	if (s->one_share) {
		if (bucket_parse_share(s->one_share, &share, e))
			return err_in(e, "one-operator-share");
		out->has_one_operator_limit = true;
		out->one_operator_limit = bucket_limit_of(share);
	}
	if (s->one_cohorts.count > RELEASE_COHORTS_MAX)
		return err_set(e, ERR_USAGE, "at most %d one-operator-cohorts",
			       RELEASE_COHORTS_MAX);
	for (size_t i = 0; i < s->one_cohorts.count; i++) {
		if (copy_name(name, s->one_cohorts.at[i], "one-operator-cohort",
			      e))
			return -1;
		out->one_operator_cohorts[out->one_operator_cohort_count++] =
			mem_dup_str(name);
	}
	/* Somebody must be able to begin. */
	if (s->one_cohorts.count == 0)
		out->one_operator_cohorts[out->one_operator_cohort_count++] =
			mem_dup_str("canary");
	return 0;
}

int spec_undo_until(const struct spec *s, int64_t issued, int64_t *out,
		    struct err *e)
{
	int64_t until = issued + UNDO_LIFE;

	if (s->undo_until && utc_parse(slice_of(s->undo_until), &until, e)) {
		e->code = ERR_USAGE;
		return err_in(e, "undo-until (as 2026-12-24T06:00:00Z)");
	}
	if (until <= issued)
		return err_set(e, ERR_USAGE, "undo-until is over already");
	*out = until;
	return 0;
}

static int copy_updater(const struct spec *s, struct release *out,
			struct err *e)
{
	struct err older;

	if (!s->min_updater)
		return 0;
	if (text_format(out->min_updater, sizeof(out->min_updater), e, "%s",
			s->min_updater) ||
	    (release_updater_check(out->min_updater, "0.0.0", &older) &&
	     older.code == ERR_FORMAT) ||
	    out->min_updater[0] == 0)
		return err_set(e, ERR_USAGE,
			       "min-updater: three numbers, as 1.2.3");
	return 0;
}

int spec_release(const struct spec *s, struct release *out, struct err *e)
{
	*out = (struct release){ .urgent = s->urgent,
				 .nightly = s->nightly,
				 .defer_max_sec = s->defer_max };
	if (copy_name(out->product, s->product, "product", e) ||
	    copy_name(out->id, s->id, "id", e) ||
	    copy_name(out->component, s->component ? s->component : "main",
		      "component", e) ||
	    copy_version(s, out, e) || copy_audience(s, out, e) ||
	    copy_fixes(s, out, e) || copy_trial(s, out, e) ||
	    copy_content(s, out, e) || copy_updater(s, out, e) ||
	    copy_time(s->not_before, "not-before", &out->not_before, e) ||
	    copy_time(s->support_end, "support-end", &out->support_end, e) ||
	    copy_one_operator(s, out, e))
		return -1;
	if ((s->undo_until || s->undo_to) && !s->with_undo)
		return err_set(e, ERR_USAGE,
			       "--undo-to and --undo-until are for "
			       "--with-undo");
	if (!s->input)
		return err_set(e, ERR_USAGE, "--input is needed");
	return 0;
}

static int add_component(const char *text, enum package_content content,
			 struct spec_component out[RELEASE_COMPONENTS_MAX],
			 size_t *count, struct err *e)
{
	struct spec_component *c = &out[*count];
	const size_t len = strcspn(text, "=");

	if (*count == RELEASE_COMPONENTS_MAX)
		return err_set(e, ERR_USAGE,
			       "a release has at most %d components",
			       RELEASE_COMPONENTS_MAX);
	if (text[len] != '=' || text[len + 1] == 0 ||
	    !name_is_valid(slice_sub(slice_of(text), 0, len)))
		return err_set(e, ERR_USAGE,
			       "with-tree and with-image: NAME=PATH, not %s",
			       text);
	if (text_format(c->name, sizeof(c->name), e, "%.*s", (int)len, text))
		return -1;
	for (size_t i = 0; i < *count; i++)
		if (strcmp(out[i].name, c->name) == 0)
			return err_set(e, ERR_USAGE, "%s is there twice",
				       c->name);
	c->input = text + len + 1;
	c->content = content;
	(*count)++;
	return 0;
}

int spec_components(const struct spec *s, const struct release *r,
		    struct spec_component out[RELEASE_COMPONENTS_MAX],
		    size_t *count, struct err *e)
{
	*count = 1;
	out[0] = (struct spec_component){ .input = s->input,
					  .content = r->content };
	memcpy(out[0].name, r->component, sizeof(out[0].name));
	for (size_t i = 0; i < s->with_trees.count; i++)
		if (add_component(s->with_trees.at[i], PACKAGE_TREE, out, count,
				  e))
			return -1;
	for (size_t i = 0; i < s->with_images.count; i++)
		if (add_component(s->with_images.at[i], PACKAGE_IMAGE, out,
				  count, e))
			return -1;
	return 0;
}

int spec_codec(const struct spec *s, enum package_codec *out, struct err *e)
{
	if (!s->codec || strcmp(s->codec, "zstd") == 0)
		*out = PACKAGE_ZSTD;
	else if (strcmp(s->codec, "lzma") == 0)
		*out = PACKAGE_LZMA;
	else if (strcmp(s->codec, "none") == 0)
		*out = PACKAGE_RAW;
	else
		return err_set(e, ERR_USAGE, "codec: zstd, lzma or none");
	return 0;
}
