/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/sql.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "common/mem.h"
#include "common/steady.h"
#include "common/text.h"

#define BUSY_MS 5000

struct sql_query {
	struct sql *db;
	struct sql_query *next;
	const char *text;
	sqlite3_stmt *statement;
	struct err failure;
};

struct sql {
	sqlite3 *handle;
	struct sql_query *queries; /* as many as the program has texts */
	void (*seen)(void *ctx, uint64_t ns); /* a commit; NULL: nobody */
	void *seen_ctx;
};

static int fail(sqlite3 *handle, struct err *e, const char *what)
{
	int code = sqlite3_extended_errcode(handle) & 0xff;

	if (code == SQLITE_FULL)
		return err_set(e, ERR_SPACE, "database: %s: disk full", what);
	if (code == SQLITE_CONSTRAINT)
		return err_set(e, ERR_CONFLICT, "database: %s: %s", what,
			       sqlite3_errmsg(handle));
	if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
		return err_set(e, ERR_BUSY, "database: %s: in use", what);
	return err_set(e, ERR_SYSTEM, "database: %s: %s", what,
		       sqlite3_errmsg(handle));
}

struct sql_value sql_null(void)
{
	return (struct sql_value){ .kind = SQL_NULL };
}

struct sql_value sql_int(int64_t value)
{
	return (struct sql_value){ .kind = SQL_INT, .number = value };
}

struct sql_value sql_text(const char *text)
{
	return (struct sql_value){ .kind = SQL_TEXT, .bytes = slice_of(text) };
}

struct sql_value sql_blob(const void *bytes, size_t len)
{
	return (struct sql_value){ .kind = SQL_BLOB, .bytes = { bytes, len } };
}

static int run_literal(struct sql *db, const char *text, struct err *e)
{
	if (sqlite3_exec(db->handle, text, NULL, NULL, NULL) != SQLITE_OK)
		return fail(db->handle, e, "statement");
	return 0;
}

int sql_open(const char *path, struct sql **out, struct err *e)
{
	struct sql *db = mem_alloc(1, sizeof(*db));
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
			  SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;

	if (sqlite3_open_v2(path, &db->handle, flags, NULL) != SQLITE_OK) {
		(void)fail(db->handle, e, path);
		sql_close(db);
		return -1;
	}
	(void)sqlite3_extended_result_codes(db->handle, 1);
	(void)sqlite3_busy_timeout(db->handle, BUSY_MS);
	(void)sqlite3_limit(db->handle, SQLITE_LIMIT_LENGTH, 16 << 20);
	if (run_literal(db, "PRAGMA journal_mode=WAL", e) ||
	    run_literal(db, "PRAGMA synchronous=FULL", e) ||
	    run_literal(db, "PRAGMA foreign_keys=ON", e) ||
	    run_literal(db, "PRAGMA trusted_schema=OFF", e)) {
		err_in(e, "%s", path);
		sql_close(db);
		return -1;
	}
	*out = db;
	return 0;
}

void sql_close(struct sql *db)
{
	if (!db)
		return;
	while (db->queries) {
		struct sql_query *q = db->queries;

		db->queries = q->next;
		(void)sqlite3_finalize(q->statement);
		free(q);
	}
	(void)sqlite3_close(db->handle);
	free(db);
}

static int schema_version(struct sql *db, size_t *version, struct err *e)
{
	struct sql_query *q = sql_query(db, "PRAGMA user_version", SQL_NOTHING);

	if (sql_next(q))
		*version = (size_t)sql_get_int(q, 0);
	return sql_end(q, e);
}

static int set_schema_version(struct sql *db, size_t version, struct err *e)
{
	/* A pragma takes no bound values; the number is our own. */
	char text[64];

	if (text_format(text, sizeof(text), e, "PRAGMA user_version=%zu",
			version))
		return -1;
	return run_literal(db, text, e);
}

int sql_migrate(struct sql *db, const char *const *steps, size_t count,
		struct err *e)
{
	size_t version = 0;

	if (schema_version(db, &version, e))
		return -1;
	if (version > count)
		return err_set(e, ERR_CONFIG,
			       "the database is of a newer version (%zu) than "
			       "this program knows (%zu)",
			       version, count);
	for (; version < count; version++) {
		int rc;

		if (sql_begin(db, e))
			return -1;
		rc = run_literal(db, steps[version], e) ||
				     set_schema_version(db, version + 1, e)
			     ? -1
			     : 0;
		if (sql_finish(db, rc, e))
			return err_in(e, "schema step %zu", version + 1);
	}
	return 0;
}

int sql_begin(struct sql *db, struct err *e)
{
	return sql_run(db, "BEGIN IMMEDIATE", SQL_NOTHING, NULL, e);
}

