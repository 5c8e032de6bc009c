/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/review.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "signer/diff.h"
#include "signer/listing.h"
#include "signer/names.h"
#include "signer/rules.h"
#include "signer/standing.h"

#define REVIEW_TEXT_MAX 65536
#define REVIEW_LINE_MAX (32u << 20)

/* ---- the newest release of each product ---------------------------------- */

/* Is there another entry of this product that stands for it instead? */
static bool is_newest(const struct json *targets, const char *path,
		      const struct json *package)
{
	const char *product = json_text(json_get(package, "product"));
	int64_t seq = json_int(json_get(package, "seq"));
	const struct json *other;
	int64_t other_seq;

	for (void *m = json_first(targets); m; m = json_next(targets, m)) {
		other = listing_package(json_value(m));
		other_seq = json_int(json_get(other, "seq"));
		if (!other || other == package ||
		    strcmp(json_text(json_get(other, "product")), product) != 0)
			continue;
		if (other_seq > seq ||
		    (other_seq == seq && strcmp(json_name(m), path) < 0))
			return false;
	}
	return true;
}

/* Orders, floors and the like: everything that is no package. */
static size_t count_documents(const struct json *targets)
{
	size_t n = 0;

	for (void *m = json_first(targets); m; m = json_next(targets, m))
		n += listing_package(json_value(m)) ? 0 : 1;
	return n;
}

static int add_releases(const struct json *signed_part, bool products_only,
			struct buf *out, struct err *e)
{
	const struct json *targets = json_get(signed_part, "targets");
	size_t documents = products_only ? 0 : count_documents(targets);
	size_t start = out->len;
	const struct json *p;

	for (void *m = json_first(targets); m; m = json_next(targets, m)) {
		p = listing_package(json_value(m));
		if (!p || !is_newest(targets, json_name(m), p))
			continue;
		if (buf_addf(out, e, "%s%s", out->len > start ? ", " : "",
			     json_text(json_get(p, "product"))))
			return -1;
		if (!products_only &&
		    buf_addf(out, e, " %s (seq %lld)",
			     json_text(json_get(p, "release")),
			     (long long)json_int(json_get(p, "seq"))))
			return -1;
	}
	if (documents > 0 &&
	    buf_addf(out, e, "%s%zu document%s", out->len > start ? ", " : "",
		     documents, documents == 1 ? "" : "s"))
		return -1;
	return out->len > start ? 0 : buf_addf(out, e, "no release");
}

static bool lists_releases(const struct json *signed_part)
{
	const struct json *targets = json_get(signed_part, "targets");

	for (void *m = json_first(targets); m; m = json_next(targets, m))
		if (listing_package(json_value(m)))
			return true;
	return false;
}

/* ---- five lines ---------------------------------------------------------- */

static int add_version(const struct review_file *f, bool after, struct buf *out,
		       struct err *e)
{
	const char *role = envelope_role(f->envelope);
	const struct json *signed_part =
		after ? envelope_signed(f->envelope) : f->before;

	if (!signed_part)
		return buf_addf(out, e, "no %s yet", role);
	if (buf_addf(out, e, "%s %lld", role,
		     (long long)json_int(json_get(signed_part, "version"))))
		return -1;
	if (strcmp(role, "root") == 0)
		return 0;
	return buf_addf(out, e, ": ") ||
			       add_releases(signed_part, false, out, e)
		       ? -1
		       : 0;
}

static int add_environment(const struct review *v, struct buf *out,
			   struct err *e)
{
	const struct json *signed_part;
	enum environment env;
	struct err unused;

	signed_part = envelope_signed(v->files[0].envelope);
	if (rules_environment(signed_part, &env, &unused))
		return buf_addf(out, e, " (no environment)");
	return buf_addf(out, e, " (%s%s%s)", environment_name(env),
			v->owner ? ", " : "", v->owner ? v->owner : "");
}

