/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/message.h"

#include <string.h>

#include "common/mem.h"
#include "common/utc.h"
#include "updater-client/walk.h"

/* ---- the kinds ----------------------------------------------------------- */

static void walk_failure(struct walk *w, struct err *failure)
{
	failure->code = (enum err_code)walk_small(w, failure->code, ERR_HEALTH);
	w->bad |= failure->code == ERR_NONE;
	walk_u32(w, &failure->retry_sec);
	walk_text(w, failure->msg, sizeof(failure->msg));
}

static void walk_get(struct walk *w, struct message_get *m)
{
	walk_text(w, m->name, sizeof(m->name));
	walk_u64(w, &m->max);
}

static void walk_post(struct walk *w, struct message_post *m)
{
	m->route = (enum message_route)walk_small(w, m->route, ROUTES - 1);
	walk_rest(w, &m->body);
}

static void walk_package(struct walk *w, struct message_package *m)
{
	walk_text(w, m->path, sizeof(m->path));
	walk_digest(w, &m->head_digest);
	walk_digest(w, &m->package_digest);
	walk_u64(w, &m->head_len);
	walk_u64(w, &m->package_len);
	walk_u32(w, &m->window);
	walk_u32(w, &m->first);
	w->bad |= m->head_len < PACKAGE_HEADER_LEN ||
		  m->head_len > PACKAGE_HEAD_MAX ||
		  m->package_len < m->head_len ||
		  m->window > PACKAGE_CHUNKS_MAX ||
		  m->first > PACKAGE_CHUNKS_MAX ||
		  (m->window == 0 && m->first > 0);
}

static void walk_point(struct walk *w, struct package_point *p)
{
	walk_u64(w, &p->packed);
	walk_u64(w, &p->plain);
	walk_u64(w, &p->within);
	walk_u32(w, &p->entry);
	walk_u64(w, &p->records);
	walk_u64(w, &p->again);
	w->bad |= p->packed > (uint64_t)JSON_INT_MAX ||
		  p->plain > (uint64_t)JSON_INT_MAX ||
		  p->within > (uint64_t)JSON_INT_MAX ||
		  p->records > (uint64_t)JSON_INT_MAX ||
		  p->again > (uint64_t)JSON_INT_MAX ||
		  p->entry > TREE_ENTRIES_MAX ||
		  (p->packed > 0) != (p->plain > 0);
}

static void walk_envelope(struct walk *w, struct message_envelope *m)
{
	walk_digest(w, &m->package);
	walk_bytes(w, m->device.bytes, sizeof(m->device.bytes));
}

static void walk_unwrap(struct walk *w, struct message_unwrap *m)
{
	walk_text(w, m->product, sizeof(m->product));
	walk_text(w, m->release, sizeof(m->release));
	walk_text(w, m->target, sizeof(m->target));
	walk_bytes(w, m->device.bytes, sizeof(m->device.bytes));
	walk_bytes(w, m->sealed, sizeof(m->sealed));
}

/* What a name may be made of; "" is none. */
static bool is_key_name(const char *name)
{
	return strspn(name, "abcdefghijklmnopqrstuvwxyz.0123456789") ==
	       strlen(name);
}

static void walk_token(struct walk *w, struct message_token *m)
{
	m->act = (enum token_act)walk_small(w, m->act, TOKEN_ACT_KIND);
	walk_text(w, m->name, sizeof(m->name));
	w->bad |= !is_key_name(m->name);
	walk_bytes(w, m->bytes, sizeof(m->bytes));
}

static void walk_site(struct walk *w, struct message_site *m)
{
	walk_time(w, &m->time_floor);
	walk_time(w, &m->trusted_until);
	w->bad |= m->time_floor > UTC_LAST || m->trusted_until > UTC_LAST;
	walk_time(w, &m->root_version);
	walk_time(w, &m->targets_version);
	m->environment =
		(enum environment)walk_small(w, m->environment, ENV_PRODUCTION);
	walk_bool(w, &m->staging_signed);
	walk_u64(w, &m->floor);
	walk_bool(w, &m->assigned);
	walk_text(w, m->cohort, sizeof(m->cohort));
	walk_u64(w, &m->cohort_version);
	walk_bool(w, &m->lab);
	w->bad |= m->assigned && !name_is_valid(slice_of(m->cohort));
}

