/* SPDX-License-Identifier: Apache-2.0 */
/* The process that has the token: who may ask what, and what it says when the
 * token, the PIN or the module is not as it should be. */
#include "updater-client/token.h"

#include "tests/unit/token_box.h"

static int open_box(void **state)
{
	static struct token_box b;

	*state = token_box_open(&b) ? &b : NULL;
	return 0;
}

static int close_box(void **state)
{
	if (*state)
		token_box_close(*state);
	return 0;
}

static struct token_box *box_of(void **state)
{
	if (!*state) {
		skip();
		abort(); /* skip() does not come back, which nobody is told */
	}
	return *state;
}

static void make_both(struct token_box *b)
{
	static const char *const names[] = { "identity", "decrypt" };
	struct ec_private *key = NULL;
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_ok(device_key_have(&b->keys, names[i], &key, &e));
		ec_free(key);
	}
}

static int request(struct token_box *b, enum token_act act, const char *name,
		   struct err *e)
{
	struct message m = { .kind = MESSAGE_TOKEN, .token = { .act = act } };
	struct message answer;

	(void)snprintf(m.token.name, sizeof(m.token.name), "%s", name);
	if (act == TOKEN_ACT_AGREE) {
		struct ec_private *other = NULL;
		struct ec_public point;

		assert_int_equal(ec_generate(&other, e), 0);
		ec_public_of(other, &point);
		memcpy(m.token.bytes, point.point, EC_POINT_LEN);
		ec_free(other);
	}
	return ipc_ask(&b->worker.channel, &m, MESSAGE_TOKEN, 20000, &answer,
		       e);
}

static void each_right_is_for_one_thing(void **state)
{
	static const struct {
		unsigned right;
		enum token_act act;
		const char *name;
	} ways[] = {
		{ TOKEN_SIGN, TOKEN_ACT_SIGN, "identity" },
		{ TOKEN_AGREE, TOKEN_ACT_AGREE, "decrypt" },
		{ TOKEN_KEEP, TOKEN_ACT_MAKE, "identity.9" },
		{ TOKEN_KEEP, TOKEN_ACT_DESTROY, "identity.9" },
	};
	struct token_box *b = box_of(state);
	struct err e = { 0 };

	make_both(b);
	for (unsigned right = 0; right <= TOKEN_KEEP;
	     right = right ? right * 2 : 1) {
		token_use(b, right);
		for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
			if (ways[i].right == right)
				assert_ok(request(b, ways[i].act, ways[i].name,
						  &e));
			else
				assert_refused(request(b, ways[i].act,
						       ways[i].name, &e),
					       ERR_REFUSED);
		}
		assert_ok(request(b, TOKEN_ACT_FIND, "identity", &e));
		assert_ok(request(b, TOKEN_ACT_KIND, "", &e));
	}
}

static void what_is_destroyed_is_gone(void **state)
{
	struct token_box *b = box_of(state);
	struct err e = { 0 };

	make_both(b);
	token_use(b, TOKEN_KEEP);
	assert_ok(request(b, TOKEN_ACT_FIND, "identity", &e));
	assert_ok(request(b, TOKEN_ACT_DESTROY, "identity", &e));
	assert_refused(request(b, TOKEN_ACT_FIND, "identity", &e),
		       ERR_NOT_FOUND);
	assert_ok(request(b, TOKEN_ACT_FIND, "decrypt", &e));
}

static void one_that_signs_never_agrees(void **state)
{
	struct token_box *b = box_of(state);
	struct err e = { 0 };

	make_both(b);
	assert_refused(request(b, TOKEN_ACT_SIGN, "decrypt", &e), ERR_REFUSED);
	assert_refused(request(b, TOKEN_ACT_AGREE, "identity", &e),
		       ERR_REFUSED);
}

static void any_other_message_is_refused(void **state)
{
	const struct message m = { .kind = MESSAGE_BEGIN, .now = 1 };
	struct token_box *b = box_of(state);
	struct message answer;
	struct err e = { 0 };

	assert_refused(ipc_ask(&b->worker.channel, &m, MESSAGE_DONE, 5000,
			       &answer, &e),
		       ERR_REFUSED);
}

