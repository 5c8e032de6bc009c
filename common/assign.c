/* SPDX-License-Identifier: Apache-2.0 */
#include "common/assign.h"

#include <string.h>

#include "common/json.h"
#include "common/utc.h"

#define FORMAT_VERSION 1

static const char *const members[] = { "v",       "type",   "device", "cohort",
				       "version", "issued", "lab",    NULL };

static int read_issued(const struct json *j, int64_t *out, struct err *e)
{
	const char *text;

	if (json_get_text(j, "issued", &text, e))
		return -1;
	return utc_parse(slice_of(text), out, e) ? err_in(e, "\"issued\"") : 0;
}

static int read_cohort(const struct json *j, char out[NAME_MAX_LEN + 1],
		       struct err *e)
{
	const char *text;

	if (json_get_text(j, "cohort", &text, e))
		return -1;
	if (!name_is_valid(slice_of(text)))
		return err_set(e, ERR_FORMAT, "\"cohort\" is not a name");
	return text_format(out, NAME_MAX_LEN + 1, e, "%s", text);
}

static int read_members(const struct json *j, struct assign *a, struct err *e)
{
	int64_t v, version;
	const char *type;

	if (json_get_int(j, "v", 1, JSON_INT_MAX, &v, e) ||
	    json_get_text(j, "type", &type, e))
		return -1;
	if (strcmp(type, "assignment") != 0)
		return err_set(e, ERR_FORMAT, "not an assignment");
	if (v != FORMAT_VERSION)
		return err_set(e, ERR_REFUSED,
			       "the assignment needs a newer updater");
	if (json_only(j, members, e) ||
	    json_get_hex(j, "device", a->device.bytes, DEVICE_ID_LEN, e) ||
	    read_cohort(j, a->cohort, e) ||
	    json_get_int(j, "version", 1, JSON_INT_MAX, &version, e))
		return -1;
	a->version = (uint64_t)version;
	if (json_get(j, "lab") && json_get_bool(j, "lab", &a->lab, e))
		return -1;
	return read_issued(j, &a->issued, e);
}

/* There is one spelling of a document, so nothing hides in another. */
static int check_spelling(const struct assign *a, struct slice in,
			  struct err *e)
{
	struct buf again = BUF_INIT(ASSIGN_BYTES_MAX);
	int rc = assign_format(a, &again, e);

	if (rc == 0 && !slice_equal(buf_slice(&again), in))
		rc = err_set(e, ERR_FORMAT, "not in canonical form");
	buf_done(&again);
	return rc;
}

int assign_parse(struct slice in, struct assign *out, struct err *e)
{
	struct assign a = { .version = 0 };
	struct json *j = NULL;
	int rc = -1;

	if (in.len > ASSIGN_BYTES_MAX)
		return err_set(e, ERR_LIMIT, "the assignment is too long");
	if (json_parse(in, &j, e) || !json_is_object(j)) {
		json_free(j);
		return err_set(e, ERR_FORMAT, "the assignment is not JSON");
	}
	if (read_members(j, &a, e) == 0 && check_spelling(&a, in, e) == 0) {
		*out = a;
		rc = 0;
	}
	json_free(j);
	return rc ? err_in(e, "assignment") : 0;
}

int assign_format(const struct assign *a, struct buf *out, struct err *e)
{
	struct json *j = json_new_object();
	char issued[UTC_TEXT_LEN];
	int rc;

	utc_format(a->issued, issued);
	json_set_int(j, "v", FORMAT_VERSION);
	json_set_text(j, "type", "assignment");
	json_set_hex(j, "device",
		     (struct slice){ a->device.bytes, DEVICE_ID_LEN });
	json_set_text(j, "cohort", a->cohort);
	json_set_int(j, "version", (int64_t)a->version);
	json_set_text(j, "issued", issued);
	if (a->lab)
		json_set_bool(j, "lab", true);
	rc = json_canonical(j, out, e);
	json_free(j);
	return rc;
}

int assign_path(const struct device_id *device, char out[PATH_MAX_LEN],
		struct err *e)
{
	char hex[2 * DEVICE_ID_LEN + 1];

	hex_format((struct slice){ device->bytes, DEVICE_ID_LEN }, hex);
	return text_format(out, PATH_MAX_LEN, e, "assign/%s.json", hex);
}

int assign_judge(const struct assign *a, const struct assign *pinned,
		 bool *follow, struct err *e)
{
	if (memcmp(a->device.bytes, pinned->device.bytes, DEVICE_ID_LEN) != 0)
		return err_set(e, ERR_REFUSED,
			       "the assignment is for another device");
	if (a->version < pinned->version)
		return err_set(e, ERR_ROLLBACK,
			       "the assignment has version %llu, this device "
			       "follows %llu",
			       (unsigned long long)a->version,
			       (unsigned long long)pinned->version);
	if (a->version == pinned->version &&
	    (strcmp(a->cohort, pinned->cohort) != 0 || a->lab != pinned->lab))
		return err_set(e, ERR_ROLLBACK,
			       "another assignment with version %llu was "
			       "followed before",
			       (unsigned long long)pinned->version);
	*follow = a->version > pinned->version;
	return 0;
}
