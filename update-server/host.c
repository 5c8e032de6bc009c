/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/host.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#define ADDRESS_MAX 16
#define PORT_DIGITS 5

static bool is_port(struct slice s)
{
	if (s.len == 0 || s.len > PORT_DIGITS)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
	return true;
}

/* Cut off the port; false for what is no host. */
static bool cut_port(struct slice *host)
{
	const uint8_t last = host->len > 0 && host->ptr[0] == '[' ? ']' : ':';
	const uint8_t *end = memchr(host->ptr, last, host->len);
	struct slice rest;

	if (!end)
		return last == ':' && host->len > 0;
	rest = slice_sub(*host, (size_t)(end - host->ptr) + (last == ']'),
			 host->len);
	*host = slice_sub(*host, 0, host->len - rest.len);
	return rest.len == 0 ? last == ']'
			     : rest.ptr[0] == ':' &&
				       is_port(slice_sub(rest, 1, rest.len));
}

/* The bytes of an address that is written as text; 0: it is none. */
static size_t read_address(struct slice host, uint8_t out[ADDRESS_MAX])
{
	const bool v6 = host.len > 1 && host.ptr[0] == '[';
	char text[INET6_ADDRSTRLEN];

	if (v6)
		host = slice_sub(host, 1, host.len - 2);
	if (host.len >= sizeof(text))
		return 0;
	memcpy(text, host.ptr, host.len);
	text[host.len] = 0;
	if (inet_pton(v6 ? AF_INET6 : AF_INET, text, out) != 1)
		return 0;
	return v6 ? ADDRESS_MAX : 4;
}

static bool is_same_name(struct slice a, struct slice b)
{
	return a.len > 0 && a.len == b.len &&
	       strncasecmp((const char *)a.ptr, (const char *)b.ptr, a.len) ==
		       0;
}

static bool matches_name(struct slice host, struct slice name)
{
	const uint8_t *dot;

	if (name.len < 2 || name.ptr[0] != '*' || name.ptr[1] != '.')
		return is_same_name(host, name);
	dot = memchr(host.ptr, '.', host.len);
	return dot && dot > host.ptr &&
	       is_same_name(slice_sub(host, (size_t)(dot - host.ptr), host.len),
			    slice_sub(name, 1, name.len));
}

bool host_is_named(struct slice host, const struct host_names *names)
{
	uint8_t address[ADDRESS_MAX];
	size_t len;

	if (!cut_port(&host))
		return false;
	len = read_address(host, address);
	for (size_t i = 0; i < names->count; i++) {
		const struct host_name *n = &names->at[i];
		const struct slice got = { address, len };

		if (n->is_address ? len > 0 && slice_equal(got, n->bytes)
				  : matches_name(host, n->bytes))
			return true;
	}
	return false;
}
