/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fleet on the wire, for the emergency drill: devices that enrol, check in
 * when they are told to, take what they are offered and report it, each over
 * TLS with its own certificate. What they leave out is what the server does not
 * see: nothing is downloaded or installed.
 *
 *	drill ENROL-PORT DEVICE-PORT CA CODES APPLY-SEC GOAL ID=SEQ...
 *
 * CODES holds a claim code a line, and each becomes a device (product kiosk,
 * model k1). When all have enrolled and checked in once it says "ready N". From
 * then on it says "SECONDS confirmed K" whenever another 5 % of them run
 * release GOAL, by the clock, and ends when all do. APPLY-SEC is how long a
 * device is away between installing and being seen again.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/claim.h"
#include "common/fs.h"
#include "common/mem.h"
#include "common/steady.h"
#include "common/wire.h"
#include "common/wire_enrol.h"
#include "common/x509.h"

#define THREADS      4
#define RELEASES_MAX 8

struct device {
	EVP_PKEY *key;
	X509 *certificate;
	struct wire_checkin runs;
	int64_t due;      /* steady_ms() */
	uint64_t attempt; /* to be confirmed; 0: none */
	bool confirmed;   /* runs GOAL, as the server saw */
};

static struct {
	uint16_t enrol_port, device_port;
	SSL_CTX *ctx;
	int64_t apply_ms;
	const char *goal;
	struct {
		char id[NAME_MAX_LEN + 1];
		uint64_t seq;
	} releases[RELEASES_MAX];
	size_t release_count;
	char (*codes)[64];
	struct device *devices;
	size_t count;
	_Atomic size_t greeted, confirmed;
} fleet;

static void die(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static void must(int rc, const struct err *e)
{
	if (rc == 0)
		return;
	(void)fprintf(stderr, "drill: %s\n", e->msg);
	exit(EXIT_FAILURE);
}

/* ---- the wire ------------------------------------------------------------ */

static SSL *dial(uint16_t port, const struct device *d)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	SSL *s = SSL_new(fleet.ctx);

	if (fd < 0 || !s)
		die("socket");
	SSL_set_fd(s, fd);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (d && (SSL_use_certificate(s, d->certificate) != 1 ||
		  SSL_use_PrivateKey(s, d->key) != 1))
		die("certificate");
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
	    SSL_connect(s) == 1)
		return s;
	(void)close(fd);
	SSL_free(s);
	return NULL;
}

static void hang_up(SSL *s)
{
	int fd;

	if (!s)
		return;
	fd = SSL_get_fd(s);
	(void)SSL_shutdown(s);
	SSL_free(s);
	(void)close(fd);
}

/* One request; 0 with the body of a 200, else -1: try again later. */
static int post(SSL *s, const char *path, struct slice body, struct buf *out)
{
	struct buf text = BUF_INIT(1 << 16);
	static _Thread_local char in[1 << 16];
	size_t have = 0, want = SIZE_MAX;
	struct err e = { 0 };
	const char *end, *len;
	uint64_t length;

	must(buf_addf(&text, &e,
		      "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
		      "Content-Length: %zu\r\n\r\n%s",
		      path, body.len, (const char *)body.ptr),
	     &e);
	if (SSL_write(s, text.ptr, (int)text.len) != (int)text.len)
		have = sizeof(in);
	buf_done(&text);
	while (have < want && have < sizeof(in) - 1) {
		int got = SSL_read(s, in + have, (int)(sizeof(in) - 1 - have));

		if (got <= 0)
			return -1;
		have += (size_t)got;
		in[have] = '\0';
		end = strstr(in, "\r\n\r\n");
		len = strstr(in, "Content-Length: ");
		if (!end || !len)
			continue;
		len += strlen("Content-Length: ");
		if (num_parse((struct slice){ (const uint8_t *)len,
					      strcspn(len, "\r") },
			      sizeof(in) / 2, &length, &e))
			return -1;
		want = (size_t)(end + 4 - in) + (size_t)length;
		if (have < want)
			continue;
		if (strncmp(in, "HTTP/1.1 200", 12) != 0)
			return -1;
		out->len = 0;
		return buf_add(out,
			       (struct slice){ (const uint8_t *)end + 4,
					       (size_t)length },
			       &e);
	}
	return -1;
}

/* ---- joining ------------------------------------------------------------- */

static void prove(struct wire_enrol *m, const struct ec_private *key)
{
	struct buf text = BUF_INIT(X509_PEM_MAX_LEN - 1);
	struct buf proof = BUF_INIT(EC_SIG_MAX_LEN);
	struct ec_private *decrypt = NULL;
	struct ec_public public_key;
	struct err e = { 0 };

	must(ec_generate(&decrypt, &e), &e);
	ec_public_of(decrypt, &public_key);
	must(decrypt_key_prove(key, &public_key, &m->decrypt, &e), &e);
	must(x509_request(key, "pawl device", &text, &e), &e);
	must(text_format(m->csr, sizeof(m->csr), &e, "%s", buf_text(&text)),
	     &e);
	text.len = 0;
	ec_public_of(key, &public_key);
	must(wire_enrol_message(m, &public_key, &text, &e), &e);
	must(ec_sign(key, buf_slice(&text), &proof, &e), &e);
	memcpy(m->proof, proof.ptr, proof.len);
	m->proof_len = proof.len;
	buf_done(&text);
	buf_done(&proof);
	ec_free(decrypt);
}

