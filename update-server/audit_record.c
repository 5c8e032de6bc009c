/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/audit_record.h"

#include <string.h>

#include "common/mem.h"
#include "common/text.h"

#define OBJECTS_MAX 8

/* What may stand in the log; there is no kind for free text. */
enum kind {
	NUMBER,
	NAME,
	NAMES,    /* an array */
	VERSIONS, /* of "roles", one each; left out by older programs */
	ID,       /* of a device */
	LIMIT,    /* 64 bits, as hex */
	POINT,    /* a public key itself, uncompressed */
	DIGEST,   /* SHA-256, also of keys, certificates and texts */
	REASON,   /* the same; left out where nobody was asked */
};

struct object {
	const char *name;
	enum kind kind;
};

struct act {
	const char *name;
	bool urgent;
	struct object objects[OBJECTS_MAX];
};

/* A name that stands in logs never changes its meaning. */
static const struct act acts[AUDIT_ACTS] = {
	[AUDIT_INIT] = { "init",
			 false,
			 { { "environment", NAME }, { "log_key", DIGEST } } },
	/* At a start in production: one person does what takes two. */
	[AUDIT_FOUR_EYES_OFF] = { "four-eyes-off",
				  true,
				  { { "environment", NAME } } },
	[AUDIT_TLS_RENEW] = { "tls-renew",
			      false,
			      { { "certificate", DIGEST } } },
	[AUDIT_TLS_NEXT_CA] = { "tls-next-ca",
				false,
				{ { "certificate", DIGEST } } },
	[AUDIT_TLS_SWITCH_CA] = { "tls-switch-ca",
				  false,
				  { { "certificate", DIGEST },
				    { "reason", REASON } } },
	[AUDIT_CA_ROTATE] = { "ca-rotate",
			      false,
			      { { "certificate", DIGEST },
				{ "former", DIGEST },
				{ "until", NUMBER },
				{ "reason", REASON } } },
	[AUDIT_CA_WITHDRAW] = { "ca-withdraw",
				true,
				{ { "certificate", DIGEST },
				  { "devices", NUMBER },
				  { "reason", REASON } } },
	[AUDIT_PERSON_ADD] = { "person-add",
			       false,
			       { { "person", DIGEST },
				 { "roles", NAMES },
				 { "cohorts", NAMES },
				 { "share", NUMBER } } },
	[AUDIT_PERSON_REVOKE] = { "person-revoke",
				  true,
				  { { "person", DIGEST },
				    { "reason", REASON } } },
	[AUDIT_PAYLOAD_UPLOAD] = { "payload-upload",
				   false,
				   { { "payload", DIGEST },
				     { "bytes", NUMBER } } },
	/* It makes room: the last of the disk may be used for it. */
	[AUDIT_PAYLOADS_REMOVE] = { "payloads-remove",
				    true,
				    { { "files", NUMBER },
				      { "bytes", NUMBER },
				      { "plan", DIGEST },
				      { "reason", DIGEST } } },
	/* Of all that the registry knows; payloads: 1, or 0 without them. */
	[AUDIT_SERVER_BACKUP] = { "server-backup",
				  true,
				  { { "copies", NUMBER },
				    { "payloads", NUMBER } } },
	[AUDIT_SERVER_DRAIN] = { "server-drain",
				 true,
				 { { "within", NUMBER },
				   { "reason", REASON } } },
	/* The first of two people. */
	[AUDIT_PAYLOADS_ASK] = { "payloads-ask",
				 false,
				 { { "files", NUMBER },
				   { "bytes", NUMBER },
				   { "plan", DIGEST },
				   { "reason", DIGEST } } },
	[AUDIT_METADATA_UPLOAD] = { "metadata-upload",
				    false,
				    { { "file", NAME },
				      { "sha256", DIGEST } } },
	[AUDIT_ENVELOPES_UPLOAD] = { "envelopes-upload",
				     false,
				     { { "package", DIGEST },
				       { "bytes", NUMBER } } },
	[AUDIT_IMPORT] = { "import",
			   false,
			   { { "root", NUMBER },
			     { "targets", NUMBER },
			     { "releases", NUMBER },
			     { "roles", NAMES },
			     { "versions", VERSIONS },
			     { "reason", REASON } } },
	[AUDIT_PUBLISH] = { "publish",
			    false,
			    { { "snapshot", NAME }, { "sha256", DIGEST } } },
	[AUDIT_BUNDLE_EXPORT] = { "bundle-export",
				  false,
				  { { "days", NUMBER },
				    { "snapshot", NUMBER } } },
	[AUDIT_REPORT_EXPORT] = { "report-export",
				  false,
				  { { "report", NUMBER },
				    { "sha256", DIGEST } } },
	[AUDIT_OUTPOST_ADD] = { "outpost-add",
				false,
				{ { "outpost", NAME }, { "key", DIGEST } } },
	[AUDIT_OUTPOST_REPORT] = { "outpost-report",
				   false,
				   { { "outpost", NAME },
				     { "report", NUMBER },
				     { "sha256", DIGEST } } },
	[AUDIT_COHORT_CREATE] = { "cohort-create",
				  false,
				  { { "cohort", NAME } } },
	/* narrows: 1, or 0 if there is none any more */
	[AUDIT_COHORT_RULE] = { "cohort-rule",
				false,
				{ { "cohort", NAME },
				  { "revision", NUMBER },
				  { "narrows", NUMBER },
				  { "rule", DIGEST },
				  { "reason", DIGEST } } },
	[AUDIT_COHORT_REMOVE] = { "cohort-remove",
				  false,
				  { { "cohort", NAME },
				    { "revision", NUMBER },
				    { "reason", DIGEST } } },
	[AUDIT_TOKEN_CREATE] = { "token-create",
				 false,
				 { { "first", NUMBER },
				   { "count", NUMBER },
				   { "product", NAME },
				   { "model", NAME },
				   { "cohort", NAME },
				   { "days", NUMBER },
				   { "active", NUMBER } } },
	[AUDIT_TOKEN_ACTIVATE] = { "token-activate",
				   false,
				   { { "batch", NUMBER } } },
	[AUDIT_TOKEN_REVOKE] = { "token-revoke",
				 true,
				 { { "token", NUMBER },
				   { "reason", REASON } } },
	[AUDIT_BATCH_REVOKE] = { "batch-revoke",
				 true,
				 { { "batch", NUMBER },
				   { "count", NUMBER },
				   { "reason", REASON } } },
	[AUDIT_DEVICE_APPROVE] = { "device-approve",
				   false,
				   { { "key", DIGEST },
				     { "product", NAME },
				     { "model", NAME },
				     { "cohort", NAME } } },
	/* The first officer of two. */
	[AUDIT_DEVICE_ASK] = { "device-ask",
			       false,
			       { { "key", DIGEST },
				 { "product", NAME },
				 { "model", NAME },
				 { "cohort", NAME } } },
	[AUDIT_DEVICE_DENY] = { "device-deny",
				true,
				{ { "key", DIGEST }, { "reason", REASON } } },
	[AUDIT_DEVICE_ENROL] = { "device-enrol",
				 false,
				 { { "device", ID },
				   { "certificate", DIGEST },
				   { "key", DIGEST },
				   { "token", NUMBER },
				   { "product", NAME },
				   { "model", NAME },
				   { "cohort", NAME } } },
	[AUDIT_DEVICE_RENEW] = { "device-renew",
				 false,
				 { { "device", ID },
				   { "from", DIGEST },
				   { "certificate", DIGEST },
				   { "key", DIGEST } } },
	[AUDIT_DEVICE_QUARANTINE] = { "device-quarantine",
				      true,
				      { { "device", ID }, { "key", DIGEST } } },
	[AUDIT_DEVICE_TWIN] = { "device-twin", true, { { "device", ID } } },
	[AUDIT_DEVICE_RELEASE] = { "device-release",
				   false,
				   { { "device", ID }, { "reason", REASON } } },
	[AUDIT_DEVICE_REVOKE] = { "device-revoke",
				  true,
				  { { "device", ID }, { "reason", REASON } } },
	[AUDIT_DEVICE_RETIRE] = { "device-retire",
				  true,
				  { { "device", ID }, { "reason", REASON } } },
	[AUDIT_DEVICE_FORGET] = { "device-forget",
				  true,
				  { { "device", ID }, { "reason", REASON } } },
	[AUDIT_DEVICE_BLOCK] = { "device-block",
				 true,
				 { { "device", ID }, { "reason", DIGEST } } },
	[AUDIT_DEVICE_UNBLOCK] = { "device-unblock",
				   false,
				   { { "device", ID }, { "reason", DIGEST } } },
	[AUDIT_DEVICE_REPORT] = { "device-report",
				  false,
				  { { "device", ID }, { "sha256", DIGEST } } },
	[AUDIT_DEVICE_EXPORT] = { "device-export",
				  false,
				  { { "devices", NUMBER } } },
	[AUDIT_ROLLOUT_CREATE] = { "rollout-create",
				   false,
				   { { "rollout", NAME },
				     { "product", NAME },
				     { "release", NAME },
				     { "digest", DIGEST },
				     { "cohorts", NAMES },
				     { "share", NUMBER },
				     { "step_back", NUMBER } } },
	[AUDIT_ROLLOUT_START] = { "rollout-start",
				  false,
				  { { "rollout", NAME },
				    { "share", NUMBER },
				    { "limit", LIMIT },
				    { "population", NUMBER } } },
	[AUDIT_ROLLOUT_RESUME] = { "rollout-resume",
				   false,
				   { { "rollout", NAME },
				     { "share", NUMBER },
				     { "limit", LIMIT },
				     { "population", NUMBER } } },
	[AUDIT_ROLLOUT_PAUSE] = { "rollout-pause",
				  true,
				  { { "rollout", NAME },
				    { "reason", DIGEST } } },
	[AUDIT_SERVER_RESTORE] = { "server-restore",
				   true,
				   { { "reason", REASON } } },
	[AUDIT_LOG_REPLAY] = { "log-replay",
			       true,
			       { { "first", NUMBER }, { "count", NUMBER } } },
	[AUDIT_DEVICE_READOPT] = { "device-readopt",
				   false,
				   { { "device", ID },
				     { "certificate", DIGEST },
				     { "key", DIGEST },
				     { "product", NAME },
				     { "model", NAME },
				     { "cohort", NAME },
				     { "reason", DIGEST } } },
	/* A renewal that was forgotten, proved again. */
	[AUDIT_DEVICE_RETURN] = { "device-return",
				  false,
				  { { "device", ID },
				    { "from", DIGEST },
				    { "certificate", DIGEST },
				    { "key", DIGEST } } },
	[AUDIT_READOPT_CLOSE] = { "readopt-close",
				  true,
				  { { "since", NUMBER },
				    { "reason", REASON } } },
	[AUDIT_LOG_KEY] = { "log-key",
			    true,
			    { { "from", DIGEST },
			      { "key", DIGEST },
			      { "point", POINT },
			      { "lost", NUMBER },
			      { "reason", REASON } } },
	[AUDIT_ROLLOUT_COMPLETE] = { "rollout-complete",
				     true,
				     { { "rollout", NAME } } },
	[AUDIT_ROLLOUT_SUBMIT] = { "rollout-submit",
				   false,
				   { { "rollout", NAME },
				     { "revision", NUMBER } } },
	[AUDIT_ROLLOUT_APPROVE] = { "rollout-approve",
				    false,
				    { { "rollout", NAME },
				      { "revision", NUMBER } } },
	[AUDIT_ROLLOUT_ASK] = { "rollout-ask",
				false,
				{ { "rollout", NAME },
				  { "revision", NUMBER },
				  { "reason", DIGEST } } },
	/* state: waiting, open, watching, waiting for a person, passed */
	[AUDIT_ROLLOUT_PHASE] = { "rollout-phase",
				  false,
				  { { "rollout", NAME },
				    { "revision", NUMBER },
				    { "phase", NUMBER },
				    { "state", NUMBER },
				    { "limit", LIMIT } } },
	[AUDIT_ROLLOUT_ADVANCE] = { "rollout-advance",
				    false,
				    { { "rollout", NAME },
				      { "revision", NUMBER } } },
	[AUDIT_ROLLOUT_ABORT] = { "rollout-abort",
				  true,
				  { { "rollout", NAME },
				    { "revision", NUMBER },
				    { "reason", DIGEST } } },
	[AUDIT_ROLLOUT_SUPERSEDE] = { "rollout-supersede",
				      true,
				      { { "rollout", NAME },
					{ "revision", NUMBER },
					{ "reason", DIGEST } } },
	[AUDIT_ROLLOUT_DISCARD] = { "rollout-discard",
				    true,
				    { { "rollout", NAME },
				      { "revision", NUMBER },
				      { "reason", DIGEST } } },
	[AUDIT_ROLLOUT_ACK] = { "rollout-ack",
				false,
				{ { "rollout", NAME },
				  { "revision", NUMBER },
				  { "reason", DIGEST } } },
	[AUDIT_DEVICE_PIN] = { "device-pin",
			       false,
			       { { "device", ID },
				 { "release", NAME },
				 { "seq", NUMBER },
				 { "reason", DIGEST } } },
	[AUDIT_DEVICE_UNPIN] = { "device-unpin",
				 false,
				 { { "device", ID }, { "reason", DIGEST } } },
	[AUDIT_DEVICE_CLEAR] = { "device-clear",
				 false,
				 { { "device", ID },
				   { "attempts", NUMBER },
				   { "reason", DIGEST } } },
	[AUDIT_ROLLOUT_ROLLBACK] = { "rollout-rollback",
				     true,
				     { { "rollout", NAME },
				       { "revision", NUMBER },
				       { "reason", DIGEST } } },
	[AUDIT_ORDER_STAGE] = { "order-stage",
				false,
				{ { "role", NAME },
				  { "version", NUMBER },
				  { "signed", DIGEST },
				  { "signatures", NUMBER },
				  { "reason", REASON } } },
	[AUDIT_ORDER_DISCARD] = { "order-discard",
				  true,
				  { { "role", NAME },
				    { "version", NUMBER },
				    { "reason", REASON } } },
};

