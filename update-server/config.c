/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/config.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/ini.h"
#include "common/mem.h"
#include "common/text.h"

#include "update-server/home.h"

#define TEXT(section, name, member)                                            \
	{                                                                      \
		(section), (name), INI_TEXT, offsetof(struct config, member),  \
			0, 0, false                                            \
	}
#define FLAG(section, name, member)                                            \
	{                                                                      \
		(section), (name), INI_BOOL, offsetof(struct config, member),  \
			0, 0, false                                            \
	}
#define NUMBER(section, name, member, min, max)                                \
	{                                                                      \
		(section), (name), INI_NUMBER,                                 \
			offsetof(struct config, member), (min), (max), false   \
	}
#define LIMIT(name, min, max)                                                  \
	{                                                                      \
		"limits", #name, INI_NUMBER,                                   \
			offsetof(struct config, limits.name), (min), (max),    \
			false                                                  \
	}

static const struct ini_key keys[] = {
	TEXT("server", "environment", environment),
	TEXT("server", "user", user),
	TEXT("listen", "enrolment", listen[LISTENER_ENROLMENT]),
	TEXT("listen", "device", listen[LISTENER_DEVICE]),
	TEXT("listen", "people", listen[LISTENER_PEOPLE]),
	TEXT("listen", "origin", listen[LISTENER_ORIGIN]),
	TEXT("listen", "origin_mode", origin_mode),
	TEXT("listen", "metrics", metrics),
	FLAG("log", "json", log_json),
	TEXT("tls", "certificate", tls_certificate),
	TEXT("tls", "key", tls_key),
	TEXT("tls", "device_ca", device_ca),
	TEXT("tls", "unlock", tls_unlock),
	TEXT("keeper", "unlock", keeper_unlock),
	NUMBER("devices", "poll_sec", poll_sec, 1, 31 * 86400),
	NUMBER("devices", "checkins_per_sec", checkin_rate, 1, 1000000),
	NUMBER("devices", "certificate_days", device_days, 1, 365),
	NUMBER("devices", "enrol_per_minute", enrol_rate, 1, 60000),
	NUMBER("devices", "waiting_max", waiting_max, 0, 10000),
	FLAG("people", "four_eyes", four_eyes),
	TEXT("audit", "export", audit_export),
	NUMBER("audit", "reserve_mb", reserve_mb, 0, 1000000),
	LIMIT(connections, 1, 100000),
	LIMIT(connections_per_device, 1, 1000),
	LIMIT(connections_per_address, 1, 100000),
	LIMIT(handshakes, 1, 64),
	LIMIT(workers, 1, 128),
	LIMIT(handshake_sec, 1, 60),
	LIMIT(head_sec, 1, 60),
	LIMIT(idle_sec, 1, 3600),
	LIMIT(stall_sec, 1, 600),
	LIMIT(body_rate, 1, 1 << 30),
	LIMIT(stop_sec, 1, 600),
};

static const struct limits default_limits = {
	.connections = 4096,
	.connections_per_device = 2,
	.connections_per_address = 256,
	.handshakes = 2,
	.workers = 8,
	.handshake_sec = 10,
	.head_sec = 10,
	.idle_sec = 75,
	.stall_sec = 30,
	.body_rate = 256,
	.stop_sec = 10,
};

const char *listener_name(enum listener listener)
{
	static const char *const names[LISTENER_COUNT] = {
		[LISTENER_ENROLMENT] = "enrolment",
		[LISTENER_DEVICE] = "device",
		[LISTENER_PEOPLE] = "people",
		[LISTENER_ORIGIN] = "origin",
	};

	return names[listener];
}

/* "host" of "host:port" or "[host]:port", and where the port starts. */
static size_t split_host(struct slice text, struct slice *host)
{
	size_t colon = text.len;

	while (colon > 0 && text.ptr[colon - 1] != ':')
		colon--;
	if (colon == 0)
		return 0;
	*host = slice_sub(text, 0, colon - 1);
	if (host->len < 2 || host->ptr[0] != '[')
		return colon;
	if (host->ptr[host->len - 1] != ']')
		return 0;
	*host = slice_sub(*host, 1, host->len - 2);
	return colon;
}

int address_parse(struct slice text, struct address *out, struct err *e)
{
	struct address a = { .v6 = text.len > 0 && text.ptr[0] == '[' };
	struct slice host = { 0 };
	size_t port_at = split_host(text, &host);
	struct in6_addr binary;
	struct err ignored;
	uint64_t port = 0;

	if (port_at == 0 || host.len == 0 || host.len >= sizeof(a.host))
		return err_set(e, ERR_CONFIG, "not an address: host:port");
	memcpy(a.host, host.ptr, host.len);
	if (inet_pton(a.v6 ? AF_INET6 : AF_INET, a.host, &binary) != 1)
		return err_set(e, ERR_CONFIG,
			       "the host must be an IPv4 address or an IPv6 "
			       "address in brackets");
	if (num_parse(slice_sub(text, port_at, text.len), UINT16_MAX, &port,
		      &ignored))
		return err_set(e, ERR_CONFIG, "the port must be 0 to 65535");
	a.port = (uint16_t)port;
	*out = a;
	return 0;
}

bool local_is(const char *text)
{
	return text && strncmp(text, "unix:", strlen("unix:")) == 0;
}

/* To run a socket means nothing. */
static int parse_mode(const char *text, unsigned *out, struct err *e)
{
	static const struct {
		const char *text;
		unsigned mode;
	} modes[] = { { "0600", 0600 }, { "0660", 0660 }, { "0666", 0666 } };

	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		if (strcmp(text, modes[i].text) == 0) {
			*out = modes[i].mode;
			return 0;
		}
	return err_set(e, ERR_CONFIG, "origin_mode is 0600, 0660 or 0666");
}

