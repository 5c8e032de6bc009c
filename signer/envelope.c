/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/envelope.h"

#include <string.h>

#include "common/text.h"
#include "common/utc.h"

const char *envelope_role_of(const struct json *signed_part)
{
	const char *type = json_text(json_get(signed_part, "_type"));
	const struct json *role =
		json_get(json_get(signed_part, "pawl"), "role");

	if (strcmp(type, "targets") == 0 && role)
		return json_text(role);
	return type;
}

const char *envelope_role(const struct json *envelope)
{
	return envelope_role_of(envelope_signed(envelope));
}

enum tuf_role envelope_type(const char *role)
{
	return strcmp(role, "root") == 0 ? TUF_ROOT : TUF_TARGETS;
}

const struct json *envelope_signed(const struct json *envelope)
{
	return json_get(envelope, "signed");
}

size_t envelope_signature_count(const struct json *envelope)
{
	return json_count(json_get(envelope, "signatures"));
}

int64_t envelope_version(const struct json *envelope)
{
	return json_int(json_get(envelope_signed(envelope), "version"));
}

struct json *envelope_unsigned(const struct json *signed_part)
{
	struct json *envelope = json_new_object();

	json_set(envelope, "signatures", json_new_array());
	json_set(envelope, "signed", json_clone(signed_part));
	return envelope;
}

static int check_role(const struct json *signed_part, struct err *e)
{
	const char *type;
	const struct json *role;

	if (json_get_text(signed_part, "_type", &type, e))
		return -1;
	if (strcmp(type, "root") != 0 && strcmp(type, "targets") != 0)
		return err_set(e, ERR_FORMAT,
			       "\"_type\" is neither root nor targets");
	role = json_get(json_get(signed_part, "pawl"), "role");
	if (role && !roles_is_delegated(json_text(role)))
		return err_set(e, ERR_FORMAT,
			       "\"role\" is no delegated role's name");
	return 0;
}

static int check_date(const struct json *signed_part, const char *name,
		      struct err *e)
{
	const char *text;
	int64_t sec;

	if (json_get_text(signed_part, name, &text, e))
		return -1;
	if (utc_parse(slice_of(text), &sec, e))
		return err_in(e, "\"%s\"", name);
	return 0;
}

static int check_signed(const struct json *signed_part, struct err *e)
{
	const char *spec;
	int64_t version;

	if (check_role(signed_part, e) ||
	    json_get_text(signed_part, "spec_version", &spec, e) ||
	    json_get_int(signed_part, "version", 1, JSON_INT_MAX, &version,
			 e) ||
	    check_date(signed_part, "issued", e) ||
	    check_date(signed_part, "expires", e))
		return -1;
	if (strcmp(spec, "1.0.34") != 0)
		return err_set(e, ERR_FORMAT, "\"spec_version\" is not 1.0.34");
	return 0;
}

static int check_signature(const struct json *signatures, size_t index,
			   struct err *e)
{
	static const char *const members[] = { "keyid", "sig", NULL };
	const struct json *signature = json_at(signatures, index);
	const char *keyid, *sig, *other;
	uint8_t bytes[SHA256_LEN];

	if (!json_is_object(signature) || json_only(signature, members, e) ||
	    json_get_text(signature, "keyid", &keyid, e) ||
	    json_get_text(signature, "sig", &sig, e) ||
	    hex_parse(slice_of(keyid), bytes, sizeof(bytes), e))
		return err_set(e, ERR_FORMAT, "signature %zu is malformed",
			       index + 1);
	if (strlen(sig) > (size_t)2 * EC_SIG_MAX_LEN)
		return err_set(e, ERR_LIMIT, "signature %zu is too long",
			       index + 1);
	for (size_t i = 0; i < index; i++) {
		other = json_text(json_get(json_at(signatures, i), "keyid"));
		if (strcmp(other, keyid) == 0)
			return err_set(e, ERR_FORMAT,
				       "two signatures of the key %.12s",
				       keyid);
	}
	return 0;
}

static int check_envelope(const struct json *envelope, struct err *e)
{
	static const char *const members[] = { "signatures", "signed", NULL };
	const struct json *signatures, *signed_part;

	if (!json_is_object(envelope))
		return err_set(e, ERR_FORMAT, "not a JSON object");
	if (json_only(envelope, members, e) ||
	    json_get_array(envelope, "signatures", &signatures, e) ||
	    json_get_object(envelope, "signed", &signed_part, e))
		return -1;
	if (json_count(signatures) > ENVELOPE_SIGNATURES_MAX)
		return err_set(e, ERR_LIMIT, "more than %d signatures",
			       ENVELOPE_SIGNATURES_MAX);
	for (size_t i = 0; i < json_count(signatures); i++)
		if (check_signature(signatures, i, e))
			return -1;
	return check_signed(signed_part, e);
}

