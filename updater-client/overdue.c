/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/overdue.h"

#include <time.h>

#include "common/fs.h"
#include "common/steady.h"
#include "updater-client/cmdline.h"
#include "updater-client/journal.h"

enum view {
	VIEW_DECIDED, /* or no trial at all */
	VIEW_UNDECIDED,
	VIEW_UNKNOWN /* nothing to be seen yet */
};

/* ---- the journal --------------------------------------------------------- */

/* What a record of the journal says first. */
struct step {
	uint64_t sequence;
	uint8_t state, reason, to;
};

static bool parse_step(struct slice record, struct step *out)
{
	static const char magic[] = "PAWLJRN1";
	struct rd r = rd_init(record);

	if (record.len != JOURNAL_RECORD_LEN ||
	    !slice_equal(rd_slice(&r, sizeof(magic) - 1), slice_of(magic)))
		return false;
	out->sequence = rd_le64(&r);
	out->state = rd_u8(&r);
	out->reason = rd_u8(&r);
	(void)rd_u8(&r); /* from */
	out->to = rd_u8(&r);
	return !r.bad;
}

static bool read_step(int dirfd, const char *name, struct step *out)
{
	struct buf record = BUF_INIT(JOURNAL_RECORD_LEN);
	struct err e = { 0 };
	bool read;

	read = fs_read_file(dirfd, name, &record, &e) == 0 &&
	       parse_step(buf_slice(&record), out);
	buf_done(&record);
	return read;
}

/* The newer one; false when there is none. */
static bool last_step(const char *state, struct step *out)
{
	struct step other;
	struct err e = { 0 };
	int dirfd = -1;
	bool one, two;

	if (fs_open_dir(state, &dirfd, &e))
		return false;
	one = read_step(dirfd, "journal.0", out);
	two = read_step(dirfd, "journal.1", &other);
	fs_close(&dirfd);
	if (two && (!one || other.sequence > out->sequence))
		*out = other;
	return one || two;
}

/* A boot back that is awaited was decided: when it comes is configuration. */
static bool is_undecided(const struct step *s, enum slot running)
{
	return s->to == running &&
	       (s->state == MACHINE_INSTALLED || s->state == MACHINE_TRIAL ||
		(s->state == MACHINE_REBOOT && s->reason == REASON_NONE));
}

/* ---- the wait ------------------------------------------------------------ */

static enum view view(const struct overdue *o, struct slice line)
{
	const enum cmdline_left left = cmdline_left(line);
	enum slot running;
	struct step last;
	struct err e = { 0 };

	/* What the loader does not count would be restarted for ever. */
	if (left == LEFT_NOTHING || cmdline_slot(line, &running, &e))
		return VIEW_DECIDED;
	if (last_step(o->state, &last))
		return is_undecided(&last, running) ? VIEW_UNDECIDED
						    : VIEW_DECIDED;
	return left == LEFT_COUNTED ? VIEW_UNDECIDED : VIEW_UNKNOWN;
}

/* So early in a boot /proc may not be there yet. */
static enum view look(const struct overdue *o)
{
	struct buf line = BUF_INIT(CMDLINE_MAX);
	enum view seen = VIEW_UNKNOWN;
	struct err e = { 0 };

	if (cmdline_read(o->cmdline, &line, &e) == 0)
		seen = view(o, buf_slice(&line));
	buf_done(&line);
	return seen;
}

static void wait_ms(int64_t ms)
{
	struct timespec left = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&left, &left))
		;
}

bool overdue_wait(const struct overdue *o)
{
	const int64_t end = steady_ms() + o->limit_ms;

	for (;;) {
		enum view seen = look(o);
		int64_t rest = end - steady_ms();

		if (seen == VIEW_DECIDED || rest <= 0)
			return seen == VIEW_UNDECIDED;
		wait_ms(rest < o->pause_ms ? rest : o->pause_ms);
	}
}
