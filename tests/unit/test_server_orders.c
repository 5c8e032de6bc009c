/* SPDX-License-Identifier: Apache-2.0 */
/* update-server/orders over a store that was imported to. */
#include "update-server/orders.h"

#include <fcntl.h>

#include "common/assign.h"
#include "common/bucket.h"
#include "tests/unit/put_blob.h"
#include "tests/unit/tuf_repo.h"
#include "update-server/blobs.h"

#define ONE_KEY  SPARE_KEY
#define WIDE_KEY OTHER_KEY

static char canary[] = "canary";

/* A server: a repository that somebody signs, its store and its payloads. */
struct desk {
	struct repo *repo;
	struct store *store;
	struct orders *orders;
	const char *problem; /* with the roles of operators; NULL: none */
};

/* ---- what engineers and operators sign ----------------------------------- */

static struct release a_release(const char *id, uint64_t seq, uint8_t digest)
{
	struct release r = {
		.product = "kiosk",
		.version = "x",
		.seq = seq,
		.content_seq = seq,
		.issued = NOW,
		.health_deadline_sec = 300,
		.component = "main",
		.content = PACKAGE_TREE,
		.attributes = TREE_APP,
		.manifest_len = 1000,
		.content_len = 123456,
		.entries = 17,
		.kind = PACKAGE_FULL,
		.head_len = PACKAGE_HEADER_LEN + SHA256_LEN,
		.package_len = 5000,
		.window_len = 1 << 20,
		.apply_memory = 4 << 20,
		.one_operator_cohorts = { canary },
		.one_operator_cohort_count = 1,
	};

	strcpy(r.id, id);
	memset(r.digest.bytes, digest, SHA256_LEN);
	return r;
}

static void list_release(struct desk *d, const char *role,
			 const struct release *r)
{
	char path[PATH_MAX_LEN];
	struct err e = { 0 };

	assert_ok(release_path(r, path, &e));
	json_set(member(repo_body(d->repo, role), "targets"), path,
		 release_format(r));
}

/* As an upload leaves it. */
static void keep_blob(struct desk *d, const char *content)
{
	struct slice in = slice_of(content);
	struct sha256 digest;
	int fd = -1;
	struct err e = { 0 };

	sha256_of(in, &digest);
	assert_ok(fs_replace_file(d->repo->dirfd, "upload", in, 0600, &e));
	assert_ok(fs_open(d->repo->dirfd, "upload", O_RDONLY, &fd, &e));
	assert_ok(put_blob(d->repo->dirfd, fd, in.len, &digest, &e));
	fs_close(&fd);
}

static void list_document(struct desk *d, const char *role, const char *path,
			  const char *content)
{
	repo_document(d->repo, role, path, content);
	keep_blob(d, content);
}

static struct order_phase everybody = { .cohorts = { "canary" },
					.cohort_count = 1,
					.limit = BUCKET_ALL,
					.not_before = NOW - UTC_DAY };

static struct order an_order(enum order_kind kind, uint64_t number)
{
	struct order o = { .kind = kind,
			   .product = "kiosk",
			   .release = "2",
			   .number = number,
			   .issued = NOW - UTC_DAY };

	memset(o.digest.bytes, 5, SHA256_LEN);
	if (kind == ORDER_HALT)
		return o;
	if (kind == ORDER_STAGED)
		o.expires = NOW + UTC_DAY;
	o.phases = &everybody;
	o.phase_count = 1;
	return o;
}

static void list_order(struct desk *d, enum order_place place,
		       const struct order *o)
{
	struct buf text = BUF_INIT(ORDER_BYTES_MAX);
	char path[PATH_MAX_LEN];
	struct err e = { 0 };

	assert_ok(order_format(o, &text, &e));
	assert_ok(order_path(place, o->product, o->release, path, &e));
	list_document(d, order_role(place), path, buf_text(&text));
	buf_done(&text);
}

