/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PKCS#11 (OASIS, version 2.40): the module is loaded and called as it is, so
 * that keys can be made and destroyed inside on every system; the ways through
 * OpenSSL either cannot do that or come and go with its versions.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <p11-kit-1/p11-kit/pkcs11.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "updater-client/token.h"

#define SLOTS_MAX 64
#define PIN_MAX   256
#define LABEL     "pawl." /* and the key's name: an object's label */
#define LABEL_MAX (sizeof(LABEL) + TOKEN_NAME_LEN)
#define LABEL_LEN 32 /* of a token, filled up with spaces */
#define FOUND_MAX 16
#define WRAP_LEN  2 /* OCTET STRING of 65 bytes: 04 41 */

struct pkcs11 {
	const struct settings_token *settings;
	CK_FUNCTION_LIST *f;
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE session;
	CK_FLAGS flags; /* of the token */
	bool started;
};

/* prime256v1 by name. */
static const CK_BYTE curve[] = { 0x06, 0x08, 0x2a, 0x86, 0x48,
				 0xce, 0x3d, 0x03, 0x01, 0x07 };
static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

static int failed(const struct pkcs11 *t, const char *what, CK_RV rv,
		  struct err *e)
{
	return err_set(e, ERR_SYSTEM,
		       "the token \"%s\": %s: PKCS#11 error 0x%lx",
		       t->settings->label, what, (unsigned long)rv);
}

/* ---- the way in ---------------------------------------------------------- */

/* It runs as us: what others may change would be theirs to run. */
static int check_module(const char *module, struct err *e)
{
	int fd = open(module, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int rc;

	if (fd < 0) {
		err_sys(e, "%s", module);
		e->code = ERR_CONFIG;
		return err_in(e, "[keys] module");
	}
	rc = fs_check_private(fd, module, e);
	fs_close(&fd);
	return rc ? err_in(e, "[keys] module") : 0;
}

static int load(struct pkcs11 *t, struct err *e)
{
	const char *module = t->settings->module;
	CK_C_GetFunctionList get;
	void *library, *symbol;

	if (check_module(module, e))
		return -1;
	library = dlopen(module, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return err_set(e, ERR_CONFIG, "[keys] module: %s", dlerror());
	symbol = dlsym(library, "C_GetFunctionList");
	if (!symbol)
		return err_set(e, ERR_CONFIG,
			       "[keys] module: %s is no PKCS#11 module",
			       module);
	memcpy(&get, &symbol, sizeof(get)); /* C11 has no such conversion */
	if (get(&t->f) != CKR_OK || t->f->C_Initialize(NULL) != CKR_OK)
		return err_set(e, ERR_SYSTEM, "%s does not start", module);
	t->started = true;
	return 0;
}

static bool has_label(const CK_TOKEN_INFO *info, const char *label)
{
	CK_UTF8CHAR padded[LABEL_LEN];
	size_t len = strlen(label);

	if (len > LABEL_LEN)
		return false;
	memset(padded, ' ', sizeof(padded));
	memcpy(padded, label, len);
	return memcmp(info->label, padded, LABEL_LEN) == 0;
}

static int find_token(struct pkcs11 *t, struct err *e)
{
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG count = SLOTS_MAX;
	CK_TOKEN_INFO info;

	if (t->f->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK)
		count = 0;
	for (CK_ULONG i = 0; i < count; i++) {
		if (t->f->C_GetTokenInfo(slots[i], &info) != CKR_OK ||
		    !has_label(&info, t->settings->label))
			continue;
		t->slot = slots[i];
		t->flags = info.flags;
		return 0;
	}
	return err_set(e, ERR_SYSTEM,
		       "the token \"%s\" with the device's keys is not there "
		       "(%s): is it connected, and may this process use it?",
		       t->settings->label, t->settings->module);
}

static int read_pin(const char *path, struct buf *pin, struct err *e)
{
	int fd = -1, rc = -1;
	uint8_t *room;
	struct stat st;
	size_t got;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st)) {
		err_sys(e, "%s", path);
		e->code = ERR_CONFIG;
		goto out;
	}
	if (fs_check_private(fd, path, e))
		goto out;
	if (st.st_mode & 077) {
		err_set(e, ERR_CONFIG, "%s: others may read it: chmod 600",
			path);
		goto out;
	}
	room = buf_reserve(pin, PIN_MAX, e);
	if (!room || fs_read(fd, room, PIN_MAX, &got, e))
		goto out;
	while (got > 0 && room[got - 1] <= ' ')
		got--;
	pin->len = got;
	rc = 0;
out:
	fs_close(&fd);
	return rc;
}

