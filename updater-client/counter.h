/* SPDX-License-Identifier: Apache-2.0 */
/*
 * counter - a hardware counter that only rises (TPM NV, RPMB, fuses), through a
 * program that the configuration names ([floor] counter):
 *
 *	PROGRAM... read         prints the counter's value, a decimal number
 *	PROGRAM... advance N    makes it at least N, or fails
 *
 * Such counters wear out, so it is advanced only when the stored floor rises.
 */
#ifndef UPDATER_CLIENT_COUNTER_H
#define UPDATER_CLIENT_COUNTER_H

#include <stdint.h>

#include "common/err.h"

#define COUNTER_ARGS_MAX 32 /* of the configured command */

/*
 * argv is NULL-terminated; argv[0] is absolute. ERR_SYSTEM when the program
 * fails or prints anything but a number.
 */
int counter_read(char *const *argv, uint64_t *value, struct err *e) NODISCARD;

/* Advance, and read back: ERR_SYSTEM unless it then is at least `to`. */
int counter_advance(char *const *argv, uint64_t to, struct err *e) NODISCARD;

#endif
