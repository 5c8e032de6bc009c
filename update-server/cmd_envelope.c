/* SPDX-License-Identifier: Apache-2.0 */
/* `device export` and `envelope import`: keys are sealed offline, between. */
#include "update-server/cmd_envelope.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/fs.h"
#include "common/keybox.h"
#include "common/registry.h"

#include "update-server/commands.h"

/* ---- device export ------------------------------------------------------- */

static struct json *devices_of(struct json *signed_part)
{
	/* It is ours to fill. */
	return (struct json *)(uintptr_t)json_get(signed_part, "devices");
}

/* One page; next is where to go on, or empty. */
static int add_page(struct ui *u, const char *product, const char *path,
		    struct json *signed_part, char next[64], struct err *e)
{
	struct json *answer = NULL;
	const struct json *list;
	int rc = -1;

	if (people_get(u->client, path, &answer, e) ||
	    json_get_array(answer, "devices", &list, e))
		goto out;
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *d = json_at(list, i);

		if (!product ||
		    strcmp(json_text(json_get(d, "product")), product) == 0)
			json_add(devices_of(signed_part), json_clone(d));
	}
	if (json_count(devices_of(signed_part)) > REGISTRY_DEVICES_MAX) {
		err_set(e, ERR_LIMIT,
			"more than %d devices: export each --product by itself",
			REGISTRY_DEVICES_MAX);
		goto out;
	}
	rc = text_format(next, 64, e, "%s",
			 json_text(json_get(answer, "next")));
out:
	json_free(answer);
	return rc;
}

static int collect(struct ui *u, const char *product, struct json *signed_part,
		   struct err *e)
{
	char path[128] = "/v1/people/registry", next[64] = "";

	do {
		if (add_page(u, product, path, signed_part, next, e) ||
		    text_format(path, sizeof(path), e, "/v1/people/registry/%s",
				next))
			return -1;
	} while (next[0]);
	return 0;
}

static int write_file(const char *path, const struct buf *bytes, struct err *e)
{
	FILE *f = fopen(path, "wxe");
	bool wrong;

	if (!f && errno == EEXIST)
		return err_set(e, ERR_CONFLICT,
			       "%s is there already, and stays as it is: name "
			       "another file",
			       path);
	if (!f)
		return err_sys(e, "%s", path);
	wrong = fwrite(bytes->ptr, 1, bytes->len, f) != bytes->len;
	wrong |= fclose(f) != 0;
	return wrong ? err_sys(e, "%s", path) : 0;
}

static int export(struct ui *u, const char *product, struct err *e)
{
	struct buf file = BUF_INIT(REGISTRY_FILE_MAX);
	struct json *signed_part = registry_new(utc_now());
	size_t count;
	int rc = -1;

	if (collect(u, product, signed_part, e)) {
		json_free(signed_part);
		goto out;
	}
	count = json_count(devices_of(signed_part));
	if (registry_sign(signed_part, people_identity(u->client), &file, e) ||
	    write_file(u->operands[0], &file, e))
		goto out;
	rc = 0;
	if (!u->json)
		printf("%zu active devices, signed with your key\n", count);
	else
		printf("{\"v\": 1, \"devices\": %zu}\n", count);
out:
	buf_done(&file);
	return rc;
}

int command_device_export(int argc, char **argv, struct err *e)
{
	const char *product = NULL;
	struct ui u = { 0 };
	const struct opt opts[] = {
		OPT_TEXT("product", "P", &product, "of this product alone"),
		UI_OPTIONS(&u),
		OPT_END,
	};
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e) == 0)
		rc = export(&u, product, e);
	ui_done(&u);
	return rc;
}

/* ---- envelope import ----------------------------------------------------- */

/* "<64 hex>.keys", as `signer wrap` writes them. */
static bool is_keys(const char *name, struct sha256 *package)
{
	struct err ignored;

	return strlen(name) == SHA256_HEX_LEN - 1 + 5 &&
	       strcmp(name + SHA256_HEX_LEN - 1, ".keys") == 0 &&
	       hex_parse(slice_sub(slice_of(name), 0, SHA256_HEX_LEN - 1),
			 package->bytes, SHA256_LEN, &ignored) == 0;
}

static int import_one(struct ui *u, int dirfd, const char *name,
		      const struct sha256 *package, struct err *e)
{
	char path[128];
	struct stat st;
	int fd = -1;
	int rc = -1;

	if (text_format(path, sizeof(path), e, "/v1/people/envelopes/%.64s",
			name) ||
	    fs_open(dirfd, name, O_RDONLY | O_CLOEXEC, &fd, e))
		return -1;
	if (fstat(fd, &st))
		err_sys(e, "%s", name);
	else if (keybox_check(fd, package, e) == 0)
		rc = people_put(u->client, path, fd, (uint64_t)st.st_size, e);
	fs_close(&fd);
	return rc ? err_in(e, "%s", name) : 0;
}

int envelope_import_folder(struct ui *u, const char *path, struct err *e)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	struct sha256 package;
	size_t count = 0;
	int rc = 0;

	if (!dir)
		return err_sys(e, "%s", path);
	while (rc == 0 && (entry = readdir(dir))) {
		if (!is_keys(entry->d_name, &package))
			continue;
		rc = import_one(u, dirfd(dir), entry->d_name, &package, e);
		count++;
	}
	(void)closedir(dir); /* it was only read */
	if (rc == 0 && count == 0)
		rc = err_set(e, ERR_NOT_FOUND, "%s holds no *.keys", path);
	if (rc == 0 && !u->json)
		printf("keys of %zu packages imported\n", count);
	else if (rc == 0)
		printf("{\"v\": 1, \"packages\": %zu}\n", count);
	return rc;
}

int command_envelope_import(int argc, char **argv, struct err *e)
{
	struct ui u = { 0 };
	const struct opt opts[] = { UI_OPTIONS(&u), OPT_END };
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e) == 0)
		rc = envelope_import_folder(&u, u.operands[0], e);
	ui_done(&u);
	return rc;
}
