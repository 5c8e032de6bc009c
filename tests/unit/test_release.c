/* SPDX-License-Identifier: Apache-2.0 */
#include "common/release.h"

#include <string.h>

#include "common/mem.h"
#include "tests/unit/check.h"

static struct json *entry; /* a whole targets entry */
static struct json *pawl;  /* the object in it that release reads */
static char path[PATH_MAX_LEN];

static void fill(struct release *r, enum package_kind kind)
{
	struct err e = { 0 };

	*r = (struct release){
		.product = "gateway",
		.id = "2026.11",
		.version = "November; the first",
		.seq = 7,
		.content_seq = 7,
		.requires_seq = 2,
		.urgent = true,
		.issued = 1795360341,
		.health_deadline_sec = 300,
		.component = "main",
		.content = PACKAGE_TREE,
		.attributes = TREE_APP,
		.manifest_len = 1000,
		.content_len = 123456,
		.entries = 17,
		.kind = kind,
		.head_len = PACKAGE_HEADER_LEN + SHA256_LEN,
		.package_len = 5000,
		.window_len = 1 << 20,
		.apply_memory = 4 << 20,
	};
	r->models[r->model_count++] = mem_dup_str("pi-5");
	r->fixes[r->fix_count++] = mem_dup_str("CVE-2026-1234");
	r->health[0].argv[0] = mem_dup_str("bin/check");
	r->health[0].argv[1] = mem_dup_str("--quick; not $shell");
	r->health[0].argc = 2;
	r->health_count = 1;
	memset(&r->digest, 1, sizeof(r->digest));
	memset(&r->head_digest, 2, sizeof(r->head_digest));
	memset(&r->package_digest, 3, sizeof(r->package_digest));
	if (kind == PACKAGE_DELTA)
		assert_ok(text_format(r->base_id, sizeof(r->base_id), &e,
				      "2026.10"));
	assert_ok(release_path(r, path, &e));
}

static void make(enum package_kind kind)
{
	struct release r;

	fill(&r, kind);
	json_free(entry);
	entry = release_format(&r);
	pawl = (struct json *)(uintptr_t)json_get(json_get(entry, "custom"),
						  "pawl");
	release_done(&r);
}

static int teardown(void **state)
{
	(void)state;
	json_free(entry);
	entry = NULL;
	return 0;
}

static struct tuf_target target(void)
{
	struct tuf_target t = {
		.path = path,
		.length = 5000,
		.has_sha256 = true,
		.custom = json_get(entry, "custom"),
	};

	memset(&t.sha256, 3, sizeof(t.sha256));
	return t;
}

static void assert_parses(void)
{
	struct tuf_target t = target();
	struct err e = { 0 };
	struct release r;

	assert_ok(release_parse(&t, &r, &e));
	release_done(&r);
}

static void assert_parse_refused_saying(enum err_code code, const char *words)
{
	struct tuf_target t = target();
	struct release r = { .seq = 99 };
	struct err e = { 0 };

	assert_refused_saying(release_parse(&t, &r, &e), code, words);
	assert_int_equal(r.seq, 99);
}

static void assert_parse_refused(enum err_code code)
{
	assert_parse_refused_saying(code, "");
}

/* As `make`, of two components. */
static void make_two(const char *component)
{
	struct release r;
	struct err e = { 0 };

	fill(&r, PACKAGE_FULL);
	r.component_count = 2;
	strcpy(r.components[0].name, "main");
	strcpy(r.components[1].name, "modem");
	r.components[0].digest.bytes[0] = 8;
	r.components[1].digest.bytes[0] = 9;
	strcpy(r.component, component);
	release_digest_of(r.components, 2, &r.digest);
	assert_ok(release_path(&r, path, &e));
	json_free(entry);
	entry = release_format(&r);
	pawl = (struct json *)(uintptr_t)json_get(json_get(entry, "custom"),
						  "pawl");
	release_done(&r);
}

static void of_several_components_each_entry_names_all(void **state)
{
	struct tuf_target t;
	struct err e = { 0 };
	struct release r;

	(void)state;
	make_two("modem");
	t = target();
	assert_string_equal(path, "gateway/2026.11/modem-full.pawl");
	assert_ok(release_parse(&t, &r, &e));
	assert_int_equal(r.component_count, 2);
	assert_string_equal(r.components[0].name, "main");
	assert_int_equal(r.content_digest.bytes[0], 9);
	assert_false(sha256_equal(&r.digest, &r.content_digest));
	assert_true(release_has_component(&r, "main"));
	assert_false(release_has_component(&r, "fpga"));
	release_done(&r);
	make(PACKAGE_FULL);
	t = target();
	assert_ok(release_parse(&t, &r, &e));
	assert_int_equal(r.component_count, 0);
	assert_true(sha256_equal(&r.digest, &r.content_digest));
	assert_true(release_has_component(&r, "main"));
	release_done(&r);
}

