/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front of update-server alone, with handlers made for being attacked:
 *
 *	front-server FOLDER CERT KEY CA [NAME=NUMBER...]
 *
 * serves FOLDER under /files/ on all three listeners, on ports of the system's
 * choice, which it prints one a line. NAME is a limit of server.conf.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "common/fs.h"
#include "common/text.h"

#include "update-server/server.h"

#define EVERYWHERE 7U

struct server_api {
	int folder;
	struct sha256 revoked;
	bool any_revoked;
	struct meter *meter;
};

static int get_file(struct server_api *api, const struct request *q,
		    struct response *a, struct err *e)
{
	struct stat st;

	if (fs_open(api->folder, q->path + strlen("/files/"), O_RDONLY,
		    &a->file_fd, e))
		return -1;
	if (fstat(a->file_fd, &st))
		return err_sys(e, "stat");
	a->type = "application/octet-stream";
	a->file_len = (uint64_t)st.st_size;
	a->ranges = true;
	a->immutable = true;
	(void)snprintf(a->etag, sizeof(a->etag), "%jx", (uintmax_t)st.st_size);
	return 0;
}

static int post_echo(struct server_api *api, const struct request *q,
		     struct response *a, struct err *e)
{
	(void)api;
	return buf_add(&a->body, q->body, e);
}

static int put_upload(struct server_api *api, const struct request *q,
		      struct response *a, struct err *e)
{
	char hex[SHA256_HEX_LEN];
	struct sha256 digest;

	(void)api;
	if (sha256_of_range(q->upload_fd, 0, q->upload_len, &digest, e))
		return -1;
	sha256_format(&digest, hex);
	return buf_addf(&a->body, e, "{\"sha256\":\"%s\"}", hex);
}

static int post_slow(struct server_api *api, const struct request *q,
		     struct response *a, struct err *e)
{
	(void)api;
	(void)q;
	(void)usleep(1000 * 1000);
	return buf_addf(&a->body, e, "{}");
}

static int get_big(struct server_api *api, const struct request *q,
		   struct response *a, struct err *e)
{
	(void)api;
	(void)q;
	for (int i = 0; i < 100000; i++)
		if (buf_addf(&a->body, e, "%09d\n", i))
			return -1;
	return 0;
}

static int get_fail(struct server_api *api, const struct request *q,
		    struct response *a, struct err *e)
{
	(void)api;
	(void)q;
	(void)a;
	return err_set(e, ERR_SYSTEM, "inner detail");
}

/* The longest that the loop heard nobody, in microseconds. */
static int get_lag(struct server_api *api, const struct request *q,
		   struct response *a, struct err *e)
{
	(void)q;
	return buf_addf(&a->body, e, "%llu",
			(unsigned long long)meter_worst_turn(api->meter) /
				1000);
}

/* The caller revokes its own certificate. */
static int post_revoke(struct server_api *api, const struct request *q,
		       struct response *a, struct err *e)
{
	api->any_revoked = true;
	api->revoked = q->peer->fingerprint;
	a->cut = true;
	a->cut_fingerprint = q->peer->fingerprint;
	return buf_addf(&a->body, e, "{}");
}

static int authorise(struct server_api *api, enum listener listener,
		     const struct route *route, struct peer *peer,
		     struct err *e)
{
	(void)route;
	if (listener != LISTENER_ENROLMENT && !peer->present)
		return err_set(e, ERR_REFUSED, "no certificate");
	if (api->any_revoked && peer->present &&
	    sha256_equal(&api->revoked, &peer->fingerprint))
		return err_set(e, ERR_REFUSED, "revoked");
	return 0;
}

