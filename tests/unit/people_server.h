/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The people listener on a port of its own, as `update-server` runs it, and one
 * person who reaches it: the real server, TLS, routes and client, for the tests
 * of what talks to it. The state behind the routes is the test's.
 */
#ifndef TESTS_UNIT_PEOPLE_SERVER_H
#define TESTS_UNIT_PEOPLE_SERVER_H

#include <pthread.h>
#include <signal.h>

#include "common/keyfile.h"
#include "common/x509.h"
#include "tests/unit/box.h"
#include "update-server/people_client.h"
#include "update-server/server.h"

struct people_server {
	struct box box;
	struct limits limits;
	struct server *server;
	struct server_api *api;
	pthread_t thread;
	struct people_client *client;
	struct sha256 person; /* the fingerprint of who reaches it */
};

static inline void people_server_issue(const struct x509_template *from,
				       const struct ec_private *key,
				       struct slice issuer,
				       const struct ec_private *issuer_key,
				       struct buf *pem)
{
	struct x509_template t = *from;
	struct ec_public public_key;
	struct err e = { 0 };

	t.not_before = utc_now() - UTC_DAY;
	t.not_after = utc_now() + UTC_DAY;
	ec_public_of(key, &public_key);
	assert_ok(x509_issue(&t, &public_key, issuer, issuer_key, pem, &e));
}

/* Its CA goes to the person's ca.pem. */
static inline void people_server_listen(struct people_server *s)
{
	static const char *const names[] = { "127.0.0.1", NULL };
	const struct x509_template ca = { .kind = X509_CA,
					  .common_name = "CA" };
	const struct x509_template leaf = { .kind = X509_SERVER,
					    .common_name = "server",
					    .names = names };
	struct buf ca_pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf key_pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct ec_private *ca_key = NULL, *key = NULL;
	struct server_setup setup = { .limits = &s->limits,
				      .routes = server_routes,
				      .route_count = server_route_count,
				      .authorise = server_authorise };
	struct err e = { 0 };

	assert_ok(ec_generate(&ca_key, &e));
	assert_ok(ec_generate(&key, &e));
	people_server_issue(&ca, ca_key, (struct slice){ 0 }, ca_key, &ca_pem);
	people_server_issue(&leaf, key, buf_slice(&ca_pem), ca_key, &pem);
	assert_ok(x509_private_pem(key, &key_pem, &e));
	put_file(s->box.dir, "ca.pem", buf_text(&ca_pem), 0600);
	setup.listen[LISTENER_PEOPLE] = "127.0.0.1:0";
	setup.certificate = buf_slice(&pem);
	setup.key = buf_slice(&key_pem);
	setup.device_ca = buf_slice(&ca_pem);
	assert_ok(server_open(&setup, &s->server, &e));
	ec_free(ca_key);
	ec_free(key);
	buf_done(&ca_pem);
	buf_done(&pem);
	buf_wipe(&key_pem);
}

static inline void people_server_person(struct people_server *s)
{
	const struct x509_template t = { .kind = X509_PERSON,
					 .common_name = "ann" };
	const char *address = server_address(s->server, LISTENER_PEOPLE);
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf sealed = BUF_INIT(KEYFILE_MAX_LEN);
	char secret[2 * KEYFILE_SECRET_LEN + 1], conf[400];
	struct ec_private *key = NULL;
	struct x509_info info;
	struct err e = { 0 };

	memset(secret, 'a', sizeof(secret) - 1);
	secret[sizeof(secret) - 1] = 0;
	assert_ok(ec_generate(&key, &e));
	people_server_issue(&t, key, (struct slice){ 0 }, key, &pem);
	assert_ok(x509_inspect(buf_slice(&pem), &info, &e));
	s->person = info.fingerprint;
	assert_ok(keyfile_seal_made(key, ENV_PRODUCTION, "person",
				    slice_of(secret), &sealed, &e));
	(void)snprintf(conf, sizeof(conf),
		       "[server]\nurl = https://%s\nca = ca.pem\n"
		       "[person]\ncertificate = ann.pem\nkey = ann.key\n"
		       "unlock = file:secret\n",
		       address);
	put_file(s->box.dir, "ann.pem", buf_text(&pem), 0600);
	put_file(s->box.dir, "ann.key", buf_text(&sealed), 0600);
	put_file(s->box.dir, "secret", secret, 0600);
	put_file(s->box.dir, "operator.conf", conf, 0600);
	(void)snprintf(conf, sizeof(conf), "%s/operator.conf", s->box.path);
	assert_ok(people_open(conf, &s->client, &e));
	ec_free(key);
	buf_done(&pem);
	buf_done(&sealed);
}

static inline void *people_server_thread(void *ctx)
{
	struct people_server *s = ctx;
	struct err e = { 0 };

	return server_run(s->server, s->api, s->box.dir, &e) ? ctx : NULL;
}

static inline void people_server_open(struct people_server *s)
{
	*s = (struct people_server){
		.limits = { .connections = 8,
			    .connections_per_device = 8,
			    .connections_per_address = 64,
			    .handshakes = 2,
			    .workers = 2,
			    .handshake_sec = 30,
			    .head_sec = 30,
			    .idle_sec = 30,
			    .stall_sec = 30,
			    .body_rate = 1,
			    .stop_sec = 1 },
	};
	box_open(&s->box);
	people_server_listen(s);
	people_server_person(s);
}

/* `person` is known behind it by now. */
static inline void people_server_serve(struct people_server *s,
				       struct server_api *api)
{
	struct json *answer = NULL;
	struct err e = { 0 };

	s->api = api;
	assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	assert_int_equal(
		pthread_create(&s->thread, NULL, people_server_thread, s), 0);
	/* Who is answered knows that the loop takes signals. */
	assert_ok(people_get(s->client, "/v1/people/orders", &answer, &e));
	json_free(answer);
}

static inline void people_server_close(struct people_server *s)
{
	void *failed = NULL;

	assert_int_equal(kill(getpid(), SIGTERM), 0);
	assert_int_equal(pthread_join(s->thread, &failed), 0);
	assert_null(failed);
	server_close(s->server);
	people_close(s->client);
	box_close(&s->box);
}

#endif
