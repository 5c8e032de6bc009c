/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings - client.conf: what this device is, whom it trusts, where its slots
 * are. docs/man/pawl-client.conf.5 describes every key.
 *
 * The file must belong to root or to the user who runs the client, and nobody
 * else may write it. Programs that it names are absolute paths, split at
 * spaces; there is no shell.
 */
#ifndef UPDATER_CLIENT_SETTINGS_H
#define UPDATER_CLIENT_SETTINGS_H

#include "common/ini.h"
#include "common/keyfile.h"
#include "common/release.h"
#include "common/vital.h"
#include "updater-client/hours.h"

#define SETTINGS_DEFAULT    "/etc/pawl/client.conf"
#define SETTINGS_STATE      "/var/lib/pawl"    /* where nobody says otherwise */
#define SETTINGS_GOOD       "client.conf.good" /* in the state folder */
#define SETTINGS_ARGS_MAX   32
#define SETTINGS_URLS_MAX   8
#define SETTINGS_CHECKS_MAX 8
#define SETTINGS_KEEP_MAX   16

/* A local program: argv[0] is absolute; empty when not configured. */
struct settings_command {
	char *argv[SETTINGS_ARGS_MAX + 1];
	size_t argc;
};

/* Who is told which slot starts; see boot.h. */
enum boot_kind {
	CONTROL_SYMLINK,
	CONTROL_UBOOT,
	CONTROL_GRUB,
	CONTROL_COMMAND
};

/* What a slot is: slot_tree.h, slot_image.h. */
enum slot_kind {
	SLOT_TREE,
	SLOT_IMAGE,
	SLOT_FILE, /* an image in a file of its own, in a folder as trees are */
	SLOT_HANDLER /* the same, and a program takes it on: slot_handler.h */
};

/* Where a package is until it is written. */
enum spool_mode {
	SPOOL_AUTO,   /* whole in the state, if there is room for it */
	SPOOL_ALWAYS, /* else the update waits for room */
	SPOOL_NEVER   /* it is written as it comes */
};

/* [slot] and each [slot NAME]: where a component of a release goes. */
struct settings_slot {
	char component[NAME_MAX_LEN + 1]; /* "": whichever; the only slot */
	char section[NAME_MAX_LEN + 8];   /* of the file */
	enum slot_kind kind;
	enum tree_attributes attributes;
	char *kind_name, *attributes_name;
	char *a, *b; /* images */
	/* handlers */
	char *program_text;
	struct settings_command program;
	uint64_t program_sec; /* for each word that it is told */
};

/* [keys]: the token that the device's keys are in; without one they are files.
 * See token.h. */
struct settings_token {
	char *module, *label, *pin; /* PKCS#11 */
	char *provider;             /* a TPM: OpenSSL's provider for it */
	struct ini_list variables;  /* NAME=VALUE, for either */
};

struct settings {
	const char *path; /* of the file, as it was named; NULL: none */
	char *product, *model, *hardware, *state, *status;
	bool status_unasked; /* it is where it is by default */
	char *root, *environment_name;
	struct ini_list urls;
	char *enrol, *ca, *proxy;
	struct settings_token token;
	char *slot_path, *component;
	char *slot_root; /* images: where the one that runs is mounted */
	/* The first is [slot], which is started; the rest goes along. */
	struct settings_slot slots[RELEASE_COMPONENTS_MAX];
	size_t slot_count;
	char *health_text, *restart_text;
	char *watchdog; /* NULL: none is armed through a trial */
	uint64_t watchdog_sec;
	struct ini_list check_texts;
	char *counter_text;
	char *control_name, *boot_environment, *control_text, *boot_log_text;
	char *cmdline, *boot_id; /* where the kernel says what it booted */
	char *reboot_text, *reboot_hours_text;
	char *save_text, *restore_text;
	struct ini_list keep; /* paths beneath a slot's keep; see keep.h */
	char *consent_text, *install_hours_text;
	uint64_t consent_sec, defer_max_sec;
	char *spool_name;
	uint64_t spool_window; /* most bytes of a package that is not spooled */
	uint64_t rate;         /* bytes a second that may come; 0: any */
	uint64_t patience_sec; /* how far behind a fair speed servers may be */
	uint64_t tries;        /* starts of a slot on trial */
	uint64_t deadline_sec; /* 0: the release's own */
	uint64_t steady_sec;   /* how long all checks must hold */
	uint64_t restart_sec;
	uint64_t data_sec, data_space; /* seconds, bytes */
	uint64_t interval_sec, retry_min_sec, retry_max_sec;

	struct buf file; /* all of it, where it was read from one */

	/* made of the texts above */
	enum environment environment;
	enum boot_kind control;
	enum spool_mode spool;
	struct settings_command health, restart, counter, boot, boot_log;
	struct settings_command reboot;
	struct vital checks[SETTINGS_CHECKS_MAX]; /* borrow from the texts */
	size_t check_count;
	struct settings_command data_save, data_restore; /* both or none */
	struct settings_command consent;
	struct hours reboot_hours, install_hours;
};

/* What packages for this slot hold. */
enum package_content settings_content(const struct settings_slot *s);

/* The slot for a component: an index, or slot_count when there is none. */
size_t settings_slot_of(const struct settings *c, const char *component);

/* Read and check a file. On success end with settings_done(). */
int settings_load(const char *path, struct settings *c,
		  struct err *e) NODISCARD;
void settings_done(struct settings *c);

/*
 * The file is damaged: read the copy that was made when it was whole, from the
 * state folder that the file still names, or else SETTINGS_STATE. For a look
 * alone; nothing is installed by it.
 */
int settings_recall(const char *path, struct settings *c,
		    struct err *e) NODISCARD;

/* The same from bytes; `file` is the name for messages. */
int settings_parse(struct slice text, const char *file, struct settings *c,
		   struct err *e) NODISCARD;

#endif