static void keep_identity(struct device *d, const struct ec_private *key,
			  const struct wire_identity *id)
{
	struct buf pem = BUF_SECRET(X509_PEM_MAX_LEN);
	struct err e = { 0 };
	BIO *b;

	must(x509_private_pem(key, &pem, &e), &e);
	b = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	d->key = PEM_read_bio_PrivateKey(b, NULL, NULL, NULL);
	BIO_free(b);
	b = BIO_new_mem_buf(id->certificate, -1);
	d->certificate = PEM_read_bio_X509(b, NULL, NULL, NULL);
	BIO_free(b);
	buf_wipe(&pem);
	if (!d->key || !d->certificate)
		die("identity");
}

static int ask_to_join(SSL *s, struct wire_enrol *m,
		       const struct ec_private *key, struct wire_identity *id)
{
	struct buf body = BUF_INIT(WIRE_BODY_MAX), got = BUF_INIT(1 << 16);
	struct wire_nonce nonce;
	struct err e = { 0 };
	int rc = -1;

	if (!s || post(s, "/v1/nonce", slice_of("{}"), &got) ||
	    wire_parse_nonce(buf_slice(&got), &nonce, &e))
		goto out;
	memcpy(m->nonce, nonce.nonce, sizeof(m->nonce));
	prove(m, key);
	must(wire_format_enrol(m, &body, &e), &e);
	if (post(s, "/v1/enrol", buf_slice(&body), &got) == 0)
		rc = wire_parse_identity(buf_slice(&got), id, &e);
out:
	buf_done(&body);
	buf_done(&got);
	return rc;
}

static void join(size_t n)
{
	struct wire_enrol *m = mem_alloc(1, sizeof(*m));
	struct wire_identity *id = mem_alloc(1, sizeof(*id));
	struct device *d = &fleet.devices[n];
	struct ec_private *key = NULL;
	struct err e = { 0 };
	int rc = -1;

	must(ec_generate(&key, &e), &e);
	must(claim_parse(slice_of(fleet.codes[n]), m->claim, &e), &e);
	memcpy(m->product, "kiosk", 6);
	memcpy(m->model, "k1", 3);
	for (int tries = 0; rc && tries < 50; tries++) {
		SSL *s = dial(fleet.enrol_port, NULL);

		rc = ask_to_join(s, m, key, id);
		hang_up(s);
		if (rc)
			(void)usleep(200000);
	}
	if (rc)
		die("enrolment");
	keep_identity(d, key, id);
	d->runs = (struct wire_checkin){ .product = "kiosk",
					 .model = "k1",
					 .confirmed = true,
					 .interval_sec = 3600,
					 .updater = "0.1.0" };
	ec_free(key);
	free(m);
	free(id);
}

/* ---- living -------------------------------------------------------------- */

static int tell(SSL *s, const struct device *d, enum wire_state state,
		uint32_t sequence)
{
	struct wire_report *m = mem_alloc(1, sizeof(*m));
	struct buf body = BUF_INIT(WIRE_BODY_MAX), got = BUF_INIT(1 << 16);
	struct err e = { 0 };
	int rc;

	m->attempt = d->attempt;
	m->sequence = sequence;
	m->state = state;
	m->activation = d->runs.activation;
	m->running = d->runs.digest;
	must(wire_format_report(m, &body, &e), &e);
	rc = post(s, "/v1/report", buf_slice(&body), &got);
	buf_done(&body);
	buf_done(&got);
	free(m);
	return rc;
}

static uint64_t seq_of(const char *release)
{
	for (size_t i = 0; i < fleet.release_count; i++)
		if (strcmp(fleet.releases[i].id, release) == 0)
			return fleet.releases[i].seq;
	(void)fprintf(stderr, "drill: who knows %s?\n", release);
	exit(EXIT_FAILURE);
}

/* Take what is offered; it runs when the device is seen next. */
static int take(SSL *s, struct device *d, const struct wire_decision *offer)
{
	d->attempt = offer->attempt;
	if (tell(s, d, WIRE_DOWNLOADING, 1) || tell(s, d, WIRE_VERIFIED, 2) ||
	    tell(s, d, WIRE_INSTALLED, 3))
		return -1;
	d->runs.has_release = true;
	memcpy(d->runs.release, offer->release, sizeof(d->runs.release));
	d->runs.seq = seq_of(offer->release);
	d->runs.digest = offer->digest;
	d->runs.activation++;
	d->due = steady_ms() + fleet.apply_ms;
	return 0;
}

