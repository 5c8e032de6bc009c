/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ui`: the operators' pages for a browser on this machine. Each connection of
 * the browser has a thread and a connection to the server of its own; what
 * comes in is judged by door.h, and what goes on is written anew.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/wire.h"

#include "update-server/answer.h"
#include "update-server/commands.h"
#include "update-server/door.h"
#include "update-server/ui.h"
#include "update-server/warrant_desk.h"

#define VISITORS_MAX 64
#define WAIT_SEC     60 /* for a request, or to take an answer */
#define READ_STEP    4096
#define ASK_MS       60000

struct house {
	struct door door;
	const struct people_client *client;
	pthread_mutex_t lock;
	unsigned visitors;
	pthread_mutex_t asking; /* one question at a time */
};

struct visitor {
	struct house *house;
	int fd;
	struct people_client *client; /* once it was needed */
	struct buf in; /* a head, then a body; and what is ahead */
	bool last;     /* the connection ends with this answer */
	bool begun;    /* some of an answer was sent */
	bool has_length, bare;
};

/* ---- towards the browser ------------------------------------------------- */

static int say(struct visitor *v, struct slice bytes)
{
	v->begun = true;
	while (bytes.len > 0) {
		ssize_t sent = send(v->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return -1;
		bytes = slice_sub(bytes, (size_t)sent, bytes.len);
	}
	return 0;
}

/* What the door or the way to the server has against it. */
static void say_error(struct visitor *v, unsigned status, const struct err *why)
{
	struct buf body = BUF_INIT(2 * ERR_MSG_LEN * 6);
	struct buf head = BUF_INIT(ANSWER_HEAD_MAX);
	struct answer a = { .status = status,
			    .type = "application/json",
			    .allow = 1U << METHOD_GET | 1U << METHOD_HEAD,
			    .close = true };
	struct err ignored;

	v->last = true;
	if (wire_format_error(why, &body, &ignored))
		body.len = 0;
	a.body_len = body.len;
	if (answer_format(&a, &head, &ignored) == 0 &&
	    say(v, buf_slice(&head)) == 0)
		(void)say(v, buf_slice(&body));
	buf_done(&body);
	buf_done(&head);
}

/* ---- an answer on its way through -----------------------------------------
 */

static bool is_status(struct slice line)
{
	return slice_equal(slice_sub(line, 0, 9), slice_of("HTTP/1.1 "));
}

static bool is_length(struct slice line)
{
	static const char name[] = "content-length:";

	return line.len > sizeof(name) - 1 &&
	       strncasecmp((const char *)line.ptr, name, sizeof(name) - 1) == 0;
}

static int take_line(void *ctx, struct slice line)
{
	struct visitor *v = ctx;
	struct buf out = BUF_INIT(8192);
	struct err ignored;
	int rc = 0;

	if (is_status(line)) {
		v->has_length = false;
		v->bare = line.len >= 12 &&
			  (line.ptr[9] == '1' ||
			   memcmp(line.ptr + 9, "204", 3) == 0 ||
			   memcmp(line.ptr + 9, "304", 3) == 0);
	} else if (line.len == 0) {
		/* An endless answer ends with its connection. */
		v->last = v->last || !(v->has_length || v->bare);
		if (v->last)
			rc = buf_addf(&out, &ignored, "Connection: close\r\n");
	} else if (!door_tells(line)) {
		return 0;
	}
	v->has_length = v->has_length || is_length(line);
	if (rc == 0 && buf_add(&out, line, &ignored) == 0 &&
	    buf_addf(&out, &ignored, "\r\n") == 0)
		rc = say(v, buf_slice(&out));
	buf_done(&out);
	return rc;
}

static int take_bytes(void *ctx, struct slice bytes)
{
	return say(ctx, bytes);
}

static bool has_gone(void *ctx)
{
	struct visitor *v = ctx;
	char byte;
	ssize_t got = recv(v->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

/* ---- from the browser ---------------------------------------------------- */

/* More bytes; -1 at the end, after a while of silence, or where too many. */
static int hear(struct visitor *v)
{
	struct err ignored;
	uint8_t *room = buf_reserve(&v->in, READ_STEP, &ignored);
	ssize_t got = room ? recv(v->fd, room, READ_STEP, 0) : -1;

	if (got < 0 && errno == EINTR)
		return 0;
	if (got <= 0)
		return -1;
	v->in.len += (size_t)got;
	return 0;
}

static int hear_head(struct visitor *v, size_t *len, struct http_request *q)
{
	struct http_scan scan = { 0 };
	unsigned status = 400;
	struct err e = { 0 };

	*len = 0;
	for (;;) {
		if (http_scan(&scan, buf_slice(&v->in), len, &status, &e))
			break;
		if (*len > 0 &&
		    http_parse(slice_sub(buf_slice(&v->in), 0, *len), q,
			       &status, &e) == 0)
			return 0;
		if (*len > 0)
			break;
		if (hear(v))
			return -1;
	}
	say_error(v, status, &e);
	return -1;
}

static int hear_body(struct visitor *v, size_t all)
{
	while (v->in.len < all)
		if (hear(v))
			return -1;
	return 0;
}

/* ---- what is signed -------------------------------------------------------
 */

/* A line from the terminal: "yes", and nothing that was typed before. */
static bool says_yes(int tty)
{
	struct pollfd wait = { .fd = tty, .events = POLLIN };
	char line[8];

	return poll(&wait, 1, ASK_MS) == 1 &&
	       read(tty, line, sizeof(line)) == 4 &&
	       memcmp(line, "yes\n", 4) == 0;
}

/* On the terminal, which no page can write to: the page itself is the server's,
 * and so is what it shows. */
static int ask_person(const char *what, const struct device_id *device,
		      struct err *e)
{
	char id[2 * DEVICE_ID_LEN + 1];
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	bool yes;

	hex_format((struct slice){ device->bytes, DEVICE_ID_LEN }, id);
	if (tty < 0)
		return err_set(e, ERR_REFUSED,
			       "nothing was signed: `pawl-server ui` has no "
			       "terminal to ask you on; use `pawl-server "
			       "device %s %s`",
			       what, id);
	(void)tcflush(tty, TCIFLUSH);
	(void)dprintf(tty,
		      "\nA page asks you to sign: %s device\n\n    %s\n\n"
		      "for good. Is it the one that you mean? (yes, within a "
		      "minute) ",
		      what, id);
	yes = says_yes(tty);
	(void)dprintf(tty, yes ? "signed\n" : "\nnothing was signed\n");
	(void)close(tty);
	return yes ? 0
		   : err_set(e, ERR_REFUSED,
			     "nothing was signed: nobody said yes at the "
			     "terminal of `pawl-server ui`");
}