static struct json *components(void)
{
	return (struct json *)(uintptr_t)json_get(pawl, "components");
}

static struct json *component(size_t i)
{
	return (struct json *)(uintptr_t)json_at(components(), i);
}

static void a_list_of_components_that_lies_is_refused(void **state)
{
	struct json *one;

	(void)state;
	make_two("main");
	json_set_text(component(1), "name", "radio"); /* digest is of modem */
	assert_parse_refused_saying(ERR_FORMAT, "digest is not theirs");
	make_two("main");
	json_set_text(component(1), "name", "main");
	assert_parse_refused_saying(ERR_FORMAT, "twice");
	make_two("main");
	json_set_text(component(0), "name", "../x");
	assert_parse_refused(ERR_FORMAT);
	make_two("main");
	json_set_text(component(0), "more", "x");
	assert_parse_refused(ERR_REFUSED);
	make_two("fpga");
	assert_parse_refused_saying(ERR_FORMAT, "none of them");
	make_two("main");
	one = json_new_array();
	json_add(one, json_clone(component(0)));
	json_set(pawl, "components", one);
	assert_parse_refused(ERR_LIMIT);
	make_two("main");
	for (size_t i = 2; i <= RELEASE_COMPONENTS_MAX; i++)
		json_add(components(), json_clone(component(0)));
	assert_parse_refused(ERR_LIMIT);
}

static void a_full_release_survives_the_round_trip(void **state)
{
	struct tuf_target t;
	struct err e = { 0 };
	struct release r;

	(void)state;
	make(PACKAGE_FULL);
	t = target();
	assert_string_equal(path, "gateway/2026.11/main-full.pawl");
	assert_ok(release_parse(&t, &r, &e));
	assert_string_equal(r.product, "gateway");
	assert_string_equal(r.version, "November; the first");
	assert_int_equal(r.model_count, 1);
	assert_string_equal(r.models[0], "pi-5");
	assert_int_equal(r.seq, 7);
	assert_int_equal(r.requires_seq, 2);
	assert_true(r.urgent);
	assert_true(r.issued == 1795360341 && r.not_before == 0);
	assert_string_equal(r.fixes[0], "CVE-2026-1234");
	assert_int_equal(r.health[0].argc, 2);
	assert_string_equal(r.health[0].argv[1], "--quick; not $shell");
	assert_null(r.health[0].argv[2]);
	assert_int_equal(r.digest.bytes[31], 1);
	assert_int_equal(r.head_digest.bytes[31], 2);
	assert_int_equal(r.package_digest.bytes[31], 3);
	assert_int_equal(r.package_len, 5000);
	assert_int_equal(r.entries, 17);
	assert_int_equal(r.window_len, 1 << 20);
	release_done(&r);
	release_done(&r);
}

static void revisions_of_hardware_survive_the_round_trip(void **state)
{
	static char b[] = "rev-b", c[] = "rev-c";
	struct tuf_target t;
	struct err e = { 0 };
	struct release r;

	(void)state;
	make(PACKAGE_FULL);
	assert_null(json_get(pawl, "hardware"));
	t = target();
	assert_ok(release_parse(&t, &r, &e));
	assert_int_equal(r.hardware_count, 0);
	r.hardware[0] = mem_dup_str(b);
	r.hardware[1] = mem_dup_str(c);
	r.hardware_count = 2;
	json_free(entry);
	entry = release_format(&r);
	release_done(&r);
	t = target();
	assert_ok(release_parse(&t, &r, &e));
	assert_int_equal(r.hardware_count, 2);
	assert_string_equal(r.hardware[0], b);
	assert_string_equal(r.hardware[1], c);
	assert_int_equal(r.model_count, 1);
	release_done(&r);
}

static struct json *with_sbom(void)
{
	struct json *sbom = json_new_object();

	make(PACKAGE_FULL);
	json_set_int(sbom, "length", 4711);
	json_set(sbom, "sha256", json_clone(json_get(pawl, "digest")));
	json_set(pawl, "sbom", sbom);
	return (struct json *)(uintptr_t)json_get(pawl, "sbom");
}

static void a_bill_of_materials_survives_the_round_trip(void **state)
{
	struct tuf_target t;
	struct err e = { 0 };
	struct release r;

	(void)state;
	make(PACKAGE_FULL);
	assert_null(json_get(pawl, "sbom"));
	for (int i = 0; i < 2; i++) {
		if (i == 0)
			(void)with_sbom();
		t = target();
		assert_ok(release_parse(&t, &r, &e));
		assert_int_equal(r.sbom_len, 4711);
		assert_true(sha256_equal(&r.sbom, &r.digest));
		json_free(entry);
		entry = release_format(&r);
		release_done(&r);
	}
}

