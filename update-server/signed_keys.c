/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/signed_keys.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/tuf_client.h"

#include "update-server/folder_source.h"

#define MEANWHILE "/tmp"

/* The published folder, and one of our own for what is trusted meanwhile. */
struct reading {
	int folder, metadata, trust;
	struct tuf_client *client;
};

/* ---- the folder as a source ---------------------------------------------- */

/* Documents lie below it as "targets/...", metadata in its own folder. */
static int fetch(void *ctx, const char *name, size_t max, struct buf *out,
		 struct err *e)
{
	const struct reading *r = ctx;
	struct buf file = BUF_INIT(max);
	bool document =
		strncmp(name, TUF_TARGETS_DIR, strlen(TUF_TARGETS_DIR)) == 0;
	int rc = fs_read_file(document ? r->folder : r->metadata, name, &file,
			      e) ||
				 buf_add(out, buf_slice(&file), e)
			 ? -1
			 : 0;

	buf_done(&file);
	return rc;
}

/* The newest targets that lie there; they are verified like any other. */
static int newest_targets(int metadata, int64_t *out, struct err *e)
{
	static const char end[] = ".targets.json";
	int fd = openat(metadata, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	*out = 0;
	if (!dir) {
		(void)err_sys(e, "metadata");
		fs_close(&fd);
		return -1;
	}
	while ((entry = readdir(dir))) {
		size_t len = strlen(entry->d_name);
		uint64_t version;
		struct err none;

		if (len < sizeof(end) ||
		    strcmp(entry->d_name + len - sizeof(end) + 1, end) != 0 ||
		    num_parse((struct slice){ (const uint8_t *)entry->d_name,
					      len - sizeof(end) + 1 },
			      JSON_INT_MAX, &version, &none))
			continue;
		if ((int64_t)version > *out)
			*out = (int64_t)version;
	}
	(void)closedir(dir); /* only read from */
	return *out ? 0
		    : err_set(e, ERR_NOT_FOUND,
			      "metadata/ holds no targets: is this what "
			      "pawl-signer publish wrote?");
}

/* ---- verifying ----------------------------------------------------------- */

static int pin_root(int trust, const char *file, struct err *e)
{
	struct buf root = BUF_INIT(tuf_policy_device.root_max);
	int rc = fs_read_path(file, &root, e) ||
				 tuf_client_init(trust, &tuf_policy_device,
						 buf_slice(&root), e)
			 ? err_in(e, "%s", file)
			 : 0;

	buf_done(&root);
	return rc;
}

static int read_list(struct reading *r, int64_t now, struct log_keys *out,
		     struct err *e)
{
	const struct tuf_source from = { .ctx = r, .fetch = fetch };
	struct buf bytes = BUF_INIT(STATEMENT_MAX_LEN);
	struct tuf_import what = { .role_count = 0 };
	int rc = -1;

	if (newest_targets(r->metadata, &what.targets, e) == 0 &&
	    tuf_client_open(r->trust, &tuf_policy_device, now, &r->client, e) ==
		    0 &&
	    tuf_client_import(r->client, &from, &what, e) == 0 &&
	    tuf_client_document(r->client, &from, LOG_KEYS_PATH,
				STATEMENT_MAX_LEN, &bytes, e) == 0)
		rc = log_keys_parse(buf_slice(&bytes), out, e);
	buf_done(&bytes);
	return rc;
}

static int load(struct reading *r, const char *folder, const char *root,
		int64_t now, struct log_keys *out, struct err *e)
{
	if (fs_open_dir(folder, &r->folder, e) ||
	    fs_open(r->folder, "metadata", O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		    &r->metadata, e) ||
	    pin_root(r->trust, root, e))
		return -1;
	return read_list(r, now, out, e);
}

int signed_keys_load(const char *folder, const char *root, int64_t now,
		     struct log_keys *out, struct err *e)
{
	char path[] = MEANWHILE "/pawl-audit-XXXXXX";
	struct reading r = { .folder = -1, .metadata = -1, .trust = -1 };
	struct err left;
	int parent = -1, rc = -1;

	if (fs_open_dir(MEANWHILE, &parent, e))
		return -1;
	if (!mkdtemp(path)) {
		fs_close(&parent);
		return err_sys(e, "a folder for what is trusted meanwhile");
	}
	if (fs_open_dir(path, &r.trust, e) == 0)
		rc = load(&r, folder, root, now, out, e);
	tuf_client_close(r.client);
	fs_close(&r.trust);
	fs_close(&r.metadata);
	fs_close(&r.folder);
	if (fs_remove_tree(parent, path + sizeof(MEANWHILE), &left))
		(void)fprintf(stderr, "%s is left: %s\n", path, left.msg);
	fs_close(&parent);
	return rc ? err_in(e, "%s", folder) : 0;
}
