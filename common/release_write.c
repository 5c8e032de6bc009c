/* SPDX-License-Identifier: Apache-2.0 */
/* What release.c reads, written; and what was read is written the same. */
#include "common/release.h"

#include "common/bucket.h"
#include "common/json.h"
#include "common/release_words.h"
#include "common/utc.h"

static void set_number(struct json *j, const char *name, uint64_t value)
{
	json_set_int(j, name, (int64_t)value);
}

static void set_digest(struct json *j, const char *name,
		       const struct sha256 *digest)
{
	json_set_hex(j, name, (struct slice){ digest->bytes, SHA256_LEN });
}

static void set_time(struct json *j, const char *name, int64_t sec)
{
	char text[UTC_TEXT_LEN];

	utc_format(sec, text);
	json_set_text(j, name, text);
}

static struct json *list_of(char *const *items, size_t count)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < count; i++)
		json_add(list, json_new_text(items[i]));
	return list;
}

static void set_orders(struct json *j, const struct release *r)
{
	char limit[BUCKET_TEXT_LEN];

	if (release_is_undo(r)) {
		json_set_text(j, "undo_of", r->undo_of);
		set_time(j, "undo_until", r->undo_until);
	}
	if (r->has_one_operator_limit) {
		bucket_format_limit(r->one_operator_limit, limit);
		json_set_text(j, "one_operator_limit", limit);
	}
	if (r->one_operator_cohort_count > 0)
		json_set(j, "one_operator_cohorts",
			 list_of(r->one_operator_cohorts,
				 r->one_operator_cohort_count));
}

static void set_way(struct json *j, const struct release *r)
{
	set_number(j, "requires_seq", r->requires_seq);
	if (r->stepping_stone[0])
		json_set_text(j, "stepping_stone", r->stepping_stone);
	if (r->min_updater[0])
		json_set_text(j, "min_updater", r->min_updater);
	if (r->support_end != 0)
		set_time(j, "support_end", r->support_end);
}

static void set_sbom(struct json *j, const struct release *r)
{
	struct json *sbom;

	if (r->sbom_len == 0)
		return;
	sbom = json_new_object();
	set_number(sbom, "length", r->sbom_len);
	set_digest(sbom, "sha256", &r->sbom);
	json_set(j, "sbom", sbom);
}

static void set_release(struct json *j, const struct release *r)
{
	json_set_text(j, "product", r->product);
	json_set_text(j, "release", r->id);
	json_set_text(j, "version", r->version);
	json_set(j, "models", list_of(r->models, r->model_count));
	if (r->hardware_count > 0)
		json_set(j, "hardware",
			 list_of(r->hardware, r->hardware_count));
	set_number(j, "seq", r->seq);
	set_number(j, "content_seq", r->content_seq);
	set_way(j, r);
	json_set_bool(j, "urgent", r->urgent);
	if (r->defer_max_sec != 0)
		set_number(j, "defer_max", r->defer_max_sec);
	if (r->retry != 0)
		set_number(j, "retry", r->retry);
	set_time(j, "issued", r->issued);
	if (r->not_before != 0)
		set_time(j, "not_before", r->not_before);
	set_orders(j, r);
	json_set(j, "fixes", list_of(r->fixes, r->fix_count));
	set_sbom(j, r);
}

static void set_trial(struct json *j, const struct release *r)
{
	struct json *health = json_new_array();

	for (size_t i = 0; i < r->health_count; i++)
		json_add(health, list_of(r->health[i].argv, r->health[i].argc));
	json_set(j, "health", health);
	set_number(j, "health_deadline", r->health_deadline_sec);
}

static void set_components(struct json *j, const struct release *r)
{
	struct json *list;

	if (r->component_count == 0)
		return;
	list = json_new_array();
	for (size_t i = 0; i < r->component_count; i++) {
		struct json *one = json_new_object();

		json_set_text(one, "name", r->components[i].name);
		set_digest(one, "digest", &r->components[i].digest);
		json_add(list, one);
	}
	json_set(j, "components", list);
}

static void set_content(struct json *j, const struct release *r)
{
	json_set_text(j, "component", r->component);
	set_components(j, r);
	json_set_text(j, "content",
		      release_word_of(release_contents, (int)r->content));
	set_digest(j, "digest", &r->digest);
	set_number(j, "content_length", r->content_len);
	if (r->content != PACKAGE_TREE)
		return;
	json_set_text(j, "attributes",
		      release_word_of(release_attributes, (int)r->attributes));
	set_number(j, "manifest_length", r->manifest_len);
	set_number(j, "entries", r->entries);
}

static void set_encryption(struct json *j, const struct release *r)
{
	struct json *encryption;

	if (!r->encrypted)
		return;
	encryption = json_new_object();
	json_set_text(encryption, "scheme", RELEASE_SCHEME);
	json_set_hex(encryption, "commitment",
		     (struct slice){ r->commitment, STREAM_COMMITMENT_LEN });
	json_set(j, "encryption", encryption);
}

static void set_libraries(struct json *j, const struct release *r)
{
	struct json *libraries;

	if (r->library_count == 0)
		return;
	libraries = json_new_array();
	for (size_t i = 0; i < r->library_count; i++)
		json_add(libraries, json_new_text(r->libraries[i]));
	json_set(j, "libraries", libraries);
}

static void set_package(struct json *j, const struct release *r)
{
	json_set_text(j, "kind", release_word_of(release_kinds, (int)r->kind));
	set_digest(j, "head_digest", &r->head_digest);
	set_number(j, "head_length", r->head_len);
	set_number(j, "window", r->window_len);
	set_number(j, "apply_memory", r->apply_memory);
	set_encryption(j, r);
	if (r->kind == PACKAGE_DELTA) {
		json_set_text(j, "base", r->base_id);
		set_digest(j, "base_digest", &r->base_digest);
		set_libraries(j, r);
	}
	if (r->scratch_len > 0)
		set_number(j, "scratch", r->scratch_len);
}

struct json *release_format(const struct release *r)
{
	struct json *entry = json_new_object();
	struct json *custom = json_new_object();
	struct json *pawl = json_new_object();
	struct json *hashes = json_new_object();

	json_set_text(pawl, "type", "package");
	json_set_int(pawl, "v", RELEASE_FORMAT);
	set_release(pawl, r);
	set_trial(pawl, r);
	set_content(pawl, r);
	set_package(pawl, r);
	json_set(custom, "pawl", pawl);
	set_digest(hashes, "sha256", &r->package_digest);
	json_set(entry, "custom", custom);
	json_set(entry, "hashes", hashes);
	set_number(entry, "length", r->package_len);
	return entry;
}
