/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/unwrap.h"

#include "common/secret.h"
#include "updater-client/confine.h"
#include "updater-client/identity.h"

static int open_key(const struct unwrap_setup *setup,
		    const struct message_unwrap *m, struct message *answer,
		    struct err *e)
{
	struct channel token = CHANNEL_INIT;
	const struct device_keys keys =
		device_keys_at(setup->state_fd, setup->token_fd, &token);
	const struct keybox_purpose purpose = {
		.product = m->product,
		.release = m->release,
		.path = m->target,
		.device = m->device,
	};
	const struct confine c = { .reads = { setup->state_fd } };
	struct ec_private *key = NULL;
	int rc = -1;

	answer->kind = MESSAGE_KEY;
	if (confine_enter(&c, e) == 0 &&
	    identity_open_decrypt_key(&keys, &key, e) == 0)
		rc = keybox_open(key, &purpose, m->sealed, answer->content_key,
				 e);
	ec_free(key);
	ipc_close(&token);
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
	const struct unwrap_setup *setup = ctx;
	struct message m, *answer = secret_new(sizeof(*answer));
	struct err failure = { 0 };
	int rc;

	if (ipc_expect(control, MESSAGE_UNWRAP, IPC_FOREVER, &m, &failure) ==
	    0) {
		rc = open_key(setup, &m.unwrap, answer, &failure);
		tell(control, rc, answer, &failure);
	}
	secret_free(answer, sizeof(*answer));
}