static void list_assignment(struct desk *d, const struct device_id *whose,
			    const struct device_id *place, uint64_t version)
{
	struct assign a = { .device = *whose,
			    .cohort = "lab",
			    .lab = true,
			    .version = version };
	struct buf text = BUF_INIT(ASSIGN_BYTES_MAX);
	char path[PATH_MAX_LEN];
	struct err e = { 0 };

	assert_ok(assign_format(&a, &text, &e));
	assert_ok(assign_path(place, path, &e));
	list_document(d, "rollout-wide", path, buf_text(&text));
	buf_done(&text);
}

/* ---- what the server has of it ------------------------------------------- */

static void take_file(struct desk *d, const char *role, struct store_file *f)
{
	bool root = strcmp(role, "root") == 0;

	repo_name(d->repo, role, f->name);
	f->bytes = buf_slice(&repo_file(d->repo, f->name)->bytes);
	f->root = root ? repo_version(d->repo, role) : 0;
	f->targets =
		strcmp(role, "targets") == 0 ? repo_version(d->repo, role) : 0;
}

/* Root, targets and these roles: all that is signed, published and imported. */
static void import_roles(struct desk *d, const char *const *roles, size_t count)
{
	static const struct audit_by by = { .kind = AUDIT_PERSON, .now = NOW };
	struct store_file files[8];
	struct store_role list[8] = { { .name = "" } };
	struct store_import in = { .files = files,
				   .file_count = count + 2,
				   .roles = list,
				   .role_count = count };
	struct err e = { 0 };

	memset(files, 0, sizeof(files));
	for (size_t i = 0; i < count; i++) {
		repo_publish(d->repo, roles[i]);
		strcpy(list[i].name, roles[i]);
		list[i].version = repo_version(d->repo, roles[i]);
		if (d->problem)
			strcpy(list[i].problem, d->problem);
		take_file(d, roles[i], &files[i + 2]);
	}
	repo_publish(d->repo, "targets");
	take_file(d, "root", &files[0]);
	take_file(d, "targets", &files[1]);
	assert_ok(store_import(d->store, &in, &by, &e));
}

static void read_again(struct desk *d)
{
	struct err e = { 0 };

	orders_free(d->orders);
	d->orders = NULL;
	assert_ok(orders_read(d->store, d->repo->dirfd, &d->orders, &e));
}

static void take_in(struct desk *d)
{
	static const char *const both[] = { "rollout", "rollout-wide" };

	import_roles(d, both, ARRAY_LEN(both));
	read_again(d);
}

static int setup(void **state)
{
	struct desk *d = mem_alloc(1, sizeof(*d));
	struct release r = a_release("2", 2, 5);
	char path[80];
	struct err e = { 0 };
	struct json *wide, *root;

	d->repo = repo_new();
	root = repo_body(d->repo, "root");
	json_set_text(member(root, "pawl"), "staging", "signed");
	repo_publish(d->repo, "root");
	repo_delegate(d->repo, "targets", "rollout", ONE_KEY,
		      "rollout/*/*.json");
	wide = repo_delegate(d->repo, "targets", "rollout-wide", WIDE_KEY,
			     "rollout-wide/*/*.json");
	json_add(member(wide, "paths"), json_new_text("baseline/*/*.json"));
	json_add(member(wide, "paths"), json_new_text("assign/*.json"));
	list_release(d, "targets", &r);
	(void)snprintf(path, sizeof(path), "%s/db", d->repo->dir);
	assert_ok(store_open(path, &d->store, &e));
	*state = d;
	return 0;
}

static int teardown(void **state)
{
	struct desk *d = *state;

	orders_free(d->orders);
	store_close(d->store);
	repo_free(d->repo);
	free(d);
	return 0;
}

/* ---- asking -------------------------------------------------------------- */

static const struct rollout_device in_canary = { .id = { { 9 } },
						 .product = "kiosk",
						 .cohort = "canary" };

static int ask(const struct desk *d, const char *release, uint8_t digest,
	       int64_t now, struct err *e)
{
	struct rollout r = { .product = "kiosk" };

	strcpy(r.release, release);
	memset(r.digest.bytes, digest, SHA256_LEN);
	return orders_judge(d->orders, &r, &in_canary, now, e);
}

