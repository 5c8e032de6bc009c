/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/keeper.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/x509.h"
#include "tests/unit/officer.h"
#include "tests/unit/tuf_repo.h"
#include "update-server/init.h"
#include "update-server/keeper_metadata.h"
#include "update-server/keeper_office.h"
#include "update-server/keeper_people.h"

#define RATE       5
#define LEDGER_KEY 89
#define CODES      9

static struct repo *repo;
static struct ec_private *device_key;
static struct buf ca_pem = BUF_INIT(X509_PEM_MAX_LEN);
static struct keeper_request q;
static struct keeper_answer a;

/* ---- an office in the repository's own folder ---------------------------- */

static struct ec_private *key_from(uint8_t fill)
{
	uint8_t scalar[EC_SCALAR_LEN];
	struct ec_private *key = NULL;
	struct err e;

	memset(scalar, fill, sizeof(scalar));
	assert_ok(ec_private_from_scalar(scalar, &key, &e));
	return key;
}

static struct keeper_office *open_office_for(enum environment environment)
{
	struct keeper_setup setup = { .dirfd = repo->dirfd,
				      .environment = environment,
				      .ca = key_from(77),
				      .online = key_from(ONLINE_KEY + 1),
				      .log = key_from(88),
				      .ledger = key_from(LEDGER_KEY),
				      .ca_pem = buf_text(&ca_pem),
				      .servers = { officer_server() },
				      .server_count = 1,
				      .device_days = 90,
				      .enrol_rate = RATE };
	struct keeper_office *o = NULL;
	struct err e;

	assert_ok(keeper_office_open(&setup, &o, &e));
	return o;
}

static struct keeper_office *open_office(void)
{
	return open_office_for(ENV_LAB);
}

/* What the keeper knows of people: one officer, and one who is none. */
static void write_people(int64_t after)
{
	struct keeper_people people = { .version = after, .count = 2 };
	struct ec_private *key = key_from(LEDGER_KEY);
	struct keeper_seal seal;
	struct err e = { 0 };

	assert_ok(keeper_seal_of(key, &seal, &e));
	ec_free(key);
	for (uint8_t i = 0; i < 2; i++) {
		struct keeper_person *p = &people.at[i];

		key = officer_key(i ? NOBODY : OFFICER);
		ec_public_of(key, &p->key);
		ec_free(key);
		p->certificate = officer_certificate();
		p->certificate.bytes[3] = i;
		p->not_after = NOW + 1000 * UTC_DAY;
		strcpy(p->roles, i ? "admin operator auditor" : "officer");
	}
	assert_ok(keeper_people_save(repo->dirfd, &seal, &people, &e));
}

/* Lay what the repository published where the keeper looks for it. */
static void offer(void)
{
	char path[300];
	struct err e;

	for (struct repo_file *f = repo->files; f; f = f->next) {
		if (!f->name[0])
			continue;
		snprintf(path, sizeof(path), "metadata/%s", f->name);
		assert_ok(fs_replace_file(repo->dirfd, path,
					  buf_slice(&f->bytes), 0600, &e));
	}
}

/* Publish one delegated role, with targets or (0) on its own. */
static void ask_role(struct keeper_office *o, int64_t targets, const char *role,
		     int64_t version)
{
	q = (struct keeper_request){ .op = KEEPER_PUBLISH,
				     .targets = targets,
				     .role_count = 1 };
	snprintf(q.roles[0].name, sizeof(q.roles[0].name), "%s", role);
	q.roles[0].version = version;
	keeper_office_do(o, &q, NOW, &a);
}

static void ask(struct keeper_office *o, enum keeper_op op, int64_t targets,
		uint32_t days)
{
	q = (struct keeper_request){ .op = op,
				     .targets = targets,
				     .days = days };
	keeper_office_do(o, &q, NOW, &a);
}

#define assert_done()                                                          \
	do {                                                                   \
		if (a.failure.code != ERR_NONE)                                \
			fail_msg("%s", a.failure.msg);                         \
	} while (0)
#define assert_failed(wanted)                                                  \
	do {                                                                   \
		if (a.failure.code != (wanted))                                \
			fail_msg("%s: %s", err_name(a.failure.code),           \
				 a.failure.msg);                               \
	} while (0)

static bool answer_says(const char *words)
{
	return memmem(a.timestamp, a.timestamp_len, words, strlen(words)) &&
	       memmem(a.snapshot, a.snapshot_len, words, strlen(words));
}

/* ---- the audit log ------------------------------------------------------- */

static struct sha256 leaf_of(uint8_t n)
{
	struct sha256 leaf;

	merkle_leaf((struct slice){ &n, 1 }, &leaf);
	return leaf;
}

/* A log of `size` records, the first of which may be another one. */
static void head_of(uint8_t size, uint8_t first)
{
	struct merkle_tree t = { 0 };
	struct sha256 leaf = leaf_of(first);
	struct err e;

	assert_ok(merkle_add(&t, &leaf, &e));
	for (uint8_t i = 1; i < size; i++) {
		leaf = leaf_of(i);
		assert_ok(merkle_add(&t, &leaf, &e));
	}
	q = (struct keeper_request){ .op = KEEPER_CHECKPOINT };
	q.head.size = size;
	merkle_root(&t, &q.head.root);
}

/* The proof from size 1 to 2 is the second leaf. */
static void grow_to_two(uint8_t first)
{
	head_of(2, first);
	q.proof.count = 1;
	q.proof.at[0] = leaf_of(1);
}

static void checkpoints_are_signed_for_a_log_that_grew(void **state)
{
	struct keeper_office *o = *state;
	struct ec_private *log = key_from(88);
	struct audit_checkpoint c;
	struct ec_public key;
	struct err e;

	ec_public_of(log, &key);
	head_of(1, 0);
	keeper_office_do(o, &q, NOW, &a);
	assert_done();
	assert_ok(audit_checkpoint_open(slice_of(a.checkpoint), &key, &c, &e));
	assert_int_equal(c.head.size, 1);
	grow_to_two(0);
	/* The keeper's own clock does not go back in what it signs. */
	keeper_office_do(o, &q, NOW - 1000, &a);
	assert_done();
	assert_ok(audit_checkpoint_open(slice_of(a.checkpoint), &key, &c, &e));
	assert_int_equal(c.head.size, 2);
	assert_int_equal(c.time, NOW);
	ec_free(log);
}

static void another_history_is_not_signed_even_after_a_restart(void **state)
{
	head_of(1, 0);
	keeper_office_do(*state, &q, NOW, &a);
	assert_done();
	keeper_office_close(*state);
	*state = open_office();
	grow_to_two(9);
	keeper_office_do(*state, &q, NOW, &a);
	assert_failed(ERR_UNTRUSTED);
	head_of(1, 9);
	keeper_office_do(*state, &q, NOW, &a);
	assert_failed(ERR_UNTRUSTED);
	q = (struct keeper_request){ .op = KEEPER_HEAD };
	keeper_office_do(*state, &q, NOW, &a);
	assert_done();
	assert_int_equal(a.head.size, 1);
	assert_int_equal(a.ledger_size, 1); /* the batch */
	/* Nor one that was cut. */
	grow_to_two(0);
	keeper_office_do(*state, &q, NOW, &a);
	assert_done();
	head_of(1, 0);
	keeper_office_do(*state, &q, NOW, &a);
	assert_failed(ERR_ROLLBACK);
}

