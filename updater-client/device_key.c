/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/device_key.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"

#define HEX_LEN  (2 * EC_SCALAR_LEN)
#define FILE_LEN (TOKEN_NAME_LEN + sizeof(".key"))
#define FILE_MAX 4096  /* a TPM's wrapped key, for one */
#define TOKEN_MS 60000 /* a slow TPM makes a key */

/* ---- files --------------------------------------------------------------- */

static void file_of(const char *name, char out[FILE_LEN])
{
	struct err never;

	if (text_format(out, FILE_LEN, &never, "%s.key", name))
		abort();
}

static int load_file(int state_fd, const char *name, struct ec_private **out,
		     struct err *e)
{
	struct buf hex = BUF_INIT(HEX_LEN);
	uint8_t scalar[EC_SCALAR_LEN];
	char file[FILE_LEN];
	int rc = -1;

	file_of(name, file);
	if (fs_read_file(state_fd, file, &hex, e) == 0 &&
	    hex_parse(buf_slice(&hex), scalar, sizeof(scalar), e) == 0)
		rc = ec_private_from_scalar(scalar, out, e);
	mem_wipe(scalar, sizeof(scalar));
	buf_wipe(&hex);
	return rc;
}

static int store_file(int state_fd, const char *name,
		      const struct ec_private *key, struct err *e)
{
	uint8_t scalar[EC_SCALAR_LEN];
	char hex[HEX_LEN + 1], file[FILE_LEN];
	int rc;

	file_of(name, file);
	ec_private_scalar(key, scalar);
	hex_format((struct slice){ scalar, sizeof(scalar) }, hex);
	rc = fs_replace_file(state_fd, file, slice_of(hex), 0600, e);
	mem_wipe(scalar, sizeof(scalar));
	mem_wipe(hex, sizeof(hex));
	return rc;
}

static int make_file(int state_fd, const char *name, struct ec_private **out,
		     struct err *e)
{
	struct ec_private *key = NULL;

	/* getrandom waits until the kernel's generator is seeded. */
	if (ec_generate(&key, e))
		return -1;
	if (store_file(state_fd, name, key, e)) {
		ec_free(key);
		return -1;
	}
	*out = key;
	return 0;
}

static int overwrite(int state_fd, const char *file, struct err *e)
{
	uint8_t *zeroes = mem_alloc(1, FILE_MAX);
	struct stat st;
	int fd = -1, rc = -1;

	if (fs_stat(state_fd, file, &st, e) ||
	    fs_open(state_fd, file, O_RDWR, &fd, e))
		goto out;
	/* A key is smaller; anything else is not ours. */
	if (st.st_size <= FILE_MAX)
		rc = fs_write_at(fd, 0,
				 (struct slice){ zeroes, (size_t)st.st_size },
				 e) ||
				     fs_sync(fd, e)
			     ? -1
			     : 0;
	else
		(void)err_set(e, ERR_LIMIT, "%s: too large for a key", file);
out:
	fs_close(&fd);
	free(zeroes);
	return rc ? -1 : fs_remove(state_fd, file, e);
}

static bool is_key(const char *file)
{
	size_t len = strlen(file);

	return strcmp(file, "decrypt.key") == 0 ||
	       (strncmp(file, "identity.", 9) == 0 && len >= 12 &&
		strcmp(file + len - 4, ".key") == 0);
}