#define assert_open(d) assert_ok(ask((d), "2", 5, NOW, &e))
#define assert_shut(d, words)                                                  \
	assert_refused_saying(ask((d), "2", 5, NOW, &e), ERR_REFUSED, words)

static void what_cannot_be_read_opens_nothing(void **state)
{
	struct desk *d = *state;
	struct err e = { 0 };

	assert_shut(d, "cannot be read");
}

static void before_the_first_import_nothing_is_listed(void **state)
{
	struct desk *d = *state;
	struct err e = { 0 };

	read_again(d);
	assert_shut(d, "2 is not in the signed metadata");
}

static void only_what_is_listed_with_this_content_is_judged(void **state)
{
	struct order o = an_order(ORDER_STAGED, 1);
	struct desk *d = *state;
	struct rollout r = { .product = "camera", .release = "2" };
	struct err e = { 0 };

	list_order(d, ORDER_ONE, &o);
	take_in(d);
	assert_open(d);
	assert_refused_saying(ask(d, "2", 6, NOW, &e), ERR_REFUSED,
			      "not in the signed");
	assert_refused_saying(ask(d, "3", 5, NOW, &e), ERR_REFUSED,
			      "not in the signed");
	memset(r.digest.bytes, 5, SHA256_LEN);
	assert_refused_saying(orders_judge(d->orders, &r, &in_canary, NOW, &e),
			      ERR_REFUSED, "not in the signed");
}

static void without_an_order_nothing_is_open(void **state)
{
	struct desk *d = *state;
	struct err e = { 0 };

	take_in(d);
	assert_shut(d, "no signed order opens 2");
}

static void each_place_opens_and_a_halt_closes(void **state)
{
	struct order o = an_order(ORDER_STAGED, 1);
	struct order base = an_order(ORDER_BASELINE, 2);
	struct order halt = an_order(ORDER_HALT, 3);
	struct rollout_device other = in_canary;
	struct rollout r = { .product = "kiosk", .release = "2" };
	struct desk *d = *state;
	struct err e = { 0 };

	list_order(d, ORDER_WIDE, &o);
	take_in(d);
	assert_open(d);
	/* by the cohort that the registry knows */
	strcpy(other.cohort, "stable");
	memset(r.digest.bytes, 5, SHA256_LEN);
	assert_refused_saying(orders_judge(d->orders, &r, &other, NOW, &e),
			      ERR_REFUSED, "this device is in stable");
	list_order(d, ORDER_WIDE, &halt);
	list_order(d, ORDER_BASE, &base);
	take_in(d);
	assert_shut(d, "halts 2");
	base.number = 4;
	list_order(d, ORDER_BASE, &base);
	take_in(d);
	assert_open(d);
}

static void the_reach_is_the_least_of_the_cohorts(void **state)
{
	struct order o = an_order(ORDER_STAGED, 1);
	struct rollout r = { .product = "kiosk",
			     .release = "2",
			     .cohorts = { "canary", "stable" },
			     .cohort_count = 1 };
	struct desk *d = *state;
	struct orders_reach reach;

	memset(r.digest.bytes, 5, SHA256_LEN);
	orders_reach(NULL, &r, NOW, &reach);
	assert_true(reach.needed && !reach.any && reach.limit == 0);
	take_in(d);
	orders_reach(d->orders, &r, NOW, &reach);
	assert_true(reach.needed && !reach.any && reach.limit == 0);
	assert_non_null(strstr(reach.why, "no signed order opens 2"));
	list_order(d, ORDER_WIDE, &o);
	take_in(d);
	orders_reach(d->orders, &r, NOW, &reach);
	assert_true(reach.any && reach.limit == BUCKET_ALL);
	r.cohort_count = 2;
	orders_reach(d->orders, &r, NOW, &reach);
	assert_true(reach.any && reach.limit == 0);
	r.digest.bytes[0] = 6;
	orders_reach(d->orders, &r, NOW, &reach);
	assert_non_null(strstr(reach.why, "not in the signed"));
}

