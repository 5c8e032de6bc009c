/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api - the state that all handlers share, and the handlers themselves, one
 * file per audience (api_metadata, api_enrol, api_device, api_people...).
 */
#ifndef UPDATE_SERVER_API_H
#define UPDATE_SERVER_API_H

#include <pthread.h>
#include <stdatomic.h>

#include "common/claim.h"

#include "update-server/expiry.h"
#include "update-server/guesses.h"
#include "update-server/keeper.h"
#include "update-server/log_listed.h"
#include "update-server/meter.h"
#include "update-server/orders.h"
#include "update-server/rate.h"
#include "update-server/route.h"
#include "update-server/store.h"
#include "update-server/store_word.h"
#include "update-server/survey.h"
#include "update-server/unknowns.h"
#include "update-server/ways.h"

#define API_METADATA "/metadata/"
#define API_TARGETS  "/targets/"

struct server_api {
	/* Within how many seconds we are gone; 0: we stay. */
	atomic_uint drain_sec;
	const struct config *config;
	int dirfd; /* the server's folder */
	enum environment environment;
	struct store *store;
	struct keeper *keeper;
	struct meter *meter;
	/* What the server shows of itself, to devices by file too: letter.h */
	const struct ec_private *tls_key;
	struct slice tls_certificate;
	/* The CAs of devices, as they are gone by until the next start: what
	 * is exchanged on the disk is out of this process's reach. */
	struct buf device_cas;
	struct expiry expiry;
	struct unknowns *unknowns;
	/* The walk through the fleet, by the tick alone; what its last round
	 * found, under the lock. points < 0: none yet. */
	struct survey *survey;
	int64_t next_survey, strangers_day;
	uint64_t strangers_before;
	pthread_mutex_t surveying;
	struct score_facts found;
	int points;
	/* Who takes several of these takes them in this order: ordering,
	 * publishing, attempts, orders_lock. */
	/* One import, refresh or bundle at a time. */
	pthread_mutex_t publishing;
	/* Who asked for payload files to go, and which: under publishing. It
	 * ends with the process, and is asked again. "" for nobody. */
	char removal_by[NAME_MAX_LEN + 1];
	struct sha256 removal_plan;
	/* One change of the operators' orders at a time. */
	pthread_mutex_t ordering;
	/* One payload is read from end to end at a time. */
	pthread_mutex_t verifying;
	/* One report over an air gap at a time. */
	pthread_mutex_t reporting;
	/* Reading an attempt, judging and saving it is one step, and so is a
	 * change of a rollout. */
	pthread_mutex_t attempts;
	/* Under attempts: all rollouts as the store has them, in the order in
	 * which they are offered. */
	struct stage *rollouts;
	size_t rollout_count;
	bool gates_due;     /* api_gates_due() since they were looked at */
	int64_t next_gates; /* look at them then in any case */
	/* Enrolments that failed: guessing is slow. */
	pthread_mutex_t guessing;
	struct guesses guesses;
	/* Acts of people; under guessing too. */
	struct rate acts;
	/* One checkpoint of the audit log at a time. */
	pthread_mutex_t checkpointing;
	uint64_t exported; /* the records of the newest exported one */
	int64_t next_checkpoint;
	/* The log lacks what was signed once: nothing is offered. Set at start.
	 */
	bool behind;
	/* What operators opened and engineers signed; read at start and after
	 * each import. */
	pthread_rwlock_t orders_lock;
	struct orders *orders;
	struct ways *ways;
	/* Under orders_lock too: what engineers say of the log's key. */
	struct log_listed log_key;
	int64_t log_key_since;     /* it signs; set at start */
	int64_t timestamp_expires; /* under publishing; 0: nothing is served */
	int64_t next_retention;
	int64_t next_note;              /* of backups that nobody waits for */
	struct store_retained retained; /* in this round */
	int64_t next_flush, next_try, next_sample;
	int64_t next_move; /* of the store's tables; INT64_MAX: all are moved */
	bool moving;
	int64_t started;
};

