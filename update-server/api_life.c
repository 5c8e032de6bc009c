/* SPDX-License-Identifier: Apache-2.0 */
/* The table of routes, who may use them, and the life of what they share. */
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/keybox.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/random.h"
#include "common/steady.h"

#include "common/hand.h"
#include "update-server/api.h"
#include "update-server/ca_record.h"
#include "update-server/publish.h"
#include "update-server/rights.h"
#include "update-server/store_overview.h"

#define FLUSH_SEC 10
/* Of each second, for tables that are moved; and after a failure. */
#define MOVE_NS         100000000
#define MOVE_AGAIN_SEC  60
#define RETRY_SEC       60
#define DRAIN_RETRY_SEC 30 /* to twice that */
/* Acts of one person: an import of everything that may be listed fits. */
#define ACTS_BURST          20000
#define ACTS_PER_MINUTE     600
#define CHECKPOINT_SEC      60
#define RETENTION_FIRST_SEC 300
#define MEGABYTE            1000000

#define ENROLMENT (1u << LISTENER_ENROLMENT)
#define DEVICE    (1u << LISTENER_DEVICE)
#define PEOPLE    (1u << LISTENER_PEOPLE)
#define ALL       (ENROLMENT | DEVICE | PEOPLE)

#define SMALL_BODY 4096
/* The whole file of a role, as devices take it, in an envelope of ours. */
#define ORDER_BODY ((size_t)1100000)
/* The digests of CODES_MAX codes. */
#define CODES_BODY  ((size_t)1000000)
#define PAYLOAD_MAX ((size_t)64 << 30)
#define P           "/v1/people/"

