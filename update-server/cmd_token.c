/* SPDX-License-Identifier: Apache-2.0 */
/* `token`: claim codes, in batches. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/claim.h"
#include "common/mem.h"
#include "common/text.h"
#include "common/utc.h"

#include "update-server/commands.h"
#include "update-server/ui.h"
#include "update-server/warrant_desk.h"

#define TOKEN_DAYS 30
#define TOKENS_MAX CODES_MAX
#define DAYS_MAX   400
#define NOTE_MAX   800 /* bytes of what the server notes, escaped */

/* ---- create -------------------------------------------------------------- */

struct order {
	const char *product, *model, *cohort, *until, *format, *replaces;
	uint64_t count, days, quota, per_hour;
	bool inactive, plain;
};

/* The code is all that a device needs; the rest is for whoever sticks it on. */
static void print_label(const struct order *o, const char *code, size_t number,
			size_t count)
{
	printf("+---------------------------------------+\n"
	       "| %-37.37s |\n"
	       "| %-37.37s |\n"
	       "| %-35.35s   |\n"
	       "+------------------------- %4zu /%5zu -+\n\n",
	       o->product, o->model, code, number, count);
}

static void print_codes(const struct order *o, const struct json *answer)
{
	const struct json *list = json_get(answer, "tokens");
	long long batch = json_int(json_get(answer, "batch"));
	bool csv = o->format && strcmp(o->format, "csv") == 0;
	bool labels = o->format && strcmp(o->format, "labels") == 0;

	if (csv)
		printf("batch,id,code,product,model,cohort\n");
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *one = json_at(list, i);
		const char *code = json_text(json_get(one, "claim"));

		if (csv)
			printf("%lld,%lld,%s,%s,%s,%s\n", batch,
			       (long long)json_int(json_get(one, "id")), code,
			       o->product, o->model, o->cohort);
		else if (labels)
			print_label(o, code, i + 1, json_count(list));
		else
			printf("%s\n", code);
	}
}

static void print_batch(const struct order *o, const struct json *answer)
{
	const char *expires = json_text(json_get(answer, "expires"));
	char note[NOTE_MAX];

	print_codes(o, answer);
	if (o->plain)
		return;
	fprintf(stderr,
		"batch %lld: %zu claim code(s), %s%s; they are not shown "
		"again\nroot %.*s: for token activate and revoke (--root)\n",
		(long long)json_int(json_get(answer, "batch")),
		json_count(json_get(answer, "tokens")),
		o->inactive ? "no good before `token activate`" : "good until ",
		o->inactive ? "" : expires, WARRANT_ROOT_MIN,
		json_text(json_get(answer, "codes_root")));
	text_escape(slice_of(json_text(json_get(answer, "note"))), note,
		    sizeof(note));
	if (note[0])
		fprintf(stderr, "note: %s\n", note);
}

static int check_order(const struct order *o, struct err *e)
{
	if (!o->product || !o->model || !o->cohort)
		return err_set(e, ERR_USAGE,
			       "--product, --model and --cohort are needed");
	if (o->count == 0)
		return err_set(e, ERR_USAGE, "--count: at least 1");
	if (o->replaces && o->count != 1)
		return err_set(e, ERR_USAGE,
			       "one device takes the place of another: one "
			       "code");
	if (o->format && strcmp(o->format, "csv") != 0 &&
	    strcmp(o->format, "labels") != 0 && strcmp(o->format, "plain") != 0)
		return err_set(e, ERR_USAGE,
			       "--format is plain, csv or labels");
	if (o->until && o->days > 0)
		return err_set(e, ERR_USAGE, "either --days or --until");
	return 0;
}

/* A day means its end. */
static int set_until(struct json *body, const char *until, struct err *e)
{
	char text[64];
	int64_t when;

	if (text_format(text, sizeof(text), e,
			strlen(until) == 10 ? "%sT23:59:59Z" : "%s", until) ||
	    utc_parse(slice_of(text), &when, e))
		return err_set(e, ERR_USAGE,
			       "--until is YYYY-MM-DD or a time "
			       "as YYYY-MM-DDTHH:MM:SSZ");
	json_set_text(body, "until", text);
	return 0;
}

