/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/carry.h"

#include "common/fs.h"
#include "common/hand.h"
#include "common/log.h"
#include "updater-client/facts.h"
#include "updater-client/identity.h"

#define FOLDER "devices"

static int seal(const struct session *s, const char *id, struct buf *out,
		struct err *e)
{
	struct buf certificate = BUF_INIT(X509_PEM_MAX_LEN);
	struct ec_private *key = NULL;
	struct device_keys keys;
	struct wire_checkin m;
	struct worker token;
	int rc = -1;

	facts_for_server(s, &m);
	if (session_keys(s, 0, &token, &keys, e) == 0 &&
	    identity_open(&keys, IDENTITY_PRESENT, &certificate, &key, e) == 0)
		rc = hand_seal(id, &m, key, out, e);
	ec_free(key);
	worker_stop(&token);
	buf_done(&certificate);
	return rc;
}

void carry_word(const struct session *s, const char *folder)
{
	struct buf word = BUF_INIT(HAND_MAX);
	char id[HAND_ID_LEN + 1], path[64];
	struct err e = { 0 };
	int fd = -1;

	hex_format((struct slice){ s->identity.device.bytes, DEVICE_ID_LEN },
		   id);
	if (fs_open_dir(folder, &fd, &e))
		return;
	if (seal(s, id, &word, &e) || fs_mkdirs(fd, FOLDER, 0755, &e) ||
	    text_format(path, sizeof(path), &e, FOLDER "/%s.word", id) ||
	    fs_replace_file(fd, path, buf_slice(&word), 0644, &e))
		log_event(LOG_INFO, "nothing-to-carry", "%s", e.msg);
	fs_close(&fd);
	buf_done(&word);
}