static void a_bill_of_materials_is_length_and_digest(void **state)
{
	(void)state;
	json_set_int(with_sbom(), "length", 0);
	assert_parse_refused_saying(ERR_FORMAT, "sbom");
	json_set_int(with_sbom(), "length", -1);
	assert_parse_refused(ERR_FORMAT);
	json_remove(with_sbom(), "length");
	assert_parse_refused(ERR_FORMAT);
	json_remove(with_sbom(), "sha256");
	assert_parse_refused(ERR_FORMAT);
	json_set_text(with_sbom(), "sha256", "00");
	assert_parse_refused(ERR_FORMAT);
	json_set_text(with_sbom(), "url", "https://example.com/sbom");
	assert_parse_refused(ERR_REFUSED);
	make(PACKAGE_FULL);
	json_set_text(pawl, "sbom", "sbom.json");
	assert_parse_refused(ERR_FORMAT);
}

static void the_way_to_a_release_survives_the_round_trip(void **state)
{
	struct tuf_target t;
	struct err e = { 0 };
	struct release r;

	(void)state;
	make(PACKAGE_FULL);
	json_set_text(pawl, "stepping_stone", "2026.09");
	json_set_text(pawl, "min_updater", "1.20.3");
	json_set_text(pawl, "support_end", "2030-01-01T00:00:00Z");
	json_set_int(pawl, "defer_max", 86400);
	json_set_int(pawl, "retry", 3);
	t = target();
	assert_ok(release_parse(&t, &r, &e));
	assert_string_equal(r.stepping_stone, "2026.09");
	assert_string_equal(r.min_updater, "1.20.3");
	assert_true(r.support_end == 1893456000);
	assert_true(r.defer_max_sec == 86400);
	assert_true(r.retry == 3);
	json_free(entry);
	entry = release_format(&r);
	release_done(&r);
	assert_parses();
}

static void a_way_that_leads_nowhere_is_refused(void **state)
{
	(void)state;
	make(PACKAGE_FULL);
	json_set_text(pawl, "stepping_stone", "2026.11"); /* itself */
	assert_parse_refused(ERR_FORMAT);
	make(PACKAGE_FULL);
	json_set_text(pawl, "stepping_stone", "2026.10");
	assert_parses();
	json_set_int(pawl, "requires_seq", 0);
	assert_parse_refused(ERR_FORMAT);
	make(PACKAGE_FULL);
	json_set_text(pawl, "support_end", "some day");
	assert_parse_refused(ERR_FORMAT);
	make(PACKAGE_FULL);
	json_set_text(pawl, "min_updater", "1.2");
	assert_parse_refused(ERR_FORMAT);
}

static void updaters_are_compared_by_number(void **state)
{
	static const char *const wrong[] = { "1",         "1.2",   "1.2.3.4",
					     "01.2.3",    "1.2.",  "1.-2.3",
					     "1.2.3 ",    "a.b.c", "1..3",
					     "100000.0.0" };
	struct err e = { 0 };

	(void)state;
	assert_ok(release_updater_check("", "nonsense", &e));
	assert_ok(release_updater_check("1.2.3", "1.2.3", &e));
	assert_ok(release_updater_check("1.9.3", "1.10.0", &e));
	assert_ok(release_updater_check("0.0.0", "99999.0.0", &e));
	assert_refused(release_updater_check("1.10.0", "1.9.9", &e),
		       ERR_REFUSED);
	assert_refused(release_updater_check("2.0.0", "1.99.99", &e),
		       ERR_REFUSED);
	assert_refused(release_updater_check("1.2.4", "1.2.3", &e),
		       ERR_REFUSED);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_refused(release_updater_check(wrong[i], "1.2.3", &e),
			       ERR_FORMAT);
}

static void a_delta_names_its_base(void **state)
{
	struct tuf_target t;
	struct err e = { 0 };
	struct release r;

	(void)state;
	make(PACKAGE_DELTA);
	t = target();
	assert_string_equal(path, "gateway/2026.11/main-from-2026.10.pawl");
	assert_ok(release_parse(&t, &r, &e));
	assert_string_equal(r.base_id, "2026.10");
	release_done(&r);
	json_remove(pawl, "base_digest");
	assert_parse_refused(ERR_FORMAT);
	make(PACKAGE_FULL);
	json_set_text(pawl, "base", "2026.10");
	assert_parse_refused(ERR_FORMAT);
	make(PACKAGE_FULL);
	json_set(pawl, "base_digest", json_clone(json_get(pawl, "digest")));
	assert_parse_refused(ERR_FORMAT);
}

