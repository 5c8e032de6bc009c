/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: the description of a release. What the signer makes of one that it
 * takes, a device can read: it says so before anybody signs.
 */
#include <stdlib.h>

#include "common/mem.h"
#include "signer/spec.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define ISSUED 1795000000

/* What the build of a package adds. */
static void complete(struct release *r)
{
	r->seq = r->content_seq = 2;
	r->requires_seq = 1;
	r->issued = ISSUED;
	r->content_len = 200;
	r->kind = PACKAGE_FULL;
	r->head_len = r->package_len = 1000;
	if (r->content == PACKAGE_TREE)
		r->manifest_len = 100;
}

static void read_as_a_device(const struct release *r)
{
	struct json *entry = release_format(r);
	struct tuf_target t = { .length = r->package_len,
				.has_sha256 = true,
				.custom = json_get(entry, "custom") };
	char path[PATH_MAX_LEN];
	struct release again;
	struct err e;

	MUST(release_path(r, path, &e) == 0);
	t.path = path;
	MUST(release_parse(&t, &again, &e) == 0);
	release_done(&again);
	json_free(entry);
}

static void check_components(const struct spec *s, const struct release *r)
{
	struct spec_component c[RELEASE_COMPONENTS_MAX];
	size_t count = 0;
	struct err e;

	if (spec_components(s, r, c, &count, &e))
		return;
	MUST(count > 0 && count <= RELEASE_COMPONENTS_MAX);
	for (size_t i = 0; i < count; i++)
		MUST(name_is_valid(slice_of(c[i].name)) && c[i].input);
}

static void check(const struct spec *s)
{
	enum package_codec codec;
	struct release r;
	int64_t until;
	struct err e = { 0 };

	if (spec_codec(s, &codec, &e) == 0)
		MUST(codec == PACKAGE_RAW || codec == PACKAGE_ZSTD ||
		     codec == PACKAGE_LZMA);
	if (spec_undo_until(s, ISSUED, &until, &e) == 0)
		MUST(until > ISSUED);
	if (spec_release(s, &r, &e) == 0) {
		check_components(s, &r);
		complete(&r);
		read_as_a_device(&r);
	}
	release_done(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct unnamed file = unnamed_open((struct slice){ data, len });
	struct spec *s = mem_alloc(1, sizeof(*s));
	struct err e = { 0 };

	s->description = file.path;
	if (spec_complete(s, &e) == 0)
		check(s);
	else
		MUST(e.code != ERR_NONE);
	spec_done(s);
	free(s);
	close(file.fd);
	return 0;
}
