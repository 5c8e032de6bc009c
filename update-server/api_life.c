/* SPDX-License-Identifier: Apache-2.0 */
/* The life of what all handlers share: opened, kept up by the clock, closed. */
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/steady.h"

#include "update-server/api.h"
#include "update-server/ca_record.h"
#include "update-server/publish_online.h"
#include "update-server/store_observe.h"
#include "update-server/store_overview.h"

#define FLUSH_SEC 10
/* Of each second, for tables that are moved; and after a failure. */
#define MOVE_NS        100000000
#define MOVE_AGAIN_SEC 60
#define RETRY_SEC      60
/* Acts of one person: an import of everything that may be listed fits. */
#define ACTS_BURST          20000
#define ACTS_PER_MINUTE     600
#define CHECKPOINT_SEC      60
#define RETENTION_FIRST_SEC 300
#define MEGABYTE            1000000

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
	if (api->store)
		api_keep_egress(api);
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
	*gone = (struct store_retained){ .seen_all = gone->seen_all };
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
	/* A kill loses what was counted and seen since. */
	if (now < api->next_flush)
		return;
	api->next_flush = now + FLUSH_SEC;
	api_keep_egress(api);
	if (store_flush(api->store, &e))
		log_event(LOG_ERROR, "last-seen-not-written", "why=%s", e.msg);
}
