/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What monitoring is shown: numbers, and whether all is well. From counters and
 * a few single rows: what a scrape costs does not grow with the fleet. No label
 * names a device, a person or anything that a device may choose.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "common/mem.h"

#include "update-server/api.h"
#include "update-server/backup_note.h"
#include "update-server/home.h"
#include "update-server/scrape.h"
#include "update-server/store_observe.h"
#include "update-server/store_return.h"

#define MEGABYTE UINT64_C(1000000)

/* ---- the machine --------------------------------------------------------- */

static void expose_build(struct server_api *api, struct exposition *x)
{
	exposition_family(x, "pawl_build_info", EXPOSE_GAUGE,
			  "What runs here; always 1.");
	exposition_int(x,
		       EXPOSE_LABELS({ "version", VERSION },
				     { "environment",
				       environment_name(api->environment) }),
		       1);
	exposition_family(x, "pawl_start_time_seconds", EXPOSE_GAUGE,
			  "Since when, in Unix time.");
	exposition_int(x, EXPOSE_PLAIN, api->started);
}

static void expose_file(struct server_api *api, struct exposition *x,
			const char *file)
{
	struct stat st;

	if (fstatat(api->dirfd, file, &st, AT_SYMLINK_NOFOLLOW) == 0)
		exposition_int(x, EXPOSE_LABELS({ "file", file }), st.st_size);
}

static void expose_disk(struct server_api *api, struct exposition *x)
{
	struct statvfs fs;

	exposition_family(x, "pawl_database_bytes", EXPOSE_GAUGE,
			  "Size of the database's files.");
	expose_file(api, x, HOME_DATABASE);
	expose_file(api, x, HOME_DATABASE "-wal");
	if (fstatvfs(api->dirfd, &fs) == 0) {
		exposition_family(x, "pawl_disk_free_bytes", EXPOSE_GAUGE,
				  "What is free where the server's folder "
				  "lies.");
		exposition_int(x, EXPOSE_PLAIN,
			       (int64_t)(fs.f_bavail * fs.f_frsize));
	}
	exposition_family(x, "pawl_backup_timestamp_seconds", EXPOSE_GAUGE,
			  "When `server backup` was last done; 0: never.");
	exposition_int(x, EXPOSE_PLAIN, backup_noted(api->dirfd));
	exposition_family(x, "pawl_disk_reserve_bytes", EXPOSE_GAUGE,
			  "With less than this free, acts are refused.");
	exposition_int(x, EXPOSE_PLAIN,
		       (int64_t)(api->config->reserve_mb * MEGABYTE));
}

/* ---- what ends ----------------------------------------------------------- */

static int expose_expiry(struct server_api *api, struct exposition *x,
			 struct err *e)
{
	struct expiry_of *roles = mem_alloc(EXPIRY_MAX, sizeof(*roles));
	size_t count;
	int rc = expiry_read(&api->expiry, api->store, roles, &count, e);

	if (rc == 0)
		exposition_family(x, "pawl_metadata_expiry_timestamp_seconds",
				  EXPOSE_GAUGE,
				  "When a role's metadata ends, in Unix time.");
	for (size_t i = 0; rc == 0 && i < count; i++)
		exposition_int(x, EXPOSE_LABELS({ "role", roles[i].role }),
			       roles[i].when);
	if (rc == 0)
		exposition_family(x, "pawl_metadata_issued_timestamp_seconds",
				  EXPOSE_GAUGE,
				  "When it was issued, in Unix time.");
	for (size_t i = 0; rc == 0 && i < count; i++)
		exposition_int(x, EXPOSE_LABELS({ "role", roles[i].role }),
			       roles[i].issued);
	free(roles);
	return rc;
}

/* A former one that has ended, or that nobody is on, is withdrawn. */
static void expose_device_cas(struct server_api *api, struct exposition *x)
{
	static const char *const names[EXPIRY_CAS] = {
		"device-ca",
		"device-ca-former",
		"device-ca-former-2",
		"device-ca-former-3",
	};
	int64_t ends[EXPIRY_CAS];
	size_t count = expiry_of_each(buf_slice(&api->device_cas), ends);

	for (size_t i = 0; i < count; i++)
		if (ends[i] > 0)
			exposition_int(x, EXPOSE_LABELS({ "name", names[i] }),
				       ends[i]);
}

