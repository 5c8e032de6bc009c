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

#define SHOWN_LEN    160
#define WARNINGS_MAX 16

struct unwrap {
	struct archive *archive;
	int (*next)(void *ctx, struct slice *bytes, struct err *e);
	void *ctx;
	struct buf whole; /* of UNWRAP_WHOLE */
	bool useless;     /* it could not even be opened */
	bool entered;     /* a member was found */
	uint64_t seen;    /* of the input, as unwrap_seen() says */
	bool broken;      /* reading the input failed: why is in error */
	struct err error;
};

/* ---- what a file begins like --------------------------------------------- */

struct magic {
	enum unwrap_kind kind;
	size_t at;
	const char *bytes;
	size_t len;
};

#define MAGIC(kind, at, text)                                                  \
	{                                                                      \
		(kind), (at), (text), sizeof(text) - 1                         \
	}

static const struct magic magics[] = {
	MAGIC(UNWRAP_COMPRESSED, 0, "\x1f\x8b\x08"),         /* gzip */
	MAGIC(UNWRAP_COMPRESSED, 0, "\x1f\x9d"),             /* compress */
	MAGIC(UNWRAP_COMPRESSED, 0, "BZh"),                  /* bzip2 */
	MAGIC(UNWRAP_COMPRESSED, 0, "\xfd\x37\x7a\x58\x5a"), /* xz */
	MAGIC(UNWRAP_COMPRESSED, 0, "\x5d\x00\x00"),         /* lzma */
	MAGIC(UNWRAP_COMPRESSED, 0, "LZIP\x01"),             /* lzip */
	MAGIC(UNWRAP_COMPRESSED, 0, "\x04\x22\x4d\x18"),     /* lz4 */
	MAGIC(UNWRAP_COMPRESSED, 0, "\x02\x21\x4c\x18"),     /* lz4, legacy */
	MAGIC(UNWRAP_COMPRESSED, 0, "\x28\xb5\x2f\xfd"),     /* zstd */
	MAGIC(UNWRAP_COMPRESSED, 1,
	      "\x2a\x4d\x18"), /* zstd or lz4, skippable */
	MAGIC(UNWRAP_COMPRESSED, 0, "\xed\xab\xee\xdb"), /* rpm */
	MAGIC(UNWRAP_ARCHIVE, 0, "PK\x03\x04"),          /* zip */
	MAGIC(UNWRAP_ARCHIVE, 0, "PK00PK\x03\x04"),      /* zip */
	MAGIC(UNWRAP_ARCHIVE, 0, "!<arch>\n"),           /* ar */
	MAGIC(UNWRAP_ARCHIVE, 0, "07070"),               /* cpio */
	MAGIC(UNWRAP_ARCHIVE, 0, "\xc7\x71"),            /* cpio, binary */
	MAGIC(UNWRAP_ARCHIVE, 0, "\x71\xc7"),
	MAGIC(UNWRAP_ARCHIVE, 257, "ustar"), /* tar */
	MAGIC(UNWRAP_WHOLE, 0, "7z\xbc\xaf\x27\x1c"),
};

static const struct {
	const char *name;
	size_t at;
	const char *bytes;
	size_t len;
} closed[] = {
	{ "a squashfs image of an old version", 0, "hsqs", 4 },
	{ "a squashfs image of an old version", 0, "sqsh", 4 },
	{ "a cramfs image", 0, "\x45\x3d\xcd\x28", 4 },
	{ "a cramfs image", 0, "\x28\xcd\x3d\x45", 4 },
	{ "an erofs image", 1024, "\xe2\xe1\xf5\xe0", 4 },
	{ "an f2fs image", 1024, "\x10\x20\xf5\xf2", 4 },
	{ "a btrfs image", 65600, "_BHRfS_M", 8 },
	{ "a UBI image", 0, "UBI#\x01", 5 },
	{ "a UBIFS image", 0, "\x31\x18\x10\x06", 4 },
	{ "a romfs image", 0, "-rom1fs-", 8 },
	/* Its first node: a folder's entry, an inode, erased, or a summary. */
	{ "a jffs2 image", 0, "\x85\x19\x01\xe0", 4 },
	{ "a jffs2 image", 0, "\x85\x19\x02\xe0", 4 },
	{ "a jffs2 image", 0, "\x85\x19\x03\x20", 4 },
	{ "a jffs2 image", 0, "\x85\x19\x06\x20", 4 },
	{ "a jffs2 image", 0, "\x19\x85\xe0\x01", 4 },
	{ "a jffs2 image", 0, "\x19\x85\xe0\x02", 4 },
	{ "a jffs2 image", 0, "\x19\x85\x20\x03", 4 },
	{ "a jffs2 image", 0, "\x19\x85\x20\x06", 4 },
	{ "an encrypted disk (LUKS)", 0, "LUKS\xba\xbe", 6 },
	{ "a qcow2 image", 0, "QFI\xfb\0\0\0", 7 },
	{ "a sparse image of Android", 0, "\x3a\xff\x26\xed", 4 },
	{ "a rar archive", 0, "Rar!\x1a\x07", 6 },
	{ "a cab archive", 0, "MSCF\0\0\0\0", 8 },
	{ "a package of Pawl", 0, "PAWLPKG", 8 },
};

