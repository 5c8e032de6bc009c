/* SPDX-License-Identifier: Apache-2.0 */
/* A folder for each test of a file, and nothing else that has to be made. */
#ifndef TESTS_UNIT_OWN_BOX_H
#define TESTS_UNIT_OWN_BOX_H

#include "tests/unit/box.h"

static struct box box;

static int own_box_open(void **state)
{
	(void)state;
	box_open(&box);
	return 0;
}

static int own_box_close(void **state)
{
	(void)state;
	box_close(&box);
	return 0;
}

#endif
