/* SPDX-License-Identifier: Apache-2.0 */
/* The store's opening and schema, and what is small: keys, people, cohorts. */
#include "update-server/store_db.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "update-server/sql_sqlite.h"

/*
 * Step i takes the schema from version i to i + 1. A step that was released is
 * never changed; a new need is a new step. What takes long in a large fleet is
 * no step, for nobody is served meanwhile: see store_move.c.
 */
static const char *const schema[] = {
	"CREATE TABLE key (spki BLOB PRIMARY KEY, who TEXT NOT NULL)"
	" WITHOUT ROWID;"
	"CREATE TABLE person (fingerprint BLOB PRIMARY KEY,"
	" name TEXT NOT NULL UNIQUE, role TEXT NOT NULL, added INTEGER NOT NULL,"
	" revoked INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
	"CREATE TABLE cohort (name TEXT PRIMARY KEY, created INTEGER NOT NULL)"
	" WITHOUT ROWID;"
	"CREATE TABLE claim (id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE,"
	" product TEXT NOT NULL, model TEXT NOT NULL,"
	" cohort TEXT NOT NULL REFERENCES cohort(name),"
	" state INTEGER NOT NULL DEFAULT 0, device BLOB,"
	" created INTEGER NOT NULL, expires INTEGER NOT NULL);"
	"CREATE TABLE device (id BLOB PRIMARY KEY,"
	" fingerprint BLOB NOT NULL UNIQUE,"
	" spki BLOB NOT NULL REFERENCES key(spki),"
	" product TEXT NOT NULL, model TEXT NOT NULL,"
	" cohort TEXT NOT NULL REFERENCES cohort(name),"
	" revoked INTEGER NOT NULL DEFAULT 0, certificate TEXT NOT NULL,"
	" claim BLOB NOT NULL, enrolled INTEGER NOT NULL,"
	" last_seen INTEGER NOT NULL DEFAULT 0,"
	" release TEXT, seq INTEGER NOT NULL DEFAULT 0, digest BLOB,"
	" confirmed INTEGER NOT NULL DEFAULT 0,"
	" activation INTEGER NOT NULL DEFAULT 0,"
	" interval INTEGER NOT NULL DEFAULT 0,"
	" updater TEXT NOT NULL DEFAULT '') WITHOUT ROWID;"
	"CREATE INDEX device_members ON device (product, cohort, seq);"
	"CREATE TABLE metadata (name TEXT PRIMARY KEY, bytes BLOB NOT NULL,"
	" digest BLOB NOT NULL, root INTEGER NOT NULL,"
	" targets INTEGER NOT NULL);"
	"CREATE TABLE payload (url TEXT PRIMARY KEY, digest BLOB NOT NULL,"
	" length INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX payload_digest ON payload (digest);"
	"CREATE TABLE release (product TEXT NOT NULL, id TEXT NOT NULL,"
	" version TEXT NOT NULL, models TEXT NOT NULL, seq INTEGER NOT NULL,"
	" requires_seq INTEGER NOT NULL, not_before INTEGER NOT NULL,"
	" digest BLOB NOT NULL, listed INTEGER NOT NULL, detail TEXT NOT NULL,"
	" imported INTEGER NOT NULL, PRIMARY KEY (product, id)) WITHOUT ROWID;"
	"CREATE TABLE rollout (id INTEGER PRIMARY KEY,"
	" name TEXT NOT NULL UNIQUE, state INTEGER NOT NULL,"
	" product TEXT NOT NULL, release TEXT NOT NULL, digest BLOB NOT NULL,"
	" seq INTEGER NOT NULL, requires_seq INTEGER NOT NULL,"
	" not_before INTEGER NOT NULL, models TEXT NOT NULL,"
	" cohorts TEXT NOT NULL, share INTEGER NOT NULL,"
	" bucket_limit BLOB NOT NULL, population INTEGER NOT NULL,"
	" reason TEXT NOT NULL DEFAULT '', created INTEGER NOT NULL,"
	" changed INTEGER NOT NULL);"
	"CREATE INDEX rollout_product ON rollout (product, state);"
	"CREATE TABLE attempt (id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" rollout INTEGER NOT NULL REFERENCES rollout(id),"
	" device BLOB NOT NULL REFERENCES device(id), digest BLOB NOT NULL,"
	" seq INTEGER NOT NULL, state INTEGER NOT NULL,"
	" sequence INTEGER NOT NULL, activation INTEGER NOT NULL,"
	" code TEXT NOT NULL, evidence TEXT NOT NULL DEFAULT '',"
	" cleared INTEGER NOT NULL DEFAULT 0, offered INTEGER NOT NULL,"
	" changed INTEGER NOT NULL);"
	"CREATE INDEX attempt_device ON attempt (device, id);"
	"CREATE INDEX attempt_rollout ON attempt (rollout, id);"
	/* Two offers at once have one winner. */
	"CREATE UNIQUE INDEX attempt_open ON attempt (rollout, device)"
	" WHERE state < 5;"
	"CREATE TABLE counter (rollout INTEGER NOT NULL, state INTEGER NOT NULL,"
	" n INTEGER NOT NULL, PRIMARY KEY (rollout, state)) WITHOUT ROWID;",
	"ALTER TABLE device ADD COLUMN decrypt_key BLOB;"
	"ALTER TABLE device ADD COLUMN decrypt_proof BLOB;"
	/* Delegated roles: the version that counts is the newest. */
	"CREATE TABLE role (name TEXT PRIMARY KEY, version INTEGER NOT NULL,"
	" problem TEXT NOT NULL) WITHOUT ROWID;",

	/* The audit log is append-only, for our own mistakes too. */
	"CREATE TABLE audit (n INTEGER PRIMARY KEY, time INTEGER NOT NULL,"
	" record BLOB NOT NULL);"
	"CREATE TABLE audit_node (level INTEGER NOT NULL, at INTEGER NOT NULL,"
	" hash BLOB NOT NULL, PRIMARY KEY (level, at)) WITHOUT ROWID;"
	"CREATE TABLE audit_checkpoint (size INTEGER PRIMARY KEY,"
	" text TEXT NOT NULL);"
	"CREATE TRIGGER audit_kept BEFORE DELETE ON audit"
	" BEGIN SELECT raise(ABORT, 'the audit log only grows'); END;"
	"CREATE TRIGGER audit_fixed BEFORE UPDATE ON audit"
	" BEGIN SELECT raise(ABORT, 'the audit log only grows'); END;"
	"CREATE TRIGGER audit_node_kept BEFORE DELETE ON audit_node"
	" BEGIN SELECT raise(ABORT, 'the audit log only grows'); END;"
	"CREATE TRIGGER audit_node_fixed BEFORE UPDATE ON audit_node"
	" BEGIN SELECT raise(ABORT, 'the audit log only grows'); END;",

	"ALTER TABLE device ADD COLUMN quarantined INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE device ADD COLUMN next_fingerprint BLOB;"
	"ALTER TABLE device ADD COLUMN next_spki BLOB;"
	"ALTER TABLE device ADD COLUMN next_certificate TEXT;"
	"ALTER TABLE device ADD COLUMN next_decrypt_proof BLOB;"
	"CREATE UNIQUE INDEX device_next ON device (next_fingerprint);",

	/* The next version of an operators' role, which lacks signatures. */
	("CREATE TABLE staged (role TEXT PRIMARY KEY, version INTEGER NOT NULL,"
	 " since INTEGER NOT NULL, bytes BLOB NOT NULL) WITHOUT ROWID;"),

	"ALTER TABLE rollout ADD COLUMN step_back INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE attempt ADD COLUMN back_from INTEGER NOT NULL DEFAULT 0;",

	/* Claims come in batches, each known by the id of its first. */
	"CREATE TABLE batch (id INTEGER PRIMARY KEY, count INTEGER NOT NULL,"
	" quota INTEGER NOT NULL, per_hour INTEGER NOT NULL,"
	" life INTEGER NOT NULL, activated INTEGER NOT NULL);"
	"INSERT INTO batch (id, count, quota, per_hour, life, activated)"
	" SELECT id, 1, 0, 0, expires - created, created FROM claim;"
	"ALTER TABLE claim ADD COLUMN batch INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE claim ADD COLUMN used INTEGER NOT NULL DEFAULT 0;"
	"UPDATE claim SET batch = id;"
	"CREATE INDEX claim_batch ON claim (batch, state);"
	/* Batch 0: codes that nobody gave out. */
	"CREATE TABLE claim_refusal (batch INTEGER NOT NULL,"
	" why INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (batch, why))"
	" WITHOUT ROWID;",

	/* Devices without a claim, until an officer has decided. */
	("CREATE TABLE waiting (spki BLOB PRIMARY KEY, code TEXT NOT NULL UNIQUE,"
	 " nonce BLOB NOT NULL, product TEXT NOT NULL, model TEXT NOT NULL,"
	 " state INTEGER NOT NULL, cohort TEXT NOT NULL, since INTEGER NOT NULL,"
	 " expires INTEGER NOT NULL) WITHOUT ROWID;"),
	store_overview_tables,
	store_overview_triggers,

	("CREATE TABLE score (day INTEGER PRIMARY KEY, time INTEGER NOT NULL,"
	 " points INTEGER NOT NULL, detail TEXT NOT NULL);"),

	/* Reports over an air gap: handed out, and brought by outposts. */
	"CREATE TABLE report (n INTEGER PRIMARY KEY, sha256 BLOB NOT NULL,"
	" record INTEGER NOT NULL, size INTEGER NOT NULL DEFAULT 0,"
	" checkpoint TEXT NOT NULL DEFAULT '', text TEXT NOT NULL);"
	"CREATE TABLE outpost (name TEXT PRIMARY KEY, key TEXT NOT NULL,"
	" fingerprint BLOB NOT NULL UNIQUE, number INTEGER NOT NULL DEFAULT 0,"
	" sha256 BLOB, size INTEGER NOT NULL DEFAULT 0, root BLOB,"
	" report TEXT NOT NULL DEFAULT '', added INTEGER NOT NULL,"
	" received INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;",

	/* Who was admin did everything; roles do not overlap now. */
	"ALTER TABLE person ADD COLUMN cohorts TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE person ADD COLUMN share INTEGER NOT NULL DEFAULT 10000;"
	"UPDATE person SET role = 'admin operator officer'"
	" WHERE role = 'admin';",

	/* What tells two boards of one identity: store_twin. */
	"ALTER TABLE device ADD COLUMN boots BLOB;"
	"ALTER TABLE device ADD COLUMN returns INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE device ADD COLUMN drops INTEGER NOT NULL DEFAULT 0;",

	/* Which device a new identity takes the place of. */
	"ALTER TABLE claim ADD COLUMN replaces BLOB;"
	"ALTER TABLE waiting ADD COLUMN replaces BLOB;",

	/* A bit for each of enum wire_posture_bit. */
	"ALTER TABLE device ADD COLUMN posture_known INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE device ADD COLUMN posture_yes INTEGER NOT NULL DEFAULT 0;",

	/*
	 * Rollouts in phases. One that was there becomes a ladder of the one
	 * share that it had; its attempts keep what they came to, and count.
	 */
	"ALTER TABLE rollout ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;"
	"ALTER TABLE rollout ADD COLUMN pause INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE rollout ADD COLUMN verdict INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE rollout ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE rollout ADD COLUMN author TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE rollout ADD COLUMN last_by TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE rollout ADD COLUMN last_verb INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE rollout ADD COLUMN asked_by TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE rollout ADD COLUMN asked_verb INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE rollout ADD COLUMN acked INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE rollout ADD COLUMN started INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE rollout ADD COLUMN policy TEXT NOT NULL DEFAULT '{}';"
	"ALTER TABLE rollout ADD COLUMN excluded TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE rollout ADD COLUMN selector TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE rollout ADD COLUMN size INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE rollout ADD COLUMN undo_of BLOB;"
	"ALTER TABLE rollout ADD COLUMN urgent INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE rollout ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE rollout ADD COLUMN expires INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE rollout ADD COLUMN window_from INTEGER;"
	"ALTER TABLE rollout ADD COLUMN window_to INTEGER;"
	"ALTER TABLE rollout ADD COLUMN zone INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE rollout ADD COLUMN summer INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE rollout ADD COLUMN phase INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE rollout ADD COLUMN phase_state INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE rollout ADD COLUMN opened INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE rollout ADD COLUMN baking INTEGER NOT NULL DEFAULT 0;"
	"CREATE TABLE phase (rollout INTEGER NOT NULL REFERENCES rollout(id),"
	" n INTEGER NOT NULL, share INTEGER NOT NULL, size INTEGER NOT NULL,"
	" bucket_limit BLOB NOT NULL, bake INTEGER NOT NULL,"
	" manual INTEGER NOT NULL, not_before INTEGER NOT NULL,"
	" opened INTEGER NOT NULL, passed INTEGER NOT NULL,"
	" PRIMARY KEY (rollout, n)) WITHOUT ROWID;"
	"INSERT INTO phase SELECT id, 0, share,"
	" max(1, (population * share + 9999) / 10000), bucket_limit, 0, 1, 0,"
	" CASE state WHEN 0 THEN 0 ELSE created END,"
	" CASE state WHEN 3 THEN changed ELSE 0 END FROM rollout;"
	/* draft, running, paused, completed: see stage.h */
	"UPDATE rollout SET started = CASE state WHEN 0 THEN 0 ELSE created END,"
	" opened = CASE state WHEN 0 THEN 0 ELSE changed END,"
	" phase_state = CASE state WHEN 0 THEN 0 WHEN 3 THEN 4 ELSE 1 END,"
	" pause = CASE state WHEN 2 THEN 1 ELSE 0 END,"
	" state = CASE state WHEN 0 THEN 2 WHEN 1 THEN 3 WHEN 2 THEN 4"
	" ELSE 5 END;"
	"ALTER TABLE rollout DROP COLUMN share;"
	"ALTER TABLE rollout DROP COLUMN bucket_limit;",

	"ALTER TABLE attempt ADD COLUMN n INTEGER NOT NULL DEFAULT 1;"
	"ALTER TABLE attempt ADD COLUMN phase INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE attempt ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE attempt ADD COLUMN counted INTEGER NOT NULL DEFAULT 1;"
	"ALTER TABLE attempt ADD COLUMN stone INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE attempt ADD COLUMN installed INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE attempt ADD COLUMN heard INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE attempt ADD COLUMN interval INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE attempt ADD COLUMN due INTEGER NOT NULL DEFAULT 0;"
	/* The plus: by the device's index. By a rollout's, which is as long as
	 * a fleet, each attempt would look at all of them. */
	"UPDATE attempt SET n = (SELECT count(*) FROM attempt b"
	" WHERE +b.rollout = attempt.rollout AND b.device = attempt.device"
	" AND b.id <= attempt.id), heard = changed,"
	" interval = coalesce((SELECT d.interval FROM device d"
	" WHERE d.id = attempt.device), 0),"
	" installed = CASE WHEN state IN (4, 5, 7) THEN changed ELSE 0 END,"
	" due = CASE WHEN state < 5 THEN changed ELSE 0 END;"
	"DROP INDEX attempt_open;"
	"UPDATE attempt SET state = CASE state WHEN 4 THEN 5 WHEN 5 THEN 7"
	" WHEN 6 THEN 8 WHEN 7 THEN 9 WHEN 8 THEN 10 WHEN 9 THEN 12"
	" ELSE state END;"
	/* Two offers at once have one winner. */
	"CREATE UNIQUE INDEX attempt_open ON attempt (rollout, device)"
	" WHERE state < 7;"
	"CREATE INDEX attempt_due ON attempt (due) WHERE due > 0;"

	"DROP TABLE counter;"
	"CREATE TABLE counter (rollout INTEGER NOT NULL,"
	" phase INTEGER NOT NULL, epoch INTEGER NOT NULL,"
	" state INTEGER NOT NULL, code TEXT NOT NULL,"
	" counted INTEGER NOT NULL, n INTEGER NOT NULL,"
	" PRIMARY KEY (rollout, phase, epoch, state, code, counted))"
	" WITHOUT ROWID;"
	"INSERT INTO counter SELECT rollout, 0, 0, state, code, 1, count(*)"
	" FROM attempt GROUP BY rollout, state, code;"
	/* The first that ended in each phase, which no counter tells. */
	"CREATE TABLE early (rollout INTEGER NOT NULL, phase INTEGER NOT NULL,"
	" epoch INTEGER NOT NULL, ended INTEGER NOT NULL, bad INTEGER NOT NULL,"
	" stop INTEGER NOT NULL, PRIMARY KEY (rollout, phase, epoch))"
	" WITHOUT ROWID;"
	"CREATE TABLE hour (rollout INTEGER NOT NULL, hour INTEGER NOT NULL,"
	" installed INTEGER NOT NULL DEFAULT 0,"
	" dark INTEGER NOT NULL DEFAULT 0, seen INTEGER NOT NULL DEFAULT 0,"
	" last INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (rollout, hour))"
	" WITHOUT ROWID;",
	store_overview_attempts_index,

	/* Nightly builds outside a lab are for lab devices alone. */
	"ALTER TABLE device ADD COLUMN lab INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE release ADD COLUMN lab_only INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE rollout ADD COLUMN lab_only INTEGER NOT NULL DEFAULT 0;",
	/* One row since a backup was restored, until somebody closes it. */
	"CREATE TABLE readopt (opened INTEGER NOT NULL);",

	/* enum wire_first_use, as the device said last. */
	"ALTER TABLE device ADD COLUMN first_use INTEGER NOT NULL DEFAULT 0;",

	/* Where two officers are needed: the first, and what was said. */
	"ALTER TABLE waiting ADD COLUMN first BLOB;"
	"ALTER TABLE waiting ADD COLUMN first_cohort TEXT;",

	/* What the slot that does not run still holds; NULL: not known. */
	"ALTER TABLE device ADD COLUMN before BLOB;",

	/* The seq that a device keeps to; NULL: to none. */
	"ALTER TABLE device ADD COLUMN pin INTEGER;"
	"ALTER TABLE device ADD COLUMN pin_release TEXT;",

	/* What an officer signs for the keeper: the root of a batch's codes,
	 * the whole key of a device that waits. */
	"ALTER TABLE batch ADD COLUMN codes BLOB;"
	"ALTER TABLE waiting ADD COLUMN point BLOB;",

	/* Revisions of the hardware: what a device said last, and what the
	 * releases are for, by spaces ('': any). */
	"ALTER TABLE device ADD COLUMN hardware TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE release ADD COLUMN hardware TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE rollout ADD COLUMN hardware TEXT NOT NULL DEFAULT '';",

	/* Nothing is offered or handed out to it, until a person says so. */
	"ALTER TABLE device ADD COLUMN blocked INTEGER NOT NULL DEFAULT 0;",

	/* How a rollout went on each kind of device. An attempt from before
	 * has none, and is in no kind's counters. */
	"CREATE TABLE kind (id INTEGER PRIMARY KEY, rollout INTEGER NOT NULL,"
	" cohort TEXT NOT NULL, model TEXT NOT NULL, hardware TEXT NOT NULL,"
	" runs TEXT NOT NULL, offered INTEGER NOT NULL DEFAULT 0,"
	" confirmed INTEGER NOT NULL DEFAULT 0,"
	" bad INTEGER NOT NULL DEFAULT 0, other INTEGER NOT NULL DEFAULT 0,"
	" dark INTEGER NOT NULL DEFAULT 0, sample BLOB,"
	" UNIQUE (rollout, cohort, model, hardware, runs));"
	"ALTER TABLE attempt ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;",

	/* What rollouts of it are narrowed to; and one that is gone keeps the
	 * row that the past refers to. */
	"ALTER TABLE cohort ADD COLUMN rule TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE cohort ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;"
	"ALTER TABLE cohort ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;",

	/* Whom a rollout is for is read product by product, by id. */
	"DROP INDEX IF EXISTS device_members; DROP INDEX IF EXISTS fleet_members;"
	"CREATE INDEX device_product ON device (product, id);",

	/* GATE_SILENT came in between. */
	"UPDATE rollout SET verdict = verdict + 1 WHERE verdict >= 3;",

	/* What the code of one that waits is made with, too. */
	"ALTER TABLE waiting ADD COLUMN root BLOB;",

	/* What the last act was on: who repeats it is told that it is done. */
	"ALTER TABLE rollout ADD COLUMN last_revision INTEGER NOT NULL"
	" DEFAULT 0;",

	/* Whether all that it is for had it when it was planned. */
	"ALTER TABLE rollout ADD COLUMN everybody INTEGER NOT NULL DEFAULT 0;",

	/* Bytes and refusals by package: egress. */
	"CREATE TABLE egress (package BLOB PRIMARY KEY,"
	" since INTEGER NOT NULL, sent INTEGER NOT NULL,"
	" busy INTEGER NOT NULL) WITHOUT ROWID;",

	/* When who put it off can have it, as it says. */
	"ALTER TABLE attempt ADD COLUMN until INTEGER NOT NULL DEFAULT 0;",

	/* What imports had brought that a replay of the log tells of. */
	"CREATE TABLE recorded (role TEXT PRIMARY KEY,"
	" version INTEGER NOT NULL) WITHOUT ROWID;",
};

