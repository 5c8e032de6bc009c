/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_releases - look at what is listed, and take releases off the list. */
#include <string.h>

#include "common/opt.h"
#include "common/text.h"
#include "common/utc.h"
#include "signer/change.h"
#include "signer/commands.h"
#include "signer/listing.h"

struct asked {
	const char *repo, *product, *id;
};

static const struct json *newest_targets(const struct repo *r)
{
	return envelope_signed(r->targets.staged ? r->targets.staged
						 : r->targets.published);
}

static bool is_published(const struct repo *r, const struct json *release)
{
	const struct json *list;

	if (!r->targets.published)
		return false;
	list = json_get(envelope_signed(r->targets.published), "targets");
	for (void *m = json_first(list); m; m = json_next(list, m))
		if (listing_is_of(json_value(m),
				  json_text(json_get(release, "product")),
				  json_text(json_get(release, "release"))))
			return true;
	return false;
}

/* ---- list ---------------------------------------------------------------- */

static int list(const struct asked *a, struct report *out, struct err *e)
{
	struct json *releases, *marked;
	struct repo r;

	if (repo_open(a->repo, REPO_READ, &r, e))
		return -1;
	releases = listing_releases(newest_targets(&r));
	marked = json_new_array();
	for (size_t i = 0; i < json_count(releases); i++) {
		const struct json *one = json_at(releases, i);
		const char *state =
			is_published(&r, one) ? "published" : "staged";
		struct json *copy = json_clone(one);

		json_set_text(copy, "state", state);
		json_add(marked, copy);
		report_line(out, "%s %s (%s): seq %lld, %zu packages, %s",
			    json_text(json_get(one, "product")),
			    json_text(json_get(one, "release")),
			    json_text(json_get(one, "version")),
			    (long long)json_int(json_get(one, "seq")),
			    json_count(json_get(one, "packages")), state);
	}
	if (json_count(releases) == 0)
		report_line(out, "no release");
	json_set(report_object(out), "releases", marked);
	json_free(releases);
	repo_close(&r);
	return 0;
}

/* ---- show ---------------------------------------------------------------- */

static void show_packages(const struct json *packages, struct report *out)
{
	const struct json *one;
	char size[16];

	for (size_t i = 0; i < json_count(packages); i++) {
		one = json_at(packages, i);
		text_size((uint64_t)json_int(json_get(one, "length")), size);
		report_line(out, "  %s %s: %s",
			    json_text(json_get(one, "path")), size,
			    json_text(json_get(one, "sha256")));
	}
}

static void show_texts(const char *title, const struct json *texts,
		       struct report *out)
{
	for (size_t i = 0; i < json_count(texts); i++)
		report_line(out, "%s%s", title, json_text(json_at(texts, i)));
}

static void show_health(const struct json *commands, struct report *out)
{
	struct buf line = BUF_INIT(8192);
	struct err ignored;

	for (size_t i = 0; i < json_count(commands); i++) {
		const struct json *words = json_at(commands, i);

		line.len = 0;
		/* Cut only past what health_parse() lets through. */
		for (size_t k = 0; k < json_count(words); k++)
			if (buf_addf(&line, &ignored, " %s",
				     json_text(json_at(words, k))))
				break;
		report_line(out, "health:    %s", buf_text(&line));
	}
	buf_done(&line);
}

static void show_release(const struct json *one, struct report *out)
{
	report_line(out, "product:    %s", json_text(json_get(one, "product")));
	report_line(out, "release:    %s", json_text(json_get(one, "release")));
	report_line(out, "version:    %s", json_text(json_get(one, "version")));
	report_line(out, "seq:        %lld",
		    (long long)json_int(json_get(one, "seq")));
	report_line(out, "issued:     %s", json_text(json_get(one, "issued")));
	report_line(out, "content:    %s, %lld bytes, %lld entries (%s)",
		    json_text(json_get(one, "digest")),
		    (long long)json_int(json_get(one, "content_length")),
		    (long long)json_int(json_get(one, "entries")),
		    json_text(json_get(one, "attributes")));
	show_texts("model:      ", json_get(one, "models"), out);
	show_texts("fixes:      ", json_get(one, "fixes"), out);
	show_health(json_get(one, "health"), out);
	show_packages(json_get(one, "packages"), out);
}

