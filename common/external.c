/* SPDX-License-Identifier: Apache-2.0 */
#include "common/external.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/der.h"
#include "common/fs.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/steady.h"
#include "common/text.h"

#define FORMAT          "pawl-external-1"
#define WORD_MAX_LEN    1024
#define ANSWER_MAX_LEN  256
#define RAW_LEN         64
#define EXIT_NO_PROGRAM 127

/* ---- the file ------------------------------------------------------------ */

bool external_is(struct slice file)
{
	struct json *object;
	struct err unused;
	bool is;

	if (file.len > EXTERNAL_MAX_LEN || json_parse(file, &object, &unused))
		return false;
	is = strcmp(json_text(json_get(object, "format")), FORMAT) == 0;
	json_free(object);
	return is;
}

static int read_words(const struct json *words, struct external *out,
		      struct err *e)
{
	size_t count = json_count(words);
	const char *word;

	if (count == 0 || count > EXTERNAL_WORDS_MAX)
		return err_set(e, ERR_FORMAT,
			       "\"command\" is a program and at most %d "
			       "arguments",
			       EXTERNAL_WORDS_MAX - 1);
	for (size_t i = 0; i < count; i++) {
		word = json_text(json_at(words, i));
		if (!json_is_string(json_at(words, i)) ||
		    strlen(word) > WORD_MAX_LEN || (i == 0 && !*word))
			return err_set(e, ERR_FORMAT, "\"command\": word %zu",
				       i + 1);
		out->argv[i] = mem_dup_str(word);
	}
	return 0;
}

static int read_object(const struct json *object, struct external *out,
		       struct err *e)
{
	static const char *const members[] = { "format",  "environment",
					       "purpose", "public",
					       "command", NULL };
	const char *format, *environment, *purpose, *pem;
	const struct json *words;

	if (json_only(object, members, e) ||
	    json_get_text(object, "format", &format, e) ||
	    json_get_text(object, "environment", &environment, e) ||
	    json_get_text(object, "purpose", &purpose, e) ||
	    json_get_text(object, "public", &pem, e) ||
	    json_get_array(object, "command", &words, e))
		return -1;
	if (strcmp(format, FORMAT) != 0 || strcmp(purpose, "release") != 0)
		return err_set(e, ERR_FORMAT,
			       "no external key for releases (" FORMAT ")");
	if (environment_parse(slice_of(environment), &out->info.environment,
			      e) ||
	    text_format(out->info.purpose, sizeof(out->info.purpose), e, "%s",
			purpose) ||
	    ec_public_from_pem(slice_of(pem), &out->info.public_key, e))
		return -1;
	return read_words(words, out, e);
}

int external_parse(struct slice file, struct external *out, struct err *e)
{
	struct json *object;
	int rc;

	*out = (struct external){ .argv = { NULL } };
	if (file.len > EXTERNAL_MAX_LEN)
		return err_set(e, ERR_LIMIT, "more than %d bytes",
			       EXTERNAL_MAX_LEN);
	if (json_parse(file, &object, e))
		return -1;
	rc = read_object(object, out, e);
	json_free(object);
	return rc;
}

int external_format(const struct external *x, struct buf *out, struct err *e)
{
	struct buf pem = BUF_INIT(EC_PEM_MAX_LEN);
	struct json *object, *words;
	int rc;

	if (ec_public_to_pem(&x->info.public_key, &pem, e)) {
		buf_done(&pem);
		return -1;
	}
	object = json_new_object();
	words = json_new_array();
	for (size_t i = 0; x->argv[i]; i++)
		json_add(words, json_new_text(x->argv[i]));
	json_set_text(object, "format", FORMAT);
	json_set_text(object, "environment",
		      environment_name(x->info.environment));
	json_set_text(object, "purpose", x->info.purpose);
	json_set_text(object, "public", buf_text(&pem));
	json_set(object, "command", words);
	rc = json_print(object, true, out, e) ||
	     buf_add(out, slice_of("\n"), e);
	json_free(object);
	buf_done(&pem);
	return rc ? -1 : 0;
}

void external_done(struct external *x)
{
	for (size_t i = 0; i < ARRAY_LEN(x->argv); i++)
		free(x->argv[i]);
	*x = (struct external){ .argv = { NULL } };
}

/* ---- what it answers ------------------------------------------------------
 */

static struct slice without_zeroes(struct slice s)
{
	size_t n = 0;

	while (n < s.len && s.ptr[n] == 0)
		n++;
	return slice_sub(s, n, s.len - n);
}

static int raw_to_der(struct slice raw, struct buf *out, struct err *e)
{
	struct der_writer w = der_writer(out);
	size_t begin = der_begin(&w, DER_SEQUENCE);

	der_put_unsigned(&w, without_zeroes(slice_sub(raw, 0, RAW_LEN / 2)));
	der_put_unsigned(
		&w, without_zeroes(slice_sub(raw, RAW_LEN / 2, RAW_LEN / 2)));
	der_end(&w, begin);
	return der_finish(&w, e);
}

