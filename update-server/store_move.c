/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of the devices, moved into one with row numbers while the server
 * serves. As WITHOUT ROWID, with certificates in its rows, it took 4.9 KB a
 * device and ten pages to find one; with row numbers it takes 1.5 KB and six.
 *
 *	device            what everybody reads and writes, from first to last
 *	device_rows       what is copied so far; triggers keep it as the other
 *is moving            up to which id that is device_old        after the names
 *were exchanged: until it is empty
 *
 * Each step is one transaction, so a kill loses the one that it cut off. What
 * is to be done is read from the schema itself, in that transaction: a command
 * beside the server moves the same table.
 */
#include "update-server/store_db.h"

#define DECLARATION_MAX 16384
#define ROWS            256 /* in one step: some ten milliseconds */
#define AT_ONCE         6 /* steps: a small fleet is moved before it is served */

/* ---- what is to be done -------------------------------------------------- */

enum work {
	WORK_NONE,
	WORK_BEGIN,
	WORK_COPY,
	WORK_CLEAR
};

static int find_work(struct store *s, enum work *out, struct err *e)
{
	struct sql_query *q = sql_query(
		s->db,
		"SELECT (SELECT sql LIKE '%WITHOUT ROWID' FROM sqlite_master"
		" WHERE type = 'table' AND name = 'device'),"
		" (SELECT count(*) FROM sqlite_master"
		" WHERE type = 'table' AND name = 'device_rows'),"
		" (SELECT count(*) FROM sqlite_master"
		" WHERE type = 'table' AND name = 'device_old')",
		SQL_NOTHING);

	*out = WORK_NONE;
	if (sql_next(q)) {
		if (sql_get_int(q, 1) != 0)
			*out = WORK_COPY;
		else if (sql_get_int(q, 0) != 0)
			*out = WORK_BEGIN;
		else if (sql_get_int(q, 2) != 0)
			*out = WORK_CLEAR;
	}
	return sql_end(q, e);
}

/* ---- begin --------------------------------------------------------------- */

/* The new table has whatever columns the old one has by now. */
static int declare(struct store *s, struct buf *out, struct err *e)
{
	struct sql_query *q =
		sql_query(s->db,
			  "SELECT 'CREATE TABLE device_rows ' || substr(sql,"
			  " instr(sql, '('), length(sql) - instr(sql, '(') + 1"
			  " - length('WITHOUT ROWID')) FROM sqlite_master"
			  " WHERE type = 'table' AND name = 'device'",
			  SQL_NOTHING);
	int rc = sql_next(q) ? buf_add(out, sql_get_bytes(q, 0), e) : 0;

	return sql_end(q, e) ? -1 : rc;
}

/* Each list is a page of an index, by id, which a table with row numbers does
 * not put into its indexes by itself. */
static const char mirror[] =
	"CREATE INDEX fleet_product ON device_rows (product, id);"
	"CREATE UNIQUE INDEX fleet_next ON device_rows (next_fingerprint);"
	"CREATE INDEX fleet_release ON device_rows (product, release, id)"
	" WHERE revoked = 0;"
	"CREATE INDEX fleet_cohort ON device_rows (cohort, id)"
	" WHERE revoked = 0;"
	"CREATE INDEX fleet_seen ON device_rows (seen_day, id)"
	" WHERE revoked = 0;"
	"CREATE INDEX fleet_gone ON device_rows (revoked, id)"
	" WHERE revoked != 0;"
	"CREATE INDEX fleet_apart ON device_rows (revoked, id)"
	" WHERE quarantined != 0;"
	"CREATE TABLE moving (at BLOB NOT NULL);"
	"INSERT INTO moving VALUES (x'');"
	"CREATE TRIGGER moving_comes AFTER INSERT ON device"
	" WHEN new.id <= (SELECT at FROM moving) BEGIN"
	" INSERT OR REPLACE INTO device_rows"
	" SELECT * FROM device WHERE id = new.id; END;"
	"CREATE TRIGGER moving_changes AFTER UPDATE ON device"
	" WHEN new.id <= (SELECT at FROM moving) BEGIN"
	" INSERT OR REPLACE INTO device_rows"
	" SELECT * FROM device WHERE id = new.id; END;"
	"CREATE TRIGGER moving_goes AFTER DELETE ON device BEGIN"
	" DELETE FROM device_rows WHERE id = old.id; END;";

static int begin(struct store *s, struct err *e)
{
	struct buf text = BUF_INIT(DECLARATION_MAX);
	int rc = -1;

	if (declare(s, &text, e) == 0 &&
	    sql_script(s->db, buf_text(&text), e) == 0)
		rc = sql_script(s->db, mirror, e);
	buf_done(&text);
	return rc;
}

/* ---- copy, and exchange -------------------------------------------------- */