/* ---- enrolment ----------------------------------------------------------- */

/* The digests of codes 1, 2, 3...: a code is so many bytes of its number. */
static void make_hashes(struct sha256 *out)
{
	uint8_t code[WIRE_CLAIM_LEN];

	for (uint8_t i = 0; i < CODES; i++) {
		memset(code, i + 1, sizeof(code));
		sha256_of((struct slice){ code, sizeof(code) }, &out[i]);
	}
}

static void tell(struct keeper_office *o, const struct warrant *w, uint8_t key)
{
	q = (struct keeper_request){ .op = KEEPER_WARRANT };
	sign_with(w, key, q.warrant);
	keeper_office_do(o, &q, NOW, &a);
}

static void make_batch(struct keeper_office *o)
{
	struct sha256 hashes[CODES];
	struct warrant w;

	make_hashes(hashes);
	w = a_batch_of(hashes, CODES, NOW);
	w.life = 400 * UTC_DAY;
	tell(o, &w, OFFICER);
	assert_done();
}

/* The code that is presented; after each other they are all good. */
static uint64_t claim_number = 1;

static int open_all(void **state)
{
	struct x509_template t = { .kind = X509_CA,
				   .common_name = "CA",
				   .not_before = NOW - 10,
				   .not_after = NOW + 1000 * UTC_DAY };
	struct ec_private *ca = key_from(77);
	struct ec_public public_key;
	struct err e;

	repo = repo_new();
	assert_ok(fs_mkdir(repo->dirfd, "metadata", 0700, &e));
	device_key = key_from(99);
	ec_public_of(ca, &public_key);
	ca_pem.len = 0;
	assert_ok(x509_issue(&t, &public_key, (struct slice){ 0 }, ca, &ca_pem,
			     &e));
	ec_free(ca);
	assert_ok(fs_mkdirs(repo->dirfd, "keeper", 0700, &e));
	write_people(0);
	*state = open_office();
	claim_number = 1;
	make_batch(*state);
	return 0;
}

static int close_all(void **state)
{
	keeper_office_close(*state);
	ec_free(device_key);
	repo_free(repo);
	buf_done(&ca_pem);
	return 0;
}

/* Instead of a new one, once. */
static struct ec_private *next_decrypt;

static void a_decrypt_key(void)
{
	struct ec_private *decrypt = next_decrypt;
	struct ec_public key;
	struct err e = { 0 };

	next_decrypt = NULL;
	if (!decrypt)
		assert_ok(ec_generate(&decrypt, &e));
	ec_public_of(decrypt, &key);
	assert_ok(decrypt_key_prove(device_key, &key, &q.enrol.decrypt, &e));
	ec_free(decrypt);
}

static void prepare_enrolment(void)
{
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN), sig = BUF_INIT(80);
	struct buf message = BUF_INIT(512);
	struct sha256 hashes[CODES];
	struct ec_public own;
	struct err e;

	q = (struct keeper_request){ .op = KEEPER_ENROL };
	memset(q.enrol.claim, (int)claim_number, sizeof(q.enrol.claim));
	strcpy(q.enrol.product, "kiosk");
	strcpy(q.enrol.model, "k1");
	make_hashes(hashes);
	assert_ok(codes_prove(hashes, CODES, claim_number - 1, &q.place, &e));
	memset(q.enrol.nonce, 2, sizeof(q.enrol.nonce));
	assert_ok(x509_request(device_key, "device", &pem, &e));
	memcpy(q.enrol.csr, buf_text(&pem), pem.len + 1);
	a_decrypt_key();
	ec_public_of(device_key, &own);
	assert_ok(wire_enrol_message(&q.enrol, &own, &message, &e));
	assert_ok(ec_sign(device_key, buf_slice(&message), &sig, &e));
	memcpy(q.enrol.proof, sig.ptr, sig.len);
	q.enrol.proof_len = sig.len;
	buf_done(&pem);
	buf_done(&sig);
	buf_done(&message);
}

static void a_proven_key_gets_a_certificate_of_our_template(void **state)
{
	struct x509_info info;
	char id[2 * DEVICE_ID_LEN + 1];
	struct ec_public key;
	struct err e;

	prepare_enrolment();
	keeper_office_do(*state, &q, NOW, &a);
	assert_done();
	assert_ok(x509_verify(slice_of(a.certificate), buf_slice(&ca_pem),
			      X509_DEVICE, NOW, false, &e));
	assert_ok(x509_inspect(slice_of(a.certificate), &info, &e));
	hex_format((struct slice){ a.device.bytes, DEVICE_ID_LEN }, id);
	assert_string_equal(info.common_name, id);
	assert_false(info.is_ca);
	ec_public_of(device_key, &key);
	assert_true(ec_public_equal(&info.public_key, &key));
	assert_true(info.not_after <= NOW + 90 * UTC_DAY);
}

static void a_key_that_is_not_proven_gets_none(void **state)
{
	prepare_enrolment();
	q.enrol.nonce[0] ^= 1;
	keeper_office_do(*state, &q, NOW, &a);
	assert_failed(ERR_UNTRUSTED);
	prepare_enrolment();
	q.enrol.claim[0] ^= 1;
	keeper_office_do(*state, &q, NOW, &a);
	assert_failed(ERR_UNTRUSTED);
	prepare_enrolment();
	q.enrol.proof_len = 0;
	keeper_office_do(*state, &q, NOW, &a);
	assert_int_not_equal(a.failure.code, ERR_NONE);
	prepare_enrolment();
	memcpy(q.enrol.csr, "nonsense", 9);
	keeper_office_do(*state, &q, NOW, &a);
	assert_failed(ERR_FORMAT);
	prepare_enrolment();
	q.enrol.decrypt.proof[8] ^= 1;
	keeper_office_do(*state, &q, NOW + 60, &a);
	assert_int_not_equal(a.failure.code, ERR_NONE);
	prepare_enrolment();
	a_decrypt_key(); /* another one than the proof is over */
	keeper_office_do(*state, &q, NOW + 60, &a);
	assert_failed(ERR_UNTRUSTED);
	assert_string_equal(a.certificate, "");
}

/* A renewal of the certificate that an enrolment gave, by this key. */
static void prepare_renewal(const char *certificate, struct ec_private *old,
			    struct ec_private *next)
{
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN), sig = BUF_INIT(80);
	struct buf message = BUF_INIT(256);
	struct ec_public next_public;
	struct x509_info info;
	struct err e;

	q = (struct keeper_request){ .op = KEEPER_RENEW };
	memcpy(q.certificate, certificate, strlen(certificate) + 1);
	assert_ok(x509_inspect(slice_of(certificate), &info, &e));
	ec_public_of(next, &next_public);
	assert_ok(x509_request(next, "device", &pem, &e));
	memcpy(q.renew.csr, buf_text(&pem), pem.len + 1);
	assert_ok(wire_renew_message(&info.fingerprint, &next_public, &message,
				     &e));
	assert_ok(ec_sign(old, buf_slice(&message), &sig, &e));
	memcpy(q.renew.proof, sig.ptr, sig.len);
	q.renew.proof_len = sig.len;
	buf_done(&pem);
	buf_done(&sig);
	buf_done(&message);
}