struct sql_value sql_digest(const struct sha256 *digest)
{
	return sql_blob(digest->bytes, SHA256_LEN);
}

struct sql_value sql_device(const struct device_id *id)
{
	return sql_blob(id->bytes, DEVICE_ID_LEN);
}

/* Ahead of who waits, if the lock happens to be free: nobody is woken for what
 * takes less than that. */
void store_lock(struct store *s)
{
	if (pthread_mutex_trylock(&s->lock) != 0)
		store_lock_in_turn(s);
}

/* Whoever waited before has had the lock by then: a mutex alone goes to who
 * asks first, and who has just let go of it is always first. */
void store_lock_in_turn(struct store *s)
{
	(void)pthread_mutex_lock(&s->turn);
	(void)pthread_mutex_lock(&s->lock);
	(void)pthread_mutex_unlock(&s->turn);
}

int store_unlock(struct store *s, int rc)
{
	(void)pthread_mutex_unlock(&s->lock);
	return rc;
}

/* A step finds every table where it looks for it: what an older program left
 * half moved is moved first, however long that takes. */
static int migrate(struct store *s, struct err *e)
{
	size_t version;
	bool moving = false;

	if (sql_version(s->db, &version, e) ||
	    store_move_is_on(s, &moving, e) ||
	    (moving && version < ARRAY_LEN(schema) &&
	     store_move_opened(s, true, e)) ||
	    sql_migrate(s->db, schema, ARRAY_LEN(schema), e))
		return -1;
	return store_move_opened(s, false, e);
}