int local_parse(const char *text, const char *mode, struct local *out,
		struct err *e)
{
	struct local l = { .mode = 0 };
	const char *path = text + strlen("unix:");
	size_t len = strlen(path);

	if (len >= sizeof(l.path))
		return err_set(e, ERR_CONFIG,
			       "a socket's path has at most %zu "
			       "bytes",
			       sizeof(l.path) - 1);
	if (path[0] != '/' || path[len - 1] == '/')
		return err_set(e, ERR_CONFIG,
			       "unix: and the absolute path of a socket");
	if (parse_mode(mode, &l.mode, e))
		return -1;
	memcpy(l.path, path, len + 1);
	*out = l;
	return 0;
}

/* Monitoring and caches are neither encrypted nor asked who they are: for this
 * machine only. */
static int check_loopback(const char *text, struct err *e)
{
	struct address a;

	if (!text)
		return 0;
	if (address_parse(slice_of(text), &a, e))
		return -1;
	if (a.v6 ? strcmp(a.host, "::1") == 0 : strncmp(a.host, "127.", 4) == 0)
		return 0;
	return err_set(e, ERR_CONFIG,
		       "only a loopback address: what is shown there is not "
		       "encrypted, and whoever asks is answered");
}

static int check_listener(const struct config *c, enum listener listener,
			  struct err *e)
{
	struct address address;
	struct local local;

	if (listener == LISTENER_ORIGIN && local_is(c->listen[listener]))
		return local_parse(c->listen[listener], c->origin_mode, &local,
				   e);
	return address_parse(slice_of(c->listen[listener]), &address, e);
}

static int check(const struct config *c, const char *file, struct err *e)
{
	unsigned listening = 0;

	for (int i = 0; i < LISTENER_COUNT; i++) {
		if (!c->listen[i])
			continue;
		listening++;
		if (check_listener(c, (enum listener)i, e))
			return err_in(e, "%s: [listen] %s", file,
				      listener_name((enum listener)i));
	}
	if (check_loopback(c->metrics, e))
		return err_in(e, "%s: [listen] metrics", file);
	if (!local_is(c->listen[LISTENER_ORIGIN]) &&
	    check_loopback(c->listen[LISTENER_ORIGIN], e))
		return err_in(e, "%s: [listen] origin", file);
	if (listening == 0)
		return err_set(e, ERR_CONFIG, "%s: no [listen] address", file);
	return 0;
}

int config_parse(struct slice text, const char *file, struct config *c,
		 struct err *e)
{
	struct config new = {
		.environment = mem_dup_str("lab"),
		.tls_certificate = mem_dup_str(HOME_TLS_PEM),
		.tls_key = mem_dup_str(HOME_TLS_KEY),
		.device_ca = mem_dup_str(HOME_DEVICE_CA_PEM),
		.keeper_unlock = mem_dup_str("file:keys/keeper.secret"),
		.poll_sec = 3600,
		.checkin_rate = 300,
		.device_days = 90,
		.enrol_rate = 600,
		.waiting_max = 100,
		.audit_export = mem_dup_str("audit"),
		.origin_mode = mem_dup_str("0660"),
		.reserve_mb = 64,
		.four_eyes = true,
		.limits = default_limits,
	};

	if (ini_load(text, file, keys, ARRAY_LEN(keys), &new, e) ||
	    check(&new, file, e)) {
		config_done(&new);
		return -1;
	}
	*c = new;
	return 0;
}

/* Join dir and a relative path; both are the operator's own. */
static char *beneath(const char *dir, const char *path)
{
	size_t dir_len = strlen(dir), path_len = strlen(path);
	char *joined = mem_alloc(dir_len + path_len + 2, 1);

	memcpy(joined, dir, dir_len);
	joined[dir_len] = '/';
	memcpy(joined + dir_len + 1, path, path_len);
	return joined;
}

static void make_absolute(const char *dir, char **path)
{
	char *joined;

	if (!*path || (*path)[0] == '/')
		return;
	joined = beneath(dir, *path);
	free(*path);
	*path = joined;
}

/* The folder of an absolute path, in place. */
static void cut_to_folder(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash && slash != path)
		*slash = '\0';
	else if (slash)
		slash[1] = '\0';
}

int config_load(const char *dir, const char *file, struct config *c,
		struct err *e)
{
	struct buf text = BUF_INIT(INI_MAX_LEN);
	struct config new = { 0 };
	char *path = dir ? beneath(dir, CONFIG_FILE) : mem_dup_str(file);
	char *real = realpath(path, NULL);
	int rc = -1;

	if (!real) {
		(void)err_sys(e, "%s", path);
		goto out;
	}
	if (fs_read_path(real, &text, e) ||
	    config_parse(buf_slice(&text), path, &new, e))
		goto out;
	cut_to_folder(real);
	new.dir = mem_dup_str(real);
	make_absolute(new.dir, &new.tls_certificate);
	make_absolute(new.dir, &new.tls_key);
	make_absolute(new.dir, &new.device_ca);
	make_absolute(new.dir, &new.audit_export);
	*c = new;
	rc = 0;
out:
	free(real);
	free(path);
	buf_done(&text);
	return rc;
}

void config_done(struct config *c)
{
	free(c->dir);
	ini_done(keys, ARRAY_LEN(keys), c);
	*c = (struct config){ 0 };
}