static void the_old_key_gets_the_next_one_a_certificate(void **state)
{
	struct ec_private *next = key_from(98), *stranger = key_from(97);
	struct x509_info first, second;
	char pem[X509_PEM_MAX_LEN];
	struct device_id id;
	struct err e;

	prepare_enrolment();
	keeper_office_do(*state, &q, NOW, &a);
	assert_done();
	id = a.device;
	memcpy(pem, a.certificate, sizeof(pem));
	/* Long after its end. */
	prepare_renewal(pem, device_key, next);
	keeper_office_do(*state, &q, NOW + 400 * UTC_DAY, &a);
	assert_done();
	assert_memory_equal(&a.device, &id, sizeof(id));
	assert_ok(x509_inspect(slice_of(pem), &first, &e));
	assert_ok(x509_inspect(slice_of(a.certificate), &second, &e));
	assert_string_equal(first.common_name, second.common_name);
	assert_true(second.not_after > NOW + 489 * UTC_DAY);
	/* By anybody else, or for another key than was approved. */
	prepare_renewal(pem, stranger, next);
	keeper_office_do(*state, &q, NOW, &a);
	assert_failed(ERR_UNTRUSTED);
	prepare_renewal(pem, next, next);
	keeper_office_do(*state, &q, NOW, &a);
	assert_failed(ERR_UNTRUSTED);
	prepare_renewal(pem, device_key, next);
	q.renew.proof[10] ^= 1;
	keeper_office_do(*state, &q, NOW, &a);
	assert_true(a.failure.code != ERR_NONE);
	ec_free(next);
	ec_free(stranger);
}

static void a_certificate_of_another_ca_is_not_renewed(void **state)
{
	struct x509_template ca = { .kind = X509_CA,
				    .common_name = "CA",
				    .not_before = NOW - 10,
				    .not_after = NOW + 1000 * UTC_DAY };
	struct x509_template leaf = { .kind = X509_DEVICE,
				      .common_name = "00112233445566778899aabb"
						     "ccddeeff",
				      .not_before = NOW - 10,
				      .not_after = NOW + 1000 };
	struct ec_private *other = key_from(66), *next = key_from(98);
	struct buf ca_own = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct ec_public key;
	struct err e;

	ec_public_of(other, &key);
	assert_ok(
		x509_issue(&ca, &key, (struct slice){ 0 }, other, &ca_own, &e));
	ec_public_of(device_key, &key);
	assert_ok(x509_issue(&leaf, &key, buf_slice(&ca_own), other, &pem, &e));
	prepare_renewal(buf_text(&pem), device_key, next);
	keeper_office_do(*state, &q, NOW, &a);
	assert_failed(ERR_UNTRUSTED);
	buf_done(&ca_own);
	buf_done(&pem);
	ec_free(other);
	ec_free(next);
}

/* An office whose CA took the place of the one of before, which ends then. */
static struct keeper_office *open_rotated(int64_t end, struct buf *cas)
{
	struct x509_template t = { .kind = X509_CA,
				   .common_name = "The next CA",
				   .not_before = NOW - 10,
				   .not_after = NOW + 4000 * UTC_DAY };
	struct keeper_setup setup = { .dirfd = repo->dirfd,
				      .environment = ENV_LAB,
				      .ca = key_from(78),
				      .online = key_from(ONLINE_KEY + 1),
				      .log = key_from(88),
				      .ledger = key_from(LEDGER_KEY),
				      .device_days = 90,
				      .enrol_rate = RATE };
	struct ec_private *former = key_from(77);
	struct keeper_office *o = NULL;
	struct x509_info info;
	struct ec_public key;
	struct err e;

	ec_public_of(setup.ca, &key);
	assert_ok(x509_issue(&t, &key, (struct slice){ 0 }, setup.ca, cas, &e));
	assert_ok(x509_inspect(buf_slice(&ca_pem), &info, &e));
	t.common_name = info.common_name;
	t.not_after = end;
	if (end > 0)
		assert_ok(x509_issue(&t, &info.public_key, (struct slice){ 0 },
				     former, cas, &e));
	setup.ca_pem = buf_text(cas);
	assert_ok(keeper_office_open(&setup, &o, &e));
	ec_free(former);
	return o;
}

static void who_is_on_the_former_ca_moves_until_its_end(void **state)
{
	const int64_t end = NOW + 400 * UTC_DAY;
	struct ec_private *next = key_from(98);
	struct buf cas = BUF_INIT(2 * X509_PEM_MAX_LEN);
	char pem[X509_PEM_MAX_LEN];
	struct slice rest, first;
	struct err e;

	prepare_enrolment();
	keeper_office_do(*state, &q, NOW, &a);
	assert_done();
	memcpy(pem, a.certificate, sizeof(pem));
	keeper_office_close(*state);
	*state = open_rotated(end, &cas);
	prepare_renewal(pem, device_key, next);
	keeper_office_do(*state, &q, end, &a);
	assert_done();
	/* By the one that issues now, and by no other. */
	rest = buf_slice(&cas);
	assert_true(x509_next(&rest, &first));
	assert_ok(x509_verify(slice_of(a.certificate), first, X509_DEVICE, end,
			      false, &e));
	keeper_office_do(*state, &q, end + 1, &a);
	assert_failed(ERR_EXPIRED);
	/* Withdrawn: it is a stranger's. */
	keeper_office_close(*state);
	cas.len = 0;
	*state = open_rotated(0, &cas);
	keeper_office_do(*state, &q, NOW, &a);
	assert_failed(ERR_UNTRUSTED);
	buf_done(&cas);
	ec_free(next);
}

static void a_key_that_is_not_the_first_cas_opens_no_office(void **state)
{
	struct keeper_setup setup = { .dirfd = repo->dirfd,
				      .environment = ENV_LAB,
				      .ca = key_from(79),
				      .ca_pem = buf_text(&ca_pem) };
	struct keeper_office *o = NULL;
	struct err e;

	(void)state;
	assert_refused(keeper_office_open(&setup, &o, &e), ERR_CONFIG);
}

static void certificates_are_made_at_a_bounded_rate(void **state)
{
	prepare_enrolment();
	for (int i = 0; i < RATE; i++) {
		keeper_office_do(*state, &q, NOW, &a);
		assert_done();
	}
	keeper_office_do(*state, &q, NOW, &a);
	assert_failed(ERR_BUSY);
	keeper_office_do(*state, &q, NOW + 60 / RATE, &a);
	assert_done();
	keeper_office_do(*state, &q, NOW + 60 / RATE, &a);
	assert_failed(ERR_BUSY);
	/* A clock that was set back opens nothing. */
	keeper_office_do(*state, &q, NOW - 1000, &a);
	assert_failed(ERR_BUSY);
}

/* A renewal is one, too: a thief with one identity gets no more than a crowd.
 */
static void renewals_are_counted_with_them(void **state)
{
	struct ec_private *next = key_from(98);
	char pem[X509_PEM_MAX_LEN];

	prepare_enrolment();
	keeper_office_do(*state, &q, NOW, &a);
	assert_done();
	memcpy(pem, a.certificate, sizeof(pem));
	prepare_renewal(pem, device_key, next);
	for (int i = 1; i < RATE; i++) {
		keeper_office_do(*state, &q, NOW, &a);
		assert_done();
	}
	keeper_office_do(*state, &q, NOW, &a);
	assert_failed(ERR_BUSY);
	ec_free(next);
}

/* The scalar 1, which stands in every test of every library. */
static struct ec_private *known_key(void)
{
	uint8_t scalar[EC_SCALAR_LEN] = { 0 };
	struct ec_private *key = NULL;
	struct err e;

