/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/medium.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"

#define ATTACH_TRIES 50

/* ---- the loop device ----------------------------------------------------- */

/* Kept without a descriptor of ours: so at each umount its last user goes, and
 * with it the kernel's cache of a state that is no more. */
static int attach(struct medium *m, uint32_t sector, struct err *e)
{
	struct loop_config config = { .fd = (uint32_t)m->live_fd,
				      .block_size = sector };
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int rc = -1;

	/* Somebody else may take the free one first. */
	for (int i = 0; control >= 0 && rc && i < ATTACH_TRIES; i++) {
		int number = ioctl(control, LOOP_CTL_GET_FREE);
		int loop;

		(void)snprintf(m->loop, sizeof(m->loop), "/dev/loop%d", number);
		loop = open(m->loop, O_RDWR | O_CLOEXEC);
		rc = loop < 0 ? -1 : ioctl(loop, LOOP_CONFIGURE, &config);
		fs_close(&loop);
	}
	if (rc) {
		err_sys(e, "no loop device");
		m->loop[0] = 0;
	}
	fs_close(&control);
	return rc;
}

static void detach(struct medium *m)
{
	int loop = m->loop[0] ? open(m->loop, O_RDWR | O_CLOEXEC) : -1;

	if (loop >= 0)
		(void)ioctl(loop, LOOP_CLR_FD); /* nothing else can be done */
	fs_close(&loop);
}

/* ---- bytes --------------------------------------------------------------- */

static uint64_t hash_block(size_t number, const uint8_t *bytes)
{
	uint64_t hash = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
	uint64_t word;

	for (size_t i = 0; i < STATES_BLOCK; i += sizeof(word)) {
		memcpy(&word, bytes + i, sizeof(word));
		hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
		hash ^= hash >> 32;
	}
	return hash;
}

static int load(const char *path, struct medium *m, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t got = 0;
	int rc = -1;

	if (fd < 0 || fstat(fd, &st)) {
		err_sys(e, "%s", path);
		goto out;
	}
	m->size = (size_t)st.st_size;
	m->blocks = m->size / STATES_BLOCK;
	if (m->size == 0 || m->size % STATES_BLOCK != 0) {
		err_set(e, ERR_FORMAT, "%s: not whole blocks", path);
		goto out;
	}
	m->live_fd = memfd_create("disk", MFD_CLOEXEC);
	if (m->live_fd < 0 || ftruncate(m->live_fd, st.st_size)) {
		err_sys(e, "memory for the disk");
		goto out;
	}
	m->live = mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_SHARED,
		       m->live_fd, 0);
	m->stable = mem_alloc(m->size, 1);
	if (m->live == MAP_FAILED)
		err_sys(e, "memory for the disk");
	else
		rc = fs_read_at(fd, 0, m->stable, m->size, &got, e);
out:
	fs_close(&fd);
	return rc;
}

int medium_open(const char *image, uint32_t sector, struct medium *m,
		struct err *e)
{
	*m = (struct medium){ .live_fd = -1, .live = MAP_FAILED };
	if (load(image, m, e) || attach(m, sector, e)) {
		medium_close(m);
		return -1;
	}
	m->hashes = mem_alloc(m->blocks, sizeof(*m->hashes));
	m->touched = mem_alloc(m->blocks, sizeof(*m->touched));
	m->is_touched = mem_alloc(m->blocks, sizeof(*m->is_touched));
	memcpy(m->live, m->stable, m->size);
	for (size_t i = 0; i < m->blocks; i++) {
		m->hashes[i] = hash_block(i, m->stable + i * STATES_BLOCK);
		m->sum ^= m->hashes[i];
	}
	return 0;
}

void medium_close(struct medium *m)
{
	detach(m);
	if (m->live != MAP_FAILED)
		(void)munmap(m->live, m->size);
	fs_close(&m->live_fd);
	free(m->stable);
	free(m->hashes);
	free(m->touched);
	free(m->is_touched);
}

/* Write bytes into live and note the blocks. */
static void put(struct medium *m, uint64_t offset, const uint8_t *bytes,
		size_t len)
{
	if (len == 0 || offset > m->size || len > m->size - offset)
		return;
	memcpy(m->live + offset, bytes, len);
	for (size_t i = offset / STATES_BLOCK;
	     i <= (offset + len - 1) / STATES_BLOCK; i++) {
		if (!m->is_touched[i])
			m->touched[m->touched_count++] = i;
		m->is_touched[i] = true;
	}
}

uint64_t medium_show(struct medium *m, const struct state *s)
{
	uint64_t sum = m->sum;

	for (size_t i = 0; i < s->epoch->count; i++) {
		const struct states_write *w =
			&s->run->writes[s->epoch->first + i];
		const struct state_piece *p = &s->pieces[i];

		put(m, w->offset + p->from, w->bytes + p->from,
		    p->to - p->from);
	}
	for (size_t i = 0; i < m->touched_count; i++) {
		size_t n = m->touched[i];

		sum ^= m->hashes[n] ^ hash_block(n, m->live + n * STATES_BLOCK);
	}
	return sum;
}

void medium_reset(struct medium *m, bool mounted)
{
	for (size_t i = 0; i < m->touched_count; i++) {
		size_t at = m->touched[i] * STATES_BLOCK;

		m->is_touched[m->touched[i]] = false;
		memcpy(m->live + at, m->stable + at, STATES_BLOCK);
	}
	m->touched_count = 0;
	if (mounted)
		memcpy(m->live, m->stable, m->size);
}

void medium_advance(struct medium *m, const struct states_run *run,
		    const struct states_epoch *epoch)
{
	for (size_t i = 0; i < epoch->count; i++) {
		const struct states_write *w = &run->writes[epoch->first + i];

		put(m, w->offset, w->bytes, w->len);
	}
	for (size_t i = 0; i < m->touched_count; i++) {
		size_t n = m->touched[i];
		uint8_t *to = m->stable + n * STATES_BLOCK;

		m->is_touched[n] = false;
		memcpy(to, m->live + n * STATES_BLOCK, STATES_BLOCK);
		m->sum ^= m->hashes[n];
		m->hashes[n] = hash_block(n, to);
		m->sum ^= m->hashes[n];
	}
	m->touched_count = 0;
}

int medium_save(const struct medium *m, const char *path, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int rc;

	if (fd < 0)
		return err_sys(e, "%s", path);
	rc = fs_write(fd, (struct slice){ m->live, m->size }, e);
	fs_close(&fd);
	return rc;
}
