/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tuf_meta.h"

#include "tests/unit/tuf_repo.h"

static int setup(void **state)
{
	*state = repo_new();
	return 0;
}

static int teardown(void **state)
{
	repo_free(*state);
	return 0;
}

static const struct tuf_rules ours = { .schemes = tuf_schemes_product };

/* Read a role as it now stands, signed by its own keys. */
static int read_role(struct repo *r, const char *name, enum tuf_role role,
		     struct err *why)
{
	struct repo_role *it = repo_find(r, name);
	struct tuf_keyring ring = { .threshold = 1 };
	struct tuf_meta *m = NULL;
	char keyid[TUF_KEYID_LEN];
	struct json *key = NULL;
	struct err e;
	int rc;

	json_set_int(repo_body(r, name), "version", 1);
	repo_serve(r, "file", it->envelope, it->signers, true);
	for (unsigned n = 0; n < KEY_COUNT && !key; n++)
		if (it->signers & KEY(n))
			key = repo_key(r, n, keyid);
	assert_ok(tuf_key_read(&ours, keyid, key, &ring.keys[0], &e));
	ring.count = 1;
	rc = tuf_meta_read(&ours, role, buf_slice(&repo_file(r, "file")->bytes),
			   role == TUF_ROOT ? NULL : &ring, &m, why);
	tuf_meta_free(m);
	json_free(key);
	repo_mend(r);
	return rc;
}

/* Any value, not only what may stand at the top of a file. */
static struct json *parse(const char *text)
{
	struct json *list = NULL, *j;
	char wrapped[1024];
	struct err e;

	snprintf(wrapped, sizeof(wrapped), "[%s]", text);
	assert_ok(json_parse(slice_of(wrapped), &list, &e));
	j = json_clone(json_at(list, 0));
	json_free(list);
	return j;
}

struct change {
	const char *member, *value; /* NULL removes it */
};

/* Each change of a good role makes it malformed; undone, it is good again. */
static void refuse_each(struct repo *r, const char *name, enum tuf_role role,
			const struct change *changes, size_t count)
{
	struct repo_role *it = repo_find(r, name);
	struct json *good = json_clone(it->envelope);
	struct err e;

	for (size_t i = 0; i < count; i++) {
		struct json *body = repo_body(r, name);
		const struct change *c = &changes[i];

		assert_ok(read_role(r, name, role, &e));
		if (c->value)
			json_set(body, c->member, parse(c->value));
		else
			json_remove(body, c->member);
		if (read_role(r, name, role, &e) == 0)
			fail_msg("%s: %s", c->member,
				 c->value ? c->value : "missing");
		if (e.code != ERR_FORMAT && e.code != ERR_LIMIT)
			fail_msg("%s: %s", c->member, e.msg);
		json_free(it->envelope);
		it->envelope = json_clone(good);
	}
	json_free(good);
}

