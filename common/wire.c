/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire.h"

#include <string.h>

#include "common/json.h"
#include "common/text.h"

#define WIRE_VERSION  1
#define ENROL_LABEL   "pawl/enrol/v2"
#define RETRY_MAX     3600
#define INTERVAL_MAX  (31 * UTC_DAY)
#define EVIDENCE_STEP 512

static const char *const action_names[] = {
	[WIRE_NOTHING] = "nothing",
	[WIRE_UPDATE] = "update",
	[WIRE_WAIT] = "wait",
};

static const char *const state_names[] = {
	[WIRE_DOWNLOADING] = "downloading", [WIRE_VERIFIED] = "verified",
	[WIRE_INSTALLED] = "installed",     [WIRE_CONFIRMED] = "confirmed",
	[WIRE_FAILED] = "failed",           [WIRE_ROLLED_BACK] = "rolled-back",
	[WIRE_DEFERRED] = "deferred",
};

/* ---- helpers ------------------------------------------------------------- */

static struct json *message_new(void)
{
	struct json *j = json_new_object();

	json_set_int(j, "v", WIRE_VERSION);
	return j;
}

/* Print a message and free it. */
static int message_end(struct json *j, struct buf *out, struct err *e)
{
	int rc = json_print(j, false, out, e);

	json_free(j);
	return rc;
}

/* Parse a message and check its version; `known` NULL accepts any member. */
static int message_open(struct slice in, const char *const *known,
			struct json **out, struct err *e)
{
	struct json *j = NULL;
	int64_t version;

	if (in.len > WIRE_BODY_MAX)
		return err_set(e, ERR_LIMIT, "message: more than %d bytes",
			       WIRE_BODY_MAX);
	if (json_parse(in, &j, e))
		return err_in(e, "message");
	if (!json_is_object(j)) {
		json_free(j);
		return err_set(e, ERR_FORMAT, "message: not an object");
	}
	if (json_get_int(j, "v", WIRE_VERSION, WIRE_VERSION, &version, e) ||
	    (known && json_only(j, known, e))) {
		json_free(j);
		return err_in(e, "message");
	}
	*out = j;
	return 0;
}

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

static bool is_any(const char *text)
{
	(void)text;
	return true;
}

static bool is_name(const char *text)
{
	return name_is_valid(slice_of(text));
}

/* What a report calls a failure: upper-case letters, digits, '_'; or none. */
static bool is_code(const char *text)
{
	for (; *text; text++)
		if (!(*text >= 'A' && *text <= 'Z') &&
		    !(*text >= '0' && *text <= '9') && *text != '_')
			return false;
	return true;
}

static int get_text(const struct json *j, const char *name,
		    bool (*valid)(const char *), char *out, size_t size,
		    struct err *e)
{
	const char *text;
	size_t len;

	if (json_get_text(j, name, &text, e))
		return -1;
	len = strlen(text);
	if (len >= size)
		return err_set(e, ERR_LIMIT, "%s: too long", name);
	if (!valid(text))
		return err_set(e, ERR_FORMAT, "%s: not allowed here", name);
	memcpy(out, text, len + 1);
	return 0;
}

static int get_count(const struct json *j, const char *name, int64_t max,
		     uint64_t *out, struct err *e)
{
	int64_t value;

	if (json_get_int(j, name, 0, max, &value, e))
		return -1;
	*out = (uint64_t)value;
	return 0;
}

static int get_u32(const struct json *j, const char *name, int64_t max,
		   uint32_t *out, struct err *e)
{
	uint64_t value;

	if (get_count(j, name, max, &value, e))
		return -1;
	*out = (uint32_t)value;
	return 0;
}

static int get_word(const struct json *j, const char *name,
		    const char *const *words, size_t count, size_t *out,
		    struct err *e)
{
	const char *text;

	if (json_get_text(j, name, &text, e))
		return -1;
	for (size_t i = 0; i < count; i++)
		if (strcmp(text, words[i]) == 0) {
			*out = i;
			return 0;
		}
	return err_set(e, ERR_FORMAT, "%s: unknown word", name);
}

static void set_digest(struct json *j, const char *name,
		       const struct sha256 *digest)
{
	json_set_hex(j, name, (struct slice){ digest->bytes, SHA256_LEN });
}

