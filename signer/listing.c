/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/listing.h"

#include <string.h>

const struct json *listing_package(const struct json *entry)
{
	const struct json *pawl = json_get(json_get(entry, "custom"), "pawl");

	if (strcmp(json_text(json_get(pawl, "type")), "package") != 0)
		return NULL;
	return pawl;
}

static bool says(const struct json *package, const char *name,
		 const char *value)
{
	return strcmp(json_text(json_get(package, name)), value) == 0;
}

/* Of several components, what stands for the release is the first. */
static bool is_first(const struct json *package)
{
	const struct json *all = json_get(package, "components");

	return !all || json_same(json_get(json_at(all, 0), "name"),
				 json_get(package, "component"));
}

bool listing_is_of(const struct json *entry, const char *product,
		   const char *id)
{
	const struct json *package = listing_package(entry);

	return package && says(package, "product", product) &&
	       says(package, "release", id);
}

/* ---- as a list ----------------------------------------------------------- */

static void copy_member(struct json *to, const struct json *from,
			const char *name)
{
	const struct json *value = json_get(from, name);

	if (value)
		json_set(to, name, json_clone(value));
}

static struct json *describe_package(const char *path, const struct json *entry)
{
	const struct json *package = listing_package(entry);
	struct json *one = json_new_object();

	json_set_text(one, "path", path);
	copy_member(one, package, "component");
	copy_member(one, package, "kind");
	copy_member(one, package, "base");
	if (json_get(package, "encryption"))
		json_set_bool(one, "encrypted", true);
	copy_member(one, entry, "length");
	copy_member(one, json_get(entry, "hashes"), "sha256");
	return one;
}

static struct json *describe_release(const struct json *list,
				     const struct json *package)
{
	static const char *const members[] = {
		"product",
		"release",
		"version",
		"seq",
		"digest",
		"components",
		"issued",
		"models",
		"hardware",
		"fixes",
		"sbom",
		"urgent",
		"defer_max",
		"health",
		"health_deadline",
		"content",
		"attributes",
		"content_length",
		"entries",
		"requires_seq",
		"not_before",
		"content_seq",
		"undo_of",
		"undo_until",
		"one_operator_limit",
		"one_operator_cohorts",
		"stepping_stone",
		"min_updater",
		"support_end",
		"retry",
	};
	const char *product = json_text(json_get(package, "product"));
	const char *id = json_text(json_get(package, "release"));
	struct json *packages = json_new_array();
	struct json *one = json_new_object();

	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		copy_member(one, package, members[i]);
	for (void *m = json_first(list); m; m = json_next(list, m))
		if (listing_is_of(json_value(m), product, id))
			json_add(packages,
				 describe_package(json_name(m), json_value(m)));
	json_set(one, "packages", packages);
	return one;
}

static bool is_described(const struct json *releases,
			 const struct json *package)
{
	const struct json *one;

	for (size_t i = 0; i < json_count(releases); i++) {
		one = json_at(releases, i);
		if (json_same(json_get(one, "product"),
			      json_get(package, "product")) &&
		    json_same(json_get(one, "release"),
			      json_get(package, "release")))
			return true;
	}
	return false;
}

struct json *listing_releases(const struct json *targets)
{
	const struct json *list = json_get(targets, "targets");
	struct json *releases = json_new_array();
	const struct json *package;

	for (void *m = json_first(list); m; m = json_next(list, m)) {
		package = listing_package(json_value(m));
		if (package && is_first(package) &&
		    !is_described(releases, package))
			json_add(releases, describe_release(list, package));
	}
	return releases;
}

/* ---- one of them --------------------------------------------------------- */

static int read_target(const char *path, const struct json *entry,
		       struct tuf_target *out, struct err *e)
{
	int64_t length;

	*out = (struct tuf_target){ .path = path,
				    .has_sha256 = true,
				    .custom = json_get(entry, "custom") };
	if (json_get_int(entry, "length", 0, JSON_INT_MAX, &length, e) ||
	    json_get_hex(json_get(entry, "hashes"), "sha256", out->sha256.bytes,
			 SHA256_LEN, e))
		return -1;
	out->length = (uint64_t)length;
	return 0;
}

/* component NULL: the first. */
static bool is_full_of(const struct json *package, const char *component)
{
	if (!says(package, "kind", "full"))
		return false;
	return component ? says(package, "component", component)
			 : is_first(package);
}

static int find_full(const struct json *targets, const char *product,
		     const char *id, const char *component, struct release *out,
		     struct err *e)
{
	const struct json *list = json_get(targets, "targets");
	struct tuf_target target;

