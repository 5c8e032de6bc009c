/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/keeper_people.h"

#include "common/hkdf.h"
#include "common/json.h"
#include "tests/unit/box.h"
#include "tests/unit/officer.h"

#define NOW INT64_C(1790000000)

struct world {
	struct box box;
	struct keeper_seal seal;
	struct keeper_people people;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct ec_private *key = officer_key(1);
	struct err e = { 0 };

	assert_non_null(w);
	box_open(&w->box);
	assert_ok(fs_mkdir(w->box.dir, "keeper", 0700, &e));
	assert_ok(keeper_seal_of(key, &w->seal, &e));
	ec_free(key);
	w->people.count = 2;
	for (uint8_t i = 0; i < 2; i++) {
		struct keeper_person *p = &w->people.at[i];

		p->certificate.bytes[0] = (uint8_t)(i + 1);
		p->key.point[0] = 4;
		p->not_after = NOW + UTC_DAY;
		strcpy(p->roles, i ? "operator auditor" : "admin officer");
	}
	assert_ok(keeper_people_save(w->box.dir, &w->seal, &w->people, &e));
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	box_close(&w->box);
	free(w);
	return 0;
}

static int load(struct world *w, struct err *e)
{
	return keeper_people_load(w->box.dir, &w->seal, &w->people, e);
}

static int check(struct world *w, uint8_t who, int64_t now, struct err *e)
{
	const struct sha256 certificate = { { who } };
	struct ec_public key;

	return keeper_people_check(&w->people, &certificate, "officer", now,
				   &key, e);
}

static void the_word_of_officers_counts(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	assert_ok(load(w, &e));
	assert_int_equal(w->people.version, 1);
	assert_ok(check(w, 1, NOW, &e));
	assert_refused(check(w, 1, NOW + UTC_DAY + 1, &e), ERR_EXPIRED);
	assert_refused(check(w, 2, NOW, &e), ERR_REFUSED);
	assert_refused(check(w, 3, NOW, &e), ERR_REFUSED);
	w->people.at[0].revoked = true;
	assert_ok(keeper_people_save(w->box.dir, &w->seal, &w->people, &e));
	assert_ok(load(w, &e));
	assert_int_equal(w->people.version, 2);
	assert_refused(check(w, 1, NOW, &e), ERR_REFUSED);
}

static void nobody_else_writes_the_list(void **state)
{
	struct world *w = *state;
	struct ec_private *key = officer_key(2);
	struct buf file = BUF_INIT(65536), bad = BUF_INIT(65536);
	struct keeper_seal other;
	struct err e = { 0 };

	assert_ok(fs_read_file(w->box.dir, "keeper/people.json", &file, &e));
	for (size_t at = 0; at < file.len; at += 5) {
		bad.len = 0;
		assert_ok(buf_add(&bad, buf_slice(&file), &e));
		bad.ptr[at] ^= 1;
		assert_ok(fs_replace_file(w->box.dir, "keeper/people.json",
					  buf_slice(&bad), 0600, &e));
		assert_int_equal(load(w, &e), -1);
		assert_int_equal(w->people.count, 0);
	}
	assert_ok(keeper_seal_of(key, &other, &e));
	assert_ok(keeper_people_save(w->box.dir, &other, &w->people, &e));
	assert_refused(load(w, &e), ERR_UNTRUSTED);
	assert_ok(fs_remove(w->box.dir, "keeper/people.json", &e));
	assert_ok(load(w, &e));
	assert_int_equal(w->people.count, 0);
	ec_free(key);
	buf_done(&file);
	buf_done(&bad);
}

/* Who reads one key of the keeper's memory has not the other. */
static void each_memory_has_a_key_of_its_own(void **state)
{
	struct world *w = *state;
	struct ec_private *key = officer_key(2);
	struct keeper_seal other = { .ledger = { 0 } };
	struct err e = { 0 };

	assert_ok(keeper_seal_of(key, &other, &e));
	assert_memory_not_equal(other.ledger, w->seal.ledger, LEDGER_KEY_LEN);
	assert_memory_not_equal(other.people, w->seal.people, LEDGER_KEY_LEN);
	assert_memory_not_equal(other.ledger, other.people, LEDGER_KEY_LEN);
	ec_free(key);
}

/* Sealed by who may, and more than there is room for. */
static void too_many_people_are_refused(void **state)
{
	struct world *w = *state;
	struct json *j = json_new_object(), *list = json_new_object();
	struct json *all = json_new_array();
	struct buf bytes = BUF_INIT(1 << 20);
	struct sha256 mac;
	struct err e = { 0 };

	for (size_t i = 0; i <= KEEPER_PEOPLE_MAX; i++)
		json_add(all, json_new_object());
	json_set_int(list, "version", 1);
	json_set(list, "people", all);
	assert_ok(json_canonical(list, &bytes, &e));
	hkdf_extract((struct slice){ w->seal.people, LEDGER_KEY_LEN },
		     buf_slice(&bytes), mac.bytes);
	json_set(j, "list", list);
	json_set_hex(j, "mac", (struct slice){ mac.bytes, SHA256_LEN });
	bytes.len = 0;
	assert_ok(json_canonical(j, &bytes, &e));
	assert_ok(fs_replace_file(w->box.dir, "keeper/people.json",
				  buf_slice(&bytes), 0600, &e));
	assert_refused(load(w, &e), ERR_LIMIT);
	assert_int_equal(w->people.count, 0);
	json_free(j);
	buf_done(&bytes);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(the_word_of_officers_counts),
		TEST(nobody_else_writes_the_list),
		TEST(each_memory_has_a_key_of_its_own),
		TEST(too_many_people_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
