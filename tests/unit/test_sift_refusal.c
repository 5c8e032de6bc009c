/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is told of a finding may end the scan, wherever the key was hidden: no
 * refusal gets lost on the way out of what was decoded or opened.
 */
#include "tests/unit/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/fs.h"
#include "signer/sift.h"

#define PEM                                                                    \
	"-----BEGIN PRIVATE KEY-----\n"                                        \
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2\n"   \
	"OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r\n"   \
	"1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G\n"           \
	"-----END PRIVATE KEY-----\n"
/* An RSA key, of which a packet's head and no more is looked at. */
#define OPENPGP                                                                \
	"\x95\x01\xd8\x04\x5e\0\0\0\x01\x04\0\x80\xc7"                         \
	"123456789\xe5\x8b"                                                    \
	"cdefghijklmnopqrstuv"
#define TEXT_MAX 16384

struct told {
	unsigned times;
	bool refuse;
	char what[128], why[128];
};

static int found(void *ctx, const struct sift_finding *f, struct err *e)
{
	struct told *t = ctx;

	t->times++;
	(void)snprintf(t->what, sizeof(t->what), "%s", f->what);
	return t->refuse ? err_set(e, ERR_REFUSED, "enough") : 0;
}

static int unread(void *ctx, const char *path, const char *why, bool shut,
		  struct err *e)
{
	struct told *t = ctx;

	(void)path;
	assert_true(shut);
	t->times++;
	(void)snprintf(t->why, sizeof(t->why), "%s", why);
	return t->refuse ? err_set(e, ERR_REFUSED, "enough") : 0;
}

static int read_memory(void *ctx, void *out, size_t len, size_t *got,
		       struct err *e)
{
	struct slice *rest = ctx;

	(void)e; /* memory is there */
	*got = len < rest->len ? len : rest->len;
	memcpy(out, rest->ptr, *got);
	*rest = slice_sub(*rest, *got, rest->len);
	return 0;
}

static int sift(struct slice bytes, struct told *told, struct err *e)
{
	const struct sift_watch watch = { found, unread, told };
	const struct sift_source source = { read_memory, &bytes, NULL };
	const struct sift_settings settings = { .scratch_dirfd = AT_FDCWD };
	struct sift *s = sift_new(&watch, &settings);
	const int rc = sift_file(s, slice_of("file"), &source, e);

	sift_free(s);
	return rc;
}

/* It is told, and the scan goes on or ends as whoever hears of it says. */
static void ends_when_told(struct slice bytes, const char *what)
{
	struct told told = { 0 };
	struct err e = { 0 };

	assert_ok(sift(bytes, &told, &e));
	assert_int_equal(told.times, 1);
	assert_string_equal(told.what, what);
	told = (struct told){ .refuse = true };
	assert_refused(sift(bytes, &told, &e), ERR_REFUSED);
	assert_int_equal(told.times, 1);
}

static size_t base64(struct slice from, char *out)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmn"
				      "opqrstuvwxyz0123456789+/";
	uint32_t bits = 0;
	size_t len = 0;
	int have = 0;

	for (size_t i = 0; i < from.len; i++) {
		bits = bits << 8 | from.ptr[i];
		for (have += 8; have >= 6; have -= 6)
			out[len++] = letters[bits >> (have - 6) & 63];
	}
	if (have > 0)
		out[len++] = letters[bits << (6 - have) & 63];
	out[len] = 0;
	return len;
}

static void dump(struct slice from, char *out)
{
	for (size_t i = 0; i < from.len; i++)
		out += sprintf(out, "%02x%c", from.ptr[i],
			       i % 16 == 15 ? '\n' : ':');
}

static struct slice an_archive(struct slice content, char *out)
{
	size_t len = (size_t)snprintf(
		out, TEXT_MAX, "!<arch>\n%-16s%-12d%-6d%-6d%-8s%-10zu`\n", "m/",
		0, 0, 0, "100644", content.len);

	memcpy(out + len, content.ptr, content.len);
	len += content.len;
	if (content.len % 2 != 0)
		out[len++] = '\n';
	out[len] = 0;
	return (struct slice){ (const uint8_t *)out, len };
}

static struct slice packet(void)
{
	return (struct slice){ (const uint8_t *)OPENPGP, sizeof(OPENPGP) - 1 };
}

static void a_packet_that_begins_the_file(void **state)
{
	(void)state;
	ends_when_told(packet(), "an OpenPGP secret key");
}

static void a_key_that_was_decoded(void **state)
{
	static char once[TEXT_MAX], twice[TEXT_MAX];

	(void)state;
	base64(slice_of(PEM), once);
	ends_when_told(slice_of(once), "a PEM private key, in base64");
	base64(slice_of(once), twice);
	ends_when_told(slice_of(twice), "a PEM private key, in base64 twice");
}

static void a_key_in_a_dump(void **state)
{
	static char once[TEXT_MAX], inner[TEXT_MAX];

	(void)state;
	dump(slice_of(PEM), once);
	ends_when_told(slice_of(once), "a PEM private key, in a hex dump");
	base64(slice_of(PEM), inner);
	dump(slice_of(inner), once);
	ends_when_told(slice_of(once), "a PEM private key, in base64 twice");
}

/* Only in the member that is opened does the packet stand at the start. */
static void a_key_in_an_archive_that_was_decoded(void **state)
{
	static char archive[TEXT_MAX], text[TEXT_MAX];

	(void)state;
	base64(an_archive(packet(), archive), text);
	ends_when_told(slice_of(text), "an OpenPGP secret key");
}

/* What lies so deep is not opened; that, too, may be too much. */
static void an_archive_that_is_decoded_too_deep(void **state)
{
	static char texts[2][TEXT_MAX], archive[TEXT_MAX];
	struct told told = { 0 };
	struct err e = { 0 };
	int now = 0;

	(void)state;
	base64(an_archive(slice_of("nothing"), archive), texts[now]);
	for (int i = 1; i < SIFT_DEPTH_MAX; i++, now ^= 1)
		(void)an_archive(slice_of(texts[now]), texts[now ^ 1]);
	assert_ok(sift(slice_of(texts[now]), &told, &e));
	assert_int_equal(told.times, 1);
	assert_string_equal(told.why, "nested too deep");
	told = (struct told){ .refuse = true };
	assert_refused(sift(slice_of(texts[now]), &told, &e), ERR_REFUSED);
	assert_int_equal(told.times, 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_that_begins_the_file),
		cmocka_unit_test(a_key_that_was_decoded),
		cmocka_unit_test(a_key_in_a_dump),
		cmocka_unit_test(a_key_in_an_archive_that_was_decoded),
		cmocka_unit_test(an_archive_that_is_decoded_too_deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
