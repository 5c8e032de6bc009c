/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `rollout plan|sign|halt|baseline|assign|approve|staged|discard`: orders that
 * operators sign with their own keys, through the server or in a folder.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/assign.h"
#include "common/bucket.h"
#include "common/fs.h"
#include "common/mem.h"
#include "common/order_draft.h"
#include "common/utc.h"

#include "update-server/commands.h"
#include "update-server/order_change.h"
#include "update-server/ui.h"

struct asked {
	struct ui ui;
	struct order_ask order;
	struct opt_list keys;
	const char *folder, *plan, *sha256, *role, *reason, *list;
	uint64_t passphrase_fd, version;
	bool lab;
};

/* One command's work; on the heap, for it is large. */
struct work {
	struct asked *asked;
	struct order_trust trust;
	struct order_desk desk;
	struct order_change_set change;
	struct release release;
	struct order at[ORDER_PLACES];
	struct order_set now; /* the release's orders; borrowed from `at` */
};

#define KEY_OPTIONS(a)                                                         \
	OPT_LIST("key", "FILE", &(a)->keys, "your own, for orders"),           \
		OPT_NUMBER("passphrase-fd", "N", &(a)->passphrase_fd, INT_MAX, \
			   "passphrases from this descriptor"),                \
		OPT_TEXT("folder", "DIR", &(a)->folder,                        \
			 "keep it there, to be carried, not on the server"),   \
		UI_OPTIONS(&(a)->ui)

/* ---- planning ------------------------------------------------------------ */

struct plan {
	struct json *answer; /* the server's, with what was asked for */
	uint64_t limit;
	struct sha256 hash;
};

static int hash_plan(const struct json *j, struct sha256 *out, struct err *e)
{
	struct buf bytes = BUF_INIT(65536);
	int rc = json_canonical(j, &bytes, e);

	if (rc == 0)
		sha256_of(buf_slice(&bytes), out);
	buf_done(&bytes);
	return rc;
}

static struct json *plan_body(const struct asked *a, uint32_t share)
{
	struct json *body = json_new_object(), *cohorts = json_new_array();

	for (size_t i = 0; i < a->order.cohorts.count; i++)
		json_add(cohorts, json_new_text(a->order.cohorts.at[i]));
	json_set_text(body, "product", a->ui.operands[0]);
	json_set_text(body, "release", a->ui.operands[1]);
	json_set(body, "cohorts", cohorts);
	json_set_int(body, "share", share);
	return body;
}

static int ask_plan(const struct asked *a, struct plan *out, struct err *e)
{
	uint32_t share = BUCKET_SHARE_ALL;
	struct json *body;
	const char *limit;

	if (a->order.cohorts.count == 0)
		return err_set(e, ERR_USAGE, "--cohort is needed");
	if (a->order.share && bucket_parse_share(a->order.share, &share, e))
		return err_in(e, "--share");
	body = plan_body(a, share);
	if (people_post(a->ui.client, "/v1/people/order-plan", body,
			&out->answer, e))
		return -1;
	body = plan_body(a, share);
	json_set(out->answer, "cohorts", json_clone(json_get(body, "cohorts")));
	json_set_int(out->answer, "share", share);
	json_free(body);
	return json_get_text(out->answer, "limit", &limit, e) ||
			       bucket_parse_limit(slice_of(limit), &out->limit,
						  e) ||
			       hash_plan(out->answer, &out->hash, e)
		       ? -1
		       : 0;
}

static int print_plan(const struct asked *a, struct plan *p, struct err *e)
{
	static const char *const fields[] = { "product", "release", "cohorts",
					      "limit",   "opens",   "computed",
					      "devices", "plan",    NULL };
	char share[16], hash[SHA256_HEX_LEN];

	bucket_format_share(p->limit, share);
	sha256_format(&p->hash, hash);
	json_set_text(p->answer, "computed", share);
	json_set_text(p->answer, "plan", hash);
	if (a->ui.json)
		return ui_print_json(p->answer, e);
	ui_fields(p->answer, fields);
	printf("\n\"opens\" and \"devices\" are what the server believes; "
	       "\"computed\" is limit / 2^64.\n"
	       "Compare devices with what you know, and say it yourself: "
	       "rollout sign ... --devices N\n");
	return 0;
}

