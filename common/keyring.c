/* SPDX-License-Identifier: Apache-2.0 */
#include "common/keyring.h"
#include "common/named.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/example_keys.h"
#include "common/fs.h"
#include "common/text.h"

#define PROMPT_MAX_LEN 512

static bool has_terminal(void)
{
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (tty >= 0)
		close(tty);
	return tty >= 0;
}

int keyring_passphrase(uint64_t passphrase_fd, const char *what, bool confirm,
		       struct buf *out, struct err *e)
{
	char prompt[PROMPT_MAX_LEN];
	int fd = -1;

	if (passphrase_fd != KEYRING_TERMINAL) {
		if (passphrase_fd > INT_MAX)
			return err_set(e, ERR_USAGE, "no such descriptor");
		fd = (int)passphrase_fd;
	}
	if (text_format(prompt, sizeof(prompt), e, "Passphrase for %s: ", what))
		return -1;
	if (fd < 0 && !has_terminal())
		return err_set(e, ERR_USAGE,
			       "no terminal to ask for the passphrase: hand it "
			       "over with --passphrase-fd N N<FILE, a line for "
			       "each key");
	return passphrase_read(fd, prompt, confirm, out, e);
}

/* What a key must be for. */
struct wanted {
	const char *purpose;
	enum environment env;
};

static int check_info(const struct keyfile_info *info, const struct wanted *w,
		      struct err *e)
{
	if (keyfile_check_allowed(info, w->env, e))
		return -1;
	if (strcmp(info->purpose, w->purpose) != 0 &&
	    strcmp(info->purpose, "example") != 0)
		return err_set(e, ERR_REFUSED,
			       "its purpose is \"%s\", not \"%s\"",
			       info->purpose, w->purpose);
	return 0;
}

/* What is looked at in the clear is bound to what is sealed. */
static int open_file(struct keyring_key *key, struct slice file,
		     const struct wanted *w, uint64_t passphrase_fd,
		     struct err *e)
{
	struct buf passphrase = BUF_SECRET(PASSPHRASE_MAX_LEN);
	struct keyfile_info info;
	int rc = -1;

	if (keyfile_inspect(file, &info, e) || check_info(&info, w, e) ||
	    keyring_passphrase(passphrase_fd, key->path, false, &passphrase,
			       e) ||
	    keyfile_open(file, buf_slice(&passphrase), &key->private_key, &info,
			 e))
		goto out;
	key->public_key = info.public_key;
	rc = 0;
out:
	buf_wipe(&passphrase);
	return rc;
}

/* Who may write the file decides what runs. */
static int check_owner(const char *path, struct err *e)
{
	char name[NAMED_MAX];
	struct stat st;
	int dirfd = -1;
	int rc;

	if (named_open(path, &dirfd, name, e))
		return -1;
	rc = fs_stat(dirfd, name, &st, e);
	if (rc == 0 && ((st.st_uid != geteuid() && st.st_uid != 0) ||
			(st.st_mode & (S_IWGRP | S_IWOTH))))
		rc = err_set(e, ERR_REFUSED,
			     "it names a program to run, and others may write "
			     "it: chmod go-w, or make it with key external");
	fs_close(&dirfd);
	return rc;
}

static int open_external(struct keyring_key *key, struct slice file,
			 enum environment env, struct err *e)
{
	const struct wanted w = { "release", env };

	if (check_owner(key->path, e) ||
	    external_parse(file, &key->external, e) ||
	    check_info(&key->external.info, &w, e))
		return -1;
	key->public_key = key->external.info.public_key;
	return 0;
}

/* FILE.pub lies beside FILE, and is easily named in its place. */
static bool is_public_half(struct slice file)
{
	static const char begin[] = "-----BEGIN PUBLIC KEY-----";

	return file.len >= sizeof(begin) - 1 &&
	       memcmp(file.ptr, begin, sizeof(begin) - 1) == 0;
}

static int open_key(struct keyring_key *key, enum environment env,
		    uint64_t passphrase_fd, struct err *e)
{
	const struct wanted w = { "release", env };
	struct buf file = BUF_INIT(EXTERNAL_MAX_LEN);
	int rc = -1;

	if (fs_read_path(key->path, &file, e))
		goto out;
	if (is_public_half(buf_slice(&file)))
		rc = err_set(e, ERR_USAGE,
			     "this is the public half of a key: name the "
			     "file without .pub");
	else if (external_is(buf_slice(&file)))
		rc = open_external(key, buf_slice(&file), env, e);
	else
		rc = open_file(key, buf_slice(&file), &w, passphrase_fd, e);
	rc = rc || tuf_keyid(&key->public_key, key->keyid, e) ? -1 : 0;
out:
	buf_done(&file);
	return rc;
}

