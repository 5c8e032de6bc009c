/* SPDX-License-Identifier: Apache-2.0 */
/* Which files a command may sign with, seal to and hand on. */
#include "common/keyring.h"

#include <limits.h>
#include <signal.h>
#include <sys/mman.h>

#include "tests/unit/box.h"

#define SECRET                                                                 \
	"000102030405060708090a0b0c0d0e0f"                                     \
	"101112131415161718191a1b1c1d1e1f"
#define OTHER                                                                  \
	"200102030405060708090a0b0c0d0e0f"                                     \
	"101112131415161718191a1b1c1d1e1f"
#define PEM_HEAD "-----BEGIN EC PRIVATE KEY-----\n"

/* Paths of the files that all tests look at; none of them is ever changed. */
static struct box box;
static char first[96], second[96], production[96], wrapped[96], outside[96];

static void path_of(const char *name, char out[96])
{
	(void)snprintf(out, 96, "%s/%s", box.path, name);
}

static void make_key(const char *name, enum environment env,
		     const char *purpose, char path[96])
{
	struct buf file = BUF_INIT(KEYFILE_MAX_LEN);
	struct ec_private *key = NULL;
	struct err e;

	assert_ok(ec_generate(&key, &e));
	assert_ok(keyfile_seal_made(key, env, purpose, slice_of(SECRET), &file,
				    &e));
	put_file(box.dir, name, buf_text(&file), 0600);
	path_of(name, path);
	ec_free(key);
	buf_done(&file);
}

/* A key of which a program says that it cannot sign. */
static void make_outside(const char *name, enum environment env,
			 const char *purpose)
{
	char program[] = "/bin/false";
	struct external x = { .info = { .environment = env },
			      .argv = { program } };
	struct buf file = BUF_INIT(EXTERNAL_MAX_LEN);
	struct ec_private *key = NULL;
	struct err e;

	assert_ok(ec_generate(&key, &e));
	ec_public_of(key, &x.info.public_key);
	strcpy(x.info.purpose, purpose);
	assert_ok(external_format(&x, &file, &e));
	put_file(box.dir, name, buf_text(&file), 0600);
	ec_free(key);
	buf_done(&file);
}

static int setup(void **state)
{
	(void)state;
	/* As every program of ours: what is asked may end before it reads. */
	assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	box_open(&box);
	make_key("first.key", ENV_LAB, "release", first);
	make_key("second.key", ENV_LAB, "release", second);
	make_key("production.key", ENV_PRODUCTION, "release", production);
	make_key("wrap.key", ENV_LAB, "wrap", wrapped);
	make_outside("outside.key", ENV_LAB, "release");
	path_of("outside.key", outside);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	box_close(&box);
	return 0;
}