static void refuses_what_every_role_must_have_right(void **state)
{
	static const struct change changes[] = {
		{ "_type", NULL },
		{ "_type", "\"targets\"" },
		{ "_type", "1" },
		{ "spec_version", NULL },
		{ "spec_version", "\"2.0.0\"" },
		{ "spec_version", "\"1\"" },
		{ "spec_version", "\"1.\"" },
		{ "spec_version", "\"1.0.\"" },
		{ "spec_version", "\"1.0.34.1\"" },
		{ "spec_version", "\"1.0.34 \"" },
		{ "spec_version", "\"10.0.0\"" },
		{ "spec_version", "1" },
		{ "expires", NULL },
		{ "expires", "\"2026-06-01T00:00:00\"" },
		{ "expires", "\"2026-06-01T00:00:00.000Z\"" },
		{ "expires", "\"2026-06-01 00:00:00Z\"" },
		{ "expires", "\"2026-06-31T00:00:00Z\"" },
		{ "expires", "1780000000" },
		{ "issued", NULL },
		{ "issued", "\"2026-06-31T00:00:00Z\"" },
		{ "issued", "\"2026-06-27T20:26:40Z\"" }, /* = expires */
		{ "issued", "\"2026-06-28T20:26:40Z\"" },
		{ "issued", "\"2025-05-23T20:26:39Z\"" }, /* 400 d and 1 s */
		{ "medium", "1" },
		{ "meta", NULL },
		{ "meta", "[]" },
		{ "meta", "{}" },
		{ "meta", "{\"snapshot.json\":{}}" },
		{ "meta", "{\"snapshot.json\":1}" },
		{ "meta", "{\"snapshot.json\":{\"version\":0}}" },
		{ "meta", "{\"snapshot.json\":{\"version\":\"1\"}}" },
		{ "meta", "{\"snapshot.json\":{\"version\":1,\"length\":-1}}" },
		{ "meta", "{\"snapshot.json\":{\"version\":1,\"hashes\":{}}}" },
		{ "meta", "{\"snapshot.json\":{\"version\":1,\"hashes\":"
			  "{\"sha256\":\"00\"}}}" },
		{ "meta", "{\"snapshot.json\":{\"version\":1},\"x.json\":"
			  "{\"version\":1}}" },
	};

	refuse_each(*state, "timestamp", TUF_TIMESTAMP, changes,
		    ARRAY_LEN(changes));
}

static void accepts_lives_up_to_the_limit(void **state)
{
	struct repo *r = *state;
	struct err e;

	json_set_text(repo_body(r, "timestamp"), "issued",
		      "2025-05-23T20:26:40Z"); /* 400 days */
	assert_ok(read_role(r, "timestamp", TUF_TIMESTAMP, &e));
	json_set_text(repo_body(r, "root"), "issued", "2024-06-27T20:26:40Z");
	assert_ok(read_role(r, "root", TUF_ROOT, &e));
	json_set_text(repo_body(r, "root"), "issued", "2024-06-25T20:26:40Z");
	assert_refused(read_role(r, "root", TUF_ROOT, &e), ERR_FORMAT);
}

#define SHA                                                                    \
	"\"00000000000000000000000000000000"                                   \
	"00000000000000000000000000000000\""

static void refuses_malformed_snapshots(void **state)
{
	static const struct change changes[] = {
		{ "meta", "{\"targets.json\":{\"version\":1,"
			  "\"hashes\":{\"md5\":1,\"sha256\":" SHA "}}}" },
		{ "meta", "{\"targets.json\":{\"version\":1,"
			  "\"hashes\":{\"sha512\":\"00\"}}}" },
		{ "meta", NULL },
		{ "meta", "{\"other.json\":{\"version\":1}}" },
		{ "meta", "{\"targets.json\":{\"version\":1},\"x\":"
			  "{\"version\":1}}" },
		{ "meta", "{\"targets.json\":{\"version\":1},\"longer.name\":"
			  "{\"version\":1}}" },
		{ "meta", "{\"targets.json\":{\"version\":1},\"x.json\":1}" },
		{ "meta", "{\"targets.json\":{\"version\":1},\"../x.json\":"
			  "{\"version\":1}}" },
		{ "meta", "{\"targets.json\":{\"version\":1},\"X.json\":"
			  "{\"version\":1}}" },
		{ "meta", "{\"targets.json\":{\"version\":1},\".json\":"
			  "{\"version\":1}}" },
	};

	refuse_each(*state, "snapshot", TUF_SNAPSHOT, changes,
		    ARRAY_LEN(changes));
}

