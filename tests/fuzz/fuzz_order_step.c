/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A step of an operators' role: {"role":0|1,"one":{},"wide":{},"next":{},
 * "documents":{"<path>":{}}}. Whatever the files list, what is accepted rises
 * in version, and no accepted order is one that could not be signed next.
 */
#include <string.h>

#include "common/order_step.h"
#include "tests/fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int get_document(void *ctx, const char *path, const struct json *entry,
			struct buf *out, struct err *e)
{
	const struct json *found = json_get(ctx, path);

	(void)entry;
	if (!found)
		return err_set(e, ERR_NOT_FOUND, "no such document");
	return json_canonical(found, out, e);
}

static int get_release(void *ctx, const char *product, const char *id,
		       struct sha256 *digest, struct err *e)
{
	(void)ctx;
	if (strcmp(product, "kiosk") != 0)
		return err_set(e, ERR_NOT_FOUND, "no release %s", id);
	memset(digest->bytes, 5, SHA256_LEN);
	return 0;
}

static void check_step(const struct order_step *s, const char *role)
{
	MUST(s->to >= s->from);
	for (size_t i = 0; i < s->count; i++) {
		const struct order_change *c = &s->changes[i];

		if (c->assignment) {
			MUST(c->move.version > 0);
			continue;
		}
		MUST(strcmp(order_role(c->place), role) == 0);
		MUST(!c->has || c->after.number > 0);
		MUST(!c->has || !c->had ||
		     order_grows(&c->before, &c->after, &(struct err){ 0 }) ==
			     0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct order_facts facts = { .document = get_document,
				     .release = get_release };
	struct order_step step;
	struct json *all = NULL;
	const char *role;
	struct err e;

	if (len > 100000 || json_parse((struct slice){ data, len }, &all, &e))
		return 0;
	facts.one = json_get(all, "one");
	facts.wide = json_get(all, "wide");
	/* Only what signs for JSON objects comes so far. */
	facts.ctx = (void *)(uintptr_t)json_get(all, "documents");
	role = json_int(json_get(all, "role")) == 0 ? ORDER_ROLE_ONE
						    : ORDER_ROLE_WIDE;
	if (order_step_read(role, json_get(all, "next"), &facts, &step, &e) ==
	    0) {
		check_step(&step, role);
		order_step_done(&step);
	}
	json_free(all);
	return 0;
}