static const struct route routes[] = {
	{ EVERYWHERE, METHOD_GET, "/files/", 0, ROUTE_PLAIN, get_file },
	{ EVERYWHERE, METHOD_POST, "/echo", 16384, ROUTE_PLAIN, post_echo },
	{ 1U << LISTENER_DEVICE, METHOD_POST, "/renewal", 16384, ROUTE_RENEWAL,
	  post_echo },
	{ EVERYWHERE, METHOD_PUT, "/upload", 1 << 30, ROUTE_UPLOAD,
	  put_upload },
	{ EVERYWHERE, METHOD_POST, "/slow", 0, ROUTE_PLAIN, post_slow },
	{ EVERYWHERE, METHOD_GET, "/big", 0, ROUTE_PLAIN, get_big },
	{ EVERYWHERE, METHOD_GET, "/fail", 0, ROUTE_PLAIN, get_fail },
	{ EVERYWHERE, METHOD_GET, "/lag", 0, ROUTE_PLAIN, get_lag },
	{ 1U << LISTENER_DEVICE, METHOD_POST, "/revoke", 0, ROUTE_PLAIN,
	  post_revoke },
};

static int set_limit(struct limits *l, const char *word)
{
	const struct {
		const char *name;
		uint64_t *to;
	} names[] = {
		{ "connections=", &l->connections },
		{ "per_device=", &l->connections_per_device },
		{ "per_address=", &l->connections_per_address },
		{ "handshakes=", &l->handshakes },
		{ "handshake_sec=", &l->handshake_sec },
		{ "head_sec=", &l->head_sec },
		{ "idle_sec=", &l->idle_sec },
		{ "stall_sec=", &l->stall_sec },
		{ "body_rate=", &l->body_rate },
		{ "stop_sec=", &l->stop_sec },
	};
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		size_t len = strlen(names[i].name);

		if (strncmp(word, names[i].name, len) == 0)
			return num_parse(slice_of(word + len), 1 << 30,
					 names[i].to, &e);
	}
	return -1;
}

static int serve(char **argv, const struct limits *limits, struct err *e)
{
	struct buf pem[3] = { BUF_INIT(65536), BUF_INIT(65536),
			      BUF_INIT(65536) };
	struct server_api api = {
		.folder = -1,
		.meter = meter_new(routes, ARRAY_LEN(routes)),
	};
	struct server_setup setup = { .limits = limits,
				      .meter = api.meter,
				      .listen = { "127.0.0.1:0", "127.0.0.1:0",
						  "[::1]:0" },
				      .routes = routes,
				      .route_count = ARRAY_LEN(routes),
				      .authorise = authorise };
	struct server *s = NULL;
	int rc = -1;

	if (fs_open_dir(argv[1], &api.folder, e) ||
	    fs_read_path(argv[2], &pem[0], e) ||
	    fs_read_path(argv[3], &pem[1], e) ||
	    fs_read_path(argv[4], &pem[2], e))
		goto out;
	setup.certificate = buf_slice(&pem[0]);
	setup.key = buf_slice(&pem[1]);
	setup.device_ca = buf_slice(&pem[2]);
	if (server_open(&setup, &s, e))
		goto out;
	for (int i = 0; i < LISTENER_COUNT; i++)
		if (setup.listen[i])
			printf("%s\n", server_address(s, (enum listener)i));
	(void)fflush(stdout);
	rc = server_run(s, &api, api.folder, e);
out:
	server_close(s);
	meter_free(api.meter);
	fs_close(&api.folder);
	for (int i = 0; i < 3; i++)
		buf_done(&pem[i]);
	return rc;
}

int main(int argc, char **argv)
{
	struct limits limits = { .connections = 300,
				 .connections_per_device = 4,
				 .connections_per_address = 256,
				 .handshakes = 2,
				 .workers = 4,
				 .handshake_sec = 10,
				 .head_sec = 10,
				 .idle_sec = 75,
				 .stall_sec = 30,
				 .body_rate = 256,
				 .stop_sec = 10 };
	struct err e = { 0 };

	if (argc < 5)
		return 2;
	for (int i = 5; i < argc; i++)
		if (set_limit(&limits, argv[i]))
			return 2;
	(void)signal(SIGPIPE, SIG_IGN);
	if (serve(argv, &limits, &e)) {
		fprintf(stderr, "front-server: %s\n", e.msg);
		return 1;
	}
	return 0;
}
