/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/der.h"
#include "common/external.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/text.h"

static struct ec_private *key, *other;
static struct ec_public public_key;

static int make_keys(void **state)
{
	struct err e;

	(void)state;
	if (ec_generate(&key, &e) || ec_generate(&other, &e))
		return -1;
	ec_public_of(key, &public_key);
	return 0;
}

static int free_keys(void **state)
{
	(void)state;
	ec_free(key);
	ec_free(other);
	return 0;
}

static struct external make(const char *const *words)
{
	struct external x = { .argv = { NULL } };

	x.info.environment = ENV_LAB;
	snprintf(x.info.purpose, sizeof(x.info.purpose), "release");
	x.info.public_key = public_key;
	for (size_t i = 0; words[i]; i++)
		x.argv[i] = mem_dup_str(words[i]);
	return x;
}

static void what_was_written_is_read(void **state)
{
	static const char *const words[] = { "token", "--pin", "with space", "",
					     NULL };
	struct external x = make(words), again;
	struct buf text = BUF_INIT(EXTERNAL_MAX_LEN);
	struct err e = { 0 };

	(void)state;
	assert_ok(external_format(&x, &text, &e));
	assert_true(external_is(buf_slice(&text)));
	assert_ok(external_parse(buf_slice(&text), &again, &e));
	assert_int_equal(again.info.environment, ENV_LAB);
	assert_true(ec_public_equal(&again.info.public_key, &public_key));
	for (size_t i = 0; words[i]; i++)
		assert_string_equal(again.argv[i], words[i]);
	assert_null(again.argv[4]);
	external_done(&again);
	for (size_t len = 0; len + 2 < text.len; len++) {
		assert_int_equal(
			external_parse(slice_sub(buf_slice(&text), 0, len),
				       &again, &e),
			-1);
		external_done(&again);
	}
	external_done(&x);
	buf_done(&text);
}

/* One member of a good file replaced by a bad value. */
static void refuse_with(const char *member, struct json *value)
{
	static const char *const words[] = { "token", NULL };
	struct external x = make(words), again;
	struct buf text = BUF_INIT(2 * EXTERNAL_MAX_LEN);
	struct json *object;
	struct err e = { 0 };

	assert_ok(external_format(&x, &text, &e));
	assert_ok(json_parse(buf_slice(&text), &object, &e));
	json_set(object, member, value);
	text.len = 0;
	assert_ok(json_print(object, false, &text, &e));
	if (external_parse(buf_slice(&text), &again, &e) == 0)
		fail_msg("not refused: %s", buf_text(&text));
	external_done(&again);
	external_done(&x);
	json_free(object);
	buf_done(&text);
}

static void malformed_files_are_refused(void **state)
{
	struct json *many = json_new_array(), *number = json_new_array();
	struct json *nameless = json_new_array(), *mixed = json_new_array();
	struct json *endless = json_new_array();
	char word[1026];

	(void)state;
	json_add(mixed, json_new_text("token"));
	json_add(mixed, json_new_int(1));
	refuse_with("command", mixed);
	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = 0;
	json_add(endless, json_new_text(word));
	refuse_with("command", endless);
	for (size_t i = 0; i <= EXTERNAL_WORDS_MAX; i++)
		json_add(many, json_new_text("x"));
	json_add(number, json_new_int(1));
	json_add(nameless, json_new_text(""));
	refuse_with("format", json_new_text("pawl-external-2"));
	refuse_with("purpose", json_new_text("online"));
	refuse_with("environment", json_new_text("moon"));
	refuse_with("public", json_new_text("PEM"));
	refuse_with("command", json_new_array());
	refuse_with("command", json_new_text("token"));
	refuse_with("command", many);
	refuse_with("command", number);
	refuse_with("command", nameless);
	refuse_with("shell", json_new_bool(true));
}

/* Spaces behind it are JSON still. */
static void a_file_that_is_too_long_is_none(void **state)
{
	static const char *const words[] = { "token", NULL };
	struct external x = make(words), again;
	struct buf text = BUF_INIT(EXTERNAL_MAX_LEN + 1);
	struct err e = { 0 };

	(void)state;
	assert_ok(external_format(&x, &text, &e));
	while (text.len < EXTERNAL_MAX_LEN)
		assert_ok(buf_add(&text, slice_of(" "), &e));
	assert_true(external_is(buf_slice(&text)));
	assert_ok(external_parse(buf_slice(&text), &again, &e));
	external_done(&again);
	assert_ok(buf_add(&text, slice_of(" "), &e));
	assert_false(external_is(buf_slice(&text)));
	assert_refused(external_parse(buf_slice(&text), &again, &e), ERR_LIMIT);
	external_done(&again);
	external_done(&x);
	buf_done(&text);
}

static void make_raw(struct slice der, uint8_t raw[64])
{
	struct rd all = rd_init(der);
	struct rd r = der_enter(&all, DER_SEQUENCE);

	memset(raw, 0, 64);
	for (size_t i = 0; i < 2; i++) {
		struct slice n = der_read_unsigned(&r);

		memcpy(raw + 32 * (i + 1) - n.len, n.ptr, n.len);
	}
}

