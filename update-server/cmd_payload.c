/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `release verify`: what the server stores of a release against what this
 * machine verified itself. `release gc`: payload files that nothing refers to.
 */
#include <stdio.h>
#include <string.h>

#include "common/text.h"

#include "update-server/commands.h"
#include "update-server/order_trust.h"
#include "update-server/ui.h"

/* ---- verify -------------------------------------------------------------- */

struct verification {
	struct ui ui;
	struct order_trust trust;
	struct json *stored; /* the server's release */
	struct json *list;   /* what was found of each package */
	size_t signed_count, bad, missing;
};

/* The package that the server stores under this path; NULL: none. */
static const struct json *stored_package(const struct verification *v,
					 const char *path)
{
	const struct json *packages =
		json_get(json_get(v->stored, "detail"), "packages");

	for (size_t i = 0; i < json_count(packages); i++) {
		const struct json *p = json_at(packages, i);

		if (strcmp(json_text(json_get(p, "path")), path) == 0)
			return p;
	}
	return NULL;
}

static bool is_stored_as_signed(const struct json *stored,
				const struct tuf_target *t)
{
	char hex[SHA256_HEX_LEN];

	sha256_format(&t->sha256, hex);
	return strcmp(json_text(json_get(stored, "sha256")), hex) == 0 &&
	       (uint64_t)json_int(json_get(stored, "bytes")) == t->length;
}

static int ask_file(struct verification *v, const struct tuf_target *t,
		    const char **state, struct err *e)
{
	static const char *const known[] = { "whole", "damaged", "missing" };
	char path[128], hex[SHA256_HEX_LEN];
	struct json *answer = NULL;
	const char *is;

	sha256_format(&t->sha256, hex);
	if (text_format(path, sizeof(path), e, "/v1/people/payload-verify/%s",
			hex) ||
	    people_get(v->ui.client, path, &answer, e))
		return -1;
	is = json_text(json_get(answer, "state"));
	*state = "damaged";
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(is, known[i]) == 0)
			*state = known[i];
	json_free(answer);
	return 0;
}

static int see_package(void *ctx, const struct tuf_target *t,
		       const struct release *r, struct err *e)
{
	struct verification *v = ctx;
	const struct json *stored = stored_package(v, t->path);
	const char *state = NULL;
	struct json *one;

	if (!stored)
		state = "not imported";
	else if (!is_stored_as_signed(stored, t))
		state = "not as signed";
	else if (ask_file(v, t, &state, e))
		return -1;
	one = json_new_object();
	json_set_text(one, "path", t->path);
	json_set_text(one, "kind", r->kind == PACKAGE_DELTA ? "delta" : "full");
	json_set_int(one, "bytes", (int64_t)t->length);
	json_set_text(one, "state", state);
	json_add(v->list, one);
	v->signed_count++;
	v->bad += strcmp(state, "damaged") == 0 ||
		  strcmp(state, "not as signed") == 0;
	v->missing += strcmp(state, "missing") == 0 ||
		      strcmp(state, "not imported") == 0;
	return 0;
}

/* What the server stores beside them, signed by nobody (any more). */
static size_t unsigned_count(const struct verification *v)
{
	size_t stored =
		json_count(json_get(json_get(v->stored, "detail"), "packages"));
	size_t known = 0;

	for (size_t i = 0; i < json_count(v->list); i++)
		known += stored_package(v,
					json_text(json_get(json_at(v->list, i),
							   "path"))) != NULL;
	return stored - known;
}

/* What devices are told to run is the content: it must be the signed one. */
static int check_content(struct verification *v, const char *product,
			 const char *id, bool *same, struct err *e)
{
	char hex[SHA256_HEX_LEN];
	struct release r = { .seq = 0 };
	int rc = order_trust_release(&v->trust, product, id, &r, e);

	if (rc == 0) {
		sha256_format(&r.digest, hex);
		*same = strcmp(json_text(json_get(v->stored, "digest")), hex) ==
				0 &&
			(uint64_t)json_int(json_get(v->stored, "seq")) == r.seq;
	}
	release_done(&r);
	return rc;
}

static int say(struct verification *v, bool same, struct err *e)
{
	static const char *const columns[] = { "state", "kind", "bytes", "path",
					       NULL };
	struct json *j;
	int rc;

	if (!v->ui.json) {
		ui_table(v->list, columns);
		if (!same)
			printf("its content or number is not the signed one\n");
		return 0;
	}
	j = json_new_document();
	json_set_bool(j, "content", same);
	json_set_int(j, "unsigned", (int64_t)unsigned_count(v));
	json_set(j, "packages", json_clone(v->list));
	rc = ui_print_json(j, e);
	json_free(j);
	return rc;
}

static int verify(struct verification *v, const char *product, const char *id,
		  struct err *e)
{
	size_t others;
	bool same;

