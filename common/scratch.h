/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scratch - disk space that is lent: a file without a name, gone when closed,
 * or one that stays.
 *
 * All of it is reserved when it is opened, so that a full disk is found then
 * and not in the midst of the work, nor as a signal in mapped memory.
 */
#ifndef COMMON_SCRATCH_H
#define COMMON_SCRATCH_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct scratch {
	int fd; /* -1: none */
	uint64_t len;
};

#define SCRATCH_NONE                                                           \
	{                                                                      \
		-1, 0                                                          \
	}

/* Parts that are mapped begin at multiples of this. */
#define SCRATCH_ALIGN 65536u

/*
 * In a folder on a disk with room for len bytes; ERR_SPACE when it has none.
 * The file of that name, with what is in it; NULL: a new one that has none.
 */
int scratch_open(int dirfd, const char *name, uint64_t len, struct scratch *out,
		 struct err *e) NODISCARD;
void scratch_close(struct scratch *s);

/*
 * A part of it as memory that the system may write out and take away. `at` is
 * a multiple of SCRATCH_ALIGN and the range lies within it.
 */
int scratch_map(const struct scratch *s, uint64_t at, size_t len, uint8_t **out,
		struct err *e) NODISCARD;
/* For now it is not looked at: it leaves memory, and what it holds stays. */
void scratch_forget(uint8_t *mapped, size_t len);
void scratch_unmap(uint8_t *mapped, size_t len);

#endif
