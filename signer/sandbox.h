/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox - who reads foreign archives, file systems and metadata gives up, for
 * good, what that does not need: the network and other programs by seccomp, and
 * where a command knows what it writes, all other files by Landlock. What a
 * kernel lacks is done without.
 */
#ifndef SIGNER_SANDBOX_H
#define SIGNER_SANDBOX_H

#include "common/err.h"

/* No socket, no other program, no reach into another process. Before there are
 * threads. ERR_SYSTEM if the kernel has the means and they fail. */
int sandbox_enter(struct err *e) NODISCARD;

/* Of files, what is beneath these folders, which must be there, may be written,
 * and whatever the user may read be read; NULL: none. Beside it the terminal.
 */
int sandbox_writes(const char *folder, const char *other,
		   struct err *e) NODISCARD;

/* The same for who fills a folder from a repository: it is made, with its
 * parents, where it is missing, unless the repository is; *dirfd is open. */
int sandbox_fills(const char *repo, const char *folder, int *dirfd,
		  struct err *e) NODISCARD;

#endif
