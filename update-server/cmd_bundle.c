/* SPDX-License-Identifier: Apache-2.0 */
/* `bundle export PATH`: what a device installs from a medium, or reports. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/fs.h"
#include "common/keybox.h"
#include "common/release.h"
#include "common/text.h"

#include "update-server/bundle_file.h"
#include "update-server/cmd_outpost.h"
#include "update-server/commands.h"
#include "update-server/ui.h"

#define METADATA_MAX (5u << 20)
#define VALID_DAYS   30
#define DAYS_MAX     400

struct export
{
	struct ui *ui;
	int dirfd;
	size_t payloads;
};

static int put(struct export *b, const char *name, struct slice bytes,
	       struct err *e)
{
	char path[128];

	if (text_format(path, sizeof(path), e, "metadata/%s", name))
		return -1;
	return fs_replace_file(b->dirfd, path, bytes, 0644, e);
}

static int copy_metadata(struct export *b, int64_t version, const char *role,
			 struct buf *keep, struct err *e)
{
	struct buf bytes = BUF_INIT(METADATA_MAX);
	char name[96], path[128];
	int rc = -1;

	if (text_format(name, sizeof(name), e, "%lld.%s.json",
			(long long)version, role) ||
	    text_format(path, sizeof(path), e, "/metadata/%s", name) ||
	    people_fetch(b->ui->client, path, &bytes, e) ||
	    put(b, name, buf_slice(&bytes), e))
		goto out;
	rc = keep ? buf_add(keep, buf_slice(&bytes), e) : 0;
out:
	buf_done(&bytes);
	return rc;
}

/* A payload that is there already and right is not fetched again. */
static bool is_there(struct export *b, const char *path, uint64_t len,
		     const struct sha256 *digest)
{
	struct sha256 is = { { 0 } };
	struct err ignored;
	struct stat st;
	int fd = -1;
	bool right;

	if (fs_open(b->dirfd, path, O_RDONLY | O_CLOEXEC, &fd, &ignored))
		return false;
	right = fstat(fd, &st) == 0 && (uint64_t)st.st_size == len &&
		sha256_of_range(fd, 0, len, &is, &ignored) == 0 &&
		sha256_equal(&is, digest);
	fs_close(&fd);
	return right;
}

static int fetch_payload(struct export *b, const char *url, const char *path,
			 uint64_t len, const struct sha256 *digest,
			 struct err *e)
{
	char from[PATH_MAX_LEN + 16], part[PATH_MAX_LEN + 16];
	struct err ignored;
	struct sha256 is;
	int fd = -1, rc = -1;

	if (text_format(from, sizeof(from), e, "/targets/%s", url) ||
	    text_format(part, sizeof(part), e, "%s.part", path) ||
	    fs_remove(b->dirfd, part, e) ||
	    fs_create(b->dirfd, part, 0644, &fd, e) ||
	    people_fetch_file(b->ui->client, from, fd, len, e) ||
	    sha256_of_range(fd, 0, len, &is, e))
		goto out;
	if (!sha256_equal(&is, digest)) {
		(void)err_set(e, ERR_UNTRUSTED, "%s: another digest", url);
		goto out;
	}
	if (fs_sync(fd, e) == 0)
		rc = fs_rename(b->dirfd, part, path, e);
out:
	fs_close(&fd);
	/* Half a file is nobody's; the failure was told already. */
	if (rc && fs_remove(b->dirfd, part, &ignored))
		return -1;
	return rc;
}

/* The keys of an encrypted package; without them nobody installs it. */
static int copy_keys(struct export *b, const struct sha256 *package,
		     struct err *e)
{
	char hex[SHA256_HEX_LEN], from[128], path[128], part[128];
	struct err why = { 0 };
	int fd = -1;
	int rc = -1;