static int check_new(const struct keyring *k, const struct keyring_key *key,
		     struct err *e)
{
	for (size_t i = 0; i < k->count; i++)
		if (strcmp(k->at[i].keyid, key->keyid) == 0)
			return err_set(e, ERR_REFUSED,
				       "the same key as %s: one key counts "
				       "once",
				       k->at[i].path);
	return 0;
}

int keyring_open(struct keyring *k, const struct opt_list *paths,
		 enum environment env, uint64_t passphrase_fd, struct err *e)
{
	struct keyring_key *key;

	*k = (struct keyring){ 0 };
	if (paths->count > KEYRING_MAX)
		return err_set(e, ERR_USAGE, "at most %d keys at once",
			       KEYRING_MAX);
	for (size_t i = 0; i < paths->count; i++) {
		key = &k->at[k->count];
		key->path = paths->at[i];
		if (open_key(key, env, passphrase_fd, e) ||
		    check_new(k, key, e)) {
			k->count++;
			keyring_close(k);
			return named_in(e, paths->at[i]);
		}
		k->count++;
	}
	return 0;
}

int keyring_open_wrap(const char *path, enum environment env,
		      uint64_t passphrase_fd, struct ec_private **out,
		      struct err *e)
{
	const struct wanted w = { "wrap", env };
	struct buf file = BUF_INIT(EXTERNAL_MAX_LEN);
	struct keyring_key key = { .path = path };
	int rc = -1;

	if (fs_read_path(path, &file, e))
		goto out;
	if (external_is(buf_slice(&file))) {
		err_set(e, ERR_REFUSED,
			"it names a command that signs, and a wrap key opens "
			"what was sealed to it: that is an encrypted key file "
			"(key generate --purpose wrap)");
		goto out;
	}
	rc = open_file(&key, buf_slice(&file), &w, passphrase_fd, e);
out:
	buf_done(&file);
	if (rc) {
		ec_free(key.private_key);
		return named_in(e, path);
	}
	*out = key.private_key;
	return 0;
}

void keyring_close(struct keyring *k)
{
	for (size_t i = 0; i < k->count; i++) {
		ec_free(k->at[i].private_key);
		external_done(&k->at[i].external);
	}
	*k = (struct keyring){ 0 };
}

static int sign_elsewhere(const void *ctx, struct slice message,
			  struct buf *sig, struct err *e)
{
	return external_sign(ctx, message, sig, e);
}

int keyring_sign(const struct keyring_key *key, struct json *envelope,
		 struct err *e)
{
	const struct tuf_signer signer = { &key->public_key, sign_elsewhere,
					   &key->external };

	if (key->private_key)
		return tuf_sign(envelope, key->private_key, e);
	return tuf_sign_by(envelope, &signer, e);
}

static int read_public(const char *path, struct ec_public *out, struct err *e)
{
	struct buf file = BUF_INIT(EXTERNAL_MAX_LEN);
	struct keyfile_info info;
	struct err unused;
	int rc;

	rc = fs_read_path(path, &file, e);
	if (rc == 0 && (strstr(buf_text(&file), "PRIVATE KEY") ||
			keyfile_inspect(buf_slice(&file), &info, &unused) == 0))
		rc = err_set(e, ERR_REFUSED,
			     "a private key: only the public half (FILE.pub) "
			     "leaves its owner's machine");
	if (rc == 0 && external_is(buf_slice(&file)))
		rc = err_set(e, ERR_REFUSED,
			     "it names a command that signs: the public key "
			     "itself (FILE.pub) is needed");
	if (rc == 0)
		rc = ec_public_from_pem(buf_slice(&file), out, e);
	/* It may have been a private key after all. */
	buf_wipe(&file);
	return rc;
}

int keyring_read_public(const char *path, struct ec_public *out,
			char keyid[TUF_KEYID_LEN], struct err *e)
{
	if (read_public(path, out, e) || tuf_keyid(out, keyid, e))
		return named_in(e, path);
	return 0;
}
