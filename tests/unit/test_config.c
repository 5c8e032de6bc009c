/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/config.h"

#include "common/text.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"

#include "tests/unit/check.h"

#define LISTEN "[listen]\ndevice = 127.0.0.1:0\n"

static int parse(const char *text, struct config *c, struct err *e)
{
	return config_parse(slice_of(text), "server.conf", c, e);
}

static void a_short_file_gives_everything_else_its_default(void **state)
{
	struct config c = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_ok(parse(LISTEN, &c, &e));
	assert_string_equal(c.listen[LISTENER_DEVICE], "127.0.0.1:0");
	assert_null(c.listen[LISTENER_PEOPLE]);
	assert_null(c.metrics);
	assert_false(c.log_json);
	assert_string_equal(c.tls_certificate, "tls.pem");
	assert_int_equal(c.limits.handshake_sec, 10);
	assert_int_equal(c.limits.idle_sec, 75);
	assert_int_equal(c.limits.connections_per_device, 2);
	config_done(&c);
	config_done(&c);
}

static void every_limit_is_read_and_bounded(void **state)
{
	static const struct {
		const char *name;
		size_t offset;
		const char *too_much;
	} rows[] = {
		{ "connections", offsetof(struct limits, connections),
		  "100001" },
		{ "connections_per_address",
		  offsetof(struct limits, connections_per_address), "100001" },
		{ "connections_per_device",
		  offsetof(struct limits, connections_per_device), "1001" },
		{ "handshakes", offsetof(struct limits, handshakes), "65" },
		{ "workers", offsetof(struct limits, workers), "129" },
		{ "handshake_sec", offsetof(struct limits, handshake_sec),
		  "61" },
		{ "head_sec", offsetof(struct limits, head_sec), "61" },
		{ "idle_sec", offsetof(struct limits, idle_sec), "3601" },
		{ "stall_sec", offsetof(struct limits, stall_sec), "601" },
		{ "body_rate", offsetof(struct limits, body_rate),
		  "99999999999" },
		{ "stop_sec", offsetof(struct limits, stop_sec), "601" },
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct config c = { 0 };
		struct err e = { 0 };
		uint64_t got;

		(void)snprintf(text, sizeof(text), LISTEN "[limits]\n%s = 17\n",
			       rows[i].name);
		assert_ok(parse(text, &c, &e));
		memcpy(&got, (const char *)&c.limits + rows[i].offset,
		       sizeof(got));
		assert_int_equal(got, 17);
		config_done(&c);
		(void)snprintf(text, sizeof(text), LISTEN "[limits]\n%s = %s\n",
			       rows[i].name, rows[i].too_much);
		assert_refused(parse(text, &c, &e), ERR_CONFIG);
		(void)snprintf(text, sizeof(text), LISTEN "[limits]\n%s = 0\n",
			       rows[i].name);
		assert_refused(parse(text, &c, &e), ERR_CONFIG);
	}
}

static void monitoring_is_for_this_machine_alone(void **state)
{
	static const char *const good[] = { "127.0.0.1:0", "127.9.9.9:9464",
					    "[::1]:9464" };
	struct config c = { 0 };
	char text[128];
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_ok(text_format(text, sizeof(text), &e,
				      LISTEN "metrics = %s\n"
					     "[log]\njson = yes\n",
				      good[i]));
		assert_ok(config_parse(slice_of(text), "f", &c, &e));
		assert_string_equal(c.metrics, good[i]);
		assert_true(c.log_json);
		config_done(&c);
	}
}

static void refuses_what_it_does_not_know(void **state)
{
	static const char *const bad[] = {
		"",
		"[listen]\n",
		LISTEN "[limits]\nspeed = 1\n",
		LISTEN "[other]\na = b\n",
		LISTEN "device = 127.0.0.1:1\n",
		"[listen]\ndevice = localhost:1\n",
		"[listen]\ndevice = 127.0.0.1\n",
		"[listen]\ndevice = 127.0.0.1:65536\n",
		"[listen]\nadmin = 127.0.0.1:1\n",
		LISTEN "metrics = 0.0.0.0:0\n",
		LISTEN "metrics = 1.127.0.0:0\n",
		LISTEN "metrics = [::]:0\n",
		LISTEN "metrics = [::2]:0\n",
		LISTEN "metrics = localhost:0\n",
		LISTEN "origin = 0.0.0.0:0\n",
		LISTEN "origin = [::]:0\n",
		"[listen]\nmetrics = 127.0.0.1:0\n",
		LISTEN "[log]\njson = maybe\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct config c = { 0 };
		struct err e = { 0 };

		assert_refused(parse(bad[i], &c, &e), ERR_CONFIG);
		assert_null(c.tls_key);
	}
}