/* ---- enrolment ----------------------------------------------------------- */

int wire_format_nonce(const struct wire_nonce *m, struct buf *out,
		      struct err *e)
{
	struct json *j = message_new();

	json_set_hex(j, "nonce", (struct slice){ m->nonce, WIRE_NONCE_LEN });
	return message_end(j, out, e);
}

int wire_parse_nonce(struct slice in, struct wire_nonce *m, struct err *e)
{
	struct wire_nonce got = { 0 };
	struct json *j;
	int rc;

	if (message_open(in, NULL, &j, e))
		return -1;
	rc = json_get_hex(j, "nonce", got.nonce, WIRE_NONCE_LEN, e);
	json_free(j);
	if (rc == 0)
		*m = got;
	return rc;
}

int wire_format_enrol(const struct wire_enrol *m, struct buf *out,
		      struct err *e)
{
	struct json *j = message_new();

	if (!m->asks)
		json_set_hex(j, "claim",
			     (struct slice){ m->claim, WIRE_CLAIM_LEN });
	json_set_hex(j, "nonce", (struct slice){ m->nonce, WIRE_NONCE_LEN });
	json_set_text(j, "product", m->product);
	json_set_text(j, "model", m->model);
	json_set_text(j, "csr", m->csr);
	json_set_hex(j, "proof", (struct slice){ m->proof, m->proof_len });
	decrypt_key_set(j, &m->decrypt);
	return message_end(j, out, e);
}

/* A signature in hex: any even number of digits up to the longest one. */
static int get_proof(const struct json *j, uint8_t proof[EC_SIG_MAX_LEN],
		     size_t *proof_len, struct err *e)
{
	const char *text;
	size_t len;

	if (json_get_text(j, "proof", &text, e))
		return -1;
	len = strlen(text);
	if (len == 0 || len % 2 != 0 || len / 2 > EC_SIG_MAX_LEN)
		return err_set(e, ERR_FORMAT, "proof: not a signature");
	*proof_len = len / 2;
	if (hex_parse(slice_of(text), proof, *proof_len, e))
		return err_in(e, "proof");
	return 0;
}

int wire_parse_enrol(struct slice in, struct wire_enrol *m, struct err *e)
{
	static const char *const known[] = {
		"v",   "claim", "nonce",       "product",       "model",
		"csr", "proof", "decrypt_key", "decrypt_proof", NULL
	};
	struct wire_enrol got = { 0 };
	struct json *j;
	int rc = -1;

	if (message_open(in, known, &j, e))
		return -1;
	got.asks = !json_get(j, "claim");
	if ((!got.asks &&
	     json_get_hex(j, "claim", got.claim, WIRE_CLAIM_LEN, e)) ||
	    json_get_hex(j, "nonce", got.nonce, WIRE_NONCE_LEN, e) ||
	    get_text(j, "product", is_name, got.product, sizeof(got.product),
		     e) ||
	    get_text(j, "model", is_name, got.model, sizeof(got.model), e) ||
	    get_text(j, "csr", is_any, got.csr, sizeof(got.csr), e) ||
	    get_proof(j, got.proof, &got.proof_len, e) ||
	    decrypt_key_get(j, &got.decrypt, e))
		goto out;
	*m = got;
	rc = 0;
out:
	json_free(j);
	return rc;
}

int wire_format_identity(const struct wire_identity *m, struct buf *out,
			 struct err *e)
{
	struct json *j = message_new();

	json_set_hex(j, "device",
		     (struct slice){ m->device.bytes, DEVICE_ID_LEN });
	json_set_text(j, "cohort", m->cohort);
	json_set_text(j, "certificate", m->certificate);
	return message_end(j, out, e);
}

static int get_identity(const struct json *j, struct wire_identity *m,
			struct err *e)
{
	struct wire_identity got = { 0 };

	if (json_get_hex(j, "device", got.device.bytes, DEVICE_ID_LEN, e) ||
	    get_text(j, "cohort", is_name, got.cohort, sizeof(got.cohort), e) ||
	    get_text(j, "certificate", is_any, got.certificate,
		     sizeof(got.certificate), e))
		return -1;
	*m = got;
	return 0;
}