/* Everything but not_before, which may be left out. */
static void each_member_is_required_and_typed(void **state)
{
	char name[64];
	size_t count;

	(void)state;
	make(PACKAGE_DELTA);
	count = json_count(pawl);
	for (size_t i = 0; i < count; i++) {
		struct err e = { 0 };
		void *m;

		make(PACKAGE_DELTA);
		m = json_first(pawl);
		for (size_t n = 0; n < i; n++)
			m = json_next(pawl, m);
		assert_ok(text_format(name, sizeof(name), &e, "%s",
				      json_name(m)));
		json_set(pawl, name, json_new_object());
		assert_parse_refused(ERR_FORMAT);
		json_remove(pawl, name);
		assert_parse_refused(ERR_FORMAT);
	}
	make(PACKAGE_FULL);
	json_set_text(pawl, "not_before", "2027-01-01T00:00:00Z");
	assert_parses();
	json_set_text(pawl, "not_before", "tomorrow");
	assert_parse_refused(ERR_FORMAT);
	json_remove(pawl, "not_before");
	json_set_int(pawl, "surprise", 1);
	assert_parse_refused(ERR_REFUSED);
}

static void what_is_no_package_is_not_found(void **state)
{
	struct tuf_target t;
	struct release r;
	struct err e = { 0 };

	(void)state;
	make(PACKAGE_FULL);
	json_set_text(pawl, "type", "floor");
	assert_parse_refused(ERR_NOT_FOUND);
	t = target();
	t.custom = NULL;
	assert_refused(release_parse(&t, &r, &e), ERR_NOT_FOUND);
	t.custom = pawl; /* has no member "pawl" */
	assert_refused(release_parse(&t, &r, &e), ERR_NOT_FOUND);
	json_set_int((struct json *)(uintptr_t)json_get(entry, "custom"),
		     "pawl", 7);
	assert_parse_refused(ERR_NOT_FOUND);
}

static void a_newer_format_asks_for_a_newer_updater(void **state)
{
	(void)state;
	make(PACKAGE_FULL);
	json_set_int(pawl, "v", 2);
	json_set_int(pawl, "surprise", 1);
	assert_parse_refused(ERR_REFUSED);
}

/* Formats grow; what is wrong in what is known stays wrong. */
static void an_unknown_member_asks_for_a_newer_updater(void **state)
{
	(void)state;
	make(PACKAGE_FULL);
	json_set_int(pawl, "surprise", 1);
	assert_parse_refused_saying(ERR_REFUSED,
				    "release needs a newer updater (unknown "
				    "member \"surprise\")");
	json_set_int(pawl, "seq", 0);
	assert_parse_refused(ERR_FORMAT);
}

static void only_who_is_too_old_is_told_so(void **state)
{
	(void)state;
	make(PACKAGE_FULL);
	json_set_text(pawl, "content", "hologram");
	assert_parse_refused(ERR_FORMAT);
	json_set_text(pawl, "min_updater", VERSION);
	assert_parse_refused(ERR_FORMAT);
	json_set_text(pawl, "min_updater", "later");
	assert_parse_refused(ERR_FORMAT);
	json_set_text(pawl, "min_updater", "9999.0.0");
	assert_parse_refused_saying(ERR_REFUSED,
				    "it needs the updater 9999.0.0");
	json_set_text(pawl, "content", "tree");
	assert_parses();
	json_set_int(pawl, "surprise", 1);
	assert_parse_refused_saying(ERR_REFUSED,
				    "it needs the updater 9999.0.0");
}

static void advisories_have_short_plain_ids(void **state)
{
	static const char *const wrong[] = {
		"",
		"CVE_1",
		"CVE.1",
		"a b",
		"CVE-2026-111111111111111111111111",
		"CVE:1",
		"@",
		"[",
		"`",
		"{",
		"/"
	};

	(void)state;
	assert_true(release_fix_is_valid(slice_of("CVE-2026-1234")));
	assert_true(release_fix_is_valid(slice_of("azAZ09")));
	assert_true(release_fix_is_valid(
		slice_of("CVE-2026-11111111111111111111111")));
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_false(release_fix_is_valid(slice_of(wrong[i])));
}

