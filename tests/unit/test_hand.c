/* SPDX-License-Identifier: Apache-2.0 */
/* A device's word that people carry, and what no device of ours wrote. */
#include "common/hand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"

#define ID "0102030405060708090a0b0c0d0e0f10"

struct world {
	struct ec_private *key, *other;
	struct wire_checkin m;
	char file[HAND_MAX + 1];
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct buf out = BUF_INIT(HAND_MAX);
	struct err e = { 0 };

	assert_non_null(w);
	assert_ok(ec_generate(&w->key, &e));
	assert_ok(ec_generate(&w->other, &e));
	w->m = (struct wire_checkin){ .product = "kiosk",
				      .model = "k1",
				      .has_release = true,
				      .release = "2026.3",
				      .seq = 3,
				      .digest = { { 5 } },
				      .confirmed = true,
				      .activation = 7,
				      .interval_sec = 3600,
				      .updater = "0.1.0" };
	assert_ok(hand_seal(ID, &w->m, w->key, &out, &e));
	memcpy(w->file, out.ptr, out.len);
	buf_done(&out);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	ec_free(w->key);
	ec_free(w->other);
	free(w);
	return 0;
}

static int opened(const struct world *w, const struct ec_private *by,
		  struct wire_checkin *m, struct err *e)
{
	struct ec_public key;
	struct hand h;

	ec_public_of(by, &key);
	return hand_open(slice_of(w->file), &h, e) || hand_check(&h, &key, m, e)
		       ? -1
		       : 0;
}

static void what_is_sealed_is_what_is_read(void **state)
{
	struct world *w = *state;
	struct wire_checkin m;
	struct hand h;
	struct err e = { 0 };

	assert_ok(hand_open(slice_of(w->file), &h, &e));
	for (size_t i = 0; i < DEVICE_ID_LEN; i++)
		assert_int_equal(h.device.bytes[i], i + 1);
	assert_ok(opened(w, w->key, &m, &e));
	assert_string_equal(m.release, "2026.3");
	assert_int_equal(m.activation, 7);
	assert_true(m.confirmed);
}

static void another_key_is_no_device(void **state)
{
	struct world *w = *state;
	struct wire_checkin m;
	struct err e = { 0 };

	assert_refused(opened(w, w->other, &m, &e), ERR_UNTRUSTED);
}

/* Each byte of it: the id, what it says, and the signature. */
static void no_byte_of_it_can_be_changed(void **state)
{
	struct world *w = *state;
	size_t len = strlen(w->file);
	struct wire_checkin m;
	struct err e = { 0 };

	for (size_t i = 0; i < len; i++) {
		w->file[i] ^= 1;
		assert_int_equal(opened(w, w->key, &m, &e), -1);
		w->file[i] ^= 1;
	}
	assert_ok(opened(w, w->key, &m, &e));
}

static void what_is_cut_or_longer_is_refused(void **state)
{
	struct world *w = *state;
	size_t len = strlen(w->file);
	struct hand h;
	struct err e = { 0 };
	char more[HAND_MAX + 2];

	for (size_t i = 0; i < len; i++)
		assert_int_equal(
			hand_open((struct slice){ (uint8_t *)w->file, i }, &h,
				  &e),
			-1);
	(void)snprintf(more, sizeof(more), "%s\n", w->file);
	assert_refused(hand_open(slice_of(more), &h, &e), ERR_FORMAT);
	memset(more, 'x', sizeof(more));
	assert_refused(
		hand_open((struct slice){ (uint8_t *)more, sizeof(more) }, &h,
			  &e),
		ERR_LIMIT);
}

/* Signed by the device, but no check-in. */
static void what_says_nothing_of_ours_is_refused(void **state)
{
	static const char text[] = "pawl/hand/v1 " ID "\n{\"v\":1}";
	struct world *w = *state;
	struct buf signature = BUF_INIT(EC_SIG_MAX_LEN);
	char hex[2 * EC_SIG_MAX_LEN + 1];
	struct wire_checkin m;
	struct err e = { 0 };

	assert_ok(ec_sign(w->key, slice_of(text), &signature, &e));
	hex_format(buf_slice(&signature), hex);
	(void)snprintf(w->file, sizeof(w->file), "%s\n%s\n", text, hex);
	assert_int_equal(opened(w, w->key, &m, &e), -1);
	assert_int_not_equal(e.code, ERR_UNTRUSTED);
	buf_done(&signature);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_is_sealed_is_what_is_read),
		TEST(another_key_is_no_device),
		TEST(no_byte_of_it_can_be_changed),
		TEST(what_is_cut_or_longer_is_refused),
		TEST(what_says_nothing_of_ours_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
