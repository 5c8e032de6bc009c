/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/ledger_check.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#include "update-server/ledger.h"

#define CERTIFICATES_MAX 50000000

struct list {
	struct sha256 *at;
	size_t count, room;
};

struct ledger_check {
	struct list log, ledger, tail; /* the ledger's are in both */
	uint64_t signed_size, records;
};

struct ledger_check *ledger_check_new(void)
{
	return mem_alloc(1, sizeof(struct ledger_check));
}

void ledger_check_free(struct ledger_check *c)
{
	if (!c)
		return;
	free(c->log.at);
	free(c->ledger.at);
	free(c->tail.at);
	free(c);
}

static int add(struct list *l, const struct json *record, struct err *e)
{
	struct sha256 certificate;

	if (json_get_hex(record, "certificate", certificate.bytes, SHA256_LEN,
			 e))
		return -1;
	if (l->count == CERTIFICATES_MAX)
		return err_set(e, ERR_LIMIT, "too many certificates");
	if (l->count == l->room) {
		l->room = l->room ? 2 * l->room : 64;
		l->at = mem_resize(l->at, l->room, sizeof(*l->at));
	}
	l->at[l->count++] = certificate;
	return 0;
}

int ledger_check_see(void *ctx, const struct audit_record *r, struct err *e)
{
	struct ledger_check *c = ctx;

	if (r->act != AUDIT_DEVICE_ENROL && r->act != AUDIT_DEVICE_RENEW)
		return 0;
	return add(&c->log, r->objects, e);
}

static int see_record(void *ctx, const struct json *record, struct err *e)
{
	struct ledger_check *c = ctx;

	c->records++;
	if (json_get(record, "warrant"))
		return 0;
	if (c->records > c->signed_size && add(&c->tail, record, e))
		return -1;
	return add(&c->ledger, record, e);
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, SHA256_LEN);
}

static void sort(struct list *l)
{
	if (l->count > 0)
		qsort(l->at, l->count, sizeof(*l->at), by_bytes);
}

static enum ledger_place place_of(const struct ledger_check *c,
				  const struct sha256 *certificate)
{
	return c->tail.count > 0 &&
			       bsearch(certificate, c->tail.at, c->tail.count,
				       sizeof(*c->tail.at), by_bytes)
		       ? LEDGER_TAIL
		       : LEDGER_SIGNED;
}

int ledger_check_file(struct ledger_check *c, const char *path,
		      const struct merkle_head *head,
		      void (*tell)(const struct sha256 *certificate,
				   enum ledger_place where),
		      uint64_t *count, struct err *e)
{
	const struct ledger_reader reader = { see_record, c, *head };
	size_t i = 0, k = 0;

	c->signed_size = head->size;
	if (ledger_inspect(path, &reader, e))
		return -1;
	sort(&c->log);
	sort(&c->ledger);
	sort(&c->tail);
	*count = 0;
	while (i < c->log.count || k < c->ledger.count) {
		int order = i == c->log.count ? 1
			    : k == c->ledger.count
				    ? -1
				    : by_bytes(&c->log.at[i], &c->ledger.at[k]);

		if (order < 0)
			tell(&c->log.at[i], LEDGER_LOG);
		else if (order > 0)
			tell(&c->ledger.at[k], place_of(c, &c->ledger.at[k]));
		*count += order != 0;
		i += order <= 0;
		k += order >= 0;
	}
	return 0;
}
