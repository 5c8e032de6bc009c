/* SPDX-License-Identifier: Apache-2.0 */
/*
 * release - what signed metadata says of a package: the "pawl" object in the
 * custom data of a targets entry, "type":"package".
 *
 * A release has one entry per package: one full package and any number of
 * deltas, under "<product>/<id>/<component>-full.pawl" and
 * "<product>/<id>/<component>-from-<base id>.pawl". Entries of one release
 * agree in everything but the package. docs/package-format.md has the members.
 *
 * A nightly build stands under "nightly/" and the same path; only devices of
 * a lab take it.
 *
 * A release has one component, or several, which a device takes together or not
 * at all: then each entry lists them all with their digests.
 *
 * A release digest names the resulting content: with one component it is that
 * component's digest, with several that of their list; buckets and orders use
 * it.
 */
#ifndef COMMON_RELEASE_H
#define COMMON_RELEASE_H

#include "common/member.h"
#include "common/package.h"
#include "common/text.h"
#include "common/tree.h"
#include "common/tuf_client.h"

#define RELEASE_RETRY_MAX     1000
#define RELEASE_MODELS_MAX    32
#define RELEASE_HARDWARE_MAX  16
#define RELEASE_HEALTH_MAX    8
#define RELEASE_ARGS_MAX      16
#define RELEASE_FIXES_MAX     256
#define RELEASE_VERSION_MAX   64
#define RELEASE_COHORTS_MAX   16
#define RELEASE_LIBRARIES_MAX 4
#define RELEASE_UPDATER_MAX   17 /* "99999.99999.99999" */

#define RELEASE_COMPONENTS_MAX 4

/*
 * One health command: a program in the release and its arguments; or, with an
 * @ before it, a check that needs none (vital.h).
 */
struct release_health {
	char *argv[RELEASE_ARGS_MAX + 1]; /* argv[0]: path inside the tree */
	size_t argc;
};

/* One of several components: its name, and the digest of its content. */
struct release_component {
	char name[NAME_MAX_LEN + 1];
	struct sha256 digest;
};

struct release {
	char product[NAME_MAX_LEN + 1];
	char id[NAME_MAX_LEN + 1];             /* release id: "2026.11.1" */
	char version[RELEASE_VERSION_MAX + 1]; /* text, never compared */
	char *models[RELEASE_MODELS_MAX];      /* none: any model */
	size_t model_count;
	/*
	 * Revisions of the hardware. They have no order that anybody could
	 * know, so each is named; none: every revision.
	 */
	char *hardware[RELEASE_HARDWARE_MAX];
	size_t hardware_count;
	uint64_t seq, content_seq, requires_seq;
	bool urgent;
	uint64_t defer_max_sec; /* how long a device may put it off; 0: any */
	int64_t issued, not_before; /* not_before 0: at once */
	/*
	 * An undo: the content of an older release (content_seq) under a newer
	 * seq, for devices that run undo_of, until undo_until. "" and 0 in
	 * every other release, whose content_seq is its seq.
	 */
	char undo_of[NAME_MAX_LEN + 1];
	int64_t undo_until;
	/*
	 * What one operator's order may open alone: up to this bucket limit,
	 * and these cohorts. Neither: nothing.
	 */
	bool has_one_operator_limit;
	uint64_t one_operator_limit;
	char *one_operator_cohorts[RELEASE_COHORTS_MAX];
	size_t one_operator_cohort_count;
	/*
	 * The listed older release that leads to this one from below
	 * requires_seq; "": none. Devices find the way by it.
	 */
	char stepping_stone[NAME_MAX_LEN + 1];
	char min_updater[RELEASE_UPDATER_MAX + 1]; /* "1.2.3"; "": any */
	int64_t support_end; /* until when it is cared for; 0: not said */
	/* How often devices that took it back were told to try it again. */
	uint64_t retry;
	char *fixes[RELEASE_FIXES_MAX]; /* CVE ids */
	size_t fix_count;
	struct sha256 sbom; /* of its bill of materials, a file elsewhere */
	uint64_t sbom_len;  /* 0: none */
	struct release_health health[RELEASE_HEALTH_MAX];
	size_t health_count;
	uint32_t health_deadline_sec; /* whole trial; default 300 */

