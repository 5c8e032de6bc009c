/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_registry - whom the keeper lets in: the batches, approvals and ended
 * devices that it knows from its own ledger. Pure.
 *
 * All state comes from records: whatever is decided is written down first and
 * then taken, so that a restart knows the same. A record is one of
 *
 *	{"at": UTC, "warrant": {...}}            as in warrant.h
 *	{"at", "certificate", "device", "key", "codes", "index"}
 *	{"at", "certificate", "device", "key"}   let in by an approval
 *	{"at", "certificate", "device", "key", "from"}  renewed
 *
 * with hex digests: "certificate" and "from" of certificates, "key" of a
 * SubjectPublicKeyInfo. So the ledger names every certificate that the keeper
 * ever made.
 */
#ifndef UPDATE_SERVER_KEEPER_REGISTRY_H
#define UPDATE_SERVER_KEEPER_REGISTRY_H

#include "common/json.h"
#include "common/wire.h"

#include "update-server/warrant.h"

#define KEEPER_APPROVED_SEC UTC_DAY /* for the device to come */
#define KEEPER_BATCHES_MAX  100000
#define KEEPER_LIST_MAX     4000000 /* approvals; ended devices; codes used */

struct keeper_registry;

struct keeper_registry *keeper_registry_new(void);
void keeper_registry_free(struct keeper_registry *r);

/* A record, read or just written. ERR_FORMAT. */
int keeper_registry_take(struct keeper_registry *r, const struct json *record,
			 struct err *e) NODISCARD;

/*
 * May this warrant, whose signature was verified, be taken now? *known: there
 * is nothing to take, for it says what is so already. ERR_REFUSED,
 * ERR_CONFLICT, ERR_NOT_FOUND, ERR_LIMIT.
 */
int keeper_registry_judge(const struct keeper_registry *r,
			  const struct warrant *w, int64_t now, bool *known,
			  struct err *e) NODISCARD;
/* What is written down of it. */
int keeper_registry_warrant(struct slice warrant, int64_t now,
			    struct json **record, struct err *e) NODISCARD;

/* A device that wants its first certificate. */
struct keeper_ask {
	struct sha256 key;          /* of its SubjectPublicKeyInfo */
	const struct sha256 *claim; /* of its code; NULL: it was approved */
	const struct codes_place *place; /* of that code */
	const char *product, *model;
	bool four_eyes; /* without a code, two officers have to say the same */
	int64_t now;
};

/*
 * ERR_REFUSED, or ERR_BUSY where it may come again, unless a code or approval
 * is good for it. *again: the same key has been let in by the same, as *device.
 */
int keeper_registry_admit(const struct keeper_registry *r,
			  const struct keeper_ask *ask, bool *again,
			  struct device_id *device, struct err *e) NODISCARD;

/* ERR_REFUSED for a device that was revoked or retired. */
int keeper_registry_check(const struct keeper_registry *r,
			  const struct device_id *device,
			  struct err *e) NODISCARD;

/* What is written down of a certificate; place NULL: none of a batch; from
 * NULL: the first of the device. */
struct keeper_issue {
	struct sha256 certificate, key;
	struct device_id device;
	const struct codes_place *place;
	const struct sha256 *from;
	int64_t now;
};

struct json *keeper_registry_issue(const struct keeper_issue *i);

#endif
