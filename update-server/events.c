/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/events.h"

#include <inttypes.h>
#include <string.h>

#include "common/json.h"
#include "common/text.h"

static const char *const names[EVENT_KINDS] = {
	[EVENT_START] = "start",
	[EVENT_ACT] = "act",
	[EVENT_CHANGED] = "changed",
};

int events_format(enum event_kind kind, uint64_t cursor, struct slice record,
		  struct buf *out, struct err *e)
{
	if (buf_addf(out, e, "event: %s\n", names[kind]) ||
	    (kind != EVENT_CHANGED &&
	     buf_addf(out, e, "id: %" PRIu64 "\n", cursor)) ||
	    buf_addf(out, e, "data: ") ||
	    buf_add(out, kind == EVENT_ACT ? record : slice_of("{\"v\":1}"), e))
		return -1;
	return buf_addf(out, e, "\n\n");
}

int events_format_alive(struct buf *out, struct err *e)
{
	return buf_addf(out, e, ":\n\n");
}

void events_reader_done(struct events_reader *r)
{
	buf_done(&r->line);
	buf_done(&r->data);
}

/* What follows "name:", with one space less; false if it is another field. */
static bool field(struct slice line, const char *name, struct slice *value)
{
	size_t len = strlen(name);

	if (line.len <= len || memcmp(line.ptr, name, len) != 0 ||
	    line.ptr[len] != ':')
		return false;
	len++;
	if (line.len > len && line.ptr[len] == ' ')
		len++;
	*value = slice_sub(line, len, line.len - len);
	return true;
}

static void take_kind(struct events_reader *r, struct slice name)
{
	r->known = false;
	for (size_t i = 0; i < EVENT_KINDS; i++)
		if (slice_equal(name, slice_of(names[i]))) {
			r->kind = (enum event_kind)i;
			r->known = true;
		}
}

static int take_line(struct events_reader *r, struct slice line, struct err *e)
{
	struct slice value;

	if (field(line, "event", &value))
		take_kind(r, value);
	else if (field(line, "id", &value))
		return num_parse(value, JSON_INT_MAX, &r->cursor, e);
	else if (field(line, "data", &value))
		return buf_add(&r->data, value, e);
	return 0;
}

/* An empty line ends an event; one without data is none. */
static int dispatch(struct events_reader *r,
		    int (*visit)(void *ctx, const struct event *event,
				 struct err *e),
		    void *ctx, struct err *e)
{
	const struct event event = { .kind = r->kind,
				     .cursor = r->cursor,
				     .record = buf_slice(&r->data) };
	int rc = 0;

	if (r->known && r->data.len > 0)
		rc = visit(ctx, &event, e);
	r->known = false;
	r->data.len = 0;
	return rc;
}

int events_read(struct events_reader *r, struct slice in,
		int (*visit)(void *ctx, const struct event *event,
			     struct err *e),
		void *ctx, struct err *e)
{
	while (in.len > 0) {
		const uint8_t *end = memchr(in.ptr, '\n', in.len);
		size_t len = end ? (size_t)(end - in.ptr) : in.len;
		int rc;

		if (buf_add(&r->line, slice_sub(in, 0, len), e))
			return err_in(e, "event");
		if (!end)
			return 0;
		in = slice_sub(in, len + 1, in.len - len - 1);
		rc = r->line.len > 0 ? take_line(r, buf_slice(&r->line), e)
				     : dispatch(r, visit, ctx, e);
		r->line.len = 0;
		if (rc)
			return err_in(e, "event");
	}
	return 0;
}
