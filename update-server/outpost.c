/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/outpost.h"

#include <string.h>

#include "common/text.h"

#include "update-server/audit_record.h"

#define TYPE "outpost-report"

/* ---- making -------------------------------------------------------------- */

static struct json *proof_json(const struct merkle_proof *p)
{
	struct json *list = json_new_array();
	char hex[SHA256_HEX_LEN];

	for (size_t i = 0; i < p->count; i++) {
		sha256_format(&p->at[i], hex);
		json_add(list, json_new_text(hex));
	}
	return list;
}

int outpost_format(const struct outpost_parts *p, struct buf *out,
		   struct err *e)
{
	struct json *j = json_new_document();
	int rc;

	json_set_text(j, "report", p->report);
	json_set_text(j, "record", p->record);
	json_set_text(j, "checkpoint", p->checkpoint);
	json_set_int(j, "from", (int64_t)p->from);
	json_set(j, "grown", proof_json(p->grown));
	json_set(j, "included", proof_json(p->included));
	rc = json_canonical(j, out, e);
	json_free(j);
	return rc;
}

/* ---- reading ------------------------------------------------------------- */

struct parts {
	struct json *file;
	const char *report, *record, *checkpoint; /* borrowed from file */
	uint64_t from;
	struct merkle_proof grown, included;
};

static int read_proof(const struct json *j, const char *name,
		      struct merkle_proof *out, struct err *e)
{
	const struct json *list;

	if (json_get_array(j, name, &list, e))
		return -1;
	if (json_count(list) > MERKLE_PROOF_MAX)
		return err_set(e, ERR_LIMIT, "%s: too long", name);
	for (size_t i = 0; i < json_count(list); i++)
		if (!json_is_string(json_at(list, i)) ||
		    sha256_parse(slice_of(json_text(json_at(list, i))),
				 &out->at[out->count++], e))
			return err_set(e, ERR_FORMAT, "%s: not digests", name);
	return 0;
}

static int read_file(struct slice file, struct parts *p, struct err *e)
{
	static const char *const known[] = { "v",        "report",     "record",
					     "from",     "checkpoint", "grown",
					     "included", NULL };
	int64_t version, from;

	if (file.len > OUTPOST_FILE_MAX)
		return err_set(e, ERR_LIMIT, "it is too long");
	if (json_parse(file, &p->file, e) ||
	    json_get_int(p->file, "v", 1, 1, &version, e) ||
	    json_only(p->file, known, e) ||
	    json_get_text(p->file, "report", &p->report, e) ||
	    json_get_text(p->file, "record", &p->record, e) ||
	    json_get_text(p->file, "checkpoint", &p->checkpoint, e) ||
	    json_get_int(p->file, "from", 0, JSON_INT_MAX, &from, e) ||
	    read_proof(p->file, "grown", &p->grown, e) ||
	    read_proof(p->file, "included", &p->included, e))
		return -1;
	p->from = (uint64_t)from;
	return 0;
}

int outpost_peek(struct slice file, struct sha256 *key, struct err *e)
{
	struct parts p = { .file = NULL };
	struct json *checkpoint = NULL;
	const struct json *body;
	int rc = -1;

	if (read_file(file, &p, e) == 0 &&
	    json_parse(slice_of(p.checkpoint), &checkpoint, e) == 0 &&
	    json_get_object(checkpoint, "signed", &body, e) == 0)
		rc = json_get_hex(body, "log", key->bytes, SHA256_LEN, e);
	json_free(checkpoint);
	json_free(p.file);
	return rc ? err_in(e, "report") : 0;
}

/* ---- judging ------------------------------------------------------------- */

/* The record that the signed log holds says this digest and this number. */
static int check_record(const struct parts *p, const struct merkle_head *head,
			struct outpost_known *next, struct err *e)
{
	struct audit_record r = { 0 };
	struct sha256 leaf, says;
	int64_t number;
	int rc = -1;

