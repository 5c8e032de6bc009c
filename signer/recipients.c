/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/recipients.h"

#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"

#define FOLDER   "registry"
#define FILE_MAX (4u << 20)

static void key_name(const struct recipient *r, char id[2 * DEVICE_ID_LEN + 1],
		     char digest[SHA256_HEX_LEN])
{
	struct sha256 fingerprint;

	hex_format((struct slice){ r->id.bytes, DEVICE_ID_LEN }, id);
	ec_public_fingerprint(&r->key, &fingerprint);
	sha256_format(&fingerprint, digest);
}

static int path_of(const char *product, char out[PATH_MAX_LEN], struct err *e)
{
	return text_format(out, PATH_MAX_LEN, e, FOLDER "/%s.json", product);
}

/* ---- the export before --------------------------------------------------- */

/* *out is NULL when there was none. */
static int load_last(int repo_dirfd, const char *product, struct json **out,
		     struct err *e)
{
	struct buf file = BUF_INIT(FILE_MAX);
	char path[PATH_MAX_LEN];
	struct err why = { 0 };
	int rc = 0;

	*out = NULL;
	if (path_of(product, path, e))
		return -1;
	if (fs_read_file(repo_dirfd, path, &file, &why) == 0)
		rc = json_parse(buf_slice(&file), out, e);
	else if (why.code != ERR_NOT_FOUND) {
		*e = why;
		rc = -1;
	}
	buf_done(&file);
	return rc ? err_in(e, "the last export") : 0;
}

static int compare_one(const struct json *known, struct recipient *r,
		       struct err *e)
{
	char id[2 * DEVICE_ID_LEN + 1], digest[SHA256_HEX_LEN];
	const struct json *last;

	key_name(r, id, digest);
	last = json_get(known, id);
	r->is_new = last == NULL;
	if (last && strcmp(json_text(last), digest) != 0)
		return err_set(e, ERR_REFUSED,
			       "device %s had another decryption key in the "
			       "last export: a device never changes it",
			       id);
	return 0;
}

static int compare(const struct json *last, struct recipients *r, struct err *e)
{
	const struct json *known = json_get(last, "devices");
	const char *text;
	int64_t made;

	if (last && (json_get_text(last, "made", &text, e) ||
		     utc_parse(slice_of(text), &made, e)))
		return err_in(e, "the last export");
	if (last && r->made < made)
		return err_set(e, ERR_ROLLBACK,
			       "the export is older than the last one that "
			       "was accepted (%s)",
			       text);
	for (size_t i = 0; i < r->count; i++) {
		if (compare_one(known, &r->at[i], e))
			return -1;
		r->new_count += r->at[i].is_new ? 1 : 0;
	}
	r->gone_count = json_count(known) - (r->count - r->new_count);
	return 0;
}

/* ---- this one ------------------------------------------------------------ */

/* Every device is verified, also those of other products. */
static int take_device(const struct recipients_from *from, const struct json *j,
		       struct device_id *before, struct recipients *out,
		       struct err *e)
{
	struct recipient *r = &out->at[out->count];
	struct registry_device d;

	if (registry_device_parse(j, from->ca, &d, e))
		return -1;
	if (memcmp(before->bytes, d.id.bytes, DEVICE_ID_LEN) >= 0)
		return err_set(e, ERR_FORMAT, "devices are not in order");
	*before = d.id;
	if (strcmp(d.product, from->product) != 0)
		return 0;
	r->id = d.id;
	r->key = d.decrypt.key;
	memcpy(r->model, d.model, sizeof(r->model));
	memcpy(r->cohort, d.cohort, sizeof(r->cohort));
	out->count++;
	return 0;
}

static int take_all(const struct recipients_from *from, struct recipients *out,
		    struct err *e)
{
	struct device_id before = { { 0 } };
	const struct json *devices;
	struct json *root;
	int rc = 0;

	if (registry_open(from->file, &from->officer, &root, &devices,
			  &out->made, e))
		return -1;
	out->at = mem_alloc(json_count(devices) + 1, sizeof(*out->at));
	for (size_t i = 0; rc == 0 && i < json_count(devices); i++)
		rc = take_device(from, json_at(devices, i), &before, out, e);
	json_free(root);
	return rc;
}

int recipients_load(int repo_dirfd, const struct recipients_from *from,
		    struct recipients *out, struct err *e)
{
	struct recipients r = { .at = NULL };
	struct json *last = NULL;

	if (take_all(from, &r, e) ||
	    load_last(repo_dirfd, from->product, &last, e) ||
	    compare(last, &r, e)) {
		json_free(last);
		recipients_done(&r);
		return -1;
	}
	json_free(last);
	*out = r;
	return 0;
}

int recipients_accept(int repo_dirfd, const char *product,
		      const struct recipients *r, struct err *e)
{
	char id[2 * DEVICE_ID_LEN + 1], digest[SHA256_HEX_LEN];
	struct json *j = json_new_document(), *devices = json_new_object();
	struct buf bytes = BUF_INIT(FILE_MAX);
	char path[PATH_MAX_LEN], made[UTC_TEXT_LEN];
	int rc = -1;

	utc_format(r->made, made);
	for (size_t i = 0; i < r->count; i++) {
		key_name(&r->at[i], id, digest);
		json_set_text(devices, id, digest);
	}
	json_set_text(j, "made", made);
	json_set(j, "devices", devices);
	if (path_of(product, path, e) == 0 &&
	    json_print(j, true, &bytes, e) == 0 &&
	    fs_mkdirs(repo_dirfd, FOLDER, 0700, e) == 0)
		rc = fs_replace_file(repo_dirfd, path, buf_slice(&bytes), 0644,
				     e);
	json_free(j);
	buf_done(&bytes);
	return rc;
}

void recipients_done(struct recipients *r)
{
	free(r->at);
	*r = (struct recipients){ .at = NULL };
}
