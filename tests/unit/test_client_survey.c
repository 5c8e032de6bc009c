/* SPDX-License-Identifier: Apache-2.0 */
/* What a device reads in verified metadata: floor, ways, steps back. */
#include "updater-client/survey.h"

#include "common/floor.h"
#include "common/stepback.h"
#include "tests/unit/tuf_listed.h"

struct place {
	struct repo *repo;
	struct policy_device device;
	struct tuf_client *client;
	struct survey survey;
	struct survey_job job;
};

static int setup(void **state)
{
	struct place *p = mem_alloc(1, sizeof(*p));

	p->repo = repo_new();
	repo_trust(p->repo);
	strcpy(p->device.product, "gateway");
	p->device.has_running = true;
	p->device.seq = p->device.content_seq = 9;
	p->job = (struct survey_job){ .from = &p->repo->source,
				      .device = &p->device,
				      .now = NOW,
				      .lab = true };
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	survey_done(&p->survey);
	tuf_client_close(p->client);
	repo_free(p->repo);
	free(p);
	return 0;
}

/* ---- what is listed ------------------------------------------------------ */

static void list_floor(struct repo *repo, const char *role, const char *product,
		       uint64_t seq)
{
	struct floor f = { .seq = seq, .issued = NOW - UTC_DAY };

	strcpy(f.product, product);
	list_document(repo, role, "floor/gateway.json", "floor",
		      floor_format(&f));
}

static void list_back(struct repo *repo, const char *role, const char *path,
		      uint64_t from, uint64_t to, int64_t expires)
{
	struct stepback s = { "gateway", from, to, NOW - UTC_DAY, expires };

	list_document(repo, role, path, "stepback", stepback_format(&s));
}

static void publish(struct place *p, const char *role)
{
	struct err e;

	if (role)
		repo_publish(p->repo, role);
	repo_release(p->repo);
	tuf_client_close(p->client);
	p->client = NULL;
	assert_ok(tuf_client_open(p->repo->dirfd, &p->repo->policy, NOW,
				  &p->client, &e));
	assert_ok(tuf_client_refresh(p->client, &p->repo->source, &e));
	p->job.client = p->client;
}

static int look(struct place *p, struct err *e)
{
	return survey_make(&p->job, &p->survey, e);
}

/* The document as it was signed is one thing, what is served another. */
static void lose(struct place *p, const char *words)
{
	for (struct repo_file *f = p->repo->files; f; f = f->next)
		if (strstr(f->name, words))
			f->name[0] = 0;
}

/* ---- the floor ----------------------------------------------------------- */

static void without_a_floor_commit_there_is_no_floor(void **state)
{
	struct place *p = *state;
	struct err e;

	publish(p, NULL);
	assert_ok(look(p, &e));
	assert_int_equal(p->survey.floor, 0);
	assert_int_equal(p->survey.way.count, 0);
	assert_int_equal(p->survey.way.back_count, 0);
}

static void the_floor_is_that_of_this_product(void **state)
{
	struct place *p = *state;
	struct err e;

	list_floor(p->repo, "targets", "gateway", 7);
	publish(p, NULL);
	assert_ok(look(p, &e));
	assert_int_equal(p->survey.floor, 7);
	strcpy(p->device.product, "gadget");
	survey_done(&p->survey);
	assert_int_equal(p->survey.floor, 0);
	assert_ok(look(p, &e));
	assert_int_equal(p->survey.floor, 0);
}

static void a_later_survey_never_lowers_it(void **state)
{
	struct place *p = *state;
	struct err e;

	list_floor(p->repo, "targets", "gateway", 7);
	publish(p, NULL);
	assert_ok(look(p, &e));
	list_floor(p->repo, "targets", "gateway", 4);
	publish(p, NULL);
	assert_ok(look(p, &e));
	assert_int_equal(p->survey.floor, 7);
}

static void a_floor_of_another_product_is_refused(void **state)
{
	struct place *p = *state;
	struct err e;

	list_floor(p->repo, "targets", "gadget", 7);
	publish(p, NULL);
	assert_refused_saying(look(p, &e), ERR_UNTRUSTED,
			      "the floor is of gadget");
	assert_int_equal(p->survey.floor, 0);
}

static void a_floor_that_cannot_be_had_is_not_none(void **state)
{
	struct place *p = *state;
	struct err e;

	list_floor(p->repo, "targets", "gateway", 7);
	publish(p, NULL);
	lose(p, ".gateway.json");
	assert_int_equal(look(p, &e), -1);
	assert_non_null(strstr(e.msg, "the floor"));
	assert_int_equal(p->survey.floor, 0);
}

