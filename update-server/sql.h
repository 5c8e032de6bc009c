/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sql - a database behind a few calls: prepared statements alone, values bound,
 * every text and blob read back with a limit. Which database is a table of
 * operations (sql_engine.h). Not thread-safe: its one user, the store, holds a
 * lock around each operation.
 *
 *	struct sql_query *q = sql_query(db, "SELECT b FROM t WHERE a = ?",
 *					SQL_BIND(sql_text(a)));
 *	while (sql_next(q)) use(sql_get_int(q, 0));
 *	return sql_end(q, e);
 *
 * A failure anywhere sticks in the query and comes out of sql_end(), so the
 * reads between need no checks of their own. Statement texts are literals:
 * they are prepared once and found again by their address.
 */
#ifndef UPDATE_SERVER_SQL_H
#define UPDATE_SERVER_SQL_H

#include "update-server/sql_engine.h"

struct sql;       /* one connection */
struct sql_query; /* one statement in use; owned by the connection */

struct sql_value sql_null(void);
struct sql_value sql_int(int64_t value);
struct sql_value sql_text(const char *text);
struct sql_value sql_blob(const void *bytes, size_t len);

#define SQL_BIND(...)                                                          \
	(const struct sql_value[]){ __VA_ARGS__ },                             \
		ARRAY_LEN(((const struct sql_value[]){ __VA_ARGS__ }))
#define SQL_NOTHING NULL, 0

/* Open or create a database. */
int sql_open(const struct sql_engine *engine, const char *path,
	     struct sql **out, struct err *e) NODISCARD;
void sql_close(struct sql *db);

/*
 * Bring the schema up to date: steps[i] takes version i to i + 1, each in a
 * transaction. ERR_CONFIG for a database from a newer program.
 */
int sql_migrate(struct sql *db, const char *const *steps, size_t count,
		struct err *e) NODISCARD;

/* How many steps a database has taken. */
int sql_version(struct sql *db, size_t *version, struct err *e) NODISCARD;
/* Statements without values, one after another. */
int sql_script(struct sql *db, const char *text, struct err *e) NODISCARD;

int sql_begin(struct sql *db, struct err *e) NODISCARD;
/* Tell how long each commit took. Called within sql_finish(). */
void sql_watch_commits(struct sql *db, void (*seen)(void *ctx, uint64_t ns),
		       void *ctx);
/* Commit if rc is 0, else roll back; returns rc, or -1 if commit failed. */
int sql_finish(struct sql *db, int rc, struct err *e) NODISCARD;

struct sql_query *sql_query(struct sql *db, const char *text,
			    const struct sql_value *values, size_t count);
bool sql_next(struct sql_query *q);
int64_t sql_get_int(struct sql_query *q, int column);
bool sql_get_null(struct sql_query *q, int column);
/* Copies; a longer text or a blob of another length fails the query. */
void sql_get_text(struct sql_query *q, int column, char *out, size_t size);
void sql_get_blob(struct sql_query *q, int column, void *out, size_t len);
/* Borrowed until the next call on this query. */
struct slice sql_get_bytes(struct sql_query *q, int column);
int sql_end(struct sql_query *q, struct err *e) NODISCARD;

/* A statement without rows; *changed (may be NULL) counts rows changed. */
int sql_run(struct sql *db, const char *text, const struct sql_value *values,
	    size_t count, int64_t *changed, struct err *e) NODISCARD;
int64_t sql_last_id(struct sql *db);
/* How many rows were changed by this connection, ever. */
uint64_t sql_changes(struct sql *db);

/* Copy all of it to a file that is not there yet. */
int sql_copy(struct sql *db, const char *path, struct err *e) NODISCARD;
/* ERR_SYSTEM with the first thing that is found wrong. */
int sql_check(struct sql *db, struct err *e) NODISCARD;

#endif