	scalar[EC_SCALAR_LEN - 1] = 1;
	assert_ok(ec_private_from_scalar(scalar, &key, &e));
	return key;
}

static void a_key_that_everybody_has_gets_none(void **state)
{
	struct ec_private *known = known_key(), *own = device_key;
	char pem[X509_PEM_MAX_LEN];

	prepare_enrolment();
	keeper_office_do(*state, &q, NOW, &a);
	assert_done();
	memcpy(pem, a.certificate, sizeof(pem));
	prepare_renewal(pem, own, known);
	keeper_office_do(*state, &q, NOW + 60, &a);
	assert_failed(ERR_REFUSED);
	/* With codes that nobody has used. */
	claim_number = 2;
	device_key = known;
	prepare_enrolment();
	device_key = own;
	keeper_office_do(*state, &q, NOW + 60, &a);
	assert_failed(ERR_REFUSED);
	next_decrypt = known; /* taken over */
	prepare_enrolment();
	keeper_office_do(*state, &q, NOW + 60, &a);
	assert_failed(ERR_REFUSED);
}

/* ---- whose word counts --------------------------------------------------- */

static struct warrant approval(void)
{
	struct warrant w = { .act = WARRANT_APPROVE,
			     .by = officer_certificate(),
			     .time = NOW,
			     .product = "kiosk",
			     .model = "k1",
			     .cohort = "shop" };
	struct ec_public own;

	ec_public_of(device_key, &own);
	ec_public_fingerprint(&own, &w.key);
	return w;
}

/* A request without a code. */
static void prepare_asking(void)
{
	struct buf message = BUF_INIT(512), sig = BUF_INIT(80);
	struct ec_public own;
	struct err e;

	prepare_enrolment();
	q.enrol.asks = true;
	memset(q.enrol.claim, 0, sizeof(q.enrol.claim));
	ec_public_of(device_key, &own);
	assert_ok(wire_enrol_message(&q.enrol, &own, &message, &e));
	assert_ok(ec_sign(device_key, buf_slice(&message), &sig, &e));
	memcpy(q.enrol.proof, sig.ptr, sig.len);
	q.enrol.proof_len = sig.len;
	buf_done(&message);
	buf_done(&sig);
}

static void restart(void **state)
{
	keeper_office_close(*state);
	*state = open_office();
}

static void only_an_officers_own_word_is_taken(void **state)
{
	struct warrant w = approval();

	prepare_asking();
	keeper_office_do(*state, &q, NOW, &a);
	assert_failed(ERR_REFUSED);
	/* In the officer's name, by somebody else. */
	tell(*state, &w, NOBODY);
	assert_failed(ERR_UNTRUSTED);
	/* By one who is known, and no officer; by one who is not known. */
	w.by.bytes[3] = 1;
	tell(*state, &w, NOBODY);
	assert_failed(ERR_REFUSED);
	w.by.bytes[3] = 2;
	tell(*state, &w, OFFICER);
	assert_failed(ERR_REFUSED);
	prepare_asking();
	keeper_office_do(*state, &q, NOW, &a);
	assert_failed(ERR_REFUSED);
	w = approval();
	tell(*state, &w, OFFICER);
	assert_done();
	prepare_asking();
	keeper_office_do(*state, &q, NOW + 60, &a);
	assert_done();
}

static void a_word_that_was_cut_is_none(void **state)
{
	struct warrant w = approval();

	q = (struct keeper_request){ .op = KEEPER_WARRANT };
	sign_with(&w, OFFICER, q.warrant);
	q.warrant[strlen(q.warrant) - 1] = 0;
	keeper_office_do(*state, &q, NOW, &a);
	assert_failed(ERR_FORMAT);
}

static off_t ledger_length(void)
{
	struct stat st;

	assert_int_equal(fstatat(repo->dirfd, "keeper/ledger", &st, 0), 0);
	return st.st_size;
}

/* A test server, say, that fell into other hands, with the same officers. */
static void a_word_for_another_server_is_none_here(void **state)
{
	struct buf text = BUF_INIT(WARRANT_MAX);
	struct ec_private *key = officer_key(OFFICER);
	struct warrant w = approval();
	off_t before = ledger_length();
	struct err e = { 0 };

	w.bound = true;
	w.server = officer_server();
	w.server.bytes[SHA256_LEN - 1] ^= 1;
	tell(*state, &w, OFFICER);
	assert_failed(ERR_REFUSED);
	/* One that names none may be for any. */
	w.bound = false;
	assert_ok(warrant_sign(&w, key, &text, &e));
	q = (struct keeper_request){ .op = KEEPER_WARRANT };
	memcpy(q.warrant, buf_text(&text), text.len + 1);
	keeper_office_do(*state, &q, NOW, &a);
	assert_failed(ERR_REFUSED);
	assert_int_equal(ledger_length(), before);
	prepare_asking();
	keeper_office_do(*state, &q, NOW, &a);
	assert_failed(ERR_REFUSED);
	buf_done(&text);
	ec_free(key);
}

static void an_approval_is_written_down_once(void **state)
{
	struct warrant w = approval();
	off_t before;

	tell(*state, &w, OFFICER);
	assert_done();
	before = ledger_length();
	for (int i = 0; i < 3; i++) {
		tell(*state, &w, OFFICER);
		assert_done();
		restart(state);
	}
	assert_int_equal(ledger_length(), before);
}

static void warrants_come_at_a_rate_and_ends_always(void **state)
{
	struct warrant w = approval();
	struct warrant end = { .act = WARRANT_END, .by = w.by, .time = NOW };

	/* The batch was the first. */
	for (int i = 1; i < KEEPER_WARRANT_RATE; i++) {
		w.key.bytes[0] = (uint8_t)i;
		w.key.bytes[1] = (uint8_t)(i >> 8);
		tell(*state, &w, OFFICER);
		assert_done();
	}
	w.key.bytes[2] ^= 1;
	tell(*state, &w, OFFICER);
	assert_failed(ERR_BUSY);
	tell(*state, &end, OFFICER);
	assert_done();
}

static void a_list_of_people_that_is_older_is_not_gone_by(void **state)
{
	struct buf before = BUF_INIT(65536);
	struct warrant w = approval();
	struct err e = { 0 };

	assert_ok(fs_read_file(repo->dirfd, "keeper/people.json", &before, &e));
	write_people(1);
	tell(*state, &w, OFFICER);
	assert_done();
	restart(state); /* it has read the newer one when it starts */
	assert_ok(fs_replace_file(repo->dirfd, "keeper/people.json",
				  buf_slice(&before), 0600, &e));
	tell(*state, &w, OFFICER);
	assert_failed(ERR_ROLLBACK);
	buf_done(&before);
}

static void before_the_first_import_nothing_is_signed(void **state)
{
	ask(*state, KEEPER_REFRESH, 0, 0);
	assert_failed(ERR_NOT_FOUND);
	assert_non_null(strstr(a.failure.msg, "nothing was imported yet"));
}