static void numbers_keep_to_their_ranges(void **state)
{
	static const struct {
		const char *name;
		int64_t value;
	} wrong[] = {
		{ "seq", 0 },
		{ "seq", 6 }, /* below content_seq */
		{ "content_seq", 8 },
		{ "content_seq", 0 },
		{ "requires_seq", 8 },
		{ "requires_seq", -1 },
		{ "retry", 0 },
		{ "retry", RELEASE_RETRY_MAX + 1 },
		{ "defer_max", 0 },
		{ "defer_max", 34560001 },
		{ "health_deadline", 0 },
		{ "health_deadline", 86401 },
		{ "window", PACKAGE_WINDOW_MAX + 1 },
		{ "head_length", PACKAGE_HEADER_LEN },
		{ "head_length", INT64_C(1) << 40 },
		{ "head_length", 5001 }, /* more than the package */
		{ "entries", TREE_ENTRIES_MAX + 1 },
		{ "manifest_length", TREE_MANIFEST_MAX + 1 },
		{ "manifest_length", 0 },
		{ "content_length", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		make(PACKAGE_FULL);
		json_set_int(pawl, wrong[i].name, wrong[i].value);
		assert_parse_refused(ERR_FORMAT);
	}
}

static void make_undo(void)
{
	make(PACKAGE_FULL);
	json_set_int(pawl, "content_seq", 5);
	json_set_text(pawl, "undo_of", "2026.10");
	json_set_text(pawl, "undo_until", "2026-12-20T00:00:00Z");
}

static void an_undo_carries_older_content_and_an_end(void **state)
{
	struct tuf_target t;
	struct json *again;
	struct err e = { 0 };
	struct release r;

	(void)state;
	make_undo();
	t = target();
	assert_ok(release_parse(&t, &r, &e));
	assert_true(release_is_undo(&r));
	assert_string_equal(r.undo_of, "2026.10");
	assert_int_equal(r.undo_until, 1797724800);
	again = release_format(&r);
	assert_true(json_same(again, entry));
	json_free(again);
	release_done(&r);
}

static void an_undo_says_all_of_it_or_nothing(void **state)
{
	(void)state;
	make_undo();
	json_remove(pawl, "undo_of");
	assert_parse_refused(ERR_FORMAT);
	make_undo();
	json_remove(pawl, "undo_until");
	assert_parse_refused(ERR_FORMAT);
	make_undo();
	json_set_int(pawl, "content_seq", 7);
	assert_parse_refused(ERR_FORMAT);
	make_undo();
	json_set_text(pawl, "undo_of", "2026.11"); /* itself */
	assert_parse_refused(ERR_FORMAT);
	make_undo();
	json_set_text(pawl, "undo_until", "2026-11-21T00:00:00Z");
	assert_parse_refused(ERR_FORMAT);
	/* content under a newer seq is an undo or a lie */
	make(PACKAGE_FULL);
	json_set_int(pawl, "content_seq", 5);
	assert_parse_refused(ERR_FORMAT);
}

static void one_operators_share_is_signed_along(void **state)
{
	struct tuf_target t;
	struct json *again, *list;
	struct err e = { 0 };
	struct release r;

	(void)state;
	make(PACKAGE_FULL);
	t = target();
	assert_ok(release_parse(&t, &r, &e));
	assert_false(r.has_one_operator_limit);
	release_done(&r);
	json_set_text(pawl, "one_operator_limit", "028f5c28f5c28f5c");
	list = json_new_array();
	json_add(list, json_new_text("canary"));
	json_set(pawl, "one_operator_cohorts", list);
	t = target();
	assert_ok(release_parse(&t, &r, &e));
	assert_true(r.has_one_operator_limit);
	assert_true(r.one_operator_limit == UINT64_C(0x028f5c28f5c28f5c));
	assert_string_equal(r.one_operator_cohorts[0], "canary");
	again = release_format(&r);
	assert_true(json_same(again, entry));
	json_free(again);
	release_done(&r);
	json_set_text(pawl, "one_operator_limit", "1");
	assert_parse_refused(ERR_FORMAT);
	json_set_int(pawl, "one_operator_limit", 1);
	assert_parse_refused(ERR_FORMAT);
}

static void texts_keep_to_their_alphabets(void **state)
{
	static const struct {
		const char *name, *value;
	} wrong[] = {
		{ "product", "../gateway" }, { "product", "" },
		{ "product", "Gateway" },    { "release", "a/b" },
		{ "component", ".." },       { "kind", "patch" },
		{ "content", "script" },     { "attributes", "all" },
		{ "issued", "2026-11-22" },  { "digest", "00" },
		{ "head_digest", "zz" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		make(PACKAGE_FULL);
		json_set_text(pawl, wrong[i].name, wrong[i].value);
		assert_parse_refused(ERR_FORMAT);
	}
}

/* Where the path agrees with it, too. */
static void a_name_is_a_name_whatever_the_path_says(void **state)
{
	struct tuf_target t;
	struct err e = { 0 };
	struct release r;

	(void)state;
	make(PACKAGE_FULL);
	json_set_text(pawl, "product", "Gateway");
	t = target();
	t.path = "Gateway/2026.11/main-full.pawl";
	assert_refused_saying(release_parse(&t, &r, &e), ERR_FORMAT,
			      "not a name");
}

static void an_image_has_no_members_of_a_tree(void **state)
{
	static const char *const names[] = { "attributes", "manifest_length",
					     "entries" };

	(void)state;
	for (size_t i = 0; i <= ARRAY_LEN(names); i++) {
		make(PACKAGE_FULL);
		json_set_text(pawl, "content", "image");
		for (size_t k = 0; k < ARRAY_LEN(names); k++)
			if (k != i)
				json_remove(pawl, names[k]);
		if (i < ARRAY_LEN(names))
			assert_parse_refused(ERR_FORMAT);
		else
			assert_parses();
	}
	json_set_int(pawl, "content_length", 0);
	assert_parse_refused(ERR_FORMAT);
}

static void set_list(const char *name, const char *item, size_t count)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < count; i++)
		json_add(list, json_new_text(item));
	json_set(pawl, name, list);
}