static void a_floor_that_is_none_is_refused(void **state)
{
	struct place *p = *state;
	struct err e;

	list_document(p->repo, "targets", "floor/gateway.json", "floor",
		      json_new_object());
	publish(p, NULL);
	assert_refused(look(p, &e), ERR_FORMAT);
}

/* ---- the ways ------------------------------------------------------------ */

static void releases_of_the_product_are_the_ways(void **state)
{
	struct place *p = *state;
	const struct sha256 ten = { { 10 } };
	struct err e;

	list_release(p->repo, "targets", "gateway", 8, "", false);
	list_release(p->repo, "targets", "gateway", 10, "8", false);
	list_release(p->repo, "targets", "gadget", 12, "", false);
	publish(p, NULL);
	assert_ok(look(p, &e));
	assert_int_equal(p->survey.way.count, 2);
	assert_string_equal(way_first(&p->survey.way, "10", &ten, 3), "8");
	/* What is looked at again is not listed twice. */
	assert_ok(look(p, &e));
	assert_int_equal(p->survey.way.count, 2);
}

static void the_role_of_the_product_is_looked_at_too(void **state)
{
	struct place *p = *state;
	struct err e;

	repo_delegate(p->repo, "targets", "product-gateway", SPARE_KEY,
		      "gateway/*/*");
	repo_delegate(p->repo, "targets", "product-gadget", OTHER_KEY,
		      "gadget/*/*");
	list_release(p->repo, "product-gateway", "gateway", 10, "", false);
	list_release(p->repo, "product-gadget", "gadget", 11, "", false);
	repo_publish(p->repo, "product-gadget");
	publish(p, "product-gateway");
	assert_ok(look(p, &e));
	assert_int_equal(p->survey.way.count, 1);
	assert_string_equal(p->survey.way.at[0].id, "10");
}

static void nightly_releases_are_for_a_lab(void **state)
{
	struct place *p = *state;
	struct err e;

	repo_delegate(p->repo, "targets", "nightly", SPARE_KEY,
		      "nightly/*/*/*");
	list_release(p->repo, "nightly", "gateway", 10, "", true);
	/* Whoever lists it: its path alone makes it one. */
	list_release(p->repo, "targets", "gateway", 11, "", true);
	publish(p, "nightly");
	assert_ok(look(p, &e));
	assert_int_equal(p->survey.way.count, 2);
	p->job.lab = false;
	assert_ok(look(p, &e));
	assert_int_equal(p->survey.way.count, 0);
}

static void a_role_that_cannot_be_had_is_not_an_empty_one(void **state)
{
	struct place *p = *state;
	struct err e;

	repo_delegate(p->repo, "targets", "product-gateway", SPARE_KEY,
		      "gateway/*/*");
	publish(p, "product-gateway");
	strcpy(p->repo->broken, "1.product-gateway.json");
	assert_refused(look(p, &e), ERR_NETWORK);
	strcpy(p->device.product, "gadget");
	assert_ok(look(p, &e));
}

static void the_nightly_role_that_cannot_be_had_is_missed_in_a_lab(void **state)
{
	struct place *p = *state;
	struct err e;

	repo_delegate(p->repo, "targets", "nightly", SPARE_KEY,
		      "nightly/*/*/*");
	publish(p, "nightly");
	strcpy(p->repo->broken, "1.nightly.json");
	assert_refused(look(p, &e), ERR_NETWORK);
	p->job.lab = false;
	assert_ok(look(p, &e));
}

static int stop_at(void *ctx, const struct tuf_target *t, struct err *e)
{
	const char *path = ctx;

	if (strcmp(t->path, path) == 0)
		return err_set(e, ERR_CONFLICT, "stop here");
	return 0;
}

static void a_visitor_who_fails_ends_the_visit(void **state)
{
	static char top[] = "thing/1.pkg", own[] = "gateway/1/x";
	struct place *p = *state;
	struct err e;

	repo_delegate(p->repo, "targets", "product-gateway", SPARE_KEY,
		      "gateway/*/*");
	repo_target(p->repo, "product-gateway", "gateway/1/x", "one");
	publish(p, "product-gateway");
	assert_refused(survey_each(&p->job, stop_at, top, &e), ERR_CONFLICT);
	assert_refused(survey_each(&p->job, stop_at, own, &e), ERR_CONFLICT);
}

/* ---- steps back ---------------------------------------------------------- */

static void an_authorised_step_back_is_a_way(void **state)
{
	struct place *p = *state;
	struct err e;

	list_back(p->repo, "targets", "stepback/gateway/9-7.json", 9, 7,
		  NOW + 1);
	list_back(p->repo, "targets", "stepback/gateway/9-8.json", 9, 8,
		  NOW + 1);
	publish(p, NULL);
	assert_ok(look(p, &e));
	assert_int_equal(p->survey.way.back_count, 2);
	assert_true(way_may_step_back(&p->survey.way, 7));
	assert_true(way_may_step_back(&p->survey.way, 8));
	assert_false(way_may_step_back(&p->survey.way, 6));
}