static void delete_half(struct token_box *b, const char *type)
{
	char kind[16];
	const char *const words[] = { "/usr/bin/pkcs11-tool",
				      "--module",
				      b->module,
				      "--token-label",
				      "pawl",
				      "--pin",
				      TOKEN_PIN,
				      "--delete-object",
				      "--type",
				      kind,
				      "--label",
				      "pawl.identity",
				      NULL };

	(void)snprintf(kind, sizeof(kind), "%s", type);
	token_tool(b, words);
}

/* What a power cut may leave of a key that is being made. */
static void half_a_key_is_none_and_makes_room(void **state)
{
	static const char *const halves[] = { "privkey", "pubkey" };
	struct token_box *b = box_of(state);
	struct err e = { 0 };

	if (access("/usr/bin/pkcs11-tool", X_OK))
		skip();
	for (size_t i = 0; i < ARRAY_LEN(halves); i++) {
		make_both(b);
		assert_ok(request(b, TOKEN_ACT_FIND, "identity", &e));
		delete_half(b, halves[i]);
		assert_refused(request(b, TOKEN_ACT_FIND, "identity", &e),
			       ERR_NOT_FOUND);
	}
	/* Made again, there is one; two of a name would be nobody's. */
	make_both(b);
	assert_ok(request(b, TOKEN_ACT_FIND, "identity", &e));
}

static void what_is_not_there_is_not_used(void **state)
{
	struct token_box *b = box_of(state);
	struct err e = { 0 };

	assert_refused(request(b, TOKEN_ACT_SIGN, "identity.8", &e),
		       ERR_NOT_FOUND);
	assert_refused(request(b, TOKEN_ACT_AGREE, "decrypt", &e),
		       ERR_NOT_FOUND);
}

/* Somebody put another one there: which is the device's? */
static void two_of_one_name_are_nobodys(void **state)
{
	struct token_box *b = box_of(state);
	const char *const words[] = { "/usr/bin/pkcs11-tool",
				      "--module",
				      b->module,
				      "--token-label",
				      "pawl",
				      "--pin",
				      TOKEN_PIN,
				      "--keypairgen",
				      "--key-type",
				      "EC:prime256v1",
				      "--label",
				      "pawl.identity",
				      NULL };
	struct err e = { 0 };

	if (access("/usr/bin/pkcs11-tool", X_OK))
		skip();
	make_both(b);
	token_tool(b, words);
	assert_refused(request(b, TOKEN_ACT_FIND, "identity", &e),
		       ERR_CONFLICT);
	assert_refused(request(b, TOKEN_ACT_SIGN, "identity", &e),
		       ERR_CONFLICT);
}

static void a_token_that_is_not_there_is_named(void **state)
{
	struct token_box *b = box_of(state);
	struct err e = { 0 };

	make_both(b);
	assert_int_equal(renameat(b->box.dir, "tokens", b->box.dir, "away"), 0);
	close(box_folder(&b->box, "tokens"));
	assert_refused_saying(request(b, TOKEN_ACT_FIND, "identity", &e),
			      ERR_SYSTEM, "the token \"pawl\" with the");
	/* Back again: the same process goes on. */
	assert_int_equal(unlinkat(b->box.dir, "tokens", AT_REMOVEDIR), 0);
	assert_int_equal(renameat(b->box.dir, "away", b->box.dir, "tokens"), 0);
	assert_ok(request(b, TOKEN_ACT_FIND, "identity", &e));
}

