/* SPDX-License-Identifier: Apache-2.0 */
/* `release import|list|show`: what release engineers published, brought in. */
#include "update-server/cmd_release.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/fs.h"
#include "common/release.h"
#include "common/text.h"
#include "common/tuf_client.h"

#include "update-server/commands.h"

#define METADATA_MAX (5u << 20)

/* A delegated role whose newest file lies in the folder. */
struct role {
	char name[NAME_MAX_LEN + 1];
	uint64_t version;
};

struct import {
	struct ui *ui;
	int dirfd;              /* the published folder */
	uint64_t root, targets; /* newest in the folder; 0: none */
	struct role roles[TUF_IMPORT_ROLES_MAX];
	size_t role_count;
	size_t uploaded, present;
	bool again; /* also what the server has: it may be damaged there */
};

/* ---- what the folder holds ----------------------------------------------- */

/* "<n>.<role>.json"; false for anything else. */
static bool read_name(const char *name, struct role *out)
{
	static const char json[] = ".json";
	size_t len = strlen(name), tail = sizeof(json) - 1;
	size_t digits = strcspn(name, ".");
	struct role role;
	struct slice text;
	struct err ignored;

	if (len < digits + 1 + tail || strcmp(name + len - tail, json) != 0 ||
	    num_parse(slice_sub(slice_of(name), 0, digits), UINT32_MAX,
		      &role.version, &ignored))
		return false;
	text = slice_sub(slice_of(name), digits + 1, len - digits - 1 - tail);
	if (role.version == 0 || !name_is_valid(text))
		return false;
	memcpy(role.name, text.ptr, text.len);
	role.name[text.len] = 0;
	*out = role;
	return true;
}

static int note_role(struct import *im, const struct role *found, struct err *e)
{
	for (size_t i = 0; i < im->role_count; i++) {
		struct role *r = &im->roles[i];

		if (strcmp(r->name, found->name) != 0)
			continue;
		if (found->version > r->version)
			r->version = found->version;
		return 0;
	}
	if (im->role_count == TUF_IMPORT_ROLES_MAX)
		return err_set(e, ERR_LIMIT, "metadata/: more than %d roles",
			       TUF_IMPORT_ROLES_MAX);
	im->roles[im->role_count++] = *found;
	return 0;
}

static int note_file(struct import *im, const char *name, struct err *e)
{
	struct role found;

	if (!read_name(name, &found))
		return 0;
	if (strcmp(found.name, "root") == 0)
		im->root = found.version > im->root ? found.version : im->root;
	else if (strcmp(found.name, "targets") == 0)
		im->targets = found.version > im->targets ? found.version
							  : im->targets;
	else if (strcmp(found.name, "snapshot") != 0)
		return note_role(im, &found, e);
	return 0;
}

/* The newest of each kind in metadata/. */
static int find_versions(struct import *im, struct err *e)
{
	struct dirent *entry;
	DIR *d = NULL;
	int fd = -1, rc = 0;

	if (fs_open(im->dirfd, "metadata", O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		    &fd, e))
		return -1;
	d = fdopendir(fd);
	if (!d) {
		fs_close(&fd);
		return err_sys(e, "metadata");
	}
	while (rc == 0 && (entry = readdir(d)))
		rc = note_file(im, entry->d_name, e);
	(void)closedir(d);
	if (rc)
		return -1;
	/* A delegated role may come on its own; root and targets may not. */
	if ((im->root == 0) != (im->targets == 0) ||
	    (im->root == 0 && im->role_count == 0))
		return err_set(e, ERR_NOT_FOUND,
			       "metadata/ holds no root and targets: is this "
			       "what `pawl-signer publish` wrote?");
	return 0;
}

/*
 * The owners of a role publish it on their own, too: what the server has newer
 * is not taken back by an older copy in somebody's folder.
 */
static int leave_out_older(struct import *im, struct err *e)
{
	struct json *answer = NULL;
	const struct json *list;

	if (people_get(im->ui->client, "/v1/people/status", &answer, e))
		return -1;
	list = json_get(answer, "roles");
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *r = json_at(list, i);
		const char *name = json_text(json_get(r, "role"));
		int64_t version = json_int(json_get(r, "version"));

		for (size_t k = 0; k < im->role_count; k++) {
			if (strcmp(im->roles[k].name, name) != 0 ||
			    (int64_t)im->roles[k].version >= version)
				continue;
			if (!im->ui->json)
				printf("left out %s version %llu: the server "
				       "has %lld\n",
				       name,
				       (unsigned long long)im->roles[k].version,
				       (long long)version);
			im->roles[k] = im->roles[--im->role_count];
			break;
		}
	}
	json_free(answer);
	return 0;
}

/* ---- payloads ------------------------------------------------------------ */

static int open_payload(struct import *im, const char *url, int *fd,
			uint64_t *len, struct err *e)
{
	char path[PATH_MAX_LEN];
	struct stat st;

	if (text_format(path, sizeof(path), e, "targets/%s", url) ||
	    fs_open(im->dirfd, path, O_RDONLY | O_CLOEXEC, fd, e))
		return -1;
	if (fstat(*fd, &st) != 0)
		return err_sys(e, "%s", path);
	*len = (uint64_t)st.st_size;
	return 0;
}