static void the_libraries_of_a_delta_survive_the_round_trip(void **state)
{
	struct tuf_target t;
	struct err e = { 0 };
	struct release r;

	(void)state;
	make(PACKAGE_DELTA);
	set_list("libraries", "lz4 1.9.4", RELEASE_LIBRARIES_MAX);
	json_set_int(pawl, "scratch", 4096);
	t = target();
	assert_ok(release_parse(&t, &r, &e));
	assert_int_equal(r.library_count, RELEASE_LIBRARIES_MAX);
	assert_string_equal(r.libraries[RELEASE_LIBRARIES_MAX - 1],
			    "lz4 1.9.4");
	assert_int_equal(r.scratch_len, 4096);
	json_free(entry);
	entry = release_format(&r);
	pawl = (struct json *)(uintptr_t)json_get(json_get(entry, "custom"),
						  "pawl");
	release_done(&r);
	assert_parses();
	assert_int_equal(json_count(json_get(pawl, "libraries")),
			 RELEASE_LIBRARIES_MAX);
}

static void libraries_are_named_and_for_deltas(void **state)
{
	static const char *const named[] = {
		"",
		"a name of more than thirty-two bytes",
	};

	(void)state;
	make(PACKAGE_DELTA);
	set_list("libraries", "lz4 1.9.4", 0);
	assert_parse_refused(ERR_LIMIT);
	set_list("libraries", "lz4 1.9.4", RELEASE_LIBRARIES_MAX + 1);
	assert_parse_refused(ERR_LIMIT);
	for (size_t i = 0; i < ARRAY_LEN(named); i++) {
		set_list("libraries", named[i], 1);
		assert_parse_refused(ERR_FORMAT);
	}
	json_set_text(pawl, "libraries", "lz4 1.9.4");
	assert_parse_refused(ERR_FORMAT);
	set_list("libraries", "lz4 1.9.4", 1);
	assert_parses();
	make(PACKAGE_FULL);
	set_list("libraries", "lz4 1.9.4", 1);
	assert_parse_refused(ERR_FORMAT);
}

static void any_package_may_need_more_room_than_its_content(void **state)
{
	static const enum package_kind kinds[] = { PACKAGE_FULL,
						   PACKAGE_DELTA };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct tuf_target t;
		struct err e = { 0 };
		struct release r;

		make(kinds[i]);
		json_set_int(pawl, "scratch", JSON_INT_MAX);
		t = target();
		assert_ok(release_parse(&t, &r, &e));
		assert_int_equal(r.scratch_len, JSON_INT_MAX);
		json_free(entry);
		entry = release_format(&r);
		pawl = (struct json *)(uintptr_t)json_get(
			json_get(entry, "custom"), "pawl");
		release_done(&r);
		assert_int_equal(json_int(json_get(pawl, "scratch")),
				 JSON_INT_MAX);
		json_set_int(pawl, "scratch", -1);
		assert_parse_refused(ERR_FORMAT);
		json_set_text(pawl, "scratch", "much");
		assert_parse_refused(ERR_FORMAT);
	}
}

static void set_health(const char *program, size_t commands)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < commands; i++) {
		struct json *command = json_new_array();

		if (program)
			json_add(command, json_new_text(program));
		json_add(list, command);
	}
	json_set(pawl, "health", list);
}

static void lists_have_limits(void **state)
{
	(void)state;
	make(PACKAGE_FULL);
	set_list("models", "m", RELEASE_MODELS_MAX);
	set_list("fixes", "CVE-2026-1", RELEASE_FIXES_MAX);
	set_health("bin/check", RELEASE_HEALTH_MAX);
	assert_parses();
	set_list("models", "m", RELEASE_MODELS_MAX + 1);
	assert_parse_refused(ERR_LIMIT);
	set_list("models", "No Model", 1);
	assert_parse_refused(ERR_FORMAT);
	make(PACKAGE_FULL);
	set_list("hardware", "rev-b", RELEASE_HARDWARE_MAX);
	assert_parses();
	set_list("hardware", "rev-b", RELEASE_HARDWARE_MAX + 1);
	assert_parse_refused(ERR_LIMIT);
	set_list("hardware", "Rev B", 1);
	assert_parse_refused(ERR_FORMAT);
	set_list("hardware", "rev-b", 0); /* for nobody, or for all? */
	assert_parse_refused_saying(ERR_FORMAT, "names none");
	json_set_text(pawl, "hardware", "rev-b");
	assert_parse_refused(ERR_FORMAT);
	make(PACKAGE_FULL);
	set_list("fixes", "CVE-2026-1", RELEASE_FIXES_MAX + 1);
	assert_parse_refused(ERR_LIMIT);
	set_list("fixes", "CVE 2026", 1);
	assert_parse_refused(ERR_FORMAT);
	make(PACKAGE_FULL);
	set_health("bin/check", RELEASE_HEALTH_MAX + 1);
	assert_parse_refused(ERR_LIMIT);
}