	if (order_trust_open(v->ui.client, &v->trust, e) ||
	    order_trust_packages(&v->trust, product, id, see_package, v, e) ||
	    check_content(v, product, id, &same, e) || say(v, same, e))
		return -1;
	others = unsigned_count(v);
	if (v->bad > 0 || others > 0 || !same)
		return err_set(e, ERR_UNTRUSTED,
			       "%zu of %zu packages are damaged or not as "
			       "signed, and %zu are signed by nobody: bring "
			       "what was published again, release import DIR "
			       "--again",
			       v->bad, v->signed_count, others);
	if (v->missing > 0)
		return err_set(e, ERR_NOT_FOUND,
			       "%zu of %zu packages are missing: bring what "
			       "was published again, release import DIR "
			       "--again",
			       v->missing, v->signed_count);
	if (!v->ui.json)
		printf("%zu packages are what was signed\n", v->signed_count);
	return 0;
}

static int fetch_stored(struct verification *v, const char *product,
			struct err *e)
{
	char prefix[128] = "/v1/people/release/", path[256];

	if (product && !name_is_valid(slice_of(product)))
		return err_set(e, ERR_USAGE, "%s: not a name", product);
	if (product && text_format(prefix, sizeof(prefix), e,
				   "/v1/people/release/%s/", product))
		return -1;
	return ui_path(prefix, v->ui.operands[0], path, sizeof(path), e) ||
			       people_get(v->ui.client, path, &v->stored, e)
		       ? -1
		       : 0;
}

int command_release_verify(int argc, char **argv, struct err *e)
{
	struct verification v = { .trust = { .dirfd = -1 },
				  .list = json_new_array() };
	const char *product = NULL;
	const struct opt opts[] = {
		OPT_TEXT("product", "P", &product, "of which product"),
		UI_OPTIONS(&v.ui),
		OPT_END,
	};
	int rc = -1;

	if (ui_start(&v.ui, argc, argv, opts, 1, e) == 0 &&
	    fetch_stored(&v, product, e) == 0)
		rc = verify(&v, json_text(json_get(v.stored, "product")),
			    v.ui.operands[0], e);
	order_trust_close(&v.trust);
	json_free(v.stored);
	json_free(v.list);
	ui_done(&v.ui);
	return rc;
}

/* ---- gc ------------------------------------------------------------------ */

static int show_unused(struct ui *u, struct err *e)
{
	static const char *const columns[] = { "bytes", "since", "file", NULL };
	struct json *j = NULL;
	char size[16];
	int rc = 0;

	if (people_get(u->client, "/v1/people/payloads-unused", &j, e))
		return -1;
	if (u->json) {
		rc = ui_print_json(j, e);
	} else {
		if (json_int(json_get(j, "files")) > 0)
			ui_table(json_get(j, "unused"), columns);
		text_size((uint64_t)json_int(json_get(j, "bytes")), size);
		printf("%lld files, %s, of no use; %lld are referred to, %lld "
		       "came within a day\n",
		       (long long)json_int(json_get(j, "files")), size,
		       (long long)json_int(json_get(j, "referred")),
		       (long long)json_int(json_get(j, "recent")));
		if (json_int(json_get(j, "files")) > 0)
			printf("nothing was removed; to remove them:\n"
			       "  release gc --reason TEXT --plan %s\n",
			       json_text(json_get(j, "plan")));
		if (json_text(json_get(j, "asked_by"))[0])
			printf("%s said so: another person has to say the "
			       "same\n",
			       json_text(json_get(j, "asked_by")));
	}
	json_free(j);
	return rc;
}

static int remove_unused(struct ui *u, const char *plan, const char *reason,
			 struct err *e)
{
	struct json *body, *j = NULL;
	char size[16];
	int rc = 0;

	if (ui_check_plan(plan, "release gc", e))
		return -1;
	body = json_new_object();
	json_set_text(body, "plan", plan);
	json_set_text(body, "reason", reason);
	if (people_post(u->client, "/v1/people/payloads-remove", body, &j, e))
		return -1;
	text_size((uint64_t)json_int(json_get(j, "bytes")), size);
	if (u->json)
		rc = ui_print_json(j, e);
	else if (json_get(j, "second_person"))
		printf("nothing was removed: a second person has to say the "
		       "same\n");
	else
		printf("removed %lld files: %s are free\n",
		       (long long)json_int(json_get(j, "files")), size);
	if (rc == 0 && !u->json && json_int(json_get(j, "busy")) > 0)
		printf("%lld stay, for they are being read\n",
		       (long long)json_int(json_get(j, "busy")));
	json_free(j);
	return rc;
}

int command_release_gc(int argc, char **argv, struct err *e)
{
	const char *plan = NULL, *reason = NULL;
	struct ui u = { 0 };
	const struct opt opts[] = {
		OPT_TEXT("plan", "SHA256", &plan,
			 "what it showed: without, it only shows"),
		OPT_TEXT("reason", "TEXT", &reason, "why, for the others"),
		UI_OPTIONS(&u),
		OPT_END,
	};
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 0, e))
		goto out;
	if (!plan != !reason)
		(void)err_set(e, ERR_USAGE, "--plan and --reason go together");
	else
		rc = plan ? remove_unused(&u, plan, reason, e)
			  : show_unused(&u, e);
out:
	ui_done(&u);
	return rc;
}
