/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_wrap - seal the content keys of an encrypted release to the devices of a
 * registry export, offline. One file for each package: <sha256>.keys.
 */
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/keybox.h"
#include "common/keyring.h"
#include "common/mem.h"
#include "common/named.h"
#include "common/secret.h"
#include "signer/commands.h"
#include "signer/content_key.h"
#include "signer/listing.h"
#include "signer/recipients.h"
#include "signer/repo.h"
#include "signer/report.h"
#include "signer/sandbox.h"
#include "signer/watch.h"

#define SHOWN_MAX    20 /* new devices by id; the rest are counted */
#define PACKAGES_MAX 256

struct wrap {
	const char *path, *product, *id, *registry, *officer, *device_ca;
	const char *wrap_key, *output;
	uint64_t passphrase_fd, expected_new;
	struct report *out;
	struct repo repo;
	struct ec_private *key;
	struct recipients to;
	int dirfd;
	struct sha256 done[PACKAGES_MAX]; /* versions list packages again */
	size_t done_count;
};

/* ---- whom ---------------------------------------------------------------- */

/* A public key, or the certificate that holds it. */
static int read_officer(const char *path, struct ec_public *out, struct err *e)
{
	struct buf file = BUF_INIT(X509_PEM_MAX_LEN);
	char keyid[TUF_KEYID_LEN];
	struct x509_info info;
	int rc = -1;

	if (fs_read_path(path, &file, e))
		goto out;
	if (!strstr(buf_text(&file), "BEGIN CERTIFICATE")) {
		rc = keyring_read_public(path, out, keyid, e);
		goto out;
	}
	rc = x509_inspect(buf_slice(&file), &info, e);
	if (rc == 0)
		*out = info.public_key;
out:
	buf_wipe(&file);
	return rc ? named_in(e, path) : 0;
}

static int load_recipients(struct wrap *w, struct err *e)
{
	struct buf file = BUF_INIT(REGISTRY_FILE_MAX);
	struct buf ca = BUF_INIT(X509_PEM_MAX_LEN);
	struct recipients_from from = { .product = w->product };
	int rc = -1;

	if (read_officer(w->officer, &from.officer, e))
		goto out;
	if (fs_read_path(w->device_ca, &ca, e)) {
		named_in(e, w->device_ca);
		goto out;
	}
	from.ca = buf_slice(&ca);
	if (fs_read_path(w->registry, &file, e) == 0) {
		from.file = buf_slice(&file);
		rc = recipients_load(w->repo.dirfd, &from, &w->to, e);
	}
	if (rc)
		named_in(e, w->registry);
out:
	buf_done(&file);
	buf_done(&ca);
	return rc;
}

static void show_new(const struct wrap *w)
{
	char id[2 * DEVICE_ID_LEN + 1];
	size_t shown = 0;

	for (size_t i = 0; i < w->to.count && shown < SHOWN_MAX; i++) {
		const struct recipient *r = &w->to.at[i];

		if (!r->is_new)
			continue;
		hex_format((struct slice){ r->id.bytes, DEVICE_ID_LEN }, id);
		report_line(w->out, "new: %s %s %s", id, r->model, r->cohort);
		shown++;
	}
	if (w->to.new_count > shown)
		report_line(w->out, "and %zu more new ones",
			    w->to.new_count - shown);
}

/* Nobody gets keys by being overlooked: what is new is said in numbers. */
static int check_new(const struct wrap *w, struct err *e)
{
	char made[UTC_TEXT_LEN];

	utc_format(w->to.made, made);
	report_line(w->out,
		    "export of %s: %zu devices of %s, %zu new since the last "
		    "one, %zu gone",
		    made, w->to.count, w->product, w->to.new_count,
		    w->to.gone_count);
	show_new(w);
	if (w->to.count == 0)
		return err_set(e, ERR_NOT_FOUND,
			       "the export has no device of %s", w->product);
	if (w->to.new_count != w->expected_new)
		return err_set(e, ERR_REFUSED,
			       "%zu devices are new since the last export: if "
			       "they should be, say --new %zu",
			       w->to.new_count, w->to.new_count);
	return 0;
}

/* ---- what ---------------------------------------------------------------- */

static int seal_all(const struct wrap *w, const char *path,
		    const uint8_t content_key[STREAM_KEY_LEN], struct buf *out,
		    struct err *e)
{
	struct keybox_purpose purpose = {
		.product = w->product,
		.release = w->id,
		.path = path,
	};

	for (size_t i = 0; i < w->to.count; i++) {
		const struct recipient *r = &w->to.at[i];

		purpose.device = r->id;
		if (buf_add(out, (struct slice){ r->id.bytes, DEVICE_ID_LEN },
			    e) ||
		    keybox_seal(&r->key, &purpose, content_key, out, e))
			return -1;
	}
	return 0;
}

static int write_keys(const struct wrap *w, const struct sha256 *package,
		      const struct buf *bytes, struct err *e)
{
	char hex[SHA256_HEX_LEN], name[NAMED_MAX];

	sha256_format(package, hex);
	if (text_format(name, sizeof(name), e, "%s.keys", hex))
		return -1;
	report_line(w->out, "%s: %zu keys", name, w->to.count);
	return fs_replace_file(w->dirfd, name, buf_slice(bytes), 0644, e);
}

static int wrap_package(struct wrap *w, const char *path,
			const struct sha256 *package,
			const uint8_t commitment[STREAM_COMMITMENT_LEN],
			struct err *e)
{
	struct buf bytes =
		BUF_INIT(KEYBOX_HEADER_LEN +
			 (size_t)KEYBOX_RECORD_LEN * REGISTRY_DEVICES_MAX);
	uint8_t *content_key = secret_new(STREAM_KEY_LEN);
	int rc = -1;