int store_open(const char *path, struct store **out, struct err *e)
{
	return store_open_with(&sql_sqlite, path, out, e);
}

int store_open_with(const struct sql_engine *engine, const char *path,
		    struct store **out, struct err *e)
{
	struct store *s = mem_alloc(1, sizeof(*s));

	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_mutex_init(&s->turn, NULL);
	if (sql_open(engine, path, &s->db, e) || migrate(s, e)) {
		sql_close(s->db);
		(void)pthread_mutex_destroy(&s->lock);
		(void)pthread_mutex_destroy(&s->turn);
		free(s);
		return -1;
	}
	*out = s;
	return 0;
}

void store_close(struct store *s)
{
	struct err ignored;

	if (!s)
		return;
	/* Only last-seen times can be pending; losing them is no loss. */
	if (store_flush(s, &ignored))
		s->seen_count = 0;
	sql_close(s->db);
	(void)pthread_mutex_destroy(&s->lock);
	(void)pthread_mutex_destroy(&s->turn);
	free(s);
}

int store_copy(struct store *s, const char *path, uint64_t *records,
	       struct err *e)
{
	if (store_audit_size(s, records, e))
		return -1;
	store_lock(s);
	return store_unlock(s, sql_copy(s->db, path, e));
}

int store_check(struct store *s, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_check(s->db, e) || store_audit_check_locked(s, e) ? -1 : 0;
	return store_unlock(s, rc);
}

