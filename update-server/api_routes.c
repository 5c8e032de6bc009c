/* SPDX-License-Identifier: Apache-2.0 */
/* What may be asked, on which listener, and by whom. */
#include <string.h>

#include "common/hand.h"
#include "common/keybox.h"
#include "common/random.h"

#include "update-server/api.h"
#include "update-server/outpost.h"
#include "update-server/publish.h"
#include "update-server/rights.h"

#define DRAIN_RETRY_SEC 30 /* to twice that */

#define ENROLMENT (1u << LISTENER_ENROLMENT)
#define DEVICE    (1u << LISTENER_DEVICE)
#define PEOPLE    (1u << LISTENER_PEOPLE)
#define ORIGIN    (1u << LISTENER_ORIGIN)
#define ALL       (ENROLMENT | DEVICE | PEOPLE)

#define SMALL_BODY 4096
/* The whole file of a role, as devices take it, in an envelope of ours. */
#define ORDER_BODY ((size_t)1100000)
/* The digests of CODES_MAX codes. */
#define CODES_BODY  ((size_t)1000000)
#define PAYLOAD_MAX ((size_t)64 << 30)

#define P "/v1/people/"
#define GET(path, handle)                                                      \
	{                                                                      \
		PEOPLE, METHOD_GET, P path, 0, ROUTE_PLAIN, handle             \
	}
#define ACT(path, handle)                                                      \
	{                                                                      \
		PEOPLE, METHOD_POST, P path, SMALL_BODY, ROUTE_PLAIN, handle   \
	}

