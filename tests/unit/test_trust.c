/* SPDX-License-Identifier: Apache-2.0 */
/* The process that decides what is true, from its first root to its answers. */
#include "updater-client/trust.h"

#include "common/assign.h"
#include "common/floor.h"
#include "common/order.h"
#include "common/site.h"
#include "tests/unit/trust_box.h"
#include "updater-client/confine.h"

/* ---- the repository ------------------------------------------------------ */

/* A root that says something else from now on. */
static void say_in_root(struct trust_box *w, const char *name,
			const char *value)
{
	json_set_text(member(repo_body(w->repo, "root"), "pawl"), name, value);
	repo_publish(w->repo, "root");
}

static void list_site(struct trust_box *w, const char *content)
{
	repo_document(w->repo, "targets", SITE_PATH, content);
}

static void list_good_site(struct trust_box *w, int64_t issued)
{
	struct site s = { .ca_count = 1,
			  .url_count = 1,
			  .issued = issued,
			  .overlap_until = NOW + UTC_DAY };
	struct buf bytes = BUF_INIT(STATEMENT_MAX_LEN);
	struct json *j;
	struct err e = { 0 };

	s.ca[0].der_len = 1;
	strcpy(s.urls[0], "https://next");
	j = site_format(&s);
	assert_ok(json_canonical(j, &bytes, &e));
	list_site(w, buf_text(&bytes));
	json_free(j);
	buf_done(&bytes);
}