const struct route server_routes[] = {
	{ ALL, METHOD_GET, API_METADATA, 0, ROUTE_PLAIN, api_metadata_get },
	{ DEVICE | PEOPLE, METHOD_GET, API_TARGETS, 0, ROUTE_PLAIN,
	  api_target_get },
	{ ENROLMENT, METHOD_GET, API_TARGETS, 0, ROUTE_PLAIN, api_site_get },

	{ ENROLMENT, METHOD_POST, "/v1/nonce", SMALL_BODY, ROUTE_PLAIN,
	  api_nonce },
	{ ENROLMENT, METHOD_POST, "/v1/enrol", WIRE_BODY_MAX, ROUTE_PLAIN,
	  api_enrol },
	{ ENROLMENT, METHOD_POST, "/v1/join", WIRE_BODY_MAX, ROUTE_PLAIN,
	  api_join },

	{ DEVICE, METHOD_POST, "/v1/checkin", WIRE_BODY_MAX, ROUTE_PLAIN,
	  api_checkin },
	{ DEVICE, METHOD_POST, "/v1/report", WIRE_BODY_MAX, ROUTE_LAST_WORD,
	  api_report },
	{ DEVICE, METHOD_POST, "/v1/renew", WIRE_BODY_MAX, ROUTE_RENEWAL,
	  api_renew },
	{ DEVICE, METHOD_POST, "/v1/renewed", SMALL_BODY, ROUTE_RENEWAL,
	  api_renewed },
	{ DEVICE, METHOD_POST, "/v1/readopt", WIRE_BODY_MAX, ROUTE_RETURN,
	  api_return },

	{ DEVICE, METHOD_GET, "/v1/envelope/", 0, ROUTE_PLAIN,
	  api_envelope_get },
	{ PEOPLE, METHOD_PUT, P "envelopes/", KEYBOX_FILE_MAX, ROUTE_UPLOAD,
	  api_envelopes_put },
	{ PEOPLE, METHOD_GET, P "envelopes/", 0, ROUTE_PLAIN,
	  api_envelopes_get },
	{ PEOPLE, METHOD_GET, P "registry", 0, ROUTE_PLAIN, api_registry },
	{ PEOPLE, METHOD_GET, P "registry/", 0, ROUTE_PLAIN,
	  api_registry_more },

	{ PEOPLE, METHOD_GET, "/", 0, ROUTE_PAGE, api_page },
	{ PEOPLE, METHOD_GET, "/audit", 0, ROUTE_PAGE, api_page },
	{ PEOPLE, METHOD_GET, "/rollouts/", 0, ROUTE_PAGE, api_page },
	{ PEOPLE, METHOD_GET, "/devices/", 0, ROUTE_PAGE, api_page },
	{ PEOPLE, METHOD_GET, "/list/", 0, ROUTE_PAGE, api_page },
	{ PEOPLE, METHOD_GET, "/pages/", 0, ROUTE_PAGE, api_page },

	{ PEOPLE, METHOD_GET, P "overview", 0, ROUTE_PLAIN, api_overview },
	{ PEOPLE, METHOD_GET, P "names", 0, ROUTE_PLAIN, api_names },
	{ PEOPLE, METHOD_GET, P "audit-of/", 0, ROUTE_PLAIN, api_acts },
	{ PEOPLE, METHOD_GET, P "history/", 0, ROUTE_PLAIN, api_history },
	{ PEOPLE, METHOD_GET, P "list/product/", 0, ROUTE_PLAIN, api_walk },
	{ PEOPLE, METHOD_GET, P "list/score/", 0, ROUTE_PLAIN, api_walk },
	{ PEOPLE, METHOD_GET, P "list/members/", 0, ROUTE_PLAIN, api_walk },
	{ PEOPLE, METHOD_GET, P "list/not-reached/", 0, ROUTE_PLAIN, api_walk },
	{ PEOPLE, METHOD_GET, P "list/holds/", 0, ROUTE_PLAIN, api_walk },
	{ PEOPLE, METHOD_GET, P "list/", 0, ROUTE_PLAIN, api_list },
	{ PEOPLE, METHOD_GET, P "attempts/", 0, ROUTE_PLAIN, api_attempts },

	{ PEOPLE, METHOD_POST, P "report-export", SMALL_BODY, ROUTE_PLAIN,
	  api_report_export },
	{ PEOPLE, METHOD_GET, P "report/", 0, ROUTE_PLAIN, api_report_get },
	{ PEOPLE, METHOD_POST, P "outpost-add", SMALL_BODY, ROUTE_PLAIN,
	  api_outpost_add },
	{ PEOPLE, METHOD_PUT, P "outpost-report", OUTPOST_FILE_MAX, ROUTE_PLAIN,
	  api_outpost_report },
	{ PEOPLE, METHOD_PUT, P "device-report", HAND_MAX, ROUTE_PLAIN,
	  api_device_report },
	{ PEOPLE, METHOD_GET, P "outposts", 0, ROUTE_PLAIN, api_outpost_list },
	{ PEOPLE, METHOD_GET, P "outpost/", 0, ROUTE_PLAIN, api_outpost_show },
	{ PEOPLE, METHOD_GET, P "score", 0, ROUTE_PLAIN, api_score_get },
	{ PEOPLE, METHOD_GET, P "status", 0, ROUTE_PLAIN, api_status },
	{ PEOPLE, METHOD_GET, P "payload/", 0, ROUTE_PLAIN, api_payload_head },
	{ PEOPLE, METHOD_PUT, P "payload/", PAYLOAD_MAX, ROUTE_UPLOAD,
	  api_payload_put },
	{ PEOPLE, METHOD_PUT, P "metadata/", STORE_METADATA_MAX, ROUTE_PLAIN,
	  api_metadata_put },
	{ PEOPLE, METHOD_POST, P "publish", SMALL_BODY, ROUTE_PLAIN,
	  api_publish },
	{ PEOPLE, METHOD_POST, P "bundle", SMALL_BODY, ROUTE_PLAIN,
	  api_bundle },
	{ PEOPLE, METHOD_GET, P "releases", 0, ROUTE_PLAIN, api_release_list },
	{ PEOPLE, METHOD_GET, P "release/", 0, ROUTE_PLAIN, api_release_show },
	{ PEOPLE, METHOD_GET, P "tokens", 0, ROUTE_PLAIN, api_token_list },
	{ PEOPLE, METHOD_GET, P "tokens/", 0, ROUTE_PLAIN, api_token_more },
	{ PEOPLE, METHOD_POST, P "tokens", CODES_BODY, ROUTE_PLAIN,
	  api_token_create },
	{ PEOPLE, METHOD_GET, P "token-batches", 0, ROUTE_PLAIN,
	  api_token_batches },
	{ PEOPLE, METHOD_POST, P "token-activate", SMALL_BODY, ROUTE_PLAIN,
	  api_token_activate },
	{ PEOPLE, METHOD_POST, P "token-revoke", SMALL_BODY, ROUTE_PLAIN,
	  api_token_revoke },
	{ PEOPLE, METHOD_GET, P "waiting", 0, ROUTE_PLAIN, api_waiting_list },
	{ PEOPLE, METHOD_POST, P "device-join", WIRE_BODY_MAX, ROUTE_PLAIN,
	  api_join_carried },
	{ PEOPLE, METHOD_POST, P "device-approve", SMALL_BODY, ROUTE_PLAIN,
	  api_waiting_approve },
	{ PEOPLE, METHOD_POST, P "device-deny", SMALL_BODY, ROUTE_PLAIN,
	  api_waiting_deny },
	{ PEOPLE, METHOD_GET, P "devices", 0, ROUTE_PLAIN, api_device_list },
	{ PEOPLE, METHOD_GET, P "devices/", 0, ROUTE_PLAIN, api_device_more },
	{ PEOPLE, METHOD_GET, P "device-find/", 0, ROUTE_PLAIN,
	  api_device_find },
	{ PEOPLE, METHOD_GET, P "device/", 0, ROUTE_PLAIN, api_device_show },
	{ PEOPLE, METHOD_POST, P "device-revoke", SMALL_BODY, ROUTE_PLAIN,
	  api_device_revoke },
	{ PEOPLE, METHOD_POST, P "device-retire", SMALL_BODY, ROUTE_PLAIN,
	  api_device_retire },
	{ PEOPLE, METHOD_GET, P "unknown", 0, ROUTE_PLAIN, api_unknown_list },
	{ PEOPLE, METHOD_POST, P "device-readopt", SMALL_BODY, ROUTE_PLAIN,
	  api_device_readopt },
	{ PEOPLE, METHOD_POST, P "readopt-close", SMALL_BODY, ROUTE_PLAIN,
	  api_readopt_close },
	{ PEOPLE, METHOD_POST, P "device-forget", SMALL_BODY, ROUTE_PLAIN,
	  api_device_forget },
	{ PEOPLE, METHOD_POST, P "device-pin", SMALL_BODY, ROUTE_PLAIN,
	  api_device_pin },
	{ PEOPLE, METHOD_POST, P "device-unpin", SMALL_BODY, ROUTE_PLAIN,
	  api_device_unpin },
	{ PEOPLE, METHOD_POST, P "device-clear", SMALL_BODY, ROUTE_PLAIN,
	  api_device_clear },
	{ PEOPLE, METHOD_POST, P "device-block", SMALL_BODY, ROUTE_PLAIN,
	  api_device_block },
	{ PEOPLE, METHOD_POST, P "device-unblock", SMALL_BODY, ROUTE_PLAIN,
	  api_device_unblock },
	{ PEOPLE, METHOD_POST, P "device-release", SMALL_BODY, ROUTE_PLAIN,
	  api_device_release },
	{ PEOPLE, METHOD_GET, P "cohorts", 0, ROUTE_PLAIN, api_cohort_list },
	{ PEOPLE, METHOD_POST, P "cohorts", SMALL_BODY, ROUTE_PLAIN,
	  api_cohort_create },
	{ 1U << LISTENER_ORIGIN, METHOD_GET, API_TARGETS, 0, ROUTE_PLAIN,
	  api_origin_get },
	{ PEOPLE, METHOD_POST, P "cohort-rule", SMALL_BODY, ROUTE_PLAIN,
	  api_cohort_rule },
	{ PEOPLE, METHOD_POST, P "cohort-remove", SMALL_BODY, ROUTE_PLAIN,
	  api_cohort_remove },
	{ PEOPLE, METHOD_GET, P "payload-verify/", 0, ROUTE_PLAIN,
	  api_payload_verify },
	{ PEOPLE, METHOD_GET, P "payloads-unused", 0, ROUTE_PLAIN,
	  api_payload_unused },
	{ PEOPLE, METHOD_POST, P "payloads-remove", SMALL_BODY, ROUTE_PLAIN,
	  api_payload_remove },
	{ PEOPLE, METHOD_GET, P "audit/", 0, ROUTE_PLAIN, api_audit_list },
	{ PEOPLE, METHOD_GET, P "audit-head", 0, ROUTE_PLAIN, api_audit_head },
	{ PEOPLE, METHOD_GET, P "audit-checkpoints/", 0, ROUTE_PLAIN,
	  api_audit_checkpoints },
	{ PEOPLE, METHOD_GET, P "events", 0, ROUTE_PLAIN, api_events },
	{ PEOPLE, METHOD_GET, P "events/", 0, ROUTE_PLAIN, api_events_from },
	{ PEOPLE, METHOD_GET, P "rollouts", 0, ROUTE_PLAIN, api_rollout_list },
	{ PEOPLE, METHOD_POST, P "rollouts", SMALL_BODY, ROUTE_PLAIN,
	  api_rollout_create },
	{ PEOPLE, METHOD_GET, P "rollout/", 0, ROUTE_PLAIN, api_rollout_show },
	{ PEOPLE, METHOD_GET, P "rollout-plan/", 0, ROUTE_PLAIN,
	  api_rollout_plan },
	{ PEOPLE, METHOD_POST, P "rollout-approve", SMALL_BODY, ROUTE_PLAIN,
	  api_rollout_approve },
	{ PEOPLE, METHOD_POST, P "rollout-start", SMALL_BODY, ROUTE_PLAIN,
	  api_rollout_start },
	{ PEOPLE, METHOD_POST, P "rollout-advance", SMALL_BODY, ROUTE_PLAIN,
	  api_rollout_advance },
	{ PEOPLE, METHOD_POST, P "rollout-abort", SMALL_BODY, ROUTE_PLAIN,
	  api_rollout_abort },
	{ PEOPLE, METHOD_POST, P "rollout-supersede", SMALL_BODY, ROUTE_PLAIN,
	  api_rollout_supersede },
	{ PEOPLE, METHOD_POST, P "rollout-ack", SMALL_BODY, ROUTE_PLAIN,
	  api_rollout_ack },
	{ PEOPLE, METHOD_POST, P "rollout-rollback", SMALL_BODY, ROUTE_PLAIN,
	  api_rollout_rollback },
	{ PEOPLE, METHOD_POST, P "rollout-discard", SMALL_BODY, ROUTE_PLAIN,
	  api_rollout_discard },
	{ PEOPLE, METHOD_GET, P "rollback/", 0, ROUTE_PLAIN, api_back_show },
	{ PEOPLE, METHOD_GET, P "device-why/", 0, ROUTE_PLAIN, api_device_why },
	{ PEOPLE, METHOD_POST, P "rollout-pause", SMALL_BODY, ROUTE_PLAIN,
	  api_rollout_pause },
	{ PEOPLE, METHOD_POST, P "rollout-resume", SMALL_BODY, ROUTE_PLAIN,
	  api_rollout_resume },
	{ PEOPLE, METHOD_GET, P "orders", 0, ROUTE_PLAIN, api_order_list },
	{ PEOPLE, METHOD_GET, P "order/", 0, ROUTE_PLAIN, api_order_get },
	{ PEOPLE, METHOD_GET, P "document/", 0, ROUTE_PLAIN, api_document_get },
	{ PEOPLE, METHOD_POST, P "order-plan", SMALL_BODY, ROUTE_PLAIN,
	  api_order_plan },
	{ PEOPLE, METHOD_POST, P "order-sign", ORDER_BODY, ROUTE_PLAIN,
	  api_order_sign },
	{ PEOPLE, METHOD_POST, P "order-discard", SMALL_BODY, ROUTE_PLAIN,
	  api_order_discard },
};
const size_t server_route_count = ARRAY_LEN(server_routes);