/* Of paths that are the beginnings of others the longer stand first. */
const struct route server_routes[] = {
	/* Files that anybody may see, who may connect at all */
	{ ALL, METHOD_GET, API_METADATA, 0, ROUTE_PLAIN, api_metadata_get },
	{ DEVICE | PEOPLE, METHOD_GET, API_TARGETS, 0, ROUTE_PLAIN,
	  api_target_get },
	{ ENROLMENT, METHOD_GET, API_TARGETS, 0, ROUTE_PLAIN, api_site_get },
	{ ORIGIN, METHOD_GET, API_TARGETS, 0, ROUTE_PLAIN, api_origin_get },

	/* Devices that want to be let in */
	{ ENROLMENT, METHOD_POST, "/v1/nonce", SMALL_BODY, ROUTE_PLAIN,
	  api_nonce },
	{ ENROLMENT, METHOD_POST, "/v1/enrol", WIRE_BODY_MAX, ROUTE_PLAIN,
	  api_enrol },
	{ ENROLMENT, METHOD_POST, "/v1/join", WIRE_BODY_MAX, ROUTE_PLAIN,
	  api_join },

	/* Devices */
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

	/* People, in a browser */
	{ PEOPLE, METHOD_GET, "/", 0, ROUTE_PAGE, api_page },
	{ PEOPLE, METHOD_GET, "/audit", 0, ROUTE_PAGE, api_page },
	{ PEOPLE, METHOD_GET, "/rollouts/", 0, ROUTE_PAGE, api_page },
	{ PEOPLE, METHOD_GET, "/devices/", 0, ROUTE_PAGE, api_page },
	{ PEOPLE, METHOD_GET, "/list/", 0, ROUTE_PAGE, api_page },
	{ PEOPLE, METHOD_GET, "/pages/", 0, ROUTE_PAGE, api_page },

	/* What the pages show */
	GET("overview", api_overview),
	GET("names", api_names),
	GET("status", api_status),
	GET("score", api_score_get),
	GET("history/", api_history),
	GET("audit-of/", api_acts),
	GET("list/product/", api_walk),
	GET("list/score/", api_walk),
	GET("list/members/", api_walk),
	GET("list/not-reached/", api_walk),
	GET("list/holds/", api_walk),
	GET("list/", api_list),
	GET("attempts/", api_attempts),

	/* Releases, and what they are made of */
	{ PEOPLE, METHOD_PUT, P "metadata/", STORE_METADATA_MAX, ROUTE_PLAIN,
	  api_metadata_put },
	ACT("publish", api_publish),
	ACT("bundle", api_bundle),
	GET("releases", api_release_list),
	GET("release/", api_release_show),
	GET("document/", api_document_get),
	GET("payload/", api_payload_head),
	{ PEOPLE, METHOD_PUT, P "payload/", PAYLOAD_MAX, ROUTE_UPLOAD,
	  api_payload_put },
	GET("payload-verify/", api_payload_verify),
	GET("payloads-unused", api_payload_unused),
	ACT("payloads-remove", api_payload_remove),
	{ PEOPLE, METHOD_PUT, P "envelopes/", KEYBOX_FILE_MAX, ROUTE_UPLOAD,
	  api_envelopes_put },
	GET("envelopes/", api_envelopes_get),
	GET("registry", api_registry),
	GET("registry/", api_registry_more),

	/* Who may come in */
	GET("tokens", api_token_list),
	GET("tokens/", api_token_more),
	{ PEOPLE, METHOD_POST, P "tokens", CODES_BODY, ROUTE_PLAIN,
	  api_token_create },
	GET("token-batches", api_token_batches),
	ACT("token-activate", api_token_activate),
	ACT("token-revoke", api_token_revoke),
	GET("waiting", api_waiting_list),
	{ PEOPLE, METHOD_POST, P "device-join", WIRE_BODY_MAX, ROUTE_PLAIN,
	  api_join_carried },
	ACT("device-approve", api_waiting_approve),
	ACT("device-deny", api_waiting_deny),
	GET("unknown", api_unknown_list),
	ACT("device-readopt", api_device_readopt),
	ACT("readopt-close", api_readopt_close),

	/* Devices */
	GET("devices", api_device_list),
	GET("devices/", api_device_more),
	GET("device-find/", api_device_find),
	GET("device/", api_device_show),
	GET("device-why/", api_device_why),
	ACT("device-revoke", api_device_revoke),
	ACT("device-retire", api_device_retire),
	ACT("device-forget", api_device_forget),
	ACT("device-block", api_device_block),
	ACT("device-unblock", api_device_unblock),
	ACT("device-release", api_device_release),
	ACT("device-pin", api_device_pin),
	ACT("device-unpin", api_device_unpin),
	ACT("device-clear", api_device_clear),
	{ PEOPLE, METHOD_PUT, P "device-report", HAND_MAX, ROUTE_PLAIN,
	  api_device_report },
	GET("cohorts", api_cohort_list),
	ACT("cohorts", api_cohort_create),
	ACT("cohort-rule", api_cohort_rule),
	ACT("cohort-remove", api_cohort_remove),

	/* Rollouts */
	GET("rollouts", api_rollout_list),
	ACT("rollouts", api_rollout_create),
	GET("rollout/", api_rollout_show),
	GET("rollout-plan/", api_rollout_plan),
	ACT("rollout-submit", api_rollout_submit),
	ACT("rollout-approve", api_rollout_approve),
	ACT("rollout-start", api_rollout_start),
	ACT("rollout-pause", api_rollout_pause),
	ACT("rollout-resume", api_rollout_resume),
	ACT("rollout-advance", api_rollout_advance),
	ACT("rollout-ack", api_rollout_ack),
	ACT("rollout-supersede", api_rollout_supersede),
	ACT("rollout-abort", api_rollout_abort),
	ACT("rollout-discard", api_rollout_discard),
	ACT("rollout-rollback", api_rollout_rollback),
	GET("rollback/", api_back_show),
	GET("orders", api_order_list),
	GET("order/", api_order_get),
	ACT("order-plan", api_order_plan),
	{ PEOPLE, METHOD_POST, P "order-sign", ORDER_BODY, ROUTE_PLAIN,
	  api_order_sign },
	ACT("order-discard", api_order_discard),

	/* What was done, and servers that see no other */
	GET("events", api_events),
	GET("events/", api_events_from),
	GET("audit/", api_audit_list),
	GET("audit-head", api_audit_head),
	GET("audit-checkpoints/", api_audit_checkpoints),
	ACT("report-export", api_report_export),
	GET("report/", api_report_get),
	ACT("outpost-add", api_outpost_add),
	{ PEOPLE, METHOD_PUT, P "outpost-report", OUTPOST_FILE_MAX, ROUTE_PLAIN,
	  api_outpost_report },
	GET("outposts", api_outpost_list),
	GET("outpost/", api_outpost_show),
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