int wire_parse_identity(struct slice in, struct wire_identity *m, struct err *e)
{
	struct json *j;
	int rc;

	if (message_open(in, NULL, &j, e))
		return -1;
	rc = get_identity(j, m, e);
	json_free(j);
	return rc;
}

int wire_format_joined(const struct wire_joined *m, struct buf *out,
		       struct err *e)
{
	struct json *j;

	if (m->admitted)
		return wire_format_identity(&m->identity, out, e);
	j = message_new();
	json_set_hex(j, "waiting", (struct slice){ m->nonce, WIRE_NONCE_LEN });
	json_set_int(j, "retry", m->retry_sec);
	return message_end(j, out, e);
}

int wire_parse_joined(struct slice in, struct wire_joined *m, struct err *e)
{
	struct wire_joined got = { 0 };
	struct json *j;
	int rc;

	if (message_open(in, NULL, &j, e))
		return -1;
	got.admitted = !json_get(j, "waiting");
	if (got.admitted)
		rc = get_identity(j, &got.identity, e);
	else
		rc = json_get_hex(j, "waiting", got.nonce, WIRE_NONCE_LEN, e) ||
				     get_u32(j, "retry", RETRY_MAX,
					     &got.retry_sec, e)
			     ? -1
			     : 0;
	json_free(j);
	if (rc == 0)
		*m = got;
	return rc;
}

int wire_format_renew(const struct wire_renew *m, struct buf *out,
		      struct err *e)
{
	struct json *j = message_new();

	json_set_text(j, "csr", m->csr);
	json_set_hex(j, "proof", (struct slice){ m->proof, m->proof_len });
	decrypt_key_set(j, &m->decrypt);
	return message_end(j, out, e);
}

int wire_parse_renew(struct slice in, struct wire_renew *m, struct err *e)
{
	static const char *const known[] = {
		"v", "csr", "proof", "decrypt_key", "decrypt_proof", NULL
	};
	struct wire_renew got = { 0 };
	struct json *j;
	int rc = -1;

	if (message_open(in, known, &j, e))
		return -1;
	if (get_text(j, "csr", is_any, got.csr, sizeof(got.csr), e) == 0 &&
	    get_proof(j, got.proof, &got.proof_len, e) == 0 &&
	    decrypt_key_get(j, &got.decrypt, e) == 0) {
		*m = got;
		rc = 0;
	}
	json_free(j);
	return rc;
}

int wire_renew_message(const struct sha256 *certificate,
		       const struct ec_public *new_key, struct buf *out,
		       struct err *e)
{
	uint8_t spki[EC_SPKI_LEN];

	ec_public_to_spki(new_key, spki);
	if (buf_add(out, slice_of("pawl/renew/v1"), e) ||
	    buf_add(out, (struct slice){ certificate->bytes, SHA256_LEN }, e))
		return -1;
	return buf_add(out, (struct slice){ spki, sizeof(spki) }, e);
}

/* ---- readopt ------------------------------------------------------------- */

int wire_format_readopt(const struct wire_readopt *m, struct buf *out,
			struct err *e)
{
	struct json *j = message_new(), *chain = json_new_array();

	for (size_t i = 0; i < m->count; i++) {
		const struct wire_link *link = &m->links[i];
		struct json *one = json_new_object();

		set_digest(one, "certificate", &link->certificate);
		json_set_hex(one, "key",
			     (struct slice){ link->key.point, EC_POINT_LEN });
		json_set_hex(one, "proof",
			     (struct slice){ link->proof, link->proof_len });
		json_add(chain, one);
	}
	json_set(j, "chain", chain);
	if (m->has_decrypt)
		decrypt_key_set(j, &m->decrypt);
	return message_end(j, out, e);
}

static int get_link(const struct json *j, struct wire_link *link, struct err *e)
{
	static const char *const known[] = { "certificate", "key", "proof",
					     NULL };

	if (json_get_hex(j, "certificate", link->certificate.bytes, SHA256_LEN,
			 e) ||
	    json_get_hex(j, "key", link->key.point, EC_POINT_LEN, e) ||
	    ec_public_check(&link->key, e) ||
	    get_proof(j, link->proof, &link->proof_len, e))
		return -1;
	return json_only(j, known, e);
}

static int get_chain(const struct json *j, struct wire_readopt *m,
		     struct err *e)
{
	const struct json *chain;

