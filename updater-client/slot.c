/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/slot.h"

#include <string.h>

#include "common/json.h"
#include "common/utc.h"

/* ---- health commands ----------------------------------------------------- */

static int health_add(struct slot_release *r, const char *text, struct err *e)
{
	size_t len = strlen(text) + 1;

	if (len > sizeof(r->health) - r->health_len)
		return err_set(e, ERR_LIMIT,
			       "health commands of more than %d bytes",
			       SLOT_HEALTH_MAX);
	memcpy(r->health + r->health_len, text, len);
	r->health_len = (uint16_t)(r->health_len + len);
	return 0;
}

/* Length of the argument at `at` without its NUL; -1 if it never ends. */
static long argument_len(const struct slot_release *r, size_t at)
{
	const char *end;

	if (at >= r->health_len)
		return -1;
	end = memchr(r->health + at, 0, r->health_len - at);
	return end ? end - (r->health + at) : -1;
}

bool slot_health_is_valid(const struct slot_release *r)
{
	size_t argc = 0;
	size_t commands = 0;
	size_t at = 0;

	if (r->health_len > sizeof(r->health))
		return false;
	while (at < r->health_len) {
		long len = argument_len(r, at);

		if (len < 0)
			return false;
		at += (size_t)len + 1;
		if (len > 0) {
			argc++;
			continue;
		}
		if (argc == 0 || argc > RELEASE_ARGS_MAX)
			return false;
		argc = 0;
		commands++;
	}
	return argc == 0 && commands <= RELEASE_HEALTH_MAX;
}

bool slot_health(const struct slot_release *r, size_t *at,
		 char *argv[RELEASE_ARGS_MAX + 1])
{
	size_t argc = 0;
	long len;

	while ((len = argument_len(r, *at)) > 0 && argc < RELEASE_ARGS_MAX) {
		/* execve() asks for pointers to char, but writes nothing. */
		argv[argc++] = (char *)(uintptr_t)(r->health + *at);
		*at += (size_t)len + 1;
	}
	argv[argc] = NULL;
	*at += 1;
	return argc > 0;
}

static int health_from(const struct release *from, struct slot_release *r,
		       struct err *e)
{
	for (size_t i = 0; i < from->health_count; i++) {
		const struct release_health *h = &from->health[i];

		for (size_t n = 0; n < h->argc; n++)
			if (health_add(r, h->argv[n], e))
				return -1;
		if (health_add(r, "", e))
			return -1;
	}
	if (!slot_health_is_valid(r))
		return err_set(e, ERR_FORMAT, "a health command is empty");
	return 0;
}

/* ---- the record ---------------------------------------------------------- */

static struct slot_part part_from(const struct release *r)
{
	struct slot_part part = {
		.digest = r->content_digest,
		.manifest_len = r->manifest_len,
		.content_len = r->content_len,
		.entries = r->entries,
	};

	memcpy(part.component, r->component, sizeof(part.component));
	return part;
}

int slot_release_from(const struct release *packages, size_t count,
		      struct slot_release *out, struct err *e)
{
	const struct release *r = &packages[0];
	struct slot_release to = {
		.seq = r->seq,
		.content_seq = r->content_seq,
		.support_end = r->support_end,
		.digest = r->digest,
		.part_count = count,
		.deadline_sec = r->health_deadline_sec,
	};

	for (size_t i = 0; i < count; i++)
		to.parts[i] = part_from(&packages[i]);
	memcpy(to.id, r->id, sizeof(to.id));
	memcpy(to.version, r->version, sizeof(to.version));
	memcpy(to.product, r->product, sizeof(to.product));
	if (health_from(r, &to, e))
		return -1;
	*out = to;
	return 0;
}

const struct slot_part *slot_part_of(const struct slot_release *r,
				     const char *component)
{
	for (size_t i = 0; i < r->part_count; i++)
		if (strcmp(r->parts[i].component, component) == 0)
			return &r->parts[i];
	return NULL;
}

uint64_t slot_part_room(const struct slot_part *p)
{
	/* Signed limits keep each term far below 2^60. */
	return p->content_len + p->manifest_len +
	       (uint64_t)SLOT_BLOCK * (p->entries + 4u);
}

static struct json *parts_json(const struct slot_release *r)
{
	struct json *all = json_new_array();

	for (size_t i = 0; i < r->part_count; i++) {
		const struct slot_part *p = &r->parts[i];
		struct json *j = json_new_object();

		json_set_text(j, "component", p->component);
		json_set_hex(j, "digest",
			     (struct slice){ p->digest.bytes, SHA256_LEN });
		json_set_int(j, "manifest_len", (int64_t)p->manifest_len);
		json_set_int(j, "content_len", (int64_t)p->content_len);
		json_set_int(j, "entries", p->entries);
		json_add(all, j);
	}
	return all;
}

static struct json *health_json(const struct slot_release *r)
{
	struct json *all = json_new_array();
	char *argv[RELEASE_ARGS_MAX + 1];
	size_t at = 0;

