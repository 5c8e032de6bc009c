/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire_enrol.h"

#include <stdio.h>
#include <string.h>

#include "common/wire_body.h"
#include "tests/unit/changed.h"
#include "tests/unit/check.h"

#define HEX32 "000102030405060708090a0b0c0d0e0f"
#define HEX64 HEX32 HEX32

static struct slice text(const char *s)
{
	return slice_of(s);
}

static void a_nonce_survives_the_wire(void **state)
{
	struct wire_nonce in = { { 1, 2, 3 } }, out;
	struct buf b = BUF_INIT(WIRE_BODY_MAX);
	struct err e = { 0 };

	(void)state;
	assert_ok(wire_format_nonce(&in, &b, &e));
	assert_ok(wire_parse_nonce(buf_slice(&b), &out, &e));
	assert_memory_equal(&in, &out, sizeof(in));
	buf_done(&b);
}

/* The public key of a small number. */
static void a_point(uint8_t number, struct ec_public *out)
{
	uint8_t scalar[EC_SCALAR_LEN] = { 0 };
	struct ec_private *key = NULL;
	struct err e = { 0 };

	scalar[EC_SCALAR_LEN - 1] = number;
	assert_ok(ec_private_from_scalar(scalar, &key, &e));
	ec_public_of(key, out);
	ec_free(key);
}

static struct wire_enrol an_enrolment(void)
{
	struct wire_enrol m = { .claim = { 7 },
				.nonce = { 9 },
				.product = "kiosk",
				.model = "k1",
				.csr = "-----BEGIN\nx\n",
				.proof = { 0x30, 1, 2 },
				.proof_len = 3,
				.decrypt = { .proof = { 0x30, 4 },
					     .proof_len = 2 } };

	a_point(1, &m.decrypt.key);
	return m;
}

static void an_enrolment_survives_the_wire(void **state)
{
	struct wire_enrol in = an_enrolment(), out;
	struct buf b = BUF_INIT(WIRE_BODY_MAX);
	struct err e = { 0 };

	(void)state;
	memset(&out, 0x5a, sizeof(out));
	assert_ok(wire_format_enrol(&in, &b, &e));
	assert_ok(wire_parse_enrol(buf_slice(&b), &out, &e));
	assert_memory_equal(out.claim, in.claim, sizeof(in.claim));
	assert_memory_equal(out.nonce, in.nonce, sizeof(in.nonce));
	assert_string_equal(out.product, "kiosk");
	assert_string_equal(out.model, "k1");
	assert_string_equal(out.csr, in.csr);
	assert_int_equal(out.proof_len, 3);
	assert_memory_equal(out.proof, in.proof, 3);
	assert_true(ec_public_equal(&out.decrypt.key, &in.decrypt.key));
	assert_int_equal(out.decrypt.proof_len, 2);
	assert_memory_equal(out.decrypt.proof, in.decrypt.proof, 2);
	buf_done(&b);
}

static void a_renewal_survives_the_wire_and_binds_both_keys(void **state)
{
	struct wire_renew in = { .csr = "request",
				 .proof = { 1, 2, 3 },
				 .proof_len = 3 },
			  out;
	struct sha256 certificate = { { 9 } };
	struct ec_public key = { { 4, 7 } };
	struct buf b = BUF_INIT(WIRE_BODY_MAX);
	struct ec_private *identity = NULL;
	struct ec_public own;
	struct err e = { 0 };

	(void)state;
	assert_ok(ec_generate(&identity, &e));
	ec_public_of(identity, &own);
	assert_ok(decrypt_key_prove(identity, &own, &in.decrypt, &e));
	ec_free(identity);
	assert_ok(wire_format_renew(&in, &b, &e));
	assert_ok(wire_parse_renew(buf_slice(&b), &out, &e));
	assert_memory_equal(&in, &out, sizeof(in));
	assert_refused(wire_parse_renew(slice_sub(buf_slice(&b), 0, b.len - 1),
					&out, &e),
		       ERR_FORMAT);
	assert_refused(wire_parse_renew(slice_of("{\"v\":1,\"csr\":\"a\","
						 "\"proof\":\"00\","
						 "\"id\":\"00\"}"),
					&out, &e),
		       ERR_FORMAT);
	assert_refused(wire_parse_renew(slice_of("{\"v\":1,\"csr\":\"a\","
						 "\"proof\":\"\"}"),
					&out, &e),
		       ERR_FORMAT);
	b.len = 0;
	assert_ok(wire_renew_message(&certificate, &key, &b, &e));
	assert_int_equal(b.len, 13 + SHA256_LEN + EC_SPKI_LEN);
	assert_memory_equal(b.ptr, "pawl/renew/v1", 13);
	assert_memory_equal(b.ptr + 13, &certificate, SHA256_LEN);
	buf_done(&b);
}

