/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_releases - look at what is listed, and take releases off the list. */
#include <string.h>

#include "common/opt.h"
#include "common/text.h"
#include "common/utc.h"
#include "signer/change.h"
#include "signer/commands.h"
#include "signer/listing.h"
#include "signer/sbom.h"
#include "signer/watch.h"

struct asked {
	const char *repo, *product, *id, *sbom;
};

/* Everything that the roles list, one release after the other. */
struct listed {
	const char *role;
	const struct json *published; /* of that role; NULL */
	const struct json *release;
};

static bool is_published(const struct listed *l)
{
	const struct json *list = json_get(l->published, "targets");

	for (void *m = json_first(list); m; m = json_next(list, m))
		if (listing_is_of(json_value(m),
				  json_text(json_get(l->release, "product")),
				  json_text(json_get(l->release, "release"))))
			return true;
	return false;
}

/* Visit each release of each role that counts now; stops when visit says so. */
static bool each_release(const struct repo *r,
			 bool (*visit)(void *ctx, const struct listed *l),
			 void *ctx)
{
	struct json *releases;
	bool stop = false;

	for (size_t i = 1; !stop && i < repo_role_count(r); i++) {
		const struct repo_role *held = repo_role_at(r, i);
		struct listed l = { held->name, NULL, NULL };

		if (!repo_is_listed(r, held->name))
			continue;
		if (held->published)
			l.published = envelope_signed(held->published);
		releases = listing_releases(repo_current(held));
		for (size_t k = 0; !stop && k < json_count(releases); k++) {
			l.release = json_at(releases, k);
			stop = visit(ctx, &l);
		}
		json_free(releases);
	}
	return stop;
}

/* Its packages are all made alike. */
static bool is_encrypted(const struct json *release)
{
	return json_get(json_at(json_get(release, "packages"), 0),
			"encrypted") != NULL;
}

/* ---- list ---------------------------------------------------------------- */

struct list {
	struct report *out;
	struct json *marked;
};

static bool list_one(void *ctx, const struct listed *l)
{
	const char *state = is_published(l) ? "published" : "staged";
	struct json *copy = json_clone(l->release);
	struct list *list = ctx;

	json_set_text(copy, "state", state);
	json_set_text(copy, "role", l->role);
	json_add(list->marked, copy);
	report_line(list->out, "%s %s (%s): seq %lld, %zu packages%s, %s%s%s",
		    json_text(json_get(l->release, "product")),
		    json_text(json_get(l->release, "release")),
		    json_text(json_get(l->release, "version")),
		    (long long)json_int(json_get(l->release, "seq")),
		    json_count(json_get(l->release, "packages")),
		    is_encrypted(l->release) ? " encrypted" : "", state,
		    strcmp(l->role, "targets") == 0 ? "" : ", ",
		    strcmp(l->role, "targets") == 0 ? "" : l->role);
	return false;
}

