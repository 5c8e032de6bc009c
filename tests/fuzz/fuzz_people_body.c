/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: the last name of a people's route, a line end, and the body of a
 * request to it. Whatever a person sends is done or refused with a reason, and
 * what is answered is JSON. It is a whole server but for its listeners, with
 * one device and one release, and keeps what was done.
 */
#include <string.h>

#include "tests/fuzz/folder.h"
#include "tests/fuzz/must.h"
#include "update-server/api.h"
#include "update-server/init.h"
#include "update-server/meter.h"
#include "update-server/store_cohort.h"

#define PREFIX "/v1/people/"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct server_api *api;
static struct peer ann;

static const struct audit_by nobody = { .kind = AUDIT_SYSTEM };

static void add_person(void)
{
	struct store_person p = {
		.name = "ann",
		.roles = "admin operator officer auditor",
		.scope = { .share = 10000 },
		.fingerprint = { { 8 } },
	};
	const struct sha256 spki = { { 9 } };
	struct err e;

	ann.fingerprint = p.fingerprint;
	memcpy(ann.id, "ann", 4);
	MUST(store_person_add(api->store, &p, &spki, &nobody, &e) == 0);
}

static void add_device(void)
{
	struct store_batch b = { .product = "kiosk",
				 .model = "k1",
				 .cohort = "canary",
				 .count = 1,
				 .created = 1,
				 .activated = 1,
				 .expires = INT64_C(1) << 40 };
	struct store_device d = {
		.facts = { .id = { { 0xab } },
			   .product = "kiosk",
			   .model = "k1" },
		.certificate = "pem",
		.decrypt = { .proof = { 0x30 }, .proof_len = 1 },
	};
	const struct sha256 code = { { 7 } };
	struct err e;

	MUST(store_cohort_add(api->store, "canary", &nobody, &e) == 0 &&
	     store_batch_add(api->store, &b, &code, &nobody, &e) == 0 &&
	     store_enrol(api->store, &code, &d, &nobody, &e) == 0);
}

static void add_release(void)
{
	static char detail[] = "{\"packages\":[]}";
	struct store_release release = { .product = "kiosk",
					 .id = "1.0",
					 .version = "1.0",
					 .digest = { { 5 } },
					 .seq = 1,
					 .detail = detail };
	struct store_file file = { .name = "1.targets.json",
				   .bytes = slice_of("{}"),
				   .targets = 1 };
	struct store_import in = { .files = &file,
				   .file_count = 1,
				   .releases = &release,
				   .release_count = 1 };
	struct err e;

	MUST(store_import(api->store, &in, &nobody, &e) == 0);
}

/* It is forked before this process opens anything that is to go. */
static void begin(void)
{
	static char dir[64];
	static struct config config;
	const struct init_options o = { .dir = dir,
					.environment = ENV_LAB,
					.names = { "localhost" },
					.device = "127.0.0.1:0",
					.enrolment = "127.0.0.1:0",
					.people = "127.0.0.1:0",
					.admin = "admin" };
	struct keeper *keeper;
	struct err e;

	(void)folder();
	MUST(text_format(dir, sizeof(dir), &e, "%s/srv", folder_path) == 0 &&
	     init_make(&o, &e) == 0 &&
	     config_load(dir, NULL, &config, &e) == 0);
	MUST(keeper_start(&config, &keeper, &e) == 0 &&
	     api_open(&config, keeper,
		      meter_new(server_routes, server_route_count), &api,
		      &e) == 0);
	/* All that comes is from one person. */
	api->acts.burst = api->acts.per_minute = UINT32_MAX;
	add_person();
	add_device();
	add_release();
}

static const struct route *route_of(struct slice name)
{
	for (size_t i = 0; i < server_route_count; i++) {
		const struct route *r = &server_routes[i];

		if (r->listeners == 1U << LISTENER_PEOPLE && r->body_max > 0 &&
		    r->kind == ROUTE_PLAIN &&
		    slice_equal(name, slice_of(r->path + strlen(PREFIX))))
			return r;
	}
	return NULL;
}

static void ask(const struct route *r, struct slice body)
{
	struct response a = { .status = 200,
			      .body = BUF_INIT(RESPONSE_BODY_MAX),
			      .file_fd = -1 };
	const struct request q = { .listener = LISTENER_PEOPLE,
				   .method = r->method,
				   .path = r->path,
				   .peer = &ann,
				   .body = body,
				   .upload_fd = -1 };
	struct json *j = NULL;
	struct err e = { 0 };

	if (r->handle(api, &q, &a, &e)) {
		MUST(e.code != ERR_NONE && e.msg[0]);
	} else if (a.body.len > 0) {
		MUST(json_parse(buf_slice(&a.body), &j, &e) == 0);
		json_free(j);
	}
	fs_close(&a.file_fd);
	buf_done(&a.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct slice in = { data, len };
	const uint8_t *end = len > 0 ? memchr(data, '\n', len) : NULL;
	const struct route *r;
	struct slice body;

	if (!end)
		return 0;
	r = route_of(slice_sub(in, 0, (size_t)(end - data)));
	body = slice_sub(in, (size_t)(end - data) + 1, len);
	if (!r || body.len > r->body_max)
		return 0;
	if (!api)
		begin();
	ask(r, body);
	return 0;
}