static void set_arguments(struct json *argument, size_t count)
{
	struct json *list = json_new_array(), *command = json_new_array();

	json_add(command, json_new_text("bin/check"));
	for (size_t i = 0; i < count; i++)
		json_add(command, json_clone(argument));
	json_free(argument);
	json_add(list, command);
	json_set(pawl, "health", list);
}

static void arguments_of_health_have_limits(void **state)
{
	static char longest[4096];

	(void)state;
	make(PACKAGE_FULL);
	set_arguments(json_new_text("--quick"), RELEASE_ARGS_MAX - 1);
	assert_parses();
	set_arguments(json_new_text("--quick"), RELEASE_ARGS_MAX);
	assert_parse_refused(ERR_FORMAT);
	set_arguments(json_new_bool(true), 1);
	assert_parse_refused(ERR_FORMAT);
	memset(longest, 'x', sizeof(longest) - 1);
	set_arguments(json_new_text(longest), 1);
	assert_parse_refused(ERR_FORMAT);
}

static void health_programs_stand_inside_the_release(void **state)
{
	static const char *const wrong[] = { "/bin/sh", "../sh", "a/../../sh",
					     "", "a\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		make(PACKAGE_FULL);
		set_health(wrong[i], 1);
		assert_parse_refused(ERR_FORMAT);
	}
	make(PACKAGE_FULL);
	set_health(NULL, 1);
	assert_parse_refused_saying(ERR_FORMAT, "is empty");
	set_list("health", "bin/check", 1);
	assert_parse_refused(ERR_FORMAT);
	make(PACKAGE_FULL);
	set_health("bin/check", 0);
	assert_parses();
}

/* A check that is said: its words are judged wherever they are read. */
static void set_vital(const char *kind, const char *argument)
{
	struct json *list = json_new_array(), *command = json_new_array();

	json_add(command, json_new_text(kind));
	if (argument)
		json_add(command, json_new_text(argument));
	json_add(list, command);
	json_set(pawl, "health", list);
}

static void checks_that_are_said_are_known_ones(void **state)
{
	static struct {
		char kind[16], argument[16];
	} wrong[] = {
		{ "@tcp", "0" },           { "@tcp", "" },
		{ "@udp", "80" },          { "@", "" },
		{ "@unit", "*.service" },  { "@http", "80" },
		{ "@fresh", "run/alive" }, { "@bin/check", "" },
	};
	struct release_health h = { .argc = 2 };
	struct err e = { 0 };

	(void)state;
	make(PACKAGE_FULL);
	set_vital("@tcp", "80");
	assert_parses();
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		set_vital(wrong[i].kind,
			  wrong[i].argument[0] ? wrong[i].argument : NULL);
		assert_parse_refused_saying(ERR_FORMAT, "health command");
		h.argv[0] = wrong[i].kind;
		h.argv[1] = wrong[i].argument;
		h.argc = wrong[i].argument[0] ? 2 : 1;
		assert_refused(release_health_check(&h, &e), ERR_FORMAT);
	}
}

static void a_package_stands_under_its_own_name_alone(void **state)
{
	struct tuf_target t;
	struct release r;
	struct err e = { 0 };

	(void)state;
	make(PACKAGE_FULL);
	t = target();
	t.path = "gateway/2026.11/main-full.pawlx";
	assert_refused(release_parse(&t, &r, &e), ERR_FORMAT);
	t.path = "other/2026.11/main-full.pawl";
	assert_refused(release_parse(&t, &r, &e), ERR_FORMAT);
	t = target();
	t.has_sha256 = false;
	assert_refused(release_parse(&t, &r, &e), ERR_FORMAT);
}

static void nightlies_stand_under_their_own_folder(void **state)
{
	char out[PATH_MAX_LEN];
	struct tuf_target t;
	struct release r;
	struct err e = { 0 };

	(void)state;
	make(PACKAGE_FULL);
	t = target();
	assert_ok(release_parse(&t, &r, &e));
	assert_false(r.nightly);
	release_done(&r);
	assert_ok(text_format(out, sizeof(out), &e, "nightly/%s", t.path));
	t.path = out;
	assert_ok(release_parse(&t, &r, &e));
	assert_true(r.nightly);
	assert_ok(release_path(&r, path, &e));
	assert_string_equal(path, out);
	release_done(&r);
	t.path = "nightly/gateway/2026.12/main-full.pawl";
	assert_refused(release_parse(&t, &r, &e), ERR_FORMAT);
}