typedef int api_handler(struct server_api *api, const struct request *q,
			struct response *a, struct err *e);

/* What follows a route's prefix in the path. */
const char *api_rest(const struct request *q, const char *prefix);

/* A strict JSON body with "v":1 and no members but these. */
int api_body(const struct request *q, const char *const *known,
	     struct json **out, struct err *e) NODISCARD;
/* What an act on a revision failed with: a conflict is about the revision that
 * the person saw, and is the answer, 412; else -1, with e. */
int api_conflict(struct response *a, struct err *e) NODISCARD;
/* A member that is a name; copies it. */
/* The member "reason", which has to be there: ERR_USAGE. */
int api_get_reason(const struct json *j, char out[STAGE_REASON_MAX],
		   struct err *e) NODISCARD;
int api_get_name(const struct json *j, const char *member,
		 char out[NAME_MAX_LEN + 1], struct err *e) NODISCARD;
/* The member "id", which is a device's. */
int api_get_device(const struct json *j, struct device_id *out,
		   struct err *e) NODISCARD;

/*
 * The person of a request about to act: for the record of it. ERR_BUSY if there
 * are too many acts of theirs, ERR_REFUSED if it is beyond their scope; each
 * handler that changes something calls this once.
 */
int api_by(struct server_api *api, const struct request *q, struct audit_by *by,
	   struct err *e) NODISCARD;
/* ERR_REFUSED if the rollout that a request is about is beyond the person's
 * scope. Part of api_by(). */
int api_limits(struct server_api *api, const struct request *q,
	       struct err *e) NODISCARD;
/*
 * Tell the keeper what the person signed: the body's "warrant", which must say
 * what the request says. Before the store is told; a keeper that heard it twice
 * knows it once. ERR_REFUSED, or whatever the keeper has against it.
 */
int api_warrant(struct server_api *api, const struct request *q,
		const struct json *body, const struct warrant *want,
		struct err *e) NODISCARD;
/* The server itself, now. */
struct audit_by api_by_system(void);

/*
 * A signed checkpoint of the whole audit log, stored and exported, unless there
 * is one already. What must outlive the loss of this machine (a revocation) is
 * acknowledged only after this.
 */
int api_checkpoint(struct server_api *api, struct err *e) NODISCARD;

/*
 * Compare the log with what was signed, as the keeper and the exported
 * checkpoint know it. If it lacks some of that, or is another one, nothing is
 * offered and nothing recorded but urgent acts: store_set_behind().
 */
int api_check_log(struct server_api *api, struct err *e) NODISCARD;
/* Is the metadata that is served older than what the log says was imported? A
 * backup was restored then, and devices that saw the newer one take nothing. */
bool api_metadata_is_older(struct server_api *api);

/* The first start after a restore: every rollout is paused, on record; where
 * something is missing, once it came back. After api_check_log(). */
int api_note_restore(struct server_api *api, struct err *e) NODISCARD;
/* Do two people have to agree, where one could do harm? */
bool api_four_eyes(const struct server_api *api);
/* A start in production without the second person is on record. */
void api_note_four_eyes(struct server_api *api);
/* Do what is asked of it by a file in run/. */
void api_look_beside(struct server_api *api, int64_t now);

/* Read anew what operators opened and which ways are signed, and follow the
 * assignments. */
int api_read_orders(struct server_api *api, struct err *e) NODISCARD;
/* What engineers say of the log's key; *end: when it has to be changed. */
void api_log_key(struct server_api *api, struct log_listed *out, int64_t *end);
/* As orders_judge(). */
int api_ordered(struct server_api *api, const struct rollout *r,
		const struct rollout_device *d, int64_t now,
		struct err *e) NODISCARD;

/* As orders_reach(). */
void api_order_reach(struct server_api *api, const struct rollout *r,
		     int64_t now, struct orders_reach *out);

