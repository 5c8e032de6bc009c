/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unwrap - look into archives and compressed files, for the secret scan alone.
 *
 * Formats: tar, cpio, ar (so Debian packages), zip (so jar, docx, wheels), 7z
 * of up to UNWRAP_WHOLE_MAX bytes (its table stands at the end), and one
 * compressed file. Filters: gzip, compress, bzip2, xz, lzma, lzip, lz4 and
 * zstd, and the headers of an rpm (a compressed cpio follows them), each by a
 * library: one for which libarchive would start a program is never registered.
 * One of them at a time: what stands behind an inner one is seen so; and
 * libarchive would take compressed zeroes for an empty tar and what follows
 * them would not be seen. Nothing is written anywhere. The input is hostile;
 * bounds on what comes out are the caller's.
 */
#ifndef SIGNER_UNWRAP_H
#define SIGNER_UNWRAP_H

#include "signer/unwrap_kind.h"

#define UNWRAP_WHOLE_MAX (64u << 20)

struct unwrap;

/*
 * `next` yields the following bytes of the input, none at its end; they must
 * last until it is called again. Its failure ends everything with ERR_SYSTEM.
 */
int unwrap_open(enum unwrap_kind kind,
		int (*next)(void *ctx, struct slice *bytes, struct err *e),
		void *ctx, struct unwrap **out, struct err *e) NODISCARD;
void unwrap_close(struct unwrap *u);

/*
 * Go to the next member: *name is its path, borrowed until the next call; NULL
 * for the content of a compressed file. *end instead when there is none.
 * ERR_FORMAT for damage, where looking ends; what holds no member at all, and
 * only began like an archive, is just at its end.
 */
int unwrap_next(struct unwrap *u, const char **name, bool *end,
		struct err *e) NODISCARD;

/* Where the header of a member is, which unwrap_next() told: from here on, to
 * unwrap_taken(). */
uint64_t unwrap_header_at(const struct unwrap *u);

/*
 * So many bytes of an archive's input, from its first one on, hold the members
 * that `next` came to, even if it failed then: of the last one just the begin.
 * What begins further on was not looked at. 0 if there was none.
 */
uint64_t unwrap_seen(const struct unwrap *u);

/*
 * So many bytes of the input were used so far; of an archive whose next header
 * is none, those before it. When unwrap_next() said that there is no more, what
 * stands behind them is something else (of a zip its directory).
 */
uint64_t unwrap_taken(const struct unwrap *u);

/* Was it found to be a zip, behind whose members its directory stands? */
bool unwrap_is_zip(const struct unwrap *u);

/* Content of the member: up to len bytes, fewer only at its end. */
int unwrap_read(struct unwrap *u, void *out, size_t len, size_t *got,
		struct err *e) NODISCARD;

#endif
