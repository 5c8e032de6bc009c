/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/people_roll.h"

#include <stdlib.h>

#include "common/fs.h"
#include "common/keyfile.h"
#include "common/mem.h"

#include "update-server/config.h"
#include "update-server/keeper.h"
#include "update-server/unlock.h"

struct roll {
	int dirfd, lock;
	struct keeper_seal seal;
	struct keeper_people *people;
};

static int make_key(int dirfd, enum environment environment,
		    struct slice secret, struct ec_private **out, struct err *e)
{
	struct buf file = BUF_INIT(KEYFILE_MAX_LEN);
	int rc = -1;

	if (ec_generate(out, e) == 0 &&
	    keyfile_seal(*out, environment, "ledger", secret, &file, e) == 0)
		rc = fs_replace_file(dirfd, KEEPER_LEDGER_KEY, buf_slice(&file),
				     0600, e);
	buf_done(&file);
	return rc;
}

static int read_key(int dirfd, enum environment environment,
		    struct slice secret, struct ec_private **out, struct err *e)
{
	struct buf file = BUF_INIT(KEYFILE_MAX_LEN);
	struct keyfile_info info;
	struct err why = { 0 };
	int rc = -1;

	if (fs_read_file(dirfd, KEEPER_LEDGER_KEY, &file, &why) == 0)
		rc = keyfile_open(buf_slice(&file), secret, out, &info, e);
	else if (why.code == ERR_NOT_FOUND)
		rc = make_key(dirfd, environment, secret, out, e);
	else
		*e = why;
	buf_done(&file);
	return rc ? err_in(e, KEEPER_LEDGER_KEY) : 0;
}

static int open_seal(const struct config *c, struct roll *r, struct err *e)
{
	struct buf secret = BUF_SECRET(PASSPHRASE_MAX_LEN);
	enum environment environment = ENV_LAB;
	struct ec_private *key = NULL;
	int rc = -1;

	if (environment_parse(slice_of(c->environment), &environment, e) == 0 &&
	    unlock_read(c->keeper_unlock, c->dir, &secret, e) == 0 &&
	    read_key(r->dirfd, environment, buf_slice(&secret), &key, e) == 0)
		rc = keeper_seal_of(key, &r->seal, e);
	ec_free(key);
	buf_wipe(&secret);
	return rc ? err_in(e, "the keeper's list of people") : 0;
}

static void close_roll(struct roll *r)
{
	fs_close(&r->lock);
	fs_close(&r->dirfd);
	mem_wipe(&r->seal, sizeof(r->seal));
	free(r->people);
}

static int open_roll(const char *dir, struct roll *r, struct err *e)
{
	struct config c = { 0 };
	int rc = -1;

	r->people = mem_alloc(1, sizeof(*r->people));
	if (config_load(dir, NULL, &c, e))
		return -1;
	if (fs_open_dir(c.dir, &r->dirfd, e) == 0 &&
	    fs_mkdirs(r->dirfd, "keeper", 0700, e) == 0 &&
	    fs_lock(r->dirfd, "keeper/people.lock", &r->lock, e) == 0 &&
	    open_seal(&c, r, e) == 0)
		rc = keeper_people_load(r->dirfd, &r->seal, r->people, e);
	config_done(&c);
	return rc;
}

static int add(struct roll *r, const struct keeper_person *p, bool *added,
	       struct err *e)
{
	*added = !keeper_people_find(r->people, &p->certificate);
	if (!*added)
		return 0;
	if (r->people->count == KEEPER_PEOPLE_MAX)
		return err_set(e, ERR_LIMIT, "more than %d people",
			       KEEPER_PEOPLE_MAX);
	r->people->at[r->people->count++] = *p;
	return keeper_people_save(r->dirfd, &r->seal, r->people, e);
}

int people_roll_add(const char *dir, const struct keeper_person *p, bool *added,
		    struct err *e)
{
	struct roll r = { .dirfd = -1, .lock = -1 };
	int rc = open_roll(dir, &r, e) || add(&r, p, added, e) ? -1 : 0;

	close_roll(&r);
	return rc;
}

static int revoke(struct roll *r, const struct sha256 *certificate,
		  struct err *e)
{
	struct keeper_person *p = keeper_people_find(r->people, certificate);

	if (!p || p->revoked)
		return 0;
	p->revoked = true;
	return keeper_people_save(r->dirfd, &r->seal, r->people, e);
}

int people_roll_revoke(const char *dir, const struct sha256 *certificate,
		       struct err *e)
{
	struct roll r = { .dirfd = -1, .lock = -1 };
	int rc = open_roll(dir, &r, e) || revoke(&r, certificate, e) ? -1 : 0;

	close_roll(&r);
	return rc;
}
