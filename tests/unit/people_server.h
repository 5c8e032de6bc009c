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
#include "tests/unit/server_certificate.h"
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

/* Its CA goes to the person's ca.pem. */
static inline void people_server_listen(struct people_server *s)
{
	struct server_setup setup = { .limits = &s->limits,
				      .routes = server_routes,
				      .route_count = server_route_count,
				      .authorise = server_authorise };
	struct server_certificate own;
	struct err e = { 0 };

	server_certificate_make(&own, utc_now() - UTC_DAY, utc_now() + UTC_DAY);
	put_file(s->box.dir, "ca.pem", buf_text(&own.ca), 0600);
	setup.listen[LISTENER_PEOPLE] = "127.0.0.1:0";
	setup.certificate = buf_slice(&own.certificate);
	setup.key = buf_slice(&own.key);
	setup.device_ca = buf_slice(&own.ca);
	assert_ok(server_open(&setup, &s->server, &e));
	server_certificate_done(&own);
}

static inline void people_server_person(struct people_server *s)
{
	const struct x509_template t = { .kind = X509_PERSON,
					 .common_name = "ann",
					 .not_before = utc_now() - UTC_DAY,
					 .not_after = utc_now() + UTC_DAY };
	const char *address = server_address(s->server, LISTENER_PEOPLE);
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf sealed = BUF_INIT(KEYFILE_MAX_LEN);
	char secret[2 * KEYFILE_SECRET_LEN + 1], conf[400];
	struct ec_private *key = NULL;
	struct ec_public own;
	struct x509_info info;
	struct err e = { 0 };

	memset(secret, 'a', sizeof(secret) - 1);
	secret[sizeof(secret) - 1] = 0;
	assert_ok(ec_generate(&key, &e));
	ec_public_of(key, &own);
	assert_ok(x509_issue(&t, &own, (struct slice){ 0 }, key, &pem, &e));
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