static int order_json(const struct order *o, struct json *body, struct err *e)
{
	json_set_text(body, "product", o->product);
	json_set_text(body, "model", o->model);
	json_set_text(body, "cohort", o->cohort);
	json_set_int(body, "count", (int64_t)o->count);
	if (o->quota > 0)
		json_set_int(body, "quota", (int64_t)o->quota);
	if (o->per_hour > 0)
		json_set_int(body, "per_hour", (int64_t)o->per_hour);
	if (o->inactive)
		json_set_bool(body, "inactive", true);
	if (o->replaces)
		json_set_text(body, "replaces", o->replaces);
	if (o->until)
		return set_until(body, o->until, e);
	json_set_int(body, "days", (int64_t)(o->days ? o->days : TOKEN_DAYS));
	return 0;
}

typedef uint8_t claim_code[WIRE_CLAIM_LEN];

/* The server numbers the codes; what they are, only we know. */
static struct json *with_codes(const struct json *answer, claim_code *codes,
			       uint64_t count, const struct sha256 *root)
{
	const struct json *given = json_get(answer, "tokens");
	struct json *all = json_clone(answer), *list = json_new_array();
	char code[CLAIM_TEXT_LEN + 1];

	for (uint64_t i = 0; i < count; i++) {
		struct json *one = json_new_object();

		claim_format(codes[i], code);
		json_set_int(one, "id",
			     json_int(json_get(json_at(given, i), "id")));
		json_set_text(one, "claim", code);
		json_add(list, one);
	}
	json_set(all, "tokens", list);
	json_set_hex(all, "codes_root",
		     (struct slice){ root->bytes, SHA256_LEN });
	mem_wipe(code, sizeof(code));
	return all;
}

static int post(struct ui *u, const struct order *o, claim_code *codes,
		struct sha256 *root, struct json **out, struct err *e)
{
	const struct warrant_desk desk = { u->client, u->client, NULL };
	struct json *body = json_new_object();

	if (order_json(o, body, e) ||
	    warrant_desk_codes(&desk, body, codes, o->count, root, e)) {
		json_free(body);
		return -1;
	}
	return people_post(u->client, "/v1/people/tokens", body, out, e);
}

static int create(struct ui *u, const struct order *o, struct err *e)
{
	claim_code *codes = mem_alloc(o->count, sizeof(*codes));
	struct json *answer = NULL, *whole = NULL;
	struct sha256 root;
	int rc = post(u, o, codes, &root, &answer, e);

	if (rc == 0) {
		whole = with_codes(answer, codes, o->count, &root);
		if (u->json)
			rc = ui_print_json(whole, e);
		else
			print_batch(o, whole);
	}
	json_free(answer);
	json_free(whole);
	mem_wipe(codes, o->count * sizeof(*codes));
	free(codes);
	return rc;
}

int command_token_create(int argc, char **argv, struct err *e)
{
	struct order o = { .count = 1 };
	struct ui u = { 0 };
	const struct opt opts[] = {
		OPT_TEXT("product", "P", &o.product, "what the device is"),
		OPT_TEXT("model", "M", &o.model, "which model"),
		OPT_TEXT("cohort", "C", &o.cohort, "the cohort it joins"),
		OPT_NUMBER("count", "N", &o.count, TOKENS_MAX, "how many (1)"),
		OPT_NUMBER("days", "D", &o.days, DAYS_MAX,
			   "good so long, from activation on (30)"),
		OPT_TEXT("until", "DATE", &o.until, "good until then"),
		OPT_FLAG("inactive", &o.inactive,
			 "no good before `token activate`"),
		OPT_NUMBER("quota", "N", &o.quota, TOKENS_MAX,
			   "at most so many of them are used"),
		OPT_NUMBER("per-hour", "N", &o.per_hour, TOKENS_MAX,
			   "and so many in an hour"),
		OPT_TEXT("replaces", "DEVICE", &o.replaces,
			 "who uses it takes this device's place"),
		OPT_TEXT("format", "F", &o.format, "plain, csv or labels"),
		OPT_FLAG("plain", &o.plain, "print the codes and nothing else"),
		UI_OPTIONS(&u),
		OPT_END,
	};
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 0, e) == 0 &&
	    check_order(&o, e) == 0)
		rc = create(&u, &o, e);
	ui_done(&u);
	return rc;
}