uint64_t store_changes(struct store *s)
{
	uint64_t changes;

	store_lock(s);
	changes = sql_changes(s->db);
	(void)store_unlock(s, 0);
	return changes;
}

/* ---- keys and people ----------------------------------------------------- */

static int key_is_held(struct err *e)
{
	return err_set(e, ERR_CONFLICT,
		       "this public key is known here already; a key has one "
		       "holder, for ever");
}

int store_key_is_new_locked(struct store *s, const struct sha256 *spki,
			    struct err *e)
{
	struct sql_query *q =
		sql_query(s->db, "SELECT 1 FROM key WHERE spki = ?",
			  SQL_BIND(sql_digest(spki)));
	bool known = sql_next(q);

	if (sql_end(q, e))
		return -1;
	return known ? key_is_held(e) : 0;
}

int store_take_key_locked(struct store *s, const struct sha256 *spki,
			  const char *who, struct err *e)
{
	if (sql_run(s->db, "INSERT INTO key (spki, who) VALUES (?, ?)",
		    SQL_BIND(sql_digest(spki), sql_text(who)), NULL, e) == 0)
		return 0;
	return e->code == ERR_CONFLICT ? key_is_held(e) : -1;
}

int store_key_take(struct store *s, const struct sha256 *spki, const char *who,
		   struct err *e)
{
	store_lock(s);
	return store_unlock(s, store_take_key_locked(s, spki, who, e));
}

