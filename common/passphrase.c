/* SPDX-License-Identifier: Apache-2.0 */
#include "common/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "common/mem.h"

/* What may end or stop us while the terminal does not echo. */
static const int fatal_signals[] = { SIGINT,  SIGTERM, SIGHUP, SIGQUIT,
				     SIGALRM, SIGPIPE, SIGTSTP };

/*
 * One byte at a time, so that what follows the newline stays in a pipe.
 */
static int read_line(int fd, struct buf *out, struct err *e)
{
	uint8_t c;

	for (;;) {
		ssize_t got = read(fd, &c, 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(e, "passphrase");
		if (got == 0 || c == '\n')
			break;
		if (c == 0)
			return err_set(e, ERR_FORMAT, "passphrase holds a NUL");
		if (out->len >= PASSPHRASE_MAX_LEN)
			return err_set(e, ERR_LIMIT,
				       "passphrase above %d bytes",
				       PASSPHRASE_MAX_LEN);
		if (buf_add(out, (struct slice){ &c, 1 }, e))
			return -1;
	}
	mem_wipe(&c, sizeof(c));
	return 0;
}

static void fatal_set(sigset_t *set)
{
	struct sigaction now;

	sigemptyset(set);
	for (size_t i = 0; i < ARRAY_LEN(fatal_signals); i++)
		if (sigaction(fatal_signals[i], NULL, &now) == 0 &&
		    now.sa_handler != SIG_IGN)
			sigaddset(set, fatal_signals[i]);
}

/*
 * Wait, with the signals blocked, for a line or for one of the signals. The
 * terminal is in its line mode: once it is readable a whole line is there.
 */
static int wait_for_line(int tty, const sigset_t *set, int *signal,
			 struct err *e)
{
	int signals = signalfd(-1, set, SFD_CLOEXEC);
	struct pollfd fds[] = { { .fd = tty, .events = POLLIN },
				{ .fd = signals, .events = POLLIN } };
	sigset_t pending;
	int rc;

	*signal = 0;
	if (signals < 0)
		return err_sys(e, "signalfd");
	do {
		rc = poll(fds, ARRAY_LEN(fds), -1);
	} while (rc < 0 && errno == EINTR);
	if (rc < 0)
		err_sys(e, "terminal");
	close(signals);
	if (rc < 0 || !(fds[1].revents & POLLIN))
		return rc < 0 ? -1 : 0;
	/* Looked at, not taken: it is delivered when it is unblocked. */
	sigpending(&pending);
	for (size_t i = 0; i < ARRAY_LEN(fatal_signals); i++)
		if (sigismember(set, fatal_signals[i]) == 1 &&
		    sigismember(&pending, fatal_signals[i]) == 1)
			*signal = fatal_signals[i];
	return 0;
}

static int say(int tty, const char *text, struct err *e)
{
	if (write(tty, text, strlen(text)) < 0)
		return err_sys(e, "terminal");
	return 0;
}

/* With echo off and the signals blocked; both are the caller's to restore. */
static int ask_quietly(int tty, const char *prompt, const sigset_t *set,
		       int *signal, struct buf *out, struct err *e)
{
	if (say(tty, prompt, e) || say(tty, ": ", e))
		return -1;
	if (wait_for_line(tty, set, signal, e))
		return -1;
	if (*signal == 0 && read_line(tty, out, e))
		return -1;
	return say(tty, "\n", e);
}

/* Ask once; *signal is set when one came instead of a line. */
static int ask_once(int tty, const char *prompt, int *signal, struct buf *out,
		    struct err *e)
{
	struct termios before, quiet;
	sigset_t set, mask;
	int rc;

	if (tcgetattr(tty, &before))
		return err_sys(e, "terminal");
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	fatal_set(&set);
	sigprocmask(SIG_BLOCK, &set, &mask);
	rc = tcsetattr(tty, TCSAFLUSH, &quiet)
		     ? err_sys(e, "terminal")
		     : ask_quietly(tty, prompt, &set, signal, out, e);
	(void)tcsetattr(tty, TCSAFLUSH, &before); /* gone: nothing to restore */
	sigprocmask(SIG_SETMASK, &mask, NULL);
	return rc;
}

/* A stop is not the end: after "fg" the question is asked again. */
static int ask(int tty, const char *prompt, struct buf *out, struct err *e)
{
	int signal = 0;

	do {
		if (ask_once(tty, prompt, &signal, out, e))
			return -1;
	} while (signal == SIGTSTP);
	if (signal != 0)
		return err_set(e, ERR_REFUSED, "interrupted");
	return 0;
}

static int ask_again(int tty, const struct buf *out, struct err *e)
{
	struct buf again = BUF_SECRET(PASSPHRASE_MAX_LEN);
	int rc;

	rc = ask(tty, "the same again", &again, e);
	if (rc == 0 && !slice_equal(buf_slice(out), buf_slice(&again)))
		rc = err_set(e, ERR_REFUSED, "the two passphrases differ");
	buf_wipe(&again);
	return rc;
}

static int read_terminal(const char *prompt, bool confirm, struct buf *out,
			 struct err *e)
{
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	int rc;

	if (tty < 0)
		return err_set(e, ERR_USAGE,
			       "no terminal to ask for the passphrase: hand it "
			       "over on a descriptor");
	rc = ask(tty, prompt, out, e);
	if (rc == 0 && confirm)
		rc = ask_again(tty, out, e);
	close(tty);
	return rc;
}

int passphrase_read(int fd, const char *prompt, bool confirm, struct buf *out,
		    struct err *e)
{
	struct buf line = BUF_SECRET(PASSPHRASE_MAX_LEN);
	int rc;

	rc = fd < 0 ? read_terminal(prompt, confirm, &line, e)
		    : read_line(fd, &line, e);
	if (rc == 0 && line.len == 0)
		rc = err_set(e, ERR_FORMAT, "the passphrase is empty");
	if (rc == 0)
		rc = buf_add(out, buf_slice(&line), e);
	buf_wipe(&line);
	return rc;
}