/* A chain of real points: any other key is refused. */
static struct wire_readopt a_chain(size_t count)
{
	struct wire_readopt m = { .count = count };
	struct ec_private *key = NULL;
	struct err e = { 0 };

	assert_ok(ec_generate(&key, &e));
	for (size_t i = 0; i < count; i++) {
		struct wire_link *link = &m.links[i];

		link->certificate.bytes[3] = (uint8_t)(i + 1);
		ec_public_of(key, &link->key);
		memset(link->proof, 0x30, EC_SIG_MAX_LEN);
		link->proof_len = EC_SIG_MAX_LEN;
	}
	m.has_decrypt = count > 1;
	if (m.has_decrypt)
		assert_ok(decrypt_key_prove(key, &m.links[0].key, &m.decrypt,
					    &e));
	ec_free(key);
	return m;
}

static void the_longest_chain_of_renewals_fits_and_no_longer_one(void **state)
{
	static struct wire_readopt in, out;
	struct buf b = BUF_INIT(WIRE_BODY_MAX);
	struct buf longer = BUF_INIT(WIRE_BODY_MAX);
	const char *tail;
	struct err e = { 0 };

	(void)state;
	for (size_t n = 0; n <= WIRE_LINKS_MAX; n += WIRE_LINKS_MAX / 2) {
		in = a_chain(n);
		b.len = 0;
		assert_ok(wire_format_readopt(&in, &b, &e));
		assert_ok(wire_parse_readopt(buf_slice(&b), &out, &e));
		assert_memory_equal(&in, &out, sizeof(in));
	}
	/* One link more, by hand. */
	tail = strstr(buf_text(&b), "{\"certificate\"");
	assert_ok(buf_addf(&longer, &e, "{\"v\":1,\"chain\":[%.*s,%s",
			   (int)(strchr(tail, '}') - tail + 1), tail, tail));
	assert_refused(wire_parse_readopt(buf_slice(&longer), &out, &e),
		       ERR_LIMIT);
	assert_int_equal(out.count, 0);
	buf_done(&b);
	buf_done(&longer);
}

static void a_chain_with_bad_members_is_refused(void **state)
{
	static const char *const bad[] = {
		"{\"v\":1}",
		"{\"v\":2,\"chain\":[]}",
		"{\"v\":1,\"chain\":{}}",
		"{\"v\":1,\"chain\":[1]}",
		"{\"v\":1,\"chain\":[{}]}",
		"{\"v\":1,\"chain\":[],\"more\":1}",
		"{\"v\":1,\"chain\":[],\"decrypt_key\":\"a\"}",
		"{\"v\":1,\"chain\":[],\"decrypt_proof\":\"00\"}",
		"{\"v\":1,\"chain\":[]",
	};
	static const char *const spoilt[] = { "\"certificate\"", "\"key\"",
					      "\"proof\"", "\"04" };
	static const struct change more = { "\"certificate\"",
					    "\"x\":1,\"certificate\"" };
	static struct wire_readopt in, out;
	struct buf b = BUF_INIT(WIRE_BODY_MAX);
	char room[WIRE_BODY_MAX];
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(wire_parse_readopt(slice_of(bad[i]), &out, &e),
			       ERR_FORMAT);
	in = a_chain(1);
	assert_ok(wire_format_readopt(&in, &b, &e));
	assert_refused(wire_parse_readopt(
			       changed(buf_text(&b), more, room, sizeof(room)),
			       &out, &e),
		       ERR_FORMAT);
	for (size_t i = 0; i < ARRAY_LEN(spoilt); i++) {
		b.len = 0;
		assert_ok(wire_format_readopt(&in, &b, &e));
		assert_ok(wire_parse_readopt(buf_slice(&b), &out, &e));
		*(strstr((char *)b.ptr, spoilt[i]) + 2) = '9';
		assert_refused(wire_parse_readopt(buf_slice(&b), &out, &e),
			       ERR_FORMAT);
	}
	buf_done(&b);
}