/* A descriptor from which these lines are read. */
static int lines(const char *text)
{
	int fd = memfd_create("passphrases", MFD_CLOEXEC);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static int open_both(struct keyring *k, const char *a, const char *b,
		     const char *passphrases, struct err *e)
{
	const struct opt_list paths = { { a, b }, b ? 2 : 1 };
	const int fd = lines(passphrases);
	int rc = keyring_open(k, &paths, ENV_LAB, (uint64_t)fd, e);

	close(fd);
	return rc;
}

static bool signed_by(const struct json *envelope, const char *keyid)
{
	const struct json *signatures;
	const char *id;
	struct err e;

	assert_ok(json_get_array(envelope, "signatures", &signatures, &e));
	for (size_t i = 0; i < json_count(signatures); i++) {
		assert_ok(json_get_text(json_at(signatures, i), "keyid", &id,
					&e));
		if (strcmp(id, keyid) == 0)
			return true;
	}
	return false;
}

static void each_key_of_the_command_line_signs(void **state)
{
	struct json *envelope = tuf_envelope_new(TUF_TARGETS, 1, 1, 86400);
	struct keyring k;
	struct err e;

	(void)state;
	assert_ok(open_both(&k, second, first, SECRET "\n" SECRET "\n", &e));
	assert_int_equal(k.count, 2);
	assert_string_equal(k.at[0].path, second);
	assert_string_equal(k.at[1].path, first);
	for (size_t i = 0; i < k.count; i++) {
		assert_false(signed_by(envelope, k.at[i].keyid));
		assert_ok(keyring_sign(&k.at[i], envelope, &e));
		assert_true(signed_by(envelope, k.at[i].keyid));
	}
	json_free(envelope);
	keyring_close(&k);
	assert_int_equal(k.count, 0);
}

static void a_key_elsewhere_needs_no_passphrase_and_signs_there(void **state)
{
	struct json *envelope = tuf_envelope_new(TUF_TARGETS, 1, 1, 86400);
	struct keyring k;
	struct err e;

	(void)state;
	assert_ok(open_both(&k, outside, first, SECRET "\n", &e));
	assert_null(k.at[0].private_key);
	assert_refused(keyring_sign(&k.at[0], envelope, &e), ERR_SYSTEM);
	json_free(envelope);
	keyring_close(&k);
}

static void
a_key_of_another_kind_is_refused_before_it_is_asked_for(void **state)
{
	const struct opt_list one = { { production }, 1 };
	const struct opt_list two = { { wrapped }, 1 };
	const int fd = lines(SECRET "\n");
	struct keyring k;
	struct err e;

	(void)state;
	assert_refused_saying(keyring_open(&k, &one, ENV_LAB, (uint64_t)fd, &e),
			      ERR_REFUSED, "a production key has no place");
	assert_non_null(strstr(e.msg, production));
	assert_refused_saying(keyring_open(&k, &two, ENV_LAB, (uint64_t)fd, &e),
			      ERR_REFUSED, "its purpose is \"wrap\"");
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
	assert_int_equal(k.count, 0);
	close(fd);
}

static void the_public_half_is_known_for_what_it_is(void **state)
{
	struct keyring k;
	char path[96];
	struct err e;

	(void)state;
	put_file(box.dir, "first.key.pub", "-----BEGIN PUBLIC KEY-----\n",
		 0644);
	path_of("first.key.pub", path);
	assert_refused_saying(open_both(&k, path, NULL, SECRET "\n", &e),
			      ERR_USAGE, "name the file without .pub");
}

static void one_key_counts_once(void **state)
{
	struct keyring k;
	char copy[96];
	struct err e;

	(void)state;
	assert_refused_saying(
		open_both(&k, first, first, SECRET "\n" SECRET "\n", &e),
		ERR_REFUSED, "one key counts once");
	/* Under another name, too. */
	assert_int_equal(linkat(box.dir, "first.key", box.dir, "copy.key", 0),
			 0);
	path_of("copy.key", copy);
	assert_refused_saying(
		open_both(&k, first, copy, SECRET "\n" SECRET "\n", &e),
		ERR_REFUSED, "the same key as");
	assert_int_equal(unlinkat(box.dir, "copy.key", 0), 0);
}

static void a_wrong_passphrase_and_a_missing_one_open_nothing(void **state)
{
	const struct opt_list one = { { first }, 1 };
	struct keyring k;
	struct err e;

	(void)state;
	assert_refused(open_both(&k, first, NULL, OTHER "\n", &e),
		       ERR_UNTRUSTED);
	assert_refused(open_both(&k, first, second, SECRET "\n", &e),
		       ERR_FORMAT);
	assert_refused_saying(
		keyring_open(&k, &one, ENV_LAB, (uint64_t)INT_MAX + 1, &e),
		ERR_USAGE, "no such descriptor");
}

/* Who is asked for it must see which key it is for. */
static void a_name_too_long_to_be_shown_is_not_asked_for(void **state)
{
	const int fd = lines(SECRET "\n");
	struct buf out = BUF_SECRET(PASSPHRASE_MAX_LEN);
	char longest[600] = "";
	struct err e;

	(void)state;
	memset(longest, 'k', sizeof(longest) - 1);
	assert_refused(
		keyring_passphrase((uint64_t)fd, longest, false, &out, &e),
		ERR_LIMIT);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
	assert_ok(keyring_passphrase((uint64_t)fd, "k", false, &out, &e));
	buf_wipe(&out);
	close(fd);
}

static void what_is_no_key_is_refused_by_its_path(void **state)
{
	struct opt_list many = { .count = KEYRING_MAX + 1 };
	char missing[96], nonsense[96];
	struct keyring k;
	struct err e;

	(void)state;
	path_of("missing.key", missing);
	assert_refused_saying(open_both(&k, missing, NULL, "", &e),
			      ERR_NOT_FOUND, missing);
	put_file(box.dir, "nonsense.key", "nonsense", 0600);
	path_of("nonsense.key", nonsense);
	assert_refused_saying(open_both(&k, nonsense, NULL, SECRET, &e),
			      ERR_FORMAT, nonsense);
	for (size_t i = 0; i < many.count; i++)
		many.at[i] = outside;
	assert_refused_saying(keyring_open(&k, &many, ENV_LAB, 0, &e),
			      ERR_USAGE, "at most");
}

/* It names a program that runs with the engineer's rights. */
static void who_may_write_an_external_key_is_who_runs_it(void **state)
{
	static const mode_t bad[] = { 0620, 0602, 0666 };
	struct keyring k;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(fchmodat(box.dir, "outside.key", bad[i], 0),
				 0);
		assert_refused_saying(open_both(&k, outside, NULL, "", &e),
				      ERR_REFUSED, "others may write it");
	}
	assert_int_equal(fchmodat(box.dir, "outside.key", 0644, 0), 0);
	assert_ok(open_both(&k, outside, NULL, "", &e));
	keyring_close(&k);
	if (geteuid() != 0)
		return;
	assert_int_equal(fchownat(box.dir, "outside.key", 12345, 0, 0), 0);
	assert_refused_saying(open_both(&k, outside, NULL, "", &e), ERR_REFUSED,
			      "others may write it");
	assert_int_equal(fchownat(box.dir, "outside.key", 0, 0, 0), 0);
}