static int list(const struct asked *a, struct report *out, struct err *e)
{
	struct list all = { out, NULL };
	struct repo r;

	if (watch_open(a->repo, REPO_READ, &r, out, e))
		return -1;
	all.marked = json_new_array();
	(void)each_release(&r, list_one, &all); /* never stops early */
	if (json_count(all.marked) == 0)
		report_line(out, "no release");
	json_set(report_object(out), "releases", all.marked);
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
		report_line(out, "  %s %s%s: %s",
			    json_text(json_get(one, "path")), size,
			    json_get(one, "encrypted") ? ", encrypted" : "",
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

static void show_content(const struct json *one, struct report *out)
{
	const char *digest = json_text(json_get(one, "digest"));
	const long long len =
		(long long)json_int(json_get(one, "content_length"));

	if (strcmp(json_text(json_get(one, "content")), "image") == 0)
		report_line(out, "content:    %s, an image of %lld bytes",
			    digest, len);
	else
		report_line(out,
			    "content:    %s, %lld bytes, %lld entries (%s)",
			    digest, len,
			    (long long)json_int(json_get(one, "entries")),
			    json_text(json_get(one, "attributes")));
}

static void show_release(const struct json *one, struct report *out)
{
	report_line(out, "product:    %s", json_text(json_get(one, "product")));
	report_line(out, "release:    %s", json_text(json_get(one, "release")));
	report_line(out, "version:    %s", json_text(json_get(one, "version")));
	report_line(out, "seq:        %lld",
		    (long long)json_int(json_get(one, "seq")));
	report_line(out, "issued:     %s", json_text(json_get(one, "issued")));
	show_content(one, out);
	show_texts("model:      ", json_get(one, "models"), out);
	show_texts("hardware:   ", json_get(one, "hardware"), out);
	show_texts("fixes:      ", json_get(one, "fixes"), out);
	if (json_get(one, "sbom"))
		report_line(
			out, "sbom:       %s, %lld bytes",
			json_text(json_get(json_get(one, "sbom"), "sha256")),
			(long long)json_int(
				json_get(json_get(one, "sbom"), "length")));
	show_health(json_get(one, "health"), out);
	show_packages(json_get(one, "packages"), out);
}

struct wanted {
	const struct asked *asked;
	struct report *out;
	char role[ROLE_NAME_LEN];
	struct err sbom; /* what is against the file that was brought */
};

static bool is_wanted(const struct wanted *w, const struct listed *l)
{
	return strcmp(json_text(json_get(l->release, "release")),
		      w->asked->id) == 0 &&
	       strcmp(json_text(json_get(l->release, "product")),
		      w->asked->product) == 0;
}

static bool show_if_wanted(void *ctx, const struct listed *l)
{
	struct wanted *w = ctx;

	if (!is_wanted(w, l))
		return false;
	show_release(l->release, w->out);
	report_line(w->out, "signed by:  %s", l->role);
	json_set(report_object(w->out), "release", json_clone(l->release));
	json_set_text(report_object(w->out), "role", l->role);
	if (!w->asked->sbom)
		return true;
	if (sbom_compare(w->asked->sbom, json_get(l->release, "sbom"),
			 &w->sbom) == 0)
		report_line(w->out, "%s is this SBOM", w->asked->sbom);
	return true;
}

static int err_unknown(const struct asked *a, struct err *e)
{
	return err_set(e, ERR_NOT_FOUND,
		       "%s has no release %s (release list shows them)",
		       a->product, a->id);
}

static int show(const struct asked *a, struct report *out, struct err *e)
{
	struct wanted w = { .asked = a, .out = out };
	struct repo r;
	int rc = 0;

	if (!a->product || !a->id)
		return err_set(e, ERR_USAGE, "--product and --id are needed");
	if (watch_open(a->repo, REPO_READ, &r, out, e))
		return -1;
	if (!each_release(&r, show_if_wanted, &w))
		rc = err_unknown(a, e);
	repo_close(&r);
	if (w.sbom.code == ERR_NONE)
		return rc;
	*e = w.sbom;
	return -1;
}

/* ---- withdraw ------------------------------------------------------------ */

static bool note_role(void *ctx, const struct listed *l)
{
	struct wanted *w = ctx;
	struct err ignored;

	/* A role's name fits where names of roles do. */
	return is_wanted(w, l) && text_format(w->role, sizeof(w->role),
					      &ignored, "%s", l->role) == 0;
}

static int withdraw_from(struct repo *r, const struct asked *a,
			 struct report *out, struct err *e)
{
	struct wanted w = { .asked = a, .out = out };
	int64_t now = utc_now();
	struct json *envelope;
	size_t removed;

	if (!each_release(r, note_role, &w))
		return err_unknown(a, e);
	if (repo_begin(r, w.role, now, &envelope, e))
		return -1;
	removed = listing_withdraw(tuf_envelope_signed(envelope), a->product,
				   a->id);
	if (change_stage(r, w.role, envelope, now, out, e))
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
	if (watch_open(a->repo, REPO_WRITE, &r, out, e))
		return -1;
	rc = withdraw_from(&r, a, out, e);
	repo_close(&r);
	return rc;
}

/* ---- retry --------------------------------------------------------------- */

static int retry_in(struct repo *r, const struct asked *a, struct report *out,
		    struct err *e)
{
	struct wanted w = { .asked = a, .out = out };
	int64_t now = utc_now(), retry;
	struct json *envelope;

	if (!each_release(r, note_role, &w))
		return err_unknown(a, e);
	if (repo_begin(r, w.role, now, &envelope, e))
		return -1;
	retry = listing_retry(tuf_envelope_signed(envelope), a->product, a->id);
	if (retry == 0) {
		json_free(envelope);
		return err_set(e, ERR_LIMIT,
			       "%s was tried again often enough: release it "
			       "anew",
			       a->id);
	}
	if (change_stage(r, w.role, envelope, now, out, e))
		return -1;
	report_line(out,
		    "staged: devices that took %s %s back try it again, once "
		    "(%lld)",
		    a->product, a->id, (long long)retry);
	json_set_int(report_object(out), "retry", retry);
	return 0;
}

static int try_again(const struct asked *a, struct report *out, struct err *e)
{
	struct repo r;
	int rc;

	if (!a->product || !a->id)
		return err_set(e, ERR_USAGE, "--product and --id are needed");
	if (watch_open(a->repo, REPO_WRITE, &r, out, e))
		return -1;
	rc = retry_in(&r, a, out, e);
	repo_close(&r);
	return rc;
}

/* -------------------------------------------------------------------------- */

/* What came with it, and what is to be done with that. */
struct job {
	int argc;
	char **argv;
	int (*work)(const struct asked *a, struct report *out, struct err *e);
};

static int start(const struct job *job, const struct opt *opts, struct asked *a,
		 struct report *out, struct err *e)
{
	char **operands;
	int count, rc;

	if (opt_parse(job->argc, job->argv, opts, &operands, &count, e))
		return -1;
	if (count == 1) {
		a->repo = operands[0];
		rc = job->work(a, out, e);
	} else
		rc = err_set(e, ERR_USAGE, "one REPO is needed");
	return report_end(out, rc, e);
}

static int run(int argc, char **argv,
	       int (*work)(const struct asked *a, struct report *out,
			   struct err *e),
	       struct err *e)
{
	const struct job job = { argc, argv, work };
	struct asked a = { 0 };
	struct report out = { 0 };
	const struct opt opts[] = {
		OPT_TEXT("product", "P", &a.product, "the product"),
		OPT_TEXT("id", "ID", &a.id, "the release"),
		OPT_FLAG("json", &out.json, "print JSON"),
		OPT_END,
	};

	return start(&job, opts, &a, &out, e);
}

int cmd_release_list(int argc, char **argv, struct err *e)
{
	return run(argc, argv, list, e);
}

int cmd_release_show(int argc, char **argv, struct err *e)
{
	const struct job job = { argc, argv, show };
	struct asked a = { 0 };
	struct report out = { 0 };
	const struct opt opts[] = {
		OPT_TEXT("product", "P", &a.product, "the product"),
		OPT_TEXT("id", "ID", &a.id, "the release"),
		OPT_TEXT("sbom", "FILE", &a.sbom,
			 "is this its bill of materials?"),
		OPT_FLAG("json", &out.json, "print JSON"),
		OPT_END,
	};

	return start(&job, opts, &a, &out, e);
}

int cmd_release_retry(int argc, char **argv, struct err *e)
{
	return run(argc, argv, try_again, e);
}

int cmd_release_withdraw(int argc, char **argv, struct err *e)
{
	return run(argc, argv, withdraw, e);
}
