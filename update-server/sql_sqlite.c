/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <sqlite3.h>

#include "common/text.h"
#include "update-server/sql_sqlite.h"

#define BUSY_MS   5000
#define VALUE_MAX (16 << 20)

/* At most 64 MiB: the upper pages of every index of a million devices, so that
 * finding one reads its own pages alone. */
#define CACHE "PRAGMA cache_size=-65536"

/* The engine's handles are SQLite's own. */
static sqlite3 *db_of(struct sql_handle *h)
{
	return (sqlite3 *)(void *)h;
}

static sqlite3_stmt *statement_of(struct sql_statement *q)
{
	return (sqlite3_stmt *)(void *)q;
}

static int fail(sqlite3 *db, struct err *e, const char *what)
{
	int code = sqlite3_extended_errcode(db) & 0xff;

	if (code == SQLITE_FULL)
		return err_set(e, ERR_SPACE, "database: %s: disk full", what);
	if (code == SQLITE_CONSTRAINT)
		return err_set(e, ERR_CONFLICT, "database: %s: %s", what,
			       sqlite3_errmsg(db));
	if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
		return err_set(e, ERR_BUSY, "database: %s: in use", what);
	return err_set(e, ERR_SYSTEM, "database: %s: %s", what,
		       sqlite3_errmsg(db));
}

/* ---- connections --------------------------------------------------------- */

static int lite_run(struct sql_handle *h, const char *text, struct err *e)
{
	if (sqlite3_exec(db_of(h), text, NULL, NULL, NULL) != SQLITE_OK)
		return fail(db_of(h), e, "statement");
	return 0;
}

static void lite_close(struct sql_handle *h)
{
	(void)sqlite3_close(db_of(h));
}

static int lite_open(const char *path, struct sql_handle **out, struct err *e)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
			  SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
	struct sql_handle *h;
	sqlite3 *db = NULL;
	int rc = sqlite3_open_v2(path, &db, flags, NULL);

	h = (struct sql_handle *)(void *)db;
	if (rc != SQLITE_OK) {
		(void)fail(db, e, path);
		lite_close(h);
		return -1;
	}
	(void)sqlite3_extended_result_codes(db, 1);
	(void)sqlite3_busy_timeout(db, BUSY_MS);
	(void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, VALUE_MAX);
	if (lite_run(h, "PRAGMA journal_mode=WAL", e) ||
	    lite_run(h, "PRAGMA synchronous=FULL", e) ||
	    lite_run(h, "PRAGMA foreign_keys=ON", e) || lite_run(h, CACHE, e) ||
	    /* A server behind its fence makes no files in /tmp. */
	    lite_run(h, "PRAGMA temp_store=MEMORY", e) ||
	    lite_run(h, "PRAGMA trusted_schema=OFF", e)) {
		err_in(e, "%s", path);
		lite_close(h);
		return -1;
	}
	*out = h;
	return 0;
}

static int lite_begin(struct sql_handle *h, struct err *e)
{
	return lite_run(h, "BEGIN IMMEDIATE", e);
}

static int64_t lite_last_id(struct sql_handle *h)
{
	return sqlite3_last_insert_rowid(db_of(h));
}

static int64_t lite_changed(struct sql_handle *h)
{
	return sqlite3_changes64(db_of(h));
}

static uint64_t lite_changes(struct sql_handle *h)
{
	return (uint64_t)sqlite3_total_changes64(db_of(h));
}

/* ---- statements ---------------------------------------------------------- */

static int lite_prepare(struct sql_handle *h, const char *text,
			struct sql_statement **out, struct err *e)
{
	sqlite3_stmt *s = NULL;

	if (sqlite3_prepare_v3(db_of(h), text, -1, SQLITE_PREPARE_PERSISTENT,
			       &s, NULL) != SQLITE_OK)
		return fail(db_of(h), e, text);
	*out = (struct sql_statement *)(void *)s;
	return 0;
}

static size_t lite_parameters(struct sql_statement *q)
{
	return (size_t)sqlite3_bind_parameter_count(statement_of(q));
}

static int bind(sqlite3_stmt *s, int at, const struct sql_value *v)
{
	const void *bytes = v->bytes.ptr ? (const void *)v->bytes.ptr : "";

	switch (v->kind) {
	case SQL_INT:
		return sqlite3_bind_int64(s, at, v->number);
	case SQL_TEXT:
		return sqlite3_bind_text64(s, at, bytes, v->bytes.len,
					   SQLITE_STATIC, SQLITE_UTF8);
	case SQL_BLOB:
		return sqlite3_bind_blob64(s, at, bytes, v->bytes.len,
					   SQLITE_STATIC);
	case SQL_NULL:
		break;
	}
	return sqlite3_bind_null(s, at);
}