int command_order_plan(int argc, char **argv, struct err *e)
{
	struct asked a = { .folder = NULL };
	const struct opt opts[] = {
		OPT_LIST("cohort", "C", &a.order.cohorts, "to whom"),
		OPT_TEXT("share", "PERCENT", &a.order.share, "of them (100)"),
		UI_OPTIONS(&a.ui),
		OPT_END,
	};
	struct plan p = { .answer = NULL };
	int rc = -1;

	if (ui_start(&a.ui, argc, argv, opts, 2, e) == 0 &&
	    ask_plan(&a, &p, e) == 0)
		rc = print_plan(&a, &p, e);
	json_free(p.answer);
	ui_done(&a.ui);
	return rc;
}

/* The server's limit for a share; what it may be is the draft's to judge. */
static int use_plan(struct work *w, char limit[BUCKET_TEXT_LEN], struct err *e)
{
	struct asked *a = w->asked;
	struct plan p = { .answer = NULL };
	uint32_t share = BUCKET_SHARE_ALL;
	char hash[SHA256_HEX_LEN];
	int rc = -1;

	if (a->order.share && bucket_parse_share(a->order.share, &share, e))
		return err_in(e, "--share");
	if (!a->plan && (a->order.limit || share == BUCKET_SHARE_ALL))
		return 0;
	if (!a->order.share || a->order.fleet == 0)
		return err_set(e, ERR_USAGE,
			       "a share wants --devices N, how many devices "
			       "there are as you know it: the server's plan is "
			       "compared with that");
	if (ask_plan(a, &p, e))
		goto out;
	sha256_format(&p.hash, hash);
	if (a->plan && strcmp(a->plan, hash) != 0) {
		(void)err_set(e, ERR_CONFLICT,
			      "the plan is another one now: look at rollout "
			      "plan again");
		goto out;
	}
	bucket_format_limit(p.limit, limit);
	a->order.limit = limit;
	rc = 0;
out:
	json_free(p.answer);
	return rc;
}

/* ---- signing ------------------------------------------------------------- */

static int finish(struct work *w, struct json *answer, struct err *e)
{
	char digest[SHA256_HEX_LEN];
	const struct json *words = w->change.words;
	struct asked *a = w->asked;

	sha256_format(&w->change.digest, digest);
	if (a->ui.json) {
		json_set(answer, "words", json_clone(words));
		json_set_text(answer, "sha256", digest);
		return ui_print_json(answer, e);
	}
	for (size_t i = 0; i < json_count(words); i++)
		printf("%s\n", json_text(json_at(words, i)));
	if (json_get(answer, "folder"))
		printf("\nsigned, in %s: carry it on, or release import it\n",
		       a->folder);
	else if (json_get(answer, "signatures"))
		printf("\n%lld of %lld signatures: %s\n",
		       (long long)json_int(json_get(answer, "signatures")),
		       (long long)json_int(json_get(answer, "threshold")),
		       json_int(json_get(answer, "signatures")) >=
				       json_int(json_get(answer, "threshold"))
			       ? "it is in force"
			       : "it waits for another operator (rollout "
				 "approve)");
	else
		printf("\nsigned is what has this digest; nothing was signed "
		       "yet:\n  rollout approve --key FILE --sha256 %s\n",
		       digest);
	return 0;
}

static int sign(struct work *w, struct err *e)
{
	const struct asked *a = w->asked;
	struct keyring keys = { .count = 0 };
	struct json *answer = NULL;
	int rc = -1;

	if (keyring_open(&keys, &a->keys, w->trust.environment,
			 a->passphrase_fd, e) == 0 &&
	    order_change_sign(&w->change, &keys, &answer, e) == 0)
		rc = finish(w, answer, e);
	json_free(answer);
	keyring_close(&keys);
	return rc;
}

