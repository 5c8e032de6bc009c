/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/embedded_end.h"

#include <string.h>

#include "common/fs.h"
#include "common/le.h"

#define PIECE      4096
#define HEADER     12 /* of xz, and so long is its footer */
#define FRAME_MAX  18
#define BLOCK_HEAD 3

static int read_at(const struct peek_place *from, uint64_t at, uint8_t *out,
		   size_t len, size_t *got, struct err *e)
{
	const uint64_t left = at < from->len ? from->len - at : 0;

	return fs_read_at(from->fd, from->offset + at, out,
			  left < len ? (size_t)left : len, got, e);
}

/* ---- xz ------------------------------------------------------------------ */

/* .xz format, 2.1.2: CRC32, backward size, the header's flags, "YZ". */
static bool is_footer(const uint8_t *at, const uint8_t flags[2])
{
	return memcmp(at + 10, "YZ", 2) == 0 && memcmp(at + 8, flags, 2) == 0 &&
	       embedded_crc32(at + 4, 6) == le32_get(at);
}

/* Every part of a stream is a multiple of four bytes long. */
static int end_of_xz(const struct peek_place *from, uint64_t *len,
		     uint64_t *work, struct err *e)
{
	uint8_t flags[2], piece[PIECE];
	uint64_t at = HEADER;
	size_t got;

	if (read_at(from, 6, flags, sizeof(flags), &got, e))
		return -1;
	while (got == sizeof(flags)) {
		size_t have;

		if (read_at(from, at, piece, sizeof(piece), &have, e))
			return -1;
		*work += have;
		for (size_t i = 0; i + HEADER <= have; i += 4)
			if (is_footer(piece + i, flags)) {
				*len = at + i + HEADER;
				return 0;
			}
		if (have < sizeof(piece))
			break;
		at += sizeof(piece) - HEADER;
	}
	return 0;
}

/* ---- zstd (RFC 8878, 3.1.1) ---------------------------------------------- */

/* Bytes of the frame's header; 0: it is none. */
static size_t header_of_frame(const uint8_t *h, size_t have)
{
	static const uint8_t dictionary[] = { 0, 1, 2, 4 };
	static const uint8_t content[] = { 0, 2, 4, 8 };
	uint8_t descriptor;
	bool single;

	if (have < 5 || le32_get(h) != 0xfd2fb528)
		return 0;
	descriptor = h[4];
	single = (descriptor & 0x20) != 0;
	return (size_t)5 + !single + dictionary[descriptor & 3] +
	       (descriptor >> 6 == 0 ? single : content[descriptor >> 6]);
}

/* Over the blocks of one frame; what comes behind it is found by itself. */
static int end_of_zstd(const struct peek_place *from, uint64_t *len,
		       uint64_t *work, struct err *e)
{
	uint8_t head[FRAME_MAX], checksum = 0;
	uint64_t at;
	bool last;
	size_t got;

	if (read_at(from, 0, head, sizeof(head), &got, e))
		return -1;
	at = header_of_frame(head, got);
	if (at > 0)
		checksum = head[4] & 4;
	for (last = at == 0; !last;) {
		uint32_t block;

		if (read_at(from, at, head, BLOCK_HEAD, &got, e))
			return -1;
		*work += PIECE;
		if (got < BLOCK_HEAD)
			return 0;
		block = le16_get(head) | (uint32_t)head[2] << 16;
		last = (block & 1) != 0;
		at += BLOCK_HEAD + ((block >> 1 & 3) == 1 ? 1 : block >> 3);
	}
	if (at > 0 && at + checksum <= from->len)
		*len = at + checksum;
	return 0;
}

int embedded_end(enum embedded_format format, const struct peek_place *from,
		 uint64_t *len, uint64_t *work, struct err *e)
{
	uint64_t end = from->len, read = 0;

	if ((format == EMBEDDED_XZ && end_of_xz(from, &end, &read, e)) ||
	    (format == EMBEDDED_ZSTD && end_of_zstd(from, &end, &read, e)))
		return -1;
	*len = end;
	*work = read;
	return 0;
}