	if (json_get_array(j, "chain", &chain, e))
		return -1;
	m->count = json_count(chain);
	if (m->count > WIRE_LINKS_MAX)
		return err_set(e, ERR_LIMIT, "chain: more than %d renewals",
			       WIRE_LINKS_MAX);
	for (size_t i = 0; i < m->count; i++)
		if (get_link(json_at(chain, i), &m->links[i], e))
			return err_in(e, "chain");
	return 0;
}

int wire_parse_readopt(struct slice in, struct wire_readopt *m, struct err *e)
{
	static const char *const known[] = { "v", "chain", "decrypt_key",
					     "decrypt_proof", NULL };
	struct json *j;
	int rc;

	*m = (struct wire_readopt){ .count = 0 };
	if (message_open(in, known, &j, e))
		return -1;
	m->has_decrypt =
		json_get(j, "decrypt_key") || json_get(j, "decrypt_proof");
	rc = get_chain(j, m, e) || (m->has_decrypt &&
				    decrypt_key_get(j, &m->decrypt, e))
		     ? -1
		     : 0;
	json_free(j);
	if (rc)
		m->count = 0;
	return rc;
}

int wire_format_readopted(const struct wire_readopted *m, struct buf *out,
			  struct err *e)
{
	struct json *j = message_new();

	if (!m->known)
		json_set_hex(j, "waiting",
			     (struct slice){ m->nonce, WIRE_NONCE_LEN });
	return message_end(j, out, e);
}

int wire_parse_readopted(struct slice in, struct wire_readopted *m,
			 struct err *e)
{
	struct wire_readopted got = { 0 };
	struct json *j;
	int rc = 0;

	if (message_open(in, NULL, &j, e))
		return -1;
	got.known = !json_get(j, "waiting");
	if (!got.known)
		rc = json_get_hex(j, "waiting", got.nonce, WIRE_NONCE_LEN, e);
	json_free(j);
	if (rc == 0)
		*m = got;
	return rc;
}

/* ---- check-in ------------------------------------------------------------ */

static const char *const posture_names[POSTURE_BITS + 1] = {
	[POSTURE_SANDBOX] = "sandbox",
	[POSTURE_SECURE_BOOT] = "secure_boot",
	[POSTURE_ROOT_READ_ONLY] = "root_read_only",
	[POSTURE_HARDWARE_CLOCK] = "hardware_clock",
	[POSTURE_HARDWARE_KEY] = "hardware_key",
	[POSTURE_CONFIG_PRIVATE] = "config_private",
};

const char *wire_posture_name(enum wire_posture_bit bit)
{
	return posture_names[bit];
}

static void set_posture(struct json *j, const struct wire_posture *p)
{
	struct json *posture;

	if (p->known == 0)
		return;
	posture = json_new_object();
	for (unsigned i = 0; i < POSTURE_BITS; i++)
		if (p->known & 1U << i)
			json_set_bool(posture, posture_names[i],
				      p->yes & 1U << i);
	json_set(j, "posture", posture);
}

static int get_posture(const struct json *j, struct wire_posture *p,
		       struct err *e)
{
	const struct json *posture;
	bool yes;

	if (!json_get(j, "posture"))
		return 0;
	if (json_get_object(j, "posture", &posture, e) ||
	    json_only(posture, posture_names, e))
		return -1;
	for (unsigned i = 0; i < POSTURE_BITS; i++) {
		if (!json_get(posture, posture_names[i]))
			continue;
		if (json_get_bool(posture, posture_names[i], &yes, e))
			return -1;
		p->known |= 1U << i;
		p->yes |= yes ? 1U << i : 0;
	}
	return 0;
}

static const char *const first_use_names[] = {
	[WIRE_FIRST_USE_UNSAID] = "",
	[WIRE_FIRST_USE_PENDING] = "pending",
	[WIRE_FIRST_USE_DONE] = "done",
};

static int get_first_use(const struct json *j, enum wire_first_use *out,
			 struct err *e)
{
	const size_t said = WIRE_FIRST_USE_PENDING;
	size_t word;

	if (!json_get(j, "first_use"))
		return 0;
	if (get_word(j, "first_use", &first_use_names[said],
		     ARRAY_LEN(first_use_names) - said, &word, e))
		return -1;
	*out = (enum wire_first_use)(said + word);
	return 0;
}