/* ---- what is asked for --------------------------------------------------- */

/* The orders of another release are the same release's to number. */
static int find_orders(struct work *w, const char *product, const char *id,
		       struct err *e)
{
	const struct order_facts facts = order_change_facts(&w->change);

	order_step_orders_done(&w->now, w->at);
	release_done(&w->release);
	return order_trust_release(&w->trust, product, id, &w->release, e) ||
			       order_step_orders(&facts, product, id, w->at,
						 &w->now, e)
		       ? -1
		       : 0;
}

static int put_halt(struct work *w, enum order_place place, struct err *e)
{
	struct order halt;

	order_draft_halt(&w->now, &w->release, w->asked->order.now, &halt);
	return order_change_put(&w->change, place, &halt, e);
}

static int put_phase(struct work *w, struct err *e)
{
	enum order_place place = order_ask_place(&w->asked->order);
	char limit[BUCKET_TEXT_LEN], product[NAME_MAX_LEN + 1],
		undone[NAME_MAX_LEN + 1];
	struct order o;
	int rc;

	if (use_plan(w, limit, e) ||
	    order_draft_open(&w->now, &w->release, &w->asked->order, &o, e))
		return -1;
	rc = order_change_put(&w->change, place, &o, e);
	order_done(&o);
	if (rc || !release_is_undo(&w->release))
		return rc;
	/* Opening the way back closes the way there, with one signature. */
	memcpy(product, w->release.product, sizeof(product));
	memcpy(undone, w->release.undo_of, sizeof(undone));
	return find_orders(w, product, undone, e) ? -1 : put_halt(w, place, e);
}

static int drop_if_covered(struct work *w, const struct order *next,
			   const char *path, const struct json *entry,
			   struct err *e)
{
	const struct order_facts facts = order_change_facts(&w->change);
	struct buf bytes = BUF_INIT(ORDER_BYTES_MAX);
	struct order former;
	int rc = -1;

	if (facts.document(facts.ctx, path, entry, &bytes, e) ||
	    order_parse(buf_slice(&bytes), &former, e))
		goto out;
	rc = order_draft_replaces(next, &former)
		     ? order_change_remove(&w->change, path, e)
		     : 0;
	order_done(&former);
out:
	buf_done(&bytes);
	return rc;
}

/* Former baselines of the product whose cohorts have a newer one now. */
static int drop_former(struct work *w, const struct order *next, struct err *e)
{
	const struct json *list = json_get(w->trust.wide, "targets");
	char prefix[PATH_MAX_LEN], own[PATH_MAX_LEN];

	if (text_format(prefix, sizeof(prefix), e, "%s/%s/",
			order_folder(ORDER_BASE), next->product) ||
	    order_path(ORDER_BASE, next->product, next->release, own, e))
		return -1;
	for (void *m = json_first(list); m; m = json_next(list, m))
		if (strncmp(json_name(m), prefix, strlen(prefix)) == 0 &&
		    strcmp(json_name(m), own) != 0 &&
		    drop_if_covered(w, next, json_name(m), json_value(m), e))
			return -1;
	return 0;
}

static int put_baseline(struct work *w, struct err *e)
{
	struct order o;
	int rc;

	if (order_draft_passed(&w->now, &w->release, &w->asked->order, e) ||
	    order_draft_baseline(&w->now, &w->release, &w->asked->order, &o, e))
		return -1;
	rc = order_change_put(&w->change, ORDER_BASE, &o, e) ||
			     drop_former(w, &o, e)
		     ? -1
		     : 0;
	order_done(&o);
	return rc;
}

static int put_stop(struct work *w, struct err *e)
{
	return put_halt(w, order_ask_place(&w->asked->order), e);
}

static int next_version(struct work *w, const char *path, uint64_t *out,
			struct err *e)
{
	const struct json *entry =
		json_get(json_get(w->trust.wide, "targets"), path);
	const struct order_facts facts = order_change_facts(&w->change);
	struct buf bytes = BUF_INIT(ASSIGN_BYTES_MAX);
	struct assign now = { .version = 0 };
	int rc = entry && (facts.document(facts.ctx, path, entry, &bytes, e) ||
			   assign_parse(buf_slice(&bytes), &now, e))
			 ? -1
			 : 0;