static void a_path_is_for_caches_alone(void **state)
{
	static const char *const bad[] = {
		"[listen]\ndevice = unix:/run/a\n",
		LISTEN "people = unix:/run/a\n",
		LISTEN "metrics = unix:/run/a\n",
		LISTEN "origin = unix:\n",
		LISTEN "origin = unix:a\n",
		LISTEN "origin = unix:/\n",
		LISTEN "origin = unix:/run/\n",
		LISTEN "origin = unix:/run/a\norigin_mode = 0777\n",
		LISTEN "origin = unix:/run/a\norigin_mode = 0060\n",
		LISTEN "origin = unix:/run/a\norigin_mode = 660\n",
	};
	struct config c = { 0 };
	struct local l;
	struct err e = { 0 };
	char path[LOCAL_PATH_MAX + sizeof("unix:")] = "unix:/";

	(void)state;
	assert_ok(parse(LISTEN "origin = unix:/run/a\n", &c, &e));
	assert_ok(
		local_parse(c.listen[LISTENER_ORIGIN], c.origin_mode, &l, &e));
	assert_string_equal(l.path, "/run/a");
	assert_int_equal(l.mode, 0660);
	config_done(&c);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(parse(bad[i], &c, &e), ERR_CONFIG);
	/* unix(7): 107 bytes and a NUL. */
	memset(path + strlen("unix:/"), 'a', LOCAL_PATH_MAX - 2);
	assert_ok(local_parse(path, "0600", &l, &e));
	assert_int_equal(strlen(l.path), LOCAL_PATH_MAX - 1);
	memset(path + strlen("unix:/"), 'a', LOCAL_PATH_MAX - 1);
	assert_refused(local_parse(path, "0600", &l, &e), ERR_CONFIG);
}

static void reads_literal_addresses_alone(void **state)
{
	static const struct {
		const char *text, *host;
		uint16_t port;
		bool v6;
	} good[] = {
		{ "127.0.0.1:0", "127.0.0.1", 0, false },
		{ "0.0.0.0:65535", "0.0.0.0", 65535, false },
		{ "[::1]:8443", "::1", 8443, true },
		{ "[2001:db8::7]:1", "2001:db8::7", 1, true },
	};
	static const char *const bad[] = {
		"",
		":1",
		"1:",
		"host:1",
		"127.0.0.1",
		"127.0.0.1:",
		"127.0.0.1:x",
		"127.0.0.1:-1",
		"::1:80",
		"[::1]",
		"[::1:80",
		"::1]:80",
		"[]:80",
		"[127.0.0.1]:80",
		"127.0.0.1:080",
		"127.0.0.256:1",
		"[::1]x:80",
		"[fe80::1%lo]:80",
		"127.0.0.1 :1",
	};
	struct address a;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_ok(address_parse(slice_of(good[i].text), &a, &e));
		assert_string_equal(a.host, good[i].host);
		assert_int_equal(a.port, good[i].port);
		assert_int_equal(a.v6, good[i].v6);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(address_parse(slice_of(bad[i]), &a, &e),
			       ERR_CONFIG);
}

static void paths_are_meant_from_the_servers_folder(void **state)
{
	char where[] = "/tmp/pawl-config-XXXXXX";
	char file[64], wanted[PATH_MAX];
	struct config c = { 0 };
	struct err e = { 0 };
	int dir = -1;

	(void)state;
	assert_non_null(mkdtemp(where));
	assert_ok(fs_open_dir(where, &dir, &e));
	assert_ok(fs_replace_file(dir, CONFIG_FILE,
				  slice_of(LISTEN "[tls]\nkey = a/b.key\n"
						  "device_ca = /etc/ca.pem\n"),
				  0644, &e));
	assert_ok(config_load(where, NULL, &c, &e));
	assert_string_equal(c.dir, where);
	(void)snprintf(wanted, sizeof(wanted), "%s/a/b.key", where);
	assert_string_equal(c.tls_key, wanted);
	assert_string_equal(c.device_ca, "/etc/ca.pem");
	config_done(&c);
	(void)snprintf(file, sizeof(file), "%s/" CONFIG_FILE, where);
	assert_ok(config_load(NULL, file, &c, &e));
	assert_string_equal(c.dir, where);
	config_done(&c);
	assert_ok(fs_remove(dir, CONFIG_FILE, &e));
	assert_refused(config_load(where, NULL, &c, &e), ERR_NOT_FOUND);
	fs_close(&dir);
	assert_int_equal(rmdir(where), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_short_file_gives_everything_else_its_default),
		cmocka_unit_test(every_limit_is_read_and_bounded),
		cmocka_unit_test(monitoring_is_for_this_machine_alone),
		cmocka_unit_test(refuses_what_it_does_not_know),
		cmocka_unit_test(a_path_is_for_caches_alone),
		cmocka_unit_test(reads_literal_addresses_alone),
		cmocka_unit_test(paths_are_meant_from_the_servers_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