void sql_watch_commits(struct sql *db, void (*seen)(void *ctx, uint64_t ns),
		       void *ctx)
{
	db->seen = seen;
	db->seen_ctx = ctx;
}

static int commit(struct sql *db, struct err *e)
{
	uint64_t from = steady_ns();

	if (sql_run(db, "COMMIT", SQL_NOTHING, NULL, e))
		return -1;
	if (db->seen)
		db->seen(db->seen_ctx, steady_ns() - from);
	return 0;
}

int sql_finish(struct sql *db, int rc, struct err *e)
{
	struct err ignored;

	if (rc == 0 && commit(db, e) == 0)
		return 0;
	/* The first failure is the one worth reporting. */
	if (sql_run(db, "ROLLBACK", SQL_NOTHING, NULL, &ignored))
		return -1;
	return -1;
}

/* The first ones asked for are those asked for most: they stay in front. */
static struct sql_query *find_query(struct sql *db, const char *text)
{
	struct sql_query **at = &db->queries;

	while (*at && (*at)->text != text)
		at = &(*at)->next;
	if (!*at) {
		*at = mem_alloc(1, sizeof(**at));
		(*at)->db = db;
		(*at)->text = text;
	}
	return *at;
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

struct sql_query *sql_query(struct sql *db, const char *text,
			    const struct sql_value *values, size_t count)
{
	struct sql_query *q = find_query(db, text);

	q->failure.code = ERR_NONE;
	if (!q->statement &&
	    sqlite3_prepare_v3(db->handle, text, -1, SQLITE_PREPARE_PERSISTENT,
			       &q->statement, NULL) != SQLITE_OK) {
		(void)fail(db->handle, &q->failure, text);
		return q;
	}
	assert((size_t)sqlite3_bind_parameter_count(q->statement) == count);
	for (size_t i = 0; i < count; i++)
		if (bind(q->statement, (int)i + 1, &values[i]) != SQLITE_OK)
			(void)fail(db->handle, &q->failure, text);
	return q;
}

bool sql_next(struct sql_query *q)
{
	int rc;

	if (q->failure.code != ERR_NONE)
		return false;
	rc = sqlite3_step(q->statement);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		(void)fail(q->db->handle, &q->failure, q->text);
	return rc == SQLITE_ROW;
}

int64_t sql_get_int(struct sql_query *q, int column)
{
	return sqlite3_column_int64(q->statement, column);
}

bool sql_get_null(struct sql_query *q, int column)
{
	return sqlite3_column_type(q->statement, column) == SQLITE_NULL;
}

struct slice sql_get_bytes(struct sql_query *q, int column)
{
	struct slice s = { 0 };

	s.ptr = sqlite3_column_blob(q->statement, column);
	s.len = (size_t)sqlite3_column_bytes(q->statement, column);
	return s;
}

void sql_get_text(struct sql_query *q, int column, char *out, size_t size)
{
	struct slice s = sql_get_bytes(q, column);

	out[0] = 0;
	if (s.len >= size || (s.len > 0 && memchr(s.ptr, 0, s.len))) {
		(void)err_set(&q->failure, ERR_FORMAT,
			      "database: column %d of %s", column, q->text);
		return;
	}
	if (s.len > 0)
		memcpy(out, s.ptr, s.len);
	out[s.len] = 0;
}

void sql_get_blob(struct sql_query *q, int column, void *out, size_t len)
{
	struct slice s = sql_get_bytes(q, column);

	if (s.len == len) {
		memcpy(out, s.ptr, len);
		return;
	}
	memset(out, 0, len);
	if (s.len > 0)
		(void)err_set(&q->failure, ERR_FORMAT,
			      "database: column %d of %s", column, q->text);
}

int sql_end(struct sql_query *q, struct err *e)
{
	if (q->statement) {
		(void)sqlite3_reset(q->statement);
		(void)sqlite3_clear_bindings(q->statement);
	}
	if (q->failure.code == ERR_NONE)
		return 0;
	*e = q->failure;
	return -1;
}

int sql_run(struct sql *db, const char *text, const struct sql_value *values,
	    size_t count, int64_t *changed, struct err *e)
{
	struct sql_query *q = sql_query(db, text, values, count);

	while (sql_next(q))
		;
	if (sql_end(q, e))
		return -1;
	if (changed)
		*changed = sqlite3_changes64(db->handle);
	return 0;
}

int64_t sql_last_id(struct sql *db)
{
	return sqlite3_last_insert_rowid(db->handle);
}

uint64_t sql_changes(struct sql *db)
{
	return (uint64_t)sqlite3_total_changes64(db->handle);
}
