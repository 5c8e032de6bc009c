/* SPDX-License-Identifier: Apache-2.0 */
/* `simulate FILE`: what would a rollout do? No server, no device, no clock. */
#include <stdio.h>
#include <stdlib.h>

#include "common/fs.h"
#include "common/ini.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/opt.h"

#include "update-server/commands.h"
#include "update-server/sim_file.h"
#include "update-server/ui.h"

static void print_event(void *ctx, int64_t now, const char *text)
{
	const int64_t *start = ctx;
	int64_t minutes = (now - *start) / 60;

	printf("%3lld h %02lld  %s\n", (long long)(minutes / 60),
	       (long long)(minutes % 60), text);
}

static void print_result(const struct sim_result *r)
{
	printf("\n%s%s%s, phase %zu of %zu\n",
	       stage_status_name(r->stage.status), r->stage.pause ? ": " : "",
	       stage_pause_name(r->stage.pause), r->stage.phase + 1,
	       r->stage.ladder.count);
	printf("devices reached %llu, confirmed %llu, failed or back %llu, "
	       "never came back %llu\n",
	       (unsigned long long)r->exposed, (unsigned long long)r->confirmed,
	       (unsigned long long)r->bad, (unsigned long long)r->bricked);
	printf("check-ins %llu, offers %llu\n", (unsigned long long)r->checkins,
	       (unsigned long long)r->offers);
}

static struct json *result_json(const struct sim_result *r, int64_t start)
{
	struct json *j = json_new_object();

	json_set_text(j, "state", stage_status_name(r->stage.status));
	json_set_text(j, "pause", stage_pause_name(r->stage.pause));
	json_set_text(j, "reason", r->stage.pause ? r->stage.reason : "");
	json_set_int(j, "phase", (int64_t)r->stage.phase + 1);
	json_set_int(j, "phases", (int64_t)r->stage.ladder.count);
	json_set_int(j, "reached", (int64_t)r->exposed);
	json_set_int(j, "confirmed", (int64_t)r->confirmed);
	json_set_int(j, "bad", (int64_t)r->bad);
	json_set_int(j, "lost", (int64_t)r->bricked);
	json_set_int(j, "checkins", (int64_t)r->checkins);
	json_set_int(j, "offers", (int64_t)r->offers);
	json_set_int(j, "reachable", (int64_t)r->reachable);
	json_set_int(j, "nearly_all_sec",
		     r->nearly_all ? r->nearly_all - start : 0);
	json_set_int(j, "acts", r->acts);
	return j;
}

static int print_json(const struct sim_result *r, int64_t start, struct err *e)
{
	struct json *j = result_json(r, start);
	int rc = ui_print_json(j, e);

	json_free(j);
	return rc;
}

static int simulate(const char *file, bool as_json, struct err *e)
{
	struct buf text = BUF_INIT(INI_MAX_LEN);
	struct sim_result *r = mem_alloc(1, sizeof(*r));
	struct sim_world *w = mem_alloc(1, sizeof(*w));
	const struct sim_teller teller = { print_event, &w->start };
	int rc = -1;

	if (fs_read_path(file, &text, e) ||
	    sim_file_parse(buf_slice(&text), file, w, e) ||
	    sim_run(w, as_json ? NULL : &teller, r, e))
		goto out;
	if (!as_json)
		print_result(r);
	rc = as_json ? print_json(r, w->start, e) : 0;
out:
	free(w);
	free(r);
	buf_done(&text);
	return rc;
}

int command_simulate(int argc, char **argv, struct err *e)
{
	bool as_json = false;
	const struct opt opts[] = {
		OPT_FLAG("json", &as_json, "print the result as JSON"),
		OPT_END,
	};
	char **operands;
	int count;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count != 1)
		return err_set(e, ERR_USAGE, "one scenario file is needed");
	return simulate(operands[0], as_json, e);
}
