/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server for the tests of what talks to one: a child that speaks real TLS (or
 * none, as a proxy does) with a certificate of its own CA, hands each request
 * to a function of the test's, and keeps what it was asked.
 */
#ifndef TESTS_UNIT_TLS_SERVER_H
#define TESTS_UNIT_TLS_SERVER_H

#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/server_certificate.h"

#define TLS_ASKED_LEN 65536

/* One request, and the way back. */
struct tls_talk {
	void *ctx;
	SSL *ssl; /* NULL: plain */
	int fd;
	char request[16384];
	size_t len;
	char path[2048];
	const char *body;
	size_t body_len;
};

struct tls_server {
	/* As the test wants it: */
	void (*answer)(struct tls_talk *t);
	void *ctx;
	bool plain;
	bool asks_who; /* wants a client's certificate, any */
	int64_t not_before, not_after;
	/* What comes of it: */
	pid_t pid;
	char url[64];
	struct server_certificate own;
	char *asked; /* all requests, one behind the other */
};

/* ---- what it shows ------------------------------------------------------- */

static inline int tls_take_any(int good, X509_STORE_CTX *chain)
{
	(void)good;
	(void)chain;
	return 1;
}

static inline SSL_CTX *tls_context(const struct tls_server *s)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	BIO *pem = BIO_new_mem_buf(s->own.certificate.ptr,
				   (int)s->own.certificate.len);
	BIO *key_pem = BIO_new_mem_buf(s->own.key.ptr, (int)s->own.key.len);
	X509 *certificate = PEM_read_bio_X509(pem, NULL, NULL, NULL);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(key_pem, NULL, NULL, NULL);

	if (!SSL_CTX_use_certificate(ctx, certificate) ||
	    !SSL_CTX_use_PrivateKey(ctx, key))
		_exit(3);
	if (s->asks_who)
		SSL_CTX_set_verify(
			ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
			tls_take_any);
	X509_free(certificate);
	EVP_PKEY_free(key);
	BIO_free(pem);
	BIO_free(key_pem);
	return ctx;
}

/* ---- one request --------------------------------------------------------- */

/* False: whoever asked is gone. */
static inline bool tls_send(struct tls_talk *t, const void *bytes, size_t len)
{
	if (len == 0)
		return true;
	return t->ssl ? SSL_write(t->ssl, bytes, (int)len) > 0
		      : send(t->fd, bytes, len, MSG_NOSIGNAL) > 0;
}

static inline bool tls_say(struct tls_talk *t, const char *text)
{
	return tls_send(t, text, strlen(text));
}

/* A whole answer; the connection ends behind it. `more` are lines of a head. */
static inline void tls_answer(struct tls_talk *t, const char *status,
			      const char *more, struct slice body)
{
	char head[512];

	(void)snprintf(head, sizeof(head),
		       "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s"
		       "Connection: close\r\n\r\n",
		       status, body.len, more);
	(void)(tls_say(t, head) && tls_send(t, body.ptr, body.len));
}

static inline size_t tls_body_len(const char *head)
{
	const char *at = strcasestr(head, "\r\nContent-Length:");

	return at ? strtoul(at + strlen("\r\nContent-Length:"), NULL, 10) : 0;
}

static inline bool tls_read_request(struct tls_talk *t)
{
	const char *end = NULL;

	t->len = 0;
	for (;;) {
		const size_t room = sizeof(t->request) - 1 - t->len;
		char *to = t->request + t->len;
		ssize_t got = t->ssl ? SSL_read(t->ssl, to, (int)room)
				     : recv(t->fd, to, room, 0);

		if (got <= 0)
			return false;
		t->len += (size_t)got;
		t->request[t->len] = 0;
		end = strstr(t->request, "\r\n\r\n");
		if (!end)
			continue;
		t->body = end + 4;
		t->body_len = t->len - (size_t)(t->body - t->request);
		if (t->body_len == tls_body_len(t->request))
			break;
	}
	return sscanf(t->request, "%*s %2047s", t->path) == 1;
}

static inline void tls_serve_one(const struct tls_server *s, SSL_CTX *ctx,
				 int fd)
{
	static struct tls_talk t;
	size_t len = strlen(s->asked);

	t = (struct tls_talk){ .ctx = s->ctx, .fd = fd };
	if (!s->plain) {
		t.ssl = SSL_new(ctx);
		SSL_set_fd(t.ssl, fd);
	}
	if ((s->plain || SSL_accept(t.ssl) == 1) && tls_read_request(&t)) {
		(void)snprintf(s->asked + len, TLS_ASKED_LEN - len, "%s\n",
			       t.request);
		s->answer(&t);
		if (t.ssl)
			SSL_shutdown(t.ssl);
	}
	SSL_free(t.ssl);
	close(fd);
}

/* ---- life ---------------------------------------------------------------- */

/* A port of this machine on which nobody listens, or soon somebody does. */
static inline int tls_listen(uint16_t *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*port = ntohs(at.sin_port);
	return fd;
}

/* A test that dies takes it along. */
static inline void tls_serve(const struct tls_server *s, int fd, pid_t parent)
{
	SSL_CTX *ctx = s->plain ? NULL : tls_context(s);

	(void)signal(SIGPIPE, SIG_IGN);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		_exit(4);
	for (;;)
		tls_serve_one(s, ctx, accept(fd, NULL, NULL));
}

static inline void tls_server_start(struct tls_server *s)
{
	const pid_t parent = getpid();
	uint16_t port;
	int fd = tls_listen(&port);

	server_certificate_make(&s->own, s->not_before, s->not_after);
	s->asked = mmap(NULL, TLS_ASKED_LEN, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(s->asked, MAP_FAILED);
	assert_int_equal(listen(fd, 16), 0);
	(void)snprintf(s->url, sizeof(s->url), "http%s://127.0.0.1:%u",
		       s->plain ? "" : "s", port);
	s->pid = fork();
	if (s->pid == 0)
		tls_serve(s, fd, parent);
	assert_true(s->pid > 0);
	close(fd);
}

/* Nobody listens there any more; what it was asked can still be read. */
static inline void tls_server_end(struct tls_server *s)
{
	if (s->pid <= 0)
		return;
	(void)kill(s->pid, SIGKILL);
	(void)waitpid(s->pid, NULL, 0);
	s->pid = 0;
}

/* A zeroed one is fine. */
static inline void tls_server_stop(struct tls_server *s)
{
	tls_server_end(s);
	if (!s->asked)
		return;
	server_certificate_done(&s->own);
	(void)munmap(s->asked, TLS_ASKED_LEN);
	s->asked = NULL;
}

#endif
