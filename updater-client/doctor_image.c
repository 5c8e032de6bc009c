/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/doctor_image.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/named.h"
#include "common/tuf_meta.h"
#include "common/tuf_policy.h"
#include "updater-client/settings.h"

#define FILE_MAX   (1u << 20)
#define MACHINE_ID 64

/* What "signer factory" writes; the second one only where there is a server. */
static const char *const ours[] = { "client.conf", "root.json", "server-ca.pem",
				    NULL };
enum {
	CONF,
	ROOT,
	CA,
	FILES
};

struct visit {
	const struct doctor_image *options;
	struct diagnosis *d;
	int image;
	char folder[PATH_MAX_LEN]; /* of the configuration, within */
	struct buf files[FILES];
	struct settings config;
};

/* Beneath the image, whatever absolute path it has on the device. */
static const char *within(const char *path)
{
	while (*path == '/')
		path++;
	return path;
}

/* ---- the three files ----------------------------------------------------- */

static int read_ours(struct visit *v, int dirfd, struct err *e)
{
	if (named_only(dirfd, ours, e)) {
		e->code = ERR_UNTRUSTED;
		return -1;
	}
	for (size_t i = 0; i < FILES; i++) {
		struct err why = { 0 };

		if (fs_read_file(dirfd, ours[i], &v->files[i], &why) == 0)
			continue;
		if (i == CA && why.code == ERR_NOT_FOUND)
			continue; /* a device without a server */
		*e = why;
		return -1;
	}
	return 0;
}

static bool check_files(struct visit *v)
{
	const char *path = within(v->options->config_path);
	const char *slash = strrchr(path, '/');
	struct err e = { 0 };
	int fd = -1;
	int rc;

	rc = text_format(v->folder, sizeof(v->folder), &e, "%.*s",
			 slash ? (int)(slash - path) : 0, path) ||
	     fs_open(v->image, v->folder, O_RDONLY | O_DIRECTORY, &fd, &e) ||
	     read_ours(v, fd, &e) ||
	     settings_parse(buf_slice(&v->files[CONF]), ours[CONF], &v->config,
			    &e);
	fs_close(&fd);
	if (rc)
		diagnosis_fail(v->d, "files", &e,
			       "write there what \"signer factory\" wrote, and "
			       "nothing more");
	else
		diagnosis_ok(v->d, "files",
			     "/%s holds what a factory is given, and no more",
			     v->folder);
	return rc == 0;
}

/* As who trusts it first will read it. */
static int read_root(const struct visit *v, int64_t *version, struct err *e)
{
	struct tuf_meta *root = NULL;
	struct tuf_site site;
	int rc = 0;

	if (tuf_meta_read(&tuf_policy_device.rules, TUF_ROOT,
			  buf_slice(&v->files[ROOT]), NULL, &root, e))
		return -1;
	tuf_root_site(root, &site);
	*version = root->version;
	if (site.environment != v->config.environment)
		rc = err_set(e, ERR_UNTRUSTED,
			     "root.json is of the environment %s",
			     environment_name(site.environment));
	tuf_meta_free(root);
	return rc;
}

static void check_root(struct visit *v)
{
	struct err e = { 0 };
	int64_t version;

	if (read_root(v, &version, &e))
		diagnosis_fail(v->d, "root", &e, NULL);
	else
		diagnosis_ok(v->d, "root", "version %lld, %s, signed by itself",
			     (long long)version,
			     environment_name(v->config.environment));
}

static void check_keys(struct visit *v)
{
	struct err e = { 0 };

	for (size_t i = 0; i < FILES; i++) {
		const struct buf *b = &v->files[i];

		if (b->len == 0 || !memmem(b->ptr, b->len, "PRIVATE KEY", 11))
			continue;
		(void)err_set(&e, ERR_UNTRUSTED, "%s holds a private key",
			      ours[i]);
		diagnosis_fail(v->d, "keys", &e, "it is public by now");
	}
	if (e.code == ERR_NONE)
		diagnosis_ok(v->d, "keys",
			     "none in these files; \"signer scan\" looks "
			     "through all of the image");
}

static int compare(const struct visit *v, struct err *e)
{
	struct buf b = BUF_INIT(FILE_MAX);
	int fd = -1;
	int rc;

	rc = fs_open_dir(v->options->factory, &fd, e);
	for (size_t i = 0; rc == 0 && i < FILES; i++) {
		struct err why = { 0 };

		buf_done(&b);
		if (fs_read_file(fd, ours[i], &b, &why) &&
		    (i != CA || why.code != ERR_NOT_FOUND)) {
			*e = why;
			rc = -1;
		} else if (!slice_equal(buf_slice(&b), buf_slice(&v->files[i])))
			rc = err_set(e, ERR_UNTRUSTED, "%s is not that of %s",
				     ours[i], v->options->factory);
	}
	fs_close(&fd);
	buf_done(&b);
	return rc;
}