	while (slot_health(r, &at, argv)) {
		struct json *command = json_new_array();

		for (size_t i = 0; argv[i]; i++)
			json_add(command, json_new_text(argv[i]));
		json_add(all, command);
	}
	return all;
}

int slot_release_format(const struct slot_release *r, struct buf *out,
			struct err *e)
{
	struct json *j = json_new_document();
	int rc;

	json_set_text(j, "id", r->id);
	json_set_text(j, "version", r->version);
	json_set_text(j, "product", r->product);
	json_set_int(j, "seq", (int64_t)r->seq);
	json_set_int(j, "content_seq", (int64_t)r->content_seq);
	json_set_int(j, "floor", (int64_t)r->floor);
	json_set_int(j, "support_end", r->support_end);
	json_set_hex(j, "digest",
		     (struct slice){ r->digest.bytes, SHA256_LEN });
	json_set(j, "parts", parts_json(r));
	json_set_int(j, "deadline_sec", r->deadline_sec);
	if (r->order[0])
		json_set_text(j, "order", r->order);
	json_set(j, "health", health_json(r));
	rc = json_print(j, true, out, e);
	json_free(j);
	return rc;
}

static int get_text(const struct json *j, const char *name, char *out,
		    size_t size, struct err *e)
{
	const char *text;

	if (json_get_text(j, name, &text, e))
		return -1;
	return text_format(out, size, e, "%s", text);
}

static int get_u64(const struct json *j, const char *name, uint64_t *out,
		   struct err *e)
{
	int64_t value;

	if (json_get_int(j, name, 0, JSON_INT_MAX, &value, e))
		return -1;
	*out = (uint64_t)value;
	return 0;
}

static int get_u32(const struct json *j, const char *name, uint32_t *out,
		   struct err *e)
{
	int64_t value;

	if (json_get_int(j, name, 0, UINT32_MAX, &value, e))
		return -1;
	*out = (uint32_t)value;
	return 0;
}

static int get_health(const struct json *j, struct slot_release *to,
		      struct err *e)
{
	const struct json *all;

	if (json_get_array(j, "health", &all, e))
		return -1;
	for (size_t i = 0; i < json_count(all); i++) {
		const struct json *command = json_at(all, i);

		for (size_t n = 0; n < json_count(command); n++)
			if (health_add(to, json_text(json_at(command, n)), e))
				return -1;
		if (health_add(to, "", e))
			return -1;
	}
	if (!slot_health_is_valid(to))
		return err_set(e, ERR_FORMAT, "a health command is malformed");
	return 0;
}

static int get_part(const struct json *j, struct slot_part *to, struct err *e)
{
	return get_text(j, "component", to->component, sizeof(to->component),
			e) ||
			       json_get_hex(j, "digest", to->digest.bytes,
					    SHA256_LEN, e) ||
			       get_u64(j, "manifest_len", &to->manifest_len,
				       e) ||
			       get_u64(j, "content_len", &to->content_len, e) ||
			       get_u32(j, "entries", &to->entries, e)
		       ? -1
		       : 0;
}

static int get_parts(const struct json *j, struct slot_release *to,
		     struct err *e)
{
	const struct json *all;

	if (json_get_array(j, "parts", &all, e))
		return -1;
	to->part_count = json_count(all);
	if (to->part_count < 1 || to->part_count > RELEASE_COMPONENTS_MAX)
		return err_set(e, ERR_LIMIT, "%zu components", to->part_count);
	for (size_t i = 0; i < to->part_count; i++)
		if (get_part(json_at(all, i), &to->parts[i], e))
			return -1;
	return 0;
}

static int get_record(const struct json *j, struct slot_release *to,
		      struct err *e)
{
	int64_t v;

	if (json_get_int(j, "v", 1, 1, &v, e) ||
	    json_get_int(j, "support_end", 0, UTC_LAST, &to->support_end, e) ||
	    get_u64(j, "floor", &to->floor, e) ||
	    get_text(j, "id", to->id, sizeof(to->id), e) ||
	    get_text(j, "version", to->version, sizeof(to->version), e) ||
	    get_text(j, "product", to->product, sizeof(to->product), e) ||
	    get_u64(j, "seq", &to->seq, e) ||
	    get_u64(j, "content_seq", &to->content_seq, e) ||
	    json_get_hex(j, "digest", to->digest.bytes, SHA256_LEN, e) ||
	    get_parts(j, to, e) ||
	    get_u32(j, "deadline_sec", &to->deadline_sec, e))
		return -1;
	if (json_get(j, "order") &&
	    get_text(j, "order", to->order, sizeof(to->order), e))
		return -1;
	return get_health(j, to, e);
}

int slot_release_parse(struct slice in, struct slot_release *out, struct err *e)
{
	struct slot_release to = { 0 };
	struct json *j;
	int rc;

	if (json_parse(in, &j, e))
		return -1;
	rc = get_record(j, &to, e);
	json_free(j);
	if (rc == 0)
		*out = to;
	return rc;
}