static int add_person(struct store *s, const struct store_person *p,
		      const struct sha256 *spki, const struct audit_by *by,
		      struct err *e)
{
	struct audit_record r;

	if (store_take_key_locked(s, spki, p->name, e) ||
	    sql_run(s->db,
		    "INSERT INTO person (fingerprint, name, role, added,"
		    " cohorts, share) VALUES (?, ?, ?, ?, ?, ?)",
		    SQL_BIND(sql_digest(&p->fingerprint), sql_text(p->name),
			     sql_text(p->roles), sql_int(by->now),
			     sql_text(p->scope.cohorts),
			     sql_int(p->scope.share)),
		    NULL, e))
		return -1;
	audit_record_init(&r, AUDIT_PERSON_ADD, by);
	audit_set_digest(&r, "person", &p->fingerprint);
	audit_set_names(&r, "roles", p->roles);
	audit_set_names(&r, "cohorts", p->scope.cohorts);
	json_set_int(r.objects, "share", p->scope.share);
	return store_log_locked(s, &r, e);
}

int store_person_add(struct store *s, const struct store_person *p,
		     const struct sha256 *spki, const struct audit_by *by,
		     struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, add_person(s, p, spki, by, e), e);
	return store_unlock(s, rc);
}

static int revoke_person(struct store *s, const struct sha256 *fingerprint,
			 const struct audit_by *by, struct err *e)
{
	struct sql_query *q = sql_query(
		s->db, "SELECT revoked FROM person WHERE fingerprint = ?",
		SQL_BIND(sql_digest(fingerprint)));
	bool found = sql_next(q);
	bool before = found && sql_get_int(q, 0) != 0;
	struct audit_record r;

	if (sql_end(q, e))
		return -1;
	if (!found)
		return err_set(e, ERR_NOT_FOUND, "nobody has this certificate");
	if (before)
		return err_set(e, ERR_CONFLICT, "it is revoked already");
	if (sql_run(s->db,
		    "UPDATE person SET revoked = 1 WHERE fingerprint = ?",
		    SQL_BIND(sql_digest(fingerprint)), NULL, e))
		return -1;
	audit_record_init(&r, AUDIT_PERSON_REVOKE, by);
	audit_set_digest(&r, "person", fingerprint);
	return store_log_locked(s, &r, e);
}

