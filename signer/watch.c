/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/watch.h"

#include "common/tuf_due.h"
#include "common/utc.h"
#include "signer/rules.h"

/* Both dates of a file that was checked when it was read; false if not. */
static bool dates_of(const struct json *signed_part, int64_t *issued,
		     int64_t *expires)
{
	struct err unused;

	return utc_parse(slice_of(json_text(json_get(signed_part, "issued"))),
			 issued, &unused) == 0 &&
	       utc_parse(slice_of(json_text(json_get(signed_part, "expires"))),
			 expires, &unused) == 0;
}

static void note(const struct repo *r, const struct repo_role *held, int days,
		 struct report *out)
{
	const char *role = held->name;

	if (days < 0)
		report_note(out,
			    "%s has expired: devices take nothing by it; "
			    "extend --role %s stages it anew",
			    role, role);
	else
		report_note(out, "%s version %lld ends in %d days: %s", role,
			    (long long)repo_version(r, role), days,
			    held->staged ? "publish the staged one before"
					 : "extend it before");
}

static void say_role(const struct repo *r, const struct repo_role *held,
		     int64_t now, struct json *list, struct report *out)
{
	const struct json *signed_part = envelope_signed(held->published);
	int64_t issued, expires;
	struct json *one;
	int level, days;

	if (!dates_of(signed_part, &issued, &expires))
		return;
	level = tuf_due(issued, expires, now);
	if (level < 0)
		return;
	days = expires <= now ? -1 : (int)((expires - now) / UTC_DAY);
	note(r, held, days, out);
	one = json_new_object();
	json_set_text(one, "role", held->name);
	json_set_text(one, "expires",
		      json_text(json_get(signed_part, "expires")));
	json_set_int(one, "days_left", days);
	json_set_int(one, "level", level);
	json_add(list, one);
}

void watch_say(const struct repo *r, int64_t now, struct report *out)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < repo_role_count(r); i++) {
		const struct repo_role *held = repo_role_at(r, i);

		if (held->published && repo_is_listed(r, held->name))
			say_role(r, held, now, list, out);
	}
	if (json_count(list) > 0)
		json_set(report_object(out), "expiry", list);
	else
		json_free(list);
}

int watch_open(const char *path, enum repo_access access, struct repo *r,
	       struct report *out, struct err *e)
{
	if (repo_open(path, access, r, e))
		return -1;
	watch_say(r, utc_now(), out);
	return 0;
}