static int upload_payload(struct import *im, const char *target,
			  const struct sha256 *digest, struct err *e)
{
	char url[PATH_MAX_LEN], path[PATH_MAX_LEN], hex[SHA256_HEX_LEN];
	char size[16];
	uint64_t len = 0;
	int fd = -1, rc = -1;

	sha256_format(digest, hex);
	if (release_url_path(target, digest, url, e) ||
	    text_format(path, sizeof(path), e, "/v1/people/payload/%s", hex) ||
	    open_payload(im, url, &fd, &len, e) ||
	    people_put(im->ui->client, path, fd, len, e))
		goto out;
	text_size(len, size);
	if (!im->ui->json)
		printf("uploaded %s (%s)\n", target, size);
	im->uploaded++;
	rc = 0;
out:
	fs_close(&fd);
	return rc ? err_in(e, "%s", target) : 0;
}

static int need_payload(struct import *im, const char *target,
			const struct json *entry, struct err *e)
{
	const struct json *hashes;
	struct sha256 digest;
	struct json *answer = NULL;
	char path[PATH_MAX_LEN], hex[SHA256_HEX_LEN];

	if (!target_path_is_valid(slice_of(target)))
		return err_set(e, ERR_FORMAT, "a target's path is not valid");
	if (json_get_object(entry, "hashes", &hashes, e) ||
	    json_get_hex(hashes, "sha256", digest.bytes, SHA256_LEN, e))
		return err_in(e, "%s", target);
	sha256_format(&digest, hex);
	if (text_format(path, sizeof(path), e, "/v1/people/payload/%s", hex))
		return -1;
	if (im->again)
		return upload_payload(im, target, &digest, e);
	if (people_get(im->ui->client, path, &answer, e) == 0) {
		json_free(answer);
		im->present++;
		return 0;
	}
	if (e->code != ERR_NOT_FOUND)
		return -1;
	return upload_payload(im, target, &digest, e);
}

/* Only to know what to upload: the server verifies the same file. */
static int upload_listed(struct import *im, const char *role, uint64_t version,
			 struct err *e)
{
	struct buf file = BUF_INIT(METADATA_MAX);
	const struct json *body, *targets;
	struct json *j = NULL;
	char name[128];
	int rc = -1;

	if (text_format(name, sizeof(name), e, "metadata/%llu.%s.json",
			(unsigned long long)version, role))
		return -1;
	if (fs_read_file(im->dirfd, name, &file, e) ||
	    json_parse(buf_slice(&file), &j, e) ||
	    json_get_object(j, "signed", &body, e) ||
	    json_get_object(body, "targets", &targets, e)) {
		err_in(e, "%s", name);
		goto out;
	}
	for (void *m = json_first(targets); m; m = json_next(targets, m))
		if (need_payload(im, json_name(m), json_value(m), e))
			goto out;
	rc = 0;
out:
	json_free(j);
	buf_done(&file);
	return rc;
}

static int upload_payloads(struct import *im, struct err *e)
{
	if (im->targets > 0 && upload_listed(im, "targets", im->targets, e))
		return -1;
	for (size_t i = 0; i < im->role_count; i++)
		if (upload_listed(im, im->roles[i].name, im->roles[i].version,
				  e))
			return -1;
	return 0;
}

/* ---- metadata ------------------------------------------------------------ */

static int upload_metadata(struct import *im, const char *role,
			   uint64_t version, struct err *e)
{
	char name[96], from[128], to[128];
	struct stat st;
	int fd = -1, rc = -1;

	if (text_format(name, sizeof(name), e, "%llu.%s.json",
			(unsigned long long)version, role) ||
	    text_format(from, sizeof(from), e, "metadata/%s", name) ||
	    text_format(to, sizeof(to), e, "/v1/people/metadata/%s", name) ||
	    fs_open(im->dirfd, from, O_RDONLY | O_CLOEXEC, &fd, e))
		return -1;
	if (fstat(fd, &st) != 0)
		(void)err_sys(e, "%s", from);
	else
		rc = people_put(im->ui->client, to, fd, (uint64_t)st.st_size,
				e);
	fs_close(&fd);
	return rc ? err_in(e, "%s", from) : 0;
}

static int upload_files(struct import *im, struct err *e)
{
	for (uint64_t n = 1; n <= im->root; n++)
		if (upload_metadata(im, "root", n, e))
			return -1;
	if (im->targets > 0 && upload_metadata(im, "targets", im->targets, e))
		return -1;
	for (size_t i = 0; i < im->role_count; i++)
		if (upload_metadata(im, im->roles[i].name, im->roles[i].version,
				    e))
			return -1;
	return 0;
}

static void print_imported(const struct json *answer)
{
	static const char *const fields[] = { "targets", "root", "releases",
					      "payloads", NULL };
	const char *first = json_text(json_get(answer, "first_root"));

	ui_fields(answer, fields);
	ui_roles(answer);
	if (first[0])
		printf("\nThis was the first import, so its root is trusted "
		       "from now on.\nCompare its digest with the release "
		       "engineers' 1.root.json:\n  %s\n",
		       first);
}

