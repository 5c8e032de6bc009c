/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/unwrap.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"
#include "common/text.h"
#include "signer/unwrap_end.h"
#include "signer/unwrap_head.h"

#define SHOWN_LEN    160
#define WARNINGS_MAX 16

struct unwrap {
	struct archive *archive;
	int (*next)(void *ctx, struct slice *bytes, struct err *e);
	void *ctx;
	struct slice rest; /* of what `next` yielded */
	struct unwrap_end end;
	struct buf whole; /* of UNWRAP_WHOLE */
	bool useless;     /* it could not even be opened */
	bool entered;     /* a member was found */
	bool lost;        /* where a header should be, there is none */
	uint64_t before;  /* of the input, that was used before it was sought */
	uint64_t seen;    /* of the input, as unwrap_seen() says */
	bool broken;      /* reading the input failed: why is in error */
	struct err error;
	struct unwrap_trail trail;
};

static int fail(struct unwrap *u, struct err *e)
{
	const char *text = archive_error_string(u->archive);
	char shown[SHOWN_LEN];

	if (u->broken) {
		*e = u->error;
		return -1;
	}
	text_escape(slice_of(text ? text : "not an archive"), shown,
		    sizeof(shown));
	return err_set(e, ERR_FORMAT, "%s", shown);
}

/* The next bytes of the input that belong to it; none at its end. */
static int next_bytes(struct unwrap *u, struct slice *out, struct err *e)
{
	for (;;) {
		*out = unwrap_end_pass(&u->end, &u->rest);
		if (out->len > 0 || u->end.ended)
			return 0;
		if (u->next(u->ctx, &u->rest, e))
			return -1;
		if (u->rest.len == 0)
			return 0;
	}
}

/* Of readers that look on for it, what they look for. */
static enum unwrap_head expected(const struct unwrap *u)
{
	const int format = archive_format(u->archive);

	switch (format) {
	case ARCHIVE_FORMAT_CPIO_SVR4_NOCRC:
	case ARCHIVE_FORMAT_CPIO_SVR4_CRC:
		return UNWRAP_HEAD_NEWC;
	case ARCHIVE_FORMAT_CPIO_POSIX:
		return UNWRAP_HEAD_ODC;
	case ARCHIVE_FORMAT_CPIO_BIN_LE:
		return UNWRAP_HEAD_CPIO_LE;
	case ARCHIVE_FORMAT_CPIO_BIN_BE:
		return UNWRAP_HEAD_CPIO_BE;
	default:
		return unwrap_is_zip(u) ? UNWRAP_HEAD_ZIP : UNWRAP_HEAD_NONE;
	}
}

/* Is it known that it would not find it where it should be? */
static bool is_astray(const struct unwrap *u)
{
	return unwrap_head_is_not(&u->trail, expected(u));
}

static la_ssize_t read_input(struct archive *a, void *ctx, const void **out)
{
	struct unwrap *u = ctx;
	struct slice bytes;

	/* It is looking for a member already. */
	if (is_astray(u))
		return 0;
	if (next_bytes(u, &bytes, &u->error)) {
		u->broken = true;
		archive_set_error(a, EIO, "input");
		return -1;
	}
	unwrap_head_pass(&u->trail, bytes);
	*out = bytes.ptr;
	return (la_ssize_t)bytes.len;
}

/*
 * One filter, and not, as libarchive would have it, all that are found behind
 * each other: what is compressed twice is looked at once in between. Two have
 * to be found by their first bytes: when they are appended, they read them
 * while there is no input yet.
 */
static bool take_filter(enum unwrap_kind kind, struct archive *a)
{
	static const int codes[] = {
		[UNWRAP_GZIP] = ARCHIVE_FILTER_GZIP,
		[UNWRAP_BZIP2] = ARCHIVE_FILTER_BZIP2,
		[UNWRAP_XZ] = ARCHIVE_FILTER_XZ,
		[UNWRAP_LZMA] = ARCHIVE_FILTER_LZMA,
		[UNWRAP_LZIP] = ARCHIVE_FILTER_LZIP,
		[UNWRAP_LZ4] = ARCHIVE_FILTER_LZ4,
		[UNWRAP_ZSTD] = ARCHIVE_FILTER_ZSTD,
	};

	if (kind == UNWRAP_COMPRESS)
		return archive_read_support_filter_compress(a) == ARCHIVE_OK;
	if (kind == UNWRAP_RPM)
		return archive_read_support_filter_rpm(a) == ARCHIVE_OK;
	return archive_read_append_filter(a, codes[kind]) == ARCHIVE_OK;
}

static bool take_formats(struct archive *a)
{
	return archive_read_support_format_tar(a) == ARCHIVE_OK &&
	       archive_read_support_format_cpio(a) == ARCHIVE_OK &&
	       archive_read_support_format_ar(a) == ARCHIVE_OK &&
	       archive_read_support_format_zip_streamable(a) == ARCHIVE_OK;
}

/* All that is left of the input: libarchive wants to go to its end first. */
static int read_whole(struct unwrap *u, struct err *e)
{
	struct slice bytes;

	do {
		if (next_bytes(u, &bytes, e))
			return -1;
		if (buf_add(&u->whole, bytes, e))
			return err_set(e, ERR_LIMIT, "larger than %u MB",
				       UNWRAP_WHOLE_MAX >> 20);
	} while (bytes.len > 0);
	return 0;
}