static const char copy_rows[] =
	"INSERT INTO device_rows SELECT * FROM device"
	" WHERE id > (SELECT at FROM moving) ORDER BY id LIMIT ?";
static const char note_rows[] =
	"UPDATE moving SET at = (SELECT max(id) FROM device_rows)";

/* The triggers of the old table, which would go with its name. */
static const char exchange[] =
	"DROP TRIGGER moving_comes; DROP TRIGGER moving_changes;"
	"DROP TRIGGER moving_goes; DROP TABLE moving;"
	"DROP TRIGGER device_comes; DROP TRIGGER device_goes;"
	"DROP TRIGGER device_leaves; DROP TRIGGER device_joins;"
	"DROP TRIGGER device_aside_comes; DROP TRIGGER device_aside_goes;"
	"DROP TRIGGER device_aside_leaves; DROP TRIGGER device_aside_joins;"
	"DROP TRIGGER device_day_comes; DROP TRIGGER device_day_goes;"
	"DROP TRIGGER device_day_moves; DROP TRIGGER device_day_ends;"
	"DROP TRIGGER device_day_returns;"
	"ALTER TABLE device RENAME TO device_old;"
	"ALTER TABLE device_rows RENAME TO device;"
	/* Whoever is forgotten is so at once. */
	"CREATE TRIGGER moving_forgets AFTER DELETE ON device BEGIN"
	" DELETE FROM device_old WHERE id = old.id; END;";

static int copy(struct store *s, struct err *e)
{
	int64_t copied = 0;

	if (sql_run(s->db, copy_rows, SQL_BIND(sql_int(ROWS)), &copied, e))
		return -1;
	if (copied > 0)
		return sql_run(s->db, note_rows, SQL_NOTHING, NULL, e);
	return sql_script(s->db, exchange, e) ||
			       sql_script(s->db, store_overview_triggers, e)
		       ? -1
		       : 0;
}

/* ---- clear --------------------------------------------------------------- */

/* A table of gigabytes cannot be dropped in one step. */
static const char clear_rows[] =
	"DELETE FROM device_old WHERE id IN"
	" (SELECT id FROM device_old ORDER BY id LIMIT ?)";

static int clear(struct store *s, struct err *e)
{
	int64_t gone = 0;

	if (sql_run(s->db, clear_rows, SQL_BIND(sql_int(ROWS)), &gone, e))
		return -1;
	return gone > 0 ? 0
			: sql_script(s->db,
				     "DROP TRIGGER moving_forgets;"
				     "DROP TABLE device_old",
				     e);
}

/* ---- steps --------------------------------------------------------------- */

static int step(struct store *s, enum work work, struct err *e)
{
	switch (work) {
	case WORK_BEGIN:
		return begin(s, e);
	case WORK_COPY:
		return copy(s, e);
	case WORK_CLEAR:
		return clear(s, e);
	case WORK_NONE:
		break;
	}
	return 0;
}

static int find_and_do(struct store *s, enum work *work, struct err *e)
{
	if (sql_begin(s->db, e))
		return -1;
	return sql_finish(s->db, find_work(s, work, e) ? -1 : step(s, *work, e),
			  e);
}

/*
 * What other tables refer to is the name: they shall not follow the old table
 * as it is renamed. Rows that are copied were checked when they were made. In a
 * transaction the engine would not hear of it.
 */
static int do_apart(struct store *s, enum work *work, struct err *e)
{
	struct err later;
	int rc;

	if (sql_script(s->db,
		       "PRAGMA foreign_keys=OFF;"
		       "PRAGMA legacy_alter_table=ON",
		       e))
		return -1;
	rc = find_and_do(s, work, e);
	if (sql_script(s->db,
		       "PRAGMA foreign_keys=ON;"
		       "PRAGMA legacy_alter_table=OFF",
		       rc ? &later : e))
		rc = -1;
	return rc;
}

/* Most stores have nothing to do, and then write nothing. */
static int move(struct store *s, enum work *work, struct err *e)
{
	if (find_work(s, work, e) ||
	    (*work != WORK_NONE && do_apart(s, work, e)))
		return err_in(e, "moving the table of devices");
	return 0;
}

int store_move(struct store *s, bool *more, struct err *e)
{
	enum work work = WORK_NONE;
	int rc;

	store_lock_in_turn(s);
	rc = store_unlock(s, move(s, &work, e));
	*more = work != WORK_NONE;
	return rc;
}

int store_move_opened(struct store *s, bool whole, struct err *e)
{
	enum work work = WORK_BEGIN;

	for (size_t i = 0; (i < AT_ONCE || whole) && work != WORK_NONE; i++)
		if (move(s, &work, e))
			return -1;
	return 0;
}

int store_move_is_on(struct store *s, bool *on, struct err *e)
{
	enum work work;

	if (find_work(s, &work, e))
		return -1;
	*on = work == WORK_COPY || work == WORK_CLEAR;
	return 0;
}
