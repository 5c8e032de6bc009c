/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trust - the process that decides what is true: it verifies metadata, reads
 * what the server answers, and chooses the release.
 *
 * It has neither network nor TLS key (the source brings bytes by name) and
 * cannot touch a slot; to the controlling process it says nothing but bounded
 * messages.
 */
#ifndef UPDATER_CLIENT_TRUST_H
#define UPDATER_CLIENT_TRUST_H

#include "updater-client/ipc.h"

struct trust_setup {
	int metadata_fd;       /* the folder of trusted metadata */
	const char *root_path; /* the root that the factory put there */
	enum environment environment;
	bool medium;   /* the source is a folder or stick */
	int source_fd; /* channel to the source */
	int site_fd;   /* the folder of sites: whereabouts.h */
};

/* The life of the process; ctx is a struct trust_setup. */
void trust_run(void *ctx, struct channel *control);

#endif