static void expose_certificates(struct server_api *api, struct exposition *x)
{
	const struct {
		const char *name;
		int64_t when;
	} ends[] = {
		{ "tls", expiry_of_pem(api->tls_certificate) },
		/* Made meanwhile, and used from the next start on. */
		{ "tls-renewed", expiry_of_file(api->dirfd, STORE_RENEWED) },
	};
	struct log_listed log_key;
	int64_t end;

	exposition_family(x, "pawl_certificate_expiry_timestamp_seconds",
			  EXPOSE_GAUGE,
			  "When a certificate ends, in Unix time.");
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (ends[i].when > 0)
			exposition_int(x,
				       EXPOSE_LABELS({ "name", ends[i].name }),
				       ends[i].when);
	expose_device_cas(api, x);
	api_log_key(api, &log_key, &end);
	exposition_int(x, EXPOSE_LABELS({ "name", "log-key" }), end);
}

/* After a restore devices that it forgot may come back, until an admin has
 * closed that: nobody should forget it open. */
static int expose_readopt(struct server_api *api, struct exposition *x,
			  struct err *e)
{
	int64_t opened;

	if (store_readopt_since(api->store, &opened, e))
		return -1;
	exposition_family(x, "pawl_readopt_open_since_seconds", EXPOSE_GAUGE,
			  "Since when devices that a restore forgot may come "
			  "back, in Unix time; 0: they may not.");
	exposition_int(x, EXPOSE_PLAIN, opened);
	return 0;
}

/* ---- what goes on -------------------------------------------------------- */

static void count_rollouts(struct server_api *api,
			   int64_t states[STAGE_REPLACED + 1],
			   int64_t pauses[PAUSE_LAST + 1])
{
	(void)pthread_mutex_lock(&api->attempts);
	for (size_t i = 0; i < api->rollout_count; i++) {
		const struct stage *s = &api->rollouts[i];

		states[s->status]++;
		if (s->status == STAGE_PAUSED)
			pauses[s->pause]++;
	}
	(void)pthread_mutex_unlock(&api->attempts);
}

static int expose_rollouts(struct server_api *api, struct exposition *x,
			   struct err *e)
{
	int64_t states[STAGE_REPLACED + 1] = { 0 };
	int64_t pauses[PAUSE_LAST + 1] = { 0 };
	uint64_t attempts[STAGE_STATES];

	if (store_attempt_totals(api->store, attempts, e))
		return -1;
	count_rollouts(api, states, pauses);
	exposition_family(x, "pawl_rollouts", EXPOSE_GAUGE,
			  "Rollouts by state.");
	for (int i = 0; i <= STAGE_REPLACED; i++)
		exposition_int(x,
			       EXPOSE_LABELS({ "state",
					       stage_status_name(
						       (enum stage_status)i) }),
			       states[i]);
	exposition_family(x, "pawl_rollouts_paused", EXPOSE_GAUGE,
			  "Paused rollouts, by what paused them.");
	for (int i = PAUSE_PERSON; i <= PAUSE_LAST; i++)
		exposition_int(
			x,
			EXPOSE_LABELS({ "by", stage_pause_name(
						      (enum stage_pause)i) }),
			pauses[i]);
	exposition_family(x, "pawl_attempts", EXPOSE_GAUGE,
			  "Attempts of devices at updates, by state.");
	for (int i = 0; i < STAGE_STATES; i++)
		exposition_int(
			x,
			EXPOSE_LABELS({ "state", stage_state_name((
							 enum stage_state)i) }),
			(int64_t)attempts[i]);
	return 0;
}

/* Rollouts that go on, or stopped: each with its gate as it stands. */
#define GATES_MAX 16

struct gates {
	struct gate_of {
		struct stage stage;
		struct gate_facts facts;
		enum gate_verdict verdict;
	} at[GATES_MAX];
	size_t count;
};

static void find_gates(struct server_api *api, struct gates *g)
{
	(void)pthread_mutex_lock(&api->attempts);
	for (size_t i = 0; i < api->rollout_count; i++) {
		const struct stage *s = &api->rollouts[i];

		if (g->count < GATES_MAX &&
		    (s->status == STAGE_RUNNING || s->status == STAGE_PAUSED))
			g->at[g->count++].stage = *s;
	}
	(void)pthread_mutex_unlock(&api->attempts);
}

static int judge_gates(struct server_api *api, struct gates *g, struct err *e)
{
	struct tally *t = mem_alloc(1, sizeof(*t));
	int64_t now = utc_now();
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < g->count; i++) {
		struct gate_of *o = &g->at[i];

		rc = store_tally(api->store, &o->stage, now, t, e);
		if (rc == 0)
			o->verdict = stage_judge(&o->stage, t, now, &o->facts);
	}
	free(t);
	return rc;
}

