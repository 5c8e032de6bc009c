/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/token.h"

#include <string.h>

#include "common/mem.h"
#include "updater-client/confine.h"

static const struct token_ops *ops_for(const struct settings_token *s)
{
	return s->module ? &token_pkcs11 : &token_provider;
}

/* One that signs never agrees, and the reverse. */
static bool is_for_content(const char *name)
{
	return strcmp(name, "decrypt") == 0;
}

static bool is_allowed(unsigned rights, const struct message_token *m)
{
	switch (m->act) {
	case TOKEN_ACT_SIGN:
		return (rights & TOKEN_SIGN) && !is_for_content(m->name);
	case TOKEN_ACT_AGREE:
		return (rights & TOKEN_AGREE) && is_for_content(m->name);
	case TOKEN_ACT_MAKE:
	case TOKEN_ACT_DESTROY:
		return rights & TOKEN_KEEP;
	default:
		return true;
	}
}

static int act(const struct token_ops *ops, void *self,
	       const struct message_token *m, struct message_token *out,
	       struct err *e)
{
	struct ec_public point;
	struct sha256 digest;

	memcpy(point.point, m->bytes, EC_POINT_LEN);
	memcpy(digest.bytes, m->bytes, SHA256_LEN);
	switch (m->act) {
	case TOKEN_ACT_FIND:
		if (ops->find(self, m->name, &point, e))
			return -1;
		memcpy(out->bytes, point.point, EC_POINT_LEN);
		return 0;
	case TOKEN_ACT_MAKE:
		return ops->make(self, m->name, e);
	case TOKEN_ACT_SIGN:
		return ops->sign(self, m->name, &digest, out->bytes, e);
	case TOKEN_ACT_AGREE:
		return ops->agree(self, m->name, &point, out->bytes, e);
	case TOKEN_ACT_DESTROY:
		return ops->destroy(self, m->name, e);
	default:
		out->bytes[0] = ops->is_hardware(self);
		return 0;
	}
}

static int handle(const struct token_setup *setup, const struct message *m,
		  struct message_token *out, struct err *e)
{
	const struct token_ops *ops = ops_for(setup->settings);
	void *self = NULL;
	int rc = -1;

	if (m->kind != MESSAGE_TOKEN || !is_allowed(setup->rights, &m->token))
		return err_set(e, ERR_REFUSED,
			       "this is not for the process with the token");
	if (ops->open(setup, &self, e) == 0)
		rc = act(ops, self, &m->token, out, e);
	ops->close(self);
	return rc;
}

void token_run(void *ctx, struct channel *control)
{
	const struct token_setup *setup = ctx;
	const struct confine c = { .module = true };
	struct err failure = { 0 };
	struct message m;
	int rc;

	if (confine_enter(&c, &failure))
		return;
	while (ipc_receive(control, IPC_FOREVER, &m, &failure) == 0) {
		struct message answer = { .kind = MESSAGE_TOKEN };

		rc = handle(setup, &m, &answer.token, &failure);
		rc = rc ? ipc_answer(control, rc, 0, &failure, &failure)
			: ipc_send(control, &answer, &failure);
		mem_wipe(&answer, sizeof(answer)); /* maybe a shared secret */
		if (rc)
			break;
	}
}