static void the_answer_to_it_survives_the_wire(void **state)
{
	struct wire_readopted in = { .nonce = { 1, 2 } }, out;
	struct buf b = BUF_INIT(WIRE_BODY_MAX);
	struct err e = { 0 };

	(void)state;
	assert_ok(wire_format_readopted(&in, &b, &e));
	assert_ok(wire_parse_readopted(buf_slice(&b), &out, &e));
	assert_false(out.known);
	assert_memory_equal(out.nonce, in.nonce, sizeof(in.nonce));
	b.len = 0;
	in.known = true;
	assert_ok(wire_format_readopted(&in, &b, &e));
	assert_string_equal(buf_text(&b), "{\"v\":1}");
	assert_ok(wire_parse_readopted(buf_slice(&b), &out, &e));
	assert_true(out.known);
	assert_refused(wire_parse_readopted(slice_of("{\"v\":1,\"waiting\":"
						     "\"00\"}"),
					    &out, &e),
		       ERR_FORMAT);
	buf_done(&b);
}

static void an_enrolment_with_bad_members_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"v\":2}",
		"{\"v\":1}",
		/* unknown member */
		"{\"v\":1,\"claim\":\"" HEX32 "\",\"nonce\":\"" HEX64
		"\",\"product\":\"p\",\"model\":\"m\",\"csr\":\"c\","
		"\"proof\":\"00\",\"admin\":true}",
		/* a name that is a path */
		"{\"v\":1,\"claim\":\"" HEX32 "\",\"nonce\":\"" HEX64
		"\",\"product\":\"../p\",\"model\":\"m\",\"csr\":\"c\","
		"\"proof\":\"00\"}",
		/* claim too short */
		"{\"v\":1,\"claim\":\"00\",\"nonce\":\"" HEX64
		"\",\"product\":\"p\",\"model\":\"m\",\"csr\":\"c\","
		"\"proof\":\"00\"}",
		/* proof of odd length, and none */
		"{\"v\":1,\"claim\":\"" HEX32 "\",\"nonce\":\"" HEX64
		"\",\"product\":\"p\",\"model\":\"m\",\"csr\":\"c\","
		"\"proof\":\"000\"}",
		"{\"v\":1,\"claim\":\"" HEX32 "\",\"nonce\":\"" HEX64
		"\",\"product\":\"p\",\"model\":\"m\",\"csr\":\"c\","
		"\"proof\":\"\"}",
	};
	struct wire_enrol out;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(wire_parse_enrol(text(bad[i]), &out, &e),
			       ERR_FORMAT);
}

static void a_proof_has_the_length_of_a_signature(void **state)
{
	static char longest[2 * EC_SIG_MAX_LEN + 12];
	static char too_long[2 * EC_SIG_MAX_LEN + 14];
	struct wire_enrol in = an_enrolment(), out;
	struct change c = { "\"proof\":\"300102\"", longest };
	struct buf b = BUF_INIT(WIRE_BODY_MAX);
	const char *const bad[] = { "\"proof\":\"\"", "\"proof\":\"30010\"",
				    "\"proof\":\"30 102\"", too_long };
	char room[WIRE_BODY_MAX];
	struct err e = { 0 };

	(void)state;
	snprintf(longest, sizeof(longest), "\"proof\":\"%0*d\"",
		 2 * EC_SIG_MAX_LEN, 7);
	snprintf(too_long, sizeof(too_long), "\"proof\":\"%0*d\"",
		 2 * EC_SIG_MAX_LEN + 2, 7);
	assert_ok(wire_format_enrol(&in, &b, &e));
	assert_ok(wire_parse_enrol(changed(buf_text(&b), c, room, sizeof(room)),
				   &out, &e));
	assert_int_equal(out.proof_len, EC_SIG_MAX_LEN);
	assert_int_equal(out.proof[EC_SIG_MAX_LEN - 1], 7);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		c.to = bad[i];
		assert_refused_saying(
			wire_parse_enrol(
				changed(buf_text(&b), c, room, sizeof(room)),
				&out, &e),
			ERR_FORMAT, "proof");
	}
	buf_done(&b);
}

static void an_identity_survives_and_unknown_members_are_ignored(void **state)
{
	struct wire_identity out;
	struct err e = { 0 };

	(void)state;
	assert_ok(wire_parse_identity(
		text("{\"v\":1,\"device\":\"" HEX32 "\",\"cohort\":\"canary\","
		     "\"certificate\":\"pem\",\"later\":[1]}"),
		&out, &e));
	assert_int_equal(out.device.bytes[15], 15);
	assert_string_equal(out.cohort, "canary");
	assert_string_equal(out.certificate, "pem");
}

