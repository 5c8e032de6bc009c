/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/trust.h"

#include <string.h>

#include "common/fs.h"
#include "common/json.h"
#include "common/tuf_client.h"
#include "common/utc.h"
#include "updater-client/confine.h"
#include "updater-client/orders.h"
#include "updater-client/source.h"
#include "updater-client/survey.h"
#include "updater-client/whereabouts.h"

struct trust {
	const struct trust_setup *setup;
	struct channel source;
	struct tuf_policy policy;
	struct tuf_client *client; /* once opened */
	bool confined;
	int64_t now;
	bool first; /* the first root was taken over in this run */
	struct survey survey;
	/* A signed assignment that this run has found. */
	bool assigned;
	char cohort[NAME_MAX_LEN + 1];
	uint64_t cohort_version;
	bool assigned_lab;
};

/* ---- metadata ------------------------------------------------------------ */

static int fetch_metadata(void *ctx, const char *name, size_t max,
			  struct buf *out, struct err *e)
{
	return source_get(ctx, name, max, out, e);
}

static int first_root(struct trust *t, struct err *e)
{
	struct buf root = BUF_INIT(t->policy.root_max);
	struct err missing = { 0 };
	struct stat st;
	int rc = -1;

	if (fs_stat(t->setup->metadata_fd, "root.json", &st, &missing) == 0)
		return 0;
	if (fs_read_path(t->setup->root_path, &root, e) == 0)
		rc = tuf_client_init(t->setup->metadata_fd, &t->policy,
				     buf_slice(&root), e);
	buf_done(&root);
	t->first = rc == 0;
	return rc ? err_in(e, "the first root (%s)", t->setup->root_path) : 0;
}

/* Open at the clock's time, or later if signed metadata proves that. */
static int open_client(struct trust *t, int64_t clock, struct err *e)
{
	int64_t floor;

	if (tuf_client_open(t->setup->metadata_fd, &t->policy, clock,
			    &t->client, e))
		return -1;
	floor = tuf_client_time_floor(t->client);
	t->now = policy_now(clock, floor);
	if (t->now == clock)
		return 0;
	tuf_client_close(t->client);
	t->client = NULL;
	return tuf_client_open(t->setup->metadata_fd, &t->policy, t->now,
			       &t->client, e);
}

static int check_environment(const struct trust *t, struct err *e)
{
	struct tuf_site site;

	tuf_client_site(t->client, &site);
	if (site.environment != t->setup->environment)
		return err_set(e, ERR_REFUSED,
			       "the root of trust is for %s, this device is "
			       "for %s ([trust] environment)",
			       environment_name(site.environment),
			       environment_name(t->setup->environment));
	return 0;
}

static int open_trust(struct trust *t, int64_t clock, struct err *e)
{
	struct err unheard;

	if (!t->client && (first_root(t, e) || open_client(t, clock, e)))
		return -1;
	if (check_environment(t, e) == 0)
		return 0;
	/* A root file that was the wrong one must not stay trusted. */
	if (t->first && fs_remove(t->setup->metadata_fd, "root.json", &unheard))
		return err_in(e, "%s", unheard.msg);
	return -1;
}

static void tell_site(const struct trust *t, struct message *answer)
{
	struct tuf_site site;

	tuf_client_site(t->client, &site);
	answer->kind = MESSAGE_SITE;
	answer->site = (struct message_site){
		.time_floor = tuf_client_time_floor(t->client),
		.trusted_until = tuf_client_expires(t->client, TUF_ROOT),
		.root_version = tuf_client_version(t->client, TUF_ROOT),
		.environment = site.environment,
		.staging_signed = site.staging_signed,
		.floor = t->survey.floor,
		.assigned = t->assigned,
		.cohort_version = t->cohort_version,
		.lab = t->assigned_lab,
	};
	memcpy(answer->site.cohort, t->cohort, sizeof(t->cohort));
	if (tuf_client_signed(t->client, TUF_TARGETS))
		answer->site.targets_version =
			tuf_client_version(t->client, TUF_TARGETS);
}

/* ---- choosing ------------------------------------------------------------ */

struct listing {
	struct policy_choice choice;
	const struct policy_device *device;
	int64_t now;
	bool lab;
};

/* A device that leaves the lab in this run takes no nightlies any more. */
static int offer_target(void *ctx, const struct tuf_target *target,
			struct err *e)
{
	struct listing *l = ctx;

	return policy_consider(&l->choice, l->device, target, l->lab, l->now,
			       e);
}

/* What the device said of itself, and what was verified about its ways. */
static int survey(struct trust *t, const struct message_choose *m, bool lab,
		  struct policy_device *d, struct err *e)
{
	const struct tuf_source from = { &t->source, fetch_metadata };
	const struct survey_job job = { .client = t->client,
					.from = &from,
					.device = &m->device,
					.now = t->now,
					.lab = lab };