static void an_external_key_is_judged_like_any_other(void **state)
{
	char path[96];
	struct keyring k;
	struct err e;

	(void)state;
	make_outside("external.key", ENV_PRODUCTION, "release");
	path_of("external.key", path);
	assert_refused_saying(open_both(&k, path, NULL, "", &e), ERR_REFUSED,
			      "has no place");
	assert_int_equal(unlinkat(box.dir, "external.key", 0), 0);
	put_file(box.dir, "external.key", "{\"format\":\"pawl-external-1\"}",
		 0600);
	assert_refused(open_both(&k, path, NULL, "", &e), ERR_FORMAT);
	assert_int_equal(unlinkat(box.dir, "external.key", 0), 0);
}

static int open_wrap(const char *path, const char *passphrase,
		     struct ec_private **out, struct err *e)
{
	const int fd = lines(passphrase);
	int rc = keyring_open_wrap(path, ENV_LAB, (uint64_t)fd, out, e);

	close(fd);
	return rc;
}

static void only_a_wrap_key_opens_what_was_sealed(void **state)
{
	struct ec_private *key = NULL;
	char missing[96];
	struct err e;

	(void)state;
	assert_ok(open_wrap(wrapped, SECRET "\n", &key, &e));
	assert_non_null(key);
	ec_free(key);
	key = NULL;
	assert_refused_saying(open_wrap(first, SECRET "\n", &key, &e),
			      ERR_REFUSED, "not \"wrap\"");
	assert_refused_saying(open_wrap(outside, "", &key, &e), ERR_REFUSED,
			      "names a command");
	assert_refused(open_wrap(wrapped, OTHER "\n", &key, &e), ERR_UNTRUSTED);
	path_of("missing.key", missing);
	assert_refused_saying(open_wrap(missing, "", &key, &e), ERR_NOT_FOUND,
			      missing);
	assert_null(key);
}

static void only_the_public_half_is_handed_on(void **state)
{
	struct buf pem = BUF_INIT(4096);
	char keyid[TUF_KEYID_LEN], wanted[TUF_KEYID_LEN], path[96];
	struct ec_public half, got;
	struct ec_private *key = NULL;
	struct err e;

	(void)state;
	assert_ok(ec_generate(&key, &e));
	ec_public_of(key, &half);
	assert_ok(ec_public_to_pem(&half, &pem, &e));
	put_file(box.dir, "good.pub", buf_text(&pem), 0644);
	path_of("good.pub", path);
	assert_ok(keyring_read_public(path, &got, keyid, &e));
	assert_true(ec_public_equal(&got, &half));
	assert_ok(tuf_keyid(&half, wanted, &e));
	assert_string_equal(keyid, wanted);

	assert_refused_saying(keyring_read_public(first, &got, keyid, &e),
			      ERR_REFUSED, "a private key");
	assert_refused_saying(keyring_read_public(outside, &got, keyid, &e),
			      ERR_REFUSED, "names a command");
	put_file(box.dir, "bare.pub", PEM_HEAD, 0600);
	path_of("bare.pub", path);
	assert_refused_saying(keyring_read_public(path, &got, keyid, &e),
			      ERR_REFUSED, "a private key");
	put_file(box.dir, "nonsense.pub", "nonsense", 0600);
	path_of("nonsense.pub", path);
	assert_refused_saying(keyring_read_public(path, &got, keyid, &e),
			      ERR_FORMAT, path);
	path_of("missing.pub", path);
	assert_refused_saying(keyring_read_public(path, &got, keyid, &e),
			      ERR_NOT_FOUND, path);
	ec_free(key);
	buf_done(&pem);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_key_of_the_command_line_signs),
		cmocka_unit_test(
			a_key_elsewhere_needs_no_passphrase_and_signs_there),
		cmocka_unit_test(
			a_key_of_another_kind_is_refused_before_it_is_asked_for),
		cmocka_unit_test(the_public_half_is_known_for_what_it_is),
		cmocka_unit_test(one_key_counts_once),
		cmocka_unit_test(
			a_wrong_passphrase_and_a_missing_one_open_nothing),
		cmocka_unit_test(a_name_too_long_to_be_shown_is_not_asked_for),
		cmocka_unit_test(what_is_no_key_is_refused_by_its_path),
		cmocka_unit_test(who_may_write_an_external_key_is_who_runs_it),
		cmocka_unit_test(an_external_key_is_judged_like_any_other),
		cmocka_unit_test(only_a_wrap_key_opens_what_was_sealed),
		cmocka_unit_test(only_the_public_half_is_handed_on),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