	for (void *m = json_first(list); m; m = json_next(list, m)) {
		const struct json *entry = json_value(m);

		if (!listing_is_of(entry, product, id) ||
		    !is_full_of(listing_package(entry), component))
			continue;
		return read_target(json_name(m), entry, &target, e) ||
				       release_parse(&target, out, e)
			       ? -1
			       : 0;
	}
	return err_set(e, ERR_NOT_FOUND,
		       "%s has no release %s (release list shows them)",
		       product, id);
}

int listing_full(const struct json *targets, const char *product,
		 const char *id, struct release *out, struct err *e)
{
	return find_full(targets, product, id, NULL, out, e);
}

int listing_full_of(const struct json *targets, const char *product,
		    const char *id, const char *component, struct release *out,
		    struct err *e)
{
	return find_full(targets, product, id, component, out, e);
}

/* ---- exceptions: "secrets_allowed": {"product/id": [paths]} -------------- */

static bool exception_name(const char *product, const char *id,
			   char out[2 * NAME_MAX_LEN + 2])
{
	struct err ignored;

	return text_format(out, 2 * NAME_MAX_LEN + 2, &ignored, "%s/%s",
			   product, id) == 0;
}

/* paths NULL: forget what was there. */
static void set_exception(struct json *targets, const char *name,
			  struct json *paths)
{
	struct json *pawl = json_clone(json_get(targets, "pawl"));
	const struct json *before = json_get(pawl, "secrets_allowed");
	struct json *all = before ? json_clone(before) : json_new_object();

	if (paths)
		json_set(all, name, paths);
	else
		json_remove(all, name);
	if (json_count(all) > 0)
		json_set(pawl, "secrets_allowed", all);
	else {
		json_remove(pawl, "secrets_allowed");
		json_free(all);
	}
	json_set(targets, "pawl", pawl);
}

void listing_allow(struct json *targets, const struct release *r,
		   const struct opt_list *paths)
{
	struct json *list;
	char name[2 * NAME_MAX_LEN + 2];

	if (paths->count == 0 || !exception_name(r->product, r->id, name))
		return;
	list = json_new_array();
	for (size_t i = 0; i < paths->count; i++)
		json_add(list, json_new_text(paths->at[i]));
	set_exception(targets, name, list);
}

/* A copy of an entry that is a package, with another number. */
static struct json *with_retry(const struct json *entry, int64_t retry)
{
	struct json *package = json_clone(listing_package(entry));
	struct json *custom = json_clone(json_get(entry, "custom"));
	struct json *copy = json_clone(entry);

	json_set_int(package, "retry", retry);
	json_set(custom, "pawl", package);
	json_set(copy, "custom", custom);
	return copy;
}

int64_t listing_retry(struct json *targets, const char *product, const char *id)
{
	const struct json *list = json_get(targets, "targets");
	struct json *changed;
	int64_t retry = 0;
	bool found = false;

	for (void *m = json_first(list); m; m = json_next(list, m)) {
		const struct json *entry = json_value(m);
		int64_t has =
			json_int(json_get(listing_package(entry), "retry"));

		if (!listing_is_of(entry, product, id))
			continue;
		found = true;
		if (has > retry)
			retry = has;
	}
	if (!found || retry >= RELEASE_RETRY_MAX)
		return 0;
	retry++;
	changed = json_new_object();
	for (void *m = json_first(list); m; m = json_next(list, m)) {
		const struct json *entry = json_value(m);

		json_set(changed, json_name(m),
			 listing_is_of(entry, product, id)
				 ? with_retry(entry, retry)
				 : json_clone(entry));
	}
	json_set(targets, "targets", changed);
	return retry;
}

size_t listing_withdraw(struct json *targets, const char *product,
			const char *id)
{
	const struct json *list = json_get(targets, "targets");
	struct json *kept = json_new_object();
	char name[2 * NAME_MAX_LEN + 2];
	size_t removed = 0;

	for (void *m = json_first(list); m; m = json_next(list, m)) {
		if (listing_is_of(json_value(m), product, id))
			removed++;
		else
			json_set(kept, json_name(m), json_clone(json_value(m)));
	}
	json_set(targets, "targets", kept);
	if (removed > 0 && exception_name(product, id, name) &&
	    json_get(json_get(targets, "pawl"), "secrets_allowed"))
		set_exception(targets, name, NULL);
	return removed;
}

int listing_add(struct json *targets, const struct release *r, struct err *e)
{
	struct json *list;
	char path[PATH_MAX_LEN];

	if (release_path(r, path, e))
		return -1;
	list = json_clone(json_get(targets, "targets"));
	json_set(list, path, release_format(r));
	json_set(targets, "targets", list);
	return 0;
}
