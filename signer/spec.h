/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec - what a release shall be: options of the command line over a
 * description file (INI, one section [release]) that uses the same words.
 *
 * A list given on the command line replaces the file's list whole.
 */
#ifndef SIGNER_SPEC_H
#define SIGNER_SPEC_H

#include "common/ini.h"
#include "common/opt.h"
#include "common/release.h"

/* The description file as it was read. */
struct spec_file {
	char *product, *id, *version, *input, *component;
	char *content, *attributes, *codec, *not_before, *requires_id;
	char *undo_to, *undo_until, *one_share;
	char *stepping_stone, *min_updater, *support_end, *sbom;
	struct ini_list models, hardware, health, fixes, from, allowed;
	struct ini_list one_cohorts;
	struct ini_list with_trees, with_images;
	uint64_t deadline, defer_max;
	bool urgent, from_all, nightly, with_undo, plain;
};

/* What counts; texts are borrowed from the command line or from `file`. */
struct spec {
	const char *product, *id, *version, *input, *component;
	const char *content, *attributes, *codec, *not_before, *requires_id;
	const char *undo_to, *undo_until, *one_share;
	const char *stepping_stone, *min_updater, *support_end, *sbom;
	struct opt_list models, hardware, health, fixes, from;
	struct opt_list with_trees, with_images; /* NAME=PATH: components */
	struct opt_list one_cohorts; /* that one operator may open */
	struct opt_list allowed;     /* files that may hold a private key */
	uint64_t deadline, defer_max;
	bool urgent, from_all, nightly, with_undo, plain;
	bool exhaustive;                /* of the command line alone */
	const char *encrypt, *wrap_key; /* of the command line alone */
	uint64_t passphrase_fd;
	uint64_t jobs;           /* threads; 0: one for each processor */
	const char *path;        /* of the repository */
	const char *description; /* of the file, or NULL */
	struct spec_file file;
};

/*
 * Complete *s, which holds what the command line said, from its description
 * file. ERR_CONFIG for the file. The caller calls spec_done() in any case.
 */
int spec_complete(struct spec *s, struct err *e) NODISCARD;
void spec_done(struct spec *s);

/*
 * Fill what the spec says of a release: product, id, version, models,
 * hardware, urgent, fixes, health, deadline, defer_max, component, content,
 * attributes, not_before, min_updater, support_end, and what one operator may
 * open. ERR_USAGE names the word that is missing or wrong. The caller calls
 * release_done().
 */
int spec_release(const struct spec *s, struct release *out,
		 struct err *e) NODISCARD;

/* One component of the release: what it is called, and what it is made of. */
struct spec_component {
	char name[NAME_MAX_LEN + 1];
	const char *input; /* borrowed */
	enum package_content content;
};

/*
 * All components, the one that devices start first. ERR_USAGE: too many, one
 * twice, or not NAME=PATH.
 */
int spec_components(const struct spec *s, const struct release *r,
		    struct spec_component out[RELEASE_COMPONENTS_MAX],
		    size_t *count, struct err *e) NODISCARD;

/* Until when the undo may be taken: as asked, else 30 days from issued. */
int spec_undo_until(const struct spec *s, int64_t issued, int64_t *out,
		    struct err *e) NODISCARD;

int spec_codec(const struct spec *s, enum package_codec *out,
	       struct err *e) NODISCARD;

#endif