	/*
	 * All components, if there are several; the first is what devices start
	 * and what health commands are in.
	 */
	struct release_component components[RELEASE_COMPONENTS_MAX];
	size_t component_count; /* 0, or at least 2 */
	struct sha256 digest;   /* the release's */

	/* the component of this package, and its resulting content */
	char component[NAME_MAX_LEN + 1];
	enum package_content content;
	enum tree_attributes attributes; /* trees */
	struct sha256 content_digest;    /* of the manifest, or of the image */
	uint64_t manifest_len;           /* trees */
	uint64_t content_len;            /* bytes of files, or of the image */
	uint32_t entries;

	/* the package */
	bool nightly; /* by its path alone */
	enum package_kind kind;
	char base_id[NAME_MAX_LEN + 1]; /* deltas */
	struct sha256 base_digest;      /* deltas */
	struct sha256 head_digest;      /* header and chunk table */
	uint64_t head_len;
	uint64_t package_len;         /* as in the targets entry */
	struct sha256 package_digest; /* likewise */
	uint32_t window_len;          /* signed limit for the decoder */
	uint64_t apply_memory;        /* bytes a decoder needs at most */
	/*
	 * Disk space that applying takes beside content, manifest and a block
	 * for each entry: of a tree that needs more, and meanwhile of a delta
	 * whose compressed members are made again.
	 */
	uint64_t scratch_len;
	/* Such deltas: the libraries that give the same bytes. */
	char libraries[RELEASE_LIBRARIES_MAX][MEMBER_LIBRARY_MAX + 1];
	size_t library_count;
	bool encrypted; /* and then what its content key must derive: */
	uint8_t commitment[STREAM_COMMITMENT_LEN];
};

/*
 * ERR_NOT_FOUND when the entry is not a package (another "type"). ERR_REFUSED
 * when it is one for newer updaters, which older ones pass over: of a higher
 * "v", with a member that is not known here, or with anything else that cannot
 * be read under a min_updater above this version. Everything else that is
 * wrong is ERR_FORMAT or ERR_LIMIT.
 */
int release_parse(const struct tuf_target *t, struct release *out,
		  struct err *e) NODISCARD;
/* The whole targets entry {"custom", "hashes", "length"}. */
struct json *release_format(const struct release *r);
void release_done(struct release *r);

/* Is the command one that may be signed, whatever the tree holds? ERR_FORMAT.
 */
int release_health_check(const struct release_health *h,
			 struct err *e) NODISCARD;

bool release_is_undo(const struct release *r);
bool release_is_nightly(const char *target_path);

/* An advisory's id: 1 to 32 letters, digits and '-'. */
bool release_fix_is_valid(struct slice id);

/* The digest of a release of several components, listed in this order. */
void release_digest_of(const struct release_component *components, size_t count,
		       struct sha256 *out);

/* Is the component one that the release has? */
bool release_has_component(const struct release *r, const char *name);

/*
 * May an updater of version `have` take a release whose min_updater is `wanted`
 * ("": any may)? Versions are three numbers with dots, as "1.2.3", each below
 * 100000. ERR_REFUSED for an older updater, ERR_FORMAT for another spelling.
 */
int release_updater_check(const char *wanted, const char *have,
			  struct err *e) NODISCARD;

/* The target's path in the repository, and its file name by digest. */
int release_path(const struct release *r, char out[PATH_MAX_LEN],
		 struct err *e) NODISCARD;
/* "<dir>/<sha256>.<name>": TUF's consistent target path (6.2). */
int release_url_path(const char *target_path, const struct sha256 *digest,
		     char out[PATH_MAX_LEN], struct err *e) NODISCARD;

#endif