static int judge_login(const struct pkcs11 *t, CK_RV rv, struct err *e)
{
	switch (rv) {
	case CKR_OK:
	case CKR_USER_ALREADY_LOGGED_IN:
		return 0;
	case CKR_PIN_INCORRECT:
	case CKR_PIN_INVALID:
	case CKR_PIN_LEN_RANGE:
		return err_set(e, ERR_CONFIG,
			       "[keys] pin: the token \"%s\" does not take it",
			       t->settings->label);
	default:
		return failed(t, "login", rv, e);
	}
}

/*
 * A client that tries again and again with a wrong PIN must not be what locks
 * the token for good: the last try is a person's.
 */
static int login(struct pkcs11 *t, struct err *e)
{
	struct buf pin = BUF_SECRET(PIN_MAX);
	int rc = -1;
	CK_RV rv;

	if (!(t->flags & CKF_LOGIN_REQUIRED))
		return 0;
	if (t->flags & (CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED))
		return err_set(e, ERR_CONFIG,
			       "[keys] pin: the token \"%s\" is locked, or one "
			       "wrong PIN away from it: put the PIN right, and "
			       "log in once by hand",
			       t->settings->label);
	if (!t->settings->pin)
		return err_set(e, ERR_CONFIG,
			       "[keys] pin: the token \"%s\" wants one",
			       t->settings->label);
	if (read_pin(t->settings->pin, &pin, e) == 0) {
		rv = t->f->C_Login(t->session, CKU_USER, pin.ptr, pin.len);
		rc = judge_login(t, rv, e);
	}
	buf_wipe(&pin);
	return rc;
}

static int pkcs11_open(const struct token_setup *setup, void **self,
		       struct err *e)
{
	struct pkcs11 *t = mem_alloc(1, sizeof(*t));
	CK_FLAGS flags = CKF_SERIAL_SESSION;
	CK_RV rv;

	*self = t;
	t->settings = setup->settings;
	if (setup->rights & TOKEN_KEEP)
		flags |= CKF_RW_SESSION;
	if (load(t, e) || find_token(t, e))
		return -1;
	rv = t->f->C_OpenSession(t->slot, flags, NULL, NULL, &t->session);
	if (rv != CKR_OK)
		return failed(t, "session", rv, e);
	return login(t, e);
}

/* The library stays; it is opened again by the next request. */
static void pkcs11_close(void *self)
{
	struct pkcs11 *t = self;

	if (t && t->started)
		(void)t->f->C_Finalize(NULL); /* ends session and login, too */
	free(t);
}

/* ---- objects ------------------------------------------------------------- */

#define ATTRIBUTE(type, value)                                                 \
	{                                                                      \
		(type), (void *)(uintptr_t) & (value), sizeof(value)           \
	}

struct label {
	char text[LABEL_MAX];
	size_t len;
};

static struct label label_of(const char *name)
{
	struct label l;
	struct err never;

	if (text_format(l.text, sizeof(l.text), &never, LABEL "%s", name))
		abort();
	l.len = strlen(l.text);
	return l;
}

static int search(struct pkcs11 *t, CK_ATTRIBUTE *by, CK_ULONG by_count,
		  CK_OBJECT_HANDLE found[FOUND_MAX], CK_ULONG *count,
		  struct err *e)
{
	CK_RV rv = t->f->C_FindObjectsInit(t->session, by, by_count);

	if (rv == CKR_OK)
		rv = t->f->C_FindObjects(t->session, found, FOUND_MAX, count);
	if (rv == CKR_OK)
		rv = t->f->C_FindObjectsFinal(t->session);
	return rv == CKR_OK ? 0 : failed(t, "search", rv, e);
}

