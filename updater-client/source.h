/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source - the process that brings bytes: from the server over mutually
 * authenticated TLS, or from a folder or stick.
 *
 * It has the network and the device's TLS key, or of one that lies in a token
 * only the way to have digests signed; it knows files by name only.
 * It reads no metadata and no package; what it spools it compares with signed
 * digests that others verified. Requests come over two channels, from the
 * controlling process and from the one that verifies metadata, and are
 * answered one at a time.
 */
#ifndef UPDATER_CLIENT_SOURCE_H
#define UPDATER_CLIENT_SOURCE_H

#include "common/bundle.h"
#include "updater-client/fetch.h"
#include "updater-client/identity.h"
#include "updater-client/ipc.h"

#define SOURCE_IDLE_MS 120000 /* no sign of life for so long: it hangs */

/* One kind of source. Paths are "metadata/..." and "targets/...". */
struct source_ops {
	/* As fetch_get(). */
	int (*get)(void *self, const char *path, uint64_t from, uint64_t to,
		   const struct sink *sink, struct err *e);
	/* As fetch_post(). */
	int (*post)(void *self, const char *path, struct slice body,
		    struct buf *answer, unsigned *status, struct err *e);
	/* Append this device's sealed key of a package. */
	int (*envelope)(void *self, const struct message_envelope *m,
			struct buf *out, struct err *e);
};

struct source_setup {
	/* A folder, or a bundle in one file: */
	int folder_fd; /* -1: the network */
	/* The network: */
	char *const *urls;
	size_t url_count;
	const char *ca_path;
	const char *proxy;      /* as in struct fetch_setup */
	uint64_t rate;          /* as in struct fetch_setup */
	uint64_t patience_sec;  /* as in struct fetch_setup */
	uint64_t pause_max_sec; /* between two tries after a cut */
	bool with_identity;     /* else as a device that is not enrolled */
	int state_fd;           /* holds the identity */
	int token_fd;           /* to its key, if that is elsewhere; else -1 */
	int site_fd;            /* the sites that were verified; -1: none */
	/*
	 * No server of ours can be verified any more: ask this one, whoever it
	 * is, for metadata and the site alone, and tell it nothing.
	 */
	bool stranded;
	enum identity_which which;
	/* Both: */
	int spool_fd; /* the spool's folder; -1: no packages */
	int peer_fd;  /* the verifying process; -1: none */
};

/* The life of the process; ctx is a struct source_setup. */
void source_run(void *ctx, struct channel *control);

/* Asked by the others: append a file's bytes, at most max. The name is that of
 * a struct tuf_source. */
int source_get(struct channel *source, const char *name, size_t max,
	       struct buf *out, struct err *e) NODISCARD;

/* This device's sealed key of a package. ERR_NOT_FOUND: none was made. */
int source_envelope(struct channel *source, const struct message_envelope *m,
		    uint8_t sealed[KEYBOX_SEALED_LEN], struct err *e) NODISCARD;

/*
 * Post a body and append the answer's. A refusal by the server becomes the
 * error that it names.
 */
int source_post(struct channel *source, enum message_route route,
		struct slice body, struct buf *answer, struct err *e) NODISCARD;

/* For people and tests: what a run has fetched of a package of that length. */
void source_tell(uint64_t fetched, uint64_t package_len);

/* What was carried here: a folder, or a bundle in one file. */
struct source_medium {
	int fd; /* borrowed */
	bool is_bundle;
	struct bundle bundle; /* where things are in it */
};

/* Look what an open descriptor is, which shall already be confined: nobody
 * signed what is looked at. Lasts as long as the process. */
int source_medium_open(int fd, struct source_medium *out,
		       struct err *e) NODISCARD;

/* A medium as a source; self is a struct source_medium. */
extern const struct source_ops source_folder;

#endif
