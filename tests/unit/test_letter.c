/* SPDX-License-Identifier: Apache-2.0 */
/* The answer that comes in a file, and what no server of ours wrote. */
#include "common/letter.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/utc.h"
#include "tests/unit/check.h"

#define NOW  1790000000
#define LIFE (90 * UTC_DAY)

/* A CA, a server of it, and an identity. */
struct world {
	struct ec_private *ca, *server, *other;
	struct buf ca_pem, other_pem, server_pem;
	struct wire_identity id;
};

static struct world w;

static void issue(enum x509_kind kind, const struct ec_private *to,
		  const struct ec_private *by, const struct buf *by_pem,
		  struct buf *out)
{
	static const char *const names[] = { "127.0.0.1", NULL };
	const struct x509_template t = { .kind = kind,
					 .common_name = "server",
					 .names = names,
					 .not_before = NOW - 10,
					 .not_after = NOW + LIFE };
	struct ec_public key;
	struct err e = { 0 };

	ec_public_of(to, &key);
	assert_ok(x509_issue(&t, &key,
			     by_pem ? buf_slice(by_pem) : (struct slice){ 0 },
			     by, out, &e));
}

static int setup(void **state)
{
	struct err e = { 0 };

	(void)state;
	memset(&w, 0, sizeof(w));
	w.ca_pem.max = w.other_pem.max = w.server_pem.max = 8192;
	assert_ok(ec_generate(&w.ca, &e));
	assert_ok(ec_generate(&w.server, &e));
	assert_ok(ec_generate(&w.other, &e));
	issue(X509_CA, w.ca, w.ca, NULL, &w.ca_pem);
	issue(X509_CA, w.other, w.other, NULL, &w.other_pem);
	issue(X509_SERVER, w.server, w.ca, &w.ca_pem, &w.server_pem);
	memset(w.id.device.bytes, 7, DEVICE_ID_LEN);
	strcpy(w.id.cohort, "shop");
	strcpy(w.id.certificate, "a certificate\n");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ec_free(w.ca);
	ec_free(w.server);
	ec_free(w.other);
	buf_done(&w.ca_pem);
	buf_done(&w.other_pem);
	buf_done(&w.server_pem);
	return 0;
}

static void seal(const struct ec_private *key, const struct buf *pem,
		 struct buf *out)
{
	struct err e = { 0 };

	assert_ok(letter_seal(&w.id, key, buf_slice(pem), out, &e));
}

static int open_it(const struct buf *letter, const struct buf *cas, int64_t now,
		   struct err *e)
{
	struct wire_identity *id = mem_alloc(1, sizeof(*id));
	int rc = letter_open(buf_slice(letter), buf_slice(cas), now, id, e);

	if (rc == 0) {
		assert_string_equal(id->cohort, "shop");
		assert_string_equal(id->certificate, w.id.certificate);
		assert_memory_equal(id->device.bytes, w.id.device.bytes,
				    DEVICE_ID_LEN);
	} else {
		assert_int_equal(id->cohort[0], 0);
	}
	free(id);
	return rc;
}

static void what_was_sealed_is_opened(void **state)
{
	struct buf letter = BUF_INIT(LETTER_MAX), cas = BUF_INIT(16384);
	struct err e = { 0 };

	(void)state;
	seal(w.server, &w.server_pem, &letter);
	assert_ok(open_it(&letter, &w.ca_pem, NOW, &e));
	/* By the current CA or the next, whichever comes first. */
	assert_ok(buf_add(&cas, buf_slice(&w.other_pem), &e));
	assert_ok(buf_add(&cas, buf_slice(&w.ca_pem), &e));
	assert_ok(open_it(&letter, &cas, NOW, &e));
	buf_done(&letter);
	buf_done(&cas);
}

static void what_no_server_of_ours_wrote_is_not(void **state)
{
	struct buf letter = BUF_INIT(LETTER_MAX), none = BUF_INIT(10);
	struct buf device = BUF_INIT(8192);
	struct err e = { 0 };

	(void)state;
	seal(w.server, &w.server_pem, &letter);
	assert_refused(open_it(&letter, &w.other_pem, NOW, &e), ERR_UNTRUSTED);
	assert_refused(open_it(&letter, &none, NOW, &e), ERR_CONFIG);
	assert_refused(open_it(&letter, &w.ca_pem, NOW + LIFE + 1, &e),
		       ERR_EXPIRED);
	/* By a key that is not the certificate's. */
	buf_done(&letter);
	seal(w.other, &w.server_pem, &letter);
	assert_refused(open_it(&letter, &w.ca_pem, NOW, &e), ERR_UNTRUSTED);
	/* A certificate of the CA, and for another purpose. */
	buf_done(&letter);
	issue(X509_DEVICE, w.server, w.ca, &w.ca_pem, &device);
	seal(w.server, &device, &letter);
	assert_refused(open_it(&letter, &w.ca_pem, NOW, &e), ERR_UNTRUSTED);
	buf_done(&device);
	buf_done(&letter);
}

static void any_byte_that_changed_is_found(void **state)
{
	struct buf letter = BUF_INIT(LETTER_MAX);
	struct err e = { 0 };

	(void)state;
	seal(w.server, &w.server_pem, &letter);
	for (size_t i = 0; i < letter.len; i += 7) {
		uint8_t before = letter.ptr[i];

		letter.ptr[i] ^= 1;
		/* But what ends a line of PEM may be another blank. */
		if (open_it(&letter, &w.ca_pem, NOW, &e) == 0 &&
		    before != 'n' && before != '\\')
			fail_msg("byte %zu, '%c'", i, before);
		letter.ptr[i] = before;
	}
	for (size_t len = 0; len < letter.len; len += 13) {
		const struct buf cut = { .ptr = letter.ptr, .len = len };

		assert_int_equal(open_it(&cut, &w.ca_pem, NOW, &e), -1);
	}
	buf_done(&letter);
}

static void a_nonce_is_of_the_names(void **state)
{
	struct wire_enrol *m = mem_alloc(1, sizeof(*m));
	struct err e = { 0 };
	uint8_t first[WIRE_NONCE_LEN];

	(void)state;
	strcpy(m->product, "kiosk");
	strcpy(m->model, "k1");
	letter_draw_nonce(m);
	assert_ok(letter_check_nonce(m, &e));
	memcpy(first, m->nonce, sizeof(first));
	letter_draw_nonce(m);
	assert_memory_not_equal(first, m->nonce, sizeof(first));
	strcpy(m->model, "k2");
	assert_refused(letter_check_nonce(m, &e), ERR_UNTRUSTED);
	/* Nor does a letter move from one name to the other. */
	strcpy(m->product, "kios");
	strcpy(m->model, "kk1");
	assert_refused(letter_check_nonce(m, &e), ERR_UNTRUSTED);
	strcpy(m->product, "kiosk");
	strcpy(m->model, "k1");
	assert_ok(letter_check_nonce(m, &e));
	m->nonce[0] ^= 1;
	assert_refused(letter_check_nonce(m, &e), ERR_UNTRUSTED);
	free(m);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_was_sealed_is_opened),
		TEST(what_no_server_of_ours_wrote_is_not),
		TEST(any_byte_that_changed_is_found),
		cmocka_unit_test(a_nonce_is_of_the_names),
	};

	return cmocka_run_group_tests_name("letter", tests, NULL, NULL);
}
