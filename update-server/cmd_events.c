/* SPDX-License-Identifier: Apache-2.0 */
/* `events`: what happens, as it does. */
#include <stdio.h>
#include <unistd.h>

#include "common/text.h"

#include "update-server/audit_words.h"
#include "update-server/commands.h"
#include "update-server/events.h"
#include "update-server/ui.h"

#define RETRY_SEC_MAX 30

struct following {
	struct events_reader reader;
	bool json, follow;
	bool placed; /* the cursor is one that the server gave */
	bool heard;  /* something came since the last connection */
	uint64_t cursor;
	uint64_t end; /* not follow: how far the log went at the start */
	struct err failure;
};

static int print_record(const struct event *event, struct err *e)
{
	struct buf line = BUF_INIT(event->record.len + 128);
	int rc = buf_addf(&line, e, "{\"cursor\":%llu,\"record\":%.*s,\"v\":1}",
			  (unsigned long long)event->cursor,
			  (int)event->record.len,
			  (const char *)event->record.ptr);

	if (rc == 0)
		program_print_json(buf_text(&line));
	buf_done(&line);
	return rc;
}

static int print_act(const struct following *f, const struct event *event,
		     struct err *e)
{
	char words[AUDIT_WORDS_MAX];

	/* Whatever came is a record, and is shown as one, or not at all. */
	if (audit_words(event->record, words, e))
		return -1;
	if (f->json && print_record(event, e))
		return -1;
	if (!f->json)
		printf("%s\n", words);
	return fflush(stdout) ? err_sys(e, "standard output") : 0;
}

static int visit(void *ctx, const struct event *event, struct err *e)
{
	struct following *f = ctx;

	f->heard = true;
	if (event->kind == EVENT_CHANGED)
		return 0;
	if (event->kind == EVENT_ACT && print_act(f, event, e))
		return -1;
	f->cursor = event->cursor;
	f->placed = true;
	return 0;
}

static bool take(void *ctx, struct slice bytes)
{
	struct following *f = ctx;

	if (events_read(&f->reader, bytes, visit, f, &f->failure))
		return false;
	return f->follow || !f->placed || f->cursor < f->end;
}

static int listen_once(struct ui *u, struct following *f, struct err *e)
{
	char path[64] = "/v1/people/events";

	if (f->placed &&
	    text_format(path, sizeof(path), e, "/v1/people/events/%llu",
			(unsigned long long)f->cursor))
		return -1;
	f->heard = false;
	/* Half an event of a connection that broke is not the next one's. */
	events_reader_done(&f->reader);
	f->reader = (struct events_reader)EVENTS_READER_INIT;
	if (people_stream(u->client, path, take, f, e))
		return -1;
	if (f->failure.code != ERR_NONE)
		*e = f->failure;
	return f->failure.code != ERR_NONE ? -1 : 0;
}

/* A server that restarts is waited for, for the cursor says where to go on. */
static int follow(struct ui *u, struct following *f, struct err *e)
{
	unsigned wait = 1;

	for (;;) {
		int rc = listen_once(u, f, e);

		if (rc && (e->code != ERR_NETWORK || !f->placed))
			return -1;
		if (f->heard)
			wait = 1;
		(void)sleep(wait);
		if (wait < RETRY_SEC_MAX)
			wait *= 2;
	}
}

/* How many records there are. */
static int ask_end(struct ui *u, uint64_t *end, struct err *e)
{
	struct json *answer = NULL;
	int64_t size = 0;
	int rc;

	if (people_get(u->client, "/v1/people/audit/0", &answer, e))
		return -1;
	rc = json_get_int(answer, "size", 0, JSON_INT_MAX, &size, e);
	json_free(answer);
	*end = (uint64_t)size;
	return rc;
}

static int run(struct ui *u, struct following *f, struct err *e)
{
	if (f->follow)
		return follow(u, f, e);
	if (ask_end(u, &f->end, e))
		return -1;
	return f->cursor < f->end ? listen_once(u, f, e) : 0;
}

int command_events(int argc, char **argv, struct err *e)
{
	struct following f = { .reader = EVENTS_READER_INIT };
	const char *after = NULL;
	struct ui u = { 0 };
	const struct opt opts[] = {
		OPT_FLAG("follow", &f.follow, "stay, and tell what comes"),
		OPT_TEXT("after", "CURSOR", &after,
			 "go on where an event said so; 0: from the first"),
		UI_OPTIONS(&u),
		OPT_END,
	};
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 0, e))
		goto out;
	if (after && num_parse(slice_of(after), JSON_INT_MAX, &f.cursor, e)) {
		(void)err_set(e, ERR_USAGE, "--after: a number, please");
		goto out;
	}
	f.json = u.json;
	/* Without --follow there is nothing to tell of from now on. */
	f.placed = after || !f.follow;
	rc = run(&u, &f, e);
out:
	events_reader_done(&f.reader);
	ui_done(&u);
	return rc;
}