static void expose_gate_devices(const struct gates *g, struct exposition *x)
{
	exposition_family(x, "pawl_gate_devices", EXPOSE_GAUGE,
			  "What the gate of a rollout's open phase counts.");
	for (size_t i = 0; i < g->count; i++) {
		const char *name = g->at[i].stage.what.name;
		const struct gate_facts *f = &g->at[i].facts;
		const struct {
			const char *result;
			uint64_t n;
		} counts[] = {
			{ "confirmed", f->confirmed },
			{ "bad", f->bad },
			{ "trouble", f->trouble },
			{ "other", f->other },
			{ "dark", f->lost },
			{ "started", f->started },
		};

		for (size_t k = 0; k < ARRAY_LEN(counts); k++)
			exposition_int(
				x,
				EXPOSE_LABELS({ "rollout", name },
					      { "result", counts[k].result }),
				(int64_t)counts[k].n);
	}
}

/* By the exact bounds that the gate itself goes by. */
static void expose_gate_bounds(const struct gates *g, struct exposition *x)
{
	exposition_family(x, "pawl_gate_failure_ratio", EXPOSE_GAUGE,
			  "Failures of the open phase: proven at least (99 %), "
			  "at most (95 %), and the limit.");
	for (size_t i = 0; i < g->count; i++) {
		const char *name = g->at[i].stage.what.name;
		const struct gate_facts *f = &g->at[i].facts;
		uint64_t n = f->confirmed + f->bad;
		const struct {
			const char *bound;
			uint32_t is;
		} bounds[] = {
			{ "least", n ? gate_lower(f->bad, n) : 0 },
			{ "most", n ? gate_upper(f->bad, n) : GATE_ALL },
			{ "limit", g->at[i].stage.policy.gate.max_fail },
		};

		for (size_t k = 0; k < ARRAY_LEN(bounds); k++)
			exposition_ratio(
				x,
				EXPOSE_LABELS({ "rollout", name },
					      { "bound", bounds[k].bound }),
				bounds[k].is);
	}
}

static void expose_gate_states(const struct gates *g, struct exposition *x)
{
	exposition_family(x, "pawl_gate_state", EXPOSE_GAUGE,
			  "The gate's verdict on the open phase; always 1.");
	for (size_t i = 0; i < g->count; i++)
		exposition_int(
			x,
			EXPOSE_LABELS({ "rollout", g->at[i].stage.what.name },
				      { "verdict",
					gate_verdict_name(g->at[i].verdict) }),
			1);
	exposition_family(x, "pawl_rollout_phase", EXPOSE_GAUGE,
			  "The phase that is open, from 1.");
	for (size_t i = 0; i < g->count; i++)
		exposition_int(
			x,
			EXPOSE_LABELS({ "rollout", g->at[i].stage.what.name }),
			(int64_t)g->at[i].stage.phase + 1);
}

static int expose_gates(struct server_api *api, struct exposition *x,
			struct err *e)
{
	struct gates *g = mem_alloc(1, sizeof(*g));
	int rc;

	find_gates(api, g);
	rc = judge_gates(api, g, e);
	if (rc == 0) {
		expose_gate_states(g, x);
		expose_gate_devices(g, x);
		expose_gate_bounds(g, x);
	}
	free(g);
	return rc;
}

/* As the last round of the survey found the fleet. */
static void expose_fleet(struct server_api *api, struct exposition *x)
{
	struct score_facts f;
	unsigned points;

	if (!api_found(api, &f, &points))
		return;
	exposition_family(x, "pawl_devices", EXPOSE_GAUGE,
			  "Devices of the fleet; the other states are some of "
			  "these, but for the revoked.");
	exposition_int(x, EXPOSE_LABELS({ "state", "all" }),
		       (int64_t)f.devices);
	exposition_int(x, EXPOSE_LABELS({ "state", "unprovisioned" }),
		       (int64_t)f.unprovisioned);
	exposition_int(x, EXPOSE_LABELS({ "state", "silent" }),
		       (int64_t)f.silent);
	exposition_int(x, EXPOSE_LABELS({ "state", "behind" }),
		       (int64_t)f.behind);
	exposition_int(x, EXPOSE_LABELS({ "state", "quarantined" }),
		       (int64_t)f.quarantined);
	exposition_int(x, EXPOSE_LABELS({ "state", "ending" }),
		       (int64_t)f.ending);
	exposition_int(x, EXPOSE_LABELS({ "state", "first-use" }),
		       (int64_t)f.first_use);
	exposition_int(x, EXPOSE_LABELS({ "state", "revoked" }),
		       (int64_t)f.revoked);
	exposition_family(x, "pawl_security_score", EXPOSE_GAUGE,
			  "How well the fleet is looked after, 0 to 100.");
	exposition_int(x, EXPOSE_PLAIN, points);
}

