/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_cohort - the cohorts: names that devices are pinned to, and which of
 * their devices rollouts are made for. Part of the store: store.h.
 */
#ifndef UPDATE_SERVER_STORE_COHORT_H
#define UPDATE_SERVER_STORE_COHORT_H

#include "common/text.h"

#include "update-server/audit_record.h"
#include "update-server/selector.h"

struct store;

struct store_cohort {
	char name[NAME_MAX_LEN + 1];
	/* A selector that rollouts of it are narrowed to; "": none. What a
	 * replay of the log put in its place is none either: see below. */
	char rule[SELECTOR_TEXT_MAX + 1];
	uint64_t revision; /* from 1 on, with each change */
	uint64_t devices;  /* that are not revoked */
};

/* The log has no text: after a replay a rule is there, but not which. No
 * selector is this text. */
#define STORE_RULE_LOST "?"

/* One that was removed may come again. ERR_CONFLICT if it is there. */
int store_cohort_add(struct store *s, const char *name,
		     const struct audit_by *by, struct err *e) NODISCARD;
/* By name. */
int store_cohort_each(struct store *s,
		      void (*visit)(void *ctx, const struct store_cohort *c),
		      void *ctx, struct err *e) NODISCARD;
/* ERR_NOT_FOUND. */
int store_cohort_find(struct store *s, const char *name,
		      struct store_cohort *out, struct err *e) NODISCARD;

struct cohort_rule {
	const char *name;
	uint64_t revision; /* as the person saw it */
	const char *rule;  /* a selector; "": for all */
};

/* Rollouts that are made from now on are for those of its devices. *changed is
 * false where just that was done to this revision before. ERR_CONFLICT: it has
 * another one. */
int store_cohort_rule(struct store *s, const struct cohort_rule *r,
		      const struct audit_by *by, bool *changed,
		      struct err *e) NODISCARD;
/*
 * It is gone for people, while what was its devices' stays on record; *changed
 * is false where that was done to this revision before.
 * ERR_CONFLICT: it has another revision. ERR_REFUSED as long as something is of
 * it: devices, codes that may be used, devices that were approved, rollouts
 * that are not over.
 */
int store_cohort_remove(struct store *s, const char *name, uint64_t revision,
			const struct audit_by *by, bool *changed,
			struct err *e) NODISCARD;

#endif
