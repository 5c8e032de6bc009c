/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire.h"

#include <string.h>

#include "common/text.h"
#include "common/utc.h"
#include "common/wire_body.h"

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
	if (wire_get_word(j, "first_use", &first_use_names[said],
			  ARRAY_LEN(first_use_names) - said, &word, e))
		return -1;
	*out = (enum wire_first_use)(said + word);
	return 0;
}

int wire_format_checkin(const struct wire_checkin *m, struct buf *out,
			struct err *e)
{
	struct json *j = wire_body_new();
	struct json *release;

	json_set_text(j, "product", m->product);
	json_set_text(j, "model", m->model);
	if (m->hardware[0])
		json_set_text(j, "hardware", m->hardware);
	if (m->has_release) {
		release = json_new_object();
		json_set_text(release, "id", m->release);
		json_set_int(release, "seq", (int64_t)m->seq);
		wire_set_digest(release, "digest", &m->digest);
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
	return wire_body_end(j, out, e);
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
	    wire_get_text(release, "id", wire_is_name, m->release,
			  sizeof(m->release), e) ||
	    wire_get_count(release, "seq", JSON_INT_MAX, &m->seq, e) ||
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

	if (wire_body_open(in, known, &j, e))
		return -1;
	if (wire_get_text(j, "product", wire_is_name, got.product,
			  sizeof(got.product), e) ||
	    wire_get_text(j, "model", wire_is_name, got.model,
			  sizeof(got.model), e) ||
	    (json_get(j, "hardware") &&
	     wire_get_text(j, "hardware", wire_is_name, got.hardware,
			   sizeof(got.hardware), e)) ||
	    get_running(j, &got, e) ||
	    json_get_bool(j, "confirmed", &got.confirmed, e) ||
	    wire_get_count(j, "activation", JSON_INT_MAX, &got.activation, e) ||
	    wire_get_u32(j, "interval", INTERVAL_MAX, &got.interval_sec, e) ||
	    wire_get_text(j, "updater", wire_is_printable, got.updater,
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
	struct json *j = wire_body_new();
	struct json *release;

	json_set_text(j, "action", action_names[m->action]);
	if (m->action == WIRE_UPDATE) {
		release = json_new_object();
		json_set_text(release, "id", m->release);
		wire_set_digest(release, "digest", &m->digest);
		json_set(j, "release", release);
		json_set_int(j, "attempt", (int64_t)m->attempt);
	}
	json_set_int(j, "next_check", m->next_check_sec);
	json_set_text(j, "reason", m->reason);
	return wire_body_end(j, out, e);
}

static int get_offer(const struct json *j, struct wire_decision *m,
		     struct err *e)
{
	const struct json *release;

	if (json_get_object(j, "release", &release, e) ||
	    wire_get_text(release, "id", wire_is_name, m->release,
			  sizeof(m->release), e) ||
	    json_get_hex(release, "digest", m->digest.bytes, SHA256_LEN, e))
		return -1;
	return wire_get_count(j, "attempt", JSON_INT_MAX, &m->attempt, e);
}

int wire_parse_decision(struct slice in, struct wire_decision *m, struct err *e)
{
	struct wire_decision got = { 0 };
	const char *reason;
	struct json *j;
	size_t action;
	int rc = -1;

	if (wire_body_open(in, NULL, &j, e))
		return -1;
	if (wire_get_word(j, "action", action_names, ARRAY_LEN(action_names),
			  &action, e) ||
	    wire_get_u32(j, "next_check", INTERVAL_MAX, &got.next_check_sec,
			 e) ||
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

/* What a report calls a failure: upper-case letters, digits, '_'; or none. */
static bool is_code(const char *text)
{
	for (; *text; text++)
		if (!(*text >= 'A' && *text <= 'Z') &&
		    !(*text >= '0' && *text <= '9') && *text != '_')
			return false;
	return true;
}

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
	struct json *j = wire_body_new();
	char until[UTC_TEXT_LEN];

	json_set_int(j, "attempt", (int64_t)m->attempt);
	json_set_int(j, "sequence", m->sequence);
	json_set_text(j, "state", state_names[m->state]);
	json_set_text(j, "code", m->code);
	json_set_int(j, "activation", (int64_t)m->activation);
	wire_set_digest(j, "running", &m->running);
	if (m->until > 0) {
		utc_format(m->until, until);
		json_set_text(j, "until", until);
	}
	json_set_text(j, "evidence", evidence);
	return wire_body_end(j, out, e);
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

/* Only who puts off may say so, and need not. */
static int get_until(const struct json *j, struct wire_report *m, struct err *e)
{
	const char *text;

	if (!json_get(j, "until"))
		return 0;
	if (m->state != WIRE_DEFERRED)
		return err_set(e, ERR_FORMAT, "\"until\" has no place here");
	return json_get_text(j, "until", &text, e) ||
			       utc_parse(slice_of(text), &m->until, e)
		       ? -1
		       : 0;
}

int wire_parse_report(struct slice in, struct wire_report *m, struct err *e)
{
	static const char *const known[] = {
		"v",          "attempt", "sequence", "state", "code",
		"activation", "running", "evidence", "until", NULL
	};
	struct wire_report got = { 0 };
	struct json *j;
	size_t state;
	int rc = -1;

	if (wire_body_open(in, known, &j, e))
		return -1;
	if (wire_get_count(j, "attempt", JSON_INT_MAX, &got.attempt, e) ||
	    wire_get_u32(j, "sequence", UINT32_MAX, &got.sequence, e) ||
	    wire_get_word(j, "state", state_names, ARRAY_LEN(state_names),
			  &state, e) ||
	    wire_get_text(j, "code", is_code, got.code, sizeof(got.code), e) ||
	    wire_get_count(j, "activation", JSON_INT_MAX, &got.activation, e) ||
	    json_get_hex(j, "running", got.running.bytes, SHA256_LEN, e) ||
	    wire_get_text(j, "evidence", wire_is_any, got.evidence,
			  sizeof(got.evidence), e))
		goto out;
	got.state = (enum wire_state)state;
	if (get_until(j, &got, e))
		goto out;
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
	struct json *j = wire_body_new();
	char safe[ERR_MSG_LEN];

	text_escape(slice_of(failure->msg), safe, sizeof(safe));
	json_set_text(j, "error", err_name(failure->code));
	json_set_text(j, "message", safe);
	return wire_body_end(j, out, e);
}

int wire_parse_error(struct slice in, struct err *failure, struct err *e)
{
	const char *name, *message;
	enum err_code code = ERR_SYSTEM;
	struct json *j;
	int rc = -1;

	if (wire_body_open(in, NULL, &j, e))
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