int store_person_revoke(struct store *s, const struct sha256 *fingerprint,
			const struct audit_by *by, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, revoke_person(s, fingerprint, by, e), e);
	return store_unlock(s, rc);
}

int store_person_each(struct store *s,
		      void (*visit)(void *ctx, const struct store_person *p),
		      void *ctx, struct err *e)
{
	struct sql_query *q;

	store_lock(s);
	q = sql_query(s->db,
		      "SELECT fingerprint, name, role, revoked, cohorts, share"
		      " FROM person ORDER BY name, added",
		      SQL_NOTHING);
	while (sql_next(q)) {
		struct store_person p = { .revoked = sql_get_int(q, 3) != 0 };

		sql_get_blob(q, 0, p.fingerprint.bytes, SHA256_LEN);
		sql_get_text(q, 1, p.name, sizeof(p.name));
		sql_get_text(q, 2, p.roles, sizeof(p.roles));
		sql_get_text(q, 4, p.scope.cohorts, sizeof(p.scope.cohorts));
		p.scope.share = (uint32_t)sql_get_int(q, 5);
		visit(ctx, &p);
	}
	return store_unlock(s, sql_end(q, e));
}

int store_person_find(struct store *s, const struct sha256 *fingerprint,
		      struct store_person *out, struct err *e)
{
	struct store_person p = { .fingerprint = *fingerprint };
	struct sql_query *q;
	bool found;
	int rc;

	store_lock(s);
	q = sql_query(s->db,
		      "SELECT name, role, cohorts, share FROM person"
		      " WHERE fingerprint = ? AND revoked = 0",
		      SQL_BIND(sql_digest(fingerprint)));
	found = sql_next(q);
	if (found) {
		sql_get_text(q, 0, p.name, sizeof(p.name));
		sql_get_text(q, 1, p.roles, sizeof(p.roles));
		sql_get_text(q, 2, p.scope.cohorts, sizeof(p.scope.cohorts));
		p.scope.share = (uint32_t)sql_get_int(q, 3);
	}
	rc = store_unlock(s, sql_end(q, e));
	if (rc)
		return -1;
	if (!found)
		return err_set(
			e, ERR_REFUSED,
			"nobody's certificate: person add, on the server, lets one in");
	*out = p;
	return 0;
}