static void walk_checkin(struct walk *w, struct wire_checkin *m)
{
	walk_text(w, m->product, sizeof(m->product));
	walk_text(w, m->model, sizeof(m->model));
	walk_text(w, m->hardware, sizeof(m->hardware));
	walk_bool(w, &m->has_release);
	walk_text(w, m->release, sizeof(m->release));
	walk_u64(w, &m->seq);
	walk_digest(w, &m->digest);
	walk_bool(w, &m->confirmed);
	walk_u64(w, &m->activation);
	walk_u32(w, &m->interval_sec);
	walk_text(w, m->updater, sizeof(m->updater));
	walk_bool(w, &m->has_boot);
	walk_bytes(w, m->boot, sizeof(m->boot));
	walk_u32(w, &m->posture.known);
	walk_u32(w, &m->posture.yes);
	w->bad |= m->posture.known >> POSTURE_BITS ||
		  m->posture.yes & ~m->posture.known;
	m->first_use = (enum wire_first_use)walk_small(w, m->first_use,
						       WIRE_FIRST_USE_DONE);
}

static void walk_decision(struct walk *w, struct wire_decision *m)
{
	m->action = (enum wire_action)walk_small(w, m->action, WIRE_WAIT);
	walk_text(w, m->release, sizeof(m->release));
	walk_digest(w, &m->digest);
	walk_u64(w, &m->attempt);
	walk_u32(w, &m->next_check_sec);
	walk_text(w, m->reason, sizeof(m->reason));
}

static void walk_slot(struct walk *w, struct policy_slot *s)
{
	walk_text(w, s->component, sizeof(s->component));
	s->content =
		(enum package_content)walk_small(w, s->content, PACKAGE_IMAGE);
	s->attributes =
		(enum tree_attributes)walk_small(w, s->attributes, TREE_SYSTEM);
	w->bad |= s->content < PACKAGE_TREE || s->attributes < TREE_APP;
	walk_digest(w, &s->digest);
}

static void walk_refusals(struct walk *w, struct refusals *r)
{
	r->count = walk_small(w, r->count, REFUSALS_MAX);
	for (uint32_t i = 0; i < r->count; i++)
		walk_digest(w, &r->digests[i]);
	walk_u64(w, &r->seq);
	walk_u64(w, &r->retry);
}

static void walk_device(struct walk *w, struct policy_device *d)
{
	walk_text(w, d->product, sizeof(d->product));
	walk_text(w, d->model, sizeof(d->model));
	walk_text(w, d->hardware, sizeof(d->hardware));
	d->slot_count =
		walk_small(w, (unsigned)d->slot_count, RELEASE_COMPONENTS_MAX);
	w->bad |= d->slot_count < 1;
	for (size_t i = 0; i < d->slot_count; i++)
		walk_slot(w, &d->slots[i]);
	walk_bool(w, &d->has_running);
	walk_text(w, d->running, sizeof(d->running));
	walk_u64(w, &d->seq);
	walk_u64(w, &d->content_seq);
	walk_digest(w, &d->digest);
	walk_refusals(w, &d->refusals);
	walk_bool(w, &d->retry);
	walk_bool(w, &d->repair);
	walk_bool(w, &d->full_only);
	walk_bool(w, &d->has_offer);
	walk_text(w, d->offer, sizeof(d->offer));
	walk_digest(w, &d->offer_digest);
	walk_u64(w, &d->floor);
	walk_bool(w, &d->step_back);
}

static void walk_choose(struct walk *w, struct message_choose *m)
{
	walk_time(w, &m->clock);
	walk_time(w, &m->floor);
	walk_device(w, &m->device);
	walk_bool(w, &m->enrolled);
	walk_bytes(w, m->id.bytes, sizeof(m->id.bytes));
	walk_text(w, m->cohort, sizeof(m->cohort));
	walk_u64(w, &m->cohort_version);
	walk_bool(w, &m->lab);
	walk_bool(w, &m->refresh);
	walk_bool(w, &m->look);
}

