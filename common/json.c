/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/mem.h"
#include "common/text.h"

/* jansson has these as macros over its own type. */
#undef json_is_object
#undef json_is_array
#undef json_is_string
#undef json_is_integer

#define INT_DIGITS_MAX 16 /* of 2^53 - 1 */

/* jansson counts references inside its values, so const is only our word. */
static json_t *to_jansson(const struct json *j)
{
	return (json_t *)(uintptr_t)j;
}

static struct json *from_jansson(json_t *j)
{
	return (struct json *)(void *)j;
}

/* ---- the cheap scan ------------------------------------------------------ */

/*
 * The scan knows tokens, not grammar: it keeps to what jansson must not even
 * see (deep, huge or ambiguous input) and leaves the order of tokens to it.
 */
struct scan {
	struct slice in;
	size_t at;
	size_t depth;
	size_t members[JSON_DEPTH_MAX];
	size_t values, containers;
};

static int refuse(const struct scan *s, enum err_code code, const char *why,
		  struct err *e)
{
	return err_set(e, code, "JSON: %s at byte %zu", why, s->at);
}

static int scan_byte(const struct scan *s)
{
	return s->at < s->in.len ? s->in.ptr[s->at] : -1;
}

static int scan_hex4(struct scan *s, uint32_t *unit, struct err *e)
{
	uint32_t v = 0;

	for (size_t i = 0; i < 4; i++, s->at++) {
		int c = scan_byte(s);

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint32_t)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			v = v << 4 | (uint32_t)(c - 'A' + 10);
		else
			return refuse(s, ERR_FORMAT, "wrong escape", e);
	}
	*unit = v;
	return 0;
}

/* After "\u": one code point, given as one unit or as a surrogate pair. */
static int scan_unicode(struct scan *s, size_t *len, struct err *e)
{
	uint32_t unit = 0, second = 0;

	if (scan_hex4(s, &unit, e))
		return -1;
	if (unit == 0)
		return refuse(s, ERR_FORMAT, "NUL in a string", e);
	*len += unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
	if (unit < 0xd800 || unit > 0xdfff)
		return 0;
	if (unit > 0xdbff || scan_byte(s) != '\\')
		return refuse(s, ERR_FORMAT, "half a surrogate pair", e);
	s->at++;
	if (scan_byte(s) != 'u')
		return refuse(s, ERR_FORMAT, "half a surrogate pair", e);
	s->at++;
	if (scan_hex4(s, &second, e))
		return -1;
	if (second < 0xdc00 || second > 0xdfff)
		return refuse(s, ERR_FORMAT, "half a surrogate pair", e);
	*len += 1; /* four bytes in all */
	return 0;
}

static int scan_escape(struct scan *s, size_t *len, struct err *e)
{
	int c;

	s->at++;
	c = scan_byte(s);
	s->at++;
	if (c == 'u')
		return scan_unicode(s, len, e);
	if (c <= 0 || !strchr("\"\\/bfnrt", c))
		return refuse(s, ERR_FORMAT, "wrong escape", e);
	*len += 1;
	return 0;
}

static int scan_string(struct scan *s, struct err *e)
{
	size_t len = 0;

	s->at++;
	for (int c; (c = scan_byte(s)) != '"';) {
		uint32_t code;
		size_t step;

		if (len > JSON_STRING_MAX)
			return refuse(s, ERR_LIMIT, "string too long", e);
		if (c == '\\') {
			if (scan_escape(s, &len, e))
				return -1;
			continue;
		}
		if (c < 0x20)
			return refuse(s, ERR_FORMAT,
				      c < 0 ? "unfinished string"
					    : "control character in a string",
				      e);
		step = utf8_next(slice_sub(s->in, s->at, 4), &code);
		if (step == 0)
			return refuse(s, ERR_FORMAT, "invalid UTF-8", e);
		s->at += step;
		len += step;
	}
	s->at++;
	if (len > JSON_STRING_MAX)
		return refuse(s, ERR_LIMIT, "string too long", e);
	return 0;
}

