/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page - the operators' pages: the files of update-server/pages/, which are
 * part of the program. They hold no state and no secret; what they show they
 * ask for as the commands do, over the same connection.
 */
#ifndef UPDATE_SERVER_PAGE_H
#define UPDATE_SERVER_PAGE_H

#include <stdbool.h>

#include "common/rd.h"

struct page {
	const char *type; /* constant */
	struct slice bytes;
};

/*
 * What a path shows: "/", "/audit", "/pages/FILE", and one page each for all
 * rollouts, devices and lists ("/rollouts/NAME": its script reads the name).
 * False if there is no such page.
 */
bool page_find(const char *path, struct page *out);

#endif
