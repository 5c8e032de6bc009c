/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/repo_settings.h"

#include <string.h>

#include "common/fs.h"
#include "signer/rules.h"

#define DAYS(member, max)                                                      \
	{                                                                      \
		"expiry", #member, INI_NUMBER,                                 \
			offsetof(struct repo_settings, member), 1, (max),      \
			false                                                  \
	}

static const struct ini_key settings_keys[] = {
	{ "repository", "owner", INI_TEXT,
	  offsetof(struct repo_settings, owner), 0, 0, true },
	{ "repository", "contact", INI_TEXT,
	  offsetof(struct repo_settings, contact), 0, 0, false },
	{ "repository", "product", INI_LIST,
	  offsetof(struct repo_settings, products), 0, 0, true },
	DAYS(root_days, RULES_ROOT_DAYS_MAX),
	DAYS(targets_days, RULES_TARGETS_DAYS_MAX),
	DAYS(product_days, RULES_TARGETS_DAYS_MAX),
	DAYS(nightly_days, RULES_SHORT_DAYS_MAX),
	DAYS(rollout_days, RULES_SHORT_DAYS_MAX),
	DAYS(rollout_wide_days, RULES_TARGETS_DAYS_MAX),
	DAYS(snapshot_days, RULES_SNAPSHOT_DAYS_MAX),
	{ "expiry", "timestamp_hours", INI_NUMBER,
	  offsetof(struct repo_settings, timestamp_hours), 1,
	  RULES_TIMESTAMP_HOURS_MAX, false },
};

void repo_settings_default(struct repo_settings *s)
{
	*s = (struct repo_settings){
		.root_days = RULES_ROOT_DAYS_MAX,
		.targets_days = RULES_TARGETS_DAYS_MAX,
		.product_days = RULES_TARGETS_DAYS_MAX,
		.nightly_days = 30,
		.rollout_days = 30,
		.rollout_wide_days = RULES_TARGETS_DAYS_MAX,
		.snapshot_days = 7,
		.timestamp_hours = 24,
	};
}

void repo_settings_done(struct repo_settings *s)
{
	ini_done(settings_keys, ARRAY_LEN(settings_keys), s);
}

static int add_products(struct buf *out, const struct repo_settings *s,
			struct err *e)
{
	for (size_t i = 0; i < s->products.count; i++)
		if (buf_addf(out, e, "product = %s\n", s->products.at[i]))
			return -1;
	return 0;
}

static int format_settings(struct buf *out, const struct repo_settings *s,
			   enum environment env, struct err *e)
{
	if (buf_addf(out, e,
		     "# Offline repository for the environment \"%s\" (root "
		     "says so, signed; this line is\n"
		     "# only a reminder). Nothing in this file is ever "
		     "published.\n\n"
		     "[repository]\n"
		     "# Who answers for what is signed here, and how to reach "
		     "them.\n"
		     "owner = %s\n",
		     environment_name(env), s->owner) ||
	    (s->contact && buf_addf(out, e, "contact = %s\n", s->contact)) ||
	    buf_addf(out, e,
		     "# One line for each product that releases are made "
		     "for.\n") ||
	    add_products(out, s, e))
		return -1;
	return buf_addf(
		out, e,
		"\n[expiry]\n"
		"# How long signatures live; devices refuse more than %d and "
		"%d days.\n"
		"root_days = %llu\n"
		"targets_days = %llu\n"
		"# Roles that targets delegate to.\n"
		"product_days = %llu\n"
		"nightly_days = %llu\n"
		"rollout_days = %llu\n"
		"rollout_wide_days = %llu\n"
		"# Only for `publish --with-online` (lab and demo); a server "
		"has its own.\n"
		"snapshot_days = %llu\n"
		"timestamp_hours = %llu\n",
		RULES_ROOT_DAYS_MAX, RULES_TARGETS_DAYS_MAX,
		(unsigned long long)s->root_days,
		(unsigned long long)s->targets_days,
		(unsigned long long)s->product_days,
		(unsigned long long)s->nightly_days,
		(unsigned long long)s->rollout_days,
		(unsigned long long)s->rollout_wide_days,
		(unsigned long long)s->snapshot_days,
		(unsigned long long)s->timestamp_hours);
}

int repo_write_settings(int dirfd, const struct repo_settings *s,
			enum environment env, struct err *e)
{
	struct buf text = BUF_INIT(INI_MAX_LEN);
	struct repo_settings again;
	int rc = -1;

	repo_settings_default(&again);
	if (format_settings(&text, s, env, e))
		goto out;
	/* What we would not read back must not be written. */
	if (ini_load(buf_slice(&text), "pawl.ini", settings_keys,
		     ARRAY_LEN(settings_keys), &again, e))
		goto out;
	if (!*s->owner || strcmp(again.owner, s->owner) != 0 ||
	    strcmp(again.contact ? again.contact : "",
		   s->contact ? s->contact : "") != 0) {
		err_set(e, ERR_USAGE,
			"owner and contact are single lines, the owner is not "
			"empty");
		goto out;
	}
	rc = fs_replace_file(dirfd, "pawl.ini", buf_slice(&text), 0644, e);
out:
	repo_settings_done(&again);
	buf_done(&text);
	return rc;
}

int repo_settings_load(int dirfd, struct repo_settings *s, struct err *e)
{
	struct buf text = BUF_INIT(INI_MAX_LEN);
	int rc;

	rc = fs_read_file(dirfd, "pawl.ini", &text, e) ||
	     ini_load(buf_slice(&text), "pawl.ini", settings_keys,
		      ARRAY_LEN(settings_keys), s, e);
	buf_done(&text);
	return rc ? -1 : 0;
}