static void what_opens_when_and_until_when_is_known(void **state)
{
	static const struct ladder l = {
		.rungs = { { .limit = 100 },
			   { .limit = 1000 },
			   { .limit = BUCKET_ALL } },
		.count = 3,
	};
	struct order_phase phases[] = { everybody, everybody };
	struct order o = an_order(ORDER_STAGED, 1);
	struct order base = an_order(ORDER_BASELINE, 2);
	struct order halt = an_order(ORDER_HALT, 3);
	struct rollout r = { .product = "kiosk",
			     .release = "2",
			     .cohorts = { "canary" },
			     .cohort_count = 1 };
	struct desk *d = *state;
	struct orders_times t;

	memset(r.digest.bytes, 5, SHA256_LEN);
	orders_times(NULL, &r, &l, NOW, &t);
	assert_int_equal(t.expires, 0);
	take_in(d);
	orders_times(d->orders, &r, &l, NOW, &t);
	assert_int_equal(t.expires, 0);
	assert_true(t.metadata > NOW);
	phases[0].limit = 500;
	phases[1].limit = 2000;
	phases[1].not_before = NOW + 3600;
	phases[1].not_after = NOW + 7200;
	o.phases = phases;
	o.phase_count = 2;
	list_order(d, ORDER_WIDE, &o);
	take_in(d);
	orders_times(d->orders, &r, &l, NOW, &t);
	assert_int_equal(t.not_before[0], 0);
	assert_int_equal(t.not_before[1], NOW + 3600);
	assert_int_equal(t.not_before[2], 0); /* never: it waits openly */
	assert_int_equal(t.expires, o.expires);
	assert_true(orders_lack_baseline(d->orders, &r));
	orders_times(d->orders, &r, &l, NOW + 3600, &t);
	assert_int_equal(t.not_before[1], 0);
	/* An end that has passed is known, too. */
	orders_times(d->orders, &r, &l, o.expires + 9, &t);
	assert_int_equal(t.expires, o.expires);
	/* A baseline goes on until its role ends. */
	list_order(d, ORDER_BASE, &base);
	take_in(d);
	orders_times(d->orders, &r, &l, NOW, &t);
	assert_true(t.expires > o.expires);
	assert_false(orders_lack_baseline(d->orders, &r));
	memcpy(r.cohorts[0], "stable", 7);
	assert_true(orders_lack_baseline(d->orders, &r));
	memcpy(r.cohorts[0], "canary", 7);
	assert_int_equal(t.not_before[2], 0);
	/* What is halted has not ended: it waits for an order. */
	list_order(d, ORDER_WIDE, &halt);
	take_in(d);
	orders_times(d->orders, &r, &l, NOW, &t);
	assert_int_equal(t.expires, 0);
}

static void where_the_server_stages_only_an_undo_needs_an_order(void **state)
{
	struct release undo = a_release("3", 3, 7);
	struct desk *d = *state;
	struct err e = { 0 };

	undo.content_seq = 1;
	strcpy(undo.undo_of, "2");
	undo.undo_until = NOW + UTC_DAY;
	list_release(d, "targets", &undo);
	json_set_text(member(repo_body(d->repo, "root"), "pawl"), "staging",
		      "server");
	repo_publish(d->repo, "root");
	take_in(d);
	assert_open(d);
	assert_refused_saying(ask(d, "3", 7, NOW, &e), ERR_REFUSED,
			      "no signed order opens 3");
}

/* An order that nobody asks for narrows nothing, and nobody misses it. */
static void where_the_server_stages_orders_are_not_looked_at(void **state)
{
	struct order_phase half = everybody;
	struct order o = an_order(ORDER_STAGED, 1);
	struct rollout r = { .product = "kiosk",
			     .release = "2",
			     .cohorts = { "canary" },
			     .cohort_count = 1 };
	struct desk *d = *state;
	struct orders_reach reach;

	memset(r.digest.bytes, 5, SHA256_LEN);
	half.limit = 1000;
	o.phases = &half;
	list_order(d, ORDER_WIDE, &o);
	json_set_text(member(repo_body(d->repo, "root"), "pawl"), "staging",
		      "server");
	repo_publish(d->repo, "root");
	take_in(d);
	orders_reach(d->orders, &r, NOW, &reach);
	assert_true(!reach.needed && reach.any);
	assert_true(reach.limit == BUCKET_ALL);
	assert_string_equal(reach.why, "");
	assert_false(orders_lack_baseline(d->orders, &r));
}

