/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/listen.h"

#include <arpa/inet.h>
#include <uv.h>

#include "common/text.h"

#include "update-server/config.h"

#define BACKLOG 1024

static int fail(struct err *e, int rc, const char *what)
{
	return err_set(e, ERR_SYSTEM, "%s: %s", what, uv_strerror(rc));
}

static int note_address(const uv_tcp_t *tcp, char address[LISTEN_ADDRESS_MAX],
			struct err *e)
{
	struct sockaddr_storage sa = { 0 };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&sa;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&sa;
	int len = sizeof(sa);
	char host[INET6_ADDRSTRLEN];
	int rc = uv_tcp_getsockname(tcp, (struct sockaddr *)&sa, &len);

	if (rc == 0)
		rc = sa.ss_family == AF_INET6
			     ? uv_ip6_name(v6, host, sizeof(host))
			     : uv_ip4_name(v4, host, sizeof(host));
	if (rc)
		return fail(e, rc, "address");
	if (sa.ss_family == AF_INET6)
		return text_format(address, LISTEN_ADDRESS_MAX, e, "[%s]:%u",
				   host, ntohs(v6->sin6_port));
	return text_format(address, LISTEN_ADDRESS_MAX, e, "%s:%u", host,
			   ntohs(v4->sin_port));
}

int listen_at(struct uv_tcp_s *tcp, const char *text,
	      void (*on_connection)(struct uv_stream_s *listening, int status),
	      char address[LISTEN_ADDRESS_MAX], struct err *e)
{
	struct sockaddr_storage sa = { 0 };
	struct address a;
	int rc;

	if (address_parse(slice_of(text), &a, e))
		return -1;
	rc = a.v6 ? uv_ip6_addr(a.host, a.port, (struct sockaddr_in6 *)&sa)
		  : uv_ip4_addr(a.host, a.port, (struct sockaddr_in *)&sa);
	if (rc == 0)
		rc = uv_tcp_bind(tcp, (const struct sockaddr *)&sa,
				 a.v6 ? UV_TCP_IPV6ONLY : 0);
	if (rc == 0)
		rc = uv_listen((uv_stream_t *)tcp, BACKLOG, on_connection);
	if (rc)
		return fail(e, rc, text);
	return note_address(tcp, address, e);
}
