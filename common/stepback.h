/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stepback - the engineers' word that devices which run one release may go back
 * to one older release, until it expires. docs/anti-rollback.md.
 *
 * A target "stepback/<product>/<from>-<to>.json" of the role that signs the
 * product's releases. It authorises; whether and where it happens is decided
 * as for any other release, and never below the floor. Pure.
 */
#ifndef COMMON_STEPBACK_H
#define COMMON_STEPBACK_H

#include "common/statement.h"

struct stepback {
	char product[NAME_MAX_LEN + 1];
	uint64_t from, to; /* seq of what runs and of what may follow */
	int64_t issued, expires;
};

/* As statement_parse(); `to` is below `from`, `issued` before `expires`. */
int stepback_parse(struct slice in, struct stepback *out,
		   struct err *e) NODISCARD;
/* The caller owns it. */
struct json *stepback_format(const struct stepback *s);

int stepback_path(const struct stepback *s, char out[PATH_MAX_LEN],
		  struct err *e) NODISCARD;

/*
 * Does it authorise a device of this product, which runs `from`, at `now`?
 * ERR_REFUSED for another product or release, ERR_EXPIRED.
 */
int stepback_allows(const struct stepback *s, const char *product,
		    uint64_t from, int64_t now, struct err *e) NODISCARD;

#endif
