/* SPDX-License-Identifier: Apache-2.0 */
/* Print the canonical form of each JSON line on standard input. */
#include <stdio.h>
#include <stdlib.h>

#include "common/json.h"

static int print_canonical(struct slice line, struct err *e)
{
	struct buf out = BUF_INIT(1 << 24);
	struct json *j = NULL;
	int rc = -1;

	if (json_parse(line, &j, e) || json_canonical(j, &out, e))
		goto out;
	/* Canonical text may hold newlines, so its length comes first. */
	(void)printf("%zu\n", out.len);
	(void)fwrite(out.ptr, 1, out.len, stdout);
	rc = 0;
out:
	json_free(j);
	buf_done(&out);
	return rc;
}

int main(void)
{
	char *line = NULL;
	size_t cap = 0;
	int status = EXIT_SUCCESS;
	ssize_t len;

	while ((len = getline(&line, &cap, stdin)) > 0) {
		struct slice s = { (const uint8_t *)line, (size_t)len };
		struct err e = { 0 };

		if (print_canonical(s, &e) == 0)
			continue;
		(void)fprintf(stderr, "%s\n", e.msg);
		status = EXIT_FAILURE;
		break;
	}
	free(line);
	if (fflush(stdout))
		status = EXIT_FAILURE;
	return status;
}
