/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper process: what runs on the other end of the socketpair. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/example_keys.h"
#include "common/fs.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/secret.h"

#include "update-server/home.h"
#include "update-server/keeper.h"
#include "update-server/keeper_office.h"
#include "update-server/unlock.h"

static int open_key(int dirfd, const char *path, struct slice passphrase,
		    enum environment env, struct ec_private **out,
		    struct err *e)
{
	struct buf file = BUF_INIT(KEYFILE_MAX_LEN);
	struct keyfile_info info;
	int rc = -1;

	if (fs_read_file(dirfd, path, &file, e) ||
	    keyfile_open(buf_slice(&file), passphrase, out, &info, e)) {
		err_in(e, "%s", path);
		goto out;
	}
	if (keyfile_check_allowed(&info, env, e)) {
		ec_free(*out);
		*out = NULL;
		err_in(e, "%s", path);
		goto out;
	}
	rc = 0;
out:
	buf_done(&file);
	return rc;
}

/* The CA whose certificate is the first is ours, also where a rotation was cut
 * off before its key was moved: that one is then beside it. */
static const char *ca_key_of(int dirfd, const char *pem)
{
	struct buf file = BUF_INIT(KEYFILE_MAX_LEN);
	const char *path = KEEPER_CA_KEY;
	struct slice cas = slice_of(pem), first;
	struct keyfile_info next;
	struct x509_info info;
	struct err ignored;

	if (fs_read_file(dirfd, KEEPER_NEXT_CA_KEY, &file, &ignored) == 0 &&
	    keyfile_inspect(buf_slice(&file), &next, &ignored) == 0 &&
	    x509_next(&cas, &first) &&
	    x509_inspect(first, &info, &ignored) == 0 &&
	    ec_public_equal(&next.public_key, &info.public_key))
		path = KEEPER_NEXT_CA_KEY;
	buf_done(&file);
	return path;
}

static int unlock(const struct config *c, struct keeper_setup *setup,
		  struct err *e)
{
	const char *ca_key = ca_key_of(setup->dirfd, setup->ca_pem);
	struct buf secret = BUF_SECRET(PASSPHRASE_MAX_LEN);
	int rc = -1;

	if (environment_parse(slice_of(c->environment), &setup->environment,
			      e) ||
	    unlock_read(c->keeper_unlock, c->dir, &secret, e)) {
		err_in(e, "keeper");
		goto out;
	}
	if (open_key(setup->dirfd, ca_key, buf_slice(&secret),
		     setup->environment, &setup->ca, e) ||
	    open_key(setup->dirfd, KEEPER_ONLINE_KEY, buf_slice(&secret),
		     setup->environment, &setup->online, e) ||
	    open_key(setup->dirfd, KEEPER_LOG_KEY, buf_slice(&secret),
		     setup->environment, &setup->log, e))
		goto out;
	if (open_key(setup->dirfd, KEEPER_LEDGER_KEY, buf_slice(&secret),
		     setup->environment, &setup->ledger, e)) {
		if (e->code == ERR_NOT_FOUND)
			err_in(e,
			       "this server is older than the keeper's ledger "
			       "(pawl-server person add makes what is missing, "
			       "for each person)");
		goto out;
	}
	rc = 0;
out:
	unlock_close(c->keeper_unlock);
	buf_wipe(&secret);
	return rc;
}

/* Its names to who signs warrants; the next CA is there only for a while. */
static int read_servers(int dirfd, struct keeper_setup *setup, struct err *e)
{
	static const char *const files[KEEPER_SERVERS_MAX] = {
		HOME_CA_PEM, HOME_NEXT_CA_PEM
	};
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(files) && rc == 0; i++) {
		struct err why = { 0 };
		struct x509_info info;

		pem.len = 0;
		rc = fs_read_file(dirfd, files[i], &pem, &why);
		if (rc && i > 0 && why.code == ERR_NOT_FOUND)
			return 0;
		if (rc == 0)
			rc = x509_inspect(buf_slice(&pem), &info, &why);
		if (rc == 0)
			setup->servers[setup->server_count++] =
				info.fingerprint;
		else
			*e = why;
	}
	buf_done(&pem);
	return rc;
}

static int open_office(const struct config *c, int dirfd,
		       struct keeper_office **out, struct err *e)
{
	struct buf ca_pem = BUF_INIT(KEEPER_CA_PEM_MAX);
	struct keeper_setup setup = { .dirfd = dirfd,
				      .device_days = c->device_days,
				      .enrol_rate = c->enrol_rate };
	int rc = -1;

	if (read_servers(dirfd, &setup, e) ||
	    fs_read_path(c->device_ca, &ca_pem, e))
		goto out;
	setup.ca_pem = buf_text(&ca_pem);
	if (unlock(c, &setup, e))
		goto out;
	setup.four_eyes = setup.environment == ENV_PRODUCTION && c->four_eyes;
	rc = keeper_office_open(&setup, out, e);
	/* Taken over, also by an opening that failed. */
	setup.ca = setup.online = setup.log = setup.ledger = NULL;
out:
	ec_free(setup.ca);
	ec_free(setup.online);
	ec_free(setup.log);
	ec_free(setup.ledger);
	buf_done(&ca_pem);
	return rc;
}

/* Nothing of this process may be read by others, nor kept of it. */
static void harden(void)
{
	secret_guard();
	(void)prctl(PR_SET_NAME, "pawl-keeper");
	(void)umask(077);
	/* It ends when the server closes the socket, not before: a signal to
	 * the whole group must not take it away in the middle of a request. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
}

static int say(int fd, enum keeper_op op, const struct keeper_answer *a,
	       struct err *e)
{
	struct buf out = BUF_INIT(KEEPER_MESSAGE_MAX);
	int rc = keeper_format_answer(op, a, &out, e) ||
				 keeper_send(fd, buf_slice(&out), e)
			 ? -1
			 : 0;

	buf_done(&out);
	return rc;
}

/* One request and its answer; -1 when there will be no more. */
static int serve_one(struct keeper_office *o, int fd, struct keeper_request *q,
		     struct keeper_answer *a)
{
	struct buf in = BUF_INIT(KEEPER_MESSAGE_MAX);
	struct err e = { 0 };
	int rc = keeper_receive(fd, -1, &in, &e);

	if (rc == 0 && keeper_parse_request(buf_slice(&in), q, &e)) {
		memset(a, 0, sizeof(*a));
		a->failure = e;
	} else if (rc == 0) {
		keeper_office_do(o, q, utc_now(), a);
	}
	if (rc == 0)
		rc = say(fd, q->op, a, &e);
	mem_wipe(q, sizeof(*q));
	buf_wipe(&in);
	return rc;
}

int keeper_process(const struct config *c, int fd)
{
	struct keeper_request *q = mem_alloc(1, sizeof(*q));
	struct keeper_answer *a = mem_alloc(1, sizeof(*a));
	struct keeper_office *o = NULL;
	int dirfd = -1;

	harden();
	if (!secret_can_lock())
		log_event(LOG_WARNING, "keeper_memory_not_locked",
			  "way_out=LimitMEMLOCK");
	if (fs_open_dir(c->dir, &dirfd, &a->failure) == 0 &&
	    open_office(c, dirfd, &o, &a->failure) == 0)
		(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	/* The first answer, unasked, says whether the keys could be opened. */
	if (say(fd, KEEPER_REFRESH, a, &a->failure) == 0 && o)
		while (serve_one(o, fd, q, a) == 0)
			;
	keeper_office_close(o);
	fs_close(&dirfd);
	free(q);
	free(a);
	return o ? EXIT_SUCCESS : EXIT_FAILURE;
}