static struct json *publish_body(const struct import *im)
{
	struct json *body = json_new_object(), *roles = json_new_object();

	if (im->root > 0) {
		json_set_int(body, "root", (int64_t)im->root);
		json_set_int(body, "targets", (int64_t)im->targets);
	}
	for (size_t i = 0; i < im->role_count; i++)
		json_set_int(roles, im->roles[i].name,
			     (int64_t)im->roles[i].version);
	json_set(body, "roles", roles);
	return body;
}

static int import_folder(struct import *im, struct err *e)
{
	struct json *answer = NULL;
	int rc = 0;

	if (find_versions(im, e) || leave_out_older(im, e) ||
	    upload_payloads(im, e) || upload_files(im, e) ||
	    people_post(im->ui->client, "/v1/people/publish", publish_body(im),
			&answer, e))
		return -1;
	if (im->ui->json) {
		json_set_int(answer, "uploaded", (int64_t)im->uploaded);
		rc = ui_print_json(answer, e);
	} else {
		print_imported(answer);
	}
	json_free(answer);
	return rc;
}

int release_import_folder(struct ui *u, int dirfd, struct err *e)
{
	struct import im = { .ui = u, .dirfd = dirfd };

	return import_folder(&im, e);
}

int command_release_import(int argc, char **argv, struct err *e)
{
	struct ui u = { 0 };
	struct import im = { .ui = &u, .dirfd = -1 };
	const struct opt opts[] = {
		OPT_FLAG("again", &im.again,
			 "bring the payloads that it has, too: it may have "
			 "lost or damaged them"),
		UI_OPTIONS(&u),
		OPT_END,
	};
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e) ||
	    fs_open_dir(u.operands[0], &im.dirfd, e))
		goto out;
	rc = import_folder(&im, e);
out:
	fs_close(&im.dirfd);
	ui_done(&u);
	return rc;
}

/* ---- list and show ------------------------------------------------------- */

int command_release_list(int argc, char **argv, struct err *e)
{
	static const char *const columns[] = {
		"product", "id",        "version",  "seq", "listed",
		"models",  "encrypted", "imported", NULL
	};

	return ui_list(argc, argv, "/v1/people/releases", "releases", columns,
		       e);
}

/* Whoever has no key is not offered the release: that and the way out. */
static void print_keys(const struct json *keys)
{
	const struct json *ids = json_get(keys, "ids");
	long long devices = (long long)json_int(json_get(keys, "devices"));
	long long without = (long long)json_int(json_get(keys, "without"));
	struct err ignored;
	bool whole;

	if (json_get_bool(keys, "whole", &whole, &ignored))
		whole = false;
	printf("\nencrypted: %lld of %lld devices have a key%s\n",
	       devices - without, devices,
	       whole ? "" : " (there are more devices, not looked at)");
	if (without == 0)
		return;
	printf("without a key, so it is not offered to them:\n");
	for (size_t i = 0; i < json_count(ids); i++)
		ui_lines(json_text(json_at(ids, i)));
	if (without > (long long)json_count(ids))
		printf("    and %lld more\n",
		       without - (long long)json_count(ids));
	printf("way out: device export, pawl-signer wrap, envelope import\n");
}

static void print_release(const struct json *j)
{
	static const char *const fields[] = {
		"product",      "id",       "version",  "seq",
		"requires_seq", "models",   "hardware", "digest",
		"listed",       "imported", NULL
	};
	static const char *const more[] = { "issued", "urgent",        "fixes",
					    "sbom",   "content_bytes", NULL };
	static const char *const columns[] = { "kind", "from",      "bytes",
					       "path", "encrypted", NULL };
	const struct json *detail = json_get(j, "detail");

	ui_fields(j, fields);
	ui_fields(detail, more);
	printf("\n");
	ui_table(json_get(detail, "packages"), columns);
	if (json_get(j, "keys"))
		print_keys(json_get(j, "keys"));
}

static int release_path_of(const char *product, const char *id, char *path,
			   size_t size, struct err *e)
{
	char prefix[128] = "/v1/people/release";

	if (product &&
	    ui_path("/v1/people/release/", product, prefix, sizeof(prefix), e))
		return -1;
	if (!name_is_valid(slice_of(id)))
		return err_set(e, ERR_USAGE, "%s: not a name", id);
	return text_format(path, size, e, "%s/%s", prefix, id);
}

int command_release_show(int argc, char **argv, struct err *e)
{
	const char *product = NULL;
	struct ui u = { 0 };
	const struct opt opts[] = {
		OPT_TEXT("product", "P", &product, "of which product"),
		UI_OPTIONS(&u),
		OPT_END,
	};
	char path[256];
	struct json *answer = NULL;
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e) ||
	    release_path_of(product, u.operands[0], path, sizeof(path), e) ||
	    people_get(u.client, path, &answer, e))
		goto out;
	rc = 0;
	if (u.json)
		rc = ui_print_json(answer, e);
	else
		print_release(answer);
out:
	json_free(answer);
	ui_done(&u);
	return rc;
}
