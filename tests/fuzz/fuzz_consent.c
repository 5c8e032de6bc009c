/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: what the device noted of the release that waits. Only what is said of
 * this release, and of a time that has come, lets it wait no longer; and what
 * is put off is noted anew unless it was noted well.
 */
#include "updater-client/consent.h"

#include "common/log.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/must.h"

#define NOW INT64_C(1795360341)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool says(struct slice in, const char *text)
{
	return in.len > 0 && memmem(in.ptr, in.len, text, strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	/* A minute of the day that is over, and no more than ten after it. */
	const struct settings config = {
		.install_hours = { .text = "00:00-00:01", .to = 1 },
		.defer_max_sec = 600,
	};
	struct session s = { .config = &config,
			     .state_fd = folder(),
			     .stop_fd = -1,
			     .now = NOW };
	struct plan plan = { .release = { .id = "1.0" } };
	const struct slice in = { data, len };
	char why[WIRE_REASON_MAX], digest[SHA256_HEX_LEN];

	log_set_level(LOG_ERROR);
	memset(plan.release.digest.bytes, 0xab, SHA256_LEN);
	sha256_format(&plan.release.digest, digest);
	folder_put("deferred.json", in);
	if (consent_given(&s, &plan, why)) {
		MUST(says(in, digest) || says(in, "AB") || says(in, "\\u"));
		return 0;
	}
	MUST(why[0]);
	/* Noted now, if it was not before: its time goes on from here. */
	s.now += 600;
	MUST(consent_given(&s, &plan, why));
	s.now -= 1200;
	MUST(!consent_given(&s, &plan, why));
	return 0;
}
