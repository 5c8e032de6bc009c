/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tuf_rollback.h"

#include "common/text.h"

static int refuse(int64_t old, int64_t new, struct err *e)
{
	return err_set(e, ERR_ROLLBACK, "version %lld, trusted is %lld",
		       (long long)new, (long long)old);
}

int tuf_rollback_version(const struct tuf_meta *old, const struct tuf_meta *new,
			 struct err *e)
{
	if (!old || new->version >= old->version)
		return 0;
	return refuse(old->version, new->version, e);
}

int tuf_rollback_announced(const struct tuf_meta *old,
			   const struct tuf_meta *new, struct err *e)
{
	struct tuf_file before, after;

	if (!old)
		return 0;
	if (tuf_meta_file(old, "snapshot.json", &before, e) ||
	    tuf_meta_file(new, "snapshot.json", &after, e))
		return -1;
	if (after.version >= before.version)
		return 0;
	refuse(before.version, after.version, e);
	return err_in(e, "snapshot.json");
}

static int check_role(const struct tuf_meta *old, const struct tuf_meta *new,
		      const char *name, struct err *e)
{
	struct tuf_file before, after;

	if (tuf_meta_file(old, name, &before, e))
		return -1;
	if (tuf_meta_file(new, name, &after, e))
		return err_set(e, ERR_ROLLBACK, "no longer listed");
	return after.version >= before.version
		       ? 0
		       : refuse(before.version, after.version, e);
}

int tuf_rollback_roles(const struct tuf_meta *old, const struct tuf_meta *new,
		       struct err *e)
{
	const struct json *files = old ? json_get(old->body, "meta") : NULL;
	char shown[80];

	for (void *i = files ? json_first(files) : NULL; i;
	     i = json_next(files, i)) {
		if (check_role(old, new, json_name(i), e) == 0)
			continue;
		text_escape(slice_of(json_name(i)), shown, sizeof(shown));
		return err_in(e, "%s", shown);
	}
	return 0;
}
