/* SPDX-License-Identifier: Apache-2.0 */
#include "common/apply_plain.h"

#include "common/payload.h"

static int begin(struct tree_flow *flow, struct payload *payload,
		 const struct package_point *from, struct err *e)
{
	return from->packed > 0 ? payload_resume(payload, from, e)
				: tree_flow_next(flow, e);
}

static int flow_on(struct tree_flow *flow, struct payload *payload,
		   const struct tree_sink *sink, struct err *e)
{
	struct package_point at;
	struct slice bytes;

	if (begin(flow, payload, &sink->from, e))
		return -1;
	for (;;) {
		if (payload_next(payload, &bytes, e))
			return -1;
		if (bytes.len == 0)
			return tree_flow_end(flow, e);
		if (bytes.len > tree_flow_left(flow))
			return err_set(e, ERR_UNTRUSTED,
				       "the image is longer than signed");
		if (tree_flow_data(flow, bytes, e))
			return -1;
		if (payload_point(payload, &at) &&
		    tree_flow_point(flow, &at, e))
			return -1;
	}
}

int apply_plain(const struct release *r, struct package_reader *package,
		const struct tree_sink *sink, const struct tree_watch *watch,
		struct slice manifest, struct err *e)
{
	struct tree_flow *flow = NULL;
	struct payload *payload = NULL;
	int rc = -1;

	/* Known before the first byte is written. */
	if (package_header(package)->plain_len != r->content_len)
		return err_set(e, ERR_UNTRUSTED,
			       "the image is longer or shorter than signed");
	if (payload_open(package, &payload, e) == 0 &&
	    tree_flow_begin(r, manifest, sink, watch, &flow, e) == 0)
		rc = flow_on(flow, payload, sink, e);
	tree_flow_free(flow);
	payload_close(payload);
	return rc;
}
