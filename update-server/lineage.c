/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/lineage.h"

static int check_link(const struct wire_link *link,
		      const struct ec_public *next, struct err *e)
{
	struct buf message = BUF_INIT(256);
	int rc = -1;

	if (wire_renew_message(&link->certificate, next, &message, e) == 0)
		rc = ec_verify(&link->key, buf_slice(&message),
			       (struct slice){ link->proof, link->proof_len },
			       e);
	buf_done(&message);
	return rc;
}

int lineage_check(const struct wire_readopt *chain, size_t from,
		  const struct ec_public *shown, struct err *e)
{
	for (size_t i = from; i < chain->count; i++) {
		const struct ec_public *next =
			i + 1 < chain->count ? &chain->links[i + 1].key : shown;

		if (check_link(&chain->links[i], next, e))
			return err_in(e, "renewal %zu of the chain", i + 1);
	}
	return 0;
}