int wire_format_checkin(const struct wire_checkin *m, struct buf *out,
			struct err *e)
{
	struct json *j = message_new();
	struct json *release;

	json_set_text(j, "product", m->product);
	json_set_text(j, "model", m->model);
	if (m->hardware[0])
		json_set_text(j, "hardware", m->hardware);
	if (m->has_release) {
		release = json_new_object();
		json_set_text(release, "id", m->release);
		json_set_int(release, "seq", (int64_t)m->seq);
		set_digest(release, "digest", &m->digest);
		json_set(j, "release", release);
	}
	json_set_bool(j, "confirmed", m->confirmed);
	json_set_int(j, "activation", (int64_t)m->activation);
	json_set_int(j, "interval", m->interval_sec);
	json_set_text(j, "updater", m->updater);
	if (m->has_boot)
		json_set_hex(j, "boot",
			     (struct slice){ m->boot, WIRE_BOOT_LEN });
	set_posture(j, &m->posture);
	if (m->first_use != WIRE_FIRST_USE_UNSAID)
		json_set_text(j, "first_use", first_use_names[m->first_use]);
	return message_end(j, out, e);
}

static int get_running(const struct json *j, struct wire_checkin *m,
		       struct err *e)
{
	static const char *const known[] = { "id", "seq", "digest", NULL };
	const struct json *release;

	if (!json_get(j, "release"))
		return 0;
	if (json_get_object(j, "release", &release, e) ||
	    json_only(release, known, e) ||
	    get_text(release, "id", is_name, m->release, sizeof(m->release),
		     e) ||
	    get_count(release, "seq", JSON_INT_MAX, &m->seq, e) ||
	    json_get_hex(release, "digest", m->digest.bytes, SHA256_LEN, e))
		return -1;
	m->has_release = true;
	return 0;
}

int wire_parse_checkin(struct slice in, struct wire_checkin *m, struct err *e)
{
	static const char *const known[] = {
		"v",          "product",  "model",   "release", "confirmed",
		"activation", "interval", "updater", "boot",    "posture",
		"first_use",  "hardware", NULL
	};
	struct wire_checkin got = { 0 };
	struct json *j;
	int rc = -1;

	if (message_open(in, known, &j, e))
		return -1;
	if (get_text(j, "product", is_name, got.product, sizeof(got.product),
		     e) ||
	    get_text(j, "model", is_name, got.model, sizeof(got.model), e) ||
	    (json_get(j, "hardware") &&
	     get_text(j, "hardware", is_name, got.hardware,
		      sizeof(got.hardware), e)) ||
	    get_running(j, &got, e) ||
	    json_get_bool(j, "confirmed", &got.confirmed, e) ||
	    get_count(j, "activation", JSON_INT_MAX, &got.activation, e) ||
	    get_u32(j, "interval", INTERVAL_MAX, &got.interval_sec, e) ||
	    get_text(j, "updater", is_printable, got.updater,
		     sizeof(got.updater), e) ||
	    get_posture(j, &got.posture, e) ||
	    get_first_use(j, &got.first_use, e))
		goto out;
	got.has_boot = json_get(j, "boot") != NULL;
	if (got.has_boot && json_get_hex(j, "boot", got.boot, WIRE_BOOT_LEN, e))
		goto out;
	*m = got;
	rc = 0;
out:
	json_free(j);
	return rc;
}

int wire_format_decision(const struct wire_decision *m, struct buf *out,
			 struct err *e)
{
	struct json *j = message_new();
	struct json *release;

	json_set_text(j, "action", action_names[m->action]);
	if (m->action == WIRE_UPDATE) {
		release = json_new_object();
		json_set_text(release, "id", m->release);
		set_digest(release, "digest", &m->digest);
		json_set(j, "release", release);
		json_set_int(j, "attempt", (int64_t)m->attempt);
	}
	json_set_int(j, "next_check", m->next_check_sec);
	json_set_text(j, "reason", m->reason);
	return message_end(j, out, e);
}

static int get_offer(const struct json *j, struct wire_decision *m,
		     struct err *e)
{
	const struct json *release;

