/* SPDX-License-Identifier: Apache-2.0 */
/* What an exception from the secret scan lets pass, and that it says so. */
#include "signer/scan.h"

#include <stdio.h>
#include <string.h>

#include "signer/pack_tree.h"
#include "tests/unit/box.h"

#define KEY                                                                    \
	"-----BEGIN PRIVATE KEY-----\n"                                        \
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgAAECAwQFBgcICQoL\n"   \
	"-----END PRIVATE KEY-----\n"

static struct box box;
static struct report said;
static struct pack_tree *plain, *keyed, *closed, *both;

static struct pack_tree *make(const char *name, const uint8_t *bytes,
			      size_t len)
{
	const struct pack_settings how = {
		.content = PACKAGE_IMAGE,
		.scratch_dirfd = box.dir,
		.quiet = true,
	};
	struct pack_tree *t = NULL;
	struct err e = { 0 };
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", box.path, name);
	assert_ok(fs_replace_file(box.dir, name, (struct slice){ bytes, len },
				  0644, &e));
	assert_ok(pack_load(&how, path, &t, &e));
	return t;
}

static int setup(void **state)
{
	uint8_t bytes[4096] = { 0 };

	(void)state;
	box_open(&box);
	plain = make("plain", bytes, sizeof(bytes));
	memcpy(bytes + 2000, KEY, sizeof(KEY) - 1);
	keyed = make("keyed", bytes, sizeof(bytes));
	memcpy(bytes + 1024, "\xe2\xe1\xf5\xe0", 4);
	both = make("both", bytes, sizeof(bytes));
	memset(bytes + 2000, 0, sizeof(KEY));
	closed = make("closed", bytes, sizeof(bytes));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pack_tree_free(plain);
	pack_tree_free(keyed);
	pack_tree_free(closed);
	pack_tree_free(both);
	box_close(&box);
	return 0;
}

/* The release of components "main" and "os", with one exception. */
static int scan_two(const struct pack_tree *first,
		    const struct pack_tree *second, const char *allowed,
		    struct err *e)
{
	const struct opt_list list = { { allowed }, allowed ? 1 : 0 };
	struct scan s = {
		.allowed = &list,
		.components = { "main", "os" },
		.component_count = 2,
		.scratch_dirfd = box.dir,
		.out = &said,
	};

	json_free(said.object);
	said = (struct report){ .json = true };
	if (scan_content(first, &s, e))
		return -1;
	s.component = 1;
	return scan_content(second, &s, e) || scan_check_allowed(&s, e) ? -1
									: 0;
}

static bool noted(const char *text)
{
	const struct json *notes = json_get(report_object(&said), "notes");

	for (size_t i = 0; notes && i < json_count(notes); i++)
		if (strstr(json_text(json_at(notes, i)), text))
			return true;
	return false;
}

static void an_exception_is_for_one_component(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_refused_saying(scan_two(plain, keyed, NULL, &e), ERR_REFUSED,
			      "image holds a PEM private key at byte 2000");
	assert_refused_saying(scan_two(plain, keyed, "image", &e), ERR_REFUSED,
			      "image holds a PEM private key at byte 2000");
	assert_refused(scan_two(keyed, plain, "os:image", &e), ERR_REFUSED);
	assert_refused(scan_two(keyed, keyed, "image", &e), ERR_REFUSED);
	assert_refused(scan_two(keyed, keyed, "os:image", &e), ERR_REFUSED);
	assert_ok(scan_two(keyed, plain, "image", &e));
	assert_ok(scan_two(keyed, plain, "main:image", &e));
	assert_ok(scan_two(plain, keyed, "os:image", &e));
	/* Nobody has that name, so it is a path, and no file has that. */
	assert_refused_saying(scan_two(plain, plain, "us:image", &e), ERR_USAGE,
			      "--allow-secret us:image: no file");
	assert_refused(scan_two(plain, plain, "os:image", &e), ERR_USAGE);
}

static void what_an_exception_lets_pass_is_told(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_refused_saying(scan_two(plain, closed, NULL, &e), ERR_REFUSED,
			      "--allow-secret 'os:image'");
	assert_refused_saying(scan_two(closed, plain, NULL, &e), ERR_REFUSED,
			      "--allow-secret 'image'");
	assert_ok(scan_two(plain, closed, "os:image", &e));
	assert_true(noted("image is an erofs image, which is not opened here: "
			  "not searched whole, which --allow-secret os:image "
			  "lets pass"));
	/* That it may stay closed hides no key in it. */
	assert_ok(scan_two(plain, both, "os:image", &e));
	assert_true(noted("not searched whole"));
	assert_true(noted("image holds a PEM private key at byte 2000, which "
			  "--allow-secret os:image lets pass"));
	json_free(said.object);
	said.object = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exception_is_for_one_component),
		cmocka_unit_test(what_an_exception_lets_pass_is_told),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
