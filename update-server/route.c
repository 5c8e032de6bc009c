/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/route.h"

int response_json(struct response *a, unsigned status, struct json *value,
		  struct err *e)
{
	int rc;

	a->body.len = 0;
	rc = json_print(value, false, &a->body, e);
	json_free(value);
	if (rc == 0)
		a->status = status;
	return rc;
}