static void a_baseline_is_for_what_stays(void **state)
{
	struct release undo = a_release("3", 3, 7);
	struct rollout r = { .product = "kiosk",
			     .release = "2",
			     .cohorts = { "canary" },
			     .cohort_count = 1 };
	struct desk *d = *state;

	undo.content_seq = 1;
	strcpy(undo.undo_of, "2");
	undo.undo_until = NOW + UTC_DAY;
	list_release(d, "targets", &undo);
	memset(r.digest.bytes, 5, SHA256_LEN);
	assert_false(orders_lack_baseline(NULL, &r));
	take_in(d);
	assert_true(orders_lack_baseline(d->orders, &r));
	/* Neither of what is not listed, nor of an undo. */
	r.digest.bytes[0] = 6;
	assert_false(orders_lack_baseline(d->orders, &r));
	strcpy(r.release, "3");
	memset(r.digest.bytes, 7, SHA256_LEN);
	assert_false(orders_lack_baseline(d->orders, &r));
}

/* Whichever of root, targets and its role is first. */
static void what_lists_it_ends_with_the_first_of_them(void **state)
{
	static const char *const roles[] = { "root", "targets" };
	struct rollout r = { .product = "kiosk", .release = "2" };
	const struct ladder l = { .count = 0 };
	struct desk *d = *state;
	struct orders_times t;
	char until[UTC_TEXT_LEN];

	memset(r.digest.bytes, 5, SHA256_LEN);
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		int64_t end = NOW + (int64_t)(20 - i) * UTC_DAY;

		utc_format(end, until);
		json_set_text(repo_body(d->repo, roles[i]), "expires", until);
		repo_publish(d->repo, roles[i]);
		take_in(d);
		orders_times(d->orders, &r, &l, NOW, &t);
		assert_int_equal(t.metadata, end);
	}
}

static void deltas_and_other_targets_are_no_releases(void **state)
{
	struct release full = a_release("4", 4, 8), delta = full;
	struct order o = an_order(ORDER_STAGED, 1);
	struct desk *d = *state;
	struct err e = { 0 };

	delta.kind = PACKAGE_DELTA;
	strcpy(delta.base_id, "2");
	list_release(d, "targets", &delta);
	list_order(d, ORDER_ONE, &o);
	take_in(d);
	assert_open(d);
	assert_refused_saying(ask(d, "4", 8, NOW, &e), ERR_REFUSED,
			      "not in the signed");
	list_release(d, "targets", &full);
	take_in(d);
	assert_refused_saying(ask(d, "4", 8, NOW, &e), ERR_REFUSED,
			      "no signed order opens 4");
}

static void a_products_own_role_lists_releases(void **state)
{
	static const char *const all[] = { "product-kiosk", "rollout",
					   "rollout-wide" };
	struct release own = a_release("6", 6, 9);
	struct order o = an_order(ORDER_STAGED, 1);
	struct desk *d = *state;
	struct err e = { 0 };

	repo_delegate(d->repo, "targets", "product-kiosk", TARGETS_KEY,
		      "kiosk/*/*");
	list_release(d, "product-kiosk", &own);
	strcpy(o.release, "6");
	memset(o.digest.bytes, 9, SHA256_LEN);
	list_order(d, ORDER_ONE, &o);
	import_roles(d, all, ARRAY_LEN(all));
	read_again(d);
	assert_ok(ask(d, "6", 9, NOW, &e));
	/* but not when devices cannot use it */
	d->problem = "signed by nobody whom targets names";
	import_roles(d, all, ARRAY_LEN(all));
	read_again(d);
	assert_refused_saying(ask(d, "6", 9, NOW, &e), ERR_REFUSED,
			      "not in the signed");
}