static void the_pin_is_right_and_its_owners_alone(void **state)
{
	struct token_box *b = box_of(state);
	struct err e = { 0 };

	make_both(b);
	assert_ok(fs_replace_file(b->box.dir, "pin", slice_of("13579"), 0600,
				  &e));
	assert_refused_saying(request(b, TOKEN_ACT_FIND, "identity", &e),
			      ERR_CONFIG, "does not take it");
	assert_ok(fs_replace_file(b->box.dir, "pin", slice_of(TOKEN_PIN), 0640,
				  &e));
	assert_refused_saying(request(b, TOKEN_ACT_FIND, "identity", &e),
			      ERR_CONFIG, "others may read it");
	assert_ok(fs_replace_file(b->box.dir, "pin", slice_of(TOKEN_PIN), 0600,
				  &e));
	assert_ok(request(b, TOKEN_ACT_FIND, "identity", &e));
	assert_ok(fs_remove(b->box.dir, "pin", &e));
	assert_refused(request(b, TOKEN_ACT_FIND, "identity", &e), ERR_CONFIG);
	b->settings.token.pin = NULL;
	token_use(b, TOKEN_SIGN);
	assert_refused_saying(request(b, TOKEN_ACT_FIND, "identity", &e),
			      ERR_CONFIG, "wants one");
}

static void what_is_no_module_is_said(void **state)
{
	struct token_box *b = box_of(state);
	struct err e = { 0 };

	(void)snprintf(b->module, sizeof(b->module), "/usr/bin/true");
	token_use(b, 0);
	assert_refused_saying(request(b, TOKEN_ACT_KIND, "", &e), ERR_CONFIG,
			      "[keys] module");
	(void)snprintf(b->module, sizeof(b->module), "/nowhere/module.so");
	token_use(b, 0);
	assert_refused_saying(request(b, TOKEN_ACT_KIND, "", &e), ERR_CONFIG,
			      "No such file");
}

/* One that others may write would be run as root all the same. */
static void a_module_that_others_may_write_is_not_loaded(void **state)
{
	struct token_box *b = box_of(state);
	struct buf module = BUF_INIT(16 << 20);
	struct err e = { 0 };
	char path[128];

	assert_ok(fs_read_path(b->module, &module, &e));
	(void)snprintf(path, sizeof(path), "%s/own.so", b->box.path);
	assert_ok(fs_replace_file(b->box.dir, "own.so", buf_slice(&module),
				  0755, &e));
	buf_done(&module);
	(void)snprintf(b->module, sizeof(b->module), "%s", path);
	token_use(b, 0);
	assert_ok(request(b, TOKEN_ACT_KIND, "", &e));
	assert_int_equal(chmod(path, 0775), 0);
	token_use(b, 0);
	assert_refused_saying(request(b, TOKEN_ACT_KIND, "", &e), ERR_CONFIG,
			      "others may write it");
	/* Nor by another name. */
	assert_int_equal(symlinkat("own.so", b->box.dir, "link.so"), 0);
	(void)snprintf(b->module, sizeof(b->module), "%s/link.so", b->box.path);
	token_use(b, 0);
	assert_refused_saying(request(b, TOKEN_ACT_KIND, "", &e), ERR_CONFIG,
			      "others may write it");
	assert_int_equal(chmod(path, 0755), 0);
	token_use(b, 0);
	assert_ok(request(b, TOKEN_ACT_KIND, "", &e));
}

static void a_provider_that_is_not_there_is_named(void **state)
{
	char name[] = "no-such-provider";
	struct token_box b = { .box = { .dir = -1 } };
	struct err e = { 0 };

	(void)state;
	b.settings.token.provider = name;
	token_use(&b, 0);
	assert_refused_saying(request(&b, TOKEN_ACT_FIND, "identity", &e),
			      ERR_SYSTEM, "provider no-such-provider");
	worker_stop(&b.worker);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_box, close_box)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_right_is_for_one_thing),
		TEST(what_is_destroyed_is_gone),
		TEST(one_that_signs_never_agrees),
		TEST(any_other_message_is_refused),
		TEST(half_a_key_is_none_and_makes_room),
		TEST(what_is_not_there_is_not_used),
		TEST(two_of_one_name_are_nobodys),
		TEST(a_token_that_is_not_there_is_named),
		TEST(the_pin_is_right_and_its_owners_alone),
		TEST(what_is_no_module_is_said),
		TEST(a_module_that_others_may_write_is_not_loaded),
		cmocka_unit_test(a_provider_that_is_not_there_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