static int scan_number(struct scan *s, struct err *e)
{
	bool minus = scan_byte(s) == '-';
	uint64_t v = 0;
	size_t start, len;
	struct err ignored;

	if (minus)
		s->at++;
	start = s->at;
	for (int c; (c = scan_byte(s)) >= '0' && c <= '9';)
		s->at++;
	len = s->at - start;
	switch (scan_byte(s)) {
	case '.':
	case 'e':
	case 'E':
		return refuse(s, ERR_FORMAT, "number with a fraction", e);
	default:
		break;
	}
	if (len > INT_DIGITS_MAX)
		return refuse(s, ERR_LIMIT, "integer too large", e);
	if (num_parse(slice_sub(s->in, start, len), UINT64_MAX, &v, &ignored) ||
	    (minus && v == 0))
		return refuse(s, ERR_FORMAT, "malformed integer", e);
	if (v > (uint64_t)JSON_INT_MAX)
		return refuse(s, ERR_LIMIT, "integer too large", e);
	return 0;
}

static int scan_open(struct scan *s, struct err *e)
{
	if (s->depth == JSON_DEPTH_MAX)
		return refuse(s, ERR_LIMIT, "nested too deep", e);
	if (++s->containers > JSON_CONTAINERS_MAX)
		return refuse(s, ERR_LIMIT, "too many objects", e);
	s->members[s->depth++] = 1;
	s->at++;
	return 0;
}

static int scan_close(struct scan *s, struct err *e)
{
	if (s->depth == 0)
		return refuse(s, ERR_FORMAT, "unexpected bracket", e);
	s->depth--;
	s->at++;
	return 0;
}

static int scan_comma(struct scan *s, struct err *e)
{
	if (s->depth == 0)
		return refuse(s, ERR_FORMAT, "unexpected comma", e);
	if (++s->members[s->depth - 1] > JSON_MEMBERS_MAX)
		return refuse(s, ERR_LIMIT, "too many members", e);
	if (++s->values > JSON_VALUES_MAX)
		return refuse(s, ERR_LIMIT, "too many values", e);
	s->at++;
	return 0;
}

static int scan_word(struct scan *s, struct err *e)
{
	static const char *const words[] = { "true", "false", "null" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		struct slice word = slice_of(words[i]);

		if (!slice_equal(slice_sub(s->in, s->at, word.len), word))
			continue;
		s->at += word.len;
		return 0;
	}
	return refuse(s, ERR_FORMAT, "unexpected byte", e);
}

static int scan_token(struct scan *s, struct err *e)
{
	int c = scan_byte(s);

	switch (c) {
	case ' ':
	case '\t':
	case '\n':
	case '\r':
	case ':':
		s->at++;
		return 0;
	case '{':
	case '[':
		return scan_open(s, e);
	case '}':
	case ']':
		return scan_close(s, e);
	case ',':
		return scan_comma(s, e);
	case '"':
		return scan_string(s, e);
	default:
		if (c == '-' || (c >= '0' && c <= '9'))
			return scan_number(s, e);
		return scan_word(s, e);
	}
}

static int scan_all(struct slice in, struct err *e)
{
	struct scan s = { .in = in };

	while (s.at < in.len)
		if (scan_token(&s, e))
			return -1;
	if (s.depth > 0)
		return refuse(&s, ERR_FORMAT, "truncated", e);
	return 0;
}

/* ---- reading ------------------------------------------------------------- */

NORETURN static void out_of_memory(void)
{
	fputs("out of memory\n", stderr);
	abort();
}

