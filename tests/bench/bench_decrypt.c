/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What decryption costs a device: the same payload read through the package
 * reader, plain (a digest for each chunk) and encrypted (digest and AES-GCM).
 * CPU seconds, the better of three runs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/mem.h"
#include "common/package.h"

#define CHUNKS 1024 /* 64 MiB */

static const uint8_t content_key[STREAM_KEY_LEN] = { 1 };

struct file {
	uint8_t *bytes;
	size_t len;
	struct sha256 head_digest;
	uint8_t commitment[STREAM_COMMITMENT_LEN];
};

static NORETURN void give_up(const struct err *e)
{
	(void)fprintf(stderr, "bench_decrypt: %s\n", e->msg);
	exit(EXIT_FAILURE);
}

static int read_at(void *ctx, uint64_t offset, void *out, size_t len,
		   struct err *e)
{
	const struct file *f = ctx;

	if (offset > f->len || len > f->len - offset)
		return err_set(e, ERR_FORMAT, "cut off");
	memcpy(out, f->bytes + offset, len);
	return 0;
}

static void fill_chunk(uint8_t *at, const struct stream *s, uint32_t index)
{
	const struct stream_place place = { index, index == CHUNKS - 1 };
	struct buf sealed = BUF_INIT(STREAM_CHUNK_LEN);
	struct err e = { 0 };

	for (size_t i = 0; i < PACKAGE_CHUNK_LEN; i++)
		at[i] = (uint8_t)(i * 31 + index);
	if (!s)
		return;
	if (stream_seal(s, place, (struct slice){ at, STREAM_PLAIN_LEN },
			&sealed, &e))
		give_up(&e);
	memcpy(at, sealed.ptr, sealed.len);
	buf_done(&sealed);
}

static void make_file(struct file *f, enum package_cipher cipher)
{
	const struct package_header h = {
		.kind = PACKAGE_FULL,
		.content = PACKAGE_TREE,
		.codec = PACKAGE_RAW,
		.cipher = cipher,
	};
	size_t head_len =
		(size_t)package_head_len((uint64_t)CHUNKS * PACKAGE_CHUNK_LEN);
	struct stream s;
	struct sha256 d;

	f->len = head_len + (size_t)CHUNKS * PACKAGE_CHUNK_LEN;
	f->bytes = mem_alloc(f->len, 1);
	package_format_header(&h, f->bytes);
	stream_init(content_key, (struct slice){ f->bytes, PACKAGE_HEADER_LEN },
		    &s);
	memcpy(f->commitment, s.commitment, sizeof(f->commitment));
	for (uint32_t i = 0; i < CHUNKS; i++) {
		uint8_t *at =
			f->bytes + head_len + (size_t)i * PACKAGE_CHUNK_LEN;

		fill_chunk(at, cipher == PACKAGE_STREAM ? &s : NULL, i);
		sha256_of((struct slice){ at, PACKAGE_CHUNK_LEN }, &d);
		memcpy(f->bytes + PACKAGE_HEADER_LEN + (size_t)i * SHA256_LEN,
		       d.bytes, SHA256_LEN);
	}
	sha256_of((struct slice){ f->bytes, head_len }, &f->head_digest);
}

static double read_once(struct file *f, bool decrypts)
{
	const struct package_source from = { f, read_at };
	struct package_reader *r = NULL;
	static uint8_t out[PACKAGE_CHUNK_LEN];
	struct err e = { 0 };
	clock_t start = clock();
	size_t got = 1;

	if (package_open(&from, f->len,
			 package_head_len((uint64_t)CHUNKS * PACKAGE_CHUNK_LEN),
			 &f->head_digest, &r, &e))
		give_up(&e);
	if (decrypts && package_decrypt(r, content_key, f->commitment, &e))
		give_up(&e);
	while (got > 0)
		if (package_read(r, out, sizeof(out), &got, &e))
			give_up(&e);
	package_close(r);
	return (double)(clock() - start) / CLOCKS_PER_SEC;
}

static double best(enum package_cipher cipher)
{
	struct file f = { .len = 0 };
	double least = 1e9;

	make_file(&f, cipher);
	for (int i = 0; i < 3; i++) {
		double sec = read_once(&f, cipher == PACKAGE_STREAM);

		least = sec < least ? sec : least;
	}
	free(f.bytes);
	return least;
}

int main(void)
{
	const double mb = (double)CHUNKS * PACKAGE_CHUNK_LEN / 1e6;
	double plain = best(PACKAGE_PLAIN), encrypted = best(PACKAGE_STREAM);

	printf("figure decrypt-read %.1f MB/s peer plain-read %.1f ratio "
	       "%.3f\n",
	       mb / encrypted, mb / plain, plain / encrypted);
	printf("figure decrypt-cpu-per-100MB %.3f s peer plain %.3f ratio "
	       "%.3f\n",
	       encrypted / mb * 100, plain / mb * 100, encrypted / plain);
	return 0;
}