	*out = now.version + 1;
	buf_done(&bytes);
	return rc;
}

/* One device's, in the change. */
static int assign_one(struct work *w, const char *device, const char *cohort,
		      struct err *e)
{
	const struct asked *a = w->asked;
	struct assign to = { .issued = a->order.now, .lab = a->lab };
	struct buf bytes = BUF_INIT(ASSIGN_BYTES_MAX);
	char path[PATH_MAX_LEN];
	int rc = -1;

	if (hex_parse(slice_of(device), to.device.bytes, DEVICE_ID_LEN, e)) {
		(void)err_set(e, ERR_USAGE, "%.64s: not a device's id", device);
		goto out;
	}
	memcpy(to.cohort, cohort, strlen(cohort) + 1);
	if (assign_path(&to.device, path, e) == 0 &&
	    next_version(w, path, &to.version, e) == 0 &&
	    assign_format(&to, &bytes, e) == 0)
		rc = order_change_document(&w->change, path, "assignment",
					   buf_slice(&bytes), e);
out:
	buf_done(&bytes);
	return rc;
}

static int put_assignment(struct work *w, struct err *e)
{
	const struct asked *a = w->asked;

	if (a->order.cohorts.count != 1 ||
	    !name_is_valid(slice_of(a->order.cohorts.at[0])))
		return err_set(e, ERR_USAGE,
			       "a device's id and one --cohort are needed");
	return assign_one(w, a->ui.operands[0], a->order.cohorts.at[0], e);
}

/* ---- several at once ----------------------------------------------------- */

#define LIST_FILE_MAX 65536

/* A line of a list: an id, and nothing else. "#" begins a remark. */
static bool next_id(struct slice *text, char out[2 * DEVICE_ID_LEN + 2])
{
	while (text->len > 0) {
		const uint8_t *end = memchr(text->ptr, '\n', text->len);
		size_t len = end ? (size_t)(end - text->ptr) : text->len;
		struct slice line = slice_sub(*text, 0, len);

		*text = slice_sub(*text, end ? len + 1 : len,
				  text->len - (end ? len + 1 : len));
		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		/* One that is too long stays no id when it is cut. */
		len = line.len < 2 * DEVICE_ID_LEN + 1 ? line.len
						       : 2 * DEVICE_ID_LEN + 1;
		memcpy(out, line.ptr, len);
		out[len] = 0;
		return true;
	}
	return false;
}

static int assign_listed(struct work *w, const char *cohort, size_t *count,
			 struct err *e)
{
	struct buf file = BUF_INIT(LIST_FILE_MAX);
	char id[2 * DEVICE_ID_LEN + 2];
	struct slice left;
	int rc = fs_read_path(w->asked->list, &file, e);

	left = buf_slice(&file);
	while (rc == 0 && next_id(&left, id)) {
		rc = assign_one(w, id, cohort, e);
		++*count;
	}
	buf_done(&file);
	return rc;
}

static int put_assignments(struct work *w, struct err *e)
{
	const struct asked *a = w->asked;
	const char *cohort = a->ui.operands[0];
	size_t count = (size_t)a->ui.operand_count - 1;

	if (!name_is_valid(slice_of(cohort)))
		return err_set(e, ERR_USAGE,
			       "a name has small letters, digits, . _ -");
	for (int i = 1; i < a->ui.operand_count; i++)
		if (assign_one(w, a->ui.operands[i], cohort, e))
			return -1;
	if (a->list && assign_listed(w, cohort, &count, e))
		return -1;
	return count > 0 ? 0
			 : err_set(e, ERR_USAGE,
				   "name devices by their ids, or --file");
}

/* ---- commands ------------------------------------------------------------ */

typedef int prepare_change(struct work *w, struct err *e);