	if (json_get_object(j, "release", &release, e) ||
	    get_text(release, "id", is_name, m->release, sizeof(m->release),
		     e) ||
	    json_get_hex(release, "digest", m->digest.bytes, SHA256_LEN, e))
		return -1;
	return get_count(j, "attempt", JSON_INT_MAX, &m->attempt, e);
}

int wire_parse_decision(struct slice in, struct wire_decision *m, struct err *e)
{
	struct wire_decision got = { 0 };
	const char *reason;
	struct json *j;
	size_t action;
	int rc = -1;

	if (message_open(in, NULL, &j, e))
		return -1;
	if (get_word(j, "action", action_names, ARRAY_LEN(action_names),
		     &action, e) ||
	    get_u32(j, "next_check", INTERVAL_MAX, &got.next_check_sec, e) ||
	    json_get_text(j, "reason", &reason, e))
		goto out;
	got.action = (enum wire_action)action;
	/* A person reads it on a terminal: nothing foreign gets there. */
	text_escape(slice_of(reason), got.reason, sizeof(got.reason));
	if (got.action == WIRE_UPDATE && get_offer(j, &got, e))
		goto out;
	*m = got;
	rc = 0;
out:
	json_free(j);
	return rc;
}

/* ---- reports ------------------------------------------------------------- */

/* Bytes of the UTF-8 sequence at the start of s; 0 if it is not one. */
static size_t utf8_len(const uint8_t *s)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t point;
	size_t len;

	if (s[0] < 0x80)
		return 1;
	len = s[0] < 0xc2   ? 0
	      : s[0] < 0xe0 ? 2
	      : s[0] < 0xf0 ? 3
	      : s[0] < 0xf5 ? 4
			    : 0;
	if (len == 0)
		return 0;
	point = s[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (s[i] & 0x3fu);
	}
	if (point < least[len] || point > 0x10ffff ||
	    (point >= 0xd800 && point < 0xe000))
		return 0;
	return len;
}

/* What a failing program printed may be anything; JSON takes UTF-8 alone. */
static void clean_evidence(const char *in, char *out, size_t size)
{
	const uint8_t *s = (const uint8_t *)in;
	size_t used = 0;

	while (*s) {
		size_t len = utf8_len(s);

		if (used + (len ? len : 1) >= size)
			break;
		if (len == 0)
			out[used] = '?';
		else
			memcpy(out + used, s, len);
		used += len ? len : 1;
		s += len ? len : 1;
	}
	out[used] = 0;
}

static int format_report(const struct wire_report *m, const char *evidence,
			 struct buf *out, struct err *e)
{
	struct json *j = message_new();

	json_set_int(j, "attempt", (int64_t)m->attempt);
	json_set_int(j, "sequence", m->sequence);
	json_set_text(j, "state", state_names[m->state]);
	json_set_text(j, "code", m->code);
	json_set_int(j, "activation", (int64_t)m->activation);
	set_digest(j, "running", &m->running);
	json_set_text(j, "evidence", evidence);
	return message_end(j, out, e);
}

int wire_format_report(const struct wire_report *m, struct buf *out,
		       struct err *e)
{
	char clean[WIRE_EVIDENCE_MAX + 1] = "";
	const char *from = clean;

	clean_evidence(m->evidence, clean, sizeof(clean));
	for (;;) {
		struct buf body = BUF_INIT(WIRE_BODY_MAX);
		int rc = format_report(m, from, &body, e);

		if (rc == 0)
			rc = buf_add(out, buf_slice(&body), e);
		buf_done(&body);
		if (rc == 0 || e->code != ERR_LIMIT || !*from)
			return rc;
		/* Escapes made it too long: the last lines matter most. */
		from += strlen(from) < EVIDENCE_STEP ? strlen(from)
						     : EVIDENCE_STEP;
		while (((uint8_t)*from & 0xc0) == 0x80)
			from++;
	}
}

