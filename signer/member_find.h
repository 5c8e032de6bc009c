/* SPDX-License-Identifier: Apache-2.0 */
/*
 * member_find - the compressed members of a file, and how they were made.
 *
 * Formats are told by their magic numbers, anywhere in a file: a kernel holds
 * itself compressed. What a number announces is unpacked; what is to be made
 * again is compressed with each likely recipe until one gives the very bytes.
 * If none does there is no member.
 */
#ifndef SIGNER_MEMBER_FIND_H
#define SIGNER_MEMBER_FIND_H

#include "common/delta_members.h"

#define MEMBER_MIN ((size_t)4096)      /* packed bytes; less is not worth it */
#define MEMBER_MAX ((size_t)256 << 20) /* of a member's content */

/* What compressing again may take of a device's memory. */
#define MEMBER_MEMORY ((uint64_t)1 << 20)

/*
 * Append what is found in a file's bytes, which stand at `at` in their stream.
 * proven: only what can be made again. No more than DELTA_MEMBERS_MAX.
 */
void member_find(struct slice file, uint64_t at, bool proven,
		 struct delta_member_list *out);

/* A member's content: m->raw_len bytes from its packed ones. */
int member_content(const struct delta_member *m, struct slice packed,
		   uint8_t *out, struct err *e) NODISCARD;

#endif