static const char *const actors[] = {
	[AUDIT_PERSON] = "person",
	[AUDIT_DEVICE] = "device",
	[AUDIT_GATE] = "gate",
	[AUDIT_SYSTEM] = "system",
};

const char *audit_act_name(enum audit_act act)
{
	return acts[act].name;
}

bool audit_act_is_urgent(enum audit_act act)
{
	return acts[act].urgent;
}

static bool has_reason(enum audit_act act)
{
	const struct object *o = acts[act].objects;

	for (size_t i = 0; i < OBJECTS_MAX && o[i].name; i++)
		if (strcmp(o[i].name, "reason") == 0)
			return true;
	return false;
}

void audit_record_init(struct audit_record *r, enum audit_act act,
		       const struct audit_by *by)
{
	*r = (struct audit_record){ .act = act,
				    .by = *by,
				    .time = by->now,
				    .objects = json_new_object() };
	if (by->reason && has_reason(act))
		audit_set_secret(r, "reason", by->reason);
	r->by.reason = NULL;
}

void audit_record_done(struct audit_record *r)
{
	json_free(r->objects);
	r->objects = NULL;
}

void audit_set_digest(struct audit_record *r, const char *name,
		      const struct sha256 *digest)
{
	json_set_hex(r->objects, name,
		     (struct slice){ digest->bytes, SHA256_LEN });
}