/* Not by this request, nor any later one, nor after a restart. */
static void a_code_makes_one_device(void **state)
{
	struct ec_private *own = device_key;
	struct device_id id;

	prepare_enrolment();
	keeper_office_do(*state, &q, NOW, &a);
	assert_done();
	id = a.device;
	for (int i = 0; i < 2; i++) {
		device_key = key_from(55);
		prepare_enrolment();
		ec_free(device_key);
		device_key = own;
		keeper_office_do(*state, &q, NOW + 60, &a);
		assert_failed(ERR_REFUSED);
		restart(state);
	}
	/* The answer was lost: the same device. */
	prepare_enrolment();
	keeper_office_do(*state, &q, NOW + 60, &a);
	assert_done();
	assert_memory_equal(&a.device, &id, sizeof(id));
	/* A code of no batch. */
	claim_number = 2;
	prepare_enrolment();
	q.place.root.bytes[0] ^= 1;
	keeper_office_do(*state, &q, NOW + 60, &a);
	assert_failed(ERR_REFUSED);
	prepare_enrolment();
	strcpy(q.enrol.model, "k2");
	keeper_office_do(*state, &q, NOW + 60, &a);
	assert_failed(ERR_REFUSED);
}

static void who_was_ended_is_renewed_never_again(void **state)
{
	struct warrant w = { .act = WARRANT_END,
			     .by = officer_certificate(),
			     .time = NOW };
	struct ec_private *next = key_from(98);
	char pem[X509_PEM_MAX_LEN];

	prepare_enrolment();
	keeper_office_do(*state, &q, NOW, &a);
	assert_done();
	memcpy(pem, a.certificate, sizeof(pem));
	w.device = a.device;
	tell(*state, &w, OFFICER);
	assert_done();
	for (int i = 0; i < 2; i++) {
		prepare_renewal(pem, device_key, next);
		keeper_office_do(*state, &q, NOW + 60, &a);
		assert_failed(ERR_REFUSED);
		assert_string_equal(a.certificate, "");
		restart(state);
	}
	ec_free(next);
}

static void every_certificate_is_in_the_ledger(void **state)
{
	struct buf ledger = BUF_INIT(65536);
	struct ec_private *next = key_from(98);
	char pem[X509_PEM_MAX_LEN], hex[SHA256_HEX_LEN];
	struct rlimit all, none;
	struct x509_info info;
	struct err e = { 0 };

	prepare_enrolment();
	keeper_office_do(*state, &q, NOW, &a);
	assert_done();
	memcpy(pem, a.certificate, sizeof(pem));
	for (int i = 0; i < 2; i++) {
		ledger.len = 0;
		assert_ok(fs_read_file(repo->dirfd, "keeper/ledger", &ledger,
				       &e));
		assert_ok(x509_inspect(slice_of(a.certificate), &info, &e));
		sha256_format(&info.fingerprint, hex);
		assert_non_null(strstr(buf_text(&ledger), hex));
		prepare_renewal(pem, device_key, next);
		keeper_office_do(*state, &q, NOW + 60, &a);
		assert_done();
	}
	/* What cannot be written down is not made. */
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &all), 0);
	none = all;
	none.rlim_cur = ledger.len;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	prepare_renewal(pem, device_key, next);
	keeper_office_do(*state, &q, NOW + 120, &a);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
	assert_true(a.failure.code != ERR_NONE);
	assert_string_equal(a.certificate, "");
	ec_free(next);
	buf_done(&ledger);
}

/* With the audit log's head the keeper signs that of its own memory, and goes
 * on from none that is shorter. */
static void the_ledger_is_signed_and_never_set_back(void **state)
{
	struct keeper_setup setup = { .dirfd = repo->dirfd,
				      .ledger = key_from(LEDGER_KEY),
				      .ca_pem = "" };
	struct ec_private *log = key_from(88);
	struct buf before = BUF_INIT(65536);
	struct keeper_office *o = NULL;
	struct audit_checkpoint c;
	struct ec_public key;
	struct err e = { 0 };

	ec_public_of(log, &key);
	ec_free(log);
	assert_ok(fs_read_file(repo->dirfd, "keeper/ledger", &before, &e));
	prepare_enrolment();
	keeper_office_do(*state, &q, NOW, &a);
	assert_done();
	head_of(1, 0);
	keeper_office_do(*state, &q, NOW, &a);
	assert_done();
	assert_ok(audit_checkpoint_open(slice_of(a.checkpoint), &key, &c, &e));
	assert_int_equal(c.ledger.size, 2);
	/* Where it alone has grown, the same log is signed once more with it.
	 */
	prepare_enrolment();
	keeper_office_do(*state, &q, NOW, &a);
	assert_done();
	head_of(1, 0);
	keeper_office_do(*state, &q, NOW, &a);
	assert_done();
	assert_ok(audit_checkpoint_open(slice_of(a.checkpoint), &key, &c, &e));
	assert_int_equal(c.head.size, 1);
	assert_int_equal(c.ledger.size, 3);
	restart(state);
	assert_ok(fs_replace_file(repo->dirfd, "keeper/ledger",
				  buf_slice(&before), 0600, &e));
	assert_refused(keeper_office_open(&setup, &o, &e), ERR_ROLLBACK);
	buf_done(&before);
}

static void a_ledger_of_another_hand_is_not_gone_on_from(void **state)
{
	struct keeper_setup setup = { .dirfd = repo->dirfd,
				      .ledger = key_from(3),
				      .ca_pem = "" };
	struct keeper_office *o = NULL;
	struct err e = { 0 };

	(void)state;
	assert_refused(keeper_office_open(&setup, &o, &e), ERR_UNTRUSTED);
}

/* ---- what it remembers --------------------------------------------------- */

static void assert_no_office(const char *path, const char *text,
			     enum err_code code)
{
	struct keeper_setup setup = { .dirfd = repo->dirfd, .ca_pem = "" };
	struct keeper_office *o = NULL;
	struct err e = { 0 };

	assert_ok(fs_replace_file(repo->dirfd, path, slice_of(text), 0600, &e));
	assert_refused(keeper_office_open(&setup, &o, &e), code);
	assert_ok(fs_remove(repo->dirfd, path, &e));
}

/* Half a memory would sign a second file of some version, or another log. */
static void a_memory_that_is_no_memory_is_not_gone_on_from(void **state)
{
	struct buf text = BUF_INIT(16384);
	struct err e = { 0 };

	(void)state;
	assert_ok(buf_addf(&text, &e, "{\"roles\":{"));
	for (int i = 0; i < 65; i++)
		assert_ok(buf_addf(&text, &e, "%s\"role-%d\":1",
				   i > 0 ? "," : "", i));
	assert_ok(buf_addf(&text, &e,
			   "},\"snapshot\":1,\"timestamp\":1,\"targets\":1,"
			   "\"network\":1,\"network_targets\":1,"
			   "\"network_expires\":1}"));
	assert_no_office("keeper/versions.json", buf_text(&text), ERR_LIMIT);
	assert_no_office("keeper/versions.json", "{\"snapshot\":1}",
			 ERR_FORMAT);
	assert_no_office("keeper/audit.json",
			 "{\"root\":\"00000000000000000000000000000000000000000"
			 "00000000000000000000000\",\"size\":1}",
			 ERR_FORMAT);
	buf_done(&text);
}

/* A number is on the disk before anything is signed with it. */
static void what_cannot_be_remembered_is_not_signed(void **state)
{
	struct err e = { 0 };

	offer();
	ask(*state, KEEPER_PUBLISH, 1, 0);
	assert_done();
	assert_ok(fs_remove(repo->dirfd, "keeper/versions.json", &e));
	assert_ok(fs_mkdir(repo->dirfd, "keeper/versions.json", 0700, &e));
	ask(*state, KEEPER_REFRESH, 0, 0);
	assert_true(a.failure.code != ERR_NONE);
	assert_int_equal(a.timestamp_len, 0);
	assert_ok(fs_remove_tree(repo->dirfd, "keeper/versions.json", &e));
}