	sha256_format(package, hex);
	if (text_format(from, sizeof(from), e, "/v1/people/envelopes/%s",
			hex) ||
	    text_format(path, sizeof(path), e, "envelopes/%s.keys", hex) ||
	    text_format(part, sizeof(part), e, "%s.part", path) ||
	    fs_mkdirs(b->dirfd, "envelopes", 0755, e) ||
	    fs_remove(b->dirfd, part, e) ||
	    fs_create(b->dirfd, part, 0644, &fd, e))
		return -1;
	if (people_fetch_file(b->ui->client, from, fd, KEYBOX_FILE_MAX, &why)) {
		*e = why;
		rc = why.code == ERR_NOT_FOUND ? 0 : -1;
		if (fs_remove(b->dirfd, part, &why))
			rc = -1;
		if (rc == 0)
			(void)fprintf(stderr,
				      "no keys of %s were imported: nobody "
				      "can install it\n",
				      hex);
	} else if (keybox_check(fd, package, e) == 0 && fs_sync(fd, e) == 0) {
		rc = fs_rename(b->dirfd, part, path, e);
	}
	fs_close(&fd);
	return rc;
}

static bool is_encrypted(const struct json *entry)
{
	return json_get(json_get(json_get(entry, "custom"), "pawl"),
			"encryption") != NULL;
}

static int copy_payload(struct export *b, const char *target,
			const struct json *entry, struct err *e)
{
	char url[PATH_MAX_LEN], path[PATH_MAX_LEN + 8],
		folder[PATH_MAX_LEN + 8];
	const struct json *hashes;
	struct sha256 digest;
	int64_t len;
	char *slash;

	if (!target_path_is_valid(slice_of(target)))
		return err_set(e, ERR_FORMAT, "a target's path is not valid");
	if (json_get_int(entry, "length", 0, JSON_INT_MAX, &len, e) ||
	    json_get_object(entry, "hashes", &hashes, e) ||
	    json_get_hex(hashes, "sha256", digest.bytes, SHA256_LEN, e) ||
	    release_url_path(target, &digest, url, e) ||
	    text_format(path, sizeof(path), e, "targets/%s", url))
		return -1;
	memcpy(folder, path, sizeof(folder));
	slash = strrchr(folder, '/');
	if (slash)
		*slash = 0;
	if (fs_mkdirs(b->dirfd, folder, 0755, e))
		return -1;
	b->payloads++;
	if (is_encrypted(entry) && copy_keys(b, &digest, e))
		return -1;
	if (is_there(b, path, (uint64_t)len, &digest))
		return 0;
	if (!b->ui->json)
		printf("fetching %s\n", target);
	return fetch_payload(b, url, path, (uint64_t)len, &digest, e);
}

/*
 * A role may list what is not its own to say, or no longer counts: then the
 * server has nothing for a device, and neither has the bundle.
 */
static int copy_payloads(struct export *b, struct slice file, bool delegated,
			 struct err *e)
{
	const struct json *body, *targets;
	struct err why = { 0 };
	struct json *j = NULL;
	int rc = -1;

	if (json_parse(file, &j, e) || json_get_object(j, "signed", &body, e) ||
	    json_get_object(body, "targets", &targets, e))
		goto out;
	for (void *m = json_first(targets); m; m = json_next(targets, m)) {
		if (copy_payload(b, json_name(m), json_value(m), &why) == 0 ||
		    (delegated && why.code == ERR_NOT_FOUND))
			continue;
		*e = why;
		goto out;
	}
	rc = 0;
out:
	json_free(j);
	return rc;
}

/* A targets file, of whatever role, and what it lists. */
static int copy_role(struct export *b, const char *role, int64_t version,
		     struct err *e)
{
	struct buf file = BUF_INIT(METADATA_MAX);
	int rc = -1;

	if (copy_metadata(b, version, role, &file, e) == 0)
		rc = copy_payloads(b, buf_slice(&file),
				   strcmp(role, "targets") != 0, e);
	buf_done(&file);
	return rc;
}

