/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/retire.h"

#include <string.h>

#include "common/log.h"
#include "updater-client/identity.h"
#include "updater-client/session.h"
#include "updater-client/token_start.h"

/* A key that was made for an enrolment which never came about goes, too. */
static int check_device(const struct session *s, const char *device,
			struct err *e)
{
	char own[2 * DEVICE_ID_LEN + 1];

	if (!s->enrolled)
		return 0;
	hex_format((struct slice){ s->identity.device.bytes, DEVICE_ID_LEN },
		   own);
	return strcmp(device, own) == 0
		       ? 0
		       : err_set(e, ERR_CONFLICT, "this is device %s", own);
}

static int forget(const struct session *s, struct err *e)
{
	struct device_keys keys;
	struct worker token;
	int rc = session_keys(s, TOKEN_KEEP, &token, &keys, e);

	if (rc == 0)
		rc = identity_forget(&keys, e);
	worker_stop(&token);
	return rc;
}

int retire_device(const struct settings *c, const char *device, int stop_fd,
		  struct err *e)
{
	struct session s;
	int rc = -1;

	if (session_open(&s, c, stop_fd, e))
		return -1;
	if (check_device(&s, device, e) == 0)
		rc = forget(&s, e);
	if (rc == 0)
		log_event(LOG_WARNING, "retired", "device=%s", device);
	session_close(&s);
	return rc;
}