void audit_set_device(struct audit_record *r, const struct device_id *id)
{
	json_set_hex(r->objects, "device",
		     (struct slice){ id->bytes, DEVICE_ID_LEN });
}

void audit_set_names(struct audit_record *r, const char *name,
		     const char *names)
{
	struct json *list = json_new_array();
	char one[NAME_MAX_LEN + 1];

	while (*names) {
		size_t len = strcspn(names, " ");

		if (len > 0 && len <= NAME_MAX_LEN) {
			memcpy(one, names, len);
			one[len] = 0;
			json_add(list, json_new_text(one));
		}
		names += len + (names[len] == ' ');
	}
	json_set(r->objects, name, list);
}

void audit_set_secret(struct audit_record *r, const char *name,
		      const char *text)
{
	struct sha256 digest;

	sha256_of(slice_of(text), &digest);
	audit_set_digest(r, name, &digest);
}

/* ---- the schema ---------------------------------------------------------- */

static int check_name(const struct json *value, const char *name, struct err *e)
{
	if (json_is_string(value) && name_is_valid(slice_of(json_text(value))))
		return 0;
	return err_set(e, ERR_FORMAT, "%s: not a name", name);
}

static int check_names(const struct json *object, const char *name,
		       struct err *e)
{
	const struct json *list;