int json_parse(struct slice in, struct json **out, struct err *e)
{
	json_error_t why;
	json_t *j;

	if (in.len == 0)
		return err_set(e, ERR_FORMAT, "JSON: empty");
	if (scan_all(in, e))
		return -1;
	j = json_loadb((const char *)in.ptr, in.len, JSON_REJECT_DUPLICATES,
		       &why);
	if (!j && json_error_code(&why) == json_error_out_of_memory)
		out_of_memory();
	if (!j)
		return err_set(e, ERR_FORMAT, "JSON: %s at byte %d", why.text,
			       why.position);
	*out = from_jansson(j);
	return 0;
}

void json_free(struct json *j)
{
	json_decref(to_jansson(j));
}

static bool is_a(const struct json *j, json_type type)
{
	return j && json_typeof(to_jansson(j)) == type;
}

bool json_is_object(const struct json *j)
{
	return is_a(j, JSON_OBJECT);
}

bool json_is_array(const struct json *j)
{
	return is_a(j, JSON_ARRAY);
}

bool json_is_string(const struct json *j)
{
	return is_a(j, JSON_STRING);
}

bool json_is_integer(const struct json *j)
{
	return is_a(j, JSON_INTEGER);
}

const struct json *json_get(const struct json *object, const char *name)
{
	return from_jansson(json_object_get(to_jansson(object), name));
}

static int get_typed(const struct json *object, const char *name,
		     json_type type, const struct json **value, struct err *e)
{
	static const char *const names[] = {
		[JSON_OBJECT] = "an object",   [JSON_ARRAY] = "a list",
		[JSON_STRING] = "a text",      [JSON_INTEGER] = "an integer",
		[JSON_TRUE] = "true or false",
	};
	const struct json *j = json_get(object, name);

	if (!j)
		return err_set(e, ERR_FORMAT, "\"%s\" is missing", name);
	if (!is_a(j, type) && !(type == JSON_TRUE && is_a(j, JSON_FALSE)))
		return err_set(e, ERR_FORMAT, "\"%s\" is not %s", name,
			       names[type]);
	*value = j;
	return 0;
}

int json_get_text(const struct json *object, const char *name,
		  const char **text, struct err *e)
{
	const struct json *j = NULL;

	if (get_typed(object, name, JSON_STRING, &j, e))
		return -1;
	*text = json_text(j);
	return 0;
}

int json_get_int(const struct json *object, const char *name, int64_t min,
		 int64_t max, int64_t *value, struct err *e)
{
	const struct json *j = NULL;
	int64_t v;

	if (get_typed(object, name, JSON_INTEGER, &j, e))
		return -1;
	v = json_int(j);
	if (v < min || v > max)
		return err_set(e, ERR_FORMAT,
			       "\"%s\" is not between %lld and %lld", name,
			       (long long)min, (long long)max);
	*value = v;
	return 0;
}

int json_get_bool(const struct json *object, const char *name, bool *value,
		  struct err *e)
{
	const struct json *j = NULL;

	if (get_typed(object, name, JSON_TRUE, &j, e))
		return -1;
	*value = is_a(j, JSON_TRUE);
	return 0;
}

int json_get_object(const struct json *object, const char *name,
		    const struct json **value, struct err *e)
{
	return get_typed(object, name, JSON_OBJECT, value, e);
}

int json_get_array(const struct json *object, const char *name,
		   const struct json **value, struct err *e)
{
	return get_typed(object, name, JSON_ARRAY, value, e);
}

int json_get_hex(const struct json *object, const char *name, uint8_t *out,
		 size_t len, struct err *e)
{
	const char *text;

	if (json_get_text(object, name, &text, e))
		return -1;
	if (hex_parse(slice_of(text), out, len, e))
		return err_in(e, "\"%s\"", name);
	return 0;
}

int json_only(const struct json *object, const char *const *names,
	      struct err *e)
{
	for (void *m = json_first(object); m; m = json_next(object, m)) {
		const char *const *n = names;

		while (*n && strcmp(*n, json_name(m)) != 0)
			n++;
		if (!*n)
			return err_set(e, ERR_FORMAT, "unknown member \"%s\"",
				       json_name(m));
	}
	return 0;
}