/* ---- metadata ------------------------------------------------------------ */

/* One that ends soon is made anew, not signed for once more. */
static void a_snapshot_is_used_again_for_half_its_life(void **state)
{
	int64_t first;

	offer();
	ask(*state, KEEPER_PUBLISH, 1, 0);
	assert_done();
	first = a.snapshot_version;
	q = (struct keeper_request){ .op = KEEPER_REFRESH };
	keeper_office_do(*state, &q, NOW + KEEPER_SNAPSHOT_SEC / 2 - 1, &a);
	assert_done();
	assert_int_equal(a.snapshot_version, first);
	keeper_office_do(*state, &q, NOW + KEEPER_SNAPSHOT_SEC / 2 + 1, &a);
	assert_done();
	assert_int_equal(a.snapshot_version, first + 1);
}

/* Else a cut in between would have two snapshots of one version signed. */
static void a_version_is_written_down_before_it_is_signed(void **state)
{
	struct buf before = BUF_INIT(KEEPER_FILE_MAX),
		   after = BUF_INIT(KEEPER_FILE_MAX);
	struct err e;

	offer();
	ask(*state, KEEPER_PUBLISH, 1, 0);
	assert_done();
	assert_ok(
		fs_read_file(repo->dirfd, "keeper/snapshot.json", &before, &e));
	assert_ok(fs_remove(repo->dirfd, "keeper/versions.json", &e));
	assert_ok(fs_mkdirs(repo->dirfd, "keeper/versions.json/x", 0700, &e));
	q = (struct keeper_request){ .op = KEEPER_REFRESH };
	keeper_office_do(*state, &q, NOW + KEEPER_SNAPSHOT_SEC, &a);
	assert_int_not_equal(a.failure.code, ERR_NONE);
	assert_ok(
		fs_read_file(repo->dirfd, "keeper/snapshot.json", &after, &e));
	assert_string_equal(buf_text(&before), buf_text(&after));
	assert_ok(fs_remove_tree(repo->dirfd, "keeper/versions.json", &e));
	keeper_office_do(*state, &q, NOW + KEEPER_SNAPSHOT_SEC, &a);
	assert_done();
	buf_done(&before);
	buf_done(&after);
}

/* A snapshot may drop none: there is an end to how many it ever lists. */
static void a_repository_has_so_many_roles_in_its_life(void **state)
{
	struct buf text = BUF_INIT(65536);
	char role[32];
	struct err e;

	offer();
	ask(*state, KEEPER_PUBLISH, 1, 0);
	assert_done();
	assert_ok(buf_add(&text, slice_of("{\"roles\":{"), &e));
	for (int i = 0; i < KEEPER_ROLES_MAX; i++) {
		snprintf(role, sizeof(role), "%s\"role-%d\":1", i ? "," : "",
			 i);
		assert_ok(buf_add(&text, slice_of(role), &e));
	}
	assert_ok(buf_add(&text,
			  slice_of("},\"snapshot\":1,\"timestamp\":1,"
				   "\"targets\":1,\"network\":1,"
				   "\"network_targets\":1,"
				   "\"network_expires\":1}"),
			  &e));
	keeper_office_close(*state);
	assert_ok(fs_replace_file(repo->dirfd, "keeper/versions.json",
				  buf_slice(&text), 0600, &e));
	*state = open_office();
	ask_role(*state, 0, "one-more", 1);
	assert_failed(ERR_LIMIT);
	assert_non_null(strstr(a.failure.msg, "in the life of a repository"));
	buf_done(&text);
}

/* What was imported is looked at again at each renewal. */
static void a_server_of_another_environment_renews_nothing(void **state)
{
	offer();
	ask(*state, KEEPER_PUBLISH, 1, 0);
	assert_done();
	keeper_office_close(*state);
	*state = open_office_for(ENV_DEMO);
	ask(*state, KEEPER_REFRESH, 0, 0);
	assert_failed(ERR_REFUSED);
}

static void nothing_is_signed_before_an_import(void **state)
{
	ask(*state, KEEPER_REFRESH, 0, 0);
	assert_failed(ERR_NOT_FOUND);
	ask(*state, KEEPER_PUBLISH, 1, 0);
	assert_failed(ERR_NOT_FOUND);
}

/* A device that trusts the root takes what the keeper signed. */
static void device_accepts(void)
{
	char name[64];
	struct err e;

	snprintf(name, sizeof(name), "%lld.snapshot.json",
		 (long long)a.snapshot_version);
	repo_put(repo, name, (struct slice){ a.snapshot, a.snapshot_len },
		 true);
	repo_put(repo, "timestamp.json",
		 (struct slice){ a.timestamp, a.timestamp_len }, true);
	assert_ok(repo_refresh(repo, &e));
}

static void what_was_verified_is_signed_and_a_device_takes_it(void **state)
{
	repo_trust(repo);
	offer();
	ask(*state, KEEPER_PUBLISH, 1, 0);
	assert_done();
	assert_int_equal(a.snapshot_version, 1);
	assert_int_equal(a.targets_version, 1);
	assert_int_equal(a.expires, NOW + UTC_DAY);
	device_accepts();
	/* The timestamp alone moves while the snapshot is fresh. */
	ask(*state, KEEPER_REFRESH, 0, 0);
	assert_done();
	assert_int_equal(a.snapshot_version, 1);
	device_accepts();
	repo_publish(repo, "targets");
	offer();
	ask(*state, KEEPER_PUBLISH, 2, 0);
	assert_done();
	assert_int_equal(a.snapshot_version, 2);
	assert_int_equal(a.targets_version, 2);
	device_accepts();
	assert_trusted(repo, 1, 3, 2, 2);
}

/* What the last snapshot says of a role; 0: it does not list it. */
static int64_t listed(const char *role)
{
	struct json *j = NULL;
	char name[80];
	int64_t version;
	struct err e;

	snprintf(name, sizeof(name), "%s.json", role);
	assert_ok(json_parse((struct slice){ a.snapshot, a.snapshot_len }, &j,
			     &e));
	version = json_int(json_get(
		json_get(json_get(json_get(j, "signed"), "meta"), name),
		"version"));
	json_free(j);
	return version;
}

static int visit(void *ctx, const struct tuf_target *t, struct err *e)
{
	(void)e;
	snprintf(ctx, 64, "%s", t->path);
	return 0;
}

static void delegated_roles_are_verified_and_listed(void **state)
{
	struct tuf_client *c = NULL;
	char seen[64] = "";
	struct err e;

	repo_trust(repo);
	repo_delegate(repo, "targets", "rollout", OTHER_KEY, "rollout/*");
	repo_target(repo, "rollout", "rollout/1", "order");
	repo_publish(repo, "targets");
	repo_publish(repo, "rollout");
	offer();
	ask_role(*state, 2, "rollout", 1);
	assert_done();
	assert_int_equal(listed("rollout"), 1);
	device_accepts();
	assert_ok(tuf_client_open(repo->dirfd, &repo->policy, NOW, &c, &e));
	assert_ok(tuf_client_refresh(c, &repo->source, &e));
	assert_ok(tuf_client_each_in(c, &repo->source, "rollout", visit, seen,
				     &e));
	assert_string_equal(seen, "rollout/1");
	tuf_client_close(c);
	/* A newer one on its own makes a newer snapshot. */
	repo_publish(repo, "rollout");
	offer();
	ask_role(*state, 0, "rollout", 2);
	assert_done();
	assert_int_equal(a.snapshot_version, 2);
	assert_int_equal(a.targets_version, 2);
	assert_int_equal(listed("rollout"), 2);
	device_accepts();
	/* And what is listed outlives a restart. */
	keeper_office_close(*state);
	*state = open_office();
	ask(*state, KEEPER_REFRESH, 0, 0);
	assert_done();
	assert_int_equal(a.snapshot_version, 2);
	assert_int_equal(listed("rollout"), 2);
}