/*
 * Its last phase has passed, to all of its cohorts, and it is the newest that
 * came so far: two operators are waited for, to sign it as the baseline.
 */
bool api_lacks_baseline(struct server_api *api, const struct stage *s);

/* What the orders and the metadata, as they are now, say of its times. */
void api_order_times(struct server_api *api, struct stage *s, int64_t now);
/* As orders_wide_signers(). */
unsigned api_wide_signers(struct server_api *api);

/* The release and cohorts that a body names; ERR_REFUSED for a release that is
 * no longer listed. */
int api_rollout_read(struct server_api *api, const struct json *j,
		     struct rollout *r, struct err *e) NODISCARD;

/* ---- rollouts in memory: under `attempts` -------------------------------- */

/* Read them anew: at start, and after each change of one. */
int api_read_rollouts_locked(struct server_api *api, struct err *e) NODISCARD;
int api_read_rollouts(struct server_api *api, struct err *e) NODISCARD;
/* An attempt of it changed: look at its gates. */
void api_gates_due(struct server_api *api, int64_t rollout);
/* NULL if there is none. */
const struct stage *api_stage_of(const struct server_api *api, int64_t rollout);

/* For whom a decision is. */
struct api_asked {
	const struct rollout_device *device;
	const struct rollout_past *past;
	int64_t now;
};

/* What a device is offered, or why not. */
struct api_goal {
	struct rollout what; /* the release, or the stone that leads there */
	size_t phase;        /* the device's own */
	struct err order;    /* what the orders say against it; else empty */
};

/* What becomes of a rollout at a device with this past. */
enum rollout_verdict api_decide(struct server_api *api, const struct stage *s,
				const struct api_asked *asked,
				struct api_goal *goal);
/*
 * The same with the device's own past with what it would be offered, and with
 * whether it could open it. Not under the store's lock.
 */
enum rollout_verdict api_decide_past(struct server_api *api,
				     const struct stage *s,
				     const struct rollout_device *d,
				     int64_t now, struct api_goal *goal);

/* After whatever changed it, before it is stored: its epoch and timer. After
 * that: gates look at it, and it is logged. The next call does both, and stores
 * it with its counters. */
void api_attempt_settle(const struct stage *s, struct attempt *a,
			enum stage_state before);
void api_attempt_stored(struct server_api *api, const struct attempt *a,
			enum stage_state before);
void api_log_attempt(const struct attempt *a);
int api_attempt_save(struct server_api *api, struct attempt *a,
		     enum stage_state before, const char *evidence,
		     struct err *e) NODISCARD;
/* And what the device said of itself, which may be NULL. */
int api_attempt_say(struct server_api *api, struct attempt *a,
		    enum stage_state before, const char *evidence,
		    const struct store_word *word, struct err *e) NODISCARD;
/* When its timer rings; 0: never. */
int64_t api_attempt_due(const struct stage *s, const struct stage_attempt *a);

/* ---- rollouts for people ------------------------------------------------- */

/* One line: how it stands, and what it waits for. */
void api_rollout_words(struct server_api *api, const struct stage *s,
		       int64_t now, char *out, size_t size);
/* The same of its order alone, where that opens less than the phase. */
void api_order_words(const struct stage *s, const struct orders_reach *r,
		     char *out, size_t size);
/* "approval", "order", "person" ...; "" for nobody. */
const char *api_waits_for(struct server_api *api, const struct stage *s,
			  int64_t now);
/* The whole of docs/protocol.md; the answer of every act on one, too. */
int api_rollout_json(struct server_api *api, const char *name,
		     struct json **out, struct err *e) NODISCARD;
int api_rollout_answer(struct server_api *api, const char *name,
		       struct response *a, struct err *e) NODISCARD;
/* Make one as a body describes it, by this person. */
int api_rollout_make(struct server_api *api, const struct json *j,
		     const char *person, const struct audit_by *by,
		     struct err *e) NODISCARD;