/* Of all files that list releases; root and targets without any list keys. */
static int add_product(const struct review *v, struct buf *out, struct err *e)
{
	bool any = false, targets = false;

	for (size_t i = 0; i < v->count; i++) {
		const struct json *envelope = v->files[i].envelope;
		const struct json *signed_part = envelope_signed(envelope);

		if (strcmp(envelope_role(envelope), "root") == 0)
			continue;
		targets = true;
		if (!lists_releases(signed_part))
			continue;
		if ((any && buf_addf(out, e, ", ")) ||
		    add_releases(signed_part, true, out, e))
			return -1;
		any = true;
	}
	if (!any && buf_addf(out, e, "%s",
			     targets ? "no release" : "keys and thresholds"))
		return -1;
	return add_environment(v, out, e);
}

enum five {
	FIVE_PRODUCT,
	FIVE_FROM,
	FIVE_TO,
	FIVE_SIGNED,
	FIVE_MISSING,
	FIVE_COUNT
};

static const char *const five_names[FIVE_COUNT] = { "product", "from", "to",
						    "signed", "missing" };
static const char *const five_titles[FIVE_COUNT] = {
	"Product: ", "From:    ", "To:      ", "Signed:  ", "Missing: "
};

static int add_signatures(const struct review *v, const struct review_file *f,
			  bool missing, struct buf *out, struct err *e)
{
	struct standing s;

	if (standing_of(f->envelope, f->root_before, f->by, &s, e))
		return -1;
	if (v->count > 1 &&
	    buf_addf(out, e, "%s: ", envelope_role(f->envelope)))
		return -1;
	if (missing)
		return standing_missing(&s, v->names, out, e);
	if (s.judge_count == 0)
		return buf_addf(out, e, "signatures: %zu, not judged",
				envelope_signature_count(f->envelope));
	return standing_signers(&s, v->names, out, e);
}

static int add_five(const struct review *v, enum five which, struct buf *out,
		    struct err *e)
{
	int rc;

	if (which == FIVE_PRODUCT)
		return add_product(v, out, e);
	for (size_t i = 0; i < v->count; i++) {
		const struct review_file *f = &v->files[i];

		if (i > 0 && buf_addf(out, e, "; "))
			return -1;
		if (which == FIVE_FROM || which == FIVE_TO)
			rc = add_version(f, which == FIVE_TO, out, e);
		else
			rc = add_signatures(v, f, which == FIVE_MISSING, out,
					    e);
		if (rc)
			return -1;
	}
	return 0;
}

int review_summary(const struct review *v, struct report *out, struct err *e)
{
	struct buf text = BUF_INIT(REVIEW_TEXT_MAX);
	char shown[1024];
	int rc = -1;

	for (int i = 0; i < FIVE_COUNT; i++) {
		text.len = 0;
		if (add_five(v, (enum five)i, &text, e))
			goto out;
		text_escape(buf_slice(&text), shown, sizeof(shown));
		report_line(out, "%s%s", five_titles[i], shown);
		json_set_text(report_object(out), five_names[i], shown);
	}
	rc = 0;
out:
	buf_done(&text);
	return rc;
}

/* ---- each file in full --------------------------------------------------- */

static struct json *findings_json(const struct findings *found)
{
	struct json *list = json_new_array();
	struct json *one;
	char shown[4 * FINDING_TEXT_MAX];

	for (size_t i = 0; i < found->count; i++) {
		text_escape(slice_of(found->at[i].text), shown, sizeof(shown));
		one = json_new_object();
		json_set_bool(one, "refuses", found->at[i].refuses);
		json_set_text(one, "text", shown);
		json_add(list, one);
	}
	return list;
}

/* Where nothing is staged it stands for itself, and follows nothing. */
static bool is_published(const struct review_file *f)
{
	return f->before == envelope_signed(f->envelope);
}

static int file_json(const struct review *v, const struct review_file *f,
		     struct json *object, struct err *e)
{
	const struct json *signed_part = envelope_signed(f->envelope);
	struct json *changes = json_new_array();
	struct findings found = { 0 };
	struct standing s;