static void refuses_malformed_targets(void **state)
{
	static const struct change changes[] = {
		{ "targets", NULL },
		{ "targets", "[]" },
		{ "targets", "{\"a\":1}" },
		{ "targets", "{\"a\":{\"hashes\":{\"sha256\":" SHA "}}}" },
		{ "targets", "{\"a\":{\"length\":1}}" },
		{ "targets",
		  "{\"a\":{\"length\":-1,\"hashes\":{\"sha256\":" SHA "}}}" },
		{ "targets",
		  "{\"a\":{\"length\":1,\"hashes\":{\"sha256\":1}}}" },
		{ "targets",
		  "{\"a\":{\"length\":1,\"hashes\":{\"sha256\":\"00\"}}}" },
		{ "targets", "{\"a\":{\"length\":1,\"hashes\":{\"sha256\":" SHA
			     "},\"custom\":1}}" },
		{ "targets",
		  "{\"../a\":{\"length\":1,\"hashes\":{\"sha256\":" SHA "}}}" },
		{ "targets",
		  "{\"/a\":{\"length\":1,\"hashes\":{\"sha256\":" SHA "}}}" },
		{ "targets",
		  "{\"A\":{\"length\":1,\"hashes\":{\"sha256\":" SHA "}}}" },
		{ "medium", "true" },
		{ "delegations", "[]" },
		{ "delegations", "{}" },
		{ "delegations", "{\"keys\":{},\"roles\":1}" },
		{ "delegations", "{\"keys\":{},\"roles\":[1]}" },
		{ "delegations", "{\"keys\":{},\"roles\":[],"
				 "\"succinct_roles\":{}}" },
	};

	refuse_each(*state, "targets", TUF_TARGETS, changes,
		    ARRAY_LEN(changes));
}

/* Change roles.<role>.<member> of a root and read it. */
static int read_root_with(struct repo *r, const char *role, const char *member_,
			  const char *value, struct err *e)
{
	struct repo_role *it = repo_find(r, "root");
	struct json *good = json_clone(it->envelope);
	struct json *entry =
		member(member(repo_body(r, "root"), "roles"), role);
	int rc;

	if (value)
		json_set(entry, member_, parse(value));
	else
		json_remove(entry, member_);
	rc = read_role(r, "root", TUF_ROOT, e);
	json_free(it->envelope);
	it->envelope = good;
	return rc;
}

static void thresholds_are_integers_from_one_to_the_number_of_keys(void **state)
{
	static const char *const roles[] = { "root", "timestamp", "snapshot",
					     "targets" };
	static const char *const wrong[] = { "0",  "-1",   "2",    "\"1\"",
					     NULL, "true", "null", "[1]" };
	struct repo *r = *state;
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		for (size_t k = 0; k < ARRAY_LEN(wrong); k++)
			assert_refused(read_root_with(r, roles[i], "threshold",
						      wrong[k], &e),
				       ERR_FORMAT);
		assert_refused(read_root_with(r, roles[i], "keyids", "[]", &e),
			       ERR_FORMAT);
		assert_refused_saying(
			read_root_with(r, roles[i], "keyids", "[\"no\"]", &e),
			ERR_FORMAT, "names no key");
		assert_refused(read_root_with(r, roles[i], "keyids", "[1]", &e),
			       ERR_FORMAT);
		assert_ok(read_root_with(r, roles[i], "threshold", "1", &e));
	}
}

static void a_key_under_two_ids_is_one_key(void **state)
{
	struct repo *r = *state;
	struct json *roles = member(repo_body(r, "root"), "roles");
	struct json *entry = member(roles, "targets");
	char keyid[TUF_KEYID_LEN];
	struct json *alias = repo_key(r, TARGETS_KEY, keyid);
	struct err e;

	json_set(member(repo_body(r, "root"), "keys"), "alias", alias);
	json_add(member(entry, "keyids"), json_new_text("alias"));
	assert_ok(read_role(r, "root", TUF_ROOT, &e));
	json_set_int(entry, "threshold", 2);
	assert_refused(read_role(r, "root", TUF_ROOT, &e), ERR_FORMAT);
	repo_grant(r, "targets", KEY(TARGETS_KEY) | KEY(SPARE_KEY), 2);
	assert_ok(read_role(r, "root", TUF_ROOT, &e));
	json_add(member(member(roles, "targets"), "keyids"),
		 json_new_text(keyid));
	assert_refused(read_role(r, "root", TUF_ROOT, &e), ERR_FORMAT);
}

