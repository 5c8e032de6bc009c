/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/advice.h"

#include <string.h>

#include "common/text.h"

static const char *advice_for(enum err_code code)
{
	switch (code) {
	case ERR_FORMAT:
	case ERR_LIMIT:
		return "nothing was activated: get it again, and if it stays "
		       "so, tell who made it";
	case ERR_UNTRUSTED:
		return "nothing was activated: get it again, and if it stays "
		       "so, suspect where it comes from";
	case ERR_EXPIRED:
		return "nothing was activated: is the clock right? else ask "
		       "for newer metadata";
	case ERR_ROLLBACK:
		return "nothing was activated: the source is behind this "
		       "device";
	case ERR_NETWORK:
		return "try again later";
	case ERR_REFUSED:
		return "nothing was activated: if it should be allowed here, "
		       "ask who released it or who runs the server";
	case ERR_SPACE:
		return "make room and try again";
	case ERR_NOT_FOUND:
		return "nothing was activated: see that it is there";
	case ERR_CONFLICT:
		return "nothing was activated: try again, or with a full package";
	case ERR_HEALTH:
		return "\"status\" keeps the reason";
	default:
		/* The line names the call, the key or the process to wait
		 * for. */
		return NULL;
	}
}

void advice_add(struct err *e)
{
	const char *advice = advice_for(e->code);
	char longer[sizeof(e->msg)];
	struct err ignored;

	if (!advice || strchr(e->msg, ';'))
		return;
	if (text_format(longer, sizeof(longer), &ignored, "%s; %s", e->msg,
			advice) == 0)
		memcpy(e->msg, longer, sizeof(longer));
}