static int overwrite_all(int state_fd, struct err *e)
{
	struct dirent *entry;
	int fd = openat(state_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	int rc = 0;

	if (!dir) {
		(void)err_sys(e, "the state folder");
		fs_close(&fd);
		return -1;
	}
	while (rc == 0 && (entry = readdir(dir)))
		if (is_key(entry->d_name))
			rc = overwrite(state_fd, entry->d_name, e);
	(void)closedir(dir); /* only read from */
	return rc;
}

static int destroy_files(int state_fd, const char *name, struct err *e)
{
	char file[FILE_LEN];
	struct err why = { 0 };

	if (!*name)
		return overwrite_all(state_fd, e);
	file_of(name, file);
	if (overwrite(state_fd, file, &why) == 0 || why.code == ERR_NOT_FOUND)
		return 0;
	*e = why;
	return -1;
}

/* ---- a token ------------------------------------------------------------- */

/* One key there; its holder's ctx. */
struct held {
	struct channel *token;
	char name[TOKEN_NAME_LEN];
};

static int ask(struct channel *token, enum token_act act, const char *name,
	       struct slice bytes, struct message *answer, struct err *e)
{
	struct message m = { .kind = MESSAGE_TOKEN, .token = { .act = act } };

	if (text_format(m.token.name, sizeof(m.token.name), e, "%s", name))
		return -1;
	if (bytes.len > 0)
		memcpy(m.token.bytes, bytes.ptr, bytes.len);
	return ipc_ask(token, &m, MESSAGE_TOKEN, TOKEN_MS, answer, e);
}

static int held_sign(void *ctx, const struct sha256 *digest,
		     uint8_t rs[EC_RS_LEN], struct err *e)
{
	const struct held *h = ctx;
	struct message m;

	if (ask(h->token, TOKEN_ACT_SIGN, h->name,
		(struct slice){ digest->bytes, SHA256_LEN }, &m, e))
		return -1;
	memcpy(rs, m.token.bytes, EC_RS_LEN);
	return 0;
}

static int held_agree(void *ctx, const struct ec_public *with,
		      uint8_t shared[EC_SHARED_LEN], struct err *e)
{
	const struct held *h = ctx;
	struct message m;

	if (ask(h->token, TOKEN_ACT_AGREE, h->name,
		(struct slice){ with->point, EC_POINT_LEN }, &m, e))
		return -1;
	memcpy(shared, m.token.bytes, EC_SHARED_LEN);
	mem_wipe(&m, sizeof(m));
	return 0;
}

static int load_held(struct channel *token, const char *name,
		     struct ec_private **out, struct err *e)
{
	struct ec_holder holder = { NULL, held_sign, held_agree, free };
	struct ec_public key;
	struct message m;
	struct held *h;

	if (ask(token, TOKEN_ACT_FIND, name, (struct slice){ 0 }, &m, e))
		return -1;
	memcpy(key.point, m.token.bytes, EC_POINT_LEN);
	h = mem_alloc(1, sizeof(*h));
	h->token = token;
	text_copy(h->name, sizeof(h->name), name);
	holder.ctx = h;
	if (ec_private_held(&key, &holder, out, e)) {
		free(h);
		return -1;
	}
	return 0;
}

static int make_held(struct channel *token, const char *name,
		     struct ec_private **out, struct err *e)
{
	struct message m;

	if (ask(token, TOKEN_ACT_MAKE, name, (struct slice){ 0 }, &m, e))
		return -1;
	return load_held(token, name, out, e);
}

/* ---- either -------------------------------------------------------------- */

struct device_keys device_keys_at(int state_fd, int token_fd,
				  struct channel *room)
{
	room->fd = token_fd;
	return (struct device_keys){ state_fd, token_fd >= 0 ? room : NULL };
}

int device_key_load(const struct device_keys *k, const char *name,
		    struct ec_private **out, struct err *e)
{
	return k->token ? load_held(k->token, name, out, e)
			: load_file(k->state_fd, name, out, e);
}

int device_key_have(const struct device_keys *k, const char *name,
		    struct ec_private **out, struct err *e)
{
	struct err why = { 0 };

	if (device_key_load(k, name, out, &why) == 0)
		return 0;
	if (why.code == ERR_NOT_FOUND)
		return k->token ? make_held(k->token, name, out, e)
				: make_file(k->state_fd, name, out, e);
	*e = why;
	return err_in(e, "the device's key");
}

int device_key_destroy(const struct device_keys *k, const char *name,
		       struct err *e)
{
	struct message m;

	if (k->token &&
	    ask(k->token, TOKEN_ACT_DESTROY, name, (struct slice){ 0 }, &m, e))
		return -1;
	return destroy_files(k->state_fd, name, e);
}

bool device_key_is_in_hardware(const struct device_keys *k)
{
	struct message m;
	struct err unheard;

	return k->token &&
	       ask(k->token, TOKEN_ACT_KIND, "", (struct slice){ 0 }, &m,
		   &unheard) == 0 &&
	       m.token.bytes[0] == 1;
}