static int find_and_show(const struct asked *a, const struct json *releases,
			 struct report *out, struct err *e)
{
	const struct json *one;

	for (size_t i = 0; i < json_count(releases); i++) {
		one = json_at(releases, i);
		if (strcmp(json_text(json_get(one, "release")), a->id) != 0 ||
		    strcmp(json_text(json_get(one, "product")), a->product) !=
			    0)
			continue;
		show_release(one, out);
		json_set(report_object(out), "release", json_clone(one));
		return 0;
	}
	return err_set(e, ERR_NOT_FOUND, "%s has no release %s", a->product,
		       a->id);
}

static int show(const struct asked *a, struct report *out, struct err *e)
{
	struct json *releases;
	struct repo r;
	int rc;

	if (!a->product || !a->id)
		return err_set(e, ERR_USAGE, "--product and --id are needed");
	if (repo_open(a->repo, REPO_READ, &r, e))
		return -1;
	releases = listing_releases(newest_targets(&r));
	rc = find_and_show(a, releases, out, e);
	json_free(releases);
	repo_close(&r);
	return rc;
}

/* ---- withdraw ------------------------------------------------------------ */

static int withdraw_from(struct repo *r, const struct asked *a,
			 struct report *out, struct err *e)
{
	int64_t now = utc_now();
	struct json *envelope;
	size_t removed;

	if (repo_begin(r, TUF_TARGETS, now, &envelope, e))
		return -1;
	removed = listing_withdraw(tuf_envelope_signed(envelope), a->product,
				   a->id);
	if (removed == 0) {
		json_free(envelope);
		return err_set(e, ERR_NOT_FOUND, "%s has no release %s",
			       a->product, a->id);
	}
	if (change_stage(r, TUF_TARGETS, envelope, now, out, e))
		return -1;
	report_line(out, "staged: %s %s withdrawn, %zu packages", a->product,
		    a->id, removed);
	json_set_int(report_object(out), "packages", (int64_t)removed);
	return 0;
}

static int withdraw(const struct asked *a, struct report *out, struct err *e)
{
	struct repo r;
	int rc;

	if (!a->product || !a->id)
		return err_set(e, ERR_USAGE, "--product and --id are needed");
	if (repo_open(a->repo, REPO_WRITE, &r, e))
		return -1;
	rc = withdraw_from(&r, a, out, e);
	repo_close(&r);
	return rc;
}

/* -------------------------------------------------------------------------- */

static int run(int argc, char **argv,
	       int (*work)(const struct asked *a, struct report *out,
			   struct err *e),
	       struct err *e)
{
	struct asked a = { 0 };
	struct report out = { 0 };
	const struct opt opts[] = {
		OPT_TEXT("product", "P", &a.product, "the product"),
		OPT_TEXT("id", "ID", &a.id, "the release"),
		OPT_FLAG("json", &out.json, "print JSON"),
		OPT_END,
	};
	char **operands;
	int count, rc;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count == 1) {
		a.repo = operands[0];
		rc = work(&a, &out, e);
	} else
		rc = err_set(e, ERR_USAGE, "one REPO is needed");
	return report_end(&out, rc, e);
}

int cmd_release_list(int argc, char **argv, struct err *e)
{
	return run(argc, argv, list, e);
}

int cmd_release_show(int argc, char **argv, struct err *e)
{
	return run(argc, argv, show, e);
}

int cmd_release_withdraw(int argc, char **argv, struct err *e)
{
	return run(argc, argv, withdraw, e);
}