const char *json_text(const struct json *j)
{
	const char *text = json_string_value(to_jansson(j));

	return text ? text : "";
}

int64_t json_int(const struct json *j)
{
	return (int64_t)json_integer_value(to_jansson(j));
}

size_t json_count(const struct json *j)
{
	return json_is_object(j) ? json_object_size(to_jansson(j))
				 : json_array_size(to_jansson(j));
}

const struct json *json_at(const struct json *array, size_t index)
{
	return from_jansson(json_array_get(to_jansson(array), index));
}

void *json_first(const struct json *object)
{
	return json_object_iter(to_jansson(object));
}

void *json_next(const struct json *object, void *member)
{
	return json_object_iter_next(to_jansson(object), member);
}

const char *json_name(void *member)
{
	return json_object_iter_key(member);
}

const struct json *json_value(void *member)
{
	return from_jansson(json_object_iter_value(member));
}

bool json_same(const struct json *a, const struct json *b)
{
	return json_equal(to_jansson(a), to_jansson(b)) != 0;
}

/* ---- writing ------------------------------------------------------------- */

/* jansson makes no value only if memory is out or the text is not UTF-8. */
static struct json *made(json_t *j)
{
	if (!j)
		out_of_memory();
	return from_jansson(j);
}

struct json *json_new_object(void)
{
	return made(json_object());
}

struct json *json_new_document(void)
{
	struct json *j = json_new_object();

	json_set_int(j, "v", 1);
	return j;
}

struct json *json_new_array(void)
{
	return made(json_array());
}

struct json *json_new_text(const char *text)
{
	assert(utf8_is_valid(slice_of(text)));
	return made(json_string(text));
}

struct json *json_new_int(int64_t value)
{
	assert(value >= -JSON_INT_MAX && value <= JSON_INT_MAX);
	return made(json_integer(value));
}

struct json *json_new_bool(bool value)
{
	return made(json_boolean(value));
}

struct json *json_clone(const struct json *j)
{
	return made(json_deep_copy(to_jansson(j)));
}

void json_set(struct json *object, const char *name, struct json *value)
{
	assert(json_is_object(object) && value);
	assert(utf8_is_valid(slice_of(name)));
	if (json_object_set_new(to_jansson(object), name, to_jansson(value)))
		out_of_memory();
}

void json_set_text(struct json *object, const char *name, const char *text)
{
	json_set(object, name, json_new_text(text));
}

void json_set_int(struct json *object, const char *name, int64_t value)
{
	json_set(object, name, json_new_int(value));
}

void json_set_bool(struct json *object, const char *name, bool value)
{
	json_set(object, name, json_new_bool(value));
}

void json_set_hex(struct json *object, const char *name, struct slice bytes)
{
	char *text = mem_alloc(bytes.len + 1, 2);

	hex_format(bytes, text);
	json_set_text(object, name, text);
	free(text);
}

void json_remove(struct json *object, const char *name)
{
	/* Fails only when there is no such member, which is what we want. */
	(void)json_object_del(to_jansson(object), name);
}

void json_add(struct json *array, struct json *value)
{
	assert(json_is_array(array) && value);
	if (json_array_append_new(to_jansson(array), to_jansson(value)))
		out_of_memory();
}

static int canonical(const struct json *j, size_t depth, struct buf *out,
		     struct err *e);

static int canonical_text(const char *text, struct buf *out, struct err *e)
{
	if (buf_add(out, slice_of("\""), e))
		return -1;
	while (*text) {
		size_t plain = strcspn(text, "\"\\");
		struct slice run = { (const uint8_t *)text, plain };

		if (buf_add(out, run, e))
			return -1;
		text += plain;
		if (*text && buf_addf(out, e, "\\%c", *text++))
			return -1;
	}
	return buf_add(out, slice_of("\""), e);
}