static int make(struct work *w, prepare_change *prepare, struct err *e)
{
	struct asked *a = w->asked;

	a->order.now = utc_now();
	a->order.production = w->trust.environment == ENV_PRODUCTION;
	if (a->keys.count == 0)
		return err_set(e, ERR_USAGE, "--key FILE is needed");
	if ((prepare != put_assignment && prepare != put_assignments &&
	     find_orders(w, a->ui.operands[0], a->ui.operands[1], e)) ||
	    prepare(w, e) || order_change_make(&w->change, a->order.now, e))
		return -1;
	return sign(w, e);
}

/* To approve is to sign what this machine has shown before. */
static int approve(struct work *w, struct err *e)
{
	struct asked *a = w->asked;
	char digest[SHA256_HEX_LEN];
	struct json *nothing;
	int rc;

	if (order_change_take(&w->change, e))
		return -1;
	if (a->keys.count == 0) {
		nothing = json_new_object();
		rc = finish(w, nothing, e);
		json_free(nothing);
		return rc;
	}
	sha256_format(&w->change.digest, digest);
	if (!a->sha256 || strcmp(a->sha256, digest) != 0)
		return err_set(e, a->sha256 ? ERR_CONFLICT : ERR_USAGE,
			       "--sha256 %s: look first (rollout approve "
			       "without --key), then sign what you saw",
			       a->sha256 ? "is not what waits now"
					 : "is needed");
	return sign(w, e);
}

static int work_on(struct asked *a, const char *role, prepare_change *prepare,
		   struct err *e)
{
	struct work *w = mem_alloc(1, sizeof(*w));
	int rc = -1;

	w->asked = a;
	w->trust.dirfd = -1;
	w->desk.dirfd = -1;
	w->change.trust = &w->trust;
	w->change.desk = &w->desk;
	w->change.role = role;
	if (order_trust_open(a->ui.client, &w->trust, e) == 0 &&
	    order_desk_open(a->ui.client, a->folder, &w->desk, e) == 0) {
		w->desk.reason = a->reason;
		rc = prepare ? make(w, prepare, e) : approve(w, e);
	}
	order_change_done(&w->change);
	order_step_orders_done(&w->now, w->at);
	release_done(&w->release);
	order_desk_close(&w->desk);
	order_trust_close(&w->trust);
	free(w);
	return rc;
}

static const char *role_of(const struct asked *a)
{
	return order_role(order_ask_place(&a->order));
}

int command_rollout_sign(int argc, char **argv, struct err *e)
{
	struct asked a = { .passphrase_fd = KEYRING_TERMINAL };
	const struct opt opts[] = {
		ORDER_ASK_OPTIONS(&a.order),
		OPT_TEXT("plan", "SHA256", &a.plan, "of this plan, or not"),
		KEY_OPTIONS(&a),
		OPT_END,
	};
	int rc = -1;

	if (ui_start(&a.ui, argc, argv, opts, 2, e) == 0)
		rc = work_on(&a, role_of(&a), put_phase, e);
	ui_done(&a.ui);
	return rc;
}

int command_rollout_halt(int argc, char **argv, struct err *e)
{
	struct asked a = { .passphrase_fd = KEYRING_TERMINAL };
	const struct opt opts[] = {
		OPT_TEXT("reason", "TEXT", &a.reason, "why, for the others"),
		OPT_FLAG("wide", &a.order.wide,
			 "signed by two: as firm as a baseline"),
		KEY_OPTIONS(&a),
		OPT_END,
	};
	int rc = -1;

	if (ui_start(&a.ui, argc, argv, opts, 2, e))
		goto out;
	/* In a folder nobody is told. */
	if (a.folder || ui_need_reason(a.reason, e) == 0)
		rc = work_on(&a, role_of(&a), put_stop, e);
out:
	ui_done(&a.ui);
	return rc;
}