/* The officer's key signs what the officer has read here, one act at a time,
 * and of all acts only those that the pages have. */
static int may_sign(struct visitor *v, const char *path, enum warrant_act act,
		    const struct json *body, struct err *e)
{
	const char *what = strstr(path, "revoke") ? "revoke" : "retire";
	struct device_id device;
	int rc;

	if (act != WARRANT_END)
		return err_set(e, ERR_REFUSED,
			       "nothing was signed: the pages do no such act; "
			       "use the command (pawl-server device approve, "
			       "token activate, token revoke)");
	if (json_get_hex(body, "id", device.bytes, DEVICE_ID_LEN, e))
		return -1;
	(void)pthread_mutex_lock(&v->house->asking);
	rc = ask_person(what, &device, e);
	(void)pthread_mutex_unlock(&v->house->asking);
	return rc;
}

/* A page asks for what the keeper wants signed: the operator's own key, which
 * stays on this side, signs it. What is no such act passes as it is. */
static int add_warrant(struct visitor *v, const char *path, struct slice *body,
		       struct buf *act, struct err *e)
{
	const struct warrant_desk desk = { v->house->client, v->client, NULL };
	enum warrant_act kind;
	struct json *j = NULL;
	int rc = -1;

	if (!warrant_desk_takes(path, &kind))
		return 0;
	if (json_parse(*body, &j, e) == 0 &&
	    may_sign(v, path, kind, j, e) == 0 &&
	    warrant_desk_add(&desk, path, j, e) == 0)
		rc = json_print(j, false, act, e);
	json_free(j);
	if (rc == 0)
		*body = buf_slice(act);
	return rc;
}

static int go_through(struct visitor *v, const struct http_request *q,
		      struct slice body, struct err *e)
{
	char path[HTTP_TARGET_MAX + 1];
	struct people_relay r = { .method = method_name(q->method),
				  .path = path,
				  .body = body,
				  .if_none_match = q->if_none_match,
				  .ctx = v,
				  .line = take_line,
				  .bytes = take_bytes,
				  .is_over = has_gone };
	struct buf act = BUF_INIT(DOOR_BODY_MAX + WARRANT_MAX * 2);
	int rc;

	if (text_format(path, sizeof(path), e, "%.*s", (int)q->path.len,
			(const char *)q->path.ptr))
		return -1;
	if (!v->client && people_open_another(v->house->client, &v->client, e))
		return -1;
	if (q->method == METHOD_POST &&
	    add_warrant(v, path, &r.body, &act, e)) {
		buf_done(&act);
		return -1;
	}
	rc = people_relay(v->client, &r, e);
	buf_done(&act);
	return rc;
}

