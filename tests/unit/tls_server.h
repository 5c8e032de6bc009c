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

#include "common/x509.h"
#include "tests/unit/check.h"

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
	struct buf ca, certificate, key;
	char *asked; /* all requests, one behind the other */
};

/* ---- its certificate ----------------------------------------------------- */

static inline void tls_issue(const struct x509_template *from,
			     const struct tls_server *s,
			     const struct ec_private *key, struct slice issuer,
			     const struct ec_private *issuer_key,
			     struct buf *pem)
{
	struct x509_template t = *from;
	struct ec_public own;
	struct err e = { 0 };

	t.not_before = s->not_before;
	t.not_after = t.kind == X509_CA ? INT64_C(4000000000) : s->not_after;
	ec_public_of(key, &own);
	assert_ok(x509_issue(&t, &own, issuer, issuer_key, pem, &e));
}

static inline void tls_make_certificate(struct tls_server *s)
{
	static const char *const names[] = { "127.0.0.1", NULL };
	const struct x509_template ca = { .kind = X509_CA,
					  .common_name = "CA" };
	const struct x509_template leaf = { .kind = X509_SERVER,
					    .common_name = "server",
					    .names = names };
	struct ec_private *ca_key = NULL, *key = NULL;
	struct err e = { 0 };

	s->ca = s->certificate = s->key =
		(struct buf)BUF_INIT(X509_PEM_MAX_LEN);
	assert_ok(ec_generate(&ca_key, &e));
	assert_ok(ec_generate(&key, &e));
	tls_issue(&ca, s, ca_key, (struct slice){ 0 }, ca_key, &s->ca);
	tls_issue(&leaf, s, key, buf_slice(&s->ca), ca_key, &s->certificate);
	assert_ok(x509_private_pem(key, &s->key, &e));
	ec_free(ca_key);
	ec_free(key);
}

static inline int tls_take_any(int good, X509_STORE_CTX *chain)
{
	(void)good;
	(void)chain;
	return 1;
}

static inline SSL_CTX *tls_context(const struct tls_server *s)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	BIO *pem = BIO_new_mem_buf(s->certificate.ptr, (int)s->certificate.len);
	BIO *key_pem = BIO_new_mem_buf(s->key.ptr, (int)s->key.len);
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

	tls_make_certificate(s);
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
	buf_done(&s->ca);
	buf_done(&s->certificate);
	buf_wipe(&s->key);
	(void)munmap(s->asked, TLS_ASKED_LEN);
	s->asked = NULL;
}

#endif
