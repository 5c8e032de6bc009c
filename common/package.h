/* SPDX-License-Identifier: Apache-2.0 */
/*
 * package - the file that an update travels in. Layout: docs/package-format.md.
 *
 *	header (16 bytes) | chunk table (32 bytes a chunk) | payload
 *
 * The payload is cut into chunks of PACKAGE_CHUNK_LEN bytes as distributed
 * (the last one may be shorter); the table holds the SHA-256 of each. Header
 * and table are the head. Of a payload of one chunk there is no table: then it
 * belongs to the head itself. Signed metadata holds length and SHA-256 of the
 * head, so a reader first checks those, then each chunk before anything else
 * sees a byte of it. The header says how to read the payload, never whether to
 * trust it; how long it is and how many chunks it has, signed lengths say.
 *
 * An encrypted package (docs/encryption.md) has STREAM_PLAIN_LEN bytes of
 * payload and their tag in each chunk; digests are of the bytes as distributed.
 */
#ifndef COMMON_PACKAGE_H
#define COMMON_PACKAGE_H

#include "common/digest.h"
#include "common/stream.h"

#define PACKAGE_VERSION    1
#define PACKAGE_HEADER_LEN 16
#define PACKAGE_CHUNK_LEN  STREAM_CHUNK_LEN
#define PACKAGE_CHUNKS_MAX (1u << 20) /* 64 GiB */
#define PACKAGE_WINDOW_MIN (4u << 10)
#define PACKAGE_WINDOW_MAX (8u << 20)
#define PACKAGE_HEAD_MAX   (PACKAGE_HEADER_LEN + 32u * PACKAGE_CHUNKS_MAX)

enum package_kind {
	PACKAGE_FULL = 1,
	PACKAGE_DELTA = 2
};
enum package_content {
	PACKAGE_TREE = 1,
	PACKAGE_IMAGE = 2
};
enum package_cipher {
	PACKAGE_PLAIN = 0,
	PACKAGE_STREAM = 1 /* common/stream.h */
};
enum package_codec {
	PACKAGE_RAW = 0,
	PACKAGE_ZSTD = 1,
	PACKAGE_LZMA = 2
};

#define PACKAGE_PLAIN_MAX (UINT64_C(1) << 48) /* less than that */

/* All of the header. */
struct package_header {
	enum package_kind kind;
	enum package_content content;
	enum package_codec codec; /* of a full payload, or of delta records */
	enum package_cipher cipher;
	uint32_t window_len; /* bytes a decoder must keep: 0, or a power of two
			      * from PACKAGE_WINDOW_MIN to _MAX */
	uint64_t plain_len;  /* full: bytes of the tar or image; delta: of the
			      * payload */
};

/*
 * Of a payload of so many bytes as distributed, at least 1: its chunks, and the
 * length of the head.
 */
uint64_t package_chunks(uint64_t payload_len);
uint64_t package_head_len(uint64_t payload_len);

/*
 * For a file whose signed lengths are not at hand: how long its head must be.
 * ERR_FORMAT for a length that no package has.
 */
int package_find_head(uint64_t file_len, uint64_t *head_len,
		      struct err *e) NODISCARD;

int package_parse_header(struct slice in, struct package_header *h,
			 struct err *e) NODISCARD;
void package_format_header(const struct package_header *h,
			   uint8_t out[PACKAGE_HEADER_LEN]);

/*
 * A reader of a package whose head has been verified against signed metadata.
 * read_at() supplies the bytes as distributed (from a spool file, a stick, a
 * network stream); package_read() hands out payload bytes in order, each
 * chunk only after its digest was right. TOCTOU-safe: bytes are checked in
 * the very memory from which they are used.
 */
struct package_source {
	void *ctx;
	int (*read_at)(void *ctx, uint64_t offset, void *out, size_t len,
		       struct err *e);
};

struct package_reader;

/* head_digest and file_len are from signed metadata. ERR_UNTRUSTED. */
int package_open(const struct package_source *from, uint64_t file_len,
		 uint64_t head_len, const struct sha256 *head_digest,
		 struct package_reader **out, struct err *e) NODISCARD;
const struct package_header *package_header(const struct package_reader *r);

/*
 * Open the encryption of a package before its first byte is read. ERR_REFUSED
 * for a package that is not encrypted, ERR_UNTRUSTED when the content key is
 * not the one that the signed commitment names; nothing was decrypted then.
 */
int package_decrypt(struct package_reader *r,
		    const uint8_t content_key[STREAM_KEY_LEN],
		    const uint8_t commitment[STREAM_COMMITMENT_LEN],
		    struct err *e) NODISCARD;

/*
 * Bytes of payload that each chunk but the last holds, and how far a payload
 * had come, packed and plain, when its decoder needed nothing of before: there
 * a reader may go on later (payload.h), with what it writes where that had come
 * to (tree_flow.h).
 */
uint32_t package_chunk_payload(enum package_cipher cipher);
struct package_point {
	uint64_t packed; /* bytes of payload; 0: its beginning */
	uint64_t plain;  /* of what it decodes to */
	uint32_t entry;  /* of the tree: which comes next, or is under way: */
	uint64_t within; /* so many bytes of its content are there */
	/* Deltas: what all records before `packed` yield, and how much of what
	   the next ones do is not needed again (delta_payload.h). */
	uint64_t records, again;
};

/*
 * Begin at this byte of the payload. The chunks before it are not read.
 * ERR_FORMAT when there is no such byte.
 */
int package_seek(struct package_reader *r, uint64_t offset,
		 struct err *e) NODISCARD;

/*
 * Up to len payload bytes; *got is 0 only at the end. ERR_REFUSED for an
 * encrypted package without package_decrypt(). The bytes of an encrypted chunk
 * come only after its tag was right.
 */
int package_read(struct package_reader *r, void *out, size_t len, size_t *got,
		 struct err *e) NODISCARD;
void package_close(struct package_reader *r);

/* Verify one chunk of a file that is still arriving. ERR_UNTRUSTED. */
int package_check_chunk(const struct package_reader *r, uint32_t index,
			struct slice bytes, struct err *e) NODISCARD;

#endif