/* ---- who may speak ------------------------------------------------------- */

static int authorise_device(struct server_api *api, const struct route *route,
			    struct peer *peer, struct err *e)
{
	struct device_id id;

	if (store_device_authorise(api->store, &peer->fingerprint, &id, e)) {
		peer->id[0] = 0;
		if (e->code == ERR_REFUSED && route->kind == ROUTE_RETURN)
			return 0;
		if (e->code == ERR_REFUSED) {
			meter_count(api->meter, METER_REVOKED_SEEN);
			api_note_unknown(api, peer);
		}
		return -1;
	}
	hex_format((struct slice){ id.bytes, DEVICE_ID_LEN }, peer->id);
	return 0;
}

/* We are about to go: who comes is asked to come again, not all at once. What
 * devices did is heard to the end. */
static int check_draining(struct server_api *api, enum listener listener,
			  const struct route *route, struct err *e)
{
	uint8_t spread;

	if (atomic_load(&api->drain_sec) == 0 || listener == LISTENER_PEOPLE ||
	    route->kind == ROUTE_LAST_WORD || route->handle == api_renewed)
		return 0;
	random_bytes(&spread, 1);
	(void)err_set(e, ERR_BUSY, "this server is about to go: come again");
	e->retry_sec = DRAIN_RETRY_SEC + spread % DRAIN_RETRY_SEC;
	return -1;
}

