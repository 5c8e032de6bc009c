/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/sbom.h"

#include "tests/unit/box.h"

static struct box box;

static const char *in_box(const char *name)
{
	static char path[PATH_MAX_LEN];
	struct err e = { 0 };

	assert_ok(text_format(path, sizeof(path), &e, "%s/%s", box.path, name));
	return path;
}

static int start(void **state)
{
	(void)state;
	box_open(&box);
	put_file(box.dir, "sbom", "{\"spdxVersion\":\"SPDX-2.3\"}\n", 0644);
	put_file(box.dir, "other", "{\"spdxVersion\":\"SPDX-2.2\"}\n", 0644);
	put_file(box.dir, "longer", "{\"spdxVersion\":\"SPDX-2.3\"}\n\n", 0644);
	put_file(box.dir, "empty", "", 0644);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	box_close(&box);
	return 0;
}

/* As a listed release says it. */
static struct json *signed_sbom(const char *name)
{
	struct release r = { .sbom_len = 0 };
	struct json *sbom = json_new_object();
	struct err e = { 0 };

	assert_ok(sbom_read(in_box(name), &r, &e));
	json_set_int(sbom, "length", (int64_t)r.sbom_len);
	json_set_hex(sbom, "sha256",
		     (struct slice){ r.sbom.bytes, SHA256_LEN });
	return sbom;
}

static void its_length_and_digest_are_taken(void **state)
{
	struct release r = { .sbom_len = 0 };
	struct sha256 is;
	struct err e = { 0 };

	(void)state;
	assert_ok(sbom_read(in_box("sbom"), &r, &e));
	assert_int_equal(r.sbom_len, 27);
	sha256_of(slice_of("{\"spdxVersion\":\"SPDX-2.3\"}\n"), &is);
	assert_true(sha256_equal(&r.sbom, &is));
}

static void what_is_no_file_is_refused(void **state)
{
	struct release r = { .sbom_len = 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(mkfifo(in_box("pipe"), 0600), 0);
	assert_refused(sbom_read(in_box("pipe"), &r, &e), ERR_USAGE);
	assert_refused(sbom_read(in_box("empty"), &r, &e), ERR_USAGE);
	assert_refused(sbom_read(box.path, &r, &e), ERR_USAGE);
	assert_refused(sbom_read(in_box("nothing"), &r, &e), ERR_NOT_FOUND);
	assert_int_equal(r.sbom_len, 0);
}

static void another_file_is_told_apart(void **state)
{
	struct json *sbom = signed_sbom("sbom");
	struct err e = { 0 };

	(void)state;
	assert_ok(sbom_compare(in_box("sbom"), sbom, &e));
	assert_refused_saying(sbom_compare(in_box("other"), sbom, &e),
			      ERR_UNTRUSTED, "not the SBOM that was signed");
	assert_refused(sbom_compare(in_box("longer"), sbom, &e), ERR_UNTRUSTED);
	/* Nor does a digest alone do. */
	json_set_int(sbom, "length", 28);
	assert_refused(sbom_compare(in_box("sbom"), sbom, &e), ERR_UNTRUSTED);
	json_free(sbom);
}

static void without_one_nothing_is_compared(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_refused_saying(sbom_compare(in_box("sbom"), NULL, &e),
			      ERR_NOT_FOUND, "release create --sbom");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_length_and_digest_are_taken),
		cmocka_unit_test(what_is_no_file_is_refused),
		cmocka_unit_test(another_file_is_told_apart),
		cmocka_unit_test(without_one_nothing_is_compared),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