/* With limits that later sums rely on. */
static void walk_part(struct walk *w, struct slot_part *p)
{
	walk_text(w, p->component, sizeof(p->component));
	walk_digest(w, &p->digest);
	walk_u64(w, &p->manifest_len);
	walk_u64(w, &p->content_len);
	walk_u32(w, &p->entries);
	w->bad |= p->manifest_len > TREE_MANIFEST_MAX ||
		  p->content_len > (uint64_t)JSON_INT_MAX ||
		  p->entries > TREE_ENTRIES_MAX;
}

static void walk_release(struct walk *w, struct slot_release *r)
{
	walk_text(w, r->id, sizeof(r->id));
	walk_text(w, r->version, sizeof(r->version));
	walk_text(w, r->product, sizeof(r->product));
	walk_u64(w, &r->seq);
	walk_u64(w, &r->content_seq);
	walk_u64(w, &r->floor);
	walk_time(w, &r->support_end);
	walk_digest(w, &r->digest);
	r->part_count =
		walk_small(w, (unsigned)r->part_count, RELEASE_COMPONENTS_MAX);
	w->bad |= r->part_count < 1;
	for (size_t i = 0; i < r->part_count; i++)
		walk_part(w, &r->parts[i]);
	walk_u32(w, &r->deadline_sec);
	walk_text(w, r->order, sizeof(r->order));
	w->bad |= !utf8_is_valid(slice_of(r->order));
	r->health_len = (uint16_t)walk_block(w, r->health, r->health_len,
					     sizeof(r->health));
	w->bad |= r->support_end > UTC_LAST ||
		  r->floor > (uint64_t)JSON_INT_MAX || !slot_health_is_valid(r);
}

static void walk_plan_package(struct walk *w, struct plan_package *p)
{
	p->content =
		(enum package_content)walk_small(w, p->content, PACKAGE_IMAGE);
	p->attributes =
		(enum tree_attributes)walk_small(w, p->attributes, TREE_SYSTEM);
	p->kind = (enum package_kind)walk_small(w, p->kind, PACKAGE_DELTA);
	walk_text(w, p->base_id, sizeof(p->base_id));
	walk_digest(w, &p->base_digest);
	walk_text(w, p->target, sizeof(p->target));
	walk_text(w, p->path, sizeof(p->path));
	walk_digest(w, &p->head_digest);
	walk_digest(w, &p->package_digest);
	walk_u64(w, &p->head_len);
	walk_u64(w, &p->package_len);
	walk_u64(w, &p->apply_memory);
	walk_u64(w, &p->scratch_len);
	walk_u32(w, &p->window_len);
	walk_bool(w, &p->encrypted);
	walk_bytes(w, p->commitment, sizeof(p->commitment));
	w->bad |= p->content < PACKAGE_TREE ||
		  (p->content == PACKAGE_TREE) != (p->attributes >= TREE_APP) ||
		  p->kind < PACKAGE_FULL ||
		  p->package_len > (uint64_t)JSON_INT_MAX ||
		  p->head_len < PACKAGE_HEADER_LEN ||
		  p->head_len > PACKAGE_HEAD_MAX ||
		  p->package_len < p->head_len ||
		  p->window_len > PACKAGE_WINDOW_MAX;
}

static void walk_apply(struct walk *w, struct message *m)
{
	walk_part(w, &m->apply.part);
	walk_plan_package(w, &m->apply.package);
	walk_u32(w, &m->apply.window);
	walk_point(w, &m->apply.from);
	w->bad |= m->apply.window > PACKAGE_CHUNKS_MAX;
	walk_bytes(w, m->content_key, sizeof(m->content_key));
}

static void walk_plan(struct walk *w, struct plan *p)
{
	walk_release(w, &p->release);
	for (size_t i = 0; i < p->release.part_count; i++)
		walk_plan_package(w, &p->packages[i]);
	walk_bool(w, &p->urgent);
	walk_u64(w, &p->defer_max_sec);
	walk_u64(w, &p->retry);
}

static void walk_report(struct walk *w, struct wire_report *m)
{
	walk_u64(w, &m->attempt);
	walk_u32(w, &m->sequence);
	m->state = (enum wire_state)walk_small(w, m->state, WIRE_DEFERRED);
	walk_text(w, m->code, sizeof(m->code));
	walk_u64(w, &m->activation);
	walk_digest(w, &m->running);
	walk_text(w, m->evidence, sizeof(m->evidence));
	/* Reports wait on the disk, and an updater before or after this one
	 * finds them: those that do not say it look as ever. */
	if (w->writing ? m->until > 0 : w->in.rest.len > 0) {
		walk_time(w, &m->until);
		w->bad |= m->until == 0;
	}
}