/* A body that asks for a rollout: narrow it by what the rule of its cohorts
 * is. ERR_REFUSED if they have several. */
int api_cohort_narrow(struct server_api *api, struct json *j,
		      struct err *e) NODISCARD;
struct api_done {
	char name[NAME_MAX_LEN + 1];
	bool changed; /* false: this person did it before */
};

/* An act on one, and what came of it; of a conflict *a is the answer, 412. */
int api_rollout_do(struct server_api *api, const struct request *q,
		   enum stage_verb verb, struct api_done *done,
		   struct response *a, struct err *e) NODISCARD;
/* Member "window", in numbers and words, where there is one. */
void api_set_window(struct json *j, const struct stage *s, int64_t now);
/* Keep what went out of each package, and how often one had to wait. */
void api_keep_egress(struct server_api *api);
/* Member "groups": by kinds of devices; member "flow": offers and bytes. */
int api_set_kinds(struct server_api *api, struct json *j, const struct stage *s,
		  struct err *e) NODISCARD;
int api_set_flow(struct server_api *api, struct json *j, const struct stage *s,
		 struct err *e) NODISCARD;
struct json *api_phases_json(const struct stage *s);
struct json *api_order_json(struct server_api *api, const struct stage *s,
			    int64_t now);

/*
 * What starting it would mean now: its ladder is made and measured over the
 * devices that there are. *plan is the digest of all that was planned.
 */
int api_plan(struct server_api *api, struct stage *s, struct sha256 *plan,
	     struct err *e) NODISCARD;
/* What start insists on, looked at now: reads the disk, and takes publishing.
 */
int api_ready(struct server_api *api, struct stage *s, int64_t now,
	      struct stage_ready *out, struct err *e) NODISCARD;

struct api_change {
	struct attempt attempt;  /* as it is to be stored, where it changed */
	enum stage_state before; /* likewise */
	bool changed;
};

/* A device's newest attempt, if it has one, and the one before it that still
 * waited for its boot. */
struct api_judged {
	struct api_change latest, older;
	bool found;
};

/* Under `attempts`: the attempts of a device, which is known as its word has it
 * already, after what that says. The older one is to be stored first: once the
 * newest has ended, nobody looks for it any more. */
int api_judge_word(struct server_api *api, const struct wire_checkin *m,
		   const struct rollout_device *facts, int64_t now,
		   struct api_judged *out, struct err *e) NODISCARD;
/* Why each rollout of its product is offered to a device or not; takes
 * `attempts`. */
int api_why_json(struct server_api *api, const struct store_device *d,
		 struct json **out, struct err *e) NODISCARD;

/* Under `attempts`: let every running rollout go as far as its evidence does.
 */
int api_look_at_gates(struct server_api *api, int64_t now,
		      struct err *e) NODISCARD;
/* Timers and gates, a bounded part of them; called about once a second. */
void api_tick_rollouts(struct server_api *api, int64_t now);

/* As ways_allow() and ways_explain(). */
int api_way_allows(struct server_api *api, const struct rollout *r, int64_t now,
		   struct err *e) NODISCARD;
/* As ways_back(). */
void api_way_back(struct server_api *api, const struct rollout *r, int64_t now,
		  struct ways_back *out);
void api_explain_way(struct server_api *api, const struct rollout_device *d,
		     char out[WIRE_REASON_MAX]);

/* The next few devices of the survey, when it is time. By the tick. */
void api_survey(struct server_api *api, int64_t now);
/* What the last round found; false if there was none since the start. */
bool api_found(struct server_api *api, struct score_facts *found,
	       unsigned *points);

#define API_LIST_PAGE 100 /* rows of one answer behind a number */

/* A device as the lists behind numbers show it. */
struct overview_device;
struct json *api_listed(const struct overview_device *d);
/* The next name of a path that ends with its last; -1: none, or too long. */
int api_path_name(const char **rest, char *out, size_t size) NODISCARD;