static int authorise_person(struct server_api *api, const struct route *route,
			    struct peer *peer, struct err *e)
{
	struct store_person person;

	if (store_person_find(api->store, &peer->fingerprint, &person, e) ||
	    rights_check(person.roles, route, e))
		return -1;
	return text_format(peer->id, sizeof(peer->id), e, "%s", person.name);
}

int server_authorise(struct server_api *api, enum listener listener,
		     const struct route *route, struct peer *peer,
		     struct err *e)
{
	if (check_draining(api, listener, route, e))
		return -1;
	if (listener == LISTENER_ENROLMENT || listener == LISTENER_ORIGIN)
		return 0;
	if (!peer->present)
		return err_set(e, ERR_REFUSED, "show a certificate");
	if (listener == LISTENER_DEVICE)
		return authorise_device(api, route, peer, e);
	return authorise_person(api, route, peer, e);
}

/* ---- life ---------------------------------------------------------------- */

static int open_parts(struct server_api *api, struct err *e)
{
	char path[PATH_MAX_LEN];

	api->device_cas = (struct buf)BUF_INIT(KEEPER_CA_PEM_MAX);
	if (environment_parse(slice_of(api->config->environment),
			      &api->environment, e) ||
	    fs_read_path(api->config->device_ca, &api->device_cas, e) ||
	    fs_open_dir(api->config->dir, &api->dirfd, e) ||
	    text_format(path, sizeof(path), e, "%s/store.sqlite",
			api->config->dir) ||
	    store_open(path, &api->store, e))
		return -1;
	store_set_reserve(api->store, api->dirfd,
			  api->config->reserve_mb * MEGABYTE);
	return 0;
}

