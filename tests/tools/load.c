/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load on a TLS server, for benchmarks, from one thread:
 *
 *	load PORT CA CERT KEY kept PATH REQUESTS CONNECTIONS
 *	load PORT CA CERT KEY fresh PATH CONNECTIONS
 *	load PORT CA CERT KEY get PATH TIMES
 *
 * kept: small POSTs over kept connections, one under way on each; fresh: a
 * whole handshake and a POST each; get: downloads. Session resumption is off.
 * Prints requests, bytes and seconds.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BODY            "{\"v\":1,\"seq\":7,\"confirmed\":true}"
#define CONNECTIONS_MAX 1024

static uint16_t port;
static SSL_CTX *ctx;
static uint64_t bytes;

static void die(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static SSL *dial(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	SSL *s = SSL_new(ctx);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		die("connect");
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	SSL_set_fd(s, fd);
	if (SSL_connect(s) != 1)
		die("handshake");
	return s;
}

static void hang_up(SSL *s)
{
	int fd = SSL_get_fd(s);

	(void)SSL_shutdown(s);
	SSL_free(s);
	(void)close(fd);
}

static void send_post(SSL *s, const char *path)
{
	char text[512];
	int len = snprintf(text, sizeof(text),
			   "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
			   "Content-Length: %zu\r\n\r\n" BODY,
			   path, strlen(BODY));

	if (SSL_write(s, text, len) != len)
		die("write");
}

/* A whole answer, however long; it must be a 200. */
static void read_answer(SSL *s)
{
	static char buf[1 << 17];
	size_t have = 0;
	const char *end = NULL, *length;
	unsigned long long left;

	while (!end) {
		int got =
			SSL_read(s, buf + have, (int)(sizeof(buf) - 1 - have));

		if (got <= 0)
			die("read");
		have += (size_t)got;
		buf[have] = 0;
		end = strstr(buf, "\r\n\r\n");
	}
	length = strstr(buf, "Content-Length: ");
	if (strncmp(buf, "HTTP/1.1 200", 12) != 0 || !length)
		die("not a 200");
	left = strtoull(length + 16, NULL, 10);
	bytes += left;
	left -= have - (size_t)(end + 4 - buf);
	while (left > 0) {
		int got = SSL_read(s, buf, sizeof(buf));

		if (got <= 0)
			die("read");
		left -= (unsigned long long)got;
	}
}

static unsigned long kept(const char *path, unsigned long requests,
			  unsigned long connections)
{
	SSL *s[CONNECTIONS_MAX];
	unsigned long done = 0;

	if (connections > CONNECTIONS_MAX)
		exit(2);
	for (unsigned long i = 0; i < connections; i++)
		s[i] = dial();
	while (done < requests) {
		for (unsigned long i = 0; i < connections; i++)
			send_post(s[i], path);
		for (unsigned long i = 0; i < connections; i++)
			read_answer(s[i]);
		done += connections;
	}
	for (unsigned long i = 0; i < connections; i++)
		hang_up(s[i]);
	return done;
}

static unsigned long fresh(const char *path, unsigned long connections)
{
	for (unsigned long i = 0; i < connections; i++) {
		SSL *s = dial();

		send_post(s, path);
		read_answer(s);
		hang_up(s);
	}
	return connections;
}

static unsigned long get(const char *path, unsigned long times)
{
	SSL *s = dial();
	char text[512];
	int len = snprintf(text, sizeof(text),
			   "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", path);

	for (unsigned long i = 0; i < times; i++) {
		if (SSL_write(s, text, len) != len)
			die("write");
		read_answer(s);
	}
	hang_up(s);
	return times;
}

static void open_tls(char **argv)
{
	ctx = SSL_CTX_new(TLS_client_method());
	if (!ctx || !SSL_CTX_load_verify_locations(ctx, argv[2], NULL) ||
	    SSL_CTX_use_certificate_file(ctx, argv[3], SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, argv[4], SSL_FILETYPE_PEM) != 1)
		die("certificates");
	SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	if (getenv("CIPHER"))
		SSL_CTX_set_cipher_list(ctx, getenv("CIPHER"));
}

int main(int argc, char **argv)
{
	struct timespec start, end;
	unsigned long n = 0, first, second;

	if (argc < 8)
		return 2;
	port = (uint16_t)strtoul(argv[1], NULL, 10);
	first = strtoul(argv[7], NULL, 10);
	second = argc > 8 ? strtoul(argv[8], NULL, 10) : 1;
	open_tls(argv);
	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	if (strcmp(argv[5], "kept") == 0)
		n = kept(argv[6], first, second);
	else if (strcmp(argv[5], "fresh") == 0)
		n = fresh(argv[6], first);
	else if (strcmp(argv[5], "get") == 0)
		n = get(argv[6], first);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%lu %llu %.3f\n", n, (unsigned long long)bytes,
	       (double)(end.tv_sec - start.tv_sec) +
		       (double)(end.tv_nsec - start.tv_nsec) / 1e9);
	SSL_CTX_free(ctx);
	return EXIT_SUCCESS;
}