static void unknown_schemes_and_keys_are_refused_in_ours(void **state)
{
	static const char *const changes[][2] = {
		{ "scheme", "\"ed25519\"" },
		{ "scheme", "\"ecdsa-sha2-nistp384\"" },
		{ "keytype", "\"rsa\"" },
		{ "keyval", "{\"public\":\"\"}" },
		{ "keyval", "{\"public\":\"-----BEGIN PUBLIC KEY-----\\n\"}" },
	};
	struct repo *r = *state;
	char keyid[TUF_KEYID_LEN];
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		struct json *key = repo_key(r, TARGETS_KEY, keyid);
		struct json *keys = member(repo_body(r, "root"), "keys");

		json_set(key, changes[i][0], parse(changes[i][1]));
		json_set(keys, keyid, key);
		assert_refused(read_role(r, "root", TUF_ROOT, &e), ERR_REFUSED);
		json_set(keys, keyid, repo_key(r, TARGETS_KEY, keyid));
		assert_ok(read_role(r, "root", TUF_ROOT, &e));
	}
}

static void foreign_keys_nobody_can_use_are_left_out(void **state)
{
	struct repo *r = *state;
	struct tuf_rules foreign = { tuf_schemes_product, true };
	struct json *body = repo_body(r, "root");
	struct json *role = member(member(body, "roles"), "targets");
	char keyid[TUF_KEYID_LEN];
	struct json *odd = repo_key(r, SPARE_KEY, keyid);
	struct tuf_keyring ring;
	struct err e;

	json_set_text(odd, "scheme", "odd");
	json_set(member(body, "keys"), "odd", odd);
	json_add(member(role, "keyids"), json_new_text("odd"));
	json_add(member(role, "keyids"), json_new_text("nowhere"));
	assert_refused(tuf_root_keyring(&ours, body, "targets", &ring, &e),
		       ERR_REFUSED);
	assert_ok(tuf_root_keyring(&foreign, body, "targets", &ring, &e));
	assert_int_equal(ring.count, 1);

	/* A threshold out of reach is a role that nobody can sign. */
	json_set_int(role, "threshold", JSON_INT_MAX);
	assert_ok(tuf_root_keyring(&foreign, body, "targets", &ring, &e));
	assert_true(ring.threshold > TUF_KEYS_MAX_FOREIGN);
	json_add(member(role, "keyids"), json_new_bool(true));
	assert_refused_saying(
		tuf_root_keyring(&foreign, body, "targets", &ring, &e),
		ERR_FORMAT, "not a string");
	json_set_int(role, "threshold", 0);
	assert_refused(tuf_root_keyring(&foreign, body, "targets", &ring, &e),
		       ERR_FORMAT);
}

/* In foreign repositories a role may be called anything but nothing. */
static void foreign_file_names_need_a_role_and_a_suffix(void **state)
{
	static const char *const names[] = { ".json", "x", "", "Role.jso",
					     "Role?.json" };
	static const struct tuf_rules foreign = { tuf_schemes_product, true };
	struct repo *r = *state;
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct json *envelope = repo_copy(r, "snapshot");
		struct json *entry = json_new_object();
		struct buf bytes = BUF_INIT(1 << 16);
		struct tuf_meta *m = NULL;

		json_set_int(entry, "version", 1);
		json_set(member(tuf_envelope_signed(envelope), "meta"),
			 names[i], entry);
		assert_ok(tuf_envelope_bytes(envelope, &bytes, &e));
		assert_ok(tuf_meta_parse(&foreign, TUF_SNAPSHOT,
					 buf_slice(&bytes), &m, &e));
		if (strchr(names[i], '?'))
			assert_ok(tuf_meta_check(&foreign, m, &e));
		else
			assert_refused(tuf_meta_check(&foreign, m, &e),
				       ERR_FORMAT);
		tuf_meta_free(m);
		buf_done(&bytes);
		json_free(envelope);
	}
}