/* A device as lists show it, with its newest attempt. */
struct json *api_device_row(struct server_api *api,
			    const struct store_device *d);

/* The device that a body's "replaces" names, if it has one. */
int api_get_successor(const struct json *j, struct store_successor *out,
		      struct err *e) NODISCARD;

/* The short code that a body names, as devices show it. */
int api_get_code(const struct json *j, char code[CLAIM_JOIN_LEN + 1],
		 struct err *e) NODISCARD;

/* {"v":1}, to be filled in. */
struct json *api_answer(void);

/* The peer as the registry knows it. */
int api_device_id(const struct request *q, struct device_id *out,
		  struct err *e) NODISCARD;

void api_set_time(struct json *j, const char *name, int64_t when);
/* The day of it alone, in UTC. */
void api_set_day(struct json *j, const char *name, int64_t when);
void api_set_digest(struct json *j, const char *name,
		    const struct sha256 *digest);

/*
 * Can this device open one of the release's packages: because it is plain, or
 * a key was sealed for the device? Not to be asked under the store's lock.
 */
int api_can_open(struct server_api *api, const char *product,
		 const char *release, const struct device_id *id, bool *out,
		 struct err *e) NODISCARD;

/* Is any of these packages encrypted? Of a release's detail. */
bool api_is_encrypted(const struct json *detail);

/*
 * Of an encrypted release: {"devices": how many it is for, "without": how many
 * of them no key was sealed to, "ids": the first of these, "whole": whether
 * all devices of the registry were looked at}. Not under the store's lock.
 */
int api_keys_json(struct server_api *api, const struct store_release *r,
		  const struct json *detail, struct json **out,
		  struct err *e) NODISCARD;

api_handler api_metadata_get, api_target_get, api_site_get, api_origin_get;
api_handler api_nonce, api_enrol, api_join;
api_handler api_device_forget;
api_handler api_waiting_list, api_waiting_approve, api_waiting_deny;
api_handler api_join_carried;
api_handler api_unknown_list, api_device_readopt, api_readopt_close;
api_handler api_return;
/* One that was refused: perhaps the registry has lost it. */
void api_note_unknown(struct server_api *api, const struct peer *peer);
api_handler api_checkin, api_report;
api_handler api_envelope_get, api_envelopes_put, api_envelopes_get,
	api_registry, api_registry_more;
api_handler api_score_get, api_device_find;
api_handler api_report_export, api_report_get, api_outpost_add,
	api_outpost_report, api_outpost_list, api_outpost_show;
api_handler api_renew, api_renewed;
api_handler api_status, api_payload_head, api_payload_put, api_metadata_put,
	api_publish, api_bundle;
api_handler api_payload_verify, api_payload_unused, api_payload_remove;
api_handler api_release_list, api_release_show, api_token_create,
	api_token_list, api_token_more, api_token_batches, api_token_activate,
	api_token_revoke, api_device_list, api_device_more, api_device_show,
	api_device_revoke, api_device_retire, api_device_release,
	api_cohort_list, api_cohort_create, api_cohort_rule, api_cohort_remove;
api_handler api_rollout_list, api_rollout_show, api_rollout_create,
	api_rollout_plan, api_rollout_submit, api_rollout_approve,
	api_rollout_start, api_rollout_pause, api_rollout_resume,
	api_rollout_advance, api_rollout_abort, api_rollout_supersede,
	api_rollout_ack, api_rollout_rollback, api_rollout_discard,
	api_back_show;
api_handler api_device_report;
api_handler api_device_pin, api_device_unpin, api_device_clear;
api_handler api_device_block, api_device_unblock;
api_handler api_device_why;
api_handler api_order_list, api_order_get, api_order_sign, api_order_discard,
	api_order_plan, api_document_get;
api_handler api_events, api_events_from;
api_handler api_page, api_overview, api_names, api_acts, api_history, api_list,
	api_walk, api_attempts;
api_handler api_audit_list, api_audit_head, api_audit_checkpoints;

#endif