static int expose_log(struct server_api *api, struct exposition *x,
		      struct err *e)
{
	char *text = mem_alloc(AUDIT_CHECKPOINT_MAX + 1, 1);
	uint64_t size, is_signed;
	int rc = store_audit_size(api->store, &size, e) ||
				 store_checkpoint_latest(api->store, &is_signed,
							 text, e)
			 ? -1
			 : 0;

	free(text);
	if (rc)
		return -1;
	exposition_family(x, "pawl_audit_records", EXPOSE_GAUGE,
			  "Records of the audit log.");
	exposition_int(x, EXPOSE_PLAIN, (int64_t)size);
	exposition_family(x, "pawl_audit_unsigned_records", EXPOSE_GAUGE,
			  "Those at its end that no signed checkpoint covers.");
	exposition_int(x, EXPOSE_PLAIN, (int64_t)(size - is_signed));
	exposition_family(x, "pawl_audit_behind", EXPOSE_GAUGE,
			  "1 if the log lacks what was signed once: a backup "
			  "was restored, and nothing is offered.");
	exposition_int(x, EXPOSE_PLAIN, api->behind);
	return 0;
}

static int print_metrics(struct server_api *api, struct response *a,
			 struct err *e)
{
	struct exposition x;

	a->type = EXPOSITION_TYPE;
	exposition_begin(&x, &a->body);
	expose_build(api, &x);
	meter_expose(api->meter, &x);
	expose_disk(api, &x);
	expose_certificates(api, &x);
	expose_fleet(api, &x);
	if (expose_readopt(api, &x, e) || expose_expiry(api, &x, e) ||
	    expose_rollouts(api, &x, e) || expose_gates(api, &x, e) ||
	    expose_log(api, &x, e))
		return -1;
	return exposition_end(&x, e);
}

/* ---- is all well? -------------------------------------------------------- */

/* Alive: the loop and a worker brought us here. */
static int print_health(struct server_api *api, struct response *a,
			struct err *e)
{
	struct json *j = api_answer();

	(void)api;
	a->type = "application/json";
	json_set_text(j, "health", "ok");
	return response_json(a, 200, j, e);
}

static void add_reason(struct json *reasons, const char *text)
{
	struct json *reason = json_new_object();

	json_set_text(reason, "reason", text);
	json_add(reasons, reason);
}

static bool is_delegated(const struct expiry_of *role)
{
	return !expiry_is_online(role) && strcmp(role->role, "root") != 0 &&
	       strcmp(role->role, "targets") != 0;
}

/* Without one of these, no device believes anything. Of what is served, and so
 * the same whether this server signed it or one before a restart. */
static void check_metadata(struct server_api *api, struct json *reasons)
{
	struct expiry_of *roles = mem_alloc(EXPIRY_MAX, sizeof(*roles));
	bool served = false;
	struct err why = { 0 };
	char text[NAME_MAX_LEN + 32];
	size_t count = 0;

	if (expiry_read(&api->expiry, api->store, roles, &count, &why)) {
		add_reason(reasons, why.msg);
		served = true; /* as far as anybody knows */
	}
	for (size_t i = 0; i < count; i++) {
		served = served || expiry_is_online(&roles[i]);
		if (is_delegated(&roles[i]) || roles[i].when > utc_now())
			continue;
		(void)snprintf(text, sizeof(text), "the %s has expired",
			       roles[i].role);
		add_reason(reasons, text);
	}
	if (!served)
		add_reason(reasons, "no metadata is served");
	if (api_metadata_is_older(api))
		add_reason(
			reasons,
			"the metadata is older than what was imported before "
			"a backup was restored: import it again");
	free(roles);
}

/* Able to do what it is for: to store what devices say, and to offer. */
static int print_ready(struct server_api *api, struct response *a,
		       struct err *e)
{
	struct json *j = api_answer(), *reasons = json_new_array();
	struct err why = { 0 };
	bool ready;

	if (store_probe(api->store, &why))
		add_reason(reasons, why.msg);
	if (store_check_whole(api->store, &why))
		add_reason(reasons, why.msg);
	check_metadata(api, reasons);
	ready = json_count(reasons) == 0;
	a->type = "application/json";
	json_set_bool(j, "ready", ready);
	json_set(j, "reasons", reasons);
	return response_json(a, ready ? 200 : 503, j, e);
}

const struct scrape_page server_pages[] = {
	{ "/metrics", print_metrics },
	{ "/health", print_health },
	{ "/ready", print_ready },
	{ NULL, NULL },
};