static void a_role_has_at_most_16_keys_and_a_file_16_signatures(void **state)
{
	struct repo *r = *state;
	struct json *body = repo_body(r, "root");
	struct json *ids =
		member(member(member(body, "roles"), "targets"), "keyids");
	struct json *all = json_new_array();
	char text[32];
	struct err e;

	for (int i = 0; i < 16; i++) {
		struct json *signature = json_new_object();

		snprintf(text, sizeof(text), "id%d", i);
		json_add(ids, json_new_text(text));
		json_set_text(signature, "keyid", text);
		json_set_text(signature, "sig", "");
		json_add(all, signature);
	}
	assert_refused(read_role(r, "root", TUF_ROOT, &e), ERR_LIMIT);
	assert_ok(tuf_signatures_check(&ours, all, &e));
	json_add(all, json_new_object());
	assert_refused(tuf_signatures_check(&ours, all, &e), ERR_LIMIT);
	json_free(all);
}

static void root_needs_our_fields(void **state)
{
	static const struct change changes[] = {
		{ "consistent_snapshot", NULL },
		{ "consistent_snapshot", "false" },
		{ "consistent_snapshot", "1" },
		{ "pawl", NULL },
		{ "pawl", "{}" },
		{ "pawl", "{\"environment\":\"lab\"}" },
		{ "pawl", "{\"environment\":\"Lab\",\"staging\":\"server\"}" },
		{ "pawl", "{\"environment\":\"lab\",\"staging\":\"none\"}" },
		{ "pawl", "{\"environment\":\"lab\",\"staging\":\"server\","
			  "\"medium_max_days\":0}" },
		{ "pawl", "{\"environment\":\"lab\",\"staging\":\"server\","
			  "\"medium_max_days\":401}" },
		{ "roles", "{}" },
		{ "keys", "[]" },
	};
	struct repo *r = *state;
	struct json *fifth = json_clone(
		json_get(json_get(repo_body(r, "root"), "roles"), "root"));
	struct err e;

	refuse_each(r, "root", TUF_ROOT, changes, ARRAY_LEN(changes));
	json_set(member(repo_body(r, "root"), "roles"), "mirrors", fifth);
	assert_refused(read_role(r, "root", TUF_ROOT, &e), ERR_FORMAT);
}

static void production_needs_two_of_each_and_no_key_twice(void **state)
{
	struct repo *r = *state;
	struct json *pawl = member(repo_body(r, "root"), "pawl");
	struct err e;

	json_set_text(pawl, "environment", "production");
	json_set_text(pawl, "staging", "signed");
	assert_refused(read_role(r, "root", TUF_ROOT, &e), ERR_REFUSED);
	repo_grant(r, "root", KEY(0) | KEY(5), 2);
	assert_refused(read_role(r, "root", TUF_ROOT, &e), ERR_REFUSED);
	repo_grant(r, "targets", KEY(1) | KEY(5), 2);
	assert_refused(read_role(r, "root", TUF_ROOT, &e), ERR_REFUSED);
	repo_grant(r, "targets", KEY(1) | KEY(2), 2);
	assert_refused(read_role(r, "root", TUF_ROOT, &e), ERR_REFUSED);
	repo_grant(r, "targets", KEY(1) | KEY(6), 2);
	assert_ok(read_role(r, "root", TUF_ROOT, &e));
	/* No server opens rollouts on its own there. */
	json_set_text(pawl, "staging", "server");
	assert_refused_saying(read_role(r, "root", TUF_ROOT, &e), ERR_REFUSED,
			      "signed orders");
}

static int check_signatures(const char *text, struct err *e)
{
	struct json *list = parse(text);
	int rc = tuf_signatures_check(&ours, list, e);

	json_free(list);
	return rc;
}