/* One word for all three, to be read from unit to unit. */
static void digest_of(const struct visit *v, char hex[SHA256_HEX_LEN])
{
	struct digest d;
	struct sha256 sum;

	digest_start(&d);
	for (size_t i = 0; i < FILES; i++) {
		sha256_of(buf_slice(&v->files[i]), &sum);
		digest_add(&d, (struct slice){ sum.bytes, SHA256_LEN });
	}
	digest_finish(&d, &sum);
	sha256_format(&sum, hex);
}

static void check_same(struct visit *v)
{
	char hex[SHA256_HEX_LEN];
	struct err e = { 0 };

	digest_of(v, hex);
	if (!v->options->factory)
		diagnosis_warn(v->d, "same",
			       "not compared: --factory DIR names the folder "
			       "that \"signer factory\" wrote (here %s)",
			       hex);
	else if (compare(v, &e))
		diagnosis_fail(v->d, "same", &e,
			       "not every unit would be the same");
	else
		diagnosis_ok(v->d, "same", "byte for byte as it was given: %s",
			     hex);
}

/* ---- what no image may have ---------------------------------------------- */

/* Nothing there, or an empty folder. */
static int check_empty(int dirfd, const char *path, struct err *e)
{
	static const char *const none[] = { NULL };
	struct err why = { 0 };
	int fd = -1;
	int rc = 0;

	if (fs_open(dirfd, path, O_RDONLY | O_DIRECTORY, &fd, &why)) {
		if (why.code == ERR_NOT_FOUND)
			return 0;
		*e = why;
		return -1;
	}
	if (named_only(fd, none, &why))
		rc = err_set(e, ERR_UNTRUSTED, "/%s is not empty", path);
	fs_close(&fd);
	return rc;
}

static int check_beneath(struct visit *v, const char *folder, const char *name,
			 struct err *e)
{
	char path[PATH_MAX_LEN];

	if (text_format(path, sizeof(path), e, "%s%s", within(folder), name))
		return -1;
	return check_empty(v->image, path, e);
}

/* Of a device that ran: keys, certificate, journal; and what it keeps. */
static void check_state(struct visit *v)
{
	const char *slots = v->config.slot_path;
	struct err e = { 0 };

	if (check_beneath(v, v->config.state, "", &e) ||
	    check_beneath(v, slots, "/a/keep", &e) ||
	    check_beneath(v, slots, "/b/keep", &e))
		diagnosis_fail(v->d, "state", &e,
			       "this image was taken from a device that ran");
	else
		diagnosis_ok(v->d, "state", "no device has run from it");
}

/* Made at the first boot, where it is empty or says so; or not there, or a link
 * to where it is made. */
static int check_machine_id(struct visit *v, struct err *e)
{
	struct buf b = BUF_INIT(MACHINE_ID);
	struct err why = { 0 };
	int rc = 0;

	if (fs_read_file(v->image, "etc/machine-id", &b, &why)) {
		rc = why.code == ERR_NOT_FOUND || why.code == ERR_REFUSED ? 0
									  : -1;
		*e = why;
	} else if (b.len > 0 &&
		   !slice_equal(buf_slice(&b), slice_of("uninitialized\n"))) {
		rc = err_set(e, ERR_UNTRUSTED, "/etc/machine-id is set");
	}
	buf_done(&b);
	return rc;
}

/* By which units would be told from each other, or taken for each other. */
static void check_identity(struct visit *v)
{
	static const char *const individual[] = {
		"etc/ssh/ssh_host_rsa_key",
		"etc/ssh/ssh_host_ecdsa_key",
		"etc/ssh/ssh_host_ed25519_key",
		"var/lib/systemd/random-seed",
		"var/lib/systemd/credential.secret",
	};
	struct err e = { 0 };
	struct stat st;
	bool bad = check_machine_id(v, &e);

	for (size_t i = 0; !bad && i < ARRAY_LEN(individual); i++) {
		bad = fs_stat(v->image, individual[i], &st, &e) == 0;
		if (bad)
			(void)err_set(&e, ERR_UNTRUSTED, "/%s is there",
				      individual[i]);
	}
	if (bad)
		diagnosis_fail(v->d, "identity", &e,
			       "each unit makes its own at its first boot");
	else
		diagnosis_ok(v->d, "identity",
			     "no machine-id, host key or seed");
}

int doctor_image(const struct doctor_image *options, struct diagnosis *d,
		 struct err *e)
{
	struct visit v = { .options = options, .d = d, .image = -1 };

	for (size_t i = 0; i < FILES; i++)
		v.files[i] = (struct buf)BUF_INIT(FILE_MAX);
	if (fs_open_dir(options->image, &v.image, e))
		return -1;
	if (check_files(&v)) {
		check_root(&v);
		check_keys(&v);
		check_same(&v);
		check_state(&v);
		settings_done(&v.config);
	}
	check_identity(&v);
	for (size_t i = 0; i < FILES; i++)
		buf_done(&v.files[i]);
	fs_close(&v.image);
	return 0;
}
