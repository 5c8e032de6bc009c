/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json - a strict front over jansson, and canonical JSON.
 *
 * What we sign, store and send is a small subset of JSON: no reals, no -0,
 * integers within +-(2^53 - 1), no duplicate members, at most 16 levels deep,
 * strings of at most JSON_STRING_MAX bytes of valid UTF-8 without NUL, an
 * object or array at the top and nothing but white space after it. json_parse()
 * refuses everything else, first with a cheap scan of its own, then with
 * jansson.
 *
 * A value that json_get() or json_at() returns is borrowed from its parent.
 * A value that is handed to json_set() or json_add() is given away. Setters
 * cannot fail but for lack of memory, which ends the process; a string they
 * are given must be valid UTF-8 (else an assertion: check foreign text first).
 */
#ifndef COMMON_JSON_H
#define COMMON_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

#define JSON_DEPTH_MAX      16
#define JSON_STRING_MAX     65536 /* bytes, after escapes are resolved */
#define JSON_MEMBERS_MAX    65536 /* of one object or array */
#define JSON_CONTAINERS_MAX 131072
#define JSON_VALUES_MAX     262144 /* in all: bounds the memory of a parse */
#define JSON_INT_MAX        ((INT64_C(1) << 53) - 1)

struct json; /* one value; jansson's, but nobody need know */

/* ---- reading ------------------------------------------------------------- */

/* The caller frees *out. ERR_FORMAT or ERR_LIMIT, naming the offset. */
int json_parse(struct slice in, struct json **out, struct err *e) NODISCARD;

void json_free(struct json *j);

bool json_is_object(const struct json *j);
bool json_is_array(const struct json *j);
bool json_is_string(const struct json *j);
bool json_is_integer(const struct json *j);

/* The member, or NULL when missing. */
const struct json *json_get(const struct json *object, const char *name);

/*
 * Required members of the right type: ERR_FORMAT names the member if not.
 * *text is borrowed; it holds no NUL, so it is safe as a C string.
 */
int json_get_text(const struct json *object, const char *name,
		  const char **text, struct err *e) NODISCARD;
int json_get_int(const struct json *object, const char *name, int64_t min,
		 int64_t max, int64_t *value, struct err *e) NODISCARD;
int json_get_bool(const struct json *object, const char *name, bool *value,
		  struct err *e) NODISCARD;
int json_get_object(const struct json *object, const char *name,
		    const struct json **value, struct err *e) NODISCARD;
int json_get_array(const struct json *object, const char *name,
		   const struct json **value, struct err *e) NODISCARD;

/* Exactly 2 * len hex digits. */
int json_get_hex(const struct json *object, const char *name, uint8_t *out,
		 size_t len, struct err *e) NODISCARD;

/* ERR_FORMAT for a member that is not in the NULL-terminated list. */
int json_only(const struct json *object, const char *const *names,
	      struct err *e) NODISCARD;

/* Value of a string or integer; "" and 0 for anything else. */
const char *json_text(const struct json *j);
int64_t json_int(const struct json *j);

/* Elements of an array or members of an object; 0 for anything else. */
size_t json_count(const struct json *j);
const struct json *json_at(const struct json *array, size_t index);

/*
 * Walk an object's members:
 *	for (void *m = json_first(o); m; m = json_next(o, m))
 *		use(json_name(m), json_value(m));
 */
void *json_first(const struct json *object);
void *json_next(const struct json *object, void *member);
const char *json_name(void *member);
const struct json *json_value(void *member);

bool json_same(const struct json *a, const struct json *b);

/* ---- writing ------------------------------------------------------------- */

struct json *json_new_object(void);
/* {"v":1}: what is kept or handed out as a whole says which form it has. */
struct json *json_new_document(void);
struct json *json_new_array(void);
struct json *json_new_text(const char *text);
struct json *json_new_int(int64_t value);
struct json *json_new_bool(bool value);
struct json *json_clone(const struct json *j); /* deep */

void json_set(struct json *object, const char *name, struct json *value);
void json_set_text(struct json *object, const char *name, const char *text);
void json_set_int(struct json *object, const char *name, int64_t value);
void json_set_bool(struct json *object, const char *name, bool value);
void json_set_hex(struct json *object, const char *name, struct slice bytes);
void json_remove(struct json *object, const char *name);
void json_add(struct json *array, struct json *value);

/*
 * Canonical JSON (OLPC, as TUF signs it): no white space, members sorted by
 * code point, only '"' and '\' escaped. jansson's own sorted compact output is
 * something else: it escapes control characters.
 */
int json_canonical(const struct json *j, struct buf *out,
		   struct err *e) NODISCARD;

/* Compact or indented text for people and the wire; ends without newline. */
int json_print(const struct json *j, bool indented, struct buf *out,
	       struct err *e) NODISCARD;

#endif
