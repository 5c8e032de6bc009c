/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What who installs the server asks of it while it runs, by a file in run/:
 * beside.h. Each is an act, and the server writes its record itself: only it
 * knows whether the log that it has is the one that was signed, so that nobody
 * appends to one that a backup brought back too short.
 */
#include "common/fs.h"
#include "common/log.h"

#include "update-server/api.h"

#define REQUEST_MAX   2048
#define DRAIN_MAX_SEC 3600
#define RETRY_SEC     60

/* NULL: there is none, or it was refused and nobody has read that yet. */
static struct json *read_request(struct server_api *api, const char *path)
{
	struct buf file = BUF_INIT(REQUEST_MAX);
	struct json *j = NULL;
	struct err e = { 0 };

	if (fs_read_file(api->dirfd, path, &file, &e) == 0 &&
	    json_parse(buf_slice(&file), &j, &e) == 0 &&
	    json_get(j, BESIDE_REFUSED)) {
		json_free(j);
		j = NULL;
	} else if (!j && e.code != ERR_NOT_FOUND) {
		log_event(LOG_ERROR, "request-not-read", "file=%s why=%s", path,
			  e.msg);
	}
	buf_done(&file);
	return j;
}

/* Who asks waits until its file is gone, or says why not. */
static void refuse(struct server_api *api, const char *path,
		   const struct err *why)
{
	struct buf text = BUF_INIT(REQUEST_MAX);
	struct json *j = json_new_object();
	struct err e = { 0 };

	log_event(LOG_ERROR, "request-refused", "file=%s why=%s", path,
		  why->msg);
	json_set_text(j, BESIDE_REFUSED, why->msg);
	if (json_print(j, true, &text, &e) ||
	    fs_replace_file(api->dirfd, path, buf_slice(&text), 0600, &e))
		log_event(LOG_ERROR, "request-not-answered", "why=%s", e.msg);
	json_free(j);
	buf_done(&text);
}

static int record_drain(struct server_api *api, int64_t within,
			const char *reason, struct err *e)
{
	struct audit_by by = api_by_system();
	struct audit_record r;

	by.reason = reason;
	audit_record_init(&r, AUDIT_SERVER_DRAIN, &by);
	json_set_int(r.objects, "within", within);
	return store_log(api->store, &r, e);
}

static int drain(struct server_api *api, const struct json *j, struct err *e)
{
	char reason[STAGE_REASON_MAX];
	int64_t within;

	if (json_get_int(j, "within", 1, DRAIN_MAX_SEC, &within, e) ||
	    api_get_reason(j, reason, e) || store_check_whole(api->store, e) ||
	    record_drain(api, within, reason, e) ||
	    fs_remove(api->dirfd, STORE_DRAIN, e))
		return -1;
	atomic_store(&api->drain_sec, (unsigned)within);
	log_event(LOG_INFO, "draining", "within_sec=%u why=%s",
		  (unsigned)within, reason);
	return 0;
}

static void look_for_drain(struct server_api *api)
{
	struct json *j = read_request(api, STORE_DRAIN);
	struct err e = { 0 };

	if (j && drain(api, j, &e))
		refuse(api, STORE_DRAIN, &e);
	json_free(j);
}

/* It goes before the copy is made, which so has its own record. */
static int record_backup(struct server_api *api, int64_t copies,
			 int64_t payloads, struct err *e)
{
	const struct audit_by by = api_by_system();
	struct audit_record r;

	audit_record_init(&r, AUDIT_SERVER_BACKUP, &by);
	json_set_int(r.objects, "copies", copies);
	json_set_int(r.objects, "payloads", payloads);
	return store_log(api->store, &r, e);
}

static int note_backup(struct server_api *api, const struct json *j,
		       struct err *e)
{
	int64_t copies, payloads;

	if (json_get_int(j, "copies", 1, INT32_MAX, &copies, e) ||
	    json_get_int(j, "payloads", 0, 1, &payloads, e) ||
	    store_check_whole(api->store, e) ||
	    record_backup(api, copies, payloads, e) ||
	    fs_remove(api->dirfd, STORE_BACKUP, e))
		return -1;
	log_event(LOG_INFO, "backup-recorded", "copies=%lld",
		  (long long)copies);
	return 0;
}

/* Where nobody waits, copies were made while no server ran: their record waits
 * until the log is whole, and there is room. */
static void look_for_backup(struct server_api *api, int64_t now)
{
	struct json *j = read_request(api, STORE_BACKUP);
	bool waits = json_get(j, BESIDE_WAITS) != NULL;
	struct err e = { 0 };

	if (j && (waits || (!api->behind && now >= api->next_note)) &&
	    note_backup(api, j, &e)) {
		api->next_note = now + RETRY_SEC;
		if (waits)
			refuse(api, STORE_BACKUP, &e);
		else
			log_event(LOG_ERROR, "backup-not-recorded", "why=%s",
				  e.msg);
	}
	json_free(j);
}

void api_look_beside(struct server_api *api, int64_t now)
{
	look_for_backup(api, now);
	if (atomic_load(&api->drain_sec) == 0)
		look_for_drain(api);
}
