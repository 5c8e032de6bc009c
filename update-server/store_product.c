/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/store_product.h"

#include <string.h>

#include "update-server/store_db.h"

#define NAMED_MAX 200 /* bytes of names in what is said */

struct known {
	char names[NAMED_MAX]; /* the first of them, for people */
	size_t count;
	bool is_one, more;
};

static void take_name(struct known *k, const char *name, const char *wanted)
{
	size_t used = strlen(k->names);
	struct err no_room;

	k->count++;
	if (strcmp(name, wanted) == 0)
		k->is_one = true;
	if (k->more)
		return;
	if (text_format(k->names + used, sizeof(k->names) - used, &no_room,
			"%s%s", used > 0 ? ", " : "", name)) {
		k->names[used] = '\0';
		k->more = true;
	}
}

/* A few rows each: no device and no claim is looked at but a batch's. */
static int read_names(struct store *s, const char *wanted, struct known *k,
		      struct err *e)
{
	char name[NAME_MAX_LEN + 1];
	struct sql_query *q;

	store_lock(s);
	q = sql_query(s->db,
		      "SELECT product FROM release"
		      " UNION SELECT product FROM fleet_count"
		      " UNION SELECT product FROM batch CROSS JOIN claim"
		      " ON claim.id = batch.id WHERE EXISTS (SELECT 1"
		      " FROM claim AS one WHERE one.batch = batch.id"
		      " AND one.state != 2) ORDER BY 1",
		      SQL_NOTHING);
	while (sql_next(q)) {
		sql_get_text(q, 0, name, sizeof(name));
		take_name(k, name, wanted);
	}
	return store_unlock(s, sql_end(q, e));
}

int store_product_note(struct store *s, const char *product,
		       char out[STORE_PRODUCT_NOTE_LEN], struct err *e)
{
	struct known k = { 0 };

	out[0] = '\0';
	if (read_names(s, product, &k, e))
		return -1;
	if (k.is_one || k.count == 0)
		return 0;
	return text_format(out, STORE_PRODUCT_NOTE_LEN, e,
			   "no release, device or code was of product %s "
			   "before; known: %s%s",
			   product, k.names, k.more ? " ..." : "");
}
