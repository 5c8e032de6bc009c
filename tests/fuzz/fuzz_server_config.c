/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever server.conf says, it is refused, or somebody is listened to, and
 * what is not encrypted is for this machine alone.
 */
#include <arpa/inet.h>
#include <string.h>

#include "common/ini.h"
#include "tests/fuzz/must.h"
#include "update-server/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool parses(const char *text, struct address *out)
{
	struct err e;

	return address_parse(slice_of(text), out, &e) == 0;
}

/* As the kernel will be told, which knows nothing of spellings. */
static bool is_loopback(const char *text)
{
	struct in6_addr six;
	struct in_addr four;
	struct address a;

	MUST(parses(text, &a));
	if (a.v6)
		return inet_pton(AF_INET6, a.host, &six) == 1 &&
		       IN6_IS_ADDR_LOOPBACK(&six);
	return inet_pton(AF_INET, a.host, &four) == 1 &&
	       ntohl(four.s_addr) >> 24 == 127;
}

/* Of this machine alone, too: a socket that has a path. */
static bool is_local(const char *text, const char *mode)
{
	struct local l;
	struct err e;

	return local_is(text) && local_parse(text, mode, &l, &e) == 0 &&
	       l.path[0] == '/';
}

static void check_listeners(const struct config *c)
{
	struct address a;
	unsigned count = 0;

	for (int i = 0; i < LISTENER_COUNT; i++) {
		if (!c->listen[i])
			continue;
		if (i == LISTENER_ORIGIN)
			MUST(is_local(c->listen[i], c->origin_mode) ||
			     is_loopback(c->listen[i]));
		else
			MUST(parses(c->listen[i], &a));
		count++;
	}
	MUST(count > 0);
	MUST(!c->metrics || is_loopback(c->metrics));
}

static void check(const struct config *c)
{
	const struct limits *l = &c->limits;

	check_listeners(c);
	MUST(c->environment && c->tls_certificate && c->tls_key &&
	     c->device_ca && c->keeper_unlock && c->audit_export);
	MUST(c->poll_sec && c->checkin_rate && c->device_days && c->enrol_rate);
	/* None of them: no request would ever end, or none begin. */
	MUST(l->connections && l->connections_per_device &&
	     l->connections_per_address && l->handshakes && l->workers &&
	     l->handshake_sec && l->head_sec && l->idle_sec && l->stall_sec &&
	     l->body_rate && l->stop_sec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct config c = { 0 };
	struct address a;
	struct err e = { 0 };

	if (address_parse((struct slice){ data, len }, &a, &e) == 0)
		MUST(memchr(a.host, 0, sizeof(a.host)));
	if (len > INI_MAX_LEN)
		return 0;
	if (config_parse((struct slice){ data, len }, "fuzz", &c, &e)) {
		MUST(e.code == ERR_CONFIG && !c.environment);
		return 0;
	}
	check(&c);
	config_done(&c);
	return 0;
}