static void who_has_no_claim_code_says_none(void **state)
{
	struct wire_enrol in = an_enrolment(), out;
	struct buf b = BUF_INIT(WIRE_BODY_MAX);
	struct err e = { 0 };

	(void)state;
	assert_ok(wire_format_enrol(&in, &b, &e));
	assert_ok(wire_parse_enrol(buf_slice(&b), &out, &e));
	assert_false(out.asks);
	b.len = 0;
	in.asks = true;
	in.root.bytes[30] = 3;
	memset(in.claim, 0, sizeof(in.claim));
	assert_ok(wire_format_enrol(&in, &b, &e));
	assert_null(strstr(buf_text(&b), "claim"));
	assert_ok(wire_parse_enrol(buf_slice(&b), &out, &e));
	assert_true(out.asks);
	assert_memory_equal(&out.root, &in.root, sizeof(in.root));
	/* It says what it trusts. */
	memcpy(strstr(buf_text(&b), "\"root\""), "\"xoot\"", 6);
	assert_refused(wire_parse_enrol(buf_slice(&b), &out, &e), ERR_FORMAT);
	assert_memory_equal(out.claim, in.claim, sizeof(in.claim));
	buf_done(&b);
}

static void who_asks_is_told_to_wait_or_who_it_is(void **state)
{
	struct wire_joined in = { .nonce = { 1, 2, 3 }, .retry_sec = 10 }, out;
	struct buf b = BUF_INIT(WIRE_BODY_MAX);
	struct err e = { 0 };

	(void)state;
	assert_ok(wire_format_joined(&in, &b, &e));
	assert_ok(wire_parse_joined(buf_slice(&b), &out, &e));
	assert_false(out.admitted);
	assert_int_equal(out.retry_sec, 10);
	assert_memory_equal(out.nonce, in.nonce, WIRE_NONCE_LEN);
	b.len = 0;
	in.admitted = true;
	in.identity.device.bytes[3] = 7;
	strcpy(in.identity.cohort, "canary");
	strcpy(in.identity.certificate, "pem");
	assert_ok(wire_format_joined(&in, &b, &e));
	assert_ok(wire_parse_joined(buf_slice(&b), &out, &e));
	assert_true(out.admitted);
	assert_memory_equal(&out.identity, &in.identity, sizeof(in.identity));
	/* Neither the one nor the other. */
	assert_refused(wire_parse_joined(text("{\"v\":1}"), &out, &e),
		       ERR_FORMAT);
	assert_refused(wire_parse_joined(text("{\"v\":1,\"waiting\":\"00\"}"),
					 &out, &e),
		       ERR_FORMAT);
	buf_done(&b);
}

static void
what_an_enrolling_device_signs_holds_label_nonce_claim_keys(void **state)
{
	struct wire_enrol m = an_enrolment();
	struct buf b = BUF_INIT(512);
	uint8_t spki[EC_SPKI_LEN];
	struct ec_public key;
	struct err e = { 0 };

	(void)state;
	a_point(2, &key);
	assert_ok(wire_enrol_message(&m, &key, &b, &e));
	assert_int_equal(b.len, 13 + WIRE_NONCE_LEN + WIRE_CLAIM_LEN +
					2 * EC_SPKI_LEN);
	assert_memory_equal(b.ptr, "pawl/enrol/v2", 13);
	ec_public_to_spki(&key, spki);
	assert_memory_equal(b.ptr + 61, spki, EC_SPKI_LEN);
	ec_public_to_spki(&m.decrypt.key, spki);
	assert_memory_equal(b.ptr + 61 + EC_SPKI_LEN, spki, EC_SPKI_LEN);
	assert_memory_equal(b.ptr + 13, m.nonce, WIRE_NONCE_LEN);
	assert_memory_equal(b.ptr + 13 + WIRE_NONCE_LEN, m.claim,
			    WIRE_CLAIM_LEN);
	buf_done(&b);
}

struct enroller {
	struct ec_private *key;
	struct wire_enrol m;
};