static int find_key(struct pkcs11 *t, CK_OBJECT_CLASS class, const char *name,
		    CK_OBJECT_HANDLE *out, struct err *e)
{
	struct label label = label_of(name);
	CK_ATTRIBUTE by[] = {
		ATTRIBUTE(CKA_CLASS, class),
		{ CKA_LABEL, label.text, label.len },
	};
	CK_OBJECT_HANDLE found[FOUND_MAX];
	CK_ULONG count = 0;

	if (search(t, by, ARRAY_LEN(by), found, &count, e))
		return -1;
	if (count == 0)
		return err_set(e, ERR_NOT_FOUND,
			       "the token \"%s\" has no key %s",
			       t->settings->label, label.text);
	if (count > 1)
		return err_set(e, ERR_CONFLICT,
			       "the token \"%s\" has several keys %s",
			       t->settings->label, label.text);
	*out = found[0];
	return 0;
}

/* The point is an OCTET STRING; some modules leave its head out. */
static int read_point(struct slice got, struct ec_public *out, struct err *e)
{
	if (got.len == WRAP_LEN + EC_POINT_LEN && got.ptr[0] == 0x04 &&
	    got.ptr[1] == EC_POINT_LEN)
		got = slice_sub(got, WRAP_LEN, got.len);
	if (got.len != EC_POINT_LEN)
		return err_set(e, ERR_FORMAT,
			       "the token's key is none on P-256");
	memcpy(out->point, got.ptr, EC_POINT_LEN);
	return ec_public_check(out, e);
}

/* Both halves must be there, or it is no key. */
static int pkcs11_find(void *self, const char *name, struct ec_public *out,
		       struct err *e)
{
	struct pkcs11 *t = self;
	uint8_t bytes[WRAP_LEN + EC_POINT_LEN];
	CK_ATTRIBUTE point = { CKA_EC_POINT, bytes, sizeof(bytes) };
	CK_OBJECT_HANDLE private, public;
	CK_RV rv;

	if (find_key(t, CKO_PRIVATE_KEY, name, &private, e) ||
	    find_key(t, CKO_PUBLIC_KEY, name, &public, e))
		return -1;
	rv = t->f->C_GetAttributeValue(t->session, public, &point, 1);
	if (rv != CKR_OK)
		return failed(t, "public key", rv, e);
	return read_point((struct slice){ bytes, point.ulValueLen }, out, e);
}

static int destroy_found(struct pkcs11 *t, CK_ATTRIBUTE *by, CK_ULONG by_count,
			 bool ours_only, CK_ULONG *gone, struct err *e)
{
	CK_OBJECT_HANDLE found[FOUND_MAX];
	CK_ULONG count = 0;

	*gone = 0;
	if (search(t, by, by_count, found, &count, e))
		return -1;
	for (CK_ULONG i = 0; i < count; i++) {
		char text[LABEL_MAX] = "";
		CK_ATTRIBUTE label = { CKA_LABEL, text, sizeof(text) - 1 };
		CK_RV rv;

		if (ours_only &&
		    (t->f->C_GetAttributeValue(t->session, found[i], &label,
					       1) != CKR_OK ||
		     strncmp(text, LABEL, sizeof(LABEL) - 1) != 0))
			continue;
		rv = t->f->C_DestroyObject(t->session, found[i]);
		if (rv != CKR_OK)
			return failed(t, "destroying a key", rv, e);
		++*gone;
	}
	return 0;
}

static int pkcs11_destroy(void *self, const char *name, struct err *e)
{
	static const CK_OBJECT_CLASS classes[] = { CKO_PRIVATE_KEY,
						   CKO_PUBLIC_KEY };
	struct label label = label_of(name);

	for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
		CK_ATTRIBUTE by[] = {
			ATTRIBUTE(CKA_CLASS, classes[i]),
			{ CKA_LABEL, label.text, label.len },
		};
		CK_ULONG gone;

		/* Found a few at a time, until there are no more. */
		do {
			if (destroy_found(self, by, *name ? 2 : 1, !*name,
					  &gone, e))
				return -1;
		} while (gone > 0);
	}
	return 0;
}

