/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sql_engine - all that the store asks of a database, as one table of
 * operations. sql.c is its only caller, and calls one at a time; another
 * database is another table (docs/architecture.md says what its SQL has to
 * understand). Statements and values are the store's own, never a stranger's.
 */
#ifndef UPDATE_SERVER_SQL_ENGINE_H
#define UPDATE_SERVER_SQL_ENGINE_H

#include "common/rd.h"

enum sql_kind {
	SQL_NULL,
	SQL_INT,
	SQL_TEXT,
	SQL_BLOB
};

struct sql_value {
	enum sql_kind kind;
	int64_t number;
	struct slice bytes; /* borrowed */
};

/* A connection and a statement of the engine's own. */
struct sql_handle;
struct sql_statement;

/*
 * Failures: ERR_SPACE when there is no room, ERR_CONFLICT for what a constraint
 * refuses, ERR_BUSY when somebody else has it locked for too long, ERR_SYSTEM
 * for the rest. After one, ROLLBACK is all that the transaction can do.
 */
struct sql_engine {
	/* What is committed outlives the power; foreign keys are looked at. */
	int (*open)(const char *path, struct sql_handle **out, struct err *e);
	void (*close)(struct sql_handle *h); /* statements are gone already */

	/* Statements without values, several if need be. */
	int (*run)(struct sql_handle *h, const char *text, struct err *e);
	/* So that whoever writes meanwhile waits. Ended by COMMIT, ROLLBACK. */
	int (*begin)(struct sql_handle *h, struct err *e);
	/* The number of the schema; set within the step's transaction. */
	int (*version)(struct sql_handle *h, size_t *version, struct err *e);
	int (*set_version)(struct sql_handle *h, size_t version, struct err *e);

	int (*prepare)(struct sql_handle *h, const char *text,
		       struct sql_statement **out, struct err *e);
	size_t (*parameters)(struct sql_statement *q); /* how many "?" */
	/* From 0. What the value borrows lives until reset. */
	int (*bind)(struct sql_statement *q, size_t at,
		    const struct sql_value *value, struct err *e);
	/* 1: a row is there; 0: no more; -1. */
	int (*step)(struct sql_statement *q, struct err *e);
	void (*reset)(struct sql_statement *q); /* values forgotten, too */
	void (*finalize)(struct sql_statement *q);

	/* Of the row; what is borrowed lives until the next step. */
	bool (*is_null)(struct sql_statement *q, int column);
	int64_t (*integer)(struct sql_statement *q, int column);
	struct slice (*bytes)(struct sql_statement *q, int column);

	int64_t (*last_id)(struct sql_handle *h);
	int64_t (*changed)(struct sql_handle *h);  /* by the last statement */
	uint64_t (*changes)(struct sql_handle *h); /* by this connection */

	/* A copy of all of it, as of now, to a file that is not there yet. */
	int (*copy)(struct sql_handle *h, const char *path, struct err *e);
	/* Is it whole, and does it refer to nothing that is not there? */
	int (*check)(struct sql_handle *h, struct err *e);
};

#endif
