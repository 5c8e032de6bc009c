/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session - one command's hold on the device: lock, journal, slots, and the
 * processes that fetch and verify.
 *
 * The process that owns a session controls: it alone writes the journal and
 * switches. It reads no byte from outside but bounded messages.
 */
#ifndef UPDATER_CLIENT_SESSION_H
#define UPDATER_CLIENT_SESSION_H

#include "updater-client/boot.h"
#include "updater-client/checkpoint.h"
#include "updater-client/cohort.h"
#include "updater-client/device_key.h"
#include "updater-client/floor_record.h"
#include "updater-client/journal.h"
#include "updater-client/settings.h"
#include "updater-client/slot_tree.h"
#include "updater-client/worker.h"

#define SESSION_LOCK   "lock" /* held by who is at work, in [device] state */
#define SESSION_ASK_MS 300000 /* for one answer of the trust process */

struct session {
	const struct settings *config;
	int state_fd, lock_fd, metadata_fd, spool_fd, site_fd;
	int stop_fd; /* readable once we are asked to stop; borrowed */
	enum progress_kind progress;
	struct progress_listener listener;
	bool retry; /* a person goes back to what was rolled back, too */

	struct twin_file file;
	struct journal journal;
	bool reset; /* the journal was damaged and is begun anew */
	/* The floor, and its hardware counter once it was read: ratchet.h */
	struct twin_file floor_file;
	struct floor_record floor;
	uint64_t counter;

	struct slot_tree slots;
	struct boot boot;
	struct boot_record record; /* what starts next; all zero if: */
	struct err boot_failure;   /* boot control cannot be read */
	char boot_number[BOOT_ID_LEN];
	enum slot current; /* the slot that runs */
	bool unlike;      /* read back, a slot was not what was written there */
	bool has_running; /* a release of ours runs: */
	struct slot_release running;

	bool enrolled;
	struct message_identity identity; /* its cohort: as enrolled */
	struct cohort cohort;             /* as pinned */

	/* Once a release is installed: relay.h */
	struct twin_file stream_file;
	struct checkpoint checkpoint;
	uint32_t window; /* chunks of a package that are kept; 0: all */

	/* once connected */
	bool from_folder;
	struct worker source, trust;
	struct worker token; /* the source's, if keys are not files */
	struct message_site site;
	int64_t now;
};

/*
 * Open the state folder (made if missing), take the lock (ERR_BUSY names its
 * holder), read journal, slots and identity.
 */
int session_open(struct session *s, const struct settings *c, int stop_fd,
		 struct err *e) NODISCARD;

/* The same for a look: no lock, nothing is made or changed. */
int session_peek(struct session *s, const struct settings *c,
		 struct err *e) NODISCARD;

/*
 * Start the processes that fetch and verify, from the folder or (-1) from the
 * configured servers. The root of trust must be of the configured environment.
 */
int session_connect(struct session *s, int folder_fd, struct err *e) NODISCARD;
void session_disconnect(struct session *s);

/*
 * No server of ours can be verified: fetch metadata and the site from whoever
 * answers at the enrolment address, telling nothing, and check all of it.
 * *changed: there is another site, with which to connect again. Leaves the
 * session disconnected.
 */
int session_rescue(struct session *s, bool *changed, struct err *e) NODISCARD;
void session_close(struct session *s);

/*
 * Read again what boot control says, which slot runs and what it holds. A
 * boot control that cannot be read is no failure yet, but kept.
 */
int session_look(struct session *s, struct err *e) NODISCARD;

/* Take over what the trust process has learned about time. */
int session_learn_time(struct session *s, struct err *e) NODISCARD;

/*
 * One step of the machine, in the journal before it returns. Starting a trial
 * raises the activation counter; going back remembers the digest.
 */
int session_step(struct session *s, const struct machine_input *in,
		 enum machine_action *action, struct err *e) NODISCARD;
int session_save(struct session *s, struct err *e) NODISCARD;

/*
 * Where the content of the slot that runs is: its path, and (if dirfd is not
 * NULL) the open folder.
 */
int session_place(const struct session *s, char *path, size_t size, int *dirfd,
		  struct err *e) NODISCARD;

/*
 * The device's keys, for this process itself: with a process for the token, if
 * they are in one. End that with worker_stop(), in any case.
 */
int session_keys(const struct session *s, unsigned token_rights,
		 struct worker *token, struct device_keys *out,
		 struct err *e) NODISCARD;

/* The slot that runs has not proved itself yet. */
bool session_is_on_trial(const struct session *s);

#endif