static void note_commit(void *ctx, uint64_t ns)
{
	meter_committed(ctx, ns);
}

void api_show(struct server_api *api, const struct ec_private *key,
	      struct slice certificate)
{
	api->tls_key = key;
	api->tls_certificate = certificate;
}

/* What was signed before is served on, whether more can be signed or not. */
static int64_t served_until(struct server_api *api)
{
	struct expiry_of *roles = mem_alloc(EXPIRY_MAX, sizeof(*roles));
	struct err e = { 0 };
	int64_t until = 0;
	size_t count = 0;

	if (expiry_read(&api->expiry, api->store, roles, &count, &e))
		log_event(LOG_ERROR, "metadata-not-read", "why=%s", e.msg);
	for (size_t i = 0; i < count; i++)
		if (strcmp(roles[i].role, "timestamp") == 0)
			until = roles[i].when;
	free(roles);
	return until;
}

int api_open(const struct config *c, struct keeper *k, struct meter *m,
	     struct server_api **out, struct err *e)
{
	struct server_api *api = mem_alloc(1, sizeof(*api));

	api->config = c;
	api->keeper = k;
	api->meter = m;
	api->dirfd = -1;
	api->started = utc_now();
	(void)pthread_mutex_init(&api->publishing, NULL);
	(void)pthread_mutex_init(&api->verifying, NULL);
	(void)pthread_mutex_init(&api->ordering, NULL);
	(void)pthread_mutex_init(&api->reporting, NULL);
	(void)pthread_mutex_init(&api->attempts, NULL);
	(void)pthread_mutex_init(&api->guessing, NULL);
	(void)pthread_mutex_init(&api->checkpointing, NULL);
	(void)pthread_rwlock_init(&api->orders_lock, NULL);
	expiry_init(&api->expiry);
	api->unknowns = unknowns_new();
	(void)pthread_mutex_init(&api->surveying, NULL);
	api->survey = survey_new();
	api->points = -1;
	api->acts.burst = ACTS_BURST;
	api->acts.per_minute = ACTS_PER_MINUTE;
	if (open_parts(api, e)) {
		api_close(api);
		return -1;
	}
	store_watch_commits(api->store, note_commit, m);
	if (api_check_log(api, e) || ca_record_check(c, api->store, e) ||
	    api_note_restore(api, e) ||
	    store_log_key_since(api->store, &api->log_key_since, e)) {
		api_close(api);
		return -1;
	}
	api_note_four_eyes(api);
	api->timestamp_expires = served_until(api);
	/* An import that was cut short is completed now; anything else that
	 * is wrong with it must not keep devices from what they can get. */
	if (publish_finish(api, e) && e->code != ERR_NOT_FOUND) {
		log_event(LOG_WARNING, "online-metadata-not-signed", "why=%s",
			  e->msg);
		api->next_try = utc_now() + RETRY_SEC;
	}
	/* Without them nothing is offered where root wants orders. */
	if (api_read_orders(api, e))
		log_event(LOG_ERROR, "orders-not-read", "why=%s", e->msg);
	*out = api;
	return 0;
}