int envelope_parse(struct slice in, struct json **out, struct err *e)
{
	struct json *envelope;

	if (in.len > ENVELOPE_MAX_LEN)
		return err_set(e, ERR_LIMIT, "larger than %d bytes",
			       ENVELOPE_MAX_LEN);
	if (json_parse(in, &envelope, e))
		return -1;
	if (check_envelope(envelope, e)) {
		json_free(envelope);
		return -1;
	}
	*out = envelope;
	return 0;
}

/* ---- keys and signatures ------------------------------------------------- */

int envelope_role_key(const struct json *by, const char *role,
		      const char *keyid, struct ec_public *out, struct err *e)
{
	const struct json *key = json_get(roles_keys(by), keyid);
	const char *pem;

	if (!key || !roles_has(by, role, keyid))
		return err_set(e, ERR_NOT_FOUND, "%.12s is no key of role %s",
			       keyid, role);
	pem = json_text(json_get(json_get(key, "keyval"), "public"));
	return ec_public_from_pem(slice_of(pem), out, e);
}

/* Whose keys may sign. */
struct judges {
	const char *role;
	const struct json *const *at;
	size_t count;
};

static int find_key(const struct judges *j, const char *keyid,
		    struct ec_public *out, struct err *e)
{
	struct err why = { 0 };
	char shown[80];

	for (size_t i = 0; i < j->count; i++)
		if (j->at[i] &&
		    envelope_role_key(j->at[i], j->role, keyid, out, &why) == 0)
			return 0;
	text_escape(slice_sub(slice_of(keyid), 0, 12), shown, sizeof(shown));
	return err_set(e, ERR_UNTRUSTED,
		       "a signature is by %s, which is no %s key of this "
		       "repository",
		       shown, j->role);
}

static int verify_signature(const struct json *signature, struct slice message,
			    const struct ec_public *key, struct err *e)
{
	const char *keyid = json_text(json_get(signature, "keyid"));
	const char *hex = json_text(json_get(signature, "sig"));
	uint8_t sig[EC_SIG_MAX_LEN];
	size_t len = strlen(hex) / 2;

	if (len == 0 || len > sizeof(sig) ||
	    hex_parse(slice_of(hex), sig, len, e) ||
	    ec_verify(key, message, (struct slice){ sig, len }, e))
		return err_set(e, ERR_UNTRUSTED,
			       "the signature by %.12s is wrong", keyid);
	return 0;
}

static bool has_signature(const struct json *envelope, const char *keyid)
{
	const struct json *signatures = json_get(envelope, "signatures");

	for (size_t i = 0; i < json_count(signatures); i++)
		if (strcmp(json_text(json_get(json_at(signatures, i), "keyid")),
			   keyid) == 0)
			return true;
	return false;
}

/* Every signature of `from` is good, and there is room for the new ones. */
static int check_signatures(const struct json *to, const struct json *from,
			    const struct judges *j, struct err *e)
{
	const struct json *signatures = json_get(from, "signatures");
	struct buf message = BUF_INIT(ENVELOPE_MAX_LEN);
	size_t total = envelope_signature_count(to);
	struct ec_public key;
	int rc = -1;

	if (json_canonical(envelope_signed(to), &message, e))
		goto out;
	for (size_t i = 0; i < json_count(signatures); i++) {
		const struct json *signature = json_at(signatures, i);
		const char *keyid = json_text(json_get(signature, "keyid"));

		if (find_key(j, keyid, &key, e) ||
		    verify_signature(signature, buf_slice(&message), &key, e))
			goto out;
		total += has_signature(to, keyid) ? 0 : 1;
	}
	if (total > ENVELOPE_SIGNATURES_MAX) {
		err_set(e, ERR_LIMIT, "more than %d signatures",
			ENVELOPE_SIGNATURES_MAX);
		goto out;
	}
	rc = 0;
out:
	buf_done(&message);
	return rc;
}

int envelope_merge(struct json *to, const struct json *from,
		   const struct json *const *judges, size_t judge_count,
		   size_t *added, struct err *e)
{
	const struct judges all = { envelope_role(to), judges, judge_count };
	size_t before = envelope_signature_count(to), merged;

	if (!json_same(envelope_signed(to), envelope_signed(from)))
		return err_set(e, ERR_CONFLICT,
			       "its content is not what is staged here: it was "
			       "changed, or is from before the last change");
	if (check_signatures(to, from, &all, e))
		return -1;
	/* In the order of key ids: whoever merges gets the same file. */
	for (size_t i = 0; i < judge_count; i++)
		if (judges[i] && tuf_merge(to, from, judges[i], &merged, e))
			return -1;
	*added = envelope_signature_count(to) - before;
	return 0;
}