static int check_in(SSL *s, struct device *d, struct wire_decision *out)
{
	struct buf body = BUF_INIT(WIRE_BODY_MAX), got = BUF_INIT(1 << 16);
	struct err e = { 0 };
	int rc;

	must(wire_format_checkin(&d->runs, &body, &e), &e);
	rc = post(s, "/v1/checkin", buf_slice(&body), &got);
	if (rc == 0)
		rc = wire_parse_decision(buf_slice(&got), out, &e);
	buf_done(&body);
	buf_done(&got);
	return rc;
}

static void visit(struct device *d)
{
	struct wire_decision *next = mem_alloc(1, sizeof(*next));
	SSL *s = dial(fleet.device_port, d);

	/* Like a client: a failure is tried again, later. */
	d->due = steady_ms() + 2000;
	if (s && check_in(s, d, next) == 0) {
		d->due = steady_ms() + (int64_t)next->next_check_sec * 1000;
		if (!d->confirmed && strcmp(d->runs.release, fleet.goal) == 0) {
			d->confirmed = true;
			fleet.confirmed++;
		}
		if (next->action == WIRE_UPDATE && take(s, d, next))
			d->due = steady_ms() + 2000;
	}
	hang_up(s);
	free(next);
}

/* Every fourth device, from the n-th on. */
static void *live(void *ctx)
{
	size_t first = (size_t)(uintptr_t)ctx;

	for (size_t i = first; i < fleet.count; i += THREADS) {
		join(i);
		visit(&fleet.devices[i]);
		fleet.greeted++;
	}
	while (fleet.confirmed < fleet.count) {
		int64_t now = steady_ms();

		for (size_t i = first; i < fleet.count; i += THREADS)
			if (fleet.devices[i].due <= now)
				visit(&fleet.devices[i]);
		(void)usleep(5000);
	}
	return NULL;
}

/* ---- the whole ----------------------------------------------------------- */

static void read_codes(const char *path)
{
	struct buf text = BUF_INIT(64 << 20);
	struct err e = { 0 };

	must(fs_read_path(path, &text, &e), &e);
	for (size_t i = 0; i < text.len; i++)
		fleet.count += text.ptr[i] == '\n';
	fleet.codes = mem_alloc(fleet.count, sizeof(*fleet.codes));
	fleet.devices = mem_alloc(fleet.count, sizeof(*fleet.devices));
	for (size_t n = 0, i = 0; n < fleet.count; n++) {
		size_t len = strcspn((const char *)text.ptr + i, "\n");

		must(text_format(fleet.codes[n], sizeof(fleet.codes[n]), &e,
				 "%.*s", (int)len, text.ptr + i),
		     &e);
		i += len + 1;
	}
	buf_done(&text);
}

static void read_release(const char *word)
{
	size_t len = strcspn(word, "=");
	struct err e = { 0 };

	if (fleet.release_count == RELEASES_MAX || word[len] != '=')
		exit(2);
	must(text_format(fleet.releases[fleet.release_count].id,
			 NAME_MAX_LEN + 1, &e, "%.*s", (int)len, word) ||
		     num_parse(slice_of(word + len + 1), JSON_INT_MAX,
			       &fleet.releases[fleet.release_count].seq, &e),
	     &e);
	fleet.release_count++;
}

static void watch(void)
{
	size_t told = 0;

	while (fleet.greeted < fleet.count)
		(void)usleep(20000);
	printf("ready %zu\n", fleet.count);
	for (;;) {
		size_t now = fleet.confirmed;
		struct timespec at;

		if (now * 20 / fleet.count > told * 20 / fleet.count ||
		    now == fleet.count) {
			(void)clock_gettime(CLOCK_REALTIME, &at);
			printf("%lld.%03ld confirmed %zu\n",
			       (long long)at.tv_sec, at.tv_nsec / 1000000, now);
			told = now;
		}
		(void)fflush(stdout);
		if (now == fleet.count)
			return;
		(void)usleep(20000);
	}
}

static uint64_t number(const char *text)
{
	struct err e = { 0 };
	uint64_t n = 0;

	must(num_parse(slice_of(text), UINT16_MAX, &n, &e), &e);
	return n;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];

	if (argc < 8)
		return 2;
	(void)signal(SIGPIPE, SIG_IGN);
	fleet.enrol_port = (uint16_t)number(argv[1]);
	fleet.device_port = (uint16_t)number(argv[2]);
	fleet.ctx = SSL_CTX_new(TLS_client_method());
	if (!fleet.ctx ||
	    !SSL_CTX_load_verify_locations(fleet.ctx, argv[3], NULL))
		die("CA");
	SSL_CTX_set_verify(fleet.ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_max_proto_version(fleet.ctx, TLS1_2_VERSION);
	read_codes(argv[4]);
	fleet.apply_ms = (int64_t)number(argv[5]) * 1000;
	fleet.goal = argv[6];
	for (int i = 7; i < argc; i++)
		read_release(argv[i]);
	for (size_t i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, live,
				   (void *)(uintptr_t)i))
			die("thread");
	watch();
	for (size_t i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	return EXIT_SUCCESS;
}