	if (json_get_array(object, name, &list, e))
		return -1;
	for (size_t i = 0; i < json_count(list); i++)
		if (check_name(json_at(list, i), name, e))
			return -1;
	return 0;
}

static int check_versions(const struct json *objects, const char *name,
			  struct err *e)
{
	const struct json *list;

	if (!json_get(objects, name))
		return 0;
	if (json_get_array(objects, name, &list, e))
		return -1;
	if (json_count(list) != json_count(json_get(objects, "roles")))
		return err_set(e, ERR_FORMAT, "%s: one for each role", name);
	for (size_t i = 0; i < json_count(list); i++)
		if (!json_is_integer(json_at(list, i)) ||
		    json_int(json_at(list, i)) < 0)
			return err_set(e, ERR_FORMAT, "%s: not numbers", name);
	return 0;
}

static int check_object(const struct json *objects, const struct object *o,
			struct err *e)
{
	uint8_t bytes[EC_POINT_LEN];
	int64_t number;

	switch (o->kind) {
	case NUMBER:
		return json_get_int(objects, o->name, 0, JSON_INT_MAX, &number,
				    e);
	case NAME:
		return check_name(json_get(objects, o->name), o->name, e);
	case NAMES:
		return check_names(objects, o->name, e);
	case VERSIONS:
		return check_versions(objects, o->name, e);
	case ID:
		return json_get_hex(objects, o->name, bytes, DEVICE_ID_LEN, e);
	case LIMIT:
		return json_get_hex(objects, o->name, bytes, 8, e);
	case POINT:
		return json_get_hex(objects, o->name, bytes, EC_POINT_LEN, e);
	case REASON:
		if (!json_get(objects, o->name))
			return 0;
		break;
	case DIGEST:
		break;
	}
	return json_get_hex(objects, o->name, bytes, SHA256_LEN, e);
}