static void a_role_that_was_never_signed_closes_everything(void **state)
{
	static const char *const roles[] = { "rollout", "rollout-wide" };
	struct order o = an_order(ORDER_STAGED, 1);
	struct desk *d = *state;
	struct err e = { 0 };

	list_order(d, ORDER_ONE, &o);
	import_roles(d, roles, 1);
	read_again(d);
	assert_shut(d, "rollout-wide was never signed");
	take_in(d);
	assert_open(d);
}

static void without_operators_there_is_no_order(void **state)
{
	struct desk *d = *state;
	struct err e = { 0 };

	json_remove(repo_body(d->repo, "targets"), "delegations");
	import_roles(d, NULL, 0);
	read_again(d);
	assert_shut(d, "no signed order opens 2");
}

static void a_role_that_devices_cannot_use_closes_everything(void **state)
{
	struct order o = an_order(ORDER_STAGED, 1);
	struct desk *d = *state;
	struct err e = { 0 };

	list_order(d, ORDER_ONE, &o);
	list_order(d, ORDER_WIDE, &o);
	d->problem = "too few signatures";
	take_in(d);
	assert_shut(d, "role rollout: too few signatures");
}

static void an_expired_role_counts_as_on_the_device(void **state)
{
	struct order o = an_order(ORDER_STAGED, 1);
	struct order base = an_order(ORDER_BASELINE, 2);
	struct desk *d = *state;
	struct err e = { 0 };

	list_order(d, ORDER_ONE, &o);
	list_order(d, ORDER_WIDE, &o);
	json_set_text(repo_body(d->repo, "rollout"), "expires",
		      "2026-05-28T20:26:41Z");
	take_in(d);
	assert_open(d);
	assert_refused_saying(ask(d, "2", 5, NOW + 1, &e), ERR_REFUSED,
			      "rollout has expired");
	/* An import of then says that it is of no use: known, no hindrance. */
	list_order(d, ORDER_BASE, &base);
	take_in(d);
	assert_ok(ask(d, "2", 5, NOW + 1, &e));
	json_set_text(repo_body(d->repo, "rollout-wide"), "expires",
		      "2026-05-28T20:26:41Z");
	take_in(d);
	assert_open(d);
	assert_refused_saying(ask(d, "2", 5, NOW + 1, &e), ERR_REFUSED,
			      "rollout-wide has expired");
	/* What expired before it was imported is no other hindrance. */
	d->problem = "expired";
	take_in(d);
	assert_refused_saying(ask(d, "2", 5, NOW + 1, &e), ERR_REFUSED,
			      "rollout-wide has expired");
}

/* ---- documents ----------------------------------------------------------- */

static void what_is_no_order_closes_its_own_release_alone(void **state)
{
	struct order o = an_order(ORDER_STAGED, 1);
	struct release other = a_release("4", 4, 8);
	struct desk *d = *state;
	struct err e = { 0 };

	list_order(d, ORDER_ONE, &o);
	list_document(d, "rollout", "rollout/kiosk/4.json", "{}");
	list_release(d, "targets", &other);
	take_in(d);
	assert_open(d);
	assert_refused_saying(ask(d, "4", 8, NOW, &e), ERR_REFUSED,
			      "rollout/kiosk/4.json");
	/* whatever else opens it */
	strcpy(o.release, "4");
	memset(o.digest.bytes, 8, SHA256_LEN);
	list_order(d, ORDER_WIDE, &o);
	take_in(d);
	assert_refused_saying(ask(d, "4", 8, NOW, &e), ERR_REFUSED,
			      "rollout/kiosk/4.json");
}

static void a_document_that_is_not_there_closes_its_release(void **state)
{
	struct order o = an_order(ORDER_STAGED, 1);
	struct desk *d = *state;
	struct err e = { 0 };

	list_order(d, ORDER_ONE, &o);
	repo_target(d->repo, "rollout-wide", "rollout-wide/kiosk/2.json",
		    "listed and never uploaded");
	take_in(d);
	assert_shut(d, "rollout-wide/kiosk/2.json");
}

