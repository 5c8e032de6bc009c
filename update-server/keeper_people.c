/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/keeper_people.h"

#include <string.h>

#include "common/fs.h"
#include "common/hkdf.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/text.h"
#include "common/utc.h"

#define FILE_NAME "keeper/people.json"
#define FILE_MAX  131072

static const char salt[] = "pawl/keeper/v1";

int keeper_seal_of(const struct ec_private *key, struct keeper_seal *out,
		   struct err *e)
{
	uint8_t scalar[EC_SCALAR_LEN], even[HKDF_KEY_LEN];
	int rc;

	ec_private_scalar(key, scalar);
	hkdf_extract(slice_of(salt), (struct slice){ scalar, sizeof(scalar) },
		     even);
	rc = hkdf_expand(even, slice_of("ledger"), out->ledger,
			 sizeof(out->ledger), e) ||
			     hkdf_expand(even, slice_of("people"), out->people,
					 sizeof(out->people), e)
		     ? -1
		     : 0;
	mem_wipe(scalar, sizeof(scalar));
	mem_wipe(even, sizeof(even));
	return rc;
}

static int mac_of(const struct keeper_seal *seal, const struct json *list,
		  struct sha256 *out, struct err *e)
{
	struct buf bytes = BUF_INIT(FILE_MAX);
	int rc = json_canonical(list, &bytes, e);

	if (rc == 0) /* HKDF's first step is HMAC-SHA256 */
		hkdf_extract((struct slice){ seal->people, LEDGER_KEY_LEN },
			     buf_slice(&bytes), out->bytes);
	buf_done(&bytes);
	return rc;
}

/* ---- reading ------------------------------------------------------------- */

static int read_person(const struct json *j, struct keeper_person *p,
		       struct err *e)
{
	const char *roles, *end;

	if (json_get_hex(j, "certificate", p->certificate.bytes, SHA256_LEN,
			 e) ||
	    json_get_hex(j, "key", p->key.point, EC_POINT_LEN, e) ||
	    json_get_text(j, "roles", &roles, e) ||
	    json_get_text(j, "not_after", &end, e) ||
	    utc_parse(slice_of(end), &p->not_after, e) ||
	    json_get_bool(j, "revoked", &p->revoked, e) ||
	    text_format(p->roles, sizeof(p->roles), e, "%s", roles))
		return -1;
	return 0;
}

static int read_list(const struct json *list, struct keeper_people *out,
		     struct err *e)
{
	const struct json *people;

	if (json_get_int(list, "version", 1, JSON_INT_MAX, &out->version, e) ||
	    json_get_array(list, "people", &people, e))
		return -1;
	if (json_count(people) > KEEPER_PEOPLE_MAX)
		return err_set(e, ERR_LIMIT, "too many people");
	for (size_t i = 0; i < json_count(people); i++)
		if (read_person(json_at(people, i), &out->at[out->count++], e))
			return -1;
	return 0;
}

static int read_file(struct slice file, const struct keeper_seal *seal,
		     struct keeper_people *out, struct err *e)
{
	const struct json *list;
	struct json *j = NULL;
	struct sha256 is, was;
	int rc = -1;

	if (json_parse(file, &j, e) ||
	    json_get_hex(j, "mac", was.bytes, SHA256_LEN, e) ||
	    json_get_object(j, "list", &list, e) || mac_of(seal, list, &is, e))
		goto out;
	rc = sha256_equal(&is, &was)
		     ? read_list(list, out, e)
		     : err_set(e, ERR_UNTRUSTED,
			       "it was not written with the keeper's secret");
out:
	json_free(j);
	return rc;
}

int keeper_people_load(int dirfd, const struct keeper_seal *seal,
		       struct keeper_people *out, struct err *e)
{
	struct buf file = BUF_INIT(FILE_MAX);
	struct err why;
	int rc = -1;

	memset(out, 0, sizeof(*out));
	if (fs_read_file(dirfd, FILE_NAME, &file, &why) == 0)
		rc = read_file(buf_slice(&file), seal, out, e);
	else if (why.code == ERR_NOT_FOUND)
		rc = 0;
	else
		*e = why;
	buf_done(&file);
	return rc ? err_in(e, FILE_NAME) : 0;
}

/* ---- writing ------------------------------------------------------------- */

static struct json *person_json(const struct keeper_person *p)
{
	struct json *j = json_new_object();
	char end[UTC_TEXT_LEN];

	utc_format(p->not_after, end);
	json_set_hex(j, "certificate",
		     (struct slice){ p->certificate.bytes, SHA256_LEN });
	json_set_hex(j, "key", (struct slice){ p->key.point, EC_POINT_LEN });
	json_set_text(j, "not_after", end);
	json_set_text(j, "roles", p->roles);
	json_set_bool(j, "revoked", p->revoked);
	return j;
}

int keeper_people_save(int dirfd, const struct keeper_seal *seal,
		       struct keeper_people *people, struct err *e)
{
	struct json *j = json_new_object(), *list = json_new_object();
	struct json *all = json_new_array();
	struct buf file = BUF_INIT(FILE_MAX);
	struct sha256 mac;
	int rc = -1;

	for (size_t i = 0; i < people->count; i++)
		json_add(all, person_json(&people->at[i]));
	json_set_int(list, "version", people->version + 1);
	json_set(list, "people", all);
	if (mac_of(seal, list, &mac, e)) {
		json_free(list);
		goto out;
	}
	json_set(j, "list", list);
	json_set_hex(j, "mac", (struct slice){ mac.bytes, SHA256_LEN });
	if (json_canonical(j, &file, e) ||
	    fs_replace_file(dirfd, FILE_NAME, buf_slice(&file), 0600, e))
		goto out;
	people->version++;
	rc = 0;
out:
	json_free(j);
	buf_done(&file);
	return rc ? err_in(e, FILE_NAME) : 0;
}

/* ---- asking -------------------------------------------------------------- */

struct keeper_person *keeper_people_find(struct keeper_people *people,
					 const struct sha256 *certificate)
{
	for (size_t i = 0; i < people->count; i++)
		if (sha256_equal(&people->at[i].certificate, certificate))
			return &people->at[i];
	return NULL;
}

int keeper_people_check(const struct keeper_people *people,
			const struct sha256 *certificate, const char *role,
			int64_t now, struct ec_public *key, struct err *e)
{
	const struct keeper_person *p = NULL;

	for (size_t i = 0; i < people->count && !p; i++)
		if (sha256_equal(&people->at[i].certificate, certificate))
			p = &people->at[i];
	if (!p)
		return err_set(e, ERR_REFUSED,
			       "the keeper does not know who signed this: who "
			       "installs the server lets them in once more "
			       "(person add)");
	if (p->revoked || !rights_holds(p->roles, role))
		return err_set(e, ERR_REFUSED,
			       "the keeper knows who signed this as %s%s: it "
			       "takes an %s",
			       p->roles, p->revoked ? ", revoked" : "", role);
	if (p->not_after < now)
		return err_set(e, ERR_EXPIRED,
			       "the certificate of who signed this has ended");
	*key = p->key;
	return 0;
}
