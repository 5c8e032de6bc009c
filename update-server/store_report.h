/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_report - reports over an air gap: those that this server hands out,
 * with what proves them, and the last one of each server that no network
 * reaches.
 */
#ifndef UPDATE_SERVER_STORE_REPORT_H
#define UPDATE_SERVER_STORE_REPORT_H

#include "update-server/outpost.h"
#include "update-server/store.h"

/* The number and digest of this server's last report; 0: none yet. */
int store_report_last(struct store *s, uint64_t *number, struct sha256 *digest,
		      struct err *e) NODISCARD;
/* The next one, and its act. */
int store_report_add(struct store *s, uint64_t number, const char *text,
		     const struct audit_by *by, struct err *e) NODISCARD;
/* Those that were not signed yet are covered by this checkpoint. */
int store_report_sign(struct store *s, uint64_t size, const char *checkpoint,
		      struct err *e) NODISCARD;
/* The numbers of the newest signed ones, from one on, in order. */
int store_report_each(struct store *s, uint64_t since, size_t max,
		      void (*visit)(void *ctx, uint64_t number), void *ctx,
		      struct err *e) NODISCARD;

struct report_proofs {
	struct merkle_proof included, grown;
};

struct store_report {
	uint64_t number; /* asked for */
	uint64_t index;  /* of its record */
	uint64_t size;   /* of the log, as it was signed */
	uint64_t from;   /* at the report before; 0: there is none */
	char text[OUTPOST_TEXT_MAX + 1];
	char record[AUDIT_RECORD_MAX + 1];
	char checkpoint[AUDIT_CHECKPOINT_MAX + 1];
	struct report_proofs proofs;
};

/* ERR_NOT_FOUND. */
int store_report_get(struct store *s, struct store_report *r,
		     struct err *e) NODISCARD;

/* A server that no network reaches, and its last report. */
struct store_outpost {
	char name[NAME_MAX_LEN + 1];
	char key[EC_PEM_MAX_LEN + 1]; /* its log's, PEM */
	struct sha256 fingerprint;
	struct outpost_known known;
	char report[OUTPOST_TEXT_MAX + 1];
	int64_t added, received;
};

/* ERR_CONFLICT for a name or a key that is known. */
int store_outpost_add(struct store *s, const struct store_outpost *o,
		      const struct audit_by *by, struct err *e) NODISCARD;
/* ERR_NOT_FOUND. */
int store_outpost_find(struct store *s, const char *name,
		       struct store_outpost *out, struct err *e) NODISCARD;
int store_outpost_of_key(struct store *s, const struct sha256 *fingerprint,
			 struct store_outpost *out, struct err *e) NODISCARD;
int store_outpost_each(struct store *s,
		       void (*visit)(void *ctx, const struct store_outpost *o),
		       void *ctx, struct err *e) NODISCARD;
/* o->report, verified to be the next after o->known. ERR_CONFLICT if another
 * came meanwhile. */
int store_outpost_report(struct store *s, const struct store_outpost *o,
			 const struct outpost_known *next,
			 const struct audit_by *by, struct err *e) NODISCARD;

#endif