	if (content_key_open(w->repo.dirfd, w->key, commitment, content_key,
			     e) == 0 &&
	    keybox_add_header(package, (uint32_t)w->to.count, &bytes, e) == 0 &&
	    seal_all(w, path, content_key, &bytes, e) == 0)
		rc = write_keys(w, package, &bytes, e);
	secret_free(content_key, STREAM_KEY_LEN);
	buf_done(&bytes);
	return rc ? err_in(e, "%s", path) : 0;
}

static bool is_done(const struct wrap *w, const struct sha256 *package)
{
	for (size_t i = 0; i < w->done_count; i++)
		if (sha256_equal(&w->done[i], package))
			return true;
	return false;
}

static int wrap_entry(struct wrap *w, const char *path,
		      const struct json *entry, struct err *e)
{
	const struct json *encryption =
		json_get(listing_package(entry), "encryption");
	uint8_t commitment[STREAM_COMMITMENT_LEN];
	struct sha256 package;

	if (!encryption)
		return 0;
	if (json_get_hex(encryption, "commitment", commitment,
			 sizeof(commitment), e) ||
	    json_get_hex(json_get(entry, "hashes"), "sha256", package.bytes,
			 SHA256_LEN, e))
		return -1;
	if (is_done(w, &package))
		return 0;
	if (w->done_count == PACKAGES_MAX)
		return err_set(e, ERR_LIMIT, "too many packages");
	w->done[w->done_count++] = package;
	return wrap_package(w, path, &package, commitment, e);
}

static int wrap_listed(void *ctx, const struct json *signed_part, struct err *e)
{
	const struct json *list = json_get(signed_part, "targets");
	struct wrap *w = ctx;

	for (void *m = json_first(list); m; m = json_next(list, m))
		if (listing_is_of(json_value(m), w->product, w->id) &&
		    wrap_entry(w, json_name(m), json_value(m), e))
			return -1;
	return 0;
}

/* ---- the command --------------------------------------------------------- */

static int check_asked(const struct wrap *w, struct err *e)
{
	if (!w->product || !w->id || !w->registry || !w->officer ||
	    !w->device_ca || !w->wrap_key || !w->output)
		return err_set(e, ERR_USAGE,
			       "--product, --id, --registry, --officer, "
			       "--device-ca, --wrap-key and --output are "
			       "needed");
	if (!name_is_valid(slice_of(w->product)))
		return err_set(e, ERR_USAGE, "--product: not a name");
	return 0;
}

static int wrap_in(struct wrap *w, struct err *e)
{
	if (load_recipients(w, e) || check_new(w, e) ||
	    keyring_open_wrap(w->wrap_key, w->repo.environment,
			      w->passphrase_fd, &w->key, e) ||
	    repo_each_targets(&w->repo, wrap_listed, w, e))
		return -1;
	if (w->done_count == 0)
		return err_set(e, ERR_NOT_FOUND,
			       "%s has no encrypted release %s", w->product,
			       w->id);
	json_set_int(report_object(w->out), "packages", (int64_t)w->done_count);
	json_set_int(report_object(w->out), "devices", (int64_t)w->to.count);
	json_set_int(report_object(w->out), "new", (int64_t)w->to.new_count);
	return recipients_accept(w->repo.dirfd, w->product, &w->to, e);
}

static int wrap(struct wrap *w, struct err *e)
{
	int rc;

	if (check_asked(w, e) || repo_need_at(w->path, e) ||
	    sandbox_fills(w->path, w->output, &w->dirfd, e))
		return -1;
	if (watch_open(w->path, REPO_WRITE, &w->repo, w->out, e)) {
		fs_close(&w->dirfd);
		return -1;
	}
	rc = wrap_in(w, e);
	fs_close(&w->dirfd);
	ec_free(w->key);
	recipients_done(&w->to);
	repo_close(&w->repo);
	return rc;
}

int cmd_wrap(int argc, char **argv, struct err *e)
{
	struct report out = { 0 };
	struct wrap *w = mem_alloc(1, sizeof(*w));
	const struct opt opts[] = {
		OPT_TEXT("product", "P", &w->product, "the product"),
		OPT_TEXT("id", "ID", &w->id, "the encrypted release"),
		OPT_TEXT("registry", "FILE", &w->registry,
			 "what `pawl-server device export` wrote"),
		OPT_TEXT("officer", "FILE", &w->officer,
			 "public key or certificate that signed it"),
		OPT_TEXT("device-ca", "PEM", &w->device_ca,
			 "the CA that certified every device"),
		OPT_TEXT("wrap-key", "WRAP.key", &w->wrap_key,
			 "opens the content keys"),
		OPT_NUMBER("passphrase-fd", "N", &w->passphrase_fd, 1023,
			   "read its passphrase from this descriptor"),
		OPT_NUMBER("new", "N", &w->expected_new, REGISTRY_DEVICES_MAX,
			   "so many devices are new, as they should be (0)"),
		OPT_TEXT("output", "DIR", &w->output, "where the files go"),
		OPT_FLAG("json", &out.json, "print JSON"),
		OPT_END,
	};
	char **operands;
	int count;
	int rc = -1;

	w->passphrase_fd = KEYRING_TERMINAL;
	w->dirfd = -1;
	w->out = &out;
	if (opt_parse(argc, argv, opts, &operands, &count, e)) {
		free(w);
		return -1;
	}
	if (count == 1) {
		w->path = operands[0];
		rc = wrap(w, e);
	} else {
		err_set(e, ERR_USAGE, "one REPO is needed");
	}
	free(w);
	return report_end(&out, rc, e);
}
