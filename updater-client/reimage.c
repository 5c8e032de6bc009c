/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/reimage.h"

#include <string.h>

#include "common/log.h"
#include "updater-client/consent.h"
#include "updater-client/fill.h"
#include "updater-client/first_use.h"
#include "updater-client/install.h"

/* It may be there already: then reading it is all that it takes. */
static int read_back(struct session *s, enum slot which,
		     const struct slot_release *signed_one, struct err *e)
{
	struct slot_release there;
	struct err differs = { 0 };
	bool found = false;

	if (first_use_is_ours(s, which))
		return 0;
	if (slot_tree_release(&s->slots, which, &there, &found, e))
		return -1;
	if (!found || !sha256_equal(&there.digest, &signed_one->digest) ||
	    fill_check(s, which, signed_one, &differs))
		return 0;
	first_use_vouch(s, which);
	return session_save(s, e);
}

/* Nobody counts it: it is no rollout that the server knows of. */
static int write_again(struct session *s, struct plan *plan,
		       const struct message_choose *ask, struct err *e)
{
	s->journal.attempt = 0;
	s->journal.report_sequence = 0;
	log_event(LOG_INFO, "first-use", "release=%s slot=%s", plan->release.id,
		  slot_name(slot_other(s->current)));
	return session_save(s, e) || install_release(s, plan, ask, e) ? -1 : 0;
}

int reimage_step(struct session *s, struct message_choose *ask, bool unattended,
		 bool *busy, struct err *e)
{
	struct message question = { .kind = MESSAGE_CHOOSE };
	char why[WIRE_REASON_MAX];
	struct message m;

	*busy = false;
	ask->refresh = false;
	ask->device.repair = ask->device.has_offer = true;
	ask->device.offer_digest = s->running.digest;
	memcpy(ask->device.offer, s->running.id, sizeof(ask->device.offer));
	question.choose = *ask;
	if (ipc_send(&s->trust.channel, &question, e) ||
	    ipc_receive(&s->trust.channel, SESSION_ASK_MS, &m, e))
		return -1;
	/* What runs is not listed any more: the next release does it. */
	if (m.kind != MESSAGE_PLAN ||
	    !sha256_equal(&m.plan.release.digest, &s->running.digest))
		return 0;
	if (read_back(s, s->current, &m.plan.release, e) ||
	    read_back(s, slot_other(s->current), &m.plan.release, e))
		return -1;
	if (first_use_is_done(s) ||
	    (unattended && !consent_given(s, &m.plan, why)))
		return 0;
	*busy = true;
	return write_again(s, &m.plan, ask, e);
}