/* ---- lists --------------------------------------------------------------- */

int command_token_list(int argc, char **argv, struct err *e)
{
	static const char *const columns[] = { "id",      "state",  "product",
					       "model",   "cohort", "batch",
					       "expires", "device", NULL };

	return ui_list(argc, argv, "/v1/people/tokens", "tokens", columns, e);
}

int command_token_batches(int argc, char **argv, struct err *e)
{
	static const char *const columns[] = { "batch",   "state",    "product",
					       "model",   "cohort",   "codes",
					       "used",    "silent",   "revoked",
					       "quota",   "per_hour", "expires",
					       "refused", NULL };

	return ui_list(argc, argv, "/v1/people/token-batches", "batches",
		       columns, e);
}

/* ---- activation and revocation ------------------------------------------- */

#define ROOT_OPTION(u)                                                         \
	OPT_TEXT("root", "ROOT", &(u)->root,                                   \
		 "only if it is of these codes, as `token create` said")

static int parse_id(const char *text, const char *what, uint64_t *id,
		    struct err *e)
{
	if (num_parse(slice_of(text), JSON_INT_MAX, id, e) || *id == 0)
		return err_set(e, ERR_USAGE, "%s: not a number of a list",
			       what);
	return 0;
}

int command_token_activate(int argc, char **argv, struct err *e)
{
	struct ui u = { 0 };
	const struct opt opts[] = { ROOT_OPTION(&u), UI_OPTIONS(&u), OPT_END };
	struct json *body;
	uint64_t id;
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e) ||
	    parse_id(u.operands[0], "BATCH", &id, e))
		goto out;
	/* What opens something names what it opens. To withdraw is harmless,
	 * and must be possible for who has lost the root with the codes. */
	if (!u.root) {
		(void)err_set(e, ERR_USAGE,
			      "--root ROOT, which `token create` printed: the "
			      "number is the server's word, and could lead to "
			      "another batch");
		goto out;
	}
	body = json_new_object();
	json_set_int(body, "batch", (int64_t)id);
	rc = ui_act(&u, "/v1/people/token-activate", body,
		    "active: its codes are good from now on", e);
out:
	ui_done(&u);
	return rc;
}

int command_token_revoke(int argc, char **argv, struct err *e)
{
	struct ui u = { 0 };
	const char *batch = NULL, *reason = NULL;
	const struct opt opts[] = {
		OPT_TEXT("batch", "BATCH", &batch, "all that are not used"),
		OPT_TEXT("reason", "TEXT", &reason, "why, for the others"),
		ROOT_OPTION(&u),
		UI_OPTIONS(&u),
		OPT_END,
	};
	struct json *body;
	uint64_t id;
	int rc = -1;

	if (ui_start_any(&u, argc, argv, opts, e))
		goto out;
	if (u.operand_count != (batch ? 0 : 1)) {
		(void)err_set(e, ERR_USAGE, "name one ID, or --batch BATCH");
		goto out;
	}
	if (parse_id(batch ? batch : u.operands[0], batch ? "--batch" : "ID",
		     &id, e))
		goto out;
	if (ui_need_reason(reason, e))
		goto out;
	body = json_new_object();
	json_set_int(body, batch ? "batch" : "id", (int64_t)id);
	json_set_text(body, "reason", reason);
	rc = ui_act(&u, "/v1/people/token-revoke", body, "revoked", e);
out:
	ui_done(&u);
	return rc;
}