static void signatures_name_their_key_once_and_hold_nothing_else(void **state)
{
	static const struct {
		const char *text, *words;
	} wrong[] = {
		{ "[1]", "keyid" },
		{ "[{}]", "keyid" },
		{ "[{\"sig\":\"\"}]", "keyid" },
		{ "[{\"keyid\":1,\"sig\":\"\"}]", "keyid" },
		{ "[{\"keyid\":\"a\"}]", "sig" },
		{ "[{\"keyid\":\"a\",\"sig\":1}]", "sig" },
		{ "[{\"keyid\":\"a\",\"sig\":\"\",\"x\":1}]", "unknown" },
		{ "[{\"keyid\":\"a\",\"sig\":\"\"},{\"keyid\":\"b\","
		  "\"sig\":\"\"},{\"keyid\":\"a\",\"sig\":\"00\"}]",
		  "two signatures" },
	};
	struct err e;

	(void)state;
	assert_ok(check_signatures("[{\"keyid\":\"a\",\"sig\":\"\"},"
				   "{\"keyid\":\"b\",\"sig\":\"\"}]",
				   &e));
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_refused_saying(check_signatures(wrong[i].text, &e),
				      ERR_FORMAT, wrong[i].words);
}

static unsigned verified;

static int count_and_accept(struct slice public_text, struct slice message,
			    struct slice sig, struct err *e)
{
	(void)public_text;
	(void)message;
	(void)sig;
	(void)e;
	verified++;
	return 0;
}

static struct json *signed_by(const char *keyid)
{
	struct json *signature = json_new_object();

	json_set_text(signature, "keyid", keyid);
	json_set_text(signature, "sig", "00");
	return signature;
}

/* Whoever can send bytes could have us compute for nothing. */
static void only_known_keys_are_worth_any_arithmetic(void **state)
{
	static const struct tuf_scheme counting = { .name = "counting",
						    .verify =
							    count_and_accept };
	const struct tuf_keyring ring = {
		.threshold = 2,
		.distinct = 2,
		.count = 3,
		.keys = { { .keyid = "a",
			    .public_text = "",
			    .scheme = &counting,
			    .identity = { { 1 } } },
			  { .keyid = "b",
			    .public_text = "",
			    .scheme = &counting,
			    .identity = { { 2 } } },
			  { .keyid = "again",
			    .public_text = "",
			    .scheme = &counting,
			    .identity = { { 1 } } } },
	};
	struct json *signatures = json_new_array();
	char unknown[16];
	struct err e;

	(void)state;
	verified = 0;
	for (unsigned i = 0; i < TUF_SIGNATURES_MAX - 2; i++) {
		(void)snprintf(unknown, sizeof(unknown), "unknown %u", i);
		json_add(signatures, signed_by(unknown));
	}
	assert_refused(
		tuf_keyring_verify(&ring, signatures, slice_of("message"), &e),
		ERR_UNTRUSTED);
	assert_int_equal(verified, 0);
	/* Nor is a key worth it twice. */
	json_add(signatures, signed_by("a"));
	json_add(signatures, signed_by("again"));
	assert_refused(
		tuf_keyring_verify(&ring, signatures, slice_of("message"), &e),
		ERR_UNTRUSTED);
	assert_int_equal(verified, 1);
	json_add(signatures, signed_by("b"));
	assert_ok(
		tuf_keyring_verify(&ring, signatures, slice_of("message"), &e));
	json_free(signatures);
}