static void a_document_without_a_digest_closes_its_release(void **state)
{
	struct order o = an_order(ORDER_STAGED, 1);
	struct desk *d = *state;
	struct json *targets, *entry;
	struct err e = { 0 };

	list_order(d, ORDER_ONE, &o);
	targets = member(repo_body(d->repo, "rollout"), "targets");
	entry = json_new_object();
	json_set_int(entry, "length", 3);
	json_set(entry, "hashes", json_new_object());
	json_set(targets, "rollout/kiosk/2.json", entry);
	take_in(d);
	assert_shut(d, "rollout/kiosk/2.json");
}

/* The file of a blob beneath the server's folder. */
static void blob_name(const char *content, char name[100])
{
	char hex[SHA256_HEX_LEN];
	struct sha256 digest;
	struct err e = { 0 };

	sha256_of(slice_of(content), &digest);
	sha256_format(&digest, hex);
	assert_ok(text_format(name, 100, &e, "blobs/%.2s/%s", hex, hex));
}

static void a_document_that_was_changed_on_the_disk_is_found_out(void **state)
{
	struct order o = an_order(ORDER_STAGED, 1), wide = o;
	struct order_phase more[2] = { everybody, everybody };
	struct buf text = BUF_INIT(ORDER_BYTES_MAX);
	struct buf other = BUF_INIT(ORDER_BYTES_MAX);
	struct desk *d = *state;
	char name[100];
	struct err e = { 0 };

	/* Another order in its place, good in every other way. */
	more[0].limit = 0;
	o.phases = more;
	wide.number = 2;
	list_order(d, ORDER_WIDE, &o);
	assert_ok(order_format(&o, &text, &e));
	assert_ok(order_format(&wide, &other, &e));
	blob_name(buf_text(&text), name);
	assert_ok(fs_replace_file(d->repo->dirfd, name, buf_slice(&other), 0600,
				  &e));
	take_in(d);
	assert_shut(d, "changed on the disk");
	buf_done(&text);
	buf_done(&other);
}

static void a_document_that_grew_is_not_read(void **state)
{
	static char big[ORDER_BYTES_MAX + 2];
	struct desk *d = *state;
	struct err e = { 0 };

	memset(big, ' ', ORDER_BYTES_MAX + 1);
	list_document(d, "rollout", "rollout/kiosk/2.json", big);
	take_in(d);
	assert_shut(d, "too long");
}

/* ---- assignments --------------------------------------------------------- */

struct seen {
	unsigned count;
	struct device_id last;
	char cohort[NAME_MAX_LEN + 1];
	bool lab;
};

static int see(void *ctx, const struct assign *a, struct err *e)
{
	struct seen *s = ctx;

	s->count++;
	s->last = a->device;
	strcpy(s->cohort, a->cohort);
	s->lab = a->lab;
	return s->count == 3 ? err_set(e, ERR_SYSTEM, "enough") : 0;
}

static void each_assigned_device_is_told(void **state)
{
	struct device_id ids[3] = { { { 7 } }, { { 8 } }, { { 9 } } };
	struct desk *d = *state;
	struct seen seen = { 0 };
	struct err e = { 0 };

	list_assignment(d, &ids[0], &ids[0], 1);
	take_in(d);
	assert_ok(orders_each_assigned(d->orders, see, &seen, &e));
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.last.bytes[0], 7);
	assert_string_equal(seen.cohort, "lab");
	assert_true(seen.lab);
	/* and its error ends it */
	for (size_t i = 1; i < 3; i++)
		list_assignment(d, &ids[i], &ids[i], 1);
	take_in(d);
	seen.count = 0;
	assert_refused(orders_each_assigned(d->orders, see, &seen, &e),
		       ERR_SYSTEM);
	assert_int_equal(seen.count, 3);
	/* A role that devices cannot use moves nobody. */
	d->problem = "too few signatures";
	take_in(d);
	seen.count = 0;
	assert_ok(orders_each_assigned(d->orders, see, &seen, &e));
	assert_int_equal(seen.count, 0);
}

