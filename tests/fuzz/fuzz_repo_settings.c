/* SPDX-License-Identifier: Apache-2.0 */
/* What pawl.ini says and is taken can be written, and is then the same. */
#include <string.h>

#include "common/text.h"
#include "signer/repo_settings.h"
#include "signer/rules.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool load(struct repo_settings *s)
{
	struct err e = { 0 };

	repo_settings_default(s);
	if (repo_settings_load(folder(), s, &e) == 0)
		return true;
	MUST(e.code != ERR_NONE);
	return false;
}

static void check(const struct repo_settings *s)
{
	MUST(s->owner && s->products.count > 0);
	MUST(s->root_days > 0 && s->root_days <= RULES_ROOT_DAYS_MAX);
	MUST(s->targets_days > 0 && s->targets_days <= RULES_TARGETS_DAYS_MAX);
	MUST(s->rollout_days > 0 && s->rollout_days <= RULES_SHORT_DAYS_MAX);
	MUST(s->snapshot_days > 0 &&
	     s->snapshot_days <= RULES_SNAPSHOT_DAYS_MAX);
	MUST(s->timestamp_hours > 0 &&
	     s->timestamp_hours <= RULES_TIMESTAMP_HOURS_MAX);
}

static void write_and_compare(const struct repo_settings *s)
{
	struct repo_settings again;
	struct err e;

	/* An empty owner is read, but never written. */
	if (repo_write_settings(folder(), s, ENV_LAB, &e))
		return;
	MUST(load(&again));
	MUST(strcmp(s->owner, again.owner) == 0);
	MUST(s->products.count == again.products.count);
	MUST(s->root_days == again.root_days &&
	     s->nightly_days == again.nightly_days &&
	     s->timestamp_hours == again.timestamp_hours);
	repo_settings_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct repo_settings s;

	folder_put("pawl.ini", (struct slice){ data, len });
	if (load(&s)) {
		check(&s);
		write_and_compare(&s);
	}
	repo_settings_done(&s);
	return 0;
}