/* All that its act has, and nothing else. */
static int check_objects(enum audit_act act, const struct json *objects,
			 struct err *e)
{
	const char *names[OBJECTS_MAX + 1] = { NULL };
	const struct act *a = &acts[act];

	for (size_t i = 0; i < OBJECTS_MAX && a->objects[i].name; i++) {
		names[i] = a->objects[i].name;
		if (check_object(objects, &a->objects[i], e))
			return err_in(e, "%s", a->name);
	}
	return json_only(objects, names, e) ? err_in(e, "%s", a->name) : 0;
}

/* ---- bytes --------------------------------------------------------------- */

static struct json *actor_json(const struct audit_by *by)
{
	struct json *j = json_new_object();

	json_set_text(j, "kind", actors[by->kind]);
	if (by->kind == AUDIT_PERSON)
		json_set_hex(j, "id",
			     (struct slice){ by->person.bytes, SHA256_LEN });
	if (by->kind == AUDIT_DEVICE)
		json_set_hex(j, "id",
			     (struct slice){ by->device.bytes, DEVICE_ID_LEN });
	return j;
}

int audit_record_format(const struct audit_record *r, struct buf *out,
			struct err *e)
{
	struct json *j;
	char time[UTC_TEXT_LEN];
	int rc;

	if (check_objects(r->act, r->objects, e))
		return err_in(e, "audit record");
	utc_format(r->time, time);
	j = json_new_document();
	json_set_int(j, "n", (int64_t)r->number);
	json_set_text(j, "time", time);
	if (r->clock_back > 0)
		json_set_int(j, "clock_back", r->clock_back);
	json_set_text(j, "act", acts[r->act].name);
	json_set(j, "actor", actor_json(&r->by));
	json_set(j, "objects", json_clone(r->objects));
	rc = json_canonical(j, out, e);
	json_free(j);
	return rc;
}