int wire_parse_report(struct slice in, struct wire_report *m, struct err *e)
{
	static const char *const known[] = {
		"v",          "attempt", "sequence", "state", "code",
		"activation", "running", "evidence", NULL
	};
	struct wire_report got = { 0 };
	struct json *j;
	size_t state;
	int rc = -1;

	if (message_open(in, known, &j, e))
		return -1;
	if (get_count(j, "attempt", JSON_INT_MAX, &got.attempt, e) ||
	    get_u32(j, "sequence", UINT32_MAX, &got.sequence, e) ||
	    get_word(j, "state", state_names, ARRAY_LEN(state_names), &state,
		     e) ||
	    get_text(j, "code", is_code, got.code, sizeof(got.code), e) ||
	    get_count(j, "activation", JSON_INT_MAX, &got.activation, e) ||
	    json_get_hex(j, "running", got.running.bytes, SHA256_LEN, e) ||
	    get_text(j, "evidence", is_any, got.evidence, sizeof(got.evidence),
		     e))
		goto out;
	got.state = (enum wire_state)state;
	*m = got;
	rc = 0;
out:
	json_free(j);
	return rc;
}

const char *wire_state_name(enum wire_state state)
{
	return state_names[state];
}

/* ---- errors -------------------------------------------------------------- */

int wire_format_error(const struct err *failure, struct buf *out, struct err *e)
{
	struct json *j = message_new();
	char safe[ERR_MSG_LEN];

	text_escape(slice_of(failure->msg), safe, sizeof(safe));
	json_set_text(j, "error", err_name(failure->code));
	json_set_text(j, "message", safe);
	return message_end(j, out, e);
}

int wire_parse_error(struct slice in, struct err *failure, struct err *e)
{
	const char *name, *message;
	enum err_code code = ERR_SYSTEM;
	struct json *j;
	int rc = -1;

	if (message_open(in, NULL, &j, e))
		return -1;
	if (json_get_text(j, "error", &name, e) ||
	    json_get_text(j, "message", &message, e))
		goto out;
	for (int i = ERR_SYSTEM; i <= ERR_HEALTH; i++)
		if (strcmp(name, err_name((enum err_code)i)) == 0)
			code = (enum err_code)i;
	failure->code = code;
	text_escape(slice_of(message), failure->msg, sizeof(failure->msg));
	rc = 0;
out:
	json_free(j);
	return rc;
}

int wire_status(enum err_code code)
{
	switch (code) {
	case ERR_NONE:
		return 200;
	case ERR_USAGE:
	case ERR_FORMAT:
		return 400;
	case ERR_UNTRUSTED:
	case ERR_EXPIRED:
	case ERR_REFUSED:
		return 403;
	case ERR_NOT_FOUND:
		return 404;
	case ERR_ROLLBACK:
	case ERR_CONFLICT:
	case ERR_HEALTH:
		return 409;
	case ERR_LIMIT:
		return 413;
	case ERR_BUSY:
		return 429;
	case ERR_NETWORK:
	case ERR_SPACE:
		return 503;
	case ERR_SYSTEM:
	case ERR_CONFIG:
		break;
	}
	return 500;
}

/* ---- proofs -------------------------------------------------------------- */

int wire_enrol_message(const struct wire_enrol *m, const struct ec_public *key,
		       struct buf *out, struct err *e)
{
	uint8_t spki[2][EC_SPKI_LEN];

	ec_public_to_spki(key, spki[0]);
	ec_public_to_spki(&m->decrypt.key, spki[1]);
	if (buf_add(out, slice_of(ENROL_LABEL), e) ||
	    buf_add(out, (struct slice){ m->nonce, WIRE_NONCE_LEN }, e))
		return -1;
	if (buf_add(out, (struct slice){ m->claim, WIRE_CLAIM_LEN }, e))
		return -1;
	return buf_add(out, (struct slice){ spki[0], sizeof(spki) }, e);
}

int wire_enrol_check(const struct wire_enrol *m, struct ec_public *key,
		     struct err *e)
{
	const struct slice proof = { m->proof, m->proof_len };
	struct buf message = BUF_INIT(512);
	struct ec_public got;
	int rc = -1;

	if (x509_request_key(slice_of(m->csr), &got, e)) {
		err_in(e, "certificate request");
		goto out;
	}
	if (wire_enrol_message(m, &got, &message, e) ||
	    ec_verify(&got, buf_slice(&message), proof, e)) {
		err_in(e, "proof of possession");
		goto out;
	}
	if (decrypt_key_check(&m->decrypt, &got, e))
		goto out;
	*key = got;
	rc = 0;
out:
	buf_wipe(&message);
	return rc;
}