	json_set_text(object, "file", envelope_role(f->envelope));
	json_set_int(object, "version", envelope_version(f->envelope));
	json_set(object, "changes", changes);
	if (standing_of(f->envelope, f->root_before, f->by, &s, e) ||
	    diff_json(f->before, signed_part, changes, e))
		return -1;
	json_set_bool(object, "complete", standing_is_complete(&s));
	json_set(object, "signatures", standing_json(&s, v->names));
	rules_judge(signed_part, v->now, &found);
	if (strcmp(envelope_role(f->envelope), "root") == 0 &&
	    !is_published(f) && (f->before || f->by))
		rules_root_after(f->before, signed_part, &found);
	json_set(object, "findings", findings_json(&found));
	return 0;
}

/* A key id is followed by what people call the key. */
static int add_key_name(const struct review *v, const struct json *change,
			struct buf *line, struct err *e)
{
	const struct json *value = json_get(change, "after");
	const char *keyid =
		json_text(value ? value : json_get(change, "before"));
	char fallback[NAMES_SHORT_LEN];

	if (!*keyid || !json_get(v->names, keyid))
		return 0;
	return buf_addf(line, e, " (%s)",
			names_find(v->names, keyid, fallback));
}

static int say_changes(const struct review *v, const struct json *changes,
		       struct report *out, struct err *e)
{
	struct buf line = BUF_INIT(REVIEW_LINE_MAX);
	int rc = -1;

	for (size_t i = 0; i < json_count(changes); i++) {
		line.len = 0;
		if (diff_line(json_at(changes, i), &line, e) ||
		    add_key_name(v, json_at(changes, i), &line, e))
			goto out;
		report_whole_line(out, "  ", buf_text(&line));
	}
	rc = 0;
out:
	buf_done(&line);
	return rc;
}

static bool only_dates_changed(const struct json *changes)
{
	const char *path;

	for (size_t i = 0; i < json_count(changes); i++) {
		path = json_text(json_get(json_at(changes, i), "path"));
		if (strcmp(path, "issued") != 0 &&
		    strcmp(path, "expires") != 0 &&
		    strcmp(path, "version") != 0)
			return false;
	}
	return true;
}

static int say_file(const struct review *v, const struct review_file *f,
		    const struct json *object, struct report *out,
		    struct err *e)
{
	const struct json *changes = json_get(object, "changes");
	const struct json *found = json_get(object, "findings");
	const char *text;
	bool refuses;
	struct err unused;

	report_line(out, "%s", "");
	if (is_published(f))
		report_line(out, "%s version %lld, as it is published:",
			    envelope_role(f->envelope),
			    (long long)envelope_version(f->envelope));
	else
		report_line(out, "%s version %lld, against %s:",
			    envelope_role(f->envelope),
			    (long long)envelope_version(f->envelope),
			    f->before ? "what was signed before"
				      : "nothing before");
	if (f->before && !is_published(f) && only_dates_changed(changes))
		report_line(out, "  only version and dates change");
	for (size_t i = 0; i < json_count(found); i++) {
		text = json_text(json_get(json_at(found, i), "text"));
		if (json_get_bool(json_at(found, i), "refuses", &refuses,
				  &unused))
			refuses = true;
		report_line(out, "  %s: %s", refuses ? "REFUSED" : "note",
			    text);
	}
	return say_changes(v, changes, out, e);
}

int review_say(const struct review *v, struct report *out, struct err *e)
{
	struct json *files = json_new_array();
	struct json *object;

	json_set(report_object(out), "files", files);
	if (review_summary(v, out, e))
		return -1;
	for (size_t i = 0; i < v->count; i++) {
		object = json_new_object();
		json_add(files, object);
		if (file_json(v, &v->files[i], object, e) ||
		    say_file(v, &v->files[i], object, out, e))
			return -1;
	}
	return 0;
}