static void der_and_raw_answers_are_taken(void **state)
{
	struct slice message = slice_of("to be signed");
	struct buf der = BUF_INIT(EC_SIG_MAX_LEN), sig;
	struct err e = { 0 };
	uint8_t raw[64];

	(void)state;
	/* Numbers of every length come up now and then. */
	for (int i = 0; i < 100; i++) {
		der.len = 0;
		sig = (struct buf)BUF_INIT(EC_SIG_MAX_LEN);
		assert_ok(ec_sign(key, message, &der, &e));
		make_raw(buf_slice(&der), raw);
		assert_ok(external_accept(&public_key, message, buf_slice(&der),
					  &sig, &e));
		assert_true(slice_equal(buf_slice(&sig), buf_slice(&der)));
		sig.len = 0;
		assert_ok(external_accept(&public_key, message,
					  (struct slice){ raw, 64 }, &sig, &e));
		assert_true(slice_equal(buf_slice(&sig), buf_slice(&der)));
		buf_done(&sig);
	}
	buf_done(&der);
}

static void other_answers_are_refused(void **state)
{
	struct slice message = slice_of("to be signed");
	struct buf der = BUF_INIT(EC_SIG_MAX_LEN + 1);
	struct buf sig = BUF_INIT(EC_SIG_MAX_LEN);
	struct err e = { 0 };
	uint8_t raw[64];

	(void)state;
	assert_ok(ec_sign(other, message, &der, &e));
	make_raw(buf_slice(&der), raw);
	assert_refused(external_accept(&public_key, message, buf_slice(&der),
				       &sig, &e),
		       ERR_UNTRUSTED);
	assert_refused(external_accept(&public_key, message,
				       (struct slice){ raw, 64 }, &sig, &e),
		       ERR_UNTRUSTED);
	assert_refused(
		external_accept(&public_key, message, slice_of(""), &sig, &e),
		ERR_UNTRUSTED);
	der.len = 0;
	assert_ok(ec_sign(key, message, &der, &e));
	assert_refused(external_accept(&public_key, slice_of("other"),
				       buf_slice(&der), &sig, &e),
		       ERR_UNTRUSTED);
	assert_ok(buf_add(&der, slice_of("\n"), &e));
	assert_refused(external_accept(&public_key, message, buf_slice(&der),
				       &sig, &e),
		       ERR_UNTRUSTED);
	memset(raw, 0, sizeof(raw));
	assert_refused(external_accept(&public_key, message,
				       (struct slice){ raw, 64 }, &sig, &e),
		       ERR_UNTRUSTED);
	assert_int_equal(sig.len, 0);
	buf_done(&sig);
	buf_done(&der);
}

static void a_program_that_fails_signs_nothing(void **state)
{
	static const struct {
		const char *words[5];
		enum err_code code;
		const char *says;
	} cases[] = {
		{ { "/nonexistent/program" },
		  ERR_SYSTEM,
		  "could not be started" },
		{ { "false" }, ERR_SYSTEM, "exit status 1" },
		{ { "true" }, ERR_UNTRUSTED, "" },
		{ { "cat" }, ERR_UNTRUSTED, "" }, /* the digest itself */
		{ { "sh", "-c", "kill -9 $$" }, ERR_SYSTEM, "signal 9" },
		{ { "head", "-c", "1000", "/dev/zero" }, ERR_LIMIT, "" },
	};
	struct buf sig = BUF_INIT(EC_SIG_MAX_LEN);
	struct external x;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		x = make(cases[i].words);
		assert_refused_saying(
			external_sign(&x, slice_of("m"), &sig, &e),
			cases[i].code, cases[i].says);
		/* None is left behind, dead or alive. */
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
		external_done(&x);
	}
	assert_int_equal(sig.len, 0);
	buf_done(&sig);
}

/* The words go to the program as they are, and the digest to its input. */
static void a_program_gets_its_words_and_the_digest(void **state)
{
	static const char look[] =
		"test \"$1\" = 'a b;c' && test \"$(sha256sum)\" = \"$2\" && "
		"test ! -e /proc/self/fd/9 && exit 42";
	static const char *const words[] = { "sh", "-c", look, "sh", "a b;c",
					     /* SHA-256 of SHA-256("m") */
					     NULL, NULL };
	struct buf sig = BUF_INIT(EC_SIG_MAX_LEN);
	struct sha256 once, twice;
	char hex[SHA256_HEX_LEN], said[SHA256_HEX_LEN + 8];
	struct external x = make(words);
	struct err e = { 0 };

	(void)state;
	sha256_of(slice_of("m"), &once);
	sha256_of((struct slice){ once.bytes, SHA256_LEN }, &twice);
	sha256_format(&twice, hex);
	snprintf(said, sizeof(said), "%s  -", hex);
	x.argv[5] = mem_dup_str(said);
	assert_refused(external_sign(&x, slice_of("m"), &sig, &e), ERR_SYSTEM);
	assert_non_null(strstr(e.msg, "exit status 42"));
	external_done(&x);
	buf_done(&sig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(a_file_that_is_too_long_is_none),
		cmocka_unit_test(malformed_files_are_refused),
		cmocka_unit_test(der_and_raw_answers_are_taken),
		cmocka_unit_test(other_answers_are_refused),
		cmocka_unit_test(a_program_that_fails_signs_nothing),
		cmocka_unit_test(a_program_gets_its_words_and_the_digest),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
