/* SPDX-License-Identifier: Apache-2.0 */
/*
 * warrant - a person's signed word to the keeper. Pure.
 *
 * The keeper believes no server process about who may have a certificate. What
 * it goes by was signed by an officer's own key, on the officer's own machine:
 * one line of canonical JSON,
 *
 *	{"sig":"<hex DER>","signed":{"act":"...","by":"<certificate>","time":
 *	 "...","type":"warrant","v":1, and the members of the act}}
 *
 *	token-create    codes count product model cohort life|until
 *	                [quota] [per_hour] [inactive] [replaces]
 *	token-activate  codes
 *	token-revoke    codes [index]         without index: all of them
 *	device-approve  key product model cohort [replaces]
 *	device-end      device                revoked or retired, for good
 *
 * "codes" is the root of a batch (codes.h) and names it; "key" is the SHA-256
 * of a SubjectPublicKeyInfo. Beside the members of the act stands "server", the
 * fingerprint of the server's CA certificate that the person pins: so the word
 * for one server is none for another. (Left out in ledgers from before it was
 * there; the keeper takes none without it any more.) What is accepted has one
 * spelling.
 */
#ifndef UPDATE_SERVER_WARRANT_H
#define UPDATE_SERVER_WARRANT_H

#include "common/ec.h"
#include "common/text.h"
#include "common/utc.h"
#include "common/x509.h"

#include "update-server/codes.h"

#define WARRANT_MAX      2048
#define WARRANT_DAYS_MAX 400 /* that a batch's codes may be good */
/* A clock of an officer's may differ so much from the keeper's. */
#define WARRANT_SLACK_SEC 3600

enum warrant_act {
	WARRANT_CREATE,
	WARRANT_ACTIVATE,
	WARRANT_WITHDRAW,
	WARRANT_APPROVE,
	WARRANT_END,
	WARRANT_ACTS
};

struct warrant {
	enum warrant_act act;
	struct sha256 by; /* the person's certificate */
	bool bound;
	struct sha256 server; /* bound: to the server of this CA */
	int64_t time;
	/* create, activate, withdraw */
	struct sha256 codes;
	/* create */
	uint64_t count, quota, per_hour; /* 0: no such bound */
	int64_t life;  /* seconds from its activation on; 0: there is until */
	int64_t until; /* 0: there is life */
	bool inactive;
	/* withdraw */
	bool one;
	uint64_t index;
	/* approve */
	struct sha256 key;
	/* create, approve */
	char product[NAME_MAX_LEN + 1];
	char model[NAME_MAX_LEN + 1];
	char cohort[NAME_MAX_LEN + 1];
	bool replaces;
	/* create, approve: whose place is taken; end: who */
	struct device_id device;
};

/* "token-create" and so on. */
const char *warrant_name(enum warrant_act act);

/* Append it, signed by the key of the certificate w->by. */
int warrant_sign(const struct warrant *w, const struct ec_private *key,
		 struct buf *out, struct err *e) NODISCARD;

/* Read it; nothing is verified. ERR_FORMAT, ERR_LIMIT. */
int warrant_parse(struct slice in, struct warrant *out,
		  struct err *e) NODISCARD;

/* ERR_UNTRUSTED unless this key signed it; for one that was parsed. */
int warrant_verify(struct slice in, const struct ec_public *key,
		   struct err *e) NODISCARD;

/* ERR_REFUSED unless both say the same, whoever signed them, when and for which
 * server. */
int warrant_same(const struct warrant *a, const struct warrant *b,
		 struct err *e) NODISCARD;

#endif