	if (survey_make(&job, &t->survey, e))
		return -1;
	*d = m->device;
	d->way = &t->survey.way;
	if (t->survey.floor > d->floor)
		d->floor = t->survey.floor;
	return 0;
}

static int offer_all(struct trust *t, struct listing *l, struct err *e)
{
	const struct tuf_source from = { &t->source, fetch_metadata };
	const struct survey_job job = { .client = t->client,
					.from = &from,
					.device = l->device,
					.now = l->now,
					.lab = l->lab };

	return survey_each(&job, offer_target, l, e);
}

static int open_gate(void *ctx, const struct release *r,
		     char opened[SLOT_ORDER_MAX], struct err *e)
{
	return orders_open(ctx, r, opened, e);
}

/* When the timestamp was made; what that is good for, order.h says. */
static int64_t announced(const struct trust *t)
{
	const struct json *timestamp =
		tuf_client_signed(t->client, TUF_TIMESTAMP);
	struct err unheard;
	int64_t sec;

	if (!timestamp ||
	    utc_parse(slice_of(json_text(json_get(timestamp, "issued"))), &sec,
		      &unheard))
		return 0;
	return sec;
}

/* Also who this device is by what is signed: its cohort, a lab device. */
static void begin_orders(struct trust *t, const struct message_choose *m,
			 const struct tuf_source *from, struct orders *o)
{
	struct tuf_site site;

	tuf_client_site(t->client, &site);
	*o = (struct orders){
		.client = t->client,
		.from = from,
		.staging_signed = site.staging_signed,
		.enrolled = m->enrolled,
		.cohort_version = m->cohort_version,
		.lab = m->lab,
		.device = { .id = m->id,
			    .clock = m->clock,
			    .floor = policy_now(
				    m->floor, tuf_client_time_floor(t->client)),
			    .announced = announced(t) },
	};
	memcpy(o->device.cohort, m->cohort, sizeof(m->cohort));
	orders_follow(o);
}

/* The controlling process hears of it in the next MESSAGE_SITE. */
static void take_assignment(struct trust *t, const struct orders *o)
{
	if (!o->moved)
		return;
	t->assigned = true;
	t->cohort_version = o->cohort_version;
	t->assigned_lab = o->lab;
	memcpy(t->cohort, o->device.cohort, sizeof(t->cohort));
}

static int answer_choice(const struct listing *l, struct message *answer,
			 struct err *e)
{
	struct plan *plan = &answer->plan;

	if (!l->choice.found) {
		answer->kind = MESSAGE_DONE;
		answer->count = 0;
		return policy_verdict(&l->choice, l->device, e);
	}
	answer->kind = MESSAGE_PLAN;
	if (plan_from(l->choice.packages, l->device->slot_count, plan, e))
		return -1;
	memcpy(plan->release.order, l->choice.opened,
	       sizeof(plan->release.order));
	return 0;
}

/* ---- the site ------------------------------------------------------------ */

/* Keep the site that targets list, for the next connection. */
static int keep_site(struct trust *t, bool *changed, struct err *e)
{
	const struct tuf_source from = { &t->source, fetch_metadata };
	struct buf bytes = BUF_INIT(STATEMENT_MAX_LEN);
	struct err why = { 0 };
	int rc = 0;

	*changed = false;
	if (tuf_client_document(t->client, &from, SITE_PATH, STATEMENT_MAX_LEN,
				&bytes, &why) == 0) {
		rc = whereabouts_keep(t->setup->site_fd, buf_slice(&bytes),
				      changed, e);
	} else if (why.code != ERR_NOT_FOUND) {
		*e = why;
		rc = err_in(e, "site");
	}
	buf_done(&bytes);
	return rc;
}

/* From whoever answers: only what is signed by those whom we know counts. */
static int rescue(struct trust *t, struct message *answer, struct err *e)
{
	const struct tuf_source from = { &t->source, fetch_metadata };
	bool changed;

	if (tuf_client_refresh(t->client, &from, e))
		return err_in(e, "metadata");
	if (check_environment(t, e) || keep_site(t, &changed, e))
		return -1;
	answer->kind = MESSAGE_DONE;
	answer->count = changed ? 1 : 0;
	return 0;
}

/* ---- choosing what to do ------------------------------------------------- */

/* Nothing is offered; whether anything could be, this device can tell. */
static int look(struct trust *t, struct listing *l, struct message *answer,
		struct err *e)
{
	int rc = offer_all(t, l, e);

	answer->kind = MESSAGE_DONE;
	answer->count = 0;
	if (rc == 0 && !l->choice.found && l->choice.stranded) {
		*e = l->choice.hindrance;
		rc = -1;
	}
	policy_done(&l->choice);
	return rc;
}

