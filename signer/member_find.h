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

#include "signer/member_prove.h"

#define MEMBERS_MAX 4096           /* in one file */
#define MEMBER_MIN  ((size_t)4096) /* packed bytes; less is not worth it */

/*
 * Append what is found in a file's bytes, which stand at `at` in their stream.
 * proven: only what can be made again. No more than MEMBERS_MAX.
 */
void member_find(struct slice file, uint64_t at, bool proven,
		 struct member_list *out);

#endif
