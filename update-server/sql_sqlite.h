/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sql_sqlite - the engine that needs nothing: SQLite in a file, WAL,
 * synchronous=FULL.
 */
#ifndef UPDATE_SERVER_SQL_SQLITE_H
#define UPDATE_SERVER_SQL_SQLITE_H

#include "update-server/sql_engine.h"

extern const struct sql_engine sql_sqlite;

#endif