static int setup(void **state)
{
	struct trust_box *w = mem_alloc(1, sizeof(*w));

	trust_box_open(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	trust_box_close(*state);
	free(*state);
	return 0;
}

static bool exists(int dirfd, const char *name)
{
	struct err e = { 0 };
	struct stat st;

	return fs_stat(dirfd, name, &st, &e) == 0;
}

/* ---- opening ------------------------------------------------------------- */

static void the_factorys_root_is_taken_over_at_first(void **state)
{
	struct trust_box *w = *state;
	struct err e = { 0 };

	start(w);
	assert_ok(open_at(w, NOW, &e));
	assert_int_equal(w->answer.site.root_version, 1);
	assert_int_equal(w->answer.site.targets_version, 0);
	assert_int_equal(w->answer.site.environment, ENV_LAB);
	assert_false(w->answer.site.staging_signed);
	assert_int_equal(w->answer.site.trusted_until, NOW + 30 * UTC_DAY);
	assert_true(exists(w->metadata_fd, "root.json"));
	/* From then on the file plays no part. */
	assert_ok(fs_remove(w->box.dir, "root.json", &e));
	start(w);
	assert_ok(open_at(w, NOW, &e));
}

static void without_a_root_nothing_is_opened(void **state)
{
	struct trust_box *w = *state;
	struct err e = { 0 };

	put_file(w->box.dir, "nonsense.json", "{}", 0644);
	assert_ok(fs_rename(w->box.dir, "nonsense.json", "root.json", &e));
	start(w);
	assert_refused_saying(open_at(w, NOW, &e), ERR_FORMAT,
			      "the first root");
	assert_false(exists(w->metadata_fd, "root.json"));
	assert_ok(fs_remove(w->box.dir, "root.json", &e));
	start(w);
	assert_refused_saying(open_at(w, NOW, &e), ERR_NOT_FOUND, w->root_path);
}

static void what_is_trusted_and_damaged_is_not_opened(void **state)
{
	struct trust_box *w = *state;
	struct err e = { 0 };

	put_file(w->metadata_fd, "root.json", "{}", 0644);
	start(w);
	assert_refused(open_at(w, NOW, &e), ERR_FORMAT);
	prepare(w);
	assert_refused_saying(ask(w, MESSAGE_PLAN, &e), ERR_CONFLICT,
			      "not opened yet");
}

/* Who put the wrong file there puts the right one there next. */
static void a_root_for_elsewhere_does_not_stay(void **state)
{
	struct trust_box *w = *state;
	struct err e = { 0 };

	w->setup.environment = ENV_PRODUCTION;
	start(w);
	assert_refused_saying(
		open_at(w, NOW, &e), ERR_REFUSED,
		"the root of trust is for lab, this device is for production");
	assert_false(exists(w->metadata_fd, "root.json"));
	/* What was trusted before this run is not thrown away. */
	w->setup.environment = ENV_LAB;
	start(w);
	assert_ok(open_at(w, NOW, &e));
	w->setup.environment = ENV_DEMO;
	start(w);
	assert_refused(open_at(w, NOW, &e), ERR_REFUSED);
	assert_true(exists(w->metadata_fd, "root.json"));
}

/* Signed metadata proves that it is later than a clock without a battery says:
 * what has expired by then has. */
static void a_clock_that_stands_is_no_way_back_in_time(void **state)
{
	struct trust_box *w = *state;
	struct json *root = repo_body(w->repo, "root");
	struct err e = { 0 };

	start(w);
	assert_ok(open_at(w, 0, &e));
	assert_true(w->answer.site.time_floor > 0);
	prepare(w);
	assert_ok(ask(w, MESSAGE_DONE, &e));
	/* Targets end before root was signed, and the clock stands still. */
	json_set_text(repo_body(w->repo, "targets"), "issued",
		      "2026-05-20T00:00:00Z");
	json_set_text(repo_body(w->repo, "targets"), "expires",
		      "2026-05-27T00:00:00Z");
	json_set_text(root, "issued", "2026-05-28T00:00:00Z");
	repo_publish(w->repo, "root");
	release_and_pour(w);
	start(w);
	assert_ok(open_at(w, 0, &e));
	prepare(w);
	assert_refused_saying(ask(w, MESSAGE_DONE, &e), ERR_EXPIRED,
			      "metadata: ");
}

static bool is_locked_up(pid_t pid)
{
	char path[64], line[256];
	bool is = false;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		is |= strcmp(line, "Seccomp:\t2\n") == 0;
	(void)fclose(f);
	return is;
}

static void it_locks_itself_up_before_it_reads_anything(void **state)
{
	char words[CONFINE_TEXT_MAX];
	struct trust_box *w = *state;
	struct err e = { 0 };

	confine_describe(words);
	if (!strstr(words, "seccomp"))
		skip();
	w->setup.environment = ENV_DEMO;
	start(w);
	assert_false(is_locked_up(w->trust.pid)); /* nothing was asked yet */
	assert_int_equal(open_at(w, NOW, &e), -1);
	assert_true(is_locked_up(w->trust.pid));
}

static void before_it_is_opened_nothing_is_answered(void **state)
{
	struct trust_box *w = *state;
	struct err e = { 0 };

	start(w);
	prepare(w);
	assert_refused_saying(ask(w, MESSAGE_DONE, &e), ERR_CONFLICT,
			      "not opened yet");
	assert_ok(open_at(w, NOW, &e));
	w->question = (struct message){ .kind = MESSAGE_PROGRESS };
	assert_refused_saying(ask(w, MESSAGE_DONE, &e), ERR_REFUSED,
			      "not for the trust process");
}

/* ---- choosing ------------------------------------------------------------ */

static void nothing_newer_is_nothing_to_do(void **state)
{
	struct trust_box *w = *state;
	struct err e = { 0 };

	list_release(w->repo, "targets", "gateway", 9, "", false);
	release_and_pour(w);
	begin(w);
	assert_ok(ask(w, MESSAGE_DONE, &e));
	assert_int_equal(w->answer.count, 0);
	/* What was fetched is kept, and told of. */
	assert_true(exists(w->metadata_fd, "targets.json"));
	assert_ok(open_at(w, NOW, &e));
	assert_int_equal(w->answer.site.targets_version, 2);
}

static void the_newest_release_is_the_plan(void **state)
{
	struct trust_box *w = *state;
	struct err e = { 0 };

	list_release(w->repo, "targets", "gateway", 10, "", false);
	list_release(w->repo, "targets", "gateway", 11, "", false);
	list_release(w->repo, "targets", "gadget", 12, "", false);
	release_and_pour(w);
	begin(w);
	assert_ok(ask(w, MESSAGE_PLAN, &e));
	assert_string_equal(w->answer.plan.release.id, "11");
	assert_int_equal(w->answer.plan.release.seq, 11);
	assert_int_equal(w->answer.plan.packages[0].package_len, 1000);
	assert_string_equal(w->answer.plan.release.order, "");
	/* The same, of what is loaded: the folder may be gone by now. */
	assert_ok(fs_remove_tree(w->box.dir, "server", &e));
	prepare(w);
	w->question.choose.refresh = false;
	assert_ok(ask(w, MESSAGE_PLAN, &e));
	assert_string_equal(w->answer.plan.release.id, "11");
	prepare(w);
	assert_int_equal(ask(w, MESSAGE_PLAN, &e), -1);
	assert_non_null(strstr(e.msg, "metadata: "));
}

static void a_nightly_is_for_the_lab_alone(void **state)
{
	struct trust_box *w = *state;
	struct err e = { 0 };

	list_release(w->repo, "targets", "gateway", 10, "", true);
	release_and_pour(w);
	begin(w);
	assert_ok(ask(w, MESSAGE_PLAN, &e));
	assert_string_equal(w->answer.plan.release.id, "10");
	say_in_root(w, "environment", "demo");
	pour(w);
	assert_ok(fs_remove(w->metadata_fd, "root.json", &e));
	assert_ok(fs_replace_file(
		w->box.dir, "root.json",
		buf_slice(&repo_file(w->repo, "2.root.json")->bytes), 0644,
		&e));
	w->setup.environment = ENV_DEMO;
	begin(w);
	assert_ok(ask(w, MESSAGE_DONE, &e));
}

static void what_hinders_is_said(void **state)
{
	struct trust_box *w = *state;
	struct err e = { 0 };

	list_release(w->repo, "targets", "gateway", 10, "", false);
	release_and_pour(w);
	begin(w);
	w->question.choose.device.slots[0].attributes = TREE_SYSTEM;
	assert_int_equal(ask(w, MESSAGE_DONE, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
}

/* Signed as it may be, what nobody can read hides what stands beside it. */
static void a_release_that_cannot_be_read_ends_the_choice(void **state)
{
	static const char path[] = "gateway/10/main-full.pkg";
	struct trust_box *w = *state;
	struct json *custom = json_new_object(), *pawl = json_new_object();
	struct err e = { 0 };

	repo_target(w->repo, "targets", path, "content");
	json_set_text(pawl, "type", "package");
	json_set_int(pawl, "v", 1);
	json_set(custom, "pawl", pawl);
	json_set(member(member(repo_body(w->repo, "targets"), "targets"), path),
		 "custom", custom);
	release_and_pour(w);
	begin(w);
	assert_refused_saying(ask(w, MESSAGE_DONE, &e), ERR_FORMAT, path);
	prepare(w);
	w->question.choose.look = true;
	assert_refused_saying(ask(w, MESSAGE_DONE, &e), ERR_FORMAT, path);
}

static void who_only_looks_is_told_when_it_is_stranded(void **state)
{
	struct trust_box *w = *state;
	struct err e = { 0 };

	list_release(w->repo, "targets", "gateway", 11, "10", false);
	release_and_pour(w);
	begin(w);
	w->question.choose.look = true;
	assert_refused_saying(ask(w, MESSAGE_DONE, &e), ERR_REFUSED,
			      "stranded");
	/* With the stone there is a way, and to look is all that was asked. */
	list_release(w->repo, "targets", "gateway", 10, "", false);
	release_and_pour(w);
	begin(w);
	w->question.choose.look = true;
	assert_ok(ask(w, MESSAGE_DONE, &e));
	assert_int_equal(w->answer.count, 0);
}

static void list_floor(struct trust_box *w, uint64_t seq)
{
	struct floor f = { .seq = seq, .issued = NOW - UTC_DAY };

	strcpy(f.product, "gateway");
	list_document(w->repo, "targets", "floor/gateway.json", "floor",
		      floor_format(&f));
}

static void the_floor_counts_at_once_and_is_told(void **state)
{
	struct trust_box *w = *state;
	struct err e = { 0 };

	list_release(w->repo, "targets", "gateway", 10, "", false);
	list_floor(w, 11);
	release_and_pour(w);
	begin(w);
	assert_refused(ask(w, MESSAGE_DONE, &e), ERR_ROLLBACK);
	assert_ok(open_at(w, NOW, &e));
	assert_int_equal(w->answer.site.floor, 11);
	/* What the device remembers is never lowered by it. */
	list_floor(w, 3);
	release_and_pour(w);
	begin(w);
	w->question.choose.device.floor = 11;
	assert_refused(ask(w, MESSAGE_DONE, &e), ERR_ROLLBACK);
}

static void a_floor_that_is_withheld_ends_the_choice(void **state)
{
	struct trust_box *w = *state;
	struct err e = { 0 };

	list_release(w->repo, "targets", "gateway", 10, "", false);
	list_floor(w, 7);
	repo_release(w->repo);
	for (struct repo_file *f = w->repo->files; f; f = f->next)
		if (strstr(f->name, "gateway.json"))
			f->name[0] = 0;
	pour(w);
	begin(w);
	assert_int_equal(ask(w, MESSAGE_PLAN, &e), -1);
	assert_non_null(strstr(e.msg, "the floor"));
}

/* Whoever goes on asking after that was refused is refused as well. */
static void by_a_root_for_elsewhere_nothing_is_chosen(void **state)
{
	static const enum message_kind kinds[] = { MESSAGE_CHOOSE,
						   MESSAGE_RESCUE };
	struct trust_box *w = *state;
	struct err e = { 0 };

	list_release(w->repo, "targets", "gateway", 10, "", false);
	list_good_site(w, NOW - UTC_DAY);
	release_and_pour(w);
	w->setup.environment = ENV_DEMO;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		start(w);
		assert_refused(open_at(w, NOW, &e), ERR_REFUSED);
		prepare(w);
		w->question.kind = kinds[i];
		assert_refused_saying(ask(w, MESSAGE_PLAN, &e), ERR_REFUSED,
				      "the root of trust is for lab");
		assert_false(exists(w->site_fd, "site.json"));
	}
}

/* Nor does a later root of the same chain move a device elsewhere. */
static void a_chain_that_moves_elsewhere_ends_it(void **state)
{
	struct trust_box *w = *state;
	struct err e = { 0 };

	list_release(w->repo, "targets", "gateway", 10, "", false);
	say_in_root(w, "environment", "demo");
	release_and_pour(w);
	begin(w);
	assert_refused_saying(ask(w, MESSAGE_PLAN, &e), ERR_REFUSED,
			      "environment lab became demo");
}

static void what_was_made_for_a_medium_is_for_a_medium(void **state)
{
	struct trust_box *w = *state;
	struct err e = { 0 };

	list_release(w->repo, "targets", "gateway", 10, "", false);
	json_set_bool(repo_body(w->repo, "timestamp"), "medium", true);
	json_set_bool(repo_body(w->repo, "snapshot"), "medium", true);
	release_and_pour(w);
	begin(w);
	assert_int_equal(ask(w, MESSAGE_PLAN, &e), -1);
	assert_non_null(strstr(e.msg, "medium"));
	w->setup.medium = true;
	begin(w);
	assert_ok(ask(w, MESSAGE_PLAN, &e));
}

/* ---- orders -------------------------------------------------------------- */

static void want_orders(struct trust_box *w)
{
	struct json *wide;

	say_in_root(w, "staging", "signed");
	repo_delegate(w->repo, "targets", "rollout", SPARE_KEY,
		      "rollout/*/*.json");
	wide = repo_delegate(w->repo, "targets", "rollout-wide", OTHER_KEY,
			     "rollout-wide/*/*.json");
	json_add(member(wide, "paths"), json_new_text("baseline/*/*.json"));
	json_add(member(wide, "paths"), json_new_text("assign/*.json"));
	list_release(w->repo, "targets", "gateway", 10, "", false);
}

static void publish_orders(struct trust_box *w)
{
	repo_publish(w->repo, "rollout");
	repo_publish(w->repo, "rollout-wide");
	release_and_pour(w);
}

/* By two operators, for the whole of a cohort, from that time on. */
static void open_to(struct trust_box *w, const char *cohort, int64_t not_before)
{
	struct order_phase all = { .cohort_count = 1,
				   .limit = UINT64_MAX,
				   .not_before = not_before };
	struct order o = { .kind = ORDER_STAGED,
			   .product = "gateway",
			   .release = "10",
			   .number = 1,
			   .digest = { { 10 } },
			   .issued = NOW - 2 * UTC_DAY,
			   .expires = NOW + UTC_DAY,
			   .phases = &all,
			   .phase_count = 1 };
	struct buf text = BUF_INIT(ORDER_BYTES_MAX);
	char path[PATH_MAX_LEN];
	struct err e = { 0 };

	strcpy(all.cohorts[0], cohort);
	assert_ok(order_format(&o, &text, &e));
	assert_ok(order_path(ORDER_WIDE, "gateway", "10", path, &e));
	repo_document(w->repo, "rollout-wide", path, buf_text(&text));
	buf_done(&text);
}

static void what_an_order_opens_is_the_plan(void **state)
{
	struct trust_box *w = *state;
	struct err e = { 0 };

	want_orders(w);
	publish_orders(w);
	begin(w);
	assert_refused_saying(ask(w, MESSAGE_PLAN, &e), ERR_REFUSED,
			      "no signed order opens 10");
	open_to(w, "canary", NOW - UTC_DAY);
	publish_orders(w);
	begin(w);
	assert_ok(ask(w, MESSAGE_PLAN, &e));
	assert_string_equal(
		w->answer.plan.release.order,
		"rollout-wide order 1, phase 1: 100.0000 % of canary");
	prepare(w);
	w->question.choose.enrolled = false;
	assert_refused_saying(ask(w, MESSAGE_PLAN, &e), ERR_REFUSED,
			      "enroll first");
}

/* A clock at 1970 takes the verified timestamp's word for when a phase begins,
 * and one that goes does not. */
static void without_a_clock_a_phase_begins_when_the_timestamp_says(void **state)
{
	struct trust_box *w = *state;
	struct err e = { 0 };

	want_orders(w);
	open_to(w, "canary", NOW - UTC_DAY / 2);
	json_set_text(repo_body(w->repo, "timestamp"), "issued",
		      "2026-05-28T20:26:40Z"); /* NOW */
	publish_orders(w);
	start(w);
	assert_ok(open_at(w, 0, &e));
	prepare(w);
	w->question.choose.clock = w->question.choose.floor = 0;
	assert_ok(ask(w, MESSAGE_PLAN, &e));
	json_set_text(repo_body(w->repo, "timestamp"), "issued",
		      "2026-05-28T02:26:40Z");
	publish_orders(w);
	prepare(w);
	w->question.choose.clock = w->question.choose.floor = 0;
	assert_int_equal(ask(w, MESSAGE_PLAN, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
}

static void assign(struct trust_box *w, const char *cohort, uint64_t version)
{
	struct assign a = { .device.bytes = { 9 }, .version = version };
	struct buf text = BUF_INIT(ASSIGN_BYTES_MAX);
	char path[PATH_MAX_LEN];
	struct err e = { 0 };

	strcpy(a.cohort, cohort);
	assert_ok(assign_format(&a, &text, &e));
	assert_ok(assign_path(&a.device, path, &e));
	repo_document(w->repo, "rollout-wide", path, buf_text(&text));
	buf_done(&text);
}

static void an_assignment_is_followed_and_told(void **state)
{
	struct trust_box *w = *state;
	struct err e = { 0 };

	want_orders(w);
	open_to(w, "stable", NOW - UTC_DAY);
	publish_orders(w);
	begin(w);
	assert_refused(ask(w, MESSAGE_PLAN, &e), ERR_REFUSED);
	assert_ok(open_at(w, NOW, &e));
	assert_false(w->answer.site.assigned);
	assign(w, "stable", 3);
	publish_orders(w);
	prepare(w);
	assert_ok(ask(w, MESSAGE_PLAN, &e));
	assert_ok(open_at(w, NOW, &e));
	assert_true(w->answer.site.assigned);
	assert_string_equal(w->answer.site.cohort, "stable");
	assert_int_equal(w->answer.site.cohort_version, 3);
	assert_true(w->answer.site.staging_signed);
}

/* ---- the site ------------------------------------------------------------ */

static void a_listed_site_is_kept(void **state)
{
	struct trust_box *w = *state;
	struct err e = { 0 };

	list_good_site(w, NOW - UTC_DAY);
	release_and_pour(w);
	begin(w);
	assert_ok(ask(w, MESSAGE_DONE, &e));
	assert_true(exists(w->site_fd, "site.json"));
}

static void a_site_that_cannot_be_had_or_read_is_no_silence(void **state)
{
	static const enum message_kind kinds[] = { MESSAGE_CHOOSE,
						   MESSAGE_RESCUE };
	struct trust_box *w = *state;
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		list_site(w, "{}");
		release_and_pour(w);
		begin(w);
		w->question.kind = kinds[i];
		assert_refused_saying(ask(w, MESSAGE_DONE, &e), ERR_FORMAT,
				      "site");
		repo_target(w->repo, "targets", SITE_PATH, "not served");
		release_and_pour(w);
		prepare(w);
		w->question.kind = kinds[i];
		assert_int_equal(ask(w, MESSAGE_DONE, &e), -1);
		assert_non_null(strstr(e.msg, "site: "));
		assert_false(exists(w->site_fd, "site.json"));
	}
}

/* Nothing but metadata and the site, and whether that is another one. */
static void a_rescue_brings_the_site_alone(void **state)
{
	struct trust_box *w = *state;
	struct err e = { 0 };

	begin(w);
	w->question = (struct message){ .kind = MESSAGE_RESCUE };
	assert_ok(ask(w, MESSAGE_DONE, &e));
	assert_int_equal(w->answer.count, 0);
	list_good_site(w, NOW - UTC_DAY);
	release_and_pour(w);
	assert_ok(ask(w, MESSAGE_DONE, &e));
	assert_int_equal(w->answer.count, 1);
	assert_true(exists(w->site_fd, "site.json"));
	assert_ok(ask(w, MESSAGE_DONE, &e));
	assert_int_equal(w->answer.count, 0);
	assert_ok(fs_remove_tree(w->box.dir, "server", &e));
	assert_int_equal(ask(w, MESSAGE_DONE, &e), -1);
	assert_non_null(strstr(e.msg, "metadata: "));
}

/* ---- the server's answers ------------------------------------------------ */

/* One that decides, or (with a ctx) one that refuses and talks nonsense. */
static void answer_device(struct tls_talk *t)
{
	const struct wire_decision nothing = { .action = WIRE_NOTHING,
					       .next_check_sec = 77,
					       .reason = "all is well" };
	const bool is_report = strcmp(t->path, "/v1/report") == 0;
	struct buf out = BUF_INIT(WIRE_BODY_MAX);
	struct err refusal, e;

	(void)err_set(&refusal, ERR_CONFLICT, "that attempt is over");
	if (is_report && t->ctx && wire_format_error(&refusal, &out, &e) == 0)
		tls_answer(t, "409 Conflict", "", buf_slice(&out));
	else if (is_report || t->ctx)
		tls_answer(t, "200 OK", "", slice_of("{\"v\":1}"));
	else if (wire_format_decision(&nothing, &out, &e) == 0)
		tls_answer(t, "200 OK", "", buf_slice(&out));
	buf_done(&out);
}

static void serve(struct trust_box *w, void *ctx)
{
	struct err e = { 0 };

	w->server = (struct tls_server){ .answer = answer_device,
					 .ctx = ctx,
					 .not_before = NOW - UTC_DAY,
					 .not_after = NOW + UTC_DAY };
	tls_server_start(&w->server);
	assert_ok(fs_replace_file(w->box.dir, "ca.pem",
				  buf_slice(&w->server.own.ca), 0644, &e));
	start(w);
	assert_ok(open_at(w, NOW, &e));
}

static void ask_for_orders(struct trust_box *w)
{
	w->question = (struct message){ .kind = MESSAGE_CHECKIN };
	strcpy(w->question.checkin.product, "gateway");
	strcpy(w->question.checkin.updater, "1.0");
	w->question.checkin.interval_sec = 60;
}

static void tell(struct trust_box *w)
{
	w->question = (struct message){ .kind = MESSAGE_REPORT };
	w->question.report.attempt = 7;
	w->question.report.sequence = 1;
	w->question.report.state = WIRE_VERIFIED;
}

static void what_the_server_decides_is_passed_on(void **state)
{
	struct trust_box *w = *state;
	struct err e = { 0 };

	serve(w, NULL);
	ask_for_orders(w);
	assert_ok(ask(w, MESSAGE_DECISION, &e));
	assert_int_equal(w->answer.decision.action, WIRE_NOTHING);
	assert_int_equal(w->answer.decision.next_check_sec, 77);
	assert_string_equal(w->answer.decision.reason, "all is well");
	assert_non_null(strstr(w->server.asked, "\"product\":\"gateway\""));
	tell(w);
	assert_ok(ask(w, MESSAGE_DONE, &e));
	assert_int_equal(w->answer.count, 0);
	assert_non_null(strstr(w->server.asked, "POST /v1/report "));
	assert_non_null(strstr(w->server.asked, "\"attempt\":7"));
}

static void what_it_refuses_or_garbles_is_a_failure(void **state)
{
	struct trust_box *w = *state;
	struct err e = { 0 };

	serve(w, w);
	ask_for_orders(w);
	assert_refused_saying(ask(w, MESSAGE_DECISION, &e), ERR_FORMAT,
			      "check-in: ");
	tell(w);
	assert_refused_saying(ask(w, MESSAGE_DONE, &e), ERR_CONFLICT,
			      "report: the server: that attempt is over");
	/* In a folder nobody hears it. */
	tls_server_stop(&w->server);
	begin(w);
	ask_for_orders(w);
	assert_refused_saying(ask(w, MESSAGE_DECISION, &e), ERR_REFUSED,
			      "check-in: ");
	tell(w);
	assert_refused_saying(ask(w, MESSAGE_DONE, &e), ERR_REFUSED,
			      "report: ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(the_factorys_root_is_taken_over_at_first),
		TEST(without_a_root_nothing_is_opened),
		TEST(what_is_trusted_and_damaged_is_not_opened),
		TEST(a_root_for_elsewhere_does_not_stay),
		TEST(a_clock_that_stands_is_no_way_back_in_time),
		TEST(it_locks_itself_up_before_it_reads_anything),
		TEST(before_it_is_opened_nothing_is_answered),
		TEST(nothing_newer_is_nothing_to_do),
		TEST(the_newest_release_is_the_plan),
		TEST(a_nightly_is_for_the_lab_alone),
		TEST(what_hinders_is_said),
		TEST(a_release_that_cannot_be_read_ends_the_choice),
		TEST(who_only_looks_is_told_when_it_is_stranded),
		TEST(the_floor_counts_at_once_and_is_told),
		TEST(a_floor_that_is_withheld_ends_the_choice),
		TEST(by_a_root_for_elsewhere_nothing_is_chosen),
		TEST(a_chain_that_moves_elsewhere_ends_it),
		TEST(what_was_made_for_a_medium_is_for_a_medium),
		TEST(what_an_order_opens_is_the_plan),
		TEST(without_a_clock_a_phase_begins_when_the_timestamp_says),
		TEST(an_assignment_is_followed_and_told),
		TEST(a_listed_site_is_kept),
		TEST(a_site_that_cannot_be_had_or_read_is_no_silence),
		TEST(a_rescue_brings_the_site_alone),
		TEST(what_the_server_decides_is_passed_on),
		TEST(what_it_refuses_or_garbles_is_a_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