static void a_signature_of_any_length_is_only_not_counted(void **state)
{
	struct repo *r = *state;
	struct json *signature = json_new_object(), *object;
	char keyid[TUF_KEYID_LEN], hex[20001];
	struct tuf_key key;
	struct err e;

	object = repo_key(r, SPARE_KEY, keyid);
	assert_ok(tuf_key_read(&ours, keyid, object, &key, &e));
	memset(hex, '0', sizeof(hex) - 1);
	for (size_t len = sizeof(hex) - 1; len > 0; len /= 2) {
		hex[len] = 0;
		json_set_text(signature, "sig", hex);
		assert_false(tuf_signature_valid(&key, signature,
						 slice_of("message")));
	}
	json_set_text(signature, "sig", "");
	assert_false(tuf_signature_valid(&key, signature, slice_of("message")));
	json_free(object);
	json_free(signature);
}

static void envelopes_hold_signatures_and_signed_alone(void **state)
{
	static const char twice[] =
		"{\"signatures\":[{\"keyid\":\"a\",\"sig\":\"\"},"
		"{\"keyid\":\"a\",\"sig\":\"\"}],\"signed\":{}}";
	static const char more[] =
		"{\"signatures\":[{\"keyid\":\"a\",\"sig\":\"\",\"x\":1}],"
		"\"signed\":{}}";
	static const char other[] =
		"{\"signatures\":[],\"signed\":{},\"more\":1}";
	static const char *const wrong[] = {
		"[]",
		"{}",
		"{\"signed\":{}}",
		"{\"signatures\":[]}",
		"{\"signatures\":{},\"signed\":{}}",
		"{\"signatures\":[1],\"signed\":{}}",
		"{\"signatures\":[{}],\"signed\":{}}",
		"{\"signatures\":[{\"keyid\":\"a\"}],\"signed\":{}}",
		"{\"signatures\":[{\"keyid\":1,\"sig\":\"\"}],\"signed\":{}}",
		twice,
		more,
		other,
		"{\"signatures\":[],\"signed\":[]}",
	};
	struct tuf_meta *m;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_refused(tuf_meta_parse(&ours, TUF_ROOT,
					      slice_of(wrong[i]), &m, &e),
			       ERR_FORMAT);
	/* Not only because what is signed is nothing. */
	assert_refused_saying(
		tuf_meta_parse(&ours, TUF_ROOT, slice_of(twice), &m, &e),
		ERR_FORMAT, "two signatures");
	assert_refused_saying(
		tuf_meta_parse(&ours, TUF_ROOT, slice_of(other), &m, &e),
		ERR_FORMAT, "\"more\"");
}

/* A root that says it in another way than true or false says nothing. */
static void foreign_roots_are_consistent_or_not(void **state)
{
	struct repo *r = *state;
	struct tuf_rules foreign = { tuf_schemes_product, true };
	struct repo_role *it = repo_find(r, "root");
	struct tuf_meta *m = NULL;
	struct err e;

	json_set_text(repo_body(r, "root"), "consistent_snapshot", "yes");
	json_set_int(repo_body(r, "root"), "version", 1);
	repo_serve(r, "file", it->envelope, it->signers, true);
	assert_refused_saying(
		tuf_meta_read(&foreign, TUF_ROOT,
			      buf_slice(&repo_file(r, "file")->bytes), NULL, &m,
			      &e),
		ERR_FORMAT, "consistent_snapshot");
}

static void verifies_before_it_looks_inside(void **state)
{
	struct repo *r = *state;
	struct repo_role *it = repo_find(r, "targets");
	struct tuf_keyring ring = { .threshold = 1 };
	struct tuf_meta *m;
	struct err e;

	json_remove(repo_body(r, "targets"), "targets");
	repo_serve(r, "file", it->envelope, it->signers, true);
	assert_refused(tuf_meta_read(&ours, TUF_TARGETS,
				     buf_slice(&repo_file(r, "file")->bytes),
				     &ring, &m, &e),
		       ERR_UNTRUSTED);
}

static void a_ring_of_zeroes_satisfies_nobody(void **state)
{
	struct tuf_keyring ring = { 0 };
	struct json *none = json_new_array();
	struct err e;

	(void)state;
	assert_refused(tuf_keyring_verify(&ring, none, slice_of("x"), &e),
		       ERR_UNTRUSTED);
	json_free(none);
}