static void delegated_roles_that_do_not_verify_are_not_listed(void **state)
{
	repo_trust(repo);
	repo_delegate(repo, "targets", "rollout", OTHER_KEY, "rollout/*");
	repo_publish(repo, "targets");
	repo_publish(repo, "rollout");
	offer();
	ask_role(*state, 2, "stranger", 1);
	assert_failed(ERR_REFUSED);
	ask_role(*state, 2, "rollout", 2);
	assert_failed(ERR_NOT_FOUND);
	ask_role(*state, 2, "rollout", 1);
	assert_done();
	repo_find(repo, "rollout")->signers = KEY(SPARE_KEY);
	repo_publish(repo, "rollout");
	offer();
	ask_role(*state, 0, "rollout", 2);
	assert_failed(ERR_UNTRUSTED);
	assert_int_equal(a.snapshot_len, 0);
	ask(*state, KEEPER_REFRESH, 0, 0);
	assert_done();
	assert_int_equal(listed("rollout"), 1);
}

/* Devices refuse a snapshot that drops a role or takes it back. */
static void a_role_stays_listed_when_its_delegation_ends(void **state)
{
	repo_trust(repo);
	repo_delegate(repo, "targets", "rollout", OTHER_KEY, "rollout/*");
	repo_publish(repo, "targets");
	repo_publish(repo, "rollout");
	offer();
	ask_role(*state, 2, "rollout", 1);
	assert_done();
	device_accepts();
	json_remove(repo_body(repo, "targets"), "delegations");
	repo_publish(repo, "targets");
	offer();
	ask(*state, KEEPER_PUBLISH, 3, 0);
	assert_done();
	assert_int_equal(listed("targets"), 3);
	assert_int_equal(listed("rollout"), 1);
	device_accepts();
	/* Delegated to again, by other keys: its versions go on. */
	repo_delegate(repo, "targets", "rollout", SPARE_KEY, "rollout/*");
	repo_find(repo, "rollout")->signers = KEY(SPARE_KEY);
	repo_publish(repo, "targets");
	repo_publish(repo, "rollout");
	offer();
	ask_role(*state, 4, "rollout", 2);
	assert_done();
	assert_int_equal(listed("rollout"), 2);
	device_accepts();
}

/* A thief with the key of one who signs alone leaves numbers to the others. */
static void a_roles_version_does_not_run_ahead(void **state)
{
	repo_trust(repo);
	repo_delegate(repo, "targets", "rollout", OTHER_KEY, "rollout/*");
	repo_publish(repo, "targets");
	repo_publish(repo, "rollout");
	offer();
	ask_role(*state, 2, "rollout", 1);
	assert_done();
	json_set_int(repo_body(repo, "rollout"), "version", 1001);
	repo_publish(repo, "rollout");
	offer();
	ask_role(*state, 0, "rollout", 1002);
	assert_failed(ERR_REFUSED);
	assert_non_null(strstr(a.failure.msg, "runs ahead of version 1"));
	json_set_int(repo_body(repo, "rollout"), "version", 1000);
	repo_publish(repo, "rollout");
	offer();
	ask_role(*state, 0, "rollout", 1001);
	assert_done();
	assert_int_equal(listed("rollout"), 1001);
	device_accepts();
}

static void versions_rise_over_a_restart(void **state)
{
	offer();
	ask(*state, KEEPER_PUBLISH, 1, 0);
	assert_done();
	keeper_office_close(*state);
	*state = open_office();
	repo_trust(repo);
	device_accepts();
	ask(*state, KEEPER_REFRESH, 0, 0);
	assert_done();
	device_accepts();
	assert_trusted(repo, 1, 2, 1, 1);
}

static void what_does_not_verify_is_not_signed(void **state)
{
	repo_publish(repo, "targets");
	offer();
	ask(*state, KEEPER_PUBLISH, 2, 0);
	assert_done();
	ask(*state, KEEPER_PUBLISH, 1, 0); /* older */
	assert_failed(ERR_ROLLBACK);
	repo_find(repo, "targets")->signers = KEY(OTHER_KEY);
	repo_publish(repo, "targets");
	offer();
	ask(*state, KEEPER_PUBLISH, 3, 0); /* by another key */
	assert_failed(ERR_UNTRUSTED);
	assert_int_equal(a.timestamp_len, 0);
	ask(*state, KEEPER_REFRESH, 0, 0); /* and life goes on */
	assert_done();
	assert_int_equal(a.targets_version, 2);
}

static void a_root_that_names_another_server_binds_nobody(void **state)
{
	repo_grant(repo, "timestamp", KEY(OTHER_KEY), 1);
	json_set_int(repo_body(repo, "root"), "version", 0);
	repo_remove(repo, "1.root.json");
	repo_publish(repo, "root");
	offer();
	ask(*state, KEEPER_PUBLISH, 1, 0);
	assert_failed(ERR_REFUSED);
	repo_grant(repo, "timestamp", KEY(ONLINE_KEY), 1);
	json_set_int(repo_body(repo, "root"), "version", 0);
	repo_remove(repo, "1.root.json");
	repo_publish(repo, "root");
	offer();
	ask(*state, KEEPER_PUBLISH, 1, 0);
	assert_done();
}

static void another_environment_is_refused(void **state)
{
	struct json *pawl = member(repo_body(repo, "root"), "pawl");

	json_set_text(pawl, "environment", "demo");
	json_set_int(repo_body(repo, "root"), "version", 0);
	repo_remove(repo, "1.root.json");
	repo_publish(repo, "root");
	offer();
	ask(*state, KEEPER_PUBLISH, 1, 0);
	assert_failed(ERR_REFUSED);
}

static void a_bundle_is_marked_bounded_and_passed_by_the_network(void **state)
{
	int64_t bundle;

	offer();
	ask(*state, KEEPER_PUBLISH, 1, 0);
	assert_done();
	assert_false(answer_says("\"medium\":true"));
	ask(*state, KEEPER_BUNDLE, 0, 0);
	assert_failed(ERR_REFUSED);
	ask(*state, KEEPER_BUNDLE, 0, 91);
	assert_failed(ERR_REFUSED);
	ask(*state, KEEPER_BUNDLE, 0, 90);
	assert_done();
	assert_true(answer_says("\"medium\":true"));
	assert_int_equal(a.expires, NOW + 90 * UTC_DAY);
	bundle = a.snapshot_version;
	ask(*state, KEEPER_REFRESH, 0, 0);
	assert_done();
	assert_true(a.snapshot_version > bundle);
	assert_false(answer_says("\"medium\":true"));
}

/* ---- the process --------------------------------------------------------- */

