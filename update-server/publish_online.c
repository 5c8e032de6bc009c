/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/publish_online.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

static int store_signed(struct server_api *api, const struct keeper_answer *a,
			const struct audit_by *by, struct store_online *o,
			struct err *e)
{
	o->snapshot.bytes = (struct slice){ a->snapshot, a->snapshot_len };
	o->timestamp = (struct slice){ a->timestamp, a->timestamp_len };
	if (text_format(o->snapshot.name, sizeof(o->snapshot.name), e,
			"%lld.snapshot.json", (long long)a->snapshot_version) ||
	    store_online(api->store, o, by, e))
		return -1;
	api->timestamp_expires = a->expires;
	return 0;
}

static int ask_and_store(struct server_api *api, const struct keeper_request *q,
			 const struct audit_by *by, struct store_online *o,
			 struct err *e)
{
	struct keeper_answer *a = mem_alloc(1, sizeof(*a));
	int rc = keeper_ask(api->keeper, q, a, e) ||
				 store_signed(api, a, by, o, e)
			 ? -1
			 : 0;

	free(a);
	return rc;
}

/* All roles that it could use; it knows which of them are new to it. */
static int name_roles(struct server_api *api, struct keeper_request *q,
		      struct err *e)
{
	struct store_role *roles = mem_alloc(STORE_ROLES_MAX, sizeof(*roles));
	size_t count;
	int rc = store_roles(api->store, roles, &count, e);

	for (size_t i = 0; rc == 0 && i < count; i++) {
		struct tuf_import_role *role = &q->roles[q->role_count];

		if (roles[i].problem[0])
			continue;
		if (q->role_count++ == TUF_IMPORT_ROLES_MAX) {
			rc = err_set(e, ERR_LIMIT, "too many roles");
			break;
		}
		memcpy(role->name, roles[i].name, sizeof(role->name));
		role->version = roles[i].version;
	}
	free(roles);
	return rc;
}

int publish_finish_locked(struct server_api *api, struct err *e)
{
	struct keeper_request *q = mem_alloc(1, sizeof(*q));
	const struct audit_by by = api_by_system();
	struct store_online online = { 0 };
	int64_t root;
	int rc;

	q->op = KEEPER_PUBLISH;
	rc = store_metadata_versions(api->store, &root, &q->targets, e);
	if (rc == 0)
		rc = name_roles(api, q, e);
	if (rc == 0 && q->targets == 0)
		rc = err_set(e, ERR_NOT_FOUND, "nothing was imported yet");
	if (rc == 0)
		rc = ask_and_store(api, q, &by, &online, e);
	free(q);
	return rc;
}

int publish_finish(struct server_api *api, struct err *e)
{
	int rc;

	(void)pthread_mutex_lock(&api->publishing);
	rc = publish_finish_locked(api, e);
	(void)pthread_mutex_unlock(&api->publishing);
	return rc;
}

int publish_bundle(struct server_api *api, uint32_t days,
		   const struct audit_by *by, struct keeper_answer *out,
		   struct err *e)
{
	struct keeper_request *q = mem_alloc(1, sizeof(*q));
	struct store_online online = { .bundle_days = days };
	int rc;

	(void)pthread_mutex_lock(&api->publishing);
	q->op = KEEPER_BUNDLE;
	q->days = days;
	rc = keeper_ask(api->keeper, q, out, e);
	q->op = KEEPER_REFRESH;
	online.bundle_snapshot = out->snapshot_version;
	if (rc == 0)
		rc = ask_and_store(api, q, by, &online, e);
	(void)pthread_mutex_unlock(&api->publishing);
	free(q);
	return rc;
}