static void one_from_elsewhere_is_none(void **state)
{
	struct place *p = *state;
	struct err e;

	list_back(p->repo, "targets", "stepback/gateway/9-7.json", 9, 7,
		  NOW + 1);
	publish(p, NULL);
	/* "90-" begins as "9" does, and 9 is not 8. */
	p->device.seq = 8;
	assert_ok(look(p, &e));
	assert_int_equal(p->survey.way.back_count, 0);
	p->device.seq = 90;
	assert_ok(look(p, &e));
	assert_int_equal(p->survey.way.back_count, 0);
	p->device.seq = 9;
	p->device.has_running = false;
	assert_ok(look(p, &e));
	assert_int_equal(p->survey.way.back_count, 0);
	p->device.has_running = true;
	strcpy(p->device.product, "gadget");
	assert_ok(look(p, &e));
	assert_int_equal(p->survey.way.back_count, 0);
	/* It was not even asked for. */
	assert_null(strstr(p->repo->asked, "9-7"));
}

static void an_expired_one_is_none_and_no_failure(void **state)
{
	struct place *p = *state;
	struct err e;

	list_back(p->repo, "targets", "stepback/gateway/9-7.json", 9, 7, NOW);
	publish(p, NULL);
	assert_ok(look(p, &e));
	assert_int_equal(p->survey.way.back_count, 0);
	p->job.now = NOW - 1;
	assert_ok(look(p, &e));
	assert_int_equal(p->survey.way.back_count, 1);
}

static void one_under_another_name_is_refused(void **state)
{
	struct place *p = *state;
	struct err e;

	/* Meant for who runs 8, or to lead elsewhere, or of another product. */
	list_back(p->repo, "targets", "stepback/gateway/9-7.json", 8, 7,
		  NOW + 1);
	publish(p, NULL);
	assert_refused_saying(look(p, &e), ERR_UNTRUSTED, "another name");
	list_back(p->repo, "targets", "stepback/gateway/9-7.json", 9, 6,
		  NOW + 1);
	publish(p, NULL);
	assert_refused_saying(look(p, &e), ERR_UNTRUSTED, "another name");
}

static void one_that_cannot_be_had_or_read_fails(void **state)
{
	struct place *p = *state;
	struct err e;

	list_document(p->repo, "targets", "stepback/gateway/9-7.json",
		      "stepback", json_new_object());
	publish(p, NULL);
	assert_refused(look(p, &e), ERR_FORMAT);
	list_back(p->repo, "targets", "stepback/gateway/9-7.json", 9, 7,
		  NOW + 1);
	publish(p, NULL);
	lose(p, "9-7.json");
	assert_int_equal(look(p, &e), -1);
	assert_non_null(strstr(e.msg, "9-7.json"));
}

static void only_so_many_are_looked_at(void **state)
{
	struct place *p = *state;
	struct err e;

	p->device.seq = 1000;
	for (unsigned to = 1; to <= WAY_BACK_MAX + 3; to++) {
		char path[64];

		(void)snprintf(path, sizeof(path),
			       "stepback/gateway/1000-%u.json", to);
		list_back(p->repo, "targets", path, 1000, to, NOW + 1);
	}
	publish(p, NULL);
	assert_ok(look(p, &e));
	assert_int_equal(p->survey.way.back_count, WAY_BACK_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(without_a_floor_commit_there_is_no_floor),
		TEST(the_floor_is_that_of_this_product),
		TEST(a_later_survey_never_lowers_it),
		TEST(a_floor_of_another_product_is_refused),
		TEST(a_floor_that_cannot_be_had_is_not_none),
		TEST(a_floor_that_is_none_is_refused),
		TEST(releases_of_the_product_are_the_ways),
		TEST(the_role_of_the_product_is_looked_at_too),
		TEST(nightly_releases_are_for_a_lab),
		TEST(a_role_that_cannot_be_had_is_not_an_empty_one),
		TEST(the_nightly_role_that_cannot_be_had_is_missed_in_a_lab),
		TEST(a_visitor_who_fails_ends_the_visit),
		TEST(an_authorised_step_back_is_a_way),
		TEST(one_from_elsewhere_is_none),
		TEST(an_expired_one_is_none_and_no_failure),
		TEST(one_under_another_name_is_refused),
		TEST(one_that_cannot_be_had_or_read_fails),
		TEST(only_so_many_are_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
