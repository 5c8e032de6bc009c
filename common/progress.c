/* SPDX-License-Identifier: Apache-2.0 */
#include "common/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base.h"
#include "common/steady.h"
#include "common/text.h"

#define REDRAW_MS  100  /* on a terminal */
#define LINE_MS    5000 /* elsewhere, when the total is not known */
#define BAR_LEN    24
#define ERASE_LINE "\r\033[K"

static unsigned percent(const struct progress *p)
{
	if (p->total == 0)
		return 0;
	if (p->done >= p->total)
		return 100;
	return (unsigned)((double)p->done * 100.0 / (double)p->total);
}

/* "3.1 MB of 7.2 MB", or "3.1 MB" when nobody knows of how many. */
static void amount(const struct progress *p, char *out, size_t size)
{
	char done[16], total[16];

	text_size(p->done, done);
	text_size(p->total, total);
	if (p->total == 0)
		(void)snprintf(out, size, "%s", done);
	else
		(void)snprintf(out, size, "%s of %s", done, total);
}

static void draw_bar(const struct progress *p)
{
	unsigned filled = percent(p) * BAR_LEN / 100;
	char bar[BAR_LEN + 1], text[48];

	amount(p, text, sizeof(text));
	memset(bar, '.', BAR_LEN);
	memset(bar, '#', filled);
	bar[BAR_LEN] = 0;
	if (p->total == 0)
		(void)fprintf(stderr, ERASE_LINE "%.24s  %s", p->what, text);
	else
		(void)fprintf(stderr, ERASE_LINE "%.24s [%s] %3u %%  %s",
			      p->what, bar, percent(p), text);
}

static void print_line(const struct progress *p)
{
	char text[48];

	amount(p, text, sizeof(text));
	if (p->total == 0)
		(void)fprintf(stderr, "%.24s: %s\n", p->what, text);
	else
		(void)fprintf(stderr, "%.24s: %u %%, %s\n", p->what, percent(p),
			      text);
}

static void print_json(const struct progress *p, const char *state)
{
	(void)printf("{\"phase\":\"%.24s\",\"done\":%llu,\"total\":%llu,"
		     "\"state\":\"%s\"}\n",
		     p->what, (unsigned long long)p->done,
		     (unsigned long long)p->total, state);
	(void)fflush(stdout);
}

static void show(const struct progress *p)
{
	if (p->kind == PROGRESS_JSON)
		print_json(p, "running");
	else if (p->terminal)
		draw_bar(p);
	else
		print_line(p);
}

void progress_start(struct progress *p, const char *what, uint64_t total,
		    enum progress_kind kind)
{
	const char *term = getenv("TERM");
	const int64_t now = steady_ms();

	*p = (struct progress){
		.what = what,
		.total = total,
		.shown_ms = now,
		.told_ms = now,
		.kind = kind,
		.terminal = kind == PROGRESS_PEOPLE && isatty(STDERR_FILENO) &&
			    term && strcmp(term, "dumb") != 0,
	};
	if (p->terminal)
		draw_bar(p);
	else if (kind == PROGRESS_JSON)
		print_json(p, "running");
}

static void tell(struct progress *p)
{
	int64_t now;

	if (!p->listener.tell)
		return;
	now = steady_ms();
	if (now - p->told_ms < p->listener.every_ms)
		return;
	p->told_ms = now;
	p->listener.tell(p->listener.ctx, p);
}

void progress_set(struct progress *p, uint64_t done)
{
	const unsigned parts = p->kind == PROGRESS_JSON ? 100 : 10;
	unsigned part;
	int64_t now;

	p->done = done;
	tell(p);
	if (p->kind == PROGRESS_QUIET)
		return;
	/* Most calls end here, without asking for the time. */
	part = percent(p) * parts / 100;
	if (!p->terminal && p->total > 0) {
		if (part == p->shown || part == parts)
			return;
		p->shown = part;
		show(p);
		return;
	}
	now = steady_ms();
	if (now - p->shown_ms < (p->terminal ? REDRAW_MS : LINE_MS))
		return;
	p->shown_ms = now;
	show(p);
}

void progress_end(struct progress *p, bool complete)
{
	const char *start = p->terminal ? ERASE_LINE : "";
	char text[48];

	/* Called in clean-up too: what never started has nothing to say. */
	if (p->kind == PROGRESS_QUIET || !p->what)
		return;
	if (p->kind == PROGRESS_JSON) {
		print_json(p, complete ? "done" : "stopped");
	} else if (complete) {
		text_size(p->total > 0 ? p->total : p->done, text);
		(void)fprintf(stderr, "%s%.24s: done, %s\n", start, p->what,
			      text);
	} else {
		amount(p, text, sizeof(text));
		(void)fprintf(stderr, "%s%.24s: stopped at %s\n", start,
			      p->what, text);
	}
	p->kind = PROGRESS_QUIET;
}