static int choose(struct trust *t, const struct message_choose *m,
		  struct message *answer, struct err *e)
{
	const struct tuf_source from = { &t->source, fetch_metadata };
	struct policy_device device;
	struct listing l = { .device = &device, .now = t->now };
	struct orders orders;
	const struct policy_gate gate = { open_gate, &orders };
	struct tuf_site site;
	bool changed;
	int rc = -1;

	if (m->refresh && tuf_client_refresh(t->client, &from, e))
		return err_in(e, "metadata");
	if (check_environment(t, e))
		return -1;
	if (keep_site(t, &changed, e))
		return -1;
	begin_orders(t, m, &from, &orders);
	take_assignment(t, &orders);
	tuf_client_site(t->client, &site);
	l.lab = site.environment == ENV_LAB || orders_lab(&orders);
	if (survey(t, m, l.lab, &device, e))
		return -1;
	if (m->look)
		return look(t, &l, answer, e);
	l.choice.gate = &gate;
	if (offer_all(t, &l, e) == 0)
		rc = answer_choice(&l, answer, e);
	take_assignment(t, &orders);
	policy_done(&l.choice);
	return rc;
}

/* ---- the server's answers ------------------------------------------------ */

static int ask_server(struct trust *t, enum message_route route,
		      const struct buf *body, struct buf *answer, struct err *e)
{
	return source_post(&t->source, route, buf_slice(body), answer, e);
}

static int check_in(struct trust *t, const struct wire_checkin *m,
		    struct message *answer, struct err *e)
{
	struct buf body = BUF_INIT(WIRE_BODY_MAX);
	struct buf got = BUF_INIT(WIRE_BODY_MAX);
	int rc = -1;

	answer->kind = MESSAGE_DECISION;
	if (wire_format_checkin(m, &body, e) == 0 &&
	    ask_server(t, ROUTE_CHECKIN, &body, &got, e) == 0)
		rc = wire_parse_decision(buf_slice(&got), &answer->decision, e);
	buf_done(&body);
	buf_done(&got);
	return rc ? err_in(e, "check-in") : 0;
}

static int report(struct trust *t, const struct wire_report *m,
		  struct message *answer, struct err *e)
{
	struct buf body = BUF_INIT(WIRE_BODY_MAX);
	struct buf got = BUF_INIT(WIRE_BODY_MAX);
	int rc = -1;

	answer->kind = MESSAGE_DONE;
	answer->count = 0;
	if (wire_format_report(m, &body, e) == 0)
		rc = ask_server(t, ROUTE_REPORT, &body, &got, e);
	buf_done(&body);
	buf_done(&got);
	return rc ? err_in(e, "report") : 0;
}

/* ---- the process --------------------------------------------------------- */

static int confine(struct trust *t, struct err *e)
{
	const struct confine c = {
		.writes = { t->setup->metadata_fd, t->setup->site_fd },
		.file = t->setup->root_path,
	};

	if (!t->confined && confine_enter(&c, e))
		return -1;
	t->confined = true;
	return 0;
}

static int handle(struct trust *t, const struct message *m,
		  struct message *answer, struct err *e)
{
	memset(answer, 0, sizeof(*answer));
	if (m->kind == MESSAGE_OPEN) {
		if (confine(t, e) || open_trust(t, m->now, e))
			return -1;
		tell_site(t, answer);
		return 0;
	}
	if (!t->client)
		return err_set(e, ERR_CONFLICT, "not opened yet");
	switch (m->kind) {
	case MESSAGE_CHOOSE:
		return choose(t, &m->choose, answer, e);
	case MESSAGE_CHECKIN:
		return check_in(t, &m->checkin, answer, e);
	case MESSAGE_RESCUE:
		return rescue(t, answer, e);
	case MESSAGE_REPORT:
		return report(t, &m->report, answer, e);
	default:
		return err_set(e, ERR_REFUSED,
			       "message %d is not for the trust process",
			       m->kind);
	}
}

void trust_run(void *ctx, struct channel *control)
{
	struct trust t = { .setup = ctx,
			   .source = CHANNEL_INIT,
			   .policy = tuf_policy_device };
	struct err failure = { 0 };

	t.policy.medium = t.setup->medium;
	t.source.fd = t.setup->source_fd;
	for (;;) {
		struct message m, answer;
		int rc;

		if (ipc_receive(control, IPC_FOREVER, &m, &failure))
			break;
		rc = handle(&t, &m, &answer, &failure);
		if (rc ? ipc_answer(control, rc, 0, &failure, &failure)
		       : ipc_send(control, &answer, &failure))
			break;
	}
	survey_done(&t.survey);
	tuf_client_close(t.client);
}