static void files_are_served_under_their_digest(void **state)
{
	char out[PATH_MAX_LEN], want[PATH_MAX_LEN];
	char hex[SHA256_HEX_LEN];
	struct sha256 d;
	struct err e = { 0 };

	(void)state;
	memset(&d, 0xab, sizeof(d));
	sha256_format(&d, hex);
	assert_ok(release_url_path("a/b/c.pawl", &d, out, &e));
	assert_ok(text_format(want, sizeof(want), &e, "a/b/%s.c.pawl", hex));
	assert_string_equal(out, want);
	assert_ok(release_url_path("c.pawl", &d, out, &e));
	assert_ok(text_format(want, sizeof(want), &e, "%s.c.pawl", hex));
	assert_string_equal(out, want);
}

#define TEST(f) cmocka_unit_test_teardown(f, teardown)

static void an_encrypted_release_survives_the_round_trip(void **state)
{
	struct release r;
	struct tuf_target t;
	struct err e = { 0 };

	(void)state;
	make(PACKAGE_FULL);
	assert_null(json_get(pawl, "encryption"));
	fill(&r, PACKAGE_FULL);
	r.encrypted = true;
	memset(r.commitment, 7, sizeof(r.commitment));
	json_free(entry);
	entry = release_format(&r);
	release_done(&r);
	t = target();
	assert_ok(release_parse(&t, &r, &e));
	assert_true(r.encrypted);
	assert_int_equal(r.commitment[STREAM_COMMITMENT_LEN - 1], 7);
	release_done(&r);
}

static void encryption_is_of_a_known_kind_and_complete(void **state)
{
	struct json *encryption = json_new_object();

	(void)state;
	make(PACKAGE_FULL);
	json_set(pawl, "encryption", encryption);
	assert_parse_refused(ERR_FORMAT);
	json_set_text(encryption, "scheme", "stream-v1");
	assert_parse_refused(ERR_FORMAT);
	json_set_text(encryption, "commitment", "00");
	assert_parse_refused(ERR_FORMAT);
	json_set_hex(encryption, "commitment",
		     (struct slice){ (const uint8_t[32]){ 1 }, 32 });
	assert_parses();
	json_set_text(encryption, "scheme", "stream-v2");
	assert_parse_refused(ERR_REFUSED);
	json_set_text(encryption, "scheme", "stream-v1");
	json_set_int(encryption, "more", 1);
	assert_parse_refused_saying(ERR_REFUSED, "newer updater");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(of_several_components_each_entry_names_all),
		TEST(a_list_of_components_that_lies_is_refused),
		TEST(a_full_release_survives_the_round_trip),
		TEST(revisions_of_hardware_survive_the_round_trip),
		TEST(a_bill_of_materials_survives_the_round_trip),
		TEST(a_bill_of_materials_is_length_and_digest),
		TEST(the_way_to_a_release_survives_the_round_trip),
		TEST(a_way_that_leads_nowhere_is_refused),
		TEST(updaters_are_compared_by_number),
		TEST(a_delta_names_its_base),
		TEST(the_libraries_of_a_delta_survive_the_round_trip),
		TEST(libraries_are_named_and_for_deltas),
		TEST(any_package_may_need_more_room_than_its_content),
		TEST(a_name_is_a_name_whatever_the_path_says),
		TEST(an_image_has_no_members_of_a_tree),
		TEST(arguments_of_health_have_limits),
		TEST(an_encrypted_release_survives_the_round_trip),
		TEST(encryption_is_of_a_known_kind_and_complete),
		TEST(each_member_is_required_and_typed),
		TEST(what_is_no_package_is_not_found),
		TEST(a_newer_format_asks_for_a_newer_updater),
		TEST(an_unknown_member_asks_for_a_newer_updater),
		TEST(only_who_is_too_old_is_told_so),
		TEST(advisories_have_short_plain_ids),
		TEST(numbers_keep_to_their_ranges),
		TEST(an_undo_carries_older_content_and_an_end),
		TEST(an_undo_says_all_of_it_or_nothing),
		TEST(one_operators_share_is_signed_along),
		TEST(texts_keep_to_their_alphabets),
		TEST(lists_have_limits),
		TEST(health_programs_stand_inside_the_release),
		TEST(checks_that_are_said_are_known_ones),
		TEST(a_package_stands_under_its_own_name_alone),
		TEST(nightlies_stand_under_their_own_folder),
		TEST(files_are_served_under_their_digest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