/* Everything that the snapshot lists. */
static int copy_listed(struct export *b, const char *snapshot, struct err *e)
{
	static const char json[] = ".json";
	const struct json *body, *meta;
	char role[NAME_MAX_LEN + sizeof(json)];
	struct json *j = NULL;
	int64_t version;
	int rc = -1;

	if (json_parse(slice_of(snapshot), &j, e) ||
	    json_get_object(j, "signed", &body, e) ||
	    json_get_object(body, "meta", &meta, e))
		goto out;
	for (void *m = json_first(meta); m; m = json_next(meta, m)) {
		size_t len = strlen(json_name(m));

		if (len < sizeof(json) ||
		    !name_is_valid(slice_sub(slice_of(json_name(m)), 0,
					     len - (sizeof(json) - 1)))) {
			(void)err_set(e, ERR_FORMAT, "snapshot: not a role");
			goto out;
		}
		memcpy(role, json_name(m), len + 1);
		role[len - (sizeof(json) - 1)] = 0;
		if (json_get_int(json_value(m), "version", 1, JSON_INT_MAX,
				 &version, e) ||
		    copy_role(b, role, version, e))
			goto out;
	}
	rc = 0;
out:
	json_free(j);
	return rc;
}

/* The timestamp comes last: without it there is nothing to install from. */
static int copy_signed(struct export *b, const struct json *answer,
		       struct err *e)
{
	const char *snapshot, *timestamp;
	int64_t version;
	char name[64];

	if (json_get_text(answer, "snapshot", &snapshot, e) ||
	    json_get_text(answer, "timestamp", &timestamp, e) ||
	    json_get_int(answer, "snapshot_version", 1, JSON_INT_MAX, &version,
			 e) ||
	    text_format(name, sizeof(name), e, "%lld.snapshot.json",
			(long long)version) ||
	    put(b, name, slice_of(snapshot), e))
		return -1;
	return put(b, "timestamp.json", slice_of(timestamp), e);
}

static int copy_all(struct export *b, const struct json *answer, struct err *e)
{
	const char *snapshot;
	int64_t root;

	if (json_get_int(answer, "root", 1, 100000, &root, e) ||
	    json_get_text(answer, "snapshot", &snapshot, e) ||
	    fs_mkdirs(b->dirfd, "metadata", 0755, e) ||
	    fs_mkdirs(b->dirfd, "targets", 0755, e))
		return -1;
	for (int64_t n = 1; n <= root; n++)
		if (copy_metadata(b, n, "root", NULL, e))
			return -1;
	return copy_listed(b, snapshot, e) || copy_signed(b, answer, e) ? -1
									: 0;
}

static int export(struct export *b, uint64_t days, struct err *e)
{
	struct json *body, *answer = NULL;
	int rc = -1;

	if (days == 0)
		return err_set(e, ERR_USAGE, "--valid: at least a day");
	body = json_new_object();
	json_set_int(body, "days", (int64_t)days);
	if (people_post(b->ui->client, "/v1/people/bundle", body, &answer, e))
		return -1;
	if (copy_all(b, answer, e))
		goto out;
	json_remove(answer, "snapshot");
	json_remove(answer, "timestamp");
	rc = 0;
	if (b->ui->json)
		rc = ui_print_json(answer, e);
	else
		printf("%zu payloads; good until %s\n", b->payloads,
		       json_text(json_get(answer, "expires")));
out:
	json_free(answer);
	return rc;
}

int command_bundle_export(int argc, char **argv, struct err *e)
{
	uint64_t days = VALID_DAYS;
	uint64_t since = 0;
	bool reports = false;
	struct ui u = { 0 };
	struct export b = { .ui = &u, .dirfd = -1 };
	struct bundle_place place = BUNDLE_PLACE_INIT;
	const struct opt opts[] = {
		OPT_NUMBER("valid", "DAYS", &days, DAYS_MAX,
			   "how long it can be installed from (30)"),
		OPT_FLAG("reports", &reports,
			 "reports for outside, and nothing else"),
		OPT_NUMBER("since", "N", &since, INT32_MAX,
			   "reports from this one on"),
		UI_OPTIONS(&u),
		OPT_END,
	};
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e) == 0 &&
	    bundle_place_write(u.operands[0], &place, e) == 0) {
		b.dirfd = place.dirfd;
		rc = reports ? outpost_export(&u, b.dirfd, since, e)
			     : export(&b, days, e);
	}
	rc = bundle_place_end(&place, rc, e);
	ui_done(&u);
	return rc;
}