/* The other end is hostile; the keeper answers, or hangs up, and never errs. */
static void the_process_survives_hostile_messages(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} hostile[] = {
		{ "", 0 },
		{ "\x00", 1 },
		{ "\xff", 1 },
		{ "\x02", 1 },
		{ "\x03junk", 5 },
		{ "\x04\x01", 2 },
		{ "\x01\xff\xff\xff\xff", 5 },
		{ "\x02\x00\x00\x00\x00\x00\x00\x00\x00", 9 },
	};
	char folder[80];
	struct init_options o = { .dir = folder,
				  .environment = ENV_LAB,
				  .names = { "localhost" },
				  .device = "127.0.0.1:0",
				  .enrolment = "127.0.0.1:0",
				  .people = "127.0.0.1:0",
				  .admin = "admin" };
	struct buf in = BUF_INIT(KEEPER_MESSAGE_MAX);
	struct config config = { 0 };
	int pair[2], status;
	struct err e;
	pid_t child;

	(void)state;
	snprintf(folder, sizeof(folder), "%s/server", repo->dir);
	assert_ok(init_make(&o, &e));
	assert_refused(init_make(&o, &e), ERR_CONFLICT);
	assert_ok(config_load(folder, NULL, &config, &e));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	child = fork();
	if (child == 0) {
		close(pair[0]);
		_exit(keeper_process(&config, pair[1]));
	}
	close(pair[1]);
	assert_ok(keeper_receive(pair[0], 60000, &in, &e));
	assert_ok(keeper_parse_answer(KEEPER_REFRESH, buf_slice(&in), &a, &e));
	assert_done();
	for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
		struct slice s = { (const uint8_t *)hostile[i].bytes,
				   hostile[i].len };

		in.len = 0;
		assert_ok(keeper_send(pair[0], s, &e));
		assert_ok(keeper_receive(pair[0], 60000, &in, &e));
		assert_ok(keeper_parse_answer(KEEPER_REFRESH, buf_slice(&in),
					      &a, &e));
		assert_failed(ERR_FORMAT);
	}
	/* A length beyond the limit ends the conversation, and the process. */
	assert_int_equal(send(pair[0], "\xff\xff\xff\xff", 4, 0), 4);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(pair[0]);
	config_done(&config);
	buf_done(&in);
}

static int passes(const struct keeper_request *in, struct err *e)
{
	struct buf out = BUF_INIT(KEEPER_MESSAGE_MAX);
	int rc = keeper_format_request(in, &out, e);

	if (rc == 0)
		rc = keeper_parse_request(buf_slice(&out), &q, e);
	buf_done(&out);
	return rc;
}

static void publications_are_read_strictly(void **state)
{
	struct keeper_request good = { .op = KEEPER_PUBLISH,
				       .role_count = TUF_IMPORT_ROLES_MAX };
	struct keeper_request bad;
	struct err e;

	(void)state;
	for (size_t i = 0; i < good.role_count; i++) {
		snprintf(good.roles[i].name, sizeof(good.roles[i].name),
			 "role-%zu", i);
		good.roles[i].version = JSON_INT_MAX;
	}
	assert_ok(passes(&good, &e));
	assert_int_equal(q.role_count, TUF_IMPORT_ROLES_MAX);
	assert_string_equal(q.roles[31].name, "role-31");
	assert_true(q.roles[31].version == JSON_INT_MAX);
	bad = good;
	bad.roles[3].version = 0;
	assert_refused(passes(&bad, &e), ERR_FORMAT);
	bad = good;
	bad.roles[3].version = JSON_INT_MAX + 1;
	assert_refused(passes(&bad, &e), ERR_FORMAT);
	bad = good;
	bad.targets = JSON_INT_MAX + 1;
	assert_refused(passes(&bad, &e), ERR_FORMAT);
	bad = good;
	memcpy(bad.roles[3].name, "../root", 8);
	assert_refused(passes(&bad, &e), ERR_FORMAT);
	bad = good;
	bad.roles[3].name[0] = 0;
	assert_refused(passes(&bad, &e), ERR_FORMAT);
}

static void messages_that_are_cut_are_refused(void **state)
{
	struct buf out = BUF_INIT(KEEPER_MESSAGE_MAX);
	struct err e;

	(void)state;
	prepare_enrolment();
	assert_ok(keeper_format_request(&q, &out, &e));
	assert_ok(keeper_parse_request(buf_slice(&out), &q, &e));
	for (size_t len = 0; len < out.len; len++)
		assert_refused(
			keeper_parse_request(slice_sub(buf_slice(&out), 0, len),
					     &q, &e),
			ERR_FORMAT);
	assert_ok(buf_add(&out, slice_of("x"), &e));
	assert_refused(keeper_parse_request(buf_slice(&out), &q, &e),
		       ERR_FORMAT);
	buf_done(&out);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_all, close_all)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_proven_key_gets_a_certificate_of_our_template),
		TEST(a_key_that_is_not_proven_gets_none),
		TEST(the_old_key_gets_the_next_one_a_certificate),
		TEST(a_certificate_of_another_ca_is_not_renewed),
		TEST(who_is_on_the_former_ca_moves_until_its_end),
		TEST(a_key_that_is_not_the_first_cas_opens_no_office),
		TEST(certificates_are_made_at_a_bounded_rate),
		TEST(nothing_is_signed_before_an_import),
		TEST(what_was_verified_is_signed_and_a_device_takes_it),
		TEST(delegated_roles_are_verified_and_listed),
		TEST(delegated_roles_that_do_not_verify_are_not_listed),
		TEST(a_role_stays_listed_when_its_delegation_ends),
		TEST(publications_are_read_strictly),
		TEST(renewals_are_counted_with_them),
		TEST(a_key_that_everybody_has_gets_none),
		TEST(only_an_officers_own_word_is_taken),
		TEST(a_word_that_was_cut_is_none),
		TEST(a_word_for_another_server_is_none_here),
		TEST(an_approval_is_written_down_once),
		TEST(warrants_come_at_a_rate_and_ends_always),
		TEST(a_list_of_people_that_is_older_is_not_gone_by),
		TEST(before_the_first_import_nothing_is_signed),
		TEST(a_code_makes_one_device),
		TEST(who_was_ended_is_renewed_never_again),
		TEST(every_certificate_is_in_the_ledger),
		TEST(a_ledger_of_another_hand_is_not_gone_on_from),
		TEST(the_ledger_is_signed_and_never_set_back),
		TEST(a_memory_that_is_no_memory_is_not_gone_on_from),
		TEST(what_cannot_be_remembered_is_not_signed),
		TEST(a_snapshot_is_used_again_for_half_its_life),
		TEST(a_version_is_written_down_before_it_is_signed),
		TEST(a_repository_has_so_many_roles_in_its_life),
		TEST(a_server_of_another_environment_renews_nothing),
		TEST(a_roles_version_does_not_run_ahead),
		TEST(versions_rise_over_a_restart),
		TEST(what_does_not_verify_is_not_signed),
		TEST(a_root_that_names_another_server_binds_nobody),
		TEST(another_environment_is_refused),
		TEST(a_bundle_is_marked_bounded_and_passed_by_the_network),
		TEST(checkpoints_are_signed_for_a_log_that_grew),
		TEST(another_history_is_not_signed_even_after_a_restart),
		TEST(messages_that_are_cut_are_refused),
		TEST(the_process_survives_hostile_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
