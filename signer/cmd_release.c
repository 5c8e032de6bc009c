/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_release - the options of "release create". */
#include "common/keyring.h"
#include "signer/commands.h"
#include "signer/crew.h"
#include "signer/release_create.h"
#include "signer/sandbox.h"

/* Parts of its table: the way back, and what keeps it from others' eyes. */
#define UNDO_OPTIONS(s)                                                        \
	OPT_FLAG("with-undo", &(s).with_undo,                                  \
		 "sign the way back to the release before, too"),              \
		OPT_TEXT("undo-to", "ID", &(s).undo_to,                        \
			 "which (the newest that is no undo)"),                \
		OPT_TEXT("undo-until", "UTC", &(s).undo_until,                 \
			 "how long devices may take it (30 days)")

#define ENCRYPT_OPTIONS(s)                                                     \
	OPT_TEXT("encrypt", "WRAP.pub", &(s).encrypt,                          \
		 "encrypt; content keys are kept sealed to this key"),         \
		OPT_TEXT("wrap-key", "WRAP.key", &(s).wrap_key,                \
			 "opens encrypted releases that deltas start from"),   \
		OPT_NUMBER("passphrase-fd", "N", &(s).passphrase_fd, 1023,     \
			   "read its passphrase from this descriptor")

static int create_in(char **operands, int count, struct spec *s, bool quiet,
		     struct report *out, struct err *e)
{
	if (count != 1)
		return err_set(e, ERR_USAGE, "one REPO is needed");
	s->path = operands[0];
	/* Of what is packed and searched, nobody signed anything yet. */
	if (sandbox_writes(s->path, NULL, e))
		return -1;
	return release_create(s, quiet, out, e);
}

int cmd_release_create(int argc, char **argv, struct err *e)
{
	struct spec s = { .passphrase_fd = KEYRING_TERMINAL };
	struct report out = { 0 };
	bool quiet = false;
	const struct opt opts[] = {
		OPT_TEXT("product", "P", &s.product, "which product"),
		OPT_TEXT("id", "ID", &s.id, "its id, used once"),
		OPT_TEXT("input", "PATH", &s.input,
			 "the content: a folder, a tar or an image"),
		OPT_TEXT("version", "TEXT", &s.version, "its name (the id)"),
		OPT_LIST("from", "ID", &s.from, "make a delta from this one"),
		OPT_FLAG("from-all", &s.from_all, "a delta from each listed"),
		OPT_FLAG("plain", &s.plain,
			 "deltas that do not depend on the device's libraries"),
		OPT_LIST("with-image", "NAME=FILE", &s.with_images,
			 "a further component, which goes along: an image"),
		OPT_LIST("with-tree", "NAME=PATH", &s.with_trees,
			 "or a folder or tar"),
		OPT_LIST("model", "M", &s.models, "for these models (any)"),
		OPT_LIST("hardware", "REV", &s.hardware,
			 "for these revisions of their hardware (any)"),
		OPT_TEXT("content", "KIND", &s.content,
			 "tree (default) or image"),
		OPT_TEXT("attributes", "SET", &s.attributes,
			 "app (default) or system: what of each file counts"),
		OPT_LIST("health", "COMMAND", &s.health,
			 "\"prog arg\", run in the new tree before it is kept"),
		OPT_NUMBER("deadline", "SEC", &s.deadline, 86400,
			   "for all of them together (300)"),
		OPT_LIST("allow-secret", "[COMPONENT:]PATH", &s.allowed,
			 "a file that may hold a private key; signed as such"),
		OPT_FLAG("exhaustive", &s.exhaustive,
			 "seek your own bare keys in all that could be random"),
		OPT_LIST("fixes", "CVE", &s.fixes, "what it mends"),
		OPT_FLAG("urgent", &s.urgent,
			 "devices do not wait for a window"),
		OPT_NUMBER("defer-max", "SEC", &s.defer_max, 34560000,
			   "devices put it off for no longer"),
		OPT_TEXT("not-before", "UTC", &s.not_before,
			 "not installed before, as 2026-12-24T06:00:00Z"),
		OPT_TEXT("requires", "ID", &s.requires_id,
			 "oldest release that may go to it directly"),
		UNDO_OPTIONS(s),
		OPT_TEXT("one-operator-share", "PERCENT", &s.one_share,
			 "what one operator's order may open alone"),
		OPT_LIST("one-operator-cohort", "C", &s.one_cohorts,
			 "a cohort that one operator may open (canary)"),
		OPT_TEXT("stepping-stone", "ID", &s.stepping_stone,
			 "older release that leads to it for all others"),
		OPT_TEXT("min-updater", "X.Y.Z", &s.min_updater,
			 "older updaters pass it over"),
		OPT_TEXT("support-end", "UTC", &s.support_end,
			 "until when it is cared for"),
		OPT_TEXT("sbom", "FILE", &s.sbom,
			 "its bill of materials, which is signed along"),
		OPT_FLAG("nightly", &s.nightly,
			 "for lab devices, signed by the role nightly"),
		ENCRYPT_OPTIONS(s),
		OPT_TEXT("component", "NAME", &s.component,
			 "what --input is called among them (main)"),
		OPT_TEXT("codec", "zstd|lzma|none", &s.codec, "which (zstd)"),
		OPT_TEXT("description", "FILE", &s.description,
			 "the same words in a file, section [release]"),
		OPT_NUMBER("jobs", "N", &s.jobs, CREW_MAX, "threads (cores)"),
		OPT_FLAG("quiet", &quiet, "no progress"),
		OPT_FLAG("json", &out.json, "print JSON"),
		OPT_END,
	};
	char **operands;
	int count, rc;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	rc = create_in(operands, count, &s, quiet, &out, e);
	spec_done(&s);
	return report_end(&out, rc, e);
}
