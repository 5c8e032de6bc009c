/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/fence.h"

#include <sys/prctl.h>

#include "common/fs.h"
#include "common/landlock.h"
#include "common/log.h"
#include "common/text.h"

#include "update-server/home.h"

/* Folders of the server's that it writes, made if they are missing: later it
 * makes none beside them. */
static const char *const folders[] = { "blobs", "envelopes", "incoming",
				       "metadata", "run" };
/* What it writes, and what it reads, of the rest. A file that is exchanged
 * while the server runs is not read before it starts again. */
static const char *const written[] = { HOME_DATABASE, HOME_DATABASE "-wal",
				       HOME_DATABASE "-shm" };
static const char *const read_again[] = { HOME_ONLINE_PUB, "audit.pub",
					  "audit-former.pub", HOME_CA_PEM };
/* Where a client of a database on another machine looks. */
static const char *const system_files[] = {
	"/etc/resolv.conf",
	"/etc/hosts",
	"/etc/host.conf",
	"/etc/gai.conf",
	"/etc/services",
	"/etc/nsswitch.conf",
	"/etc/localtime",
	"/etc/ld.so.cache",
	"/etc/ssl",
	"/usr",
	"/lib",
	"/lib64",
	"/dev/null",
	"/dev/urandom",
};

static void allow(struct landlock *l, const char *dir, const char *name,
		  bool writes)
{
	char path[PATH_MAX_LEN];
	struct err too_long;

	if (text_format(path, sizeof(path), &too_long, "%s/%s", dir, name) == 0)
		landlock_path(l, path, writes);
}

static int make_folders(const struct config *c, int dirfd, struct err *e)
{
	int fd = -1;

	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		if (fs_mkdirs(dirfd, folders[i], 0700, e))
			return -1;
	if (fs_make_dir(c->audit_export, 0700, &fd, e))
		return -1;
	fs_close(&fd);
	return 0;
}

static void allow_all(struct landlock *l, const struct config *c, int dirfd)
{
	landlock_names(l, dirfd);
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		allow(l, c->dir, folders[i], true);
	for (size_t i = 0; i < ARRAY_LEN(written); i++)
		allow(l, c->dir, written[i], true);
	for (size_t i = 0; i < ARRAY_LEN(read_again); i++)
		allow(l, c->dir, read_again[i], false);
	landlock_path(l, c->audit_export, true);
	landlock_path(l, c->tls_certificate, false);
	landlock_path(l, c->device_ca, false);
	for (size_t i = 0; i < ARRAY_LEN(system_files); i++)
		landlock_path(l, system_files[i], false);
}

int fence_enter(const struct config *c, struct err *e)
{
	struct landlock l;
	int dirfd = -1, rc = -1;

	if (!landlock_is_there()) {
		log_event(LOG_WARNING, "server-not-fenced",
			  "because=\"no Landlock in this kernel\" "
			  "hint=\"[keeper] unlock = fd:N keeps the secret\"");
		return 0;
	}
	if (fs_open_dir(c->dir, &dirfd, e) || make_folders(c, dirfd, e))
		goto out;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L)) {
		(void)err_sys(e, "no new privileges");
		goto out;
	}
	landlock_begin(&l);
	allow_all(&l, c, dirfd);
	rc = landlock_enter(&l, e);
out:
	fs_close(&dirfd);
	return rc;
}
