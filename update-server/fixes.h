/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fixes - which flaws (CVE ids) the releases here mend, and which devices still
 * lack that. Pure.
 *
 * A device has a fix from the first release on that brings it: what counts is
 * the content that it runs, so one that went back, by an undo under a newer
 * seq, lacks it again. Of releases only those count that are listed and are for
 * the device's product, model and hardware; where none of them brings a fix,
 * the device is not asked for it.
 */
#ifndef UPDATE_SERVER_FIXES_H
#define UPDATE_SERVER_FIXES_H

#include "update-server/store.h"

struct fixes;

struct fixes *fixes_new(void);
void fixes_free(struct fixes *f);

/* One release with its detail; what it says is copied. ERR_FORMAT. */
int fixes_add(struct fixes *f, const struct store_release *r,
	      struct err *e) NODISCARD;

struct fixes_device {
	const char *product, *model, *hardware; /* "": not known */
	bool has_release; /* false: lacks whatever there is to have */
	uint64_t seq;
};

/* Does it lack any fix that some release would bring? */
bool fixes_is_behind(const struct fixes *f, const struct fixes_device *d);

/* Does it lack this one? Letters of a CVE id may be of either case. */
bool fixes_lacks(const struct fixes *f, const char *cve,
		 const struct fixes_device *d);

/* How many listed releases bring it. */
size_t fixes_count(const struct fixes *f, const char *cve);

#endif
