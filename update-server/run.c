/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/json.h"
#include "common/keyfile.h"
#include "common/log.h"
#include "common/opt.h"
#include "common/passphrase.h"
#include "common/text.h"
#include "common/x509.h"

#include "update-server/config.h"
#include "update-server/fence.h"
#include "update-server/server.h"
#include "update-server/unlock.h"

#define PEM_MAX     65536
#define OTHER_FILES 64 /* descriptors that are not of connections */

/* ---- the TLS key --------------------------------------------------------- */

static int read_passphrase(const struct config *c, struct buf *out,
			   struct err *e)
{
	if (c->tls_unlock)
		return unlock_read(c->tls_unlock, c->dir, out, e);
	return passphrase_read(-1, "Passphrase of the TLS key: ", false, out,
			       e);
}

/* In memory alone. */
static int load_tls_key(const struct config *c, struct ec_private **out,
			struct err *e)
{
	struct buf file = BUF_INIT(KEYFILE_MAX_LEN);
	struct buf passphrase = BUF_SECRET(PASSPHRASE_MAX_LEN);
	struct ec_private *key = NULL;
	struct keyfile_info info;
	int rc = -1;

	if (read_passphrase(c, &passphrase, e) ||
	    fs_read_path(c->tls_key, &file, e) ||
	    keyfile_open(buf_slice(&file), buf_slice(&passphrase), &key, &info,
			 e)) {
		(void)err_in(e, "TLS key %s", c->tls_key);
		goto out;
	}
	*out = key;
	rc = 0;
out:
	buf_wipe(&passphrase);
	buf_done(&file);
	return rc;
}

/* ---- the process --------------------------------------------------------- */

/*
 * Open files for all connections, each with a socket and perhaps a file; where
 * the system allows fewer, fewer connections.
 */
static int raise_file_limit(struct limits *l, unsigned listeners, struct err *e)
{
	uint64_t per_connection = (uint64_t)listeners * 2;
	uint64_t wanted = per_connection * l->connections + OTHER_FILES;
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return err_sys(e, "open files");
	if (files.rlim_max < OTHER_FILES + per_connection)
		return err_set(e, ERR_CONFIG, "only %llu open files allowed",
			       (unsigned long long)files.rlim_max);
	if (wanted > files.rlim_max) {
		l->connections =
			(files.rlim_max - OTHER_FILES) / per_connection;
		wanted = files.rlim_max;
		log_event(LOG_WARNING, "connections-limited",
			  "connections=%llu because=open-files",
			  (unsigned long long)l->connections);
	}
	if (files.rlim_cur >= wanted)
		return 0;
	files.rlim_cur = wanted;
	if (setrlimit(RLIMIT_NOFILE, &files))
		return err_sys(e, "open files");
	return 0;
}

