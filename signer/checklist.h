/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checklist - what production wants to be true before anything is published,
 * beyond the rules for a single file: mistakes of a ceremony that would show
 * only on the day when a key is lost.
 *
 *	spare    root, targets and product roles have a key more than they need
 *	keys     each key of every role has signed once, so that somebody holds
 *	         it and the passphrase or PIN is known
 *	expiry   nothing that devices need has ended
 *	backup   somebody compared a backup of this repository, lately
 */
#ifndef SIGNER_CHECKLIST_H
#define SIGNER_CHECKLIST_H

#include "signer/repo.h"
#include "signer/report.h"

#define CHECKLIST_BACKUP_DAYS 90 /* so long a comparison counts */

/*
 * Go through all points, staged files counting as published: a line for each,
 * and for --json the array "checklist" of point, ok, text and way_out. *open
 * is how many points are not fulfilled.
 */
int checklist_run(struct repo *r, int64_t now, struct report *out, size_t *open,
		  struct err *e) NODISCARD;

/*
 * Remember that a backup was compared on that day ("2026-11-27"). ERR_USAGE
 * unless it is a date, not later than now and not too long ago.
 */
int checklist_backup(const struct repo *r, const char *day, int64_t now,
		     struct err *e) NODISCARD;

#endif