static void walk_enrol(struct walk *w, struct message_enrol *m)
{
	walk_time(w, &m->clock);
	walk_bool(w, &m->asks);
	walk_bytes(w, m->claim, sizeof(m->claim));
	walk_text(w, m->product, sizeof(m->product));
	walk_text(w, m->model, sizeof(m->model));
	walk_digest(w, &m->root);
}

static void walk_identity(struct walk *w, struct message_identity *m)
{
	walk_bytes(w, m->device.bytes, sizeof(m->device.bytes));
	walk_text(w, m->cohort, sizeof(m->cohort));
}

static void walk_fields(struct walk *w, struct message *m)
{
	switch (m->kind) {
	case MESSAGE_RESCUE:
		break;
	case MESSAGE_DONE:
	case MESSAGE_PROGRESS:
	case MESSAGE_TAKEN:
	case MESSAGE_RENEW:
	case MESSAGE_RENEWED:
	case MESSAGE_READOPT:
		walk_u64(w, &m->count);
		break;
	case MESSAGE_FAIL:
		walk_failure(w, &m->failure);
		break;
	case MESSAGE_DATA:
		walk_rest(w, &m->data);
		break;
	case MESSAGE_BEGIN:
	case MESSAGE_OPEN:
		walk_time(w, &m->now);
		break;
	case MESSAGE_GET:
		walk_get(w, &m->get);
		break;
	case MESSAGE_POST:
		walk_post(w, &m->post);
		break;
	case MESSAGE_PACKAGE:
		walk_package(w, &m->package);
		break;
	case MESSAGE_SITE:
		walk_site(w, &m->site);
		break;
	case MESSAGE_CHECKIN:
		walk_checkin(w, &m->checkin);
		break;
	case MESSAGE_DECISION:
		walk_decision(w, &m->decision);
		break;
	case MESSAGE_CHOOSE:
		walk_choose(w, &m->choose);
		break;
	case MESSAGE_PLAN:
		walk_plan(w, &m->plan);
		break;
	case MESSAGE_APPLY:
		walk_apply(w, m);
		break;
	case MESSAGE_POINT:
		walk_point(w, &m->point);
		break;
	case MESSAGE_ENVELOPE:
		walk_envelope(w, &m->envelope);
		break;
	case MESSAGE_UNWRAP:
		walk_unwrap(w, &m->unwrap);
		break;
	case MESSAGE_KEY:
		walk_bytes(w, m->content_key, sizeof(m->content_key));
		break;
	case MESSAGE_TOKEN:
		walk_token(w, &m->token);
		break;
	case MESSAGE_REPORT:
		walk_report(w, &m->report);
		break;
	case MESSAGE_ENROL:
		walk_enrol(w, &m->enrol);
		break;
	case MESSAGE_IDENTITY:
		walk_identity(w, &m->identity);
		break;
	default:
		w->bad = true;
	}
}

int message_format(const struct message *m, struct buf *out, struct err *e)
{
	struct message copy = *m;
	struct walk w = { .writing = true, .out = out };
	size_t before = out->len;

	if (buf_add_le(out, (uint64_t)m->kind, 1, e))
		return -1;
	walk_fields(&w, &copy);
	mem_wipe(&copy, sizeof(copy));
	if (!w.bad && out->len - before <= MESSAGE_MAX)
		return 0;
	out->len = before;
	return err_set(e, ERR_LIMIT, "a message of kind %d does not fit",
		       m->kind);
}

int message_parse(struct slice in, struct message *m, struct err *e)
{
	struct walk w = { .in = rd_init(in) };

	memset(m, 0, sizeof(*m));
	m->kind = (enum message_kind)rd_u8(&w.in);
	walk_fields(&w, m);
	if (w.bad)
		return err_set(e, ERR_FORMAT, "a message of kind %d is wrong",
			       m->kind);
	return rd_finish(&w.in, e);
}
