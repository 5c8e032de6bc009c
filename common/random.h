/* SPDX-License-Identifier: Apache-2.0 */
/*
 * random - bytes straight from the kernel's generator (getrandom(2), waiting
 * until it is seeded). No generator of our own, so nothing is shared by a fork
 * or a cloned machine.
 */
#ifndef COMMON_RANDOM_H
#define COMMON_RANDOM_H

#include <stddef.h>

/* Cannot fail: a kernel without getrandom ends the process. */
void random_bytes(void *out, size_t len);

/* mbedtls' f_rng over it; the first argument is ignored. Always 0. */
int random_for_mbedtls(void *unused, unsigned char *out, size_t len);

#endif
