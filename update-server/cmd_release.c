/* SPDX-License-Identifier: Apache-2.0 */
/* `release import|list|show`: what release engineers published, brought in. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/fs.h"
#include "common/release.h"
#include "common/text.h"

#include "update-server/commands.h"
#include "update-server/ui.h"

#define METADATA_MAX (5u << 20)

struct import {
	struct ui *ui;
	int dirfd; /* the published folder */
	size_t uploaded, present;
};

/* The number in "<n>.root.json" or "<n>.targets.json"; 0 if it is neither. */
static uint64_t file_version(const char *name, const char *suffix)
{
	size_t len = strlen(name), tail = strlen(suffix);
	struct err ignored;
	uint64_t version = 0;

	if (len <= tail || strcmp(name + len - tail, suffix) != 0 ||
	    num_parse(slice_sub(slice_of(name), 0, len - tail), UINT32_MAX,
		      &version, &ignored))
		return 0;
	return version;
}

/* The newest of each kind in metadata/. */
static int find_versions(int dirfd, uint64_t *roots, uint64_t *targets,
			 struct err *e)
{
	struct dirent *entry;
	DIR *d = NULL;
	int fd = -1;

	if (fs_open(dirfd, "metadata", O_RDONLY | O_DIRECTORY | O_CLOEXEC, &fd,
		    e))
		return -1;
	d = fdopendir(fd);
	if (!d) {
		fs_close(&fd);
		return err_sys(e, "metadata");
	}
	*roots = *targets = 0;
	while ((entry = readdir(d))) {
		uint64_t root = file_version(entry->d_name, ".root.json");
		uint64_t v = file_version(entry->d_name, ".targets.json");

		*roots = root > *roots ? root : *roots;
		*targets = v > *targets ? v : *targets;
	}
	(void)closedir(d);
	if (*roots == 0 || *targets == 0)
		return err_set(e, ERR_NOT_FOUND,
			       "metadata/ holds no root and targets: is this "
			       "what `pawl-signer publish` wrote?");
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
static int upload_payloads(struct import *im, const char *targets_file,
			   struct err *e)
{
	struct buf file = BUF_INIT(METADATA_MAX);
	const struct json *body, *targets;
	struct json *j = NULL;
	int rc = -1;

	if (fs_read_file(im->dirfd, targets_file, &file, e) ||
	    json_parse(buf_slice(&file), &j, e) ||
	    json_get_object(j, "signed", &body, e) ||
	    json_get_object(body, "targets", &targets, e)) {
		err_in(e, "%s", targets_file);
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

/* ---- metadata ------------------------------------------------------------ */

static int upload_metadata(struct import *im, const char *name, struct err *e)
{
	char from[128], to[128];
	struct stat st;
	int fd = -1, rc = -1;

	if (text_format(from, sizeof(from), e, "metadata/%s", name) ||
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

static int upload_chain(struct import *im, uint64_t roots, uint64_t targets,
			struct err *e)
{
	char name[64];

	for (uint64_t n = 1; n <= roots; n++)
		if (text_format(name, sizeof(name), e, "%llu.root.json",
				(unsigned long long)n) ||
		    upload_metadata(im, name, e))
			return -1;
	if (text_format(name, sizeof(name), e, "%llu.targets.json",
			(unsigned long long)targets))
		return -1;
	return upload_metadata(im, name, e);
}

static void print_imported(const struct json *answer)
{
	static const char *const fields[] = { "targets", "root", "releases",
					      "payloads", NULL };
	const char *first = json_text(json_get(answer, "first_root"));

	ui_fields(answer, fields);
	if (first[0])
		printf("\nThis was the first import, so its root is trusted "
		       "from now on.\nCompare its digest with the release "
		       "engineers' 1.root.json:\n  %s\n",
		       first);
}

static int import_folder(struct import *im, struct err *e)
{
	uint64_t roots = 0, targets = 0;
	struct json *body, *answer = NULL;
	char name[64];
	int rc = -1;

	if (find_versions(im->dirfd, &roots, &targets, e) ||
	    text_format(name, sizeof(name), e, "metadata/%llu.targets.json",
			(unsigned long long)targets) ||
	    upload_payloads(im, name, e) || upload_chain(im, roots, targets, e))
		return -1;
	body = json_new_object();
	json_set_int(body, "root", (int64_t)roots);
	json_set_int(body, "targets", (int64_t)targets);
	if (people_post(im->ui->client, "/v1/people/publish", body, &answer, e))
		return -1;
	if (im->ui->json) {
		json_set_int(answer, "uploaded", (int64_t)im->uploaded);
		rc = ui_print_json(answer, e);
	} else {
		print_imported(answer);
		rc = 0;
	}
	json_free(answer);
	return rc;
}

int command_release_import(int argc, char **argv, struct err *e)
{
	struct ui u = { 0 };
	struct import im = { .ui = &u, .dirfd = -1 };
	const struct opt opts[] = { UI_OPTIONS(&u), OPT_END };
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
	static const char *const columns[] = { "product",  "id",     "version",
					       "seq",      "listed", "models",
					       "imported", NULL };

	return ui_list(argc, argv, "/v1/people/releases", "releases", columns,
		       e);
}

static void print_release(const struct json *j)
{
	static const char *const fields[] = {
		"product", "id",     "version", "seq",      "requires_seq",
		"models",  "digest", "listed",  "imported", NULL
	};
	static const char *const more[] = { "issued", "urgent", "fixes",
					    "content_bytes", NULL };
	static const char *const columns[] = { "kind", "from", "bytes", "path",
					       NULL };
	const struct json *detail = json_get(j, "detail");

	ui_fields(j, fields);
	ui_fields(detail, more);
	printf("\n");
	ui_table(json_get(detail, "packages"), columns);
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