/* One request and its answer; -1 when the connection is to end. */
static int serve_one(struct visitor *v)
{
	struct http_request q = { 0 };
	struct err e = { 0 };
	unsigned status = 502;
	size_t head_len, all;

	v->begun = v->has_length = v->bare = false;
	if (hear_head(v, &head_len, &q))
		return -1;
	v->last = q.close;
	if (door_judge(&v->house->door, &q, &status, &e)) {
		say_error(v, status, &e);
		return -1;
	}
	all = head_len + (size_t)q.body_len;
	/* Growing the buffer may move what the request points to. */
	if (v->in.len < all) {
		if (hear_body(v, all) ||
		    http_parse(slice_sub(buf_slice(&v->in), 0, head_len), &q,
			       &status, &e))
			return -1;
	}
	if (go_through(
		    v, &q,
		    slice_sub(buf_slice(&v->in), head_len, (size_t)q.body_len),
		    &e)) {
		if (!v->begun)
			say_error(v, e.code == ERR_REFUSED ? 403 : 502, &e);
		return -1;
	}
	memmove(v->in.ptr, v->in.ptr + all, v->in.len - all);
	v->in.len -= all;
	return v->last ? -1 : 0;
}

static void *serve_visitor(void *ctx)
{
	struct visitor *v = ctx;
	struct house *house = v->house;

	while (serve_one(v) == 0)
		continue;
	people_close(v->client);
	fs_close(&v->fd);
	buf_wipe(&v->in);
	free(v);
	(void)pthread_mutex_lock(&house->lock);
	house->visitors--;
	(void)pthread_mutex_unlock(&house->lock);
	return NULL;
}

/* ---- the door ------------------------------------------------------------ */

static int open_door(uint16_t port, int *out, uint16_t *real, struct err *e)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_sys(e, "socket");
	if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) ||
	    listen(fd, 16) || getsockname(fd, (struct sockaddr *)&at, &len)) {
		(void)err_sys(e, "127.0.0.1:%u", port);
		fs_close(&fd);
		return -1;
	}
	*out = fd;
	*real = ntohs(at.sin_port);
	return 0;
}

static bool take_place(struct house *house)
{
	bool free_place;

	(void)pthread_mutex_lock(&house->lock);
	free_place = house->visitors < VISITORS_MAX;
	if (free_place)
		house->visitors++;
	(void)pthread_mutex_unlock(&house->lock);
	return free_place;
}

static void let_in(struct house *house, int fd)
{
	const struct timeval wait = { .tv_sec = WAIT_SEC };
	struct visitor *v = mem_alloc(1, sizeof(*v));
	pthread_t thread;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	v->house = house;
	v->fd = fd;
	v->in = (struct buf)BUF_INIT(HTTP_HEAD_MAX + DOOR_BODY_MAX + READ_STEP);
	if (pthread_create(&thread, NULL, serve_visitor, v) == 0) {
		(void)pthread_detach(thread);
		return;
	}
	(void)close(fd);
	free(v);
	(void)pthread_mutex_lock(&house->lock);
	house->visitors--;
	(void)pthread_mutex_unlock(&house->lock);
}

/* Until the operator ends the program. */
static int stand_at(struct house *house, int fd, struct err *e)
{
	for (;;) {
		int visitor = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (visitor >= 0 && take_place(house)) {
			let_in(house, visitor);
			continue;
		}
		if (visitor >= 0)
			(void)close(visitor);
		else if (errno != EINTR && errno != ECONNABORTED &&
			 errno != EMFILE)
			return err_sys(e, "accept");
	}
}

static int announce(const struct ui *u, const struct door *d, struct err *e)
{
	char url[128];
	struct json *j;
	int rc;

	if (text_format(url, sizeof(url), e, "http://127.0.0.1:%u/#key=%s",
			d->port, d->key))
		return -1;
	if (!u->json) {
		printf("Open in a browser on this machine:\n\n    %s\n\n"
		       "Keep the address to yourself: who has it acts in your "
		       "name. It is good until\nyou end this command.\n",
		       url);
		return fflush(stdout) ? err_sys(e, "standard output") : 0;
	}
	j = json_new_object();
	json_set_text(j, "url", url);
	rc = ui_print_json(j, e);
	json_free(j);
	return rc || fflush(stdout) ? -1 : 0;
}

int command_ui(int argc, char **argv, struct err *e)
{
	struct house house = { .visitors = 0 };
	struct json *answer = NULL;
	uint64_t port = 0;
	uint16_t real = 0;
	struct ui u = { 0 };
	const struct opt opts[] = {
		OPT_NUMBER("port", "N", &port, UINT16_MAX,
			   "on this port (any that is free)"),
		UI_OPTIONS(&u),
		OPT_END,
	};
	int fd = -1, rc = -1;

	/* A question first: what is wrong with the way is said here. */
	if (ui_start(&u, argc, argv, opts, 0, e) ||
	    people_get(u.client, "/v1/people/overview", &answer, e) ||
	    open_door((uint16_t)port, &fd, &real, e))
		goto out;
	door_init(&house.door, real);
	house.client = u.client;
	(void)pthread_mutex_init(&house.lock, NULL);
	(void)pthread_mutex_init(&house.asking, NULL);
	if (announce(&u, &house.door, e) == 0)
		rc = stand_at(&house, fd, e);
out:
	json_free(answer);
	fs_close(&fd);
	ui_done(&u);
	return rc;
}