/* ECDSA lets anybody make a second signature (r, n - s) out of one. */
static void unusual_signature_encodings_do_not_count(void **state)
{
	struct repo *r = *state;
	struct tuf_key key;
	char keyid[TUF_KEYID_LEN];
	struct json *object = repo_key(r, SPARE_KEY, keyid);
	struct json *signature = json_new_object();
	struct buf sig = BUF_INIT(EC_SIG_MAX_LEN);
	char hex[2 * EC_SIG_MAX_LEN + 3];
	struct err e;

	assert_ok(tuf_key_read(&ours, keyid, object, &key, &e));
	assert_ok(ec_sign(r->keys[SPARE_KEY], slice_of("message"), &sig, &e));
	hex_format(buf_slice(&sig), hex);
	json_set_text(signature, "sig", hex);
	assert_true(tuf_signature_valid(&key, signature, slice_of("message")));
	assert_false(tuf_signature_valid(&key, signature, slice_of("messagf")));
	strcat(hex, "00");
	json_set_text(signature, "sig", hex);
	assert_false(tuf_signature_valid(&key, signature, slice_of("message")));
	hex[2 * sig.len - 1] = 0;
	json_set_text(signature, "sig", hex);
	assert_false(tuf_signature_valid(&key, signature, slice_of("message")));
	json_set_text(signature, "sig", "");
	assert_false(tuf_signature_valid(&key, signature, slice_of("message")));
	hex_format(buf_slice(&sig), hex);
	hex[1] = 'G';
	json_set_text(signature, "sig", hex);
	assert_false(tuf_signature_valid(&key, signature, slice_of("message")));
	json_free(signature);
	json_free(object);
	buf_done(&sig);
}

static void files_are_checked_by_length_and_every_known_digest(void **state)
{
	struct tuf_file file = { .has_length = true, .length = 3 };
	struct err e;

	(void)state;
	assert_ok(tuf_file_check(&file, slice_of("abc"), &e));
	assert_refused(tuf_file_check(&file, slice_of("abcd"), &e),
		       ERR_UNTRUSTED);
	file.has_sha256 = file.has_sha512 = true;
	sha256_of(slice_of("abc"), &file.sha256);
	sha512_of(slice_of("abc"), file.sha512);
	assert_ok(tuf_file_check(&file, slice_of("abc"), &e));
	file.sha512[63] ^= 1;
	assert_refused(tuf_file_check(&file, slice_of("abc"), &e),
		       ERR_UNTRUSTED);
	file.sha512[63] ^= 1;
	file.sha256.bytes[0] ^= 1;
	assert_refused(tuf_file_check(&file, slice_of("abc"), &e),
		       ERR_UNTRUSTED);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(refuses_what_every_role_must_have_right),
		T(accepts_lives_up_to_the_limit),
		T(refuses_malformed_snapshots),
		T(refuses_malformed_targets),
		T(thresholds_are_integers_from_one_to_the_number_of_keys),
		T(a_key_under_two_ids_is_one_key),
		T(unknown_schemes_and_keys_are_refused_in_ours),
		T(foreign_keys_nobody_can_use_are_left_out),
		T(foreign_file_names_need_a_role_and_a_suffix),
		T(a_role_has_at_most_16_keys_and_a_file_16_signatures),
		T(root_needs_our_fields),
		T(production_needs_two_of_each_and_no_key_twice),
		T(foreign_roots_are_consistent_or_not),
		T(signatures_name_their_key_once_and_hold_nothing_else),
		T(only_known_keys_are_worth_any_arithmetic),
		T(a_signature_of_any_length_is_only_not_counted),
		T(envelopes_hold_signatures_and_signed_alone),
		T(verifies_before_it_looks_inside),
		T(a_ring_of_zeroes_satisfies_nobody),
		T(unusual_signature_encodings_do_not_count),
		T(files_are_checked_by_length_and_every_known_digest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