static int canonical_array(const struct json *j, size_t depth, struct buf *out,
			   struct err *e)
{
	for (size_t i = 0; i < json_count(j); i++)
		if (buf_add(out, slice_of(i == 0 ? "[" : ","), e) ||
		    canonical(json_at(j, i), depth + 1, out, e))
			return -1;
	return buf_add(out, slice_of(json_count(j) == 0 ? "[]" : "]"), e);
}

/* Bytes of UTF-8 sort as their code points do, and strcmp() is unsigned. */
static int by_name(const void *a, const void *b)
{
	return strcmp(json_name(*(void *const *)a),
		      json_name(*(void *const *)b));
}

static int canonical_object(const struct json *j, size_t depth, struct buf *out,
			    struct err *e)
{
	size_t count = json_count(j), n = 0;
	void **members = mem_alloc(count + 1, sizeof(*members));
	int rc = -1;

	for (void *m = json_first(j); m; m = json_next(j, m))
		members[n++] = m;
	qsort(members, count, sizeof(*members), by_name);
	for (size_t i = 0; i < count; i++)
		if (buf_add(out, slice_of(i == 0 ? "{" : ","), e) ||
		    canonical_text(json_name(members[i]), out, e) ||
		    buf_add(out, slice_of(":"), e) ||
		    canonical(json_value(members[i]), depth + 1, out, e))
			goto out;
	rc = buf_add(out, slice_of(count == 0 ? "{}" : "}"), e);
out:
	free(members);
	return rc;
}

static int canonical(const struct json *j, size_t depth, struct buf *out,
		     struct err *e)
{
	if (depth > JSON_DEPTH_MAX)
		return err_set(e, ERR_LIMIT, "JSON: nested too deep");
	switch (json_typeof(to_jansson(j))) {
	case JSON_OBJECT:
		return canonical_object(j, depth, out, e);
	case JSON_ARRAY:
		return canonical_array(j, depth, out, e);
	case JSON_STRING:
		return canonical_text(json_text(j), out, e);
	case JSON_INTEGER:
		return buf_addf(out, e, "%lld", (long long)json_int(j));
	case JSON_TRUE:
		return buf_add(out, slice_of("true"), e);
	case JSON_FALSE:
		return buf_add(out, slice_of("false"), e);
	case JSON_NULL:
		return buf_add(out, slice_of("null"), e);
	case JSON_REAL:
	default:
		return err_set(e, ERR_FORMAT, "JSON: number with a fraction");
	}
}

/* Take back what a failed writer has added. */
static int undo_to(struct buf *out, size_t len)
{
	out->len = len;
	if (out->ptr)
		out->ptr[len] = 0;
	return -1;
}

int json_canonical(const struct json *j, struct buf *out, struct err *e)
{
	size_t before = out->len;

	return canonical(j, 0, out, e) ? undo_to(out, before) : 0;
}

/* jansson's writer: what it cannot pass on stops it. */
struct sink {
	struct buf *out;
	struct err *e;
	bool full;
};

static int sink_add(const char *text, size_t len, void *ctx)
{
	struct sink *sink = ctx;
	struct slice s = { (const uint8_t *)text, len };

	sink->full = buf_add(sink->out, s, sink->e) != 0;
	return sink->full ? -1 : 0;
}

int json_print(const struct json *j, bool indented, struct buf *out,
	       struct err *e)
{
	/* Escaped to ASCII, nothing foreign reaches a terminal as it is. */
	size_t flags = JSON_ENSURE_ASCII | JSON_ENCODE_ANY |
		       (indented ? JSON_INDENT(2) : JSON_COMPACT);
	struct sink sink = { .out = out, .e = e };
	size_t before = out->len;

	if (json_dump_callback(to_jansson(j), sink_add, &sink, flags) == 0)
		return 0;
	if (!sink.full)
		err_set(e, ERR_FORMAT, "JSON: cannot print");
	return undo_to(out, before);
}