int command_rollout_baseline(int argc, char **argv, struct err *e)
{
	struct asked a = { .passphrase_fd = KEYRING_TERMINAL };
	const struct opt opts[] = {
		OPT_LIST("cohort", "C", &a.order.cohorts, "whole cohorts"),
		OPT_NUMBER("days", "N", &a.order.days, 400,
			   "life of the order (that of its role)"),
		KEY_OPTIONS(&a),
		OPT_END,
	};
	int rc = -1;

	if (ui_start(&a.ui, argc, argv, opts, 2, e) == 0)
		rc = work_on(&a, ORDER_ROLE_WIDE, put_baseline, e);
	ui_done(&a.ui);
	return rc;
}

int command_rollout_assign(int argc, char **argv, struct err *e)
{
	struct asked a = { .passphrase_fd = KEYRING_TERMINAL };
	const struct opt opts[] = {
		OPT_LIST("cohort", "C", &a.order.cohorts, "its new cohort"),
		OPT_FLAG("lab", &a.lab, "it takes nightly builds, too"),
		KEY_OPTIONS(&a),
		OPT_END,
	};
	int rc = -1;

	if (ui_start(&a.ui, argc, argv, opts, 1, e) == 0)
		rc = work_on(&a, ORDER_ROLE_WIDE, put_assignment, e);
	ui_done(&a.ui);
	return rc;
}

int command_cohort_add(int argc, char **argv, struct err *e)
{
	struct asked a = { .passphrase_fd = KEYRING_TERMINAL };
	const struct opt opts[] = {
		OPT_TEXT("file", "FILE", &a.list, "ids of devices, one a line"),
		OPT_FLAG("lab", &a.lab, "they take nightly builds, too"),
		KEY_OPTIONS(&a),
		OPT_END,
	};
	int rc = -1;

	if (ui_start_any(&a.ui, argc, argv, opts, e))
		goto out;
	rc = a.ui.operand_count > 0
		     ? work_on(&a, ORDER_ROLE_WIDE, put_assignments, e)
		     : err_set(e, ERR_USAGE, "name a cohort, and devices");
out:
	ui_done(&a.ui);
	return rc;
}

int command_order_approve(int argc, char **argv, struct err *e)
{
	struct asked a = { .passphrase_fd = KEYRING_TERMINAL };
	const struct opt opts[] = {
		OPT_TEXT("sha256", "DIGEST", &a.sha256, "what you saw"),
		KEY_OPTIONS(&a),
		OPT_END,
	};
	int rc = -1;

	if (ui_start(&a.ui, argc, argv, opts, 0, e) == 0)
		rc = work_on(&a, ORDER_ROLE_WIDE, NULL, e);
	ui_done(&a.ui);
	return rc;
}

int command_rollout_staged(int argc, char **argv, struct err *e)
{
	static const char *const columns[] = { "role", "version", "signatures",
					       "since", NULL };

	return ui_list(argc, argv, "/v1/people/orders", "staged", columns, e);
}

int command_order_discard(int argc, char **argv, struct err *e)
{
	struct asked a = { .role = ORDER_ROLE_WIDE };
	const char *reason = NULL;
	const struct opt opts[] = {
		OPT_NUMBER("version", "N", &a.version, JSON_INT_MAX,
			   "that waits (rollout staged)"),
		OPT_TEXT("reason", "TEXT", &reason, "why, for the others"),
		UI_OPTIONS(&a.ui),
		OPT_END,
	};
	struct json *body, *answer = NULL;
	int rc = -1;

	if (ui_start(&a.ui, argc, argv, opts, 0, e))
		goto out;
	if (a.version == 0 || !reason) {
		(void)err_set(e, ERR_USAGE,
			      "--version N and --reason TEXT are needed");
		goto out;
	}
	body = json_new_object();
	json_set_text(body, "role", a.role);
	json_set_int(body, "version", (int64_t)a.version);
	json_set_text(body, "reason", reason);
	rc = people_post(a.ui.client, "/v1/people/order-discard", body, &answer,
			 e);
	if (rc == 0 && a.ui.json)
		rc = ui_print_json(answer, e);
	else if (rc == 0)
		printf("discarded\n");
out:
	json_free(answer);
	ui_done(&a.ui);
	return rc;
}
