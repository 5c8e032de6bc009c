/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/sql.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/steady.h"
#include "update-server/sql_engine.h"

#define BUCKETS 256

struct sql_query {
	struct sql *db;
	struct sql_query *next;
	const char *text;
	struct sql_statement *statement;
	struct err failure;
};

struct sql {
	const struct sql_engine *engine;
	struct sql_handle *handle;
	/* As many as the program has texts, by their addresses. */
	struct sql_query *queries[BUCKETS];
	void (*seen)(void *ctx, uint64_t ns); /* a commit; NULL: nobody */
	void *seen_ctx;
};

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

int sql_open(const struct sql_engine *engine, const char *path,
	     struct sql **out, struct err *e)
{
	struct sql_handle *handle;

	if (engine->open(path, &handle, e))
		return -1;
	*out = mem_alloc(1, sizeof(**out));
	(*out)->engine = engine;
	(*out)->handle = handle;
	return 0;
}

static void close_queries(struct sql *db, struct sql_query *q)
{
	while (q) {
		struct sql_query *next = q->next;

		if (q->statement)
			db->engine->finalize(q->statement);
		free(q);
		q = next;
	}
}

void sql_close(struct sql *db)
{
	if (!db)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		close_queries(db, db->queries[i]);
	db->engine->close(db->handle);
	free(db);
}

int sql_migrate(struct sql *db, const char *const *steps, size_t count,
		struct err *e)
{
	size_t version = 0;

	if (db->engine->version(db->handle, &version, e))
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
		rc = db->engine->run(db->handle, steps[version], e) ||
		     db->engine->set_version(db->handle, version + 1, e);
		if (sql_finish(db, rc ? -1 : 0, e))
			return err_in(e, "schema step %zu", version + 1);
	}
	return 0;
}

int sql_version(struct sql *db, size_t *version, struct err *e)
{
	return db->engine->version(db->handle, version, e);
}

int sql_script(struct sql *db, const char *text, struct err *e)
{
	return db->engine->run(db->handle, text, e);
}

int sql_begin(struct sql *db, struct err *e)
{
	return db->engine->begin(db->handle, e);
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

static struct sql_query *find_query(struct sql *db, const char *text)
{
	/* Literals lie one after another; few are shorter than eight bytes. */
	size_t bucket = ((uintptr_t)text >> 3) % BUCKETS;
	struct sql_query **at = &db->queries[bucket];

	while (*at && (*at)->text != text)
		at = &(*at)->next;
	if (!*at) {
		*at = mem_alloc(1, sizeof(**at));
		(*at)->db = db;
		(*at)->text = text;
	}
	return *at;
}

struct sql_query *sql_query(struct sql *db, const char *text,
			    const struct sql_value *values, size_t count)
{
	struct sql_query *q = find_query(db, text);

	q->failure.code = ERR_NONE;
	if (!q->statement &&
	    db->engine->prepare(db->handle, text, &q->statement, &q->failure))
		return q;
	assert(db->engine->parameters(q->statement) == count);
	for (size_t i = 0; i < count && q->failure.code == ERR_NONE; i++)
		(void)db->engine->bind(q->statement, i, &values[i],
				       &q->failure);
	return q;
}

bool sql_next(struct sql_query *q)
{
	return q->failure.code == ERR_NONE &&
	       q->db->engine->step(q->statement, &q->failure) > 0;
}

int64_t sql_get_int(struct sql_query *q, int column)
{
	return q->db->engine->integer(q->statement, column);
}

bool sql_get_null(struct sql_query *q, int column)
{
	return q->db->engine->is_null(q->statement, column);
}

struct slice sql_get_bytes(struct sql_query *q, int column)
{
	return q->db->engine->bytes(q->statement, column);
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
	if (q->statement)
		q->db->engine->reset(q->statement);
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
		*changed = db->engine->changed(db->handle);
	return 0;
}

int64_t sql_last_id(struct sql *db)
{
	return db->engine->last_id(db->handle);
}

uint64_t sql_changes(struct sql *db)
{
	return db->engine->changes(db->handle);
}

int sql_copy(struct sql *db, const char *path, struct err *e)
{
	return db->engine->copy(db->handle, path, e);
}

int sql_check(struct sql *db, struct err *e)
{
	return db->engine->check(db->handle, e);
}
