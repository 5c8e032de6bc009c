/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine - a process that handles foreign bytes gives up all that its work
 * does not need, for good: system calls by seccomp, files by Landlock.
 *
 * Each process calls it by itself once it holds what it was given (worker.h),
 * so that whoever takes it over by a crafted answer or package finds neither
 * programs to start nor files, and no network but in the process that has it
 * anyway. What a kernel lacks is done without; `status` says so.
 */
#ifndef UPDATER_CLIENT_CONFINE_H
#define UPDATER_CLIENT_CONFINE_H

#include <stdbool.h>

#include "common/base.h"
#include "common/err.h"

#define CONFINE_FOLDERS_MAX 4
#define CONFINE_TEXT_MAX    96

/* What stays allowed, beside descriptors that are open already. */
struct confine {
	bool network; /* sockets, threads of the resolver, its files */
	/*
	 * A foreign library that needs nobody knows what: all, but to start
	 * programs and what takes a system over. Alone.
	 */
	bool module;
	/* Folders, everything beneath included; 0 ends the list, -1 is skipped.
	 */
	int reads[CONFINE_FOLDERS_MAX];
	int writes[CONFINE_FOLDERS_MAX];
	const char *file; /* one file to read, by path; NULL: none */
};

/*
 * Give up the rest. ERR_SYSTEM if the kernel has the means and they fail: then
 * the caller must not go on.
 */
int confine_enter(const struct confine *c, struct err *e) NODISCARD;

/* What this kernel can do of it, in words. */
void confine_describe(char out[CONFINE_TEXT_MAX]);

#endif
