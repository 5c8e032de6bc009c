/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/whence.h"

#include <netinet/in.h>
#include <string.h>

#define V4_LEN    4
#define V4_MAPPED 12 /* where it begins within an IPv6 address */

void whence_of(const struct sockaddr_storage *from, struct whence *out)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	memset(out, 0, sizeof(*out));
	if (from->ss_family == AF_INET) {
		memcpy(&v4, from, sizeof(v4));
		memcpy(out->network, &v4.sin_addr, V4_LEN);
		out->known = true;
	} else if (from->ss_family == AF_INET6) {
		memcpy(&v6, from, sizeof(v6));
		out->known = true;
		out->v6 = !IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr);
		if (out->v6)
			memcpy(out->network, &v6.sin6_addr,
			       sizeof(out->network));
		else
			memcpy(out->network, v6.sin6_addr.s6_addr + V4_MAPPED,
			       V4_LEN);
	}
}

bool whence_same(const struct whence *a, const struct whence *b)
{
	return a->known && b->known && a->v6 == b->v6 &&
	       memcmp(a->network, b->network, sizeof(a->network)) == 0;
}