static int pkcs11_make(void *self, const char *name, struct err *e)
{
	struct pkcs11 *t = self;
	bool agrees = strcmp(name, "decrypt") == 0;
	struct label label = label_of(name);
	CK_MECHANISM how = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
	CK_ATTRIBUTE public[] = {
		ATTRIBUTE(CKA_TOKEN, yes),
		{ CKA_LABEL, label.text, label.len },
		{ CKA_ID, label.text, label.len },
		ATTRIBUTE(CKA_EC_PARAMS, curve),
		ATTRIBUTE(agrees ? CKA_DERIVE : CKA_VERIFY, yes),
	};
	CK_ATTRIBUTE private[] = {
		ATTRIBUTE(CKA_TOKEN, yes),
		{ CKA_LABEL, label.text, label.len },
		{ CKA_ID, label.text, label.len },
		ATTRIBUTE(CKA_PRIVATE, yes),
		ATTRIBUTE(CKA_SENSITIVE, yes),
		ATTRIBUTE(CKA_EXTRACTABLE, no),
		ATTRIBUTE(agrees ? CKA_DERIVE : CKA_SIGN, yes),
		ATTRIBUTE(agrees ? CKA_SIGN : CKA_DERIVE, no),
	};
	CK_OBJECT_HANDLE made[2];
	CK_RV rv;

	if (pkcs11_destroy(t, name, e))
		return -1;
	rv = t->f->C_GenerateKeyPair(t->session, &how, public,
				     ARRAY_LEN(public), private,
				     ARRAY_LEN(private), &made[0], &made[1]);
	return rv == CKR_OK ? 0 : failed(t, "making a key", rv, e);
}

static int pkcs11_sign(void *self, const char *name,
		       const struct sha256 *digest, uint8_t rs[EC_RS_LEN],
		       struct err *e)
{
	struct pkcs11 *t = self;
	CK_MECHANISM how = { CKM_ECDSA, NULL, 0 };
	struct sha256 in = *digest;
	CK_ULONG len = EC_RS_LEN;
	CK_OBJECT_HANDLE key;
	CK_RV rv;

	if (find_key(t, CKO_PRIVATE_KEY, name, &key, e))
		return -1;
	rv = t->f->C_SignInit(t->session, &how, key);
	if (rv == CKR_OK)
		rv = t->f->C_Sign(t->session, in.bytes, SHA256_LEN, rs, &len);
	if (rv == CKR_OK && len != EC_RS_LEN)
		rv = CKR_GENERAL_ERROR;
	return rv == CKR_OK ? 0 : failed(t, "signing", rv, e);
}

/* The secret is an object of this session alone, made to be read. */
static int pkcs11_agree(void *self, const char *name,
			const struct ec_public *with,
			uint8_t shared[EC_SHARED_LEN], struct err *e)
{
	static const CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	static const CK_KEY_TYPE type = CKK_GENERIC_SECRET;
	static const CK_ULONG want = EC_SHARED_LEN;
	struct pkcs11 *t = self;
	struct ec_public point = *with;
	CK_ECDH1_DERIVE_PARAMS parameters = { .kdf = CKD_NULL,
					      .public_data_len = EC_POINT_LEN,
					      .public_data = point.point };
	CK_MECHANISM how = { CKM_ECDH1_DERIVE, &parameters,
			     sizeof(parameters) };
	CK_ATTRIBUTE as[] = {
		ATTRIBUTE(CKA_CLASS, class),     ATTRIBUTE(CKA_KEY_TYPE, type),
		ATTRIBUTE(CKA_TOKEN, no),        ATTRIBUTE(CKA_SENSITIVE, no),
		ATTRIBUTE(CKA_EXTRACTABLE, yes), ATTRIBUTE(CKA_VALUE_LEN, want),
	};
	CK_ATTRIBUTE value = { CKA_VALUE, shared, EC_SHARED_LEN };
	CK_OBJECT_HANDLE key, secret;
	CK_RV rv;

	if (find_key(t, CKO_PRIVATE_KEY, name, &key, e))
		return -1;
	rv = t->f->C_DeriveKey(t->session, &how, key, as, ARRAY_LEN(as),
			       &secret);
	if (rv == CKR_OK)
		rv = t->f->C_GetAttributeValue(t->session, secret, &value, 1);
	if (rv == CKR_OK && value.ulValueLen != EC_SHARED_LEN)
		rv = CKR_GENERAL_ERROR;
	return rv == CKR_OK ? 0 : failed(t, "key agreement", rv, e);
}

static bool pkcs11_is_hardware(void *self)
{
	struct pkcs11 *t = self;
	CK_SLOT_INFO info;

	return t->f->C_GetSlotInfo(t->slot, &info) == CKR_OK &&
	       (info.flags & CKF_HW_SLOT);
}

const struct token_ops token_pkcs11 = {
	pkcs11_open, pkcs11_close, pkcs11_find,    pkcs11_make,
	pkcs11_sign, pkcs11_agree, pkcs11_destroy, pkcs11_is_hardware,
};