const char *unwrap_closed(struct slice head)
{
	for (size_t i = 0; i < ARRAY_LEN(closed); i++) {
		struct slice part =
			slice_sub(head, closed[i].at, closed[i].len);

		if (part.len == closed[i].len &&
		    memcmp(part.ptr, closed[i].bytes, part.len) == 0)
			return closed[i].name;
	}
	return NULL;
}

/* The oldest tars have no magic but the sum of their header. */
static bool is_old_tar(struct slice head)
{
	struct slice field = slice_sub(head, 148, 8);
	unsigned long sum = 0, told = 0;

	if (head.len < 512)
		return false;
	for (size_t i = 0; i < 512; i++)
		sum += i >= 148 && i < 156 ? ' ' : head.ptr[i];
	for (size_t i = 0; i < field.len; i++)
		if (field.ptr[i] >= '0' && field.ptr[i] <= '7')
			told = told << 3 | (unsigned long)(field.ptr[i] - '0');
		else if (field.ptr[i] != ' ' && field.ptr[i] != 0)
			return false;
	return told == sum;
}

enum unwrap_kind unwrap_kind(struct slice head)
{
	for (size_t i = 0; i < ARRAY_LEN(magics); i++) {
		struct slice part =
			slice_sub(head, magics[i].at, magics[i].len);

		if (part.len == magics[i].len &&
		    memcmp(part.ptr, magics[i].bytes, part.len) == 0)
			return magics[i].kind;
	}
	return is_old_tar(head) ? UNWRAP_ARCHIVE : UNWRAP_NONE;
}

/* ---- reading it ---------------------------------------------------------- */

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

static la_ssize_t read_input(struct archive *a, void *ctx, const void **out)
{
	struct unwrap *u = ctx;
	struct slice bytes;

	if (u->next(u->ctx, &bytes, &u->error)) {
		u->broken = true;
		archive_set_error(a, EIO, "input");
		return -1;
	}
	*out = bytes.ptr;
	return (la_ssize_t)bytes.len;
}

/*
 * Where libarchive lacks a library it would run a program and says so by a
 * warning: that is a failure here.
 */
static bool take_filters(struct archive *a)
{
	return archive_read_support_filter_gzip(a) == ARCHIVE_OK &&
	       archive_read_support_filter_compress(a) == ARCHIVE_OK &&
	       archive_read_support_filter_bzip2(a) == ARCHIVE_OK &&
	       archive_read_support_filter_xz(a) == ARCHIVE_OK &&
	       archive_read_support_filter_lzma(a) == ARCHIVE_OK &&
	       archive_read_support_filter_lzip(a) == ARCHIVE_OK &&
	       archive_read_support_filter_lz4(a) == ARCHIVE_OK &&
	       archive_read_support_filter_zstd(a) == ARCHIVE_OK &&
	       archive_read_support_filter_rpm(a) == ARCHIVE_OK &&
	       archive_read_support_format_raw(a) == ARCHIVE_OK;
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
		if (u->next(u->ctx, &bytes, e))
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

static bool take(enum unwrap_kind kind, struct archive *a)
{
	if (kind == UNWRAP_WHOLE)
		return archive_read_support_format_7zip(a) == ARCHIVE_OK;
	return kind == UNWRAP_ARCHIVE ? take_formats(a) : take_filters(a);
}

int unwrap_open(enum unwrap_kind kind,
		int (*next)(void *ctx, struct slice *bytes, struct err *e),
		void *ctx, struct unwrap **out, struct err *e)
{
	struct unwrap *u = mem_alloc(1, sizeof(*u));

	u->next = next;
	u->ctx = ctx;
	u->whole.max = UNWRAP_WHOLE_MAX;
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

/* Where libarchive began to look for the header, so never behind it. */
static uint64_t header_at(const struct unwrap *u)
{
	const la_int64_t at = archive_read_header_position(u->archive);

	return at > 0 ? (uint64_t)at : 0;
}

int unwrap_next(struct unwrap *u, const char **name, bool *end, struct err *e)
{
	struct archive_entry *member;
	int rc = ARCHIVE_FATAL;

	if (!u->useless)
		rc = archive_read_next_header(u->archive, &member);
	*end = rc == ARCHIVE_EOF;
	if (*end) {
		u->seen = header_at(u);
		return 0;
	}
	if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN) {
		*end = !u->broken && !u->entered;
		return *end ? 0 : fail(u, e);
	}
	u->entered = true;
	u->seen = header_at(u) + 1;
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
