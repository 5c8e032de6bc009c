/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/whereabouts.h"

#include <string.h>

#include "common/pem.h"
#include "tests/unit/box.h"

#define NOW 1790000000

static char configured[] = "https://configured";
static char *const urls[] = { configured };
static struct buf ca = BUF_INIT(SITE_PEM_MAX); /* certificate 0 */
static struct box box;

static struct site site(const char *url, uint8_t current, uint8_t withdrawn,
			int64_t issued)
{
	struct site s = { .ca_count = 2,
			  .url_count = 1,
			  .issued = issued,
			  .overlap_until = NOW + 10 };

	strcpy(s.urls[0], url);
	s.ca[0].der[0] = current;
	s.ca[0].der_len = 1;
	s.ca[1].der[0] = withdrawn;
	s.ca[1].der_len = 1;
	s.ca[1].state = SITE_WITHDRAWN;
	return s;
}

static bool keep(int dirfd, const struct site *s)
{
	struct buf bytes = BUF_INIT(STATEMENT_MAX_LEN);
	struct json *j = site_format(s);
	struct err e = { 0 };
	bool changed = false;

	assert_ok(json_canonical(j, &bytes, &e));
	assert_ok(whereabouts_keep(dirfd, buf_slice(&bytes), &changed, &e));
	json_free(j);
	buf_done(&bytes);
	return changed;
}

/* The urls that are tried at that time, one after the other. */
static void assert_tried(int dirfd, int64_t now, const char *first,
			 const char *second)
{
	const struct whereabouts_configured c = { urls, 1, buf_slice(&ca) };
	struct whereabouts w;
	struct err e = { 0 };

	assert_ok(whereabouts_load(dirfd, &c, now, &w, &e));
	assert_int_equal(w.count, second ? 2 : 1);
	assert_string_equal(w.at[0].url_at[0], first);
	if (second)
		assert_string_equal(w.at[1].url_at[0], second);
	whereabouts_done(&w);
}

static int make_ca(void **state)
{
	const uint8_t der = 0;
	struct err e = { 0 };

	(void)state;
	ca.len = 0;
	assert_ok(
		pem_format("CERTIFICATE", (struct slice){ &der, 1 }, &ca, &e));
	box_open(&box);
	return 0;
}

static int drop_ca(void **state)
{
	(void)state;
	buf_done(&ca);
	box_close(&box);
	return 0;
}

static void without_a_site_the_configuration_counts(void **state)
{
	(void)state;
	assert_tried(-1, NOW, configured, NULL);
	assert_tried(box.dir, NOW, configured, NULL);
}

static void a_new_site_comes_first_and_the_way_back_ends(void **state)
{
	int dirfd = box.dir;
	const struct site one = site("https://one", 1, 9, NOW);
	const struct site two = site("https://two", 2, 9, NOW + 1);
	struct err e = { 0 };

	(void)state;
	assert_true(keep(dirfd, &one));
	assert_false(keep(dirfd, &one));
	assert_tried(dirfd, NOW + 9, "https://one", configured);
	assert_tried(dirfd, NOW + 10, "https://one", NULL);
	assert_ok(whereabouts_worked(dirfd, &e));
	assert_tried(dirfd, NOW, "https://one", NULL);
	assert_true(keep(dirfd, &two));
	assert_tried(dirfd, NOW, "https://two", "https://one");
	/* An older one changes nothing. */
	assert_false(keep(dirfd, &one));
	assert_tried(dirfd, NOW, "https://two", "https://one");
}

/* As many as a site may name: the list has room for no more. */
static void servers_are_bounded(void **state)
{
	char *many[SITE_URLS_MAX + 1];
	struct whereabouts_configured c = { many, SITE_URLS_MAX,
					    buf_slice(&ca) };
	const struct site one = site("https://one", 1, 9, NOW);
	struct whereabouts w;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = urls[0];
	assert_ok(whereabouts_load(box.dir, &c, NOW, &w, &e));
	whereabouts_done(&w);
	c.url_count++;
	assert_refused_saying(whereabouts_load(box.dir, &c, NOW, &w, &e),
			      ERR_LIMIT, "more than 8 servers");
	assert_true(keep(box.dir, &one));
	assert_refused_saying(whereabouts_load(box.dir, &c, NOW, &w, &e),
			      ERR_LIMIT, "more than 8 servers");
}

static void what_is_withdrawn_is_no_way_back(void **state)
{
	int dirfd = box.dir;
	const struct site one = site("https://one", 1, 0, NOW);
	const struct site two = site("https://two", 2, 1, NOW + 1);
	struct err e = { 0 };

	(void)state;
	assert_true(keep(dirfd, &one)); /* withdraws the configured one */
	assert_tried(dirfd, NOW, "https://one", NULL);
	assert_ok(whereabouts_worked(dirfd, &e));
	assert_true(keep(dirfd, &two));
	assert_tried(dirfd, NOW, "https://two", NULL);
}

static void a_damaged_site_is_none(void **state)
{
	int dirfd = box.dir;
	struct err e = { 0 };

	(void)state;
	assert_ok(
		fs_replace_file(dirfd, "site.json", slice_of("{}"), 0600, &e));
	assert_tried(dirfd, NOW, configured, NULL);
}

#define IN_BOX(test) cmocka_unit_test_setup_teardown(test, make_ca, drop_ca)

static void the_newest_site_says_where_the_stranded_ask(void **state)
{
	struct site s = site("https://a", 1, 9, 100);
	char url[SITE_URL_LEN];
	struct err e = { 0 };

	(void)state;
	assert_ok(whereabouts_enrol(-1, "https://own", url, &e));
	assert_string_equal(url, "https://own");
	assert_refused(whereabouts_enrol(-1, NULL, url, &e), ERR_CONFIG);
	assert_refused(whereabouts_enrol(box.dir, NULL, url, &e), ERR_CONFIG);
	assert_true(keep(box.dir, &s));
	/* It does not say. */
	assert_ok(whereabouts_enrol(box.dir, "https://own", url, &e));
	assert_string_equal(url, "https://own");
	strcpy(s.enrol, "https://there");
	s.issued++;
	assert_true(keep(box.dir, &s));
	assert_ok(whereabouts_enrol(box.dir, "https://own", url, &e));
	assert_string_equal(url, "https://there");
	assert_ok(whereabouts_enrol(box.dir, NULL, url, &e));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		IN_BOX(without_a_site_the_configuration_counts),
		IN_BOX(a_new_site_comes_first_and_the_way_back_ends),
		IN_BOX(servers_are_bounded),
		IN_BOX(what_is_withdrawn_is_no_way_back),
		IN_BOX(a_damaged_site_is_none),
		IN_BOX(the_newest_site_says_where_the_stranded_ask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