	if (audit_record_parse(slice_of(p->record), &r, e))
		return -1;
	merkle_leaf(slice_of(p->record), &leaf);
	sha256_of(slice_of(p->report), &next->report);
	if (r.act != AUDIT_REPORT_EXPORT)
		(void)err_set(e, ERR_UNTRUSTED,
			      "the record is not of a report");
	else if (merkle_check_inclusion(&leaf, r.number, head, &p->included,
					e) == 0 &&
		 json_get_hex(r.objects, "sha256", says.bytes, SHA256_LEN, e) ==
			 0 &&
		 json_get_int(r.objects, "report", 1, JSON_INT_MAX, &number,
			      e) == 0)
		rc = sha256_equal(&says, &next->report)
			     ? 0
			     : err_set(e, ERR_UNTRUSTED,
				       "the log holds another report");
	audit_record_done(&r);
	if (rc == 0)
		next->number = (uint64_t)number;
	return rc;
}

static int check_order(const struct outpost_known *known,
		       const struct outpost_known *next, struct err *e)
{
	if (known->number == 0 || next->number == known->number + 1)
		return 0;
	if (next->number <= known->number)
		return err_set(e, ERR_ROLLBACK,
			       "report %llu is known already, up to %llu",
			       (unsigned long long)next->number,
			       (unsigned long long)known->number);
	return err_set(e, ERR_CONFLICT,
		       "report %llu comes, but %llu is missing: carry it out "
		       "first",
		       (unsigned long long)next->number,
		       (unsigned long long)known->number + 1);
}

/* The log is the one of the report before, grown. */
static int check_growth(const struct parts *p,
			const struct outpost_known *known,
			const struct merkle_head *head, struct err *e)
{
	if (known->number == 0)
		return 0;
	if (p->from != known->head.size)
		return err_set(e, ERR_UNTRUSTED,
			       "it proves growth from %llu records, and not "
			       "from the %llu that are known",
			       (unsigned long long)p->from,
			       (unsigned long long)known->head.size);
	if (merkle_check_consistency(&known->head, head, &p->grown, e))
		return err_in(e, "the log's past was changed");
	return 0;
}

/* What the report says of itself agrees with the log. */
static int check_body(const struct json *j, const struct outpost_known *known,
		      const struct outpost_known *next, struct err *e)
{
	struct sha256 before;
	int64_t version, number;
	const char *type;

	if (json_get_int(j, "v", 1, 1, &version, e) ||
	    json_get_text(j, "type", &type, e) ||
	    json_get_int(j, "report", 1, JSON_INT_MAX, &number, e) ||
	    json_get_hex(j, "before", before.bytes, SHA256_LEN, e))
		return -1;
	if (strcmp(type, TYPE) != 0)
		return err_set(e, ERR_FORMAT, "not of an outpost");
	if ((uint64_t)number != next->number)
		return err_set(e, ERR_UNTRUSTED,
			       "it has another number than in the log");
	if (known->number > 0 && !sha256_equal(&before, &known->report))
		return err_set(e, ERR_UNTRUSTED,
			       "it follows another report than the one that is "
			       "known");
	return 0;
}

static int judge(const struct parts *p, const struct ec_public *key,
		 const struct outpost_known *known, struct outpost_known *next,
		 struct err *e)
{
	struct audit_checkpoint c;

	if (audit_checkpoint_open(slice_of(p->checkpoint), key, &c, e) ||
	    check_record(p, &c.head, next, e) || check_order(known, next, e) ||
	    check_growth(p, known, &c.head, e))
		return -1;
	next->head = c.head;
	return 0;
}

int outpost_open(struct slice file, const struct ec_public *key,
		 const struct outpost_known *known, struct outpost_known *next,
		 struct json **report, struct err *e)
{
	struct parts p = { .file = NULL };
	struct outpost_known got = { .number = 0 };
	struct json *j = NULL;
	int rc = -1;

	if (read_file(file, &p, e) || judge(&p, key, known, &got, e) ||
	    json_parse(slice_of(p.report), &j, e) ||
	    check_body(j, known, &got, e))
		goto out;
	*next = got;
	*report = j;
	j = NULL;
	rc = 0;
out:
	json_free(j);
	json_free(p.file);
	return rc ? err_in(e, "report") : 0;
}
