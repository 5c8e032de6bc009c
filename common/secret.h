/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret - where private keys, passphrases and content keys lie in memory.
 *
 * Each has pages of its own: they are locked (never written to swap), left out
 * of every core file, blank in a forked child, and overwritten before they are
 * given back. A system that lets a process lock nothing still gets the rest;
 * secret_can_lock() says so, for a program to tell its user. What a computation
 * puts aside (numbers of mbedtls, a block on the stack) lies elsewhere and is
 * wiped as soon as it is done.
 */
#ifndef COMMON_SECRET_H
#define COMMON_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/*
 * This process holds secrets: no core file, and no other process of the same
 * user reads its memory (/proc/PID/mem, ptrace). A program that is started
 * from here has neither; its core limit stays.
 */
void secret_guard(void);

/* Zeroed memory; the length is the caller's constant, never from input. */
void *secret_new(size_t len);

/* Overwrite and give back; len as it was asked for. Takes NULL. */
void secret_free(void *ptr, size_t len);

/* May this process lock as much as it needs for its keys? */
bool secret_can_lock(void);

#endif