void api_close(struct server_api *api)
{
	if (!api)
		return;
	store_close(api->store);
	buf_done(&api->device_cas);
	fs_close(&api->dirfd);
	(void)pthread_mutex_destroy(&api->publishing);
	(void)pthread_mutex_destroy(&api->verifying);
	(void)pthread_mutex_destroy(&api->ordering);
	(void)pthread_mutex_destroy(&api->reporting);
	(void)pthread_mutex_destroy(&api->attempts);
	(void)pthread_mutex_destroy(&api->guessing);
	(void)pthread_mutex_destroy(&api->checkpointing);
	(void)pthread_rwlock_destroy(&api->orders_lock);
	expiry_done(&api->expiry);
	unknowns_free(api->unknowns);
	(void)pthread_mutex_destroy(&api->surveying);
	survey_free(api->survey);
	orders_free(api->orders);
	ways_free(api->ways);
	free(api->rollouts);
	free(api);
}

static int64_t expiry(struct server_api *api)
{
	int64_t expires;

	(void)pthread_mutex_lock(&api->publishing);
	expires = api->timestamp_expires;
	(void)pthread_mutex_unlock(&api->publishing);
	return expires;
}

/* Half a timestamp's life is left to repair what keeps it from renewal. */
static void renew(struct server_api *api, int64_t now)
{
	int64_t expires = expiry(api);
	struct err e = { 0 };

	/* What failed is tried again; else there may be nothing to sign. */
	if (api->next_try != 0 ? now < api->next_try
			       : expires == 0 || now < expires - UTC_DAY / 2)
		return;
	if (publish_finish(api, &e)) {
		api->next_try = now + RETRY_SEC;
		log_event(LOG_ERROR, "timestamp-not-renewed", "why=%s", e.msg);
		return;
	}
	api->next_try = 0;
	log_event(LOG_INFO, "timestamp-renewed", "at=%lld", (long long)now);
}