static void assert_unreadable(struct desk *d, enum err_code code,
			      const char *words)
{
	static const char *const both[] = { "rollout", "rollout-wide" };
	struct orders *none = NULL;
	struct err e = { 0 };

	import_roles(d, both, ARRAY_LEN(both));
	assert_refused_saying(orders_read(d->store, d->repo->dirfd, &none, &e),
			      code, words);
	assert_null(none);
}

static void an_assignment_stands_under_its_own_device(void **state)
{
	struct device_id own = { { 9 } }, other = { { 8 } };
	struct desk *d = *state;

	list_assignment(d, &other, &own, 1);
	assert_unreadable(d, ERR_UNTRUSTED, "for another device");
}

static void what_is_no_assignment_is_no_book(void **state)
{
	static const char path[] =
		"assign/09000000000000000000000000000000.json";
	struct desk *d = *state;

	list_document(d, "rollout-wide", path, "{}");
	assert_unreadable(d, ERR_FORMAT, "orders: assign/09");
	repo_target(d->repo, "rollout-wide", path, "never uploaded");
	assert_unreadable(d, ERR_NOT_FOUND, "orders: assign/09");
}

/* ---- a store that was tampered with -------------------------------------- */

/* Metadata of ours was verified when it came: here it no longer says so. */
static void metadata_that_cannot_be_read_is_no_book(void **state)
{
	struct release r = a_release("4", 4, 8);
	struct desk *d = *state;
	struct json *entry;

	list_release(d, "targets", &r);
	entry = member(member(repo_body(d->repo, "targets"), "targets"),
		       "kiosk/4/main-full.pawl");
	json_set_int(member(member(entry, "custom"), "pawl"), "seq", 0);
	assert_unreadable(d, ERR_FORMAT, "kiosk/4/main-full.pawl");
	json_remove(entry, "length");
	assert_unreadable(d, ERR_FORMAT, "kiosk/4/main-full.pawl");
}

static void a_role_without_an_end_is_no_book(void **state)
{
	struct desk *d = *state;

	json_set_text(repo_body(d->repo, "rollout"), "expires", "some day");
	assert_unreadable(d, ERR_FORMAT, "orders");
	json_remove(repo_body(d->repo, "rollout"), "expires");
	assert_unreadable(d, ERR_FORMAT, "expires");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_cannot_be_read_opens_nothing),
		TEST(before_the_first_import_nothing_is_listed),
		TEST(only_what_is_listed_with_this_content_is_judged),
		TEST(without_an_order_nothing_is_open),
		TEST(each_place_opens_and_a_halt_closes),
		TEST(the_reach_is_the_least_of_the_cohorts),
		TEST(where_the_server_stages_only_an_undo_needs_an_order),
		TEST(where_the_server_stages_orders_are_not_looked_at),
		TEST(a_baseline_is_for_what_stays),
		TEST(what_lists_it_ends_with_the_first_of_them),
		TEST(deltas_and_other_targets_are_no_releases),
		TEST(a_products_own_role_lists_releases),
		TEST(a_role_that_was_never_signed_closes_everything),
		TEST(without_operators_there_is_no_order),
		TEST(a_role_that_devices_cannot_use_closes_everything),
		TEST(an_expired_role_counts_as_on_the_device),
		TEST(what_is_no_order_closes_its_own_release_alone),
		TEST(a_document_that_is_not_there_closes_its_release),
		TEST(a_document_without_a_digest_closes_its_release),
		TEST(a_document_that_was_changed_on_the_disk_is_found_out),
		TEST(a_document_that_grew_is_not_read),
		TEST(each_assigned_device_is_told),
		TEST(an_assignment_stands_under_its_own_device),
		TEST(what_is_no_assignment_is_no_book),
		TEST(metadata_that_cannot_be_read_is_no_book),
		TEST(a_role_without_an_end_is_no_book),
		TEST(what_opens_when_and_until_when_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
