/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log_keys.h"

size_t log_keys_find(const struct log_keys *k, const struct ec_public *key)
{
	size_t i = 0;

	while (i < k->count && !ec_public_equal(&k->at[i].key, key))
		i++;
	return i;
}

static int read_key(const struct json *j, struct log_keys *k, struct err *e)
{
	static const char *const members[] = { "point", "until", NULL };
	struct ec_public key = { { 0 } };

	if (json_only(j, members, e) ||
	    json_get_hex(j, "point", key.point, EC_POINT_LEN, e) ||
	    ec_public_check(&key, e) ||
	    statement_time(j, "until", &k->at[k->count].until, e))
		return -1;
	if (log_keys_find(k, &key) < k->count)
		return err_set(e, ERR_FORMAT, "a key twice");
	k->at[k->count++].key = key;
	return 0;
}

static int read_keys(const struct json *j, struct log_keys *k, struct err *e)
{
	const struct json *list;

	if (json_get_array(j, "keys", &list, e))
		return -1;
	if (json_count(list) == 0 || json_count(list) > LOG_KEYS_MAX)
		return err_set(e, ERR_LIMIT, "1 to %d keys", LOG_KEYS_MAX);
	for (size_t i = 0; i < json_count(list); i++)
		if (read_key(json_at(list, i), k, e))
			return -1;
	return 0;
}

int log_keys_parse(struct slice in, struct log_keys *out, struct err *e)
{
	static const char *const members[] = { "keys", NULL };
	struct log_keys k = { .count = 0 };
	struct json *j;
	int rc;

	if (statement_parse(in, "log-keys", members, &j, &k.issued, e))
		return -1;
	rc = read_keys(j, &k, e);
	json_free(j);
	if (rc)
		return err_in(e, "log-keys");
	*out = k;
	return 0;
}

struct json *log_keys_format(const struct log_keys *k)
{
	struct json *j = statement_new("log-keys", k->issued);
	struct json *list = json_new_array();

	for (size_t i = 0; i < k->count; i++) {
		struct json *one = json_new_object();

		json_set_hex(
			one, "point",
			(struct slice){ k->at[i].key.point, EC_POINT_LEN });
		statement_set_time(one, "until", k->at[i].until);
		json_add(list, one);
	}
	json_set(j, "keys", list);
	return j;
}
