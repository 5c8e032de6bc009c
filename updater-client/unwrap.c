/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/unwrap.h"

#include "common/secret.h"
#include "updater-client/confine.h"
#include "updater-client/identity.h"

static int open_key(int state_fd, const struct message_unwrap *m,
		    struct message *answer, struct err *e)
{
	const struct keybox_purpose purpose = {
		.product = m->product,
		.release = m->release,
		.path = m->target,
		.device = m->device,
	};
	const struct confine c = { .reads = { state_fd } };
	struct ec_private *key = NULL;
	int rc;

	if (confine_enter(&c, e) ||
	    identity_open_decrypt_key(state_fd, &key, e))
		return -1;
	answer->kind = MESSAGE_KEY;
	rc = keybox_open(key, &purpose, m->sealed, answer->content_key, e);
	ec_free(key);
	return rc;
}

static void tell(struct channel *control, int rc, const struct message *answer,
		 const struct err *failure)
{
	struct err nobody;

	/* If the other end is gone there is nobody left to tell. */
	if (rc ? ipc_answer(control, rc, 0, failure, &nobody)
	       : ipc_send(control, answer, &nobody))
		return;
}

void unwrap_run(void *ctx, struct channel *control)
{
	const int *state_fd = ctx;
	struct message m, *answer = secret_new(sizeof(*answer));
	struct err failure = { 0 };
	int rc;

	if (ipc_expect(control, MESSAGE_UNWRAP, IPC_FOREVER, &m, &failure) ==
	    0) {
		rc = open_key(*state_fd, &m.unwrap, answer, &failure);
		tell(control, rc, answer, &failure);
	}
	secret_free(answer, sizeof(*answer));
}