/* How many run what, for the chart. */
static void sample(struct server_api *api, int64_t now)
{
	struct err e = { 0 };

	if (now >= api->next_sample - OVERVIEW_STEP && now < api->next_sample)
		return;
	api->next_sample = now - now % OVERVIEW_STEP + OVERVIEW_STEP;
	if (store_overview_sample(api->store, now, &e))
		log_event(LOG_ERROR, "counts-not-written", "why=%s", e.msg);
}

/* Once a day, and some time after the start: a little at each tick. */
static void retain(struct server_api *api, int64_t now)
{
	struct store_retained *gone = &api->retained;
	struct err e = { 0 };
	bool more = false;

	if (api->next_retention == 0)
		api->next_retention = now + RETENTION_FIRST_SEC;
	if (now < api->next_retention)
		return;
	if (store_retain(api->store, now, gone, &more, &e))
		log_event(LOG_ERROR, "retention-failed", "why=%s", e.msg);
	else if (!more && (gone->evidence > 0 || gone->attempts > 0))
		log_event(LOG_INFO, "retention", "evidence=%lld attempts=%lld",
			  (long long)gone->evidence, (long long)gone->attempts);
	if (more)
		return;
	*gone = (struct store_retained){ 0 };
	api->next_retention = now + UTC_DAY;
}

/* Each minute, and whenever a command beside us waits for it. */
static void sign_log(struct server_api *api, int64_t now)
{
	struct err e = { 0 }, none;
	struct stat st;
	bool wanted = fs_stat(api->dirfd, STORE_WANTED, &st, &none) == 0;

	if (!wanted && now < api->next_checkpoint &&
	    now >= api->next_checkpoint - UTC_DAY)
		return;
	api->next_checkpoint = now + CHECKPOINT_SEC;
	if (api_checkpoint(api, &e) ||
	    (wanted && fs_remove(api->dirfd, STORE_WANTED, &e)))
		log_event(LOG_ERROR, "audit-not-signed", "why=%s", e.msg);
}

/* Large changes of the store, in the tenth part of the time. */
static void move_tables(struct server_api *api, int64_t now)
{
	uint64_t until = steady_ns() + MOVE_NS;
	bool more = true, moved = false;
	struct err e = { 0 };

	if (now < api->next_move)
		return;
	for (; more && steady_ns() < until; moved = moved || more)
		if (store_move(api->store, &more, &e)) {
			api->next_move = now + MOVE_AGAIN_SEC;
			log_event(LOG_ERROR, "store-not-moved", "why=%s",
				  e.msg);
			return;
		}
	if (more && !api->moving)
		log_event(LOG_INFO, "store-moving",
			  "hint=\"its tables take a new shape while it serves"
			  "\"");
	if (!more && (api->moving || moved))
		log_event(LOG_INFO, "store-moved", "in_sec=%lld",
			  (long long)(now - api->started));
	api->moving = more;
	if (!more)
		api->next_move = INT64_MAX;
}

unsigned api_drains(struct server_api *api)
{
	return atomic_load(&api->drain_sec);
}

void api_tick(struct server_api *api)
{
	int64_t now = utc_now();
	struct err e = { 0 };

	renew(api, now);
	sample(api, now);
	api_survey(api, now);
	api_tick_rollouts(api, now);
	retain(api, now);
	sign_log(api, now);
	move_tables(api, now);
	api_look_beside(api, now);
	if (now < api->next_flush)
		return;
	api->next_flush = now + FLUSH_SEC;
	if (store_flush(api->store, &e))
		log_event(LOG_ERROR, "last-seen-not-written", "why=%s", e.msg);
}
