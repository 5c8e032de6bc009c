/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/online.h"

#include "common/fs.h"
#include "common/mem.h"
#include "common/random.h"
#include "common/text.h"
#include "common/utc.h"

#define ONLINE_SECRET_LEN   32
#define ONLINE_FILE_MAX     2000000
#define ONLINE_TIMESTAMP    "metadata/timestamp.json"
#define ONLINE_VERSIONS_MAX 16384

int online_make(const struct repo *r, struct ec_public *out, struct err *e)
{
	struct buf sealed = BUF_INIT(KEYFILE_MAX_LEN);
	uint8_t secret[ONLINE_SECRET_LEN];
	char text[2 * ONLINE_SECRET_LEN + 1];
	struct ec_private *key = NULL;
	int rc = -1;

	random_bytes(secret, sizeof(secret));
	hex_format((struct slice){ secret, sizeof(secret) }, text);
	if (ec_generate(&key, e) ||
	    keyfile_seal_made(key, r->environment, "online", slice_of(text),
			      &sealed, e) ||
	    fs_replace_file(r->dirfd, "online.pass", slice_of(text), 0600, e) ||
	    fs_replace_file(r->dirfd, "online.key", buf_slice(&sealed), 0600,
			    e))
		goto out;
	ec_public_of(key, out);
	rc = 0;
out:
	mem_wipe(secret, sizeof(secret));
	mem_wipe(text, sizeof(text));
	buf_wipe(&sealed);
	ec_free(key);
	return rc;
}

static int check_listed(const struct repo *r, const struct ec_public *key,
			struct err *e)
{
	const struct json *root = repo_root(r);
	char keyid[TUF_KEYID_LEN];

	if (tuf_keyid(key, keyid, e))
		return -1;
	if (roles_has(root, "snapshot", keyid) &&
	    roles_has(root, "timestamp", keyid))
		return 0;
	return err_set(e, ERR_REFUSED,
		       "root does not list online.key for "
		       "snapshot and timestamp");
}

int online_check(const struct repo *r, struct err *e)
{
	struct buf file = BUF_INIT(KEYFILE_MAX_LEN);
	struct keyfile_info info;
	int rc = -1;

	if (r->environment == ENV_PRODUCTION)
		err_set(e, ERR_REFUSED,
			"in production the server signs snapshot and "
			"timestamp, not this repository");
	else if (fs_read_file(r->dirfd, "online.key", &file, e))
		err_in(e, "no online key here (init --with-online makes one)");
	else if (keyfile_inspect(buf_slice(&file), &info, e))
		err_in(e, "online.key");
	else if (info.environment != r->environment)
		err_set(e, ERR_REFUSED,
			"online.key is for another environment");
	else
		rc = check_listed(r, &info.public_key, e);
	buf_done(&file);
	return rc;
}

static int open_key(const struct repo *r, struct ec_private **out,
		    struct err *e)
{
	struct buf file = BUF_INIT(KEYFILE_MAX_LEN);
	struct buf secret = BUF_SECRET(PASSPHRASE_MAX_LEN);
	struct keyfile_info info;
	int rc;

	rc = fs_read_file(r->dirfd, "online.key", &file, e) ||
	     fs_read_file(r->dirfd, "online.pass", &secret, e) ||
	     keyfile_open(buf_slice(&file), buf_slice(&secret), out, &info, e);
	buf_wipe(&secret);
	buf_wipe(&file);
	return rc ? -1 : 0;
}