static int prepare_process(struct config *c, struct err *e)
{
	struct limits *l = &c->limits;
	unsigned listeners = 0;
	char workers[24];

	for (int i = 0; i < LISTENER_COUNT; i++)
		listeners += c->listen[i] != NULL;
	if (raise_file_limit(l, listeners, e) ||
	    text_format(workers, sizeof(workers), e, "%u",
			(unsigned)l->workers))
		return -1;
	if (setenv("UV_THREADPOOL_SIZE", workers, 1) ||
	    signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return err_sys(e, "process");
	(void)umask(077);
	return 0;
}

/* What was bound as root is of the user that serves it, and of its group. */
static int hand_over(const struct config *c, const struct passwd *user,
		     struct err *e)
{
	const char *origin = c->listen[LISTENER_ORIGIN];
	struct local at;

	if (!local_is(origin))
		return 0;
	if (local_parse(origin, c->origin_mode, &at, e))
		return -1;
	if (fchownat(AT_FDCWD, at.path, user->pw_uid, user->pw_gid,
		     AT_SYMLINK_NOFOLLOW))
		return err_sys(e, "%s", at.path);
	return 0;
}

static int drop_privileges(const struct config *c, struct err *e)
{
	const struct passwd *user;

	if (!c->user || geteuid() != 0)
		return 0;
	errno = 0;
	user = getpwnam(c->user);
	if (!user && errno == 0)
		return err_set(e, ERR_CONFIG, "no such user: %s", c->user);
	if (user && hand_over(c, user, e))
		return -1;
	if (!user || initgroups(c->user, user->pw_gid) ||
	    setgid(user->pw_gid) || setuid(user->pw_uid))
		return err_sys(e, "becoming %s", c->user);
	return 0;
}

/* ---- saying where we are ------------------------------------------------- */

static struct json *addresses(const struct server *s)
{
	struct json *all = json_new_object();

	for (int i = 0; i < LISTENER_COUNT; i++) {
		const char *at = server_address(s, (enum listener)i);

		if (at)
			json_set_text(all, listener_name((enum listener)i), at);
	}
	if (server_metrics_address(s))
		json_set_text(all, "metrics", server_metrics_address(s));
	return all;
}

static void print_lines(const struct server *s)
{
	static const char *const whom[LISTENER_COUNT] = {
		[LISTENER_ENROLMENT] = "anyone: enrolment, metadata",
		[LISTENER_DEVICE] = "devices, by their certificates",
		[LISTENER_PEOPLE] = "people, by their certificates",
		[LISTENER_ORIGIN] = "a cache on this machine: packages",
	};

	for (int i = 0; i < LISTENER_COUNT; i++) {
		const char *at = server_address(s, (enum listener)i);

		if (at)
			printf("%-9s  %s%s  for %s\n",
			       listener_name((enum listener)i),
			       local_is(at)           ? ""
			       : i == LISTENER_ORIGIN ? "http://"
						      : "https://",
			       at, whom[i]);
	}
	if (server_metrics_address(s))
		printf("%-9s  http://%s  for monitoring on this machine\n",
		       "metrics", server_metrics_address(s));
}

/* On standard output, and in run/listeners.json once every port is bound. */
static int announce(const struct server *s, int run_dirfd, bool as_json,
		    struct err *e)
{
	struct json *all = addresses(s);
	struct buf text = BUF_INIT(4096);
	int rc = -1;

	if (json_print(all, false, &text, e) || buf_addf(&text, e, "\n"))
		goto out;
	if (as_json)
		(void)fputs(buf_text(&text), stdout);
	else
		print_lines(s);
	(void)fflush(stdout);
	/* Last, so that who waits for the file can read the lines as well. */
	if (fs_replace_file(run_dirfd, "listeners.json", buf_slice(&text), 0644,
			    e))
		goto out;
	rc = 0;
out:
	json_free(all);
	buf_done(&text);
	return rc;
}

/* ---- the life of the server ---------------------------------------------- */

/* Bind while we may bind low ports; nothing is accepted yet. */
/* *own and *certificate are what the server shows of itself. */
static int open_listeners(const struct config *c, struct meter *m,
			  struct ec_private **own, struct buf *certificate,
			  struct server **out, struct err *e)
{
	struct buf key = BUF_SECRET(X509_PEM_MAX_LEN);
	struct buf ca = BUF_INIT(PEM_MAX);
	struct server_setup setup = { .limits = &c->limits,
				      .routes = server_routes,
				      .route_count = server_route_count,
				      .authorise = server_authorise,
				      .pages = server_pages,
				      .meter = m,
				      .tick = api_tick,
				      .drains = api_drains };
	int rc = -1;

	if (fs_read_path(c->tls_certificate, certificate, e) ||
	    fs_read_path(c->device_ca, &ca, e) || load_tls_key(c, own, e) ||
	    x509_private_pem(*own, &key, e))
		goto out;
	setup.certificate = buf_slice(certificate);
	setup.key = buf_slice(&key);
	setup.device_ca = buf_slice(&ca);
	for (int i = 0; i < LISTENER_COUNT; i++)
		setup.listen[i] = c->listen[i];
	setup.origin_mode = c->origin_mode;
	setup.metrics = c->metrics;
	rc = server_open(&setup, out, e);
out:
	buf_wipe(&key);
	buf_done(&ca);
	return rc;
}

static int forget(int dirfd, const char *name, struct err *e)
{
	struct err why = { 0 };

	if (fs_remove(dirfd, name, &why) == 0 || why.code == ERR_NOT_FOUND)
		return 0;
	*e = why;
	return -1;
}

/*
 * run/ holds what lives as long as the process. The lock is taken before the
 * keeper is forked and shared with it, so that no second keeper ever counts
 * versions beside one that is about to end.
 */
static int lock_folder(const struct config *c, int *run_dirfd, int *lock,
		       struct err *e)
{
	int dirfd = -1, rc = -1;

	if (fs_open_dir(c->dir, &dirfd, e) ||
	    fs_mkdirs(dirfd, "run", 0700, e) ||
	    fs_open(dirfd, "run", O_RDONLY | O_DIRECTORY, run_dirfd, e) ||
	    fs_lock(*run_dirfd, "server.lock", lock, e))
		goto out;
	/* What was for the server before us. */
	rc = forget(*run_dirfd, "drain", e) || forget(*run_dirfd, "ended", e) ||
			     forget(*run_dirfd, "tls-renewed.pem", e)
		     ? -1
		     : 0;
out:
	fs_close(&dirfd);
	return rc;
}

/* For who waits for the end: beside_drain(). */
static int tell_end(const struct server *s, int run_dirfd, struct err *e)
{
	struct buf text = BUF_INIT(64);
	int rc = buf_addf(&text, e, "{\"cut\":%zu}\n", server_cut(s));

	if (rc == 0)
		rc = fs_replace_file(run_dirfd, "ended", buf_slice(&text), 0600,
				     e);
	buf_done(&text);
	return rc;
}

static int serve(struct server *s, struct server_api *api, int run_dirfd,
		 bool as_json, struct err *e)
{
	int rc = -1;

	if (announce(s, run_dirfd, as_json, e) == 0)
		rc = server_run(s, api, run_dirfd, e);
	if (rc == 0) /* it names ports that are gone */
		rc = fs_remove(run_dirfd, "listeners.json", e);
	if (rc == 0)
		rc = tell_end(s, run_dirfd, e);
	return rc;
}

/* The keeper has read its secret from a copy of the same descriptor; here,
 * where strangers are heard, it must not be there to be read again. The TLS
 * key's may be the next line of the same, so both go when both were read. */
static void close_secrets(const struct config *c)
{
	unlock_close(c->keeper_unlock);
	if (c->tls_unlock)
		unlock_close(c->tls_unlock);
}

static int run(struct config *c, bool as_json, struct err *e)
{
	struct meter *meter = meter_new(server_routes, server_route_count);
	struct keeper *keeper = NULL;
	struct server *server = NULL;
	struct server_api *api = NULL;
	struct buf certificate = BUF_INIT(PEM_MAX);
	struct ec_private *own = NULL;
	int run_dirfd = -1, lock = -1, rc = -1;

	if (prepare_process(c, e) || lock_folder(c, &run_dirfd, &lock, e) ||
	    keeper_start(c, &keeper, e) ||
	    open_listeners(c, meter, &own, &certificate, &server, e))
		goto out;
	close_secrets(c);
	if (drop_privileges(c, e) || api_open(c, keeper, meter, &api, e) ||
	    fence_enter(c, e))
		goto out;
	api_show(api, own, buf_slice(&certificate));
	rc = serve(server, api, run_dirfd, as_json, e);
out:
	api_close(api);
	server_close(server);
	keeper_stop(keeper);
	meter_free(meter);
	ec_free(own);
	buf_done(&certificate);
	fs_close(&lock);
	fs_close(&run_dirfd);
	return rc;
}

/* Everything that can be judged without keys and ports. */
static int check_files(const struct config *c, struct err *e)
{
	const char *const files[] = { c->tls_certificate, c->tls_key,
				      c->device_ca };
	struct buf text = BUF_INIT(PEM_MAX);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(files); i++) {
		rc = fs_read_path(files[i], &text, e);
		text.len = 0;
	}
	buf_done(&text);
	return rc;
}

int command_run(int argc, char **argv, struct err *e)
{
	struct config config = { 0 };
	const char *file = NULL;
	bool check_only = false, as_json = false;
	const struct opt opts[] = {
		OPT_TEXT("config", "FILE", &file, "configuration file"),
		OPT_FLAG("check-config", &check_only,
			 "say whether it is good, and stop"),
		OPT_FLAG("json", &as_json, "print the listeners as JSON"),
		OPT_END,
	};
	char **operands;
	int operand_count, rc;

	if (opt_parse(argc, argv, opts, &operands, &operand_count, e))
		return -1;
	if (operand_count + (file != NULL) != 1)
		return err_set(e, ERR_USAGE,
			       "name one folder or one --config FILE");
	if (config_load(file ? NULL : operands[0], file, &config, e))
		return -1;
	log_set_json(config.log_json);
	rc = check_only ? check_files(&config, e) : run(&config, as_json, e);
	if (rc == 0 && check_only)
		printf("the configuration is good\n");
	config_done(&config);
	return rc;
}