static int parse_actor(const struct json *j, struct audit_by *by, struct err *e)
{
	static const char *const with_id[] = { "kind", "id", NULL };
	static const char *const bare[] = { "kind", NULL };
	const char *kind;
	size_t i = 0;

	if (json_get_text(j, "kind", &kind, e))
		return -1;
	while (i < ARRAY_LEN(actors) && strcmp(kind, actors[i]) != 0)
		i++;
	if (i == ARRAY_LEN(actors))
		return err_set(e, ERR_FORMAT, "no such kind of actor");
	by->kind = (enum audit_actor)i;
	if (by->kind == AUDIT_PERSON &&
	    json_get_hex(j, "id", by->person.bytes, SHA256_LEN, e))
		return -1;
	if (by->kind == AUDIT_DEVICE &&
	    json_get_hex(j, "id", by->device.bytes, DEVICE_ID_LEN, e))
		return -1;
	return json_only(j,
			 by->kind == AUDIT_PERSON || by->kind == AUDIT_DEVICE
				 ? with_id
				 : bare,
			 e);
}

static int parse_act(const struct json *j, enum audit_act *act, struct err *e)
{
	const char *name;

	if (json_get_text(j, "act", &name, e))
		return -1;
	for (size_t i = 0; i < AUDIT_ACTS; i++)
		if (strcmp(name, acts[i].name) == 0) {
			*act = (enum audit_act)i;
			return 0;
		}
	return err_set(e, ERR_FORMAT, "an act that this version does not know");
}

static int parse_members(const struct json *j, struct audit_record *r,
			 struct err *e)
{
	static const char *const known[] = { "v",          "n",   "time",
					     "clock_back", "act", "actor",
					     "objects",    NULL };
	const struct json *actor, *objects;
	int64_t version, number;
	const char *time;

	if (!json_is_object(j))
		return err_set(e, ERR_FORMAT, "not an object");
	if (json_get_int(j, "v", 1, 1, &version, e) ||
	    json_get_int(j, "n", 0, JSON_INT_MAX, &number, e) ||
	    json_get_text(j, "time", &time, e) ||
	    utc_parse(slice_of(time), &r->time, e) ||
	    (json_get(j, "clock_back") &&
	     json_get_int(j, "clock_back", 1, JSON_INT_MAX, &r->clock_back,
			  e)) ||
	    parse_act(j, &r->act, e) ||
	    json_get_object(j, "actor", &actor, e) ||
	    parse_actor(actor, &r->by, e) ||
	    json_get_object(j, "objects", &objects, e) ||
	    check_objects(r->act, objects, e) || json_only(j, known, e))
		return -1;
	r->number = (uint64_t)number;
	r->by.now = r->time;
	r->objects = json_clone(objects);
	return 0;
}

/* A record has one spelling: then what is hashed is what is read. */
static int check_spelling(const struct audit_record *r, struct slice in,
			  struct err *e)
{
	struct buf again = BUF_INIT(AUDIT_RECORD_MAX);
	int rc = audit_record_format(r, &again, e);

	if (rc == 0 && !slice_equal(buf_slice(&again), in))
		rc = err_set(e, ERR_FORMAT, "not in canonical form");
	buf_done(&again);
	return rc;
}

int audit_record_parse(struct slice in, struct audit_record *r, struct err *e)
{
	struct audit_record got = { 0 };
	struct json *j = NULL;
	int rc = -1;

	if (in.len > AUDIT_RECORD_MAX)
		return err_set(e, ERR_LIMIT, "an audit record is too long");
	if (json_parse(in, &j, e) || parse_members(j, &got, e) ||
	    check_spelling(&got, in, e))
		goto out;
	*r = got;
	got.objects = NULL;
	rc = 0;
out:
	audit_record_done(&got);
	json_free(j);
	return rc;
}