static int start(struct unwrap *u, enum unwrap_kind kind, struct err *e)
{
	if (kind != UNWRAP_WHOLE) {
		u->useless = archive_read_open2(u->archive, u, NULL, read_input,
						NULL, NULL) != ARCHIVE_OK;
		return 0;
	}
	if (read_whole(u, e))
		return -1;
	u->useless = archive_read_open_memory(u->archive, u->whole.ptr,
					      u->whole.len) != ARCHIVE_OK;
	return 0;
}

/*
 * Where libarchive lacks a library it would run a program and says so by a
 * warning: that is a failure here.
 */
static bool take(enum unwrap_kind kind, struct archive *a)
{
	if (kind == UNWRAP_WHOLE)
		return archive_read_support_format_7zip(a) == ARCHIVE_OK;
	if (kind == UNWRAP_ARCHIVE)
		return take_formats(a);
	return take_filter(kind, a) &&
	       archive_read_support_format_raw(a) == ARCHIVE_OK;
}

int unwrap_open(enum unwrap_kind kind,
		int (*next)(void *ctx, struct slice *bytes, struct err *e),
		void *ctx, struct unwrap **out, struct err *e)
{
	struct unwrap *u = mem_alloc(1, sizeof(*u));

	u->next = next;
	u->ctx = ctx;
	u->whole.max = UNWRAP_WHOLE_MAX;
	unwrap_end_init(&u->end, kind);
	u->archive = archive_read_new();
	if (!u->archive)
		err_set(e, ERR_SYSTEM, "libarchive: out of memory");
	else if (!take(kind, u->archive))
		err_set(e, ERR_SYSTEM, "libarchive lacks a library");
	else if (start(u, kind, e) == 0) {
		*out = u;
		return 0;
	}
	unwrap_close(u);
	return -1;
}

void unwrap_close(struct unwrap *u)
{
	if (!u)
		return;
	archive_read_free(u->archive);
	buf_wipe(&u->whole);
	free(u);
}

static const char *name_of(struct unwrap *u, struct archive_entry *member)
{
	const char *name;

	if (archive_format(u->archive) == ARCHIVE_FORMAT_RAW)
		return NULL;
	name = archive_entry_pathname(member);
	if (!name)
		name = archive_entry_pathname_utf8(member);
	return name ? name : "?";
}

uint64_t unwrap_header_at(const struct unwrap *u)
{
	const la_int64_t at = archive_read_header_position(u->archive);

	return at > 0 ? (uint64_t)at : 0;
}

uint64_t unwrap_taken(const struct unwrap *u)
{
	const la_int64_t at = archive_filter_bytes(u->archive, -1);

	if (u->end.ended)
		return u->end.taken;
	if (u->lost && u->end.kind == UNWRAP_ARCHIVE)
		return u->before;
	return at > 0 ? (uint64_t)at : 0;
}

/* To the next header, over what was left of the member before. */
static int go_to_head(struct unwrap *u, struct archive_entry **member)
{
	int rc = ARCHIVE_OK;

	u->before = unwrap_taken(u);
	if (u->entered && u->end.kind == UNWRAP_ARCHIVE)
		rc = archive_read_data_skip(u->archive);
	if (rc < ARCHIVE_WARN)
		return rc;
	u->before = unwrap_taken(u);
	if (u->entered)
		unwrap_head_await(&u->trail, u->before);
	if (!is_astray(u))
		rc = archive_read_next_header(u->archive, member);
	u->lost = is_astray(u);
	u->trail.awaited = false;
	return rc;
}

/* Behind a zip's last member anything may stand; a cpio was cut off. */
static int end_astray(struct unwrap *u, bool *end, struct err *e)
{
	u->seen = u->before;
	*end = unwrap_is_zip(u);
	return *end ? 0
		    : err_set(e, ERR_FORMAT, "no header where one should be");
}

int unwrap_next(struct unwrap *u, const char **name, bool *end, struct err *e)
{
	struct archive_entry *member = NULL;
	const int rc = u->useless ? ARCHIVE_FATAL : go_to_head(u, &member);

	if (u->lost && !u->broken)
		return end_astray(u, end, e);
	*end = rc == ARCHIVE_EOF;
	if (*end) {
		u->seen = unwrap_header_at(u);
		return 0;
	}
	u->lost = rc != ARCHIVE_OK && rc != ARCHIVE_WARN;
	if (u->lost) {
		*end = !u->broken && !u->entered;
		return *end ? 0 : fail(u, e);
	}
	u->entered = true;
	u->seen = unwrap_header_at(u) + 1;
	/* What began like a compressed file and is none. */
	*end = archive_format(u->archive) == ARCHIVE_FORMAT_RAW &&
	       archive_filter_count(u->archive) == 1;
	if (*end)
		return 0;
	if (archive_entry_is_encrypted(member))
		return err_set(e, ERR_FORMAT, "it is encrypted");
	*name = name_of(u, member);
	return 0;
}

uint64_t unwrap_seen(const struct unwrap *u)
{
	return u->seen;
}

bool unwrap_is_zip(const struct unwrap *u)
{
	const int format = archive_format(u->archive);

	return (format & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_ZIP;
}

int unwrap_read(struct unwrap *u, void *out, size_t len, size_t *got,
		struct err *e)
{
	uint8_t *to = out;
	unsigned warnings = 0;
	size_t have = 0;

	while (have < len) {
		la_ssize_t n =
			archive_read_data(u->archive, to + have, len - have);

		if ((n == ARCHIVE_WARN || n == ARCHIVE_RETRY) &&
		    warnings++ < WARNINGS_MAX)
			continue;
		if (n < 0)
			return fail(u, e);
		if (n == 0)
			break;
		have += (size_t)n;
	}
	*got = have;
	return 0;
}