/* Versions of the last publication; 0 before the first. */
static int last_versions(const struct repo *r, int64_t *snapshot,
			 int64_t *timestamp, struct err *e)
{
	struct buf bytes = BUF_INIT(ONLINE_VERSIONS_MAX);
	struct json *envelope = NULL;
	const struct json *signed_part, *meta;
	struct err why = { 0 };
	int rc = -1;

	*snapshot = *timestamp = 0;
	if (fs_read_file(r->dirfd, ONLINE_TIMESTAMP, &bytes, &why)) {
		rc = why.code == ERR_NOT_FOUND
			     ? 0
			     : err_set(e, why.code, "%s", why.msg);
		goto out;
	}
	if (json_parse(buf_slice(&bytes), &envelope, e) ||
	    json_get_object(envelope, "signed", &signed_part, e))
		goto out;
	meta = json_get(json_get(signed_part, "meta"), "snapshot.json");
	if (json_get_int(signed_part, "version", 1, JSON_INT_MAX - 1, timestamp,
			 e) ||
	    json_get_int(meta, "version", 1, JSON_INT_MAX - 1, snapshot, e))
		goto out;
	rc = 0;
out:
	json_free(envelope);
	buf_done(&bytes);
	return rc ? err_in(e, ONLINE_TIMESTAMP) : 0;
}

/* One of the two: its "meta" names the files below it. */
static int sign_one(struct json *envelope, struct json *meta,
		    const struct ec_private *key, struct buf *out,
		    struct err *e)
{
	int rc;

	json_set(tuf_envelope_signed(envelope), "meta", meta);
	rc = tuf_sign(envelope, key, e) || tuf_envelope_bytes(envelope, out, e);
	json_free(envelope);
	return rc ? -1 : 0;
}

/* Targets and every role that was ever published: none may be dropped. */
static int list_roles(const struct repo *r, struct json *meta, struct err *e)
{
	struct buf bytes = BUF_INIT(ENVELOPE_MAX_LEN);
	char name[ROLE_NAME_LEN + 8];
	int rc = 0;

	for (size_t i = 1; rc == 0 && i < repo_role_count(r); i++) {
		const struct repo_role *held = repo_role_at(r, i);

		if (!held->published)
			continue;
		bytes.len = 0;
		rc = tuf_envelope_bytes(held->published, &bytes, e) ||
		     text_format(name, sizeof(name), e, "%s.json", held->name);
		if (rc == 0)
			json_set(meta, name,
				 tuf_meta_entry(buf_slice(&bytes),
						repo_version(r, held->name)));
	}
	buf_done(&bytes);
	return rc ? -1 : 0;
}

static int sign_both(struct repo *r, const struct ec_private *key, int64_t now,
		     struct online_files *out, struct err *e)
{
	const struct repo_settings *s = &r->settings;
	struct json *envelope, *meta = json_new_object();
	int64_t snapshot, timestamp;

	if (last_versions(r, &snapshot, &timestamp, e) ||
	    list_roles(r, meta, e)) {
		json_free(meta);
		return -1;
	}
	snapshot++;
	timestamp++;
	envelope = tuf_envelope_new(TUF_SNAPSHOT, snapshot, now,
				    now + (int64_t)s->snapshot_days * UTC_DAY);
	if (sign_one(envelope, meta, key, &out->snapshot, e))
		return -1;
	meta = json_new_object();
	json_set(meta, "snapshot.json",
		 tuf_meta_entry(buf_slice(&out->snapshot), snapshot));
	envelope = tuf_envelope_new(TUF_TIMESTAMP, timestamp, now,
				    now + (int64_t)s->timestamp_hours * 3600);
	if (sign_one(envelope, meta, key, &out->timestamp, e))
		return -1;
	out->snapshot_version = snapshot;
	return 0;
}

int online_sign(struct repo *r, int64_t now, struct online_files *out,
		struct err *e)
{
	struct ec_private *key = NULL;
	int rc = -1;

	*out = (struct online_files){
		.snapshot = BUF_INIT(ONLINE_FILE_MAX),
		.timestamp = BUF_INIT(ONLINE_VERSIONS_MAX),
	};
	if (online_check(r, e) || open_key(r, &key, e) ||
	    sign_both(r, key, now, out, e))
		goto out;
	/* Remembered before anybody sees it: a version is never used twice. */
	rc = fs_replace_file(r->dirfd, ONLINE_TIMESTAMP,
			     buf_slice(&out->timestamp), 0644, e);
out:
	ec_free(key);
	return rc;
}

void online_done(struct online_files *f)
{
	buf_done(&f->snapshot);
	buf_done(&f->timestamp);
}