static int lite_bind(struct sql_statement *q, size_t at,
		     const struct sql_value *value, struct err *e)
{
	sqlite3_stmt *s = statement_of(q);

	if (bind(s, (int)at + 1, value) != SQLITE_OK)
		return fail(sqlite3_db_handle(s), e, sqlite3_sql(s));
	return 0;
}

static int lite_step(struct sql_statement *q, struct err *e)
{
	sqlite3_stmt *s = statement_of(q);
	int rc = sqlite3_step(s);

	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return fail(sqlite3_db_handle(s), e, sqlite3_sql(s));
	return rc == SQLITE_ROW;
}

static void lite_reset(struct sql_statement *q)
{
	(void)sqlite3_reset(statement_of(q));
	(void)sqlite3_clear_bindings(statement_of(q));
}

static void lite_finalize(struct sql_statement *q)
{
	(void)sqlite3_finalize(statement_of(q));
}

static bool lite_is_null(struct sql_statement *q, int column)
{
	return sqlite3_column_type(statement_of(q), column) == SQLITE_NULL;
}

static int64_t lite_integer(struct sql_statement *q, int column)
{
	return sqlite3_column_int64(statement_of(q), column);
}

static struct slice lite_bytes(struct sql_statement *q, int column)
{
	struct slice s = { 0 };

	s.ptr = sqlite3_column_blob(statement_of(q), column);
	s.len = (size_t)sqlite3_column_bytes(statement_of(q), column);
	return s;
}

/* ---- of the whole database ----------------------------------------------- */

/* The first column of a statement's first row: *n, or text; false: no row. */
static int first(struct sql_handle *h, const char *query, bool *found,
		 int64_t *n, char text[128], struct err *e)
{
	struct sql_statement *q = NULL;
	int rc;

	if (lite_prepare(h, query, &q, e))
		return -1;
	rc = lite_step(q, e);
	*found = rc > 0;
	if (rc > 0 && n)
		*n = lite_integer(q, 0);
	if (rc > 0 && text)
		text_escape(lite_bytes(q, 0), text, 128);
	lite_finalize(q);
	return rc < 0 ? -1 : 0;
}

static int lite_version(struct sql_handle *h, size_t *version, struct err *e)
{
	int64_t n = 0;
	bool found;

	if (first(h, "PRAGMA user_version", &found, &n, NULL, e))
		return -1;
	*version = (size_t)n;
	return 0;
}

static int lite_set_version(struct sql_handle *h, size_t version, struct err *e)
{
	/* A pragma takes no bound values; the number is our own. */
	char text[64];

	if (text_format(text, sizeof(text), e, "PRAGMA user_version=%zu",
			version))
		return -1;
	return lite_run(h, text, e);
}

static int lite_copy(struct sql_handle *h, const char *path, struct err *e)
{
	const struct sql_value to = { .kind = SQL_TEXT,
				      .bytes = slice_of(path) };
	struct sql_statement *q = NULL;
	int rc;

	if (lite_prepare(h, "VACUUM INTO ?", &q, e))
		return -1;
	rc = lite_bind(q, 0, &to, e) || lite_step(q, e) < 0 ? -1 : 0;
	lite_finalize(q);
	return rc;
}

static int lite_check(struct sql_handle *h, struct err *e)
{
	char text[128] = "";
	bool found;

	if (first(h, "PRAGMA integrity_check(1)", &found, NULL, text, e))
		return -1;
	if (strcmp(text, "ok") != 0)
		return err_set(e, ERR_SYSTEM, "the database is damaged: %s",
			       text);
	if (first(h, "PRAGMA foreign_key_check", &found, NULL, text, e))
		return -1;
	return found ? err_set(e, ERR_SYSTEM,
			       "the database refers to what is not there: "
			       "table %s",
			       text)
		     : 0;
}

const struct sql_engine sql_sqlite = {
	.open = lite_open,
	.close = lite_close,
	.run = lite_run,
	.begin = lite_begin,
	.version = lite_version,
	.set_version = lite_set_version,
	.prepare = lite_prepare,
	.parameters = lite_parameters,
	.bind = lite_bind,
	.step = lite_step,
	.reset = lite_reset,
	.finalize = lite_finalize,
	.is_null = lite_is_null,
	.integer = lite_integer,
	.bytes = lite_bytes,
	.last_id = lite_last_id,
	.changed = lite_changed,
	.changes = lite_changes,
	.copy = lite_copy,
	.check = lite_check,
};