int external_accept(const struct ec_public *key, struct slice message,
		    struct slice answer, struct buf *sig, struct err *e)
{
	struct buf der = BUF_INIT(EC_SIG_MAX_LEN);
	struct err why;
	int rc = -1;

	if (answer.len <= EC_SIG_MAX_LEN &&
	    ec_verify(key, message, answer, &why) == 0)
		rc = buf_add(sig, answer, e);
	else if (answer.len == RAW_LEN && raw_to_der(answer, &der, &why) == 0 &&
		 ec_verify(key, message, buf_slice(&der), &why) == 0)
		rc = buf_add(sig, buf_slice(&der), e);
	else
		err_set(e, ERR_UNTRUSTED,
			"what the command answered (%zu bytes) is no signature "
			"by this public key: another key in the token, or not "
			"a bare signature over the digest",
			answer.len);
	buf_done(&der);
	return rc;
}

/* ---- running it -----------------------------------------------------------
 */

struct running {
	pid_t child;
	int in, out; /* our ends of its pipes */
};

static NORETURN void run_child(const struct external *x, int in, int out,
			       pid_t parent)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || dup2(in, STDIN_FILENO) < 0 ||
	    dup2(out, STDOUT_FILENO) < 0)
		_exit(EXIT_NO_PROGRAM);
	/* Not the descriptor that passphrases come from. */
	(void)close_range(STDERR_FILENO + 1, ~0U, 0);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGXFSZ, SIG_DFL);
	(void)execvp(x->argv[0], x->argv);
	_exit(EXIT_NO_PROGRAM);
}

static int start(const struct external *x, struct running *r, struct err *e)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 };
	pid_t self = getpid();

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC)) {
		err_sys(e, "pipe");
		goto fail;
	}
	r->child = fork();
	if (r->child == 0)
		run_child(x, in[0], out[1], self);
	if (r->child < 0) {
		err_sys(e, "fork");
		goto fail;
	}
	fs_close(&in[0]);
	fs_close(&out[1]);
	r->in = in[1];
	r->out = out[0];
	return 0;
fail:
	for (size_t i = 0; i < 2; i++) {
		fs_close(&in[i]);
		fs_close(&out[i]);
	}
	return -1;
}

/* The digest fits into the pipe: this never waits for the program. */
static int hand_over(struct running *r, const struct sha256 *digest,
		     struct err *e)
{
	ssize_t n = write(r->in, digest->bytes, SHA256_LEN);

	fs_close(&r->in);
	/* A program that did not read ends with a status of its own. */
	if (n != SHA256_LEN && errno != EPIPE)
		return err_sys(e, "handing over the digest");
	return 0;
}

static int read_answer(struct running *r, struct buf *answer, struct err *e)
{
	int64_t end = steady_ms() + (int64_t)EXTERNAL_WAIT_SEC * 1000;
	uint8_t bytes[ANSWER_MAX_LEN];
	struct pollfd p = { r->out, POLLIN, 0 };
	int64_t left;
	ssize_t n;

	while ((left = end - steady_ms()) > 0) {
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = read(r->out, bytes, sizeof(bytes));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? err_sys(e, "reading the signature") : 0;
		if (buf_add(answer, (struct slice){ bytes, (size_t)n }, e))
			return err_in(e, "it says more than a signature");
	}
	return err_set(e, ERR_BUSY, "no answer for %d s", EXTERNAL_WAIT_SEC);
}

static int wait_for(struct running *r, bool kill_it, struct err *e)
{
	int status = 0;

	if (kill_it)
		(void)kill(r->child, SIGKILL); /* it may be gone already */
	while (waitpid(r->child, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(e, "waiting for it");
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_PROGRAM)
		return err_set(e, ERR_SYSTEM, "it could not be started");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(e, ERR_SYSTEM, "it failed (%s %d)",
			       WIFEXITED(status) ? "exit status" : "signal",
			       WIFEXITED(status) ? WEXITSTATUS(status)
						 : WTERMSIG(status));
	return 0;
}

static int run(const struct external *x, const struct sha256 *digest,
	       struct buf *answer, struct err *e)
{
	struct running r = { .in = -1, .out = -1 };
	struct err ignored;
	int rc;

	if (start(x, &r, e))
		return -1;
	rc = hand_over(&r, digest, e) || read_answer(&r, answer, e);
	fs_close(&r.out);
	if (rc && wait_for(&r, true, &ignored))
		return -1; /* as it was killed */
	return rc ? -1 : wait_for(&r, false, e);
}

int external_sign(const struct external *x, struct slice message,
		  struct buf *sig, struct err *e)
{
	struct buf answer = BUF_INIT(ANSWER_MAX_LEN);
	struct sha256 digest;
	int rc;

	sha256_of(message, &digest);
	rc = run(x, &digest, &answer, e) ||
	     external_accept(&x->info.public_key, message, buf_slice(&answer),
			     sig, e);
	buf_done(&answer);
	return rc ? err_in(e, "%s", x->argv[0]) : 0;
}