/* Prove the possession of the key, for what the message holds by now. */
static void prove(struct enroller *d)
{
	struct buf message = BUF_INIT(512), sig = BUF_INIT(EC_SIG_MAX_LEN);
	struct ec_public own;
	struct err e = { 0 };

	ec_public_of(d->key, &own);
	assert_ok(wire_enrol_message(&d->m, &own, &message, &e));
	assert_ok(ec_sign(d->key, buf_slice(&message), &sig, &e));
	memcpy(d->m.proof, sig.ptr, sig.len);
	d->m.proof_len = sig.len;
	buf_done(&message);
	buf_done(&sig);
}

static void ask(const struct ec_private *key, struct wire_enrol *m)
{
	struct buf pem = BUF_INIT(sizeof(m->csr) - 1);
	struct err e = { 0 };

	assert_ok(x509_request(key, "device", &pem, &e));
	memcpy(m->csr, buf_text(&pem), pem.len + 1);
	buf_done(&pem);
}

static void set_up(struct enroller *d)
{
	struct ec_public decrypt;
	struct err e = { 0 };

	*d = (struct enroller){ .m = an_enrolment() };
	assert_ok(ec_generate(&d->key, &e));
	a_point(5, &decrypt);
	assert_ok(decrypt_key_prove(d->key, &decrypt, &d->m.decrypt, &e));
	ask(d->key, &d->m);
	prove(d);
}

static void who_enrols_proves_both_keys_for_this_claim_and_nonce(void **state)
{
	struct ec_public own, got, foreign_point;
	struct ec_private *foreign = NULL;
	struct wire_enrol spoilt;
	struct enroller d;
	struct err e = { 0 };

	(void)state;
	set_up(&d);
	ec_public_of(d.key, &own);
	assert_ok(wire_enrol_check(&d.m, &got, &e));
	assert_true(ec_public_equal(&own, &got));
	memset(&got, 0x5a, sizeof(got));

	/* What was signed for another connection, or for another code. */
	spoilt = d.m;
	spoilt.nonce[WIRE_NONCE_LEN - 1] ^= 1;
	assert_refused(wire_enrol_check(&spoilt, &got, &e), ERR_UNTRUSTED);
	spoilt = d.m;
	spoilt.claim[0] ^= 1;
	assert_refused(wire_enrol_check(&spoilt, &got, &e), ERR_UNTRUSTED);

	/* A request for a key of somebody else, and one that was changed. */
	assert_ok(ec_generate(&foreign, &e));
	spoilt = d.m;
	ask(foreign, &spoilt);
	assert_refused_saying(wire_enrol_check(&spoilt, &got, &e),
			      ERR_UNTRUSTED, "proof of possession");
	spoilt = d.m;
	strcpy(spoilt.csr, "-----BEGIN CERTIFICATE REQUEST-----\nAA==\n");
	assert_refused_saying(wire_enrol_check(&spoilt, &got, &e), ERR_FORMAT,
			      "certificate request");

	/* Sealed to a key that this device did not sign: the whole message is
	 * signed again, so that nothing else is wrong. */
	a_point(7, &foreign_point);
	assert_ok(decrypt_key_prove(foreign, &foreign_point, &d.m.decrypt, &e));
	prove(&d);
	assert_refused(wire_enrol_check(&d.m, &got, &e), ERR_UNTRUSTED);
	/* One key for both is none. */
	assert_ok(decrypt_key_prove(foreign, &own, &d.m.decrypt, &e));
	prove(&d);
	assert_refused(wire_enrol_check(&d.m, &got, &e), ERR_REFUSED);
	assert_int_equal(got.point[0], 0x5a);
	ec_free(foreign);
	ec_free(d.key);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_nonce_survives_the_wire),
		cmocka_unit_test(an_enrolment_survives_the_wire),
		cmocka_unit_test(
			a_renewal_survives_the_wire_and_binds_both_keys),
		cmocka_unit_test(
			the_longest_chain_of_renewals_fits_and_no_longer_one),
		cmocka_unit_test(a_chain_with_bad_members_is_refused),
		cmocka_unit_test(the_answer_to_it_survives_the_wire),
		cmocka_unit_test(an_enrolment_with_bad_members_is_refused),
		cmocka_unit_test(a_proof_has_the_length_of_a_signature),
		cmocka_unit_test(
			an_identity_survives_and_unknown_members_are_ignored),
		cmocka_unit_test(who_has_no_claim_code_says_none),
		cmocka_unit_test(who_asks_is_told_to_wait_or_who_it_is),
		cmocka_unit_test(
			what_an_enrolling_device_signs_holds_label_nonce_claim_keys),
		cmocka_unit_test(
			who_enrols_proves_both_keys_for_this_claim_and_nonce),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
