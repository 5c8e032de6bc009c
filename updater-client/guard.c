/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pawl-guard - so that a release comes back that breaks the service, the
 *client, or both, without the client's help.
 *
 *	pawl-guard PATH
 *		outside the slots, before each start of the program that runs
 *		in them (ExecStartPre=): counts the starts of a release on
 *		trial, and puts the other slot back when none is left
 *	pawl-guard --trial SECONDS STATE
 *		once in each boot, where a boot loader counts boots: restarts
 *		the machine when the release that is on trial was not decided
 *		in so many seconds
 *
 * It reads no configuration and links nothing but the C library.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "common/fs.h"
#include "updater-client/boot_symlink.h"
#include "updater-client/overdue.h"

#define TRIAL_MAX_SEC (7 * 24 * 3600)
#define LOOK_MS       5000
#define FORCE_SEC     120 /* at most, for a shutdown in order */
#define SYNC_SEC      10

/* ---- where a service manager starts a slot ------------------------------- */

static int count_start(const char *path, struct err *e)
{
	struct boot_record r;
	int dirfd = -1;
	int rc;

	if (fs_open_dir(path, &dirfd, e))
		return -1;
	rc = boot_symlink_start(dirfd, path, &r, e);
	fs_close(&dirfd);
	if (rc)
		return -1;
	if (r.trying)
		(void)fprintf(stderr,
			      "pawl-guard: slot %s is on trial, %u more "
			      "starts\n",
			      slot_name(r.slot), (unsigned)r.left);
	else if (r.failed != SLOT_NONE)
		(void)fprintf(stderr,
			      "pawl-guard: slot %s did not prove itself, slot "
			      "%s starts\n",
			      slot_name(r.failed), slot_name(r.slot));
	return 0;
}

/* ---- where a boot loader does -------------------------------------------- */

/*
 * First as ctrl-alt-del would, which each init takes for a restart in order;
 * who does not do it, or hangs in it, is not asked again. Nor is a disk that
 * does not answer: what is on it survives a power cut.
 */
static int restart(unsigned force_sec, struct err *e)
{
	pid_t syncs;

	(void)kill(1, SIGINT);
	(void)sleep(force_sec);
	syncs = fork();
	if (syncs == 0) {
		sync();
		_exit(0);
	}
	(void)sleep(SYNC_SEC);
	(void)reboot(RB_AUTOBOOT);
	return err_sys(e, "restarting");
}

static int await_decision(const char *text, const char *state, struct err *e)
{
	struct overdue o = {
		.cmdline = "/proc/cmdline",
		.state = state,
		.pause_ms = LOOK_MS,
	};
	uint64_t sec;

	if (num_parse(slice_of(text), TRIAL_MAX_SEC, &sec, e))
		return err_in(e, "--trial");
	o.limit_ms = (int64_t)sec * 1000;
	if (!overdue_wait(&o))
		return 0;
	(void)fprintf(stderr,
		      "pawl-guard: the release on trial was not decided in %s "
		      "seconds: restarting\n",
		      text);
	return restart(sec < FORCE_SEC ? (unsigned)sec : FORCE_SEC, e);
}

static int usage(void)
{
	(void)fprintf(stderr,
		      "usage: pawl-guard PATH (the slots, as in [slot] path)\n"
		      "       pawl-guard --trial SECONDS STATE (as in [device] "
		      "state)\n");
	return ERR_USAGE;
}

int main(int argc, char **argv)
{
	const bool on_trial = argc == 4 && strcmp(argv[1], "--trial") == 0;
	struct err e = { 0 };
	int rc;

	if ((!on_trial && argc != 2) || argv[argc - 1][0] != '/')
		return usage();
	rc = on_trial ? await_decision(argv[2], argv[3], &e)
		      : count_start(argv[1], &e);
	if (rc == 0)
		return 0;
	(void)fprintf(stderr, "pawl-guard: %s\n", e.msg);
	return (int)e.code;
}
